//! A repair whose update is complete only after a restart: it waits, looks again, and ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use support::{LOCKED, diagnose};
use unwedge_engine::execute::Interrupted;
use unwedge_engine::journal::{Journal, Outcome, Replay, Store};
use unwedge_engine::plan::{Policy, plan};
use unwedge_engine::repair::{carry_out, take_back};
use unwedge_engine::resume::{Resumed, after_restart, waits};
use unwedge_engine::verify::Proven;
use unwedge_host::testing::{Faulty, Power};
use unwedge_host::{Change, Fixture, ServiceName, Setting};

/// A journal in memory, which the power cut reaches too.
struct Tape {
    bytes: Vec<u8>,
    power: Power,
}

impl Store for Tape {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = &mut self.bytes;
        let done = self.power.touch(|| bytes.extend_from_slice(line));
        done.ok_or_else(|| io::Error::other("the power is gone"))
    }
}

/// A PC whose repair waits for a restart, and its journal.
fn waiting() -> (Fixture, Vec<u8>) {
    let text = LOCKED.replace(" needs=wuauserv\n", " needs=wuauserv restart\n");
    let mut pc = Fixture::parse(&format!("{text}//- watchdog none\n")).unwrap();
    let before = diagnose(&pc);
    let steps = plan(&before, &pc, &Policy::default()).journal_steps();
    let mut tape = Tape { bytes: Vec::new(), power: Power::endless() };
    let mut journal = Journal::create(&mut tape, "2026-01-02", steps).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    let repair = carry_out(&mut pc, &mut journal, &before, &diagnose, go_on).unwrap();
    assert_eq!(repair.outcome, Outcome::NeedsReboot);
    assert!(watched(&pc), "somebody looks at the next start");
    (pc, tape.bytes)
}

fn watched(pc: &Fixture) -> bool {
    Change::Assign(Setting::Watchdog { present: true }).holds(pc).unwrap()
}

fn runs(pc: &Fixture, name: &str) -> bool {
    let service = ServiceName::new(name);
    Change::Assign(Setting::Running { service, running: true }).holds(pc).unwrap()
}

fn resumed(pc: &mut Fixture, tape: &mut Vec<u8>, power: &Power) -> Result<Resumed, Interrupted> {
    let (replay, whole) = Replay::read(tape).unwrap();
    assert!(waits(&replay));
    tape.truncate(whole);
    let mut store = Tape { bytes: std::mem::take(tape), power: power.clone() };
    let mut host = Faulty { below: pc, power: power.clone(), faults: Vec::new() };
    let mut journal = Journal::resume(&mut store, replay);
    let go_on = &mut |_| ControlFlow::Continue(());
    let done = after_restart(&mut host, &mut journal, &diagnose, go_on);
    *tape = store.bytes;
    done
}

/// Windows restarts, and the update fails in the middle of it.
fn restarted_in_vain(pc: &mut Fixture) {
    pc.restart();
    let failed = "2026-01-03 10:00:00, Info                  CBS    Exec: Processing complete.  \
                  Session: 9_9, Package: P, Identifier: KB5034441 [HRESULT = 0x80070021 - \
                  ERROR_LOCK_VIOLATION]\r\n";
    let text = pc.text();
    let (head, log) = text.split_once("//- file C:\\Windows\\Logs\\CBS\\CBS.log").unwrap();
    let (log, tail) = log.split_once("//- file").unwrap();
    let text = format!("{head}//- file C:\\Windows\\Logs\\CBS\\CBS.log{log}{failed}//- file{tail}");
    *pc = Fixture::parse(&text.replace("status=installed", "status=pending")).unwrap();
}

#[test]
fn before_the_restart_it_waits_and_after_it_the_update_is_proven() {
    let (mut pc, mut tape) = waiting();
    let before = tape.clone();
    let power = Power::endless();
    assert_eq!(resumed(&mut pc, &mut tape, &power).unwrap(), Resumed::StillWaits);
    assert!(watched(&pc) && tape == before, "nothing is written while it waits");
    pc.restart();
    let ended = resumed(&mut pc, &mut tape, &power).unwrap();
    let Resumed::Ended(repair) = ended else { panic!("{ended:?}") };
    assert_eq!(repair.outcome, Outcome::Repaired);
    assert_eq!(repair.verification.unwrap().result, Proven::Fixed);
    assert!(!watched(&pc), "nobody is left behind");
    assert!(runs(&pc, "VaultAgent") && runs(&pc, "VaultWatch"));
    assert!(!waits(&Replay::read(&tape).unwrap().0));
}

#[test]
fn an_update_that_fails_in_the_restart_is_told_and_the_repair_taken_back() {
    let (mut pc, mut tape) = waiting();
    restarted_in_vain(&mut pc);
    let ended = resumed(&mut pc, &mut tape, &Power::endless()).unwrap();
    let Resumed::Ended(repair) = ended else { panic!("{ended:?}") };
    assert_eq!(repair.outcome, Outcome::RolledBack, "{repair:?}");
    assert_eq!(repair.verification.unwrap().result, Proven::StillFailing);
    assert!(!watched(&pc) && runs(&pc, "VaultAgent"));
}

#[test]
fn cut_off_anywhere_while_it_looks_again_it_ends_the_same() {
    let mut count = 0;
    for fails in [false, true] {
        for cut in [Power::cut_before as fn(u32) -> Power, Power::cut_after] {
            for at in 1.. {
                let (mut pc, mut tape) = waiting();
                if fails {
                    restarted_in_vain(&mut pc);
                } else {
                    pc.restart();
                }
                count += 1;
                let is_whole = resumed(&mut pc, &mut tape, &cut(at)).is_ok();
                let (replay, whole) = Replay::read(&tape).unwrap();
                if replay.closed.is_none() {
                    assert!(watched(&pc), "cut at {at}");
                    tape.truncate(whole);
                    let power = Power::endless();
                    let mut store = Tape { bytes: std::mem::take(&mut tape), power };
                    let mut journal = Journal::resume(&mut store, replay);
                    let go_on = &mut |_| ControlFlow::Continue(());
                    take_back(&mut pc, &mut journal, go_on).unwrap();
                    tape = store.bytes;
                } else if waits(&replay) {
                    // What stood by is still there, and comes here again.
                    assert!(watched(&pc), "cut at {at}");
                    resumed(&mut pc, &mut tape, &Power::endless()).unwrap();
                    assert!(!watched(&pc), "cut at {at}");
                }
                let closed = Replay::read(&tape).unwrap().0.closed.unwrap();
                let wanted = if fails { Outcome::RolledBack } else { Outcome::Repaired };
                assert_eq!(closed, wanted, "cut at {at}");
                assert!(runs(&pc, "VaultAgent") && runs(&pc, "VaultWatch"), "cut at {at}");
                if is_whole {
                    break;
                }
            }
        }
    }
    let _ = writeln!(io::stderr().lock(), "looking again, cut off: {count} runs");
}
