//! The search for a culprit on whole PCs that restart: the right one is found, within the restarts that
//! were announced, and everything is put back, whatever happens on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;
#[path = "support/tape.rs"]
mod tape;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::ops::ControlFlow;

use support::diagnose;
use tape::Tape;
use unwedge_engine::execute::Interrupted;
use unwedge_engine::isolate::note::{Answer, GaveUp, Test};
use unwedge_engine::isolate::search::Found;
use unwedge_engine::isolate::suspect::{Scope, Suspects, suspects};
use unwedge_engine::isolate::{
    Around, Asked, Isolation, Standing, begin, go_on, last_restart, stop,
};
use unwedge_engine::journal::{Event, Journal, Outcome, Replay};
use unwedge_host::testing::{Fault, Faulty, Power};
use unwedge_host::{Change, Fixture, Host, HostMut, RunState, ServiceName, Setting, StartType};

const FILE: &str = r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb";
const FAR: &str = "2026-12-31T00:00:00";

/// A PC with so many agents, of which each group keeps the update away while all its members run.
fn pc(count: usize, groups: &[&[usize]], more: &str) -> String {
    let mut text = format!(
        "//- about name=ISO build=26100.1 now=2026-01-02T12:00:00\n\
         //- update KB5034441 writes={FILE} needs=wuauserv\n\
         //- service wuauserv running manual\n//- absent C:\\Windows\\WinSxS\\pending.xml\n\
         //- reg \"HKLM\\SOFTWARE\\Microsoft\\Shared Tools\\MSConfig\\services\"\n\
         //- reg \"HKLM\\SOFTWARE\\Microsoft\\Shared Tools\\MSConfig\\state\"\nservices = dword:0\n\
         //- file C:\\Windows\\Logs\\CBS\\CBS.log\n\
         //- folder C:\\Windows\\SoftwareDistribution\\Download\n\
         //- watchdog none\n"
    );
    for agent in 0..count {
        let start = if agent % 3 == 2 { "automatic-delayed" } else { "automatic" };
        writeln!(text, "//- service Agent{agent:03} running {start} image=C:\\A\\{agent:03}.exe")
            .unwrap();
        writeln!(text, "//- file C:\\A\\{agent:03}.exe signed=Maker\nMZ").unwrap();
    }
    for group in groups {
        let with: Vec<String> = group[1..].iter().map(|it| format!("Agent{it:03}")).collect();
        let with =
            if with.is_empty() { String::new() } else { format!(" with={}", with.join(",")) };
        writeln!(text, "//- holder service=Agent{:03} path={FILE} share=none{with}", group[0])
            .unwrap();
    }
    text + more
}

fn found(pc: &Fixture) -> Suspects {
    suspects(pc, &diagnose(pc), &Scope::default())
}

/// Whether nobody keeps the file to himself now: what an update would run into, without one.
fn is_free(groups: Vec<Vec<usize>>) -> impl FnMut(&dyn Host, &Test) -> Asked {
    move |host: &dyn Host, _: &Test| {
        let runs = |it: &usize| {
            let service = host.service(&ServiceName::new(&format!("Agent{it:03}")));
            service.unwrap().unwrap().state == RunState::Running
        };
        let blocks = groups.iter().any(|it| it.iter().all(runs));
        Asked::Told(!blocks, if blocks { "held" } else { "free" }.to_owned())
    }
}

fn command() -> Test {
    Test::Command { command: "try".to_owned() }
}

fn update() -> Test {
    Test::Update { kb: Some("KB5034441".to_owned()) }
}

/// A search on a PC, and what is left of both after the power went.
struct Bench {
    pc: Fixture,
    journal: Vec<u8>,
    test: Test,
    groups: Vec<Vec<usize>>,
    now: &'static str,
    /// Changes that Windows refuses.
    faults: Vec<(Change, Fault)>,
}

