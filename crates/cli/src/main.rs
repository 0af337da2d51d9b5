//! unwedge: why Windows Update fails on a PC, what is in the way, and how to take it out again.

mod command;
mod exit;

use clap::Parser;
use exit::Exit;

/// Finds out why Windows Update fails, repairs it so that every change can be taken back
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Explain(command::explain::ExplainArgs),
}

fn main() -> anyhow::Result<Exit> {
    match Cli::parse().command {
        Command::Explain(args) => command::explain::run(&args),
    }
}
