//! Chores of the project: `cargo xtask help` lists them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to who runs it")]

mod bench;
mod guard;
mod truth;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

/// Chores of the project
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Measure unwedge beside the tools that people use for the same work
    Bench(bench::Options),
    /// Do one piece of work that the bench compares
    #[command(hide = true, subcommand)]
    Work(bench::Work),
    /// Count the instructions of the hot paths and compare them with their ceilings
    Guard,
    /// Print what an expert finds in real evidence beside what unwedge says of it
    Truth,
}

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in it");
    let done = match Chore::parse() {
        Chore::Bench(options) => bench::run(project, &options),
        Chore::Work(work) => bench::work(&work),
        Chore::Guard => guard::run(project),
        Chore::Truth => truth::run(project),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
