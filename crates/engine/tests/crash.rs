//! Cuts the power at every point where a repair touches the machine or its journal, then
//! recovers, cuts it again, and recovers again: the machine ends as it was, or fully repaired.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;
#[path = "support/tape.rs"]
mod tape;

use std::io::{self, Write as _};

use std::ops::ControlFlow;

use support::{
    DAMAGED, DENIED, DISABLED, LOCKED, REPLACED, SCANNED, SCANNED_ELSEWHERE, STORE, WAITING,
    damaged_catalogues, damaged_elsewhere, diagnose,
};
use tape::Tape;
use unwedge_engine::execute::Interrupted;
use unwedge_engine::journal::{Journal, JournalStep, Outcome, Replay};
use unwedge_engine::plan::{Policy, plan};
use unwedge_engine::recipe::RECIPES;
use unwedge_engine::repair::{Repair, carry_out, take_back};
use unwedge_host::testing::{Fault, Faulty, Power};
use unwedge_host::{Change, Fixture, ServiceName, Setting};

/// What is done with the journal after a crash.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    GoOn,
    TakeBack,
}

/// Whether Windows restarts after a crash of the repair.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Windows {
    KeepsRunning,
    Restarts,
}

struct Case<'a> {
    pc: &'a str,
    faults: Vec<(Change, Fault)>,
    then: Then,
    windows: Windows,
}

#[derive(Clone)]
struct Wreck {
    pc: Fixture,
    journal: Vec<u8>,
}

fn steps(pc: &Fixture) -> Vec<JournalStep> {
    let policy = Policy { mark: "0001".to_owned(), ..Policy::default() };
    let plan = plan(&diagnose(pc), pc, &policy);
    assert!(!plan.steps.is_empty(), "{plan:?}");
    plan.journal_steps()
}

/// Starts the repair on a fresh machine.
fn begin(
    case: &Case<'_>,
    wreck: &mut Wreck,
    power: &Power,
    tears: bool,
) -> Result<Repair, Interrupted> {
    let steps = steps(&wreck.pc);
    let before = diagnose(&wreck.pc);
    let mut tape = Tape { bytes: Vec::new(), power: power.clone(), tears };
    let mut host =
        Faulty { below: &mut wreck.pc, power: power.clone(), faults: case.faults.clone() };
    let done = Journal::create(&mut tape, "2026-01-02", steps)
        .map_err(|source| Interrupted::Journal { source, left: Vec::new() })
        .and_then(|mut it| {
            carry_out(&mut host, &mut it, &before, &diagnose, &mut |_| ControlFlow::Continue(()))
        });
    wreck.journal = tape.bytes;
    done
}

/// Finds the journal again after a crash; `None` if it never happened.
fn recover(
    case: &Case<'_>,
    wreck: &mut Wreck,
    power: &Power,
    tears: bool,
) -> Option<Result<Repair, Interrupted>> {
    let (replay, whole) = Replay::read(&wreck.journal).unwrap();
    if replay.never_happened() {
        return None;
    }
    wreck.journal.truncate(whole);
    let before = diagnose(&wreck.pc);
    let mut tape = Tape { bytes: std::mem::take(&mut wreck.journal), power: power.clone(), tears };
    let mut host =
        Faulty { below: &mut wreck.pc, power: power.clone(), faults: case.faults.clone() };
    let mut journal = Journal::resume(&mut tape, replay);
    let done = match case.then {
        Then::GoOn => carry_out(&mut host, &mut journal, &before, &diagnose, &mut |_| {
            ControlFlow::Continue(())
        }),
        Then::TakeBack => take_back(&mut host, &mut journal, &mut |_| ControlFlow::Continue(())),
    };
    wreck.journal = tape.bytes;
    Some(done)
}

