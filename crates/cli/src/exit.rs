//! How the program ends: a number a script can rely on.

use std::process::{ExitCode, Termination};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "the commands that end in the other ways are still to come")]
pub(crate) enum Exit {
    /// Done; for a diagnosis: nothing is wrong.
    Ok = 0,
    /// Something is wrong with updating.
    Failing = 1,
    /// The program could not do what it was asked.
    Error = 2,
    /// Too little could be read to tell.
    NotAssessed = 3,
    /// Refused because it would not be safe.
    Refused = 4,
    /// A restart is needed to go on.
    NeedsRestart = 5,
    /// Neither forward nor back.
    Stuck = 6,
    /// Not repaired, and what was changed is kept.
    Kept = 7,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
