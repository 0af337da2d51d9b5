//! unwedge: why Windows Update fails on a PC, what is in the way, and how to take it out again.

mod command;
mod exit;
mod machine;
mod render;

use clap::Parser;

use command::Command;
use exit::Exit;
use unwedge_host::live::start;

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
    match command::run(Cli::parse().command) {
        Ok(exit) => exit,
        Err(error) => exit::tell(&error),
    }
}