/// The machine without its clock, its log of attempts, whether the update is in, and what was
/// downloaded meanwhile: all that a repair cannot or must not take back.
fn state(pc: &Fixture) -> String {
    let text = pc.text_without_clock().replace("status=installed", "status=pending");
    let (mut kept, mut is_log) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with("//-") {
            is_log = line.contains("CBS.log");
        }
        // A program that ends by itself is gone without any doing of ours.
        // A store that was repaired stays so, and so does a restore point.
        let passes = ["-after", " ends=", "//- store ", "//- restore_point"];
        if !is_log && !passes.iter().any(|it| line.contains(it)) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Crashes a case everywhere; gives the number of runs.
fn crash_everywhere(case: &Case<'_>) -> u32 {
    let before = Fixture::parse(case.pc).unwrap();
    let mut repaired = Wreck { pc: before.clone(), journal: Vec::new() };
    let undisturbed = begin(case, &mut repaired, &Power::endless(), false).unwrap().outcome;
    let mut runs = 1;
    let cuts = [
        (Power::cut_before as fn(u32) -> Power, false),
        (Power::cut_before, true),
        (Power::cut_after, false),
    ];
    for (cut, tears) in cuts {
        for at in 1.. {
            let mut wreck = Wreck { pc: before.clone(), journal: Vec::new() };
            let first = begin(case, &mut wreck, &cut(at), tears);
            runs += 1;
            if let Ok(first) = first {
                assert_eq!(first.outcome, undisturbed);
                break;
            }
            // Where a step fails as well, three places of a second cut must do.
            let seconds: &[Option<u32>] = match case.faults.is_empty() {
                true => &[None, Some(1), Some(2), Some(3), Some(4), Some(6), Some(9)],
                false => &[None, Some(1), Some(3)],
            };
            for &second in seconds {
                let mut wreck = wreck.clone();
                if case.windows == Windows::Restarts {
                    wreck.pc.restart();
                }
                let place = format!("cut at touch {at}, tears {tears}, again at {second:?}");
                if let Some(second) = second {
                    let _ = recover(case, &mut wreck, &cut(second), tears);
                    runs += 1;
                    if case.windows == Windows::Restarts {
                        wreck.pc.restart();
                    }
                }
                let last = recover(case, &mut wreck, &Power::endless(), tears);
                runs += 1;
                let Some(last) = last else {
                    assert_eq!(state(&wreck.pc), state(&before), "{place}");
                    continue;
                };
                let outcome = last.unwrap().outcome;
                let as_before = match (&outcome, case.then) {
                    (Outcome::Repaired, Then::GoOn) => false,
                    (Outcome::RolledBack | Outcome::Kept { .. }, _) => true,
                    other => panic!("{place}: {other:?}"),
                };
                let wanted = if as_before { &before } else { &repaired.pc };
                assert_eq!(state(&wreck.pc), state(wanted), "{place}");
                if case.then == Then::GoOn {
                    assert_eq!(outcome, undisturbed, "{place}");
                }
            }
        }
    }
    runs
}

fn stop(service: &str) -> Change {
    running(service, false)
}

fn running(service: &str, running: bool) -> Change {
    Change::Assign(Setting::Running { service: ServiceName::new(service), running })
}

/// A PC for every repair.
fn all() -> Vec<(&'static str, String)> {
    vec![
        ("wait-for-holder", WAITING.to_owned()),
        ("stop-holder", LOCKED.to_owned()),
        ("exclude-update-files", SCANNED.to_owned()),
        ("reset-download-cache", DAMAGED.to_owned()),
        ("reset-update-store", damaged_elsewhere()),
        ("reset-catalogues", damaged_catalogues()),
        ("restore-service", DISABLED.to_owned()),
        ("restore-service-library", REPLACED.to_owned()),
        ("restore-permissions", DENIED.to_owned()),
        ("repair-store", STORE.to_owned()),
        ("pause-protection", SCANNED_ELSEWHERE.to_owned()),
    ]
}

#[test]
fn every_repair_there_is_is_crashed_everywhere() {
    let crashed: Vec<&str> = all().iter().map(|(name, _)| *name).collect();
    assert_eq!(crashed, RECIPES.map(|it| it.id));
    for (name, pc) in all() {
        let pc = Fixture::parse(&pc).unwrap();
        let policy = Policy { mark: "0001".to_owned(), ..Policy::default() };
        let plan = plan(&diagnose(&pc), &pc, &policy);
        assert_eq!(plan.choices[0].recipe, name);
    }
}

/// The counts are worth seeing in every run, also of tests that pass; printing would be held back.
fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "crash matrix: {line}");
}

