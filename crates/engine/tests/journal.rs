//! What stands on the disk is believed only as far as it is whole, and nothing is ever lost.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::io;

use unwedge_engine::journal::{
    Event, Journal, JournalError, JournalStep, Outcome, Replay, StepState, Store,
};
use unwedge_engine::shelf::{Shelf, ShelfError, open};
use unwedge_host::{Change, ServiceName, Setting};

#[derive(Default)]
struct Tape(Vec<u8>);

impl Store for Tape {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(line);
        Ok(())
    }
}

fn stop() -> Change {
    Change::Assign(Setting::Running { service: ServiceName::new("bits"), running: false })
}

fn steps() -> Vec<JournalStep> {
    vec![JournalStep { change: stop(), says: "Stop it.".to_owned(), optional: false }]
}

/// A journal of one step that was made.
fn written() -> Vec<u8> {
    let mut tape = Tape::default();
    let mut journal = Journal::create(&mut tape, "2026-01-02T12:00:00", steps()).unwrap();
    journal.record(Event::Intended { step: 0, undo: Some(stop()) }).unwrap();
    journal.record(Event::Done { step: 0, verified: true }).unwrap();
    tape.0
}

fn line(json: &str) -> Vec<u8> {
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

#[test]
fn a_torn_last_line_never_happened() {
    let whole = written();
    let last = whole[..whole.len() - 1].iter().rposition(|&it| it == b'\n').unwrap() + 1;
    for cut in last..whole.len() {
        let (replay, length) = Replay::read(&whole[..cut]).unwrap();
        assert_eq!(length, last);
        assert_eq!(replay.state(0), StepState::InDoubt { undo: Some(stop()) });
    }
    assert_eq!(Replay::read(&whole).unwrap().0.state(0), StepState::Done { undo: Some(stop()) });
}

#[test]
fn a_torn_first_line_means_that_nothing_was_done() {
    let whole = written();
    for cut in 0..whole.iter().position(|&it| it == b'\n').unwrap() {
        assert!(Replay::read(&whole[..cut]).unwrap().0.never_happened());
    }
}

#[test]
fn damage_in_the_middle_is_refused_with_its_line() {
    let whole = written();
    let second = whole.iter().position(|&it| it == b'\n').unwrap() + 1;
    for (at, line) in [(3, 1), (20, 1), (second + 12, 2)] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let told = Replay::read(&bytes).unwrap_err().to_string();
        assert_eq!(told, format!("line {line} is damaged: its checksum does not match"));
    }
}

#[test]
fn a_newer_format_is_refused_by_name_whatever_else_it_holds() {
    let bytes = line(r#"{"event":"opened","format":7,"colour":"red"}"#);
    let told = Replay::read(&bytes).unwrap_err().to_string();
    assert_eq!(told, "written by a newer unwedge (format 7, this version knows up to 2)");
}

#[test]
fn a_whole_line_that_says_nothing_known_is_not_taken_for_a_torn_one() {
    let mut bytes = written();
    bytes.extend(line(r#"{"event":"danced"}"#));
    assert!(matches!(Replay::read(&bytes), Err(JournalError::Unknown { line: 4, .. })));
}

#[test]
fn events_that_cannot_follow_one_another_are_refused() {
    for wrong in [
        Event::Done { step: 0, verified: true },
        Event::Skipped { step: 0 },
        Event::Undone { step: 0 },
        Event::Done { step: 1, verified: true },
        Event::Intended { step: 0, undo: None },
    ] {
        let mut bytes = written();
        let json = serde_json::to_string(&wrong).unwrap();
        bytes.extend(line(&json));
        let read = Replay::read(&bytes);
        assert!(matches!(read, Err(JournalError::Illegal { line: 4, .. })), "{wrong:?}");
    }
}

#[test]
fn what_happens_after_the_end_opens_the_journal_again() {
    let mut tape = Tape(written());
    let (replay, _) = Replay::read(&tape.0).unwrap();
    let mut journal = Journal::resume(&mut tape, replay);
    journal.record(Event::Closed { outcome: Outcome::Repaired }).unwrap();
    assert_eq!(journal.replay().closed, Some(Outcome::Repaired));
    assert!(journal.replay().can_be_undone());
    journal.record(Event::UndoStarted { step: 0 }).unwrap();
    assert_eq!(journal.replay().closed, None);
    journal.record(Event::Undone { step: 0 }).unwrap();
    assert!(!journal.replay().can_be_undone());
}

#[test]
fn only_one_repair_at_a_time_gets_in_and_a_dead_one_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(&folder.path().join("pc.host.unwedge"));
    let first = shelf.lock().unwrap();
    let told = shelf.lock().unwrap_err();
    assert!(matches!(told, ShelfError::Busy { .. }));
    assert!(told.to_string().starts_with("another repair is at work on this PC right now"));
    // The file of a process that died stays; its lock does not.
    drop(first);
    assert!(folder.path().join("pc.host.unwedge/lock").exists());
    shelf.lock().unwrap();
}

#[test]
fn pitfall_02_no_number_is_given_twice_and_no_journal_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    assert_eq!(shelf.next_number().unwrap(), 1);
    let (path, mut store) = shelf.create(1).unwrap();
    Journal::create(&mut store, "now", steps()).unwrap();
    assert!(shelf.create(1).is_err(), "an existing journal is never opened as new");
    assert_eq!(shelf.next_number().unwrap(), 2);
    // A journal whose first line was torn never happened, but keeps its number.
    let (torn, _) = shelf.create(2).unwrap();
    fs::write(&torn, b"1234").unwrap();
    assert_eq!(shelf.next_number().unwrap(), 3);
    let volumes = shelf.volumes().unwrap();
    assert_eq!(volumes.len(), 1);
    assert_eq!(volumes[0].path, path);
}

#[test]
fn a_torn_line_is_cut_off_before_anything_is_appended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0001.journal");
    let mut bytes = written();
    bytes.extend_from_slice(b"00000000 {\"event\":\"und");
    fs::write(&path, &bytes).unwrap();
    let volume = open(&path).unwrap();
    let mut store = volume.store().unwrap();
    let mut journal = Journal::resume(&mut store, volume.replay.clone());
    journal.record(Event::UndoStarted { step: 0 }).unwrap();
    let again = open(&path).unwrap();
    assert_eq!(again.replay.state(0), StepState::Undoing { undo: Some(stop()) });
}

#[test]
fn a_journal_that_cannot_be_read_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0001.journal");
    let mut bytes = written();
    bytes[10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let told = Shelf::new(folder.path()).volumes().unwrap_err().to_string();
    assert!(told.contains("0001.journal"), "{told}");
}
