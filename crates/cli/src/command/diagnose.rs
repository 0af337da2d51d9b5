//! `unwedge diagnose`: why updates fail, from whatever evidence there is.

use std::path::PathBuf;

use unwedge_engine::report::Verdict;

use crate::exit::{Exit, written};
use crate::machine::{diagnosed, open_all};
use crate::render::json;
use crate::render::page::Page;

/// Says why updates fail, with the proof
#[derive(Debug, clap::Args)]
pub(crate) struct DiagnoseArgs {
    /// Logs, folders of evidence in any layout, or a .host machine; on Windows none means this PC
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Print JSON (docs/report.schema.json)
    #[arg(long)]
    json: bool,

    /// Show all proof lines, what was ignored and every operation
    #[arg(long)]
    all: bool,
}

/// Reads the evidence and says what it means.
pub(crate) fn run(args: &DiagnoseArgs) -> anyhow::Result<Exit> {
    let host = open_all(&args.paths)?;
    let told = diagnosed(&*host);
    let exit = match told.verdict {
        Verdict::Healthy | Verdict::Recovered => Exit::Ok,
        Verdict::Failing => Exit::Failing,
        Verdict::NotAssessed => Exit::NotAssessed,
    };
    if args.json {
        json(&told)?;
        return Ok(exit);
    }
    written(Page::to_terminal(anstream::stdout().lock()).diagnosis(&told, args.all), exit)
}