#[test]
fn pitfall_01_a_repair_that_is_cut_off_anywhere_is_completed_by_the_next_run() {
    for (name, pc) in all() {
        let case =
            Case { pc: &pc, faults: Vec::new(), then: Then::GoOn, windows: Windows::KeepsRunning };
        tell(&format!("{name}, completed: {} runs", crash_everywhere(&case)));
    }
}

#[test]
fn pitfall_01_a_repair_that_is_cut_off_anywhere_can_be_taken_back() {
    for (name, pc) in all() {
        let case = Case {
            pc: &pc,
            faults: Vec::new(),
            then: Then::TakeBack,
            windows: Windows::KeepsRunning,
        };
        tell(&format!("{name}, taken back: {} runs", crash_everywhere(&case)));
    }
}

#[test]
fn a_restart_of_windows_in_the_middle_changes_nothing_about_that() {
    for (name, pc) in all() {
        // A service that only ran because somebody had asked for it would be gone after a restart
        // without any doing of ours.
        let pc = pc.replace("running manual", "running automatic");
        for then in [Then::GoOn, Then::TakeBack] {
            let case = Case { pc: &pc, faults: Vec::new(), then, windows: Windows::Restarts };
            tell(&format!("{name}, with restarts: {} runs", crash_everywhere(&case)));
        }
    }
}

/// Every reversible step of every repair in turn, so that each has failed once.
#[test]
fn whichever_step_fails_everything_is_taken_back_from_any_crash() {
    for (name, pc) in all() {
        let plan = steps(&Fixture::parse(&pc).unwrap());
        let mut runs = 0;
        for step in &plan {
            // A start that fails for good cannot be taken back by starting; that is `Stuck`.
            // So is protection that cannot be given back.
            if matches!(
                &step.change,
                Change::Assign(
                    Setting::Running { running: true, .. }
                        | Setting::RealTimeProtection { on: true }
                        | Setting::Exclusion { present: false, .. }
                        | Setting::Value { data: None, .. }
                )
            ) {
                continue;
            }
            for fault in [Fault::Refuses, Fault::Lies] {
                let case = Case {
                    pc: &pc,
                    faults: vec![(step.change.clone(), fault)],
                    then: Then::GoOn,
                    windows: Windows::KeepsRunning,
                };
                runs += crash_everywhere(&case);
            }
        }
        tell(&format!("{name}, failing at each of {} steps: {runs} runs", plan.len()));
    }
}

#[test]
fn a_finished_repair_is_taken_back_however_often_the_undo_is_cut_off() {
    let mut runs = 0;
    for (_, pc) in all() {
        let pc = &pc.replace("running manual", "running automatic");
        let before = Fixture::parse(pc).unwrap();
        let case =
            Case { pc, faults: Vec::new(), then: Then::TakeBack, windows: Windows::Restarts };
        let mut repaired = Wreck { pc: before.clone(), journal: Vec::new() };
        begin(&case, &mut repaired, &Power::endless(), false).unwrap();
        repaired.pc.restart();
        for cut in [Power::cut_before as fn(u32) -> Power, Power::cut_after] {
            for tears in [false, true] {
                for at in 1.. {
                    let mut wreck = repaired.clone();
                    let first = recover(&case, &mut wreck, &cut(at), tears).unwrap();
                    let is_over = first.is_ok();
                    wreck.pc.restart();
                    let last = recover(&case, &mut wreck, &Power::endless(), tears).unwrap();
                    runs += 2;
                    assert!(matches!(last.unwrap().outcome, Outcome::Kept { .. }));
                    assert_eq!(state(&wreck.pc), state(&before), "cut at {at}");
                    if is_over {
                        break;
                    }
                }
            }
        }
    }
    tell(&format!("undo of finished repairs: {runs} runs"));
}

