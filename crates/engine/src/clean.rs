//! What repairs moved aside and kept: found again, and thrown away once nobody needs it.
//!
//! The only thing in this program that removes anything, and only what a repair of its own put
//! under a name of its own, after the update went through and a person said yes.

use unwedge_host::{Change, Host, HostError, HostMut, Tool, WinPath};

use crate::journal::{Event, Journal, JournalError, Outcome, StepState};
use crate::shelf::Volume;

/// How many files and folders are looked at to tell a size.
const MOST_ENTRIES: u64 = 200_000;

/// Something that was moved aside and is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The number of the repair.
    pub repair: u32,
    /// The step that moved it.
    pub step: u32,
    /// Where it came from.
    pub from: WinPath,
    /// Where it is kept.
    pub at: WinPath,
    /// Its size in bytes; `None` if not all of it could be looked at.
    pub size_bytes: Option<u64>,
}

/// Why something kept could not be thrown away.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CleanError {
    #[error("could not note that it is thrown away")]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Everything that finished repairs moved aside and that is still there, oldest first.
pub fn kept(host: &dyn Host, volumes: &[Volume]) -> Result<Vec<Kept>, HostError> {
    let mut all = Vec::new();
    for volume in volumes.iter().filter(|it| it.replay.closed == Some(Outcome::Repaired)) {
        for (step, it) in (0..).zip(&volume.replay.steps) {
            let Change::Move { from, to } = &it.change else { continue };
            // One that is noted as thrown away may still be there after a crash.
            let is_ours =
                matches!(volume.replay.state(step), StepState::Done { .. } | StepState::Kept);
            if is_ours && host.exists(to)? {
                all.push(Kept {
                    repair: volume.number,
                    step,
                    from: from.clone(),
                    at: to.clone(),
                    size_bytes: size(host, to),
                });
            }
        }
    }
    Ok(all)
}

/// Throws one away for good. From then on the repair can no longer be taken back whole; its
/// journal says so before anything is removed.
pub fn discard(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    kept: &Kept,
) -> Result<(), CleanError> {
    let closed = journal.replay().closed.clone();
    if journal.replay().state(kept.step) != StepState::Kept {
        journal.record(Event::GivenUp { step: kept.step })?;
    }
    let change = Change::Run(Tool::Discard { path: kept.at.clone() });
    host.apply(&change)?;
    let is_gone = change.holds(host)?;
    if let Some(outcome) = closed {
        journal.record(Event::Closed { outcome })?;
    }
    match is_gone {
        true => Ok(()),
        false => Err(CleanError::Host(HostError {
            op: "throw away",
            subject: kept.at.to_string(),
            kind: unwedge_host::HostErrorKind::Io(
                "Windows said it was done, but it is still there".to_owned(),
            ),
        })),
    }
}

fn size(host: &dyn Host, path: &WinPath) -> Option<u64> {
    let mut waiting = vec![path.clone()];
    let (mut total, mut seen) = (0_u64, 0);
    while let Some(folder) = waiting.pop() {
        let Some(entries) = host.list(&folder).ok()? else {
            // Not a folder: a single file was moved.
            return Some(host.read(&folder).ok()??.len() as u64);
        };
        for entry in entries {
            seen += 1;
            if seen > MOST_ENTRIES {
                return None;
            }
            match entry.is_folder {
                true => waiting.push(folder.join(&entry.name)),
                false => total = total.saturating_add(entry.size_bytes),
            }
        }
    }
    Some(total)
}
