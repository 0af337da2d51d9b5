//! Where a search stands, learnt only by replaying its notes.

use std::collections::BTreeSet;

use super::ToldTrial;
use super::note::{Answer, Begun, Note, Test};
use crate::execute::Progress;
use crate::journal::Replay;

/// Where a search stands.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    pub(super) begun: Begun,
    pub(super) phase: Phase,
    /// Who is to be off in the trial that is under way.
    pub(super) off: Vec<u32>,
    /// Starts of Windows that were seen in that trial.
    pub(super) starts: BTreeSet<u64>,
    /// Every trial, the first with everything on.
    pub(super) trials: Vec<ToldTrial>,
    /// Who is left alone after all, and why.
    pub(super) spared: Vec<(u32, String)>,
    /// Restarts that were asked for.
    pub(super) restarts: u32,
    /// Whether a test passed and failed in the same start.
    pub(super) is_unsteady: bool,
    pub(super) answer: Option<Answer>,
    /// How often putting back was left to the next start.
    pub(super) postponed: u32,
    restarting: Vec<u32>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Whether the test fails with everything on.
    Untested,
    /// What to switch off next.
    Deciding,
    /// Switching, then asking for a restart.
    Switching { trial: u32 },
    /// A restart was asked for in this start of Windows.
    Restarted { trial: u32, boot: u64 },
}

impl Stand {
    /// Replays the notes of a search.
    pub(super) fn of(replay: &Replay) -> Stand {
        let nobody = Begun {
            suspects: Vec::new(),
            marks: Vec::new(),
            likely: 0,
            test: Test::Question,
            most_restarts: 0,
            until: String::new(),
        };
        let mut stand = Stand {
            begun: nobody,
            phase: Phase::Untested,
            off: Vec::new(),
            starts: BTreeSet::new(),
            trials: Vec::new(),
            spared: Vec::new(),
            restarts: 0,
            is_unsteady: false,
            answer: None,
            postponed: 0,
            restarting: Vec::new(),
        };
        for note in &replay.notes {
            stand.take(note);
        }
        stand
    }

    fn take(&mut self, note: &Note) {
        match note {
            Note::Begun(begun) => self.begun = begun.clone(),
            Note::Testing { .. } | Note::CleanBoot => {}
            Note::Seen { trial, passes, made, failed, told } => {
                self.is_unsteady |= *failed > 0 && failed < made;
                let seen = self.trial(*trial);
                (seen.passes, seen.told) = (Some(*passes), told.clone());
                self.phase = Phase::Deciding;
            }
            Note::Trial { trial, off } => {
                self.off.clone_from(off);
                self.trial(*trial).off.clone_from(off);
                self.starts.clear();
                self.phase = Phase::Switching { trial: *trial };
            }
            Note::Restarting { trial, boot } => {
                self.restarts += 1;
                self.restarting.push(*trial);
                self.phase = Phase::Restarted { trial: *trial, boot: *boot };
            }
            Note::Later => self.postponed += 1,
            Note::Started { boot, .. } => {
                self.starts.insert(*boot);
            }
            Note::Spared { suspect, why } => {
                self.spared.push((*suspect, why.clone()));
                self.phase = Phase::Deciding;
            }
            Note::Answered { answer } => self.answer = Some(answer.clone()),
        }
    }

    /// What a trial is, for whoever watches.
    pub(super) fn told_trial(&self, trial: u32) -> Progress {
        let names = self.off.iter().filter_map(|it| self.begun.suspects.get(*it as usize));
        let off = names.map(|it| it.name.clone()).collect();
        Progress::Trial { trial, of: self.most_trials(), off }
    }

    /// How many trials there are at most: the last restart is for what was off.
    pub(super) fn most_trials(&self) -> u32 {
        self.begun.most_restarts.saturating_sub(1)
    }

    /// How often a restart was asked for in a trial.
    pub(super) fn asked_to_restart(&self, trial: u32) -> usize {
        self.restarting.iter().filter(|it| **it == trial).count()
    }

    fn trial(&mut self, trial: u32) -> &mut ToldTrial {
        let at = trial as usize;
        while self.trials.len() <= at {
            let trial = self.trials.len() as u32;
            let told = String::new();
            self.trials.push(ToldTrial { trial, off: Vec::new(), passes: None, told });
        }
        &mut self.trials[at]
    }
}