#[test]
fn an_undo_that_fails_is_stuck_leaves_no_other_service_stopped_and_can_be_tried_again() {
    let before = Fixture::parse(DAMAGED).unwrap();
    let plan = steps(&before);
    let (moved, put_back) = plan
        .iter()
        .find_map(|it| Some((it.change.clone(), it.change.inverse(&before).unwrap()?)))
        .filter(|(change, _)| matches!(change, Change::Move { .. }))
        .or_else(|| {
            let it = plan.iter().find(|it| matches!(it.change, Change::Move { .. }))?;
            Some((it.change.clone(), it.change.inverse(&before).unwrap()?))
        })
        .unwrap();
    assert!(matches!(moved, Change::Move { .. }));
    let retry = plan.iter().find(|it| !it.change.is_reversible()).unwrap().change.clone();
    let mut case = Case {
        pc: DAMAGED,
        faults: vec![(retry, Fault::Refuses), (put_back, Fault::Refuses)],
        then: Then::TakeBack,
        windows: Windows::KeepsRunning,
    };
    let mut wreck = Wreck { pc: before.clone(), journal: Vec::new() };
    let outcome = begin(&case, &mut wreck, &Power::endless(), false).unwrap().outcome;
    let Outcome::Stuck { left } = outcome else { panic!("{outcome:?}") };
    assert_eq!(left.len(), 1, "{left:?}");
    for service in ["UsoSvc", "wuauserv", "BITS", "TransferHelper"] {
        assert!(running(service, true).holds(&wreck.pc).unwrap(), "{service} runs again");
    }
    case.faults.clear();
    let outcome = recover(&case, &mut wreck, &Power::endless(), false).unwrap().unwrap().outcome;
    assert_eq!(outcome, Outcome::RolledBack);
    assert_eq!(state(&wreck.pc), state(&before));
}

#[test]
fn a_service_that_cannot_be_started_again_is_told_and_the_others_still_start() {
    let before = Fixture::parse(LOCKED).unwrap();
    let case = Case {
        pc: LOCKED,
        faults: vec![(running("VaultWatch", true), Fault::Refuses)],
        then: Then::GoOn,
        windows: Windows::KeepsRunning,
    };
    let mut wreck = Wreck { pc: before, journal: Vec::new() };
    let outcome = begin(&case, &mut wreck, &Power::endless(), false).unwrap().outcome;
    let Outcome::Stuck { left } = outcome else { panic!("{outcome:?}") };
    assert!(left[0].contains("start service VaultWatch"), "{left:?}");
    assert!(running("VaultAgent", true).holds(&wreck.pc).unwrap());
    assert!(!stop("VaultWatch").holds(&Fixture::parse(LOCKED).unwrap()).unwrap());
}

/// A PC on which restore points are made, the last of them today.
fn protected() -> String {
    format!(
        "{LOCKED}//- reg \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\SystemRestore\"\n\
         RPSessionInterval = dword:1\n//- restore_point 7 Today time=2026-01-02T08:00:00Z\n\
         //- watchdog none\n"
    )
}

#[test]
fn a_restore_point_that_is_cut_off_or_fails_leaves_its_settings_as_they_were() {
    let pc = &protected();
    let mut runs = 0;
    let plan = steps(&Fixture::parse(pc).unwrap());
    assert_eq!(plan.iter().filter(|it| it.optional).count(), 2, "{plan:?}");
    let none: Vec<(Change, Fault)> = Vec::new();
    let failing = plan.iter().filter(|it| it.optional);
    let failing = failing.map(|it| vec![(it.change.clone(), Fault::Refuses)]);
    for faults in std::iter::once(none).chain(failing) {
        for then in [Then::GoOn, Then::TakeBack] {
            let windows = Windows::KeepsRunning;
            runs += crash_everywhere(&Case { pc, faults: faults.clone(), then, windows });
        }
    }
    tell(&format!("restore point: {runs} runs"));
}
