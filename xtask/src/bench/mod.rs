//! Measures unwedge beside the tools that people use for the same work, in turn and in one run.
//!
//! Whole processes are timed from outside, with their inputs in the page cache, after both were
//! found to say the same. Tools take turns within a round, because a machine is faster in one
//! minute than in the next: the ratios hold, the seconds only on this machine. Inputs are made up
//! here, the same for ever; where evidence of real PCs lies beside the project, that is measured
//! too.

mod events;
mod folder;
mod hives;
#[cfg(target_os = "linux")]
mod holders;
pub(crate) mod log;
mod made;
mod process;
mod random;
mod real;
mod servicing;
mod table;
mod texts;
mod traces;
mod turn;
mod work;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::ValueEnum as _;

use made::Shelf;
use process::{executable, finished};
use real::Real;
use table::{Row, print};

pub(crate) use work::{Work, run as work};

const MIB: u64 = 1 << 20;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Use small inputs, to try it out
    #[arg(long)]
    quick: bool,
    /// How often each tool runs
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Measure only this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Name>,
    /// Measure a folder of 5 GB too, which takes as much room on disk
    #[arg(long)]
    large: bool,
    /// Measure who holds files, on Windows in the lab, and nothing else
    #[arg(long, conflicts_with_all = ["only", "large"])]
    windows: bool,
}

/// A group of rows.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// One CBS.log
    Cbs,
    /// Event logs
    Evtx,
    /// Registry hives
    Hives,
    /// Traces of Windows Update
    Etl,
    /// A folder with evidence of all kinds
    Folder,
}

/// What there is to measure with.
struct Tools {
    unwedge: PathBuf,
    /// This program, for work that no command prints by itself.
    own: PathBuf,
    /// The folder with the other programs, or why there are none.
    peers: Result<PathBuf, String>,
    ripgrep: Result<(), String>,
    shelf: Shelf,
    real: Real,
}

/// Measures, and prints one table.
#[expect(clippy::print_stderr, reason = "a bench takes minutes and says where it is")]
pub(crate) fn run(project: &Path, options: &Options) -> anyhow::Result<()> {
    if options.windows {
        return on_windows(project, options);
    }
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    let tools = Tools::prepare(project)?;
    let names = match options.only.as_slice() {
        [] => &[Name::Cbs, Name::Evtx, Name::Hives, Name::Etl, Name::Folder],
        only => only,
    };
    let mut rows = Vec::new();
    for name in names {
        eprintln!("measuring {} ...", name.to_possible_value().expect("it is one").get_name());
        rows.extend(match name {
            Name::Cbs => servicing::rows(&tools, options)?,
            Name::Evtx => events::rows(&tools, options.rounds, options.quick)?,
            Name::Hives => hives::rows(&tools, options.rounds)?,
            Name::Etl => traces::rows(&tools, options.rounds, options.quick)?,
            Name::Folder => folder::rows(&tools, options)?,
        });
    }
    told(&rows)
}

/// Prints the table; a goal that was missed is an error.
fn told(rows: &[Row]) -> anyhow::Result<()> {
    print(rows);
    let missed = rows.iter().filter(|row| row.is_missed()).count();
    ensure!(missed == 0, "{missed} goals were missed");
    Ok(())
}

#[cfg(target_os = "linux")]
fn on_windows(project: &Path, options: &Options) -> anyhow::Result<()> {
    told(&holders::rows(project, options.rounds, options.quick)?)
}

#[cfg(not(target_os = "linux"))]
fn on_windows(_: &Path, _: &Options) -> anyhow::Result<()> {
    anyhow::bail!("only Linux runs Wine for us")
}

/// Some work is done in this program, so it has to be optimised too.
fn again_in_release() -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--"]);
    cargo.args(std::env::args_os().skip(1));
    ensure!(cargo.status()?.success(), "the optimised bench failed");
    Ok(())
}

impl Tools {
    fn prepare(project: &Path) -> anyhow::Result<Tools> {
        let own = std::env::current_exe()?;
        let target =
            own.ancestors().nth(2).context("this program does not lie in a target folder")?;
        build(Command::new(env!("CARGO")).args(["--package", "unwedge"]), target)?;
        let peers = target.join("bench-peers");
        let manifest = project.join("xtask/bench-peers/Cargo.toml");
        let peers = build(Command::new(env!("CARGO")).arg("--manifest-path").arg(manifest), &peers)
            .map(|()| peers.join("release"))
            .map_err(|error| format!("not built: {error}"));
        let ripgrep = match Command::new("rg").arg("--version").output() {
            Ok(_) => Ok(()),
            Err(_) => Err("install it: apt-get install ripgrep, or cargo install ripgrep".into()),
        };
        Ok(Tools {
            unwedge: target.join("release").join(executable("unwedge")),
            peers,
            ripgrep,
            shelf: Shelf::at(target.join("bench"))?,
            real: Real::find(project),
            own,
        })
    }

    /// This program, doing a piece of work on the file that is added.
    fn work(&self, what: &str) -> Command {
        let mut command = Command::new(&self.own);
        command.args(["work", what]);
        command
    }
}

fn build(cargo: &mut Command, target: &Path) -> anyhow::Result<()> {
    let args: Vec<_> = cargo.get_args().map(ToOwned::to_owned).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release"]).args(args).arg("--target-dir").arg(target);
    ensure!(finished(&mut cargo)?.success, "cargo build failed");
    Ok(())
}
