//! The repair journal: one checksummed line per event, durable before it returns.
//!
//! Whatever can be said about a repair is learnt by replaying its events. A torn last line never
//! happened; damage anywhere else is refused, and so is a journal of a newer format.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use unwedge_host::Change;

use crate::isolate::note::Note;

/// The number of the form on disk. Readers go back, writers never go forward.
///
/// 2: a search for a culprit (`noted`), whose steps may be made again after they were taken back.
pub const FORMAT: u32 = 2;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The first line: all that is going to be done.
    Opened {
        /// [`FORMAT`] of the writer.
        format: u32,
        /// Version of the writer.
        unwedge: String,
        /// When, by the machine's clock.
        at: String,
        /// The steps, by number.
        steps: Vec<JournalStep>,
    },
    /// Durable before the change is made: `undo` is all that a later rollback needs.
    Intended {
        /// Which step.
        step: u32,
        /// What takes it back; `None` if nothing can.
        undo: Option<Change>,
    },
    /// It was made.
    Done {
        /// Which step.
        step: u32,
        /// Whether it was read back; nobody could tell otherwise.
        #[serde(default = "verified")]
        verified: bool,
    },
    /// The machine already was as the step would have left it.
    Skipped {
        /// Which step.
        step: u32,
    },
    /// It could not be made; everything is going to be taken back, unless it is optional.
    Failed {
        /// Which step.
        step: u32,
        /// Why.
        error: String,
        /// Whether the user asked to stop.
        #[serde(default)]
        cancelled: bool,
        /// Whether the repair goes on without it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// It is going to be taken back.
    UndoStarted {
        /// Which step.
        step: u32,
    },
    /// It has been taken back, and read back.
    Undone {
        /// Which step.
        step: u32,
    },
    /// It cannot be taken back by its nature, and stays.
    Kept {
        /// Which step.
        step: u32,
    },
    /// What would take it back has been thrown away, because the user said so.
    GivenUp {
        /// Which step.
        step: u32,
    },
    /// Taking it back failed: a person must look.
    UndoFailed {
        /// Which step.
        step: u32,
        /// Why.
        error: String,
    },
    /// What a search for a culprit has to remember over restarts.
    Noted {
        /// What.
        note: Note,
    },
    /// Nothing more is going to happen, unless somebody takes it back.
    Closed {
        /// How it ended.
        outcome: Outcome,
    },
}

fn verified() -> bool {
    true
}

/// A step as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStep {
    /// What is changed.
    pub change: Change,
    /// One plain sentence.
    pub says: String,
    /// Whether the repair goes on without it, should it fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// How a repair ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Every step was made.
    Repaired,
    /// Every step was made; Windows must restart to complete the update.
    NeedsReboot,
    /// Every step that was made has been taken back.
    RolledBack,
    /// Everything reversible has been taken back; this stays.
    Kept {
        /// What stays, in plain words.
        irreversible: Vec<String>,
    },
    /// Something could not be taken back: a person must look.
    Stuck {
        /// What is not as it was, and why, in plain words.
        left: Vec<String>,
    },
}

