//! The culprit among many, found by switching some of them off and restarting, again and again.
//!
//! All that a search remembers stands in its journal: whoever takes it up after a restart, or after the
//! power went, replays it and goes on. Each trial is noted before anything is switched, each switch with
//! its undo before it is made, each start of Windows as soon as this program runs in it. Whatever ends a
//! search, everything is put back, one by one, and read back.

pub mod clean_boot;
pub mod note;
pub mod search;
pub mod signer;
mod stand;
pub mod suspect;
mod switch;

use std::collections::BTreeSet;

use serde::Serialize;
use unwedge_host::probe::{self, Boot};
use unwedge_host::{Change, Host, HostError, HostErrorKind, HostMut, Setting, Tool};

use crate::execute::{Interrupted, Progress, Watcher, note as record, rollback, tell};
use crate::guard;
use crate::journal::{Event, Journal, JournalStep, Outcome, Replay};
use crate::repair::{StepEnd, close};
use note::{Answer, Begun, GaveUp, Note, Noted, Test};
use search::{Found, Next, Trial};
use stand::{Phase, Stand};
use suspect::Suspect;
use switch::Switched;

/// A culprit may not show every time: so often a test must pass before that is believed.
const ASKED: u32 = 3;
/// As [`ASKED`], once a test has passed and failed in the same start.
const ASKED_OF_THE_UNSTEADY: u32 = 8;
/// So often Windows may fail to come up with the same ones off.
const MOST_FAILED_STARTS: usize = 2;

/// What is done from outside: the machine has no clock that everybody could trust, and a command or a
/// person answers beyond it.
pub struct Around<'a> {
    /// The moment, in the form of [`Begun::until`].
    pub now: &'a str,
    /// Makes a test that is no update.
    pub tester: &'a mut dyn FnMut(&dyn Host, &Test) -> Asked,
    /// Whether somebody asked to stop.
    pub is_stopped: &'a dyn Fn() -> bool,
}

/// The answer of somebody else to a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It passes, or fails; and what was seen.
    Told(bool, String),
    /// Nobody is there to answer now; the search waits.
    NotNow,
    /// It cannot be told at all; why.
    Never(String),
}

/// Where a search stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Windows was asked to restart; the search goes on in its next start.
    Restarting,
    /// It waits for somebody to answer.
    Waiting,
    /// It is over.
    Ended(Box<Isolation>),
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Isolation {
    /// What came out.
    pub answer: Answer,
    /// The suspects, as they were numbered.
    pub suspects: Vec<Told>,
    /// Every trial, in order: the proof.
    pub trials: Vec<ToldTrial>,
    /// Restarts that were asked for.
    pub restarts: u32,
    /// Whether everything is as it was.
    pub outcome: Outcome,
    /// How each switch ended.
    pub steps: Vec<StepEnd>,
    /// Suspects that were left alone after all, and why.
    pub spared: Vec<(String, String)>,
    /// Whether a restart is still due, so that what was off runs again.
    pub needs_restart: bool,
}

/// A suspect in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What it is called on the command line.
    pub name: String,
    /// What people know it as.
    pub shown: String,
}

/// A trial in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldTrial {
    /// Its number; 0 is before anything was switched.
    pub trial: u32,
    /// Suspects that were off, by number.
    pub off: Vec<u32>,
    /// Whether the test passed; `None` if it was not made.
    pub passes: Option<bool>,
    /// What was seen.
    pub told: String,
}

/// A search that is not over, for whoever signs in meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// How it is tested.
    pub test: Test,
    /// Number of the trial; 0 is before anything was switched.
    pub trial: u32,
    /// There are no more trials than this.
    pub most_trials: u32,
    /// Who is switched off, by name.
    pub off: Vec<String>,
}

/// What a search is at; `None` of any other journal, and once the answer is found.
#[must_use]
pub fn under_way(replay: &Replay) -> Option<UnderWay> {
    if !replay.is_search() || replay.closed.is_some() {
        return None;
    }
    let stand = Stand::of(replay);
    let name = |it: &u32| Some(stand.begun.suspects.get(*it as usize)?.name.clone());
    let trial = stand.trials.last().map_or(0, |it| it.trial);
    stand.answer.is_none().then(|| UnderWay {
        trial,
        most_trials: stand.most_trials(),
        off: stand.off.iter().filter_map(name).collect(),
        test: stand.begun.test.clone(),
    })
}