impl Bench {
    fn new(text: &str, test: Test, groups: &[&[usize]]) -> Self {
        let groups = groups.iter().map(|it| it.to_vec()).collect();
        let pc = Fixture::parse(text).unwrap();
        Bench {
            pc,
            journal: Vec::new(),
            test,
            groups,
            now: "2026-01-02T12:00:00",
            faults: Vec::new(),
        }
    }

    /// Begins or takes up; `None` if nothing was ever begun because the power went first.
    fn run(&mut self, power: &Power) -> Result<Standing, Interrupted> {
        let (replay, whole) = Replay::read(&self.journal).unwrap();
        self.journal.truncate(whole);
        let mut tape =
            Tape { bytes: std::mem::take(&mut self.journal), power: power.clone(), tears: true };
        let (steps, note) =
            begin(&self.pc, &found(&self.pc).suspects, self.test.clone(), FAR.to_owned());
        let mut host =
            Faulty { below: &mut self.pc, power: power.clone(), faults: self.faults.clone() };
        let journal = match replay.never_happened() {
            true => Journal::create(&mut tape, "2026-01-02", steps),
            false => Ok(Journal::resume(&mut tape, replay)),
        };
        let mut tester = is_free(self.groups.clone());
        let mut around = Around { now: self.now, tester: &mut tester, is_stopped: &|| false };
        let done = journal
            .and_then(|mut it| {
                // A journal that was opened and holds no note yet changed nothing.
                if !it.replay().is_search() {
                    it.record(Event::Noted { note })?;
                }
                Ok(it)
            })
            .map_err(|source| Interrupted::Journal { source, left: Vec::new() })
            .and_then(|mut it| {
                go_on(&mut host, &mut it, &mut around, &mut |_| ControlFlow::Continue(()))
            });
        self.journal = tape.bytes;
        done
    }

    fn end(&mut self) -> Isolation {
        let Standing::Ended(ended) = self.run(&Power::endless()).unwrap() else {
            panic!("it waits for something")
        };
        last_restart(&mut self.pc).unwrap();
        *ended
    }
}

/// A search from its beginning to its end, with an answer for each test.
fn searched(pc: &mut Fixture, tester: &mut dyn FnMut(&dyn Host, &Test) -> Asked) -> Isolation {
    let (steps, note) = begin(pc, &found(pc).suspects, command(), FAR.to_owned());
    let mut tape = Tape { bytes: Vec::new(), power: Power::endless(), tears: true };
    let mut journal = Journal::create(&mut tape, "2026-01-02", steps).unwrap();
    journal.record(Event::Noted { note }).unwrap();
    let mut around = Around { now: "2026-01-02", tester, is_stopped: &|| false };
    let done = go_on(pc, &mut journal, &mut around, &mut |_| ControlFlow::Continue(()));
    let Standing::Ended(ended) = done.unwrap() else { panic!("it waits for something") };
    *ended
}

/// The machine without what a search may leave: its clock, the counts of starts and attempts, the log
/// of attempts, and whether the update is in.
fn state(pc: &Fixture) -> String {
    let text = pc.text_without_clock().replace("status=installed", "status=pending");
    let (mut kept, mut is_log) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with("//-") {
            is_log = line.contains("CBS.log");
        }
        if !is_log && !line.starts_with("//- about") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The state once Windows has started as it is set up.
fn started(text: &str) -> String {
    let mut pc = Fixture::parse(text).unwrap();
    pc.restart();
    state(&pc)
}

fn names(ended: &Isolation, numbers: &[usize]) -> Vec<String> {
    let mut all: Vec<String> = numbers.iter().map(|it| ended.suspects[*it].name.clone()).collect();
    all.sort();
    all
}

fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "isolate: {line}");
}

