//! `unwedge history`: which repairs were made on a PC, and what became of them.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use unwedge_engine::journal::Outcome;

use crate::exit::Exit;
use crate::machine::named;
use crate::render::{self, json};

/// Lists the repairs made on a PC, and what became of them
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct HistoryReport {
    schema: u32,
    unwedge: &'static str,
    repairs: Vec<Past>,
}

#[derive(Serialize)]
struct Past {
    number: u32,
    journal: String,
    at: String,
    /// `None` while it is unfinished.
    outcome: Option<Outcome>,
    can_be_undone: bool,
    steps: Vec<String>,
    failures: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: HistoryArgs) -> anyhow::Result<Exit> {
    let chart = named(args.pc.as_deref())?.chart_to_read()?;
    let volumes = chart.shelf.volumes()?;
    if args.json {
        let repairs = volumes.iter().map(|it| Past {
            number: it.number,
            journal: it.path.display().to_string(),
            at: it.replay.at.clone(),
            outcome: it.replay.closed.clone(),
            can_be_undone: it.replay.can_be_undone(),
            steps: it.replay.steps.iter().map(|it| it.says.clone()).collect(),
            failures: it.replay.failures.iter().map(|(_, error)| error.clone()).collect(),
        });
        json(&HistoryReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            repairs: repairs.collect(),
        })?;
    } else {
        render::show(&render::repair::history(&volumes, &chart.name));
    }
    Ok(Exit::Ok)
}
