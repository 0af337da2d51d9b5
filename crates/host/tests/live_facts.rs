//! What the running Windows tells beside files, keys and services: an answer, or the right reason.
//! Nothing is changed, and nothing may hang.
#![cfg(windows)]

use std::io::Write as _;
use std::time::{Duration, Instant};

use unwedge_host::live::Live;
use unwedge_host::probe::{self, EventQuery, Part, Probe, Standing};
use unwedge_host::{Host, HostErrorKind, WinPath};

/// Longer than any limit that is set for one question.
const LONGEST: Duration = Duration::from_secs(100);

/// Whether it is an answer, or a reason that a PC can have.
fn is_told<T>(part: &Part<T>) -> bool {
    match part {
        Ok(_) => true,
        Err(
            HostErrorKind::Win32(_)
            | HostErrorKind::Com(_)
            | HostErrorKind::Absent
            | HostErrorKind::TimeLimit { .. },
        ) => true,
        // The event service of Wine refuses without a code.
        Err(HostErrorKind::Io(why)) => why.contains("no reason"),
        Err(_) => false,
    }
}

#[test]
fn every_question_is_answered_or_refused_in_time() {
    let pc = Live::open().unwrap();
    let channel = "System".to_owned();
    let events = Probe::Events(EventQuery { channel, providers: Vec::new(), most: 20 });
    for question in [
        Probe::Pending,
        Probe::FreeSpace,
        Probe::Updates,
        Probe::Filters,
        Probe::UpdateAgent,
        Probe::Tasks,
        Probe::Security,
        Probe::Disks,
        Probe::RestorePoints,
        Probe::Power,
        Probe::Membership,
        events,
    ] {
        let begin = Instant::now();
        let answer = pc.probe(&question).map_err(|error| error.kind);
        assert!(begin.elapsed() < LONGEST, "{question:?} took {:?}", begin.elapsed());
        assert!(is_told(&answer), "{question:?}: {answer:?}");
        let told = format!("{question:?} in {:?}: {answer:?}", begin.elapsed());
        writeln!(std::io::stderr(), "{told}").unwrap();
    }
}

#[test]
fn who_signed_a_program_is_told_and_nothing_is_made_for_it() {
    let pc = Live::open().unwrap();
    let catalogs = WinPath::new(r"C:\Windows\System32\CatRoot");
    let before = pc.list(&catalogs).map_err(|error| error.kind);
    let folder = tempfile::tempdir().unwrap();
    // No kind of file that can carry a signature, and a program that nobody signed: this one.
    let text = folder.path().join("a.txt");
    std::fs::write(&text, "text").unwrap();
    let own = std::env::current_exe().unwrap();
    for path in [text, own].map(|it| WinPath::new(it.to_str().unwrap())) {
        let told = probe::signature(&pc, &path).map_err(|error| error.kind);
        assert!(is_told(&told), "{path}: {told:?}");
        writeln!(std::io::stderr(), "{path}: {told:?}").unwrap();
        if let Ok(signature) = told {
            assert_eq!((signature.standing, signature.by), (Standing::Unsigned, None), "{path}");
        }
    }
    let system = WinPath::new(r"C:\Windows\System32\kernel32.dll");
    let told = probe::signature(&pc, &system).map_err(|error| error.kind);
    assert!(is_told(&told), "{told:?}");
    writeln!(std::io::stderr(), "{system}: {told:?}").unwrap();
    if let Ok(Some(by)) = told.map(|it| it.by) {
        assert!(by.is_microsoft, "{by:?}");
    }
    assert_eq!(pc.list(&catalogs).map_err(|error| error.kind), before);
}

#[test]
fn every_part_of_an_answer_stands_by_itself() {
    let pc = Live::open().unwrap();
    let agent = probe::update_agent(&pc).unwrap();
    assert!(is_told(&agent.version) && is_told(&agent.restart_required));
    assert!(is_told(&agent.history_count) && is_told(&agent.history));
    assert!(is_told(&agent.automatic) && is_told(&agent.services));
    let security = probe::security(&pc).unwrap();
    assert!(is_told(&security.products) && is_told(&security.defender));
    let disks = probe::disks(&pc).unwrap();
    assert!(is_told(&disks.drives) && is_told(&disks.encryption));
    let volumes = disks.volumes.unwrap();
    let system = volumes.iter().find(|it| it.letter == "C:").unwrap();
    let space = system.space.clone().unwrap();
    assert!(space.size_bytes > 0 && space.free_bytes <= space.size_bytes);
    assert!(is_told(&system.is_dirty));
}

#[test]
fn asking_twice_at_once_does_no_harm() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let pc = Live::open().unwrap();
                assert!(is_told(&probe::power(&pc).map_err(|error| error.kind)));
                assert!(is_told(&probe::update_agent(&pc).unwrap().restart_required));
            });
        }
    });
}