#[test]
fn one_a_pair_and_two_that_block_by_themselves_are_found_and_everything_is_put_back() {
    let cases: [&[&[usize]]; 5] =
        [&[&[4]], &[&[0, 17]], &[&[3, 9, 19]], &[&[2], &[11]], &[&[5], &[6, 7]]];
    for groups in cases {
        let text = pc(20, groups, "");
        let mut bench = Bench::new(&text, command(), groups);
        let ended = bench.end();
        let Answer::Found(Found::Groups { groups: got }) = &ended.answer else {
            panic!("{:?} of {groups:?}", ended.answer)
        };
        let mut got: Vec<Vec<String>> = got.iter().map(|it| names(&ended, it)).collect();
        got.sort();
        let wanted: Vec<Vec<String>> =
            groups.iter().map(|it| it.iter().map(|it| format!("Agent{it:03}")).collect()).collect();
        assert_eq!(got, wanted);
        assert_eq!(ended.outcome, Outcome::RolledBack);
        assert_eq!(state(&bench.pc), started(&text));
        // The proof: with everything on it failed, and with these off it passed.
        assert_eq!(ended.trials[0].passes, Some(false));
        assert!(ended.trials.iter().any(|it| it.passes == Some(true)));
    }
}

#[test]
fn an_update_that_goes_through_ends_the_search_with_those_that_were_added_last() {
    let text = pc(12, &[&[6]], "");
    let mut bench = Bench::new(&text, update(), &[]);
    let ended = bench.end();
    let Answer::Found(Found::Among { these, before }) = &ended.answer else {
        panic!("{:?}", ended.answer)
    };
    // The holder has the file open now, so it is the likeliest of all.
    assert_eq!((names(&ended, these), before.len()), (vec!["Agent006".to_owned()], 0));
    assert_eq!(ended.restarts, 2);
    assert_eq!(state(&bench.pc), started(&text));
    let retry = Change::Run(unwedge_host::Tool::RetryUpdate { kb: Some("KB5034441".to_owned()) });
    assert!(retry.holds(&bench.pc).unwrap());
}

#[test]
fn none_of_them_is_said_and_everything_is_put_back() {
    let text = pc(9, &[], "");
    let mut bench = Bench::new(&text, command(), &[&[]]);
    let ended = bench.end();
    assert_eq!(ended.answer, Answer::Found(Found::NoneOfThem));
    assert_eq!(ended.restarts, 2);
    assert_eq!(state(&bench.pc), started(&text));
}

#[test]
fn nobody_is_named_if_a_restart_with_everything_on_is_enough() {
    let text = pc(9, &[], "");
    let mut pc = Fixture::parse(&text).unwrap();
    let first = unwedge_host::probe::boot(&pc).unwrap().id;
    let mut tester = |host: &dyn Host, _: &Test| {
        let is_first = unwedge_host::probe::boot(host).unwrap().id == first;
        Asked::Told(!is_first, String::new())
    };
    let ended = searched(&mut pc, &mut tester);
    assert_eq!((&ended.answer, ended.restarts), (&Answer::Found(Found::RestartAlone), 1));
    last_restart(&mut pc).unwrap();
    assert_eq!(state(&pc), started(&text));
}

#[test]
fn whoever_says_stop_instead_of_an_answer_ends_the_search_at_once() {
    let text = pc(9, &[], "");
    let mut pc = Fixture::parse(&text).unwrap();
    let (steps, note) = begin(&pc, &found(&pc).suspects, Test::Question, FAR.to_owned());
    let mut tape = Tape { bytes: Vec::new(), power: Power::endless(), tears: true };
    let mut journal = Journal::create(&mut tape, "2026-01-02", steps).unwrap();
    journal.record(Event::Noted { note }).unwrap();
    let says_stop = std::cell::Cell::new(false);
    let mut tester = |_: &dyn Host, _: &Test| {
        says_stop.set(true);
        Asked::NotNow
    };
    let is_stopped = || says_stop.get();
    let mut around = Around { now: "2026-01-02", tester: &mut tester, is_stopped: &is_stopped };
    let done = go_on(&mut pc, &mut journal, &mut around, &mut |_| ControlFlow::Continue(()));
    let Standing::Ended(ended) = done.unwrap() else { panic!("it waits for an answer") };
    assert_eq!(ended.answer, Answer::GaveUp { why: GaveUp::Stopped });
    assert_eq!(state(&pc), state(&Fixture::parse(&text).unwrap()));
}

