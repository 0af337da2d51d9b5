//! `unwedge decode`: event traces of Windows Update as the lines `Get-WindowsUpdateLog` prints.

mod merge;
mod source;
mod summary;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::exit::{Exit, written};
use merge::merge;
use source::Sources;

/// Prints event traces (.etl) as text, in the order of their time
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  unwedge decode C:\\Windows\\Logs\\WindowsUpdate > WindowsUpdate.log

The lines are those of Get-WindowsUpdateLog, on any system and without symbols, but for double
quotes, which Windows drops. Traces of Windows 8.1, and of Windows 10 before 1709, cannot be read
without Microsoft's symbols; they are counted and named. What was read and what was not goes to
stderr.")]
pub(crate) struct DecodeArgs {
    /// Traces, or folders with traces in them, at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Times in UTC; else by the clock of the PC that wrote each trace
    #[arg(long)]
    utc: bool,

    /// Write to this file, which is replaced
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Decodes all traces there are.
pub(crate) fn run(args: &DecodeArgs) -> anyhow::Result<Exit> {
    let sources = Sources::find(&args.paths)?;
    let mut summary = summary::Summary::default();
    let clock = if args.utc { source::Clock::Utc } else { source::Clock::Local };
    let result = match &args.output {
        Some(path) => {
            let mut file = create(path, &sources)?;
            merge(&sources, clock, &mut file, &mut summary)
        }
        None => {
            let mut out = io::stdout().lock();
            merge(&sources, clock, &mut out, &mut summary).and_then(|()| out.flush())
        }
    };
    if let Err(error) = result {
        // Whoever reads may have read enough, and then nobody wants to know what else there is.
        return written(Err(error), Exit::Ok).context("could not write the lines");
    }
    summary.tell(&sources);
    Ok(summary.exit())
}

/// Opens the file to write to, which must not be one of those that are read.
fn create(path: &Path, sources: &Sources) -> anyhow::Result<File> {
    let whole = |path: &Path| path.canonicalize().ok();
    if whole(path).is_some_and(|to| sources.paths().any(|from| whole(from) == Some(to.clone()))) {
        bail!("{} is one of the traces; write to another file", path.display());
    }
    File::create(path).with_context(|| format!("could not write to {}", path.display()))
}