/// The steps of a search among `suspects`, and its first note.
#[must_use]
pub fn begin(
    host: &dyn Host,
    suspects: &[Suspect],
    test: Test,
    until: String,
) -> (Vec<JournalStep>, Note) {
    let likely = suspects.iter().take_while(|it| it.is_likely()).count();
    let mut noted = Vec::new();
    let mut steps = clean_boot::marks(host, suspects);
    let marks = (0..steps.len() as u32).collect();
    for suspect in suspects {
        let own = steps.len() as u32..(steps.len() + suspect.switches.len()) as u32;
        steps.extend(clean_boot::switches(suspect));
        noted.push(Noted {
            name: suspect.name.clone(),
            shown: suspect.shown(),
            steps: own.collect(),
        });
    }
    let most_restarts = search::bound(suspects.len(), test.manner()).most;
    let likely = likely as u32;
    let begun = Begun { suspects: noted, marks, likely, test, most_restarts, until };
    (steps, Note::Begun(begun))
}

/// Takes a search up where its journal ends, and goes on as far as this start of Windows lets it.
pub fn go_on(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    around: &mut Around<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Standing, Interrupted> {
    // Whatever is switched, something stands by to go on, or to put it back.
    guard::stand_by(host, journal, watch)?;
    loop {
        let stand = Stand::of(journal.replay());
        if stand.answer.is_some() {
            return end(host, journal, &stand, watch);
        }
        if let Some(why) = must_end(host, &stand, around) {
            give_up(host, journal, why)?;
            continue;
        }
        match stand.phase {
            Phase::Untested => {
                if let Some(standing) = test(host, journal, &stand, 0, around, watch)? {
                    return Ok(standing);
                }
            }
            Phase::Switching { trial } => {
                let Some(boot) = boot(host, journal)? else { continue };
                if stand.restarts == 0
                    && let Some(why) = nobody_goes_on(host)
                {
                    give_up(host, journal, GaveUp::NotTestable { why })?;
                    continue;
                }
                tell(watch, stand.told_trial(trial));
                match switch(host, journal, &stand, watch)? {
                    Made::Without(suspect, why) => spare(host, journal, (suspect, why))?,
                    Made::NotPutBack(why) => {
                        give_up(host, journal, GaveUp::NotPutBack { why })?;
                    }
                    Made::Whole if stand.asked_to_restart(trial) >= MOST_FAILED_STARTS => {
                        give_up(host, journal, GaveUp::NoRestart)?;
                    }
                    Made::Whole => {
                        let note = Note::Restarting { trial, boot: boot.id };
                        record(host, journal, Event::Noted { note })?;
                        if let Some(standing) = restart(host, journal, boot)? {
                            return Ok(standing);
                        }
                    }
                }
            }
            Phase::Restarted { trial, boot: before } => {
                let Some(now) = boot(host, journal)? else { continue };
                if now.id == before {
                    // The restart has not come yet, or was cut off: it is asked for again.
                    retry(host, journal, trial)?;
                    continue;
                }
                if !stand.starts.contains(&now.id) {
                    let note = Note::Started { trial, boot: now.id };
                    record(host, journal, Event::Noted { note })?;
                    continue;
                }
                if now.is_safe_mode || stand.starts.len() > MOST_FAILED_STARTS {
                    give_up(host, journal, GaveUp::FailedStarts { off: stand.off.clone() })?;
                    continue;
                }
                if let Some(spared) = came_back(host, journal, &stand) {
                    spare(host, journal, spared)?;
                    continue;
                }
                if let Some(standing) = test(host, journal, &stand, trial, around, watch)? {
                    return Ok(standing);
                }
            }
            Phase::Deciding => decide(host, journal, &stand)?,
        }
    }
}

/// Ends a search now, whatever it was about to do: everything is put back.
pub fn stop(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Isolation, Interrupted> {
    if Stand::of(journal.replay()).answer.is_none() {
        give_up(host, journal, GaveUp::Stopped)?;
    }
    let stand = Stand::of(journal.replay());
    put_back(host, journal, &stand, watch)
}

fn decide(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    stand: &Stand,
) -> Result<(), Interrupted> {
    // Those that turned out not to be switchable are on in every trial, and no suspects any more.
    let left: Vec<u32> = (0..stand.begun.suspects.len() as u32)
        .filter(|it| !stand.spared.iter().any(|(spared, _)| spared == it))
        .collect();
    let likely = left.iter().filter(|it| **it < stand.begun.likely).count();
    let place = |suspect: &u32| left.iter().position(|it| it == suspect);
    let trials: Vec<Trial> = stand
        .trials
        .iter()
        .filter(|it| it.trial > 0)
        // What passed with one off that cannot be switched any more says nothing without it.
        .filter(|it| it.passes == Some(false) || it.off.iter().all(|it| left.contains(it)))
        .filter_map(|it| {
            Some(Trial { off: it.off.iter().filter_map(place).collect(), passes: it.passes? })
        })
        .collect();
    if left.is_empty() {
        return give_up(host, journal, GaveUp::NobodyLeft);
    }
    let note = match search::next(left.len(), likely, stand.begun.test.manner(), &trials) {
        // One restart is kept for the end.
        Next::Try(_) if stand.restarts + 1 >= stand.begun.most_restarts => {
            return give_up(host, journal, GaveUp::TooManyRestarts);
        }
        Next::Try(off) => Note::Trial {
            trial: stand.trials.len() as u32,
            off: off.into_iter().map(|it| left[it]).collect(),
        },
        Next::Found(found) => Note::Answered { answer: Answer::Found(named(found, &left)) },
    };
    record(host, journal, Event::Noted { note })
}

/// The numbers of the search as those of the journal.
fn named(found: Found, left: &[u32]) -> Found {
    let one = |it: usize| left[it] as usize;
    let all = |some: Vec<usize>| -> Vec<usize> { some.into_iter().map(one).collect() };
    match found {
        Found::RestartAlone => Found::RestartAlone,
        Found::NoneOfThem => Found::NoneOfThem,
        Found::Groups { groups } => Found::Groups { groups: groups.into_iter().map(all).collect() },
        Found::Among { these, before } => Found::Among { these: all(these), before: all(before) },
        Found::Unsteady { left } => Found::Unsteady { left: all(left) },
    }
}

/// How the switches of a trial ended.
enum Made {
    /// Exactly those are off that should be.
    Whole,
    /// One cannot be switched off, and why.
    Without(u32, String),
    /// One cannot be switched on again: nothing more is switched.
    NotPutBack(String),
}

/// Makes everything so that exactly those are off that should be.
fn switch(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    stand: &Stand,
    watch: &mut Watcher<'_>,
) -> Result<Made, Interrupted> {
    let off: BTreeSet<u32> = stand.off.iter().copied().collect();
    for step in &stand.begun.marks {
        // Nothing depends on them: a mark that cannot be made is no reason to stop.
        let _ = switch::off(host, journal, *step, watch)?;
    }
    // Putting back comes first: if the power goes in between, too much is on rather than off.
    for (_, it) in (0..).zip(&stand.begun.suspects).filter(|(it, _)| !off.contains(it)) {
        for step in it.steps.iter().rev() {
            if let Switched::Failed(why) = switch::on(host, journal, *step, watch)? {
                return Ok(Made::NotPutBack(format!("{}: {why}", it.name)));
            }
        }
    }
    for (suspect, it) in (0..).zip(&stand.begun.suspects).filter(|(it, _)| off.contains(it)) {
        for step in &it.steps {
            if let Switched::Failed(why) = switch::off(host, journal, *step, watch)? {
                return Ok(Made::Without(suspect, why));
            }
        }
    }
    Ok(Made::Whole)
}

/// A suspect that somebody switched on again since, or that is gone: what is seen now says nothing of
/// the set that was meant.
fn came_back(host: &dyn Host, journal: &Journal<'_>, stand: &Stand) -> Option<(u32, String)> {
    let steps = &journal.replay().steps;
    stand.off.iter().find_map(|suspect| {
        let own = &stand.begun.suspects.get(*suspect as usize)?.steps;
        own.iter().find_map(|step| match steps[*step as usize].change.holds(host) {
            Ok(true) => None,
            Ok(false) => Some((*suspect, "something switched it on again".to_owned())),
            Err(err) => Some((*suspect, err.to_string())),
        })
    })
}

/// Takes a suspect out of the search for good. The trial it was part of does not count; the next one is
/// decided anew.
fn spare(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    (suspect, why): (u32, String),
) -> Result<(), Interrupted> {
    record(host, journal, Event::Noted { note: Note::Spared { suspect, why } })
}

fn retry(host: &mut dyn HostMut, journal: &mut Journal<'_>, trial: u32) -> Result<(), Interrupted> {
    let note = Note::Trial { trial, off: Stand::of(journal.replay()).off };
    record(host, journal, Event::Noted { note })
}

/// Makes the test as often as it takes to believe it.
fn test(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    stand: &Stand,
    trial: u32,
    around: &mut Around<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Option<Standing>, Interrupted> {
    record(host, journal, Event::Noted { note: Note::Testing { trial } })?;
    let once = stand.begun.test.manner() == search::Manner::UntilItPasses;
    let most = match (once, stand.is_unsteady) {
        (true, _) => 1,
        (false, false) => ASKED,
        (false, true) => ASKED_OF_THE_UNSTEADY,
    };
    let (mut made, mut failed, mut last) = (0, 0, String::new());
    while made < most && failed == 0 {
        let asked = match &stand.begun.test {
            Test::Update { kb } => {
                let retry = Change::Run(Tool::RetryUpdate { kb: kb.clone() });
                match host.apply(&retry) {
                    Err(err) if err.kind == HostErrorKind::Crashed => {
                        return Err(Interrupted::Host(err));
                    }
                    Err(err)
                        if matches!(
                            err.kind,
                            HostErrorKind::NotCollected | HostErrorKind::Absent
                        ) =>
                    {
                        Asked::Never(err.to_string())
                    }
                    Err(err) => Asked::Told(false, err.to_string()),
                    // That it says it worked is not belief.
                    Ok(()) => match retry.holds(host) {
                        Ok(true) => Asked::Told(true, "Windows Update installed it".to_owned()),
                        Ok(false) => Asked::Told(
                            false,
                            "Windows Update said it worked, and the update is not in".to_owned(),
                        ),
                        Err(err) => Asked::Never(err.to_string()),
                    },
                }
            }
            other => (around.tester)(host, other),
        };
        match asked {
            Asked::Told(passes, told) => {
                made += 1;
                failed += u32::from(!passes);
                last = told;
            }
            // Whoever was asked may have said that it is to stop.
            Asked::NotNow if (around.is_stopped)() => return Ok(None),
            Asked::NotNow => return Ok(Some(Standing::Waiting)),
            Asked::Never(why) => {
                give_up(host, journal, GaveUp::NotTestable { why })?;
                return Ok(None);
            }
        }
    }
    tell(watch, Progress::Tried { trial, passes: failed == 0, told: last.clone() });
    let seen = Note::Seen { trial, passes: failed == 0, made, failed, told: last };
    record(host, journal, Event::Noted { note: seen })?;
    if trial == 0 && failed == 0 {
        let note = Note::Answered { answer: Answer::GoesThrough };
        record(host, journal, Event::Noted { note })?;
    }
    Ok(None)
}

/// Why a search must not go on.
fn must_end(host: &dyn Host, stand: &Stand, around: &Around<'_>) -> Option<GaveUp> {
    if (around.is_stopped)() {
        return Some(GaveUp::Stopped);
    }
    if around.now > stand.begun.until.as_str() {
        return Some(GaveUp::TimeIsUp);
    }
    // In Safe Mode nothing can be tested; that it came to this says enough.
    let is_safe_mode = probe::boot(host).is_ok_and(|it| it.is_safe_mode);
    is_safe_mode.then(|| GaveUp::FailedStarts { off: stand.off.clone() })
}

fn give_up(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    why: GaveUp,
) -> Result<(), Interrupted> {
    let note = Note::Answered { answer: Answer::GaveUp { why } };
    record(host, journal, Event::Noted { note })
}

/// Which start of Windows this is; without that nothing can be searched.
fn boot(host: &mut dyn HostMut, journal: &mut Journal<'_>) -> Result<Option<Boot>, Interrupted> {
    match probe::boot(host) {
        Ok(boot) => Ok(Some(boot)),
        Err(err) if err.kind == HostErrorKind::Crashed => Err(Interrupted::Host(err)),
        Err(err) => {
            give_up(host, journal, GaveUp::NotTestable { why: err.to_string() })?;
            Ok(None)
        }
    }
}

/// Asks Windows to restart. A machine that restarts around this program goes on at once.
fn restart(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    before: Boot,
) -> Result<Option<Standing>, Interrupted> {
    match host.apply(&Change::Run(Tool::Restart { reason: REASON.to_owned() })) {
        Err(err) if err.kind == HostErrorKind::Crashed => Err(Interrupted::Host(err)),
        Err(_) => {
            give_up(host, journal, GaveUp::NoRestart)?;
            Ok(None)
        }
        Ok(()) => match probe::boot(host) {
            Ok(now) if now.id != before.id => Ok(None),
            Ok(_) | Err(_) => Ok(Some(Standing::Restarting)),
        },
    }
}

const REASON: &str = "unwedge looks for the program that keeps Windows Update from working. It goes on \
                      by itself after the restart and puts everything back in the end.";

/// Why nobody would go on after a restart; a PC written down as text goes on by itself.
fn nobody_goes_on(host: &dyn Host) -> Option<String> {
    let watchdog = Setting::Watchdog { present: true };
    match host.current(&watchdog) {
        Ok(now) if now == watchdog => None,
        Err(err) if err.kind == HostErrorKind::NotCollected => None,
        Ok(_) => Some("the task that would go on after a restart is not there".to_owned()),
        Err(err) => Some(err.to_string()),
    }
}

/// Restarts Windows once more, so that what was off runs again; after an answer was told.
///
/// # Errors
/// When Windows refuses: then a person has to.
pub fn last_restart(host: &mut dyn HostMut) -> Result<(), HostError> {
    host.apply(&Change::Run(Tool::Restart { reason: LAST.to_owned() }))
}

const LAST: &str = "unwedge has put everything back. After this restart all runs as it did before.";

fn end(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    stand: &Stand,
    watch: &mut Watcher<'_>,
) -> Result<Standing, Interrupted> {
    // In Safe Mode the Task Scheduler does not run: its tasks can be switched in the next start only.
    let is_safe_mode = probe::boot(host).is_ok_and(|it| it.is_safe_mode);
    if is_safe_mode
        && stand.postponed == 0
        && let Outcome::Stuck { .. } = rollback(host, journal, watch)?
    {
        record(host, journal, Event::Noted { note: Note::Later })?;
        let boot = probe::boot(host).map_or(0, |it| it.id);
        let _ = last_restart(host);
        if probe::boot(host).is_ok_and(|it| it.id == boot) {
            return Ok(Standing::Restarting);
        }
    }
    Ok(Standing::Ended(Box::new(put_back(host, journal, stand, watch)?)))
}

/// Puts everything back, one by one, and closes the journal.
fn put_back(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    stand: &Stand,
    watch: &mut Watcher<'_>,
) -> Result<Isolation, Interrupted> {
    let was_switched = stand.restarts > 0;
    let outcome = rollback(host, journal, watch)?;
    let repair = close(journal, outcome, None)?;
    guard::stand_down(host, watch);
    let told = |it: &Noted| Told { name: it.name.clone(), shown: it.shown.clone() };
    let spared = stand.spared.iter().filter_map(|(suspect, why)| {
        Some((stand.begun.suspects.get(*suspect as usize)?.shown.clone(), why.clone()))
    });
    Ok(Isolation {
        answer: stand.answer.clone().unwrap_or(Answer::GaveUp { why: GaveUp::Stopped }),
        suspects: stand.begun.suspects.iter().map(told).collect(),
        trials: stand.trials.clone(),
        restarts: stand.restarts,
        outcome: repair.outcome,
        steps: repair.steps,
        spared: spared.collect(),
        needs_restart: was_switched,
    })
}