#[test]
fn what_starts_at_a_sign_in_is_searched_only_if_the_test_waits_for_it() {
    const PARTS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion";
    let more = format!(
        "//- reg HKLM\\{PARTS}\\Run\nVault = sz:C:\\V\\v.exe\n\
         //- reg HKLM\\{PARTS}\\Explorer\\StartupApproved\\Run\n\
         //- reg HKCU\\{PARTS}\\Run\nTide = sz:C:\\T\\t.exe\n\
         //- reg HKLM\\{PARTS}\\RunOnce\nOnce = sz:C:\\O\\o.exe\n\
         //- task \\Vault\\Late enabled run=C:\\V\\l.exe trigger=logon\n\
         //- task \\Vault\\Early enabled run=C:\\V\\e.exe trigger=boot\n"
    );
    let pc = Fixture::parse(&pc(1, &[], &more)).unwrap();
    let names = |after_sign_in: bool| -> (Vec<String>, Vec<String>) {
        let found = suspects(&pc, &diagnose(&pc), &Scope { after_sign_in, ..Scope::default() });
        let spared = found.spared.into_iter().map(|it| it.name).collect();
        (found.suspects.into_iter().map(|it| it.name).collect(), spared)
    };
    let (suspects, spared) = names(false);
    assert_eq!(suspects, ["Agent000", r"\Vault\Early"]);
    assert_eq!(spared, ["Vault", "Once", "Tide", r"\Vault\Late"]);
    let (suspects, spared) = names(true);
    assert_eq!(suspects, ["Agent000", "Vault", r"\Vault\Early", r"\Vault\Late"]);
    assert_eq!(spared, ["Once", "Tide"]);
}

#[test]
fn if_it_goes_through_with_everything_on_nothing_is_switched() {
    let text = pc(9, &[], "");
    for test in [command(), update()] {
        let mut bench = Bench::new(&text, test, &[]);
        let Standing::Ended(ended) = bench.run(&Power::endless()).unwrap() else { panic!() };
        assert_eq!((&ended.answer, ended.restarts), (&Answer::GoesThrough, 0));
        assert_eq!(state(&bench.pc), state(&Fixture::parse(&text).unwrap()));
    }
}

#[test]
fn one_without_which_windows_does_not_come_up_ends_the_search_in_safe_mode_with_everything_back() {
    let text = pc(9, &[&[1]], "")
        .replace("//- service Agent005 running", "//- service Agent005 running vital")
        .replace("running vital automatic-delayed", "running automatic-delayed vital")
        .replace("running vital automatic", "running automatic vital");
    let mut bench = Bench::new(&text, command(), &[&[1]]);
    let ended = bench.end();
    let Answer::GaveUp { why: GaveUp::FailedStarts { off } } = &ended.answer else {
        panic!("{:?}", ended.answer)
    };
    let off: Vec<usize> = off.iter().map(|it| *it as usize).collect();
    assert!(names(&ended, &off).contains(&"Agent005".to_owned()));
    assert_eq!(state(&bench.pc), started(&text));
}