/// Where a step stands, learnt only by replaying events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is the state after the event of the same name")]
pub enum StepState {
    #[default]
    Fresh,
    InDoubt {
        undo: Option<Change>,
    },
    Failed {
        undo: Option<Change>,
    },
    Done {
        undo: Option<Change>,
    },
    Skipped,
    Undoing {
        undo: Option<Change>,
    },
    Stuck {
        undo: Option<Change>,
    },
    Undone,
    Kept,
    /// Optional, and not begun because it could not be told how it stood.
    Omitted,
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum JournalError {
    #[error("line {line} is damaged: its checksum does not match")]
    Corrupt { line: usize },
    #[error("line {line} is whole, but no event this version knows: {source}")]
    Unknown {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("line {line}: {event} cannot follow here")]
    Illegal { line: usize, event: String },
    #[error("written by a newer unwedge (format {format}, this version knows up to {FORMAT})")]
    TooNew { format: u32 },
    #[error("could not make the journal durable")]
    Io(#[from] io::Error),
}

/// Appends one line and makes it durable before it returns.
pub trait Store {
    /// On an error, nothing of the line may count.
    fn append(&mut self, line: &[u8]) -> io::Result<()>;
}

/// A journal that is being written.
pub struct Journal<'s> {
    store: &'s mut dyn Store,
    replay: Replay,
}

/// What the events of a journal add up to.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// When it was opened, by the machine's clock.
    pub at: String,
    /// Version of unwedge that opened it.
    pub unwedge: String,
    /// The plan.
    pub steps: Vec<JournalStep>,
    /// Where each step stands that is not fresh.
    pub states: BTreeMap<u32, StepState>,
    /// Steps that were made, and of which nobody could tell whether it is so.
    pub unverified: Vec<u32>,
    /// What failed, and why.
    pub failures: Vec<(u32, String)>,
    /// Whether the user stopped it.
    pub is_cancelled: bool,
    /// Whether it is being taken back.
    pub unwinding: bool,
    /// What a search for a culprit noted; a repair notes nothing.
    pub notes: Vec<Note>,
    /// How it ended, if it has.
    pub closed: Option<Outcome>,
}

impl Replay {
    /// Rebuilds the state from `bytes`; also gives the length of what is whole.
    pub fn read(bytes: &[u8]) -> Result<(Replay, usize), JournalError> {
        let mut replay = Replay::default();
        let mut whole = 0;
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
        for (number, line) in (1..).zip(&lines) {
            match payload(line) {
                Some(json) => replay.record(number, &decode(number, json)?)?,
                None if number == lines.len() => break,
                None => return Err(JournalError::Corrupt { line: number }),
            }
            whole += line.len();
        }
        Ok((replay, whole))
    }

    /// Where a step stands.
    #[must_use]
    pub fn state(&self, step: u32) -> StepState {
        self.states.get(&step).cloned().unwrap_or_default()
    }

    /// Whether the first line never became durable, so that nothing can have been changed.
    #[must_use]
    pub fn never_happened(&self) -> bool {
        self.unwedge.is_empty()
    }

    /// Whether this is a search for a culprit, and no repair.
    #[must_use]
    pub fn is_search(&self) -> bool {
        matches!(self.notes.first(), Some(Note::Begun(_)))
    }

    /// Whether this is a clean boot that was made by hand.
    #[must_use]
    pub fn is_clean_boot(&self) -> bool {
        matches!(self.notes.first(), Some(Note::CleanBoot))
    }

    /// Whether something is left that an undo would take back.
    #[must_use]
    pub fn can_be_undone(&self) -> bool {
        self.states.values().any(|it| match it {
            StepState::InDoubt { .. }
            | StepState::Failed { .. }
            | StepState::Done { .. }
            | StepState::Undoing { .. }
            | StepState::Stuck { .. } => true,
            StepState::Fresh
            | StepState::Skipped
            | StepState::Undone
            | StepState::Kept
            | StepState::Omitted => false,
        })
    }

    fn record(&mut self, line: usize, event: &Event) -> Result<(), JournalError> {
        let illegal = || JournalError::Illegal { line, event: format!("{event:?}") };
        let step = match event {
            Event::Opened { format, .. } if *format > FORMAT => {
                return Err(JournalError::TooNew { format: *format });
            }
            Event::Opened { unwedge, at, steps, .. } => {
                if !self.never_happened() {
                    return Err(illegal());
                }
                (self.unwedge, self.at) = (unwedge.clone(), at.clone());
                self.steps = steps.clone();
                return Ok(());
            }
            Event::Closed { outcome } => {
                self.closed = Some(outcome.clone());
                return Ok(());
            }
            Event::Noted { note } => {
                self.closed = None;
                self.notes.push(note.clone());
                return Ok(());
            }
            Event::GivenUp { step }
            | Event::Intended { step, .. }
            | Event::Done { step, .. }
            | Event::Skipped { step } => *step,
            Event::Failed { step, error, cancelled, optional } => {
                self.is_cancelled |= cancelled;
                self.failures.push((*step, error.clone()));
                self.unwinding |= !optional && !self.is_search();
                *step
            }
            Event::UndoStarted { step }
            | Event::Undone { step }
            | Event::Kept { step }
            | Event::UndoFailed { step, .. } => {
                self.unwinding |= !self.is_search();
                *step
            }
        };
        if step as usize >= self.steps.len() {
            return Err(illegal());
        }
        self.closed = None;
        let state = self.state(step);
        let next = match (&state, event) {
            // A search switches the same thing more than once.
            (StepState::Undone | StepState::Skipped, Event::Intended { undo, .. })
                if self.is_search() =>
            {
                StepState::InDoubt { undo: undo.clone() }
            }
            _ => next(state, event).ok_or_else(illegal)?,
        };
        if let Event::Done { verified: false, .. } = event {
            self.unverified.push(step);
        }
        self.states.insert(step, next);
        Ok(())
    }
}

