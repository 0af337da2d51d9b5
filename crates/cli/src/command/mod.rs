//! What unwedge can be asked to do: one file a command.

pub(crate) mod diagnose;
pub(crate) mod explain;

use crate::exit::Exit;

/// The commands, in the order in which a person meets them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Diagnose(diagnose::DiagnoseArgs),
    Explain(explain::ExplainArgs),
}

/// Does what was asked.
pub(crate) fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Explain(args) => explain::run(&args),
    }
}