#[test]
fn one_that_blocks_only_now_and_then_is_asked_again() {
    let text =
        pc(16, &[], &format!("//- holder service=Agent010 path={FILE} share=none misses=2\n"));
    let mut pc = Fixture::parse(&text).unwrap();
    let mut asked = 0;
    // It lets every second attempt through.
    let mut tester = |host: &dyn Host, _: &Test| {
        let service = host.service(&ServiceName::new("Agent010")).unwrap().unwrap();
        asked += 1;
        Asked::Told(service.state != RunState::Running || asked % 2 == 0, String::new())
    };
    let ended = searched(&mut pc, &mut tester);
    let Answer::Found(Found::Groups { groups }) = &ended.answer else { panic!("{ended:?}") };
    assert_eq!(groups.iter().map(|it| names(&ended, it)).collect::<Vec<_>>(), [["Agent010"]]);
}

#[test]
fn whoever_switches_one_on_again_takes_it_out_of_the_search_and_is_named() {
    // A service that another one sets back whenever Windows starts cannot be tested.
    let text = pc(6, &[&[2]], "");
    let mut bench = Bench::new(&text, command(), &[&[2]]);
    for at in 1..400 {
        let mut wreck = Bench::new(&text, command(), &[&[2]]);
        let _ = wreck.run(&Power::cut_before(at));
        let off = ServiceName::new("Agent002");
        let start = Setting::Start { service: off, start: StartType::Automatic };
        let is_off = wreck.pc.current(&start).unwrap() != start;
        // The first restart is made with everything on.
        let restarts = wreck.journal.windows(10).filter(|it| it == b"restarting").count();
        if is_off && restarts == 2 {
            wreck.pc.apply(&Change::Assign(start)).unwrap();
            wreck.pc.restart();
            bench = wreck;
            break;
        }
    }
    let ended = bench.end();
    assert!(
        ended
            .spared
            .iter()
            .any(|(name, why)| name.starts_with("Agent002") && why.contains("again")),
        "{:?}",
        ended.spared
    );
    assert_eq!(ended.answer, Answer::Found(Found::NoneOfThem));
    assert_eq!(state(&bench.pc), started(&text));
}

