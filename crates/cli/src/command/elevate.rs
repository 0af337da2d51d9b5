//! Once more as administrator: what changes this PC starts itself again with these rights, where a
//! person is there to say yes.

use std::io::IsTerminal as _;

use unwedge_host::live::seat::{self, Seat};

use crate::exit::Exit;
#[cfg(windows)]
use crate::render;

/// Who started this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// A person, a script or a task.
    Anybody,
    /// This program itself, as administrator, in a window of its own.
    Itself,
}

/// How a command was told to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// With a person.
    Plain,
    /// For programs, or not at all: what another window shows is no answer.
    ForPrograms,
}

impl Voice {
    /// Of a command that was given these flags.
    pub(crate) fn of(silent: bool, json: bool) -> Voice {
        if silent || json { Voice::ForPrograms } else { Voice::Plain }
    }
}

/// The first argument of a program that was started by itself; no command of a person.
pub(crate) const BY_ITSELF: &str = "--started-again-as-administrator";

/// Runs this command in another process with the rights of an administrator, if it takes them and a
/// person can be asked; gives how that ended. `None` leaves it to this process.
pub(crate) fn instead(starter: Starter, voice: Voice) -> anyhow::Result<Option<Exit>> {
    let Some(seat) = seat::look() else { return Ok(None) };
    let has_terminal = std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal();
    match is_to_restart(&seat, starter, voice, has_terminal) {
        true => again(std::env::args_os().skip(1).collect()).map(Some),
        false => Ok(None),
    }
}

fn is_to_restart(seat: &Seat, starter: Starter, voice: Voice, has_terminal: bool) -> bool {
    // One that has not got the rights although it asked for them would ask for ever.
    seat.is_elevated == Some(false)
        && starter == Starter::Anybody
        && voice == Voice::Plain
        && seat.is_at_desktop
        && has_terminal
}

/// Starts this program with `arguments` as administrator and waits for its end.
#[cfg(windows)]
pub(crate) fn again(arguments: Vec<std::ffi::OsString>) -> anyhow::Result<Exit> {
    use unwedge_host::live::elevation::{Elevated, run};

    render::say(
        "Only an administrator may change this PC, so Windows now asks whether unwedge may; it goes \
         on in a window of its own.",
    );
    let mut all = vec![BY_ITSELF.into()];
    all.extend(arguments);
    let code = match run(&all)? {
        Elevated::Ended(code) => code,
        Elevated::Declined => {
            render::say("You said no, so nothing was changed.");
            return Ok(Exit::Refused);
        }
    };
    match Exit::of(code) {
        Some(exit) => {
            render::say(&format!(
                "The other window ended with {code} (`unwedge --help` lists them)."
            ));
            Ok(exit)
        }
        None => anyhow::bail!(
            "the other window ended with {code}, which is none of its own numbers; `unwedge history` \
             shows what was done"
        ),
    }
}

/// Nowhere else are there such windows.
#[cfg(not(windows))]
pub(crate) fn again(_: Vec<std::ffi::OsString>) -> anyhow::Result<Exit> {
    anyhow::bail!("only Windows asks for the rights of an administrator so")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Seat = Seat { is_elevated: Some(false), is_at_desktop: true, is_alone: false };

    #[test]
    fn a_person_without_the_rights_is_asked_for_them_once() {
        assert!(is_to_restart(&HOME, Starter::Anybody, Voice::Plain, true));
        assert!(!is_to_restart(&HOME, Starter::Itself, Voice::Plain, true));
        for is_elevated in [Some(true), None] {
            let seat = Seat { is_elevated, ..HOME };
            assert!(!is_to_restart(&seat, Starter::Anybody, Voice::Plain, true));
        }
    }

    #[test]
    fn where_nobody_sees_a_window_none_is_opened() {
        let remote = Seat { is_at_desktop: false, ..HOME };
        assert!(!is_to_restart(&remote, Starter::Anybody, Voice::Plain, true));
        assert!(!is_to_restart(&HOME, Starter::Anybody, Voice::Plain, false), "a pipe");
        for (silent, json) in [(true, false), (false, true)] {
            let voice = Voice::of(silent, json);
            assert!(!is_to_restart(&HOME, Starter::Anybody, voice, true));
        }
        assert_eq!(Voice::of(false, false), Voice::Plain);
    }
}
