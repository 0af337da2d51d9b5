//! Carries a plan out, and takes it back.
//!
//! Every step is durable as an intent, with its undo, before it is made; it is read back after,
//! because a success code is not belief. Safe to call again after a crash anywhere: what is in
//! doubt is simply made true again.

use std::ops::ControlFlow;

use unwedge_host::probe::{self, PendingWork};
use unwedge_host::{Advance, Change, Host, HostError, HostErrorKind, HostMut, Setting, Tool};

use crate::journal::{Event, Journal, JournalError, JournalStep, Outcome, Replay, StepState};

/// How often an undo is tried: a service may still be stopping when it is to start again.
const UNDO_ATTEMPTS: u32 = 3;

/// What is being done right now, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Progress {
    Doing {
        step: u32,
        of: u32,
        says: String,
    },
    Advanced {
        step: u32,
        advance: Advance,
    },
    Done {
        step: u32,
    },
    AlreadySo {
        step: u32,
    },
    Failed {
        step: u32,
        error: String,
    },
    Undoing {
        step: u32,
        change: String,
    },
    Undone {
        step: u32,
    },
    UndoFailed {
        step: u32,
        error: String,
    },
    Stays {
        step: u32,
        what: String,
    },
    /// A search begins a trial: these are off in the next start of Windows.
    Trial {
        trial: u32,
        of: u32,
        off: Vec<String>,
    },
    /// How a trial of a search ended; 0 is before anything was switched.
    Tried {
        trial: u32,
        passes: bool,
        told: String,
    },
    /// Should the repair be cut off, nobody ends it by itself; why.
    Unguarded {
        why: String,
    },
    /// What stood by to end it could not be taken away yet; why.
    StillGuarded {
        why: String,
    },
}

/// Is told what is being done. `Break` asks to stop: what was made is taken back; an undo goes on.
pub type Watcher<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// The repair could neither go on nor be taken back in an orderly way just now.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The journal cannot be written. What had been made was taken back as far as possible.
    #[error("the journal could not be written, so nothing more was changed{}", aftermath(left))]
    Journal {
        /// Why.
        #[source]
        source: JournalError,
        /// What could not be taken back without a journal.
        left: Vec<String>,
    },
    /// The machine went away in the middle.
    #[error("the repair was interrupted; run `unwedge undo` or `unwedge fix` to finish it")]
    Host(#[source] HostError),
}

