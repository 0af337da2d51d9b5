//! The dead-man's switch: who takes a repair back when its program and its PC are gone.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io;
use std::ops::ControlFlow;

use support::{LOCKED, SCANNED, diagnose};
use unwedge_engine::execute::Progress;
use unwedge_engine::guard::stand_down;
use unwedge_engine::journal::{Journal, Outcome, Replay, Store};
use unwedge_engine::plan::{Policy, plan};
use unwedge_engine::repair::{Repair, carry_out, take_back};
use unwedge_engine::shelf::Shelf;
use unwedge_host::testing::{Faulty, Power};
use unwedge_host::{Change, Fixture, Setting};

#[derive(Default)]
struct Memory(Vec<u8>);

impl Store for Memory {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(line);
        Ok(())
    }
}

fn watched(pc: &Fixture) -> bool {
    Change::Assign(Setting::Watchdog { present: true }).holds(pc).unwrap()
}

/// Repairs until the power goes; gives what was said and how it ended, if it came to an end.
fn repaired(
    pc: &mut Fixture,
    store: &mut Memory,
    power: &Power,
) -> (Vec<Progress>, Option<Repair>) {
    let before = diagnose(pc);
    let steps = plan(&before, pc, &Policy::default()).journal_steps();
    let mut host = Faulty { below: pc, power: power.clone(), faults: Vec::new() };
    let mut journal = Journal::create(store, "now", steps).unwrap();
    let mut said = Vec::new();
    let repair = carry_out(&mut host, &mut journal, &before, &diagnose, &mut |it| {
        said.push(it);
        ControlFlow::Continue(())
    });
    (said, repair.ok())
}

fn with(text: &str, more: &str) -> Fixture {
    Fixture::parse(&format!("{text}{more}")).unwrap()
}

#[test]
fn whenever_something_is_half_done_somebody_stands_by_and_nobody_afterwards() {
    for text in [format!("{LOCKED}//- watchdog none\n"), SCANNED.to_owned()] {
        for at in 1.. {
            let (mut pc, mut store) = (with(&text, ""), Memory::default());
            let (_, repair) = repaired(&mut pc, &mut store, &Power::cut_after(at));
            if repair.is_some() {
                assert!(!watched(&pc), "it goes with the repair");
                break;
            }
            let (replay, _) = Replay::read(&store.0).unwrap();
            let is_half_done = replay.closed.is_none() && !replay.states.is_empty();
            assert!(!is_half_done || watched(&pc), "cut at {at}: {:?}", replay.states);
            let mut journal = Journal::resume(&mut store, replay);
            take_back(&mut pc, &mut journal, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(!watched(&pc), "it goes with the undo");
        }
    }
}

#[test]
fn nothing_is_lent_where_nobody_is_sure_to_give_it_back() {
    let text = SCANNED.replace("watchdog none", "refused watchdog code=5\n//- watchdog none");
    for text in [text, SCANNED.replace("//- watchdog none\n", "")] {
        let mut pc = with(&text, "");
        let before = pc.text();
        let (_, repair) = repaired(&mut pc, &mut Memory::default(), &Power::endless());
        let repair = repair.unwrap();
        assert_eq!(repair.outcome, Outcome::RolledBack);
        assert!(repair.failures[0].contains("sure to put it back"), "{:?}", repair.failures);
        assert_eq!(pc.text(), before, "not even the log has grown");
    }
}

#[test]
fn what_lends_nothing_goes_on_without_anybody_and_says_so() {
    let mut pc = with(LOCKED, "//- watchdog none\n//- refused watchdog code=5\n");
    let (said, repair) = repaired(&mut pc, &mut Memory::default(), &Power::endless());
    assert_eq!(repair.unwrap().outcome, Outcome::Repaired);
    assert!(said.iter().any(|it| matches!(it, Progress::Unguarded { .. })), "{said:?}");
    let mut pc = with(LOCKED, "");
    let (said, _) = repaired(&mut pc, &mut Memory::default(), &Power::endless());
    assert!(!said.iter().any(|it| matches!(it, Progress::Unguarded { .. })), "{said:?}");
}

#[test]
fn one_that_was_left_behind_goes() {
    let mut pc = with(LOCKED, "//- watchdog registered\n");
    stand_down(&mut pc, &mut |it| panic!("{it:?}"));
    assert!(!watched(&pc));
}

#[test]
fn pitfall_38_a_registry_that_cannot_be_saved_is_an_error_and_never_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let kept = shelf.keep_registry(1, b"first").unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), b"first");
    shelf.keep_registry(1, b"again").unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), b"again");
    std::fs::create_dir(folder.path().join("0002-before.reg")).unwrap();
    assert!(shelf.keep_registry(2, b"x").is_err());
    assert!(shelf.volumes().unwrap().is_empty(), "it is no journal");
}
