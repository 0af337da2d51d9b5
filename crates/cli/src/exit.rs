//! How the program ends: a number a script can rely on.

use std::io::{self, Write};
use std::process::{ExitCode, Termination};

use crate::render::style::WRONG;

/// The numbers, as `--help` shows them.
pub(crate) const IN_HELP: &str = "\
Exit status:
  0  healthy, recovered, repaired or undone; nobody holds it
  1  updates fail; somebody holds it; a backup is damaged
  2  could not do what was asked (bad input, no such file)
  3  too little could be read to tell; a backup left some files out
  4  refused: not consented to, not possible safely, or somebody else is at it
  5  restart first
  6  an undo failed; a person must look
  7  repaired in part, or something that cannot be undone stays";

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for a diagnosis: healthy or recovered; for `who`: nobody.
    Ok = 0,
    /// Updates fail; for a repair: it was taken back and they still do; for `who`: somebody; for a
    /// backup: it is damaged.
    Failing = 1,
    /// The program could not do what it was asked.
    Error = 2,
    /// Too little could be read to tell; for a backup: some files were left out, each is listed.
    NotAssessed = 3,
    /// Refused: no consent, not safe, or somebody else is at it.
    Refused = 4,
    /// A restart is needed first.
    NeedsRestart = 5,
    /// An undo failed: the machine is between two states.
    Stuck = 6,
    /// Repaired in part, or something that cannot be undone stays.
    Kept = 7,
}

impl Exit {
    const ALL: [Exit; 8] = [
        Exit::Ok,
        Exit::Failing,
        Exit::Error,
        Exit::NotAssessed,
        Exit::Refused,
        Exit::NeedsRestart,
        Exit::Stuck,
        Exit::Kept,
    ];

    /// What a process of this program that ended with `code` meant; `None` if it was none of these.
    pub(crate) fn of(code: u32) -> Option<Exit> {
        Exit::ALL.into_iter().find(|it| *it as u32 == code)
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Says on stderr what went wrong, with its reasons.
pub(crate) fn tell(error: &anyhow::Error) -> Exit {
    let mut err = anstream::stderr().lock();
    let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
    // When stderr is gone there is nobody left to tell.
    let _ = writeln!(err, "{WRONG}error:{WRONG:#} {}", reasons.join(": "));
    Exit::Error
}

/// The end of a command that wrote to a pipe: whoever reads may have read enough (`| head`).
pub(crate) fn written(result: io::Result<()>, exit: Exit) -> anyhow::Result<Exit> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit),
        result => Ok(result.map(|()| exit)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_another_process_is_read_as_it_was_meant() {
        assert!(Exit::ALL.into_iter().all(|it| Exit::of(it as u32) == Some(it)));
        // A panic, and Ctrl-C.
        assert_eq!((Exit::of(101), Exit::of(0xc000_013a)), (None, None));
    }
}