/// Every legal transition; whatever is not here is a broken journal.
fn next(state: StepState, event: &Event) -> Option<StepState> {
    use StepState::{Done, Failed, Fresh, InDoubt, Kept, Omitted, Skipped, Stuck, Undoing, Undone};
    Some(match (state, event) {
        (Fresh, Event::Intended { undo, .. }) => InDoubt { undo: undo.clone() },
        (Fresh, Event::Skipped { .. }) => Skipped,
        (Fresh, Event::Failed { optional: true, .. }) => Omitted,
        (Fresh, Event::Failed { .. }) => Fresh,
        (InDoubt { undo }, Event::Done { .. }) => Done { undo },
        (Done { .. }, Event::GivenUp { .. }) => Kept,
        (InDoubt { undo }, Event::Failed { .. }) => Failed { undo },
        (
            InDoubt { undo } | Failed { undo } | Done { undo } | Undoing { undo } | Stuck { undo },
            Event::UndoStarted { .. },
        ) => Undoing { undo },
        (Undoing { .. }, Event::Undone { .. }) => Undone,
        (Undoing { .. }, Event::Kept { .. }) => Kept,
        (Undoing { undo }, Event::UndoFailed { .. }) => Stuck { undo },
        _ => return None,
    })
}

impl<'s> Journal<'s> {
    /// Begins a journal: what is going to be done is durable when this returns.
    pub fn create(
        store: &'s mut dyn Store,
        at: &str,
        steps: Vec<JournalStep>,
    ) -> Result<Self, JournalError> {
        let mut journal = Journal { store, replay: Replay::default() };
        let unwedge = env!("CARGO_PKG_VERSION").to_owned();
        journal.record(Event::Opened { format: FORMAT, unwedge, at: at.to_owned(), steps })?;
        Ok(journal)
    }

    /// Continues a journal; the store has been cut back to the length [`Replay::read`] gave.
    pub fn resume(store: &'s mut dyn Store, replay: Replay) -> Self {
        Journal { store, replay }
    }

    /// What has happened so far.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Makes an event durable, then counts it.
    pub fn record(&mut self, event: Event) -> Result<(), JournalError> {
        self.store.append(&encode(&event))?;
        self.replay.record(0, &event)
    }
}

fn encode(event: &Event) -> Vec<u8> {
    let json = serde_json::to_string(event).expect("an event is always representable");
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

/// The JSON of a line, if the line is whole and its checksum matches.
fn payload(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, json) = (line.get(..8)?, line.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == crc32fast::hash(json)).then_some(json)
}

fn decode(line: usize, json: &[u8]) -> Result<Event, JournalError> {
    #[derive(Deserialize)]
    struct Header {
        format: u32,
    }
    match serde_json::from_slice(json) {
        Ok(event) => Ok(event),
        // A newer format may have other fields, but it keeps saying its number.
        Err(source) => match serde_json::from_slice::<Header>(json) {
            Ok(Header { format }) if format > FORMAT => Err(JournalError::TooNew { format }),
            _ => Err(JournalError::Unknown { line, source }),
        },
    }
}
