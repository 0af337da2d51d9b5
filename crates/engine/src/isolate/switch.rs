//! Switching one step of a search off and on again, with its undo on record before.

use unwedge_host::{HostError, HostErrorKind, HostMut};

use crate::execute::{Interrupted, Progress, Watcher, note, read_back, take_back, tell, to_undo};
use crate::journal::{Event, Journal, StepState};

/// How a switch ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Switched {
    /// It is as it should be.
    Done,
    /// It could not be, in plain words.
    Failed(String),
}

/// Makes a step true.
pub(super) fn off(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    step: u32,
    watch: &mut Watcher<'_>,
) -> Result<Switched, Interrupted> {
    let what = journal.replay().steps[step as usize].clone();
    let state = journal.replay().state(step);
    match what.change.holds(host) {
        Ok(true) => match state {
            StepState::InDoubt { .. } => {
                note(host, journal, Event::Done { step, verified: true })?;
                return Ok(Switched::Done);
            }
            StepState::Fresh => {
                note(host, journal, Event::Skipped { step })?;
                return Ok(Switched::Done);
            }
            _ => return Ok(Switched::Done),
        },
        Ok(false) => {}
        Err(err) => return failed(host, journal, step, err),
    }
    // What was begun to be taken back is taken back first.
    if matches!(state, StepState::Undoing { .. } | StepState::Stuck { .. })
        && let failed @ Switched::Failed(_) = on(host, journal, step, watch)?
    {
        return Ok(failed);
    }
    if to_undo(&journal.replay().state(step)).is_none() {
        let undo = match what.change.inverse(host) {
            Ok(undo) => undo,
            Err(err) => return failed(host, journal, step, err),
        };
        note(host, journal, Event::Intended { step, undo })?;
    }
    match host.apply(&what.change).and_then(|()| read_back(host, &what.change)) {
        Ok(verified) => {
            if !matches!(journal.replay().state(step), StepState::Done { .. }) {
                note(host, journal, Event::Done { step, verified })?;
            }
            Ok(Switched::Done)
        }
        Err(err) => failed(host, journal, step, err),
    }
}

/// Takes a step back, if it was made or may have been.
pub(super) fn on(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    step: u32,
    watch: &mut Watcher<'_>,
) -> Result<Switched, Interrupted> {
    let Some(Some(undo)) = to_undo(&journal.replay().state(step)) else {
        return Ok(Switched::Done);
    };
    note(host, journal, Event::UndoStarted { step })?;
    match take_back(host, &undo) {
        Ok(()) => {
            note(host, journal, Event::Undone { step })?;
            Ok(Switched::Done)
        }
        Err(err) if err.kind == HostErrorKind::Crashed => Err(Interrupted::Host(err)),
        Err(err) => {
            let error = err.to_string();
            note(host, journal, Event::UndoFailed { step, error: error.clone() })?;
            tell(watch, Progress::UndoFailed { step, error: error.clone() });
            Ok(Switched::Failed(error))
        }
    }
}

fn failed(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    step: u32,
    err: HostError,
) -> Result<Switched, Interrupted> {
    if err.kind == HostErrorKind::Crashed {
        return Err(Interrupted::Host(err));
    }
    let error = err.to_string();
    // One that was taken back before, or is made, says by its state how it stands.
    if matches!(journal.replay().state(step), StepState::Fresh | StepState::InDoubt { .. }) {
        let failed =
            Event::Failed { step, error: error.clone(), cancelled: false, optional: false };
        note(host, journal, failed)?;
    }
    Ok(Switched::Failed(error))
}
