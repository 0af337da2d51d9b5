//! unwedge: why Windows Update fails on a PC, what is in the way, and how to take it out again.

mod command;
mod exit;
mod machine;
mod render;

use std::ffi::OsString;

use clap::Parser;

use command::elevate::{self, Starter};
use command::{Command, home};
use exit::Exit;
use unwedge_host::live::{seat, start};

/// Finds out why Windows Update fails, repairs it so that every change can be taken back, and
/// proves that the update now goes through
#[derive(Debug, Parser)]
#[command(version, after_help = exit::IN_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Answers another process of this program, if that is what this one was started for.
#[cfg(windows)]
fn helped() -> Option<Exit> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != machine::HELPER {
        return None;
    }
    let manner = arguments.next().unwrap_or_default();
    let answered = unwedge_host::live::holder::answer(&manner, std::io::stdin(), std::io::stdout());
    // Whoever asked sees by itself that no answer comes any more.
    Some(if answered.is_ok() { Exit::Ok } else { Exit::Error })
}

fn main() -> Exit {
    if let Err(error) = start::prepare() {
        return exit::tell(&error.into());
    }
    #[cfg(windows)]
    if let Some(exit) = helped() {
        return exit;
    }
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let starter = match arguments.get(1) {
        Some(first) if first == elevate::BY_ITSELF => {
            arguments.remove(1);
            Starter::Itself
        }
        Some(_) | None => Starter::Anybody,
    };
    let is_at_home = home::is_at_home(arguments.get(1..).unwrap_or_default());
    let ended = match is_at_home {
        true => home::run(),
        false => command::run(Cli::parse_from(arguments).command, starter),
    };
    let exit = ended.unwrap_or_else(|error| exit::tell(&error));
    if is_at_home || starter == Starter::Itself {
        render::say("Press any key to close this window.");
        seat::wait_for_key();
    }
    exit
}
