//! The whole of a repair once it is agreed: carry out, look again, keep it or take it back.

use serde::Serialize;
use unwedge_host::system::pending;
use unwedge_host::{Change, Host, HostMut, Tool, WinPath};

use crate::execute::{Interrupted, Watcher, execute, rollback, rollback_step, to_undo};
use crate::guard;
use crate::journal::{Event, Journal, JournalError, Outcome, Replay, StepState};
use crate::report::Diagnosis;
use crate::verify::{Proven, Verification, sharpened, verify};

/// How a repair ended, and what is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// How the steps ended.
    pub outcome: Outcome,
    /// What failed on the way, in plain words.
    pub failures: Vec<String>,
    /// How each step ended, in the order of the plan.
    pub steps: Vec<StepEnd>,
    /// Whether the user stopped it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cancelled: bool,
    /// What is worth knowing although every step was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Before and after, if every step was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepEnd {
    /// What it is, in one plain sentence.
    pub says: String,
    /// How it ended.
    pub ended: Ended,
}

/// How a step ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Made, and read back.
    Done,
    /// The machine already was so.
    AlreadySo,
    /// It did not come to it.
    NotNeeded,
    /// It could not be made.
    Failed,
    /// Made, and nobody could tell whether it is so.
    Unverified,
    /// Made, and taken back since.
    TakenBack,
    /// It cannot be taken back, and stays.
    Stays,
    /// It could not be taken back: a person must look.
    Stuck,
}

/// How each step of a journal ended, or stands.
#[must_use]
pub fn ends(replay: &Replay) -> Vec<StepEnd> {
    let failed = |step: u32| replay.failures.iter().any(|(it, _)| *it == step);
    let all = (0..).zip(&replay.steps).map(|(step, it)| {
        let ended = match replay.state(step) {
            _ if failed(step) => Ended::Failed,
            StepState::Fresh => Ended::NotNeeded,
            StepState::Skipped => Ended::AlreadySo,
            StepState::Done { .. } if replay.unverified.contains(&step) => Ended::Unverified,
            StepState::Done { .. } => Ended::Done,
            StepState::InDoubt { .. } | StepState::Undoing { .. } => Ended::Unverified,
            StepState::Failed { .. } | StepState::Omitted => Ended::Failed,
            // There is nothing to take back about it, and it may be of use.
            StepState::Undone if matches!(it.change, Change::Run(Tool::RestorePoint { .. })) => {
                Ended::Stays
            }
            StepState::Undone => Ended::TakenBack,
            StepState::Kept => Ended::Stays,
            StepState::Stuck { .. } => Ended::Stuck,
        };
        StepEnd { says: it.says.clone(), ended }
    });
    all.collect()
}

/// Carries out what the journal says, looks again, and takes everything back if the update still
/// fails. Also finishes a repair that was interrupted.
pub fn carry_out(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    before: &Diagnosis,
    diagnose: &dyn Fn(&dyn Host) -> Diagnosis,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    if let Some(why) = guard::stand_by(host, journal, watch)? {
        return refuse(journal, why);
    }
    let repair = carry_on(host, journal, before, diagnose, watch)?;
    // At the next start it looks whether the update is in.
    if repair.outcome != Outcome::NeedsReboot {
        guard::stand_down(host, watch);
    }
    Ok(repair)
}

/// Ends a repair before its first change.
fn refuse(journal: &mut Journal<'_>, why: String) -> Result<Repair, Interrupted> {
    let failed = Event::Failed { step: 0, error: why, cancelled: false, optional: false };
    journal.record(failed).map_err(unfinished)?;
    close(journal, Outcome::RolledBack, None)
}

fn carry_on(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    before: &Diagnosis,
    diagnose: &dyn Fn(&dyn Host) -> Diagnosis,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    let mut outcome = execute(host, journal, watch)?;
    let mut verification = None;
    if matches!(outcome, Outcome::Repaired | Outcome::NeedsReboot) {
        let kb = retried(journal);
        let mut seen = verify(before, &diagnose(host), kb.as_deref());
        if !was_retried(journal) {
            seen.result = Proven::NotShown;
        }
        outcome = match (outcome, seen.result) {
            (_, Proven::StillFailing) => rollback(host, journal, watch)?,
            (_, Proven::AfterRestart) => Outcome::NeedsReboot,
            (outcome, Proven::Fixed | Proven::OtherFailure | Proven::NotShown) => outcome,
        };
        if let (Some(kb), Some(proof)) = (&kb, &seen.proof) {
            // A log that cannot be read again leaves the proof as it is.
            let content = host.read(&WinPath::new(&proof.source)).ok().flatten();
            seen.proof = content.and_then(|it| sharpened(proof, kb, &it)).or(seen.proof);
        }
        verification = Some(seen);
    }
    let mut warnings = half_mended(journal.replay());
    if matches!(outcome, Outcome::Repaired | Outcome::NeedsReboot) {
        warnings.extend(doomed(host, journal.replay()));
    }
    let repair = close(journal, outcome, verification)?;
    Ok(Repair { warnings, ..repair })
}

