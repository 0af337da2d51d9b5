//! What the running Windows tells beside files, keys and services: an answer, or the right reason.
//! Nothing is changed, and nothing may hang.
#![cfg(windows)]

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
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

/// A server that answers one question with a status, as update servers answer a browser.
fn server(status: &'static str) -> io::Result<(u16, JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let _ = stream.read(&mut [0; 4096])?;
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    Ok((port, answering))
}

#[test]
fn a_server_answers_or_the_reason_is_told_by_its_number() {
    let pc = Live::open().unwrap();
    let (works, working) = server("200 OK").unwrap();
    let (fails, failing) = server("503 Service Unavailable").unwrap();
    let (speaks, speaking) = server("200 OK").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let urls = [
        format!("http://127.0.0.1:{works}/ClientWebService/client.asmx"),
        format!("http://127.0.0.1:{fails}/"),
        format!("http://127.0.0.1:{nobody}/"),
        "http://no-such-name.invalid/".to_owned(),
        "not an address".to_owned(),
        // It does not speak TLS.
        format!("https://127.0.0.1:{speaks}/"),
    ];
    let begin = Instant::now();
    let told = probe::servers(&pc, &urls).unwrap();
    assert!(begin.elapsed() < LONGEST, "{:?}", begin.elapsed());
    let code = |it: &Part<u16>| match it {
        Ok(status) => u32::from(*status),
        Err(HostErrorKind::Win32(code)) => *code,
        Err(other) => panic!("{other:?}"),
    };
    let codes: Vec<u32> = told.iter().map(|it| code(&it.status)).collect();
    assert_eq!(codes[..5], [200, 503, 12029, 12007, 12005], "{told:?}");
    assert!((12000..13000).contains(&codes[5]), "{told:?}");
    assert!(told.iter().zip(&urls).all(|(it, url)| it.url == *url));
    for it in [working, failing, speaking] {
        it.join().unwrap().unwrap();
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
        writeln!(io::stderr(), "{told}").unwrap();
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
        writeln!(io::stderr(), "{path}: {told:?}").unwrap();
        if let Ok(signature) = told {
            assert_eq!((signature.standing, signature.by), (Standing::Unsigned, None), "{path}");
        }
    }
    let system = WinPath::new(r"C:\Windows\System32\kernel32.dll");
    let told = probe::signature(&pc, &system).map_err(|error| error.kind);
    assert!(is_told(&told), "{told:?}");
    writeln!(io::stderr(), "{system}: {told:?}").unwrap();
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
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let pc = Live::open().unwrap();
                assert!(is_told(&probe::power(&pc).map_err(|error| error.kind)));
                assert!(is_told(&probe::update_agent(&pc).unwrap().restart_required));
            });
        }
    });
}
