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

fn main() -> Exit {
    if let Err(error) = start::prepare() {
        return exit::tell(&error.into());
    }
    match command::run(Cli::parse().command) {
        Ok(exit) => exit,
        Err(error) => exit::tell(&error),
    }
}
