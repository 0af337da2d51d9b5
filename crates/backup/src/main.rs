//! unwedge-backup: what `unwedge backup` starts.

mod arguments;
mod ask;
mod command;
mod text;

use std::io::Write as _;
use std::process::{ExitCode, Termination};

use clap::Parser as _;
use unwedge_backup::Refusal;

use arguments::Arguments;

/// How the program ends; the numbers are those of unwedge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// All of it.
    Ok = 0,
    /// A repository is damaged.
    Damaged = 1,
    /// It could not do what was asked.
    Error = 2,
    /// Some files were left out, or did not come back.
    Incomplete = 3,
    /// Refused: no consent, or not safe.
    Refused = 4,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

fn main() -> Exit {
    #[cfg(windows)]
    if let Err(error) = unwedge_host::live::start::prepare() {
        return tell(&error.into());
    }
    unwedge_backup::messages::keep();
    command::run(Arguments::parse()).unwrap_or_else(|error| tell(&error))
}

fn tell(error: &anyhow::Error) -> Exit {
    // When stderr is gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "error: {error:#}");
    match error.is::<Refusal>() {
        true => Exit::Refused,
        false => Exit::Error,
    }
}