/// Runs every step that is not yet done; on the first failure takes all of them back.
pub fn execute(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Outcome, Interrupted> {
    if journal.replay().unwinding {
        return rollback(host, journal, watch);
    }
    let steps = journal.replay().steps.clone();
    for step in 0..steps.len() as u32 {
        if waits_for_restart(host, journal.replay(), step) {
            continue;
        }
        match make(host, journal, &steps, step, watch) {
            Ok(()) => {}
            Err(Stop::Failed(err)) => {
                let cancelled = err.kind == HostErrorKind::Cancelled;
                let error = err.to_string();
                tell(watch, Progress::Failed { step, error: error.clone() });
                let optional = steps[step as usize].optional && !cancelled;
                let failed = Event::Failed { step, error, cancelled, optional };
                if let Err(source) = journal.record(failed) {
                    return Err(without_journal(host, journal, source));
                }
                if optional {
                    continue;
                }
                return rollback(host, journal, watch);
            }
            Err(Stop::Journal(source)) => return Err(without_journal(host, journal, source)),
            Err(Stop::Crashed(err)) => return Err(Interrupted::Host(err)),
        }
    }
    Ok(match probe::pending(host) {
        Ok(PendingWork { restart: Some(true), .. }) => Outcome::NeedsReboot,
        // Who cannot tell whether a restart is needed will hear of it from the diagnosis.
        Ok(_) | Err(_) => Outcome::Repaired,
    })
}

/// Undoes, newest first, every step that was made or may have been made.
///
/// One undo that fails does not keep the older ones from being taken back: no service stays
/// stopped because a folder could not be moved.
pub fn rollback(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Outcome, Interrupted> {
    let steps = journal.replay().steps.clone();
    let mut left = Vec::new();
    for step in (0..steps.len() as u32).rev() {
        let state = journal.replay().state(step);
        let Some(undo) = to_undo(&state) else { continue };
        let what = &steps[step as usize];
        let Some(undo) = undo else {
            let stays = stays(host, what, journal.replay(), step)?;
            note(host, journal, Event::UndoStarted { step })?;
            if stays {
                tell(watch, Progress::Stays { step, what: what_stays(&what.change) });
                note(host, journal, Event::Kept { step })?;
            } else {
                note(host, journal, Event::Undone { step })?;
            }
            continue;
        };
        if !is_between(journal.replay(), step, &undo) && !undo.holds(host).unwrap_or(false) {
            tell(watch, Progress::Undoing { step, change: undo.to_string() });
        }
        note(host, journal, Event::UndoStarted { step })?;
        match undo_one(host, journal, &steps, step, &undo) {
            Ok(()) => {
                tell(watch, Progress::Undone { step });
                note(host, journal, Event::Undone { step })?;
            }
            Err(err) if err.kind == HostErrorKind::Crashed => return Err(Interrupted::Host(err)),
            Err(err) => {
                let error = err.to_string();
                tell(watch, Progress::UndoFailed { step, error: error.clone() });
                left.push(format!("{undo}: {error}"));
                note(host, journal, Event::UndoFailed { step, error })?;
            }
        }
    }
    let kept: Vec<String> = (0..)
        .zip(&steps)
        .filter(|(step, _)| journal.replay().state(*step) == StepState::Kept)
        .map(|(_, it)| what_stays(&it.change))
        .collect();
    Ok(match (left.is_empty(), kept.is_empty()) {
        (false, _) => Outcome::Stuck { left },
        (true, false) => Outcome::Kept { irreversible: kept },
        (true, true) => Outcome::RolledBack,
    })
}

/// Undoes one step, then makes sure that what the later ones made still holds: to put a folder
/// back, services may have had to stop once more. Gives what is not as it should be.
pub fn rollback_step(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    step: u32,
    watch: &mut Watcher<'_>,
) -> Result<Vec<String>, Interrupted> {
    let steps = journal.replay().steps.clone();
    let Some(Some(undo)) = to_undo(&journal.replay().state(step)) else { return Ok(Vec::new()) };
    let mut left = Vec::new();
    tell(watch, Progress::Undoing { step, change: undo.to_string() });
    note(host, journal, Event::UndoStarted { step })?;
    match undo_one(host, journal, &steps, step, &undo) {
        Ok(()) => {
            tell(watch, Progress::Undone { step });
            note(host, journal, Event::Undone { step })?;
        }
        Err(err) if err.kind == HostErrorKind::Crashed => return Err(Interrupted::Host(err)),
        Err(err) => {
            let error = err.to_string();
            tell(watch, Progress::UndoFailed { step, error: error.clone() });
            left.push(format!("{undo}: {error}"));
            note(host, journal, Event::UndoFailed { step, error })?;
        }
    }
    match reassert(host, journal, &steps, steps.len() as u32) {
        Ok(()) => {}
        Err(err) if err.kind == HostErrorKind::Crashed => return Err(Interrupted::Host(err)),
        Err(err) => left.push(err.to_string()),
    }
    Ok(left)
}

/// Whether a tool is left alone because an earlier one has work that Windows completes at its next
/// start: to install on top of that fails with 0x80070BC9, and may have to be taken back whole.
fn waits_for_restart(host: &dyn Host, replay: &Replay, step: u32) -> bool {
    let services_windows = |it: &JournalStep| is_servicing(&it.change);
    let (before, from_here) = replay.steps.split_at(step as usize);
    let is_done = |step: u32| matches!(replay.state(step), StepState::Done { .. });
    replay.state(step) == StepState::Fresh
        && from_here.first().is_some_and(|it| {
            services_windows(it) || matches!(it.change, Change::Run(Tool::RetryUpdate { .. }))
        })
        && (0..).zip(before).any(|(step, it)| services_windows(it) && is_done(step))
        && probe::pending(host).is_ok_and(|it| it.restart == Some(true))
}

pub(crate) fn note(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    event: Event,
) -> Result<(), Interrupted> {
    journal.record(event).map_err(|source| without_journal(host, journal, source))
}

enum Stop {
    Failed(HostError),
    Journal(JournalError),
    Crashed(HostError),
}

impl From<HostError> for Stop {
    fn from(err: HostError) -> Self {
        if err.kind == HostErrorKind::Crashed { Stop::Crashed(err) } else { Stop::Failed(err) }
    }
}

fn make(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    steps: &[JournalStep],
    step: u32,
    watch: &mut Watcher<'_>,
) -> Result<(), Stop> {
    let what = &steps[step as usize];
    let change = &what.change;
    let state = journal.replay().state(step);
    let is_passed = match state {
        StepState::Done { .. } | StepState::Skipped | StepState::Omitted => true,
        StepState::Failed { .. } => what.optional,
        _ => false,
    };
    if is_passed {
        return Ok(());
    }
    let doing = Progress::Doing { step, of: steps.len() as u32, says: what.says.clone() };
    if watch(doing).is_break() {
        return Err(Stop::Failed(cancelled(change)));
    }
    if steps[step as usize..].iter().any(relies_on_the_others) {
        reassert(host, journal, steps, step)?;
    }
    if state == StepState::Fresh {
        if holds_already(host, change)? {
            journal.record(Event::Skipped { step }).map_err(Stop::Journal)?;
            tell(watch, Progress::AlreadySo { step });
            return Ok(());
        }
        let undo = change.inverse(host)?;
        journal.record(Event::Intended { step, undo }).map_err(Stop::Journal)?;
    }
    // In doubt after a crash, it may have been made already.
    let mut verified = true;
    if state == StepState::Fresh || !change.holds(host).unwrap_or(false) {
        host.apply_watched(change, &mut |advance| {
            watch(Progress::Advanced { step, advance: advance.clone() })
        })?;
        verified = read_back(host, change)?;
    }
    journal.record(Event::Done { step, verified }).map_err(Stop::Journal)?;
    tell(watch, Progress::Done { step });
    Ok(())
}

/// Tells of what happens whether or not somebody would rather stop.
pub(crate) fn tell(watch: &mut Watcher<'_>, progress: Progress) {
    let _ = watch(progress);
}

fn cancelled(change: &Change) -> HostError {
    HostError { op: "go on to", subject: change.to_string(), kind: HostErrorKind::Cancelled }
}

/// Whether there is nothing to do; where nobody can tell what a tool did before, it is run.
fn holds_already(host: &dyn Host, change: &Change) -> Result<bool, HostError> {
    match change.holds(host) {
        Err(err) if err.kind == HostErrorKind::NotCollected && is_servicing(change) => Ok(false),
        held => held,
    }
}

fn is_servicing(change: &Change) -> bool {
    matches!(change, Change::Run(tool) if tool.is_servicing())
}

/// Looks whether it is so; `false` is a change that cannot be taken back and of which nobody can
/// tell.
pub(crate) fn read_back(host: &dyn Host, change: &Change) -> Result<bool, HostError> {
    match change.holds(host) {
        Ok(true) => Ok(true),
        Ok(false) => Err(HostError {
            op: "confirm that we could",
            subject: change.to_string(),
            kind: HostErrorKind::Io(
                "Windows said it was done, but it is not so, or something put it back at once"
                    .to_owned(),
            ),
        }),
        // Where the system cannot tell whether an update went in, its logs will.
        Err(err) if err.kind == HostErrorKind::NotCollected && !change.is_reversible() => Ok(false),
        Err(err) => Err(err),
    }
}

/// What was made before must still hold when it matters: a restart of Windows, or another
/// service, may have brought a stopped service back. One more try, then it is a failure.
fn reassert(
    host: &mut dyn HostMut,
    journal: &Journal<'_>,
    steps: &[JournalStep],
    before: u32,
) -> Result<(), HostError> {
    for (step, what) in (0..before).zip(steps) {
        let is_done = match journal.replay().state(step) {
            StepState::Done { .. } => true,
            StepState::Skipped => false,
            _ => continue,
        };
        let is_superseded =
            steps[step as usize + 1..before as usize].iter().any(|it| same_subject(it, what));
        if is_superseded || !what.change.is_reversible() || what.change.holds(host)? {
            continue;
        }
        if is_done {
            host.apply(&what.change)?;
        }
        read_back(host, &what.change)?;
    }
    Ok(())
}

/// Whether a step goes wrong if what came before it does not hold any more.
fn relies_on_the_others(step: &JournalStep) -> bool {
    match step.change {
        Change::Move { .. } | Change::PutBack { .. } | Change::Run(_) => true,
        Change::Assign(_) => false,
    }
}

fn same_subject(a: &JournalStep, b: &JournalStep) -> bool {
    match (&a.change, &b.change) {
        (Change::Assign(a), Change::Assign(b)) => a.subject() == b.subject(),
        _ => false,
    }
}

/// What would take a step back, if it was or may have been made.
#[must_use]
pub fn to_undo(state: &StepState) -> Option<Option<Change>> {
    match state {
        StepState::InDoubt { undo }
        | StepState::Failed { undo }
        | StepState::Done { undo }
        | StepState::Undoing { undo }
        | StepState::Stuck { undo } => Some(undo.clone()),
        StepState::Fresh
        | StepState::Skipped
        | StepState::Undone
        | StepState::Kept
        | StepState::Omitted => None,
    }
}

/// Whether an irreversible step left something behind.
fn stays(
    host: &dyn Host,
    what: &JournalStep,
    replay: &Replay,
    step: u32,
) -> Result<bool, Interrupted> {
    if let Change::Run(tool) = &what.change
        && !tool.leaves_something()
    {
        return Ok(false);
    }
    match what.change.holds(host) {
        Ok(holds) => Ok(holds),
        Err(err) if err.kind == HostErrorKind::Crashed => Err(Interrupted::Host(err)),
        // Nobody can tell: one that failed left nothing, any other may have.
        Err(_) => Ok(!replay.failures.iter().any(|(it, _)| *it == step)),
    }
}

/// Whether an older step says how the setting really was. A service that was stopped and started
/// again need not be stopped once more only to be started.
#[must_use]
pub fn is_between(replay: &Replay, step: u32, undo: &Change) -> bool {
    let Change::Assign(setting) = undo else { return false };
    (0..step).any(|older| match to_undo(&replay.state(older)) {
        Some(Some(Change::Assign(it))) => it.subject() == setting.subject(),
        Some(Some(_) | None) | None => false,
    })
}

/// What an irreversible change leaves behind, in plain words.
#[must_use]
pub fn what_stays(change: &Change) -> String {
    match change {
        Change::Run(Tool::RetryUpdate { kb: Some(kb) }) => {
            format!("{kb} stays installed; Windows' own uninstall takes it off")
        }
        Change::Run(Tool::RetryUpdate { kb: None }) => {
            "what Windows Update installed stays installed".to_owned()
        }
        Change::Run(
            Tool::WaitForExit { .. }
            | Tool::Discard { .. }
            | Tool::RestorePoint { .. }
            | Tool::Restart { .. },
        ) => change.to_string(),
        Change::Run(Tool::ScanStore) => change.to_string(),
        Change::Run(Tool::RepairStore { .. }) => {
            "damaged files in the component store stay replaced by those of Windows".to_owned()
        }
        Change::Run(Tool::CheckFiles) => {
            "damaged files of Windows stay replaced by those of the component store".to_owned()
        }
        Change::Run(Tool::AskToClose { image, .. }) => {
            format!("the program {image} stays closed; start it again yourself")
        }
        Change::Assign(_) | Change::Move { .. } | Change::PutBack { .. } => change.to_string(),
    }
}

/// Takes one step back, once everything newer has been.
fn undo_one(
    host: &mut dyn HostMut,
    journal: &Journal<'_>,
    steps: &[JournalStep],
    step: u32,
    undo: &Change,
) -> Result<(), HostError> {
    match undo {
        Change::Assign(_) if is_between(journal.replay(), step, undo) => Ok(()),
        Change::Assign(_) => take_back(host, undo),
        Change::Move { .. } | Change::PutBack { .. } | Change::Run(_) => {
            if undo.holds(host).unwrap_or(false) {
                return Ok(());
            }
            // A folder goes back under the conditions under which it was moved. Should one of them
            // not be had again, the move itself tells whether it mattered.
            match reassert(host, journal, steps, step) {
                Err(err) if err.kind == HostErrorKind::Crashed => return Err(err),
                Ok(()) | Err(_) => {}
            }
            take_back(host, undo)
        }
    }
}

pub(crate) fn take_back(host: &mut dyn HostMut, undo: &Change) -> Result<(), HostError> {
    let mut last = Ok(());
    for _ in 0..UNDO_ATTEMPTS {
        if undo.holds(host).unwrap_or(false) || is_gone(host, undo) {
            return Ok(());
        }
        last = host.apply(undo).and_then(|()| read_back(host, undo)).map(|_| ());
        match &last {
            Ok(()) => return Ok(()),
            Err(err) if err.kind == HostErrorKind::Crashed => return last,
            Err(_) => {}
        }
    }
    last
}

/// Whether the thing that would be put back is known not to be there any more: whoever took it off the
/// PC meanwhile took its settings with it.
pub(crate) fn is_gone(host: &dyn Host, undo: &Change) -> bool {
    const FILE_NOT_FOUND: HostErrorKind = HostErrorKind::Win32(2);
    match undo {
        Change::Assign(Setting::Start { service, .. } | Setting::Running { service, .. }) => {
            matches!(host.service(service), Ok(None))
        }
        Change::Assign(task @ Setting::Task { .. }) => {
            host.current(task).is_err_and(|it| it.kind == FILE_NOT_FOUND)
        }
        _ => false,
    }
}

/// The disk is full or gone. Every undo is durable already, and undoing is idempotent, so it is
/// done at once; a later run finds the journal open and sees that nothing is left to do.
fn without_journal(
    host: &mut dyn HostMut,
    journal: &Journal<'_>,
    source: JournalError,
) -> Interrupted {
    let steps = &journal.replay().steps;
    let mut left = Vec::new();
    for step in (0..steps.len() as u32).rev() {
        let Some(Some(undo)) = to_undo(&journal.replay().state(step)) else { continue };
        if let Err(err) = undo_one(host, journal, steps, step, &undo) {
            left.push(format!("{undo}: {err}"));
        }
    }
    Interrupted::Journal { source, left }
}

fn aftermath(left: &[String]) -> String {
    match left {
        [] => "; what had been changed was taken back".to_owned(),
        left => format!("; this could not be taken back yet: {}", left.join("; ")),
    }
}
