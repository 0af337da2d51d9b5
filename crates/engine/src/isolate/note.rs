//! What a search has to remember over restarts: its journal is all that it remembers.

use serde::{Deserialize, Serialize};

use super::search::{Found, Manner};

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The first one: among whom is searched, and within which limits.
    Begun(Begun),
    /// The first one of a clean boot that somebody asked for: no search.
    CleanBoot,
    /// The test is made; whatever it changes by itself is not taken back.
    Testing {
        /// Number of the trial; 0 is before anything was switched.
        trial: u32,
    },
    /// How a test ended.
    Seen {
        /// Number of the trial.
        trial: u32,
        /// Whether it passed.
        passes: bool,
        /// How often it was made, and how often of these it failed.
        made: u32,
        /// As above.
        failed: u32,
        /// What was seen, in plain words.
        told: String,
    },
    /// From here on exactly these are to be off, in the next start of Windows.
    Trial {
        /// Its number, from 1.
        trial: u32,
        /// Suspects by number.
        off: Vec<u32>,
    },
    /// Everything is switched; Windows is asked to restart.
    Restarting {
        /// Number of the trial.
        trial: u32,
        /// The start of Windows in which that is asked.
        boot: u64,
    },
    /// Not everything could be put back in this start of Windows; the rest is in the next.
    Later,
    /// Windows has started.
    Started {
        /// Number of the trial.
        trial: u32,
        /// Which start this is.
        boot: u64,
    },
    /// A suspect is not switched any more, whatever comes.
    Spared {
        /// Its number.
        suspect: u32,
        /// Why, in plain words.
        why: String,
    },
    /// It is over; what is left is to put everything back.
    Answered {
        /// With what.
        answer: Answer,
    },
}

/// Among whom is searched, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The suspects, the likeliest first.
    pub suspects: Vec<Noted>,
    /// Steps by which Windows' own tools tell that not everything starts; made with the first switch.
    pub marks: Vec<u32>,
    /// How many of them the evidence points at.
    pub likely: u32,
    /// How it is tested.
    pub test: Test,
    /// In no case are there more restarts.
    pub most_restarts: u32,
    /// After that moment, by the clock of the machine, everything is put back.
    pub until: String,
}

/// A suspect as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What it is called on the command line.
    pub name: String,
    /// What people know it as, with its product or signer.
    pub shown: String,
    /// The steps of the journal that switch it off.
    pub steps: Vec<u32>,
}

/// How it is told whether something is still in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "test")]
pub enum Test {
    /// Windows Update tries again; once it goes through, that is that.
    Update {
        /// Which update; `None` is whatever is pending.
        kb: Option<String>,
    },
    /// A command is run; it passes if it ends with 0.
    Command {
        /// As given.
        command: String,
    },
    /// Somebody is asked.
    Question,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// The search came to its end.
    Found(Found),
    /// With everything on the test passes: there is nothing to search for.
    GoesThrough,
    /// It was given up.
    GaveUp {
        /// Why.
        why: GaveUp,
    },
}

/// Why a search was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum GaveUp {
    /// Somebody asked to stop.
    Stopped,
    /// It took too long.
    TimeIsUp,
    /// It would have taken more restarts than were agreed to.
    TooManyRestarts,
    /// Windows did not come up properly with these off.
    FailedStarts {
        /// Suspects by number.
        off: Vec<u32>,
    },
    /// Windows did not restart when it was asked to.
    NoRestart,
    /// The test could not be made.
    NotTestable {
        /// Why, in plain words.
        why: String,
    },
    /// One that was off could not be switched on again.
    NotPutBack {
        /// Which, and why, in plain words.
        why: String,
    },
    /// Nobody is left who could be switched off.
    NobodyLeft,
}

impl Test {
    /// How often it can be made.
    #[must_use]
    pub fn manner(&self) -> Manner {
        match self {
            Test::Update { .. } => Manner::UntilItPasses,
            Test::Command { .. } | Test::Question => Manner::Repeatable,
        }
    }
}