#[test]
fn a_time_limit_a_stop_and_one_that_was_taken_off_the_pc_end_safely() {
    let text = pc(10, &[&[7]], "");
    for at in [30, 45, 60] {
        let mut late = Bench::new(&text, command(), &[&[7]]);
        let _ = late.run(&Power::cut_before(at));
        late.now = "2027-01-01T00:00:00";
        let ended = late.end();
        assert_eq!(ended.answer, Answer::GaveUp { why: GaveUp::TimeIsUp });
        assert_eq!(state(&late.pc), started(&text), "late, cut at {at}");

        let mut stopped = Bench::new(&text, command(), &[&[7]]);
        let _ = stopped.run(&Power::cut_before(at));
        let (replay, whole) = Replay::read(&stopped.journal).unwrap();
        stopped.journal.truncate(whole);
        let mut tape = Tape { bytes: stopped.journal, power: Power::endless(), tears: true };
        let mut journal = Journal::resume(&mut tape, replay);
        let ended =
            stop(&mut stopped.pc, &mut journal, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(ended.answer, Answer::GaveUp { why: GaveUp::Stopped });
        stopped.pc.restart();
        assert_eq!(state(&stopped.pc), started(&text), "stopped, cut at {at}");

        // Whoever removes a product meanwhile takes its service with it.
        let mut gone = Bench::new(&text, command(), &[&[7]]);
        let _ = gone.run(&Power::cut_before(at));
        let without: String = gone
            .pc
            .text()
            .split_inclusive('\n')
            .filter(|it| !it.starts_with("//- service Agent003"))
            .collect();
        gone.pc = Fixture::parse(
            &format!("{without}//- absent service Agent003\n")
                .replace("//- holder service=Agent003", "//- holder service=Agent004"),
        )
        .unwrap();
        gone.pc.restart();
        let ended = gone.end();
        assert_ne!(ended.outcome, Outcome::Stuck { left: Vec::new() });
        assert!(matches!(ended.outcome, Outcome::RolledBack), "{:?}", ended.outcome);
    }
}

#[test]
fn a_search_that_is_cut_off_anywhere_goes_on_or_is_taken_back_and_leaves_nothing() {
    let text =
        pc(7, &[&[1, 5]], "//- task \\Vault\\Check enabled run=C:\\A\\000.exe trigger=boot\n");
    let mut whole = Bench::new(&text, command(), &[&[1, 5]]);
    let undisturbed = whole.end();
    let mut runs = 0;
    for restarts in [false, true] {
        for cut in [Power::cut_before as fn(u32) -> Power, Power::cut_after] {
            for at in 1.. {
                let mut wreck = Bench::new(&text, command(), &[&[1, 5]]);
                if wreck.run(&cut(at)).is_ok() {
                    break;
                }
                for second in [None, Some(4), Some(11)] {
                    let mut again = Bench {
                        pc: wreck.pc.clone(),
                        journal: wreck.journal.clone(),
                        ..Bench::new(&text, command(), &[&[1, 5]])
                    };
                    if restarts {
                        again.pc.restart();
                    }
                    if let Some(second) = second {
                        let _ = again.run(&cut(second));
                    }
                    let place = format!("cut at {at}, again at {second:?}, restarts {restarts}");
                    let ended = again.end();
                    runs += 1;
                    assert_eq!(ended.outcome, Outcome::RolledBack, "{place}");
                    assert_eq!(state(&again.pc), started(&text), "{place}");
                    assert!(ended.restarts <= undisturbed.restarts + 2, "{place}");
                    match &ended.answer {
                        Answer::Found(found) => {
                            assert_eq!(Answer::Found(found.clone()), undisturbed.answer, "{place}")
                        }
                        Answer::GaveUp { why: GaveUp::NoRestart | GaveUp::FailedStarts { .. } } => {
                        }
                        other => panic!("{place}: {other:?}"),
                    }
                }
            }
        }
    }
    tell(&format!("cut off everywhere: {runs} runs"));
}

#[test]
fn whoever_belongs_to_microsoft_or_protects_the_pc_is_no_suspect() {
    let more = "//- service Spooler running automatic image=C:\\Windows\\System32\\spoolsv.exe\n\
                //- file C:\\Windows\\System32\\spoolsv.exe signed=microsoft\nMZ\n\
                //- service ekrn running automatic image=C:\\E\\ekrn.exe\n\
                //- file C:\\E\\ekrn.exe signed=ESET\nMZ\n\
                //- service Hidden running automatic image=C:\\H\\h.exe\n\
                //- service Shield running automatic protected image=C:\\S\\s.exe\n\
                //- service BITS stopped manual image=C:\\Temp\\fake.exe\n\
                //- file C:\\Temp\\fake.exe unsigned\nMZ\n\
                //- service AnyDesk running automatic image=C:\\D\\d.exe\n\
                //- service Base running automatic image=C:\\B\\b.exe\n\
                //- service wscsvc running automatic needs=Base\n";
    let pc = Fixture::parse(&pc(1, &[], more)).unwrap();
    let found = found(&pc);
    let names: Vec<&str> = found.suspects.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Agent000", "BITS", "Hidden"]);
    let spared: Vec<&str> =
        found.spared.iter().map(|it| it.name.split(',').next().unwrap()).collect();
    assert_eq!(spared, ["AnyDesk", "Base", "ekrn", "Shield"]);
    assert_eq!(found.of_microsoft, 3, "wuauserv, Spooler and wscsvc");
}

fn start(agent: &str, start: StartType) -> Change {
    Change::Assign(Setting::Start { service: ServiceName::new(agent), start })
}

#[test]
fn one_that_cannot_be_switched_off_leaves_the_search_and_is_named() {
    let text = pc(8, &[&[5]], "");
    let mut bench = Bench::new(&text, command(), &[&[5]]);
    bench.faults = vec![(start("Agent002", StartType::Disabled), Fault::Refuses)];
    let ended = bench.end();
    assert!(
        ended.spared.iter().any(|(name, _)| name.starts_with("Agent002")),
        "{:?}",
        ended.spared
    );
    let Answer::Found(Found::Groups { groups }) = &ended.answer else { panic!("{ended:?}") };
    assert_eq!(groups.iter().map(|it| names(&ended, it)).collect::<Vec<_>>(), [["Agent005"]]);
    assert_eq!(state(&bench.pc), started(&text));
}

#[test]
fn one_that_cannot_be_switched_on_again_ends_the_search_and_a_person_is_told() {
    for fault in [Fault::Refuses, Fault::Lies] {
        let text = pc(8, &[&[5]], "");
        let mut bench = Bench::new(&text, command(), &[&[5]]);
        bench.faults = vec![(start("Agent000", StartType::Automatic), fault)];
        let Standing::Ended(ended) = bench.run(&Power::endless()).unwrap() else { panic!() };
        let Answer::GaveUp { why: GaveUp::NotPutBack { why } } = &ended.answer else {
            panic!("{:?}", ended.answer)
        };
        assert!(why.starts_with("Agent000"), "{why}");
        let Outcome::Stuck { left } = &ended.outcome else { panic!("{:?}", ended.outcome) };
        assert!(left.len() == 1 && left[0].contains("Agent000"), "{left:?}");
    }
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let pc = Fixture::parse(&pc(3, &[], "")).unwrap();
    let scope =
        Scope { keep: vec!["agent001".to_owned(), "Agnet002".to_owned()], ..Scope::default() };
    let found = suspects(&pc, &diagnose(&pc), &scope);
    assert_eq!(found.unknown_names, ["Agnet002"]);
    assert_eq!(found.suspects.len(), 2);
}

#[test]
fn only_filters_that_windows_can_start_without_are_suspects_and_only_when_asked_for() {
    const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";
    const CLASSES: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Class";
    let mut text = pc(0, &[], "");
    writeln!(text, "//- reg {SERVICES}").unwrap();
    let filters = [
        ("TideFlt", 2, "FSFilter Activity Monitor", "Maker"),
        ("EarlyFlt", 0, "FSFilter Activity Monitor", "Maker"),
        ("CryptFlt", 1, "FSFilter Encryption", "Maker"),
        ("ScanFlt", 1, "FSFilter Anti-Virus", "Maker"),
        ("DiskFlt", 1, "FSFilter Activity Monitor", "Maker"),
        ("OwnFlt", 1, "FSFilter Activity Monitor", "microsoft"),
    ];
    for (name, start, group, signer) in filters {
        writeln!(text, "//- reg {SERVICES}\\{name}\nType = dword:2\nStart = dword:{start}")
            .unwrap();
        writeln!(text, "Group = sz:{group}").unwrap();
        writeln!(text, "ImagePath = expand:system32\\drivers\\{name}.sys").unwrap();
        let state = ["boot", "system", "automatic"][start as usize];
        writeln!(text, "//- service {name} running {state}").unwrap();
        writeln!(text, "//- file C:\\Windows\\system32\\drivers\\{name}.sys signed={signer}\nMZ")
            .unwrap();
    }
    let class = format!(
        "//- reg {CLASSES}\n//- reg {CLASSES}\\{{4d36e967}}\nUpperFilters = multi:\"DiskFlt\"\n"
    );
    let names = |text: &str, drivers: bool| -> Vec<String> {
        let pc = Fixture::parse(text).unwrap();
        let scope = Scope { drivers, ..Scope::default() };
        let found = suspects(&pc, &diagnose(&pc), &scope).suspects;
        found.into_iter().map(|it| it.name).collect()
    };
    let known = format!("{text}{class}");
    assert_eq!(names(&known, false), [""; 0]);
    assert_eq!(names(&known, true), ["TideFlt"]);
    // Whether a class of devices needs one is not known: none is left out.
    assert_eq!(names(&text, true), [""; 0]);
}
