//! Chores of the project: `cargo xtask help` lists them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to who runs it")]

mod bench;
mod guard;
mod test;
mod truth;
mod wine;

use std::ffi::OsString;
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
    /// Run all tests: here, and on Windows where the lab is or can be set up
    Test {
        /// Only on Windows, in the lab
        #[arg(long)]
        windows: bool,
    },
    /// Print what an expert finds in real evidence beside what unwedge says of it
    Truth,
    /// Set up what it takes to build and run Windows programs here: see scripts/windows-lab
    WindowsLab,
    /// Run a Windows program in the session of `test`
    #[command(hide = true)]
    Wine {
        /// The program and what it is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in it");
    let succeeded = |()| ExitCode::SUCCESS;
    let done = match Chore::parse() {
        Chore::Bench(options) => bench::run(project, &options).map(succeeded),
        Chore::Work(work) => bench::work(&work).map(succeeded),
        Chore::Guard => guard::run(project).map(succeeded),
        Chore::Test { windows } => test::run(project, windows).map(succeeded),
        Chore::WindowsLab => test::set_up(project).map(succeeded),
        Chore::Wine { command } => wine::run(&command),
        Chore::Truth => truth::run(project).map(succeeded),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