/// Repairs of Windows' own files that began and failed: Windows mends one file after the other, and
/// tells nobody how far it came.
fn half_mended(replay: &Replay) -> Vec<String> {
    let failed = replay.failures.iter().filter(|(step, _)| {
        // What was refused before its intent was noted never began.
        !matches!(replay.state(*step), StepState::Fresh | StepState::Omitted)
    });
    let begun = failed.filter_map(|(step, _)| replay.steps.get(*step as usize));
    let what = begun.filter_map(|it| match &it.change {
        Change::Run(Tool::RepairStore { .. }) => Some("the repair of the component store"),
        Change::Run(Tool::CheckFiles) => Some("the check of Windows' own files"),
        _ => None,
    });
    what.map(|it| {
        format!(
            "{it} failed in the middle; Windows may have replaced some of its own damaged files by \
             then, and those stay as they are now"
        )
    })
    .collect()
}

/// Files where something was moved that Windows deletes by name at the next start: what has been
/// made anew under that name since would go with them.
fn doomed(host: &dyn Host, replay: &Replay) -> Vec<String> {
    let moved = replay.steps.iter().filter_map(|it| match &it.change {
        Change::Move { from, .. } => Some(from),
        Change::Assign(_) | Change::PutBack { .. } | Change::Run(_) => None,
    });
    let moved: Vec<&WinPath> = moved.collect();
    let renames = pending::read(host).found.renames;
    let hit = renames
        .iter()
        .filter(|it| it.to.is_none() && moved.iter().any(|folder| it.from.is_within(folder)));
    hit.map(|it| {
        format!(
            "an earlier installer had Windows delete {} at the next start; it may be a new file by \
             now. Look at the update again after the restart",
            it.from
        )
    })
    .collect()
}

/// Takes back whatever a journal says was made.
pub fn take_back(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    let outcome = rollback(host, journal, watch)?;
    let repair = close(journal, outcome, None)?;
    // One may stand by since the repair that was cut off.
    guard::stand_down(host, watch);
    Ok(repair)
}

/// What would take a single step back, or why that cannot be done without the later ones.
pub fn step_undo(replay: &Replay, step: u32) -> Result<Change, String> {
    let count = replay.steps.len();
    if step as usize >= count {
        return Err(format!("the repair has {count} steps"));
    }
    let undo = match to_undo(&replay.state(step)) {
        Some(Some(undo)) => undo,
        Some(None) => return Err("by its nature it cannot be undone".to_owned()),
        None => return Err("it was not made, or has been taken back already".to_owned()),
    };
    let is_built_on = (step + 1..)
        .zip(&replay.steps[step as usize + 1..])
        .any(|(later, it)| to_undo(&replay.state(later)).is_some() && builds_on(&it.change, &undo));
    match is_built_on {
        true => Err("a later step is about the same thing; take that back first".to_owned()),
        false => Ok(undo),
    }
}

/// Takes a single step back; what the others made still holds afterwards.
///
/// Should this be interrupted, the next run takes the whole repair back.
pub fn take_back_step(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    step: u32,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    let before = journal.replay().closed.clone();
    let left = rollback_step(host, journal, step, watch)?;
    let outcome = match (left.is_empty(), before) {
        (false, _) => Outcome::Stuck { left },
        (true, Some(before)) => before,
        (true, None) => Outcome::RolledBack,
    };
    close(journal, outcome, None)
}

fn builds_on(later: &Change, undo: &Change) -> bool {
    match (later, undo) {
        (Change::Assign(a), Change::Assign(b)) => a.subject() == b.subject(),
        (Change::Move { from, to }, Change::PutBack { from: kept, to: origin, .. }) => {
            [from, to].iter().any(|it| it.is_within(kept) || kept.is_within(it) || *it == origin)
        }
        _ => false,
    }
}

pub(crate) fn close(
    journal: &mut Journal<'_>,
    outcome: Outcome,
    verification: Option<Verification>,
) -> Result<Repair, Interrupted> {
    let replay = journal.replay();
    let failures = replay.failures.iter().map(|(_, error)| error.clone()).collect();
    let steps = ends(replay);
    let is_cancelled = replay.is_cancelled;
    journal.record(Event::Closed { outcome: outcome.clone() }).map_err(unfinished)?;
    Ok(Repair { outcome, failures, steps, is_cancelled, warnings: Vec::new(), verification })
}

/// Nothing was left to change, so nothing has to be taken back.
fn unfinished(source: JournalError) -> Interrupted {
    Interrupted::Journal { source, left: Vec::new() }
}

/// Whether the update was tried again; if that waits for a restart, nothing is shown yet, and there
/// is nothing to be taken back for.
pub(crate) fn was_retried(journal: &Journal<'_>) -> bool {
    let replay = journal.replay();
    !(0..).zip(&replay.steps).any(|(step, it)| {
        matches!(it.change, Change::Run(Tool::RetryUpdate { .. }))
            && replay.state(step) == StepState::Fresh
    })
}

pub(crate) fn retried(journal: &Journal<'_>) -> Option<String> {
    journal.replay().steps.iter().find_map(|it| match &it.change {
        Change::Run(Tool::RetryUpdate { kb }) => kb.clone(),
        _ => None,
    })
}
