//! All tests: on this system, and, where the Windows lab is or can be set up, the same tests and the
//! program itself on Windows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

/// What the lab builds for.
#[cfg(target_os = "linux")]
pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
/// How `scripts/windows-lab` ends where there can be no lab.
#[cfg(target_os = "linux")]
const CANNOT: i32 = 77;
/// All tests under Wine take a quarter of this; a Windows that hangs may not take longer.
#[cfg(target_os = "linux")]
const MOST_SECONDS: u64 = 20 * 60;

/// Runs all tests; one line at the end says what was skipped.
pub(crate) fn run(project: &Path, only_windows: bool) -> anyhow::Result<()> {
    if !only_windows {
        step("tests on this system", cargo().args(["test", "--workspace"]).current_dir(project))?;
    }
    match windows::test(project)? {
        None => println!("Windows leg: passed"),
        Some(reason) => println!("Windows leg: SKIPPED: {reason}"),
    }
    Ok(())
}

/// Sets up the Windows lab; not being able to is an error that says why.
pub(crate) fn set_up(project: &Path) -> anyhow::Result<()> {
    match windows::set_up(project)? {
        None => Ok(()),
        Some(reason) => bail!("{reason}"),
    }
}

fn step(what: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("== {what}");
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{what}: {status}");
    println!("== {what}: {} s", begun.elapsed().as_secs());
    Ok(())
}

/// The cargo that runs this chore.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(not(target_os = "linux"))]
mod windows {
    use super::Path;

    pub(super) fn test(project: &Path) -> anyhow::Result<Option<String>> {
        set_up(project)
    }

    pub(super) fn set_up(_: &Path) -> anyhow::Result<Option<String>> {
        Ok(Some(match cfg!(windows) {
            true => "this is Windows: all tests that need no lab ran on it".to_owned(),
            false => "only Linux runs Wine for us".to_owned(),
        }))
    }
}

#[cfg(target_os = "linux")]
mod windows {
    use super::*;
    use crate::wine;
    use unwedge_lab::{Lab, Pc, lab_folder};

    /// Tests on Windows; a reason where that is not possible.
    pub(super) fn test(project: &Path) -> anyhow::Result<Option<String>> {
        if let Some(reason) = set_up(project)? {
            return Ok(Some(reason));
        }
        let target = target_folder(project)?;
        let debug = target.join(TARGET).join("debug");
        let lab = Lab::with_programs(debug.clone())?;
        let with_lab = || -> anyhow::Result<Command> {
            let mut cargo = Command::new(lab_folder()?.join("cargo"));
            cargo.current_dir(project).env("CARGO_TARGET_DIR", &target);
            Ok(cargo)
        };
        // What only works where the lab is, is no program for Windows.
        let all = ["--workspace", "--exclude=xtask", "--exclude=unwedge-lab", "--target", TARGET];
        if with_lab()?.args(["clippy", "--version"]).output()?.status.success() {
            let mut clippy = with_lab()?;
            clippy.arg("clippy").args(all).args([
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]);
            step("clippy for Windows", &mut clippy)?;
        } else {
            println!("skipped: no clippy here");
        }
        // Tests start the examples; naming what to test below leaves them out.
        let programs = ["build", "--lib", "--bins", "--examples"];
        step("build for Windows", with_lab()?.args(programs).args(all))?;
        // Examples in comments are built where no program of the lab may look; they ran before.
        let tests = ["--no-fail-fast", "--lib", "--bins", "--tests"];
        let built = ["test", "--no-run", "--quiet"];
        step("tests for Windows", with_lab()?.args(built).args(tests).args(all))?;
        let pc = lab.start("tests", &[project, &target])?;
        readable(&pc, project)?;
        let runner = std::env::current_exe()?;
        let runner = runner.to_str().context("the path of this program is not UTF-8")?;
        let mut run = with_lab()?;
        run.arg("test").args(tests).args(all);
        run.env(wine::SESSION, pc.session().ticket());
        run.env(wine::UNTIL, (wine::now() + MOST_SECONDS).to_string());
        run.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", format!("{runner} wine"));
        // What holds for any bytes was tried in full above; memory is slow to get under Wine.
        run.env("PROPTEST_CASES", "32");
        step("tests under Wine", &mut run)?;
        drop(pc);
        let release = ["build", "--release", "--package=unwedge", "--target", TARGET];
        step("the executable", with_lab()?.args(release))?;
        // Both systems have to say the same; with only this leg nothing was built for this one.
        step(
            "build for this system",
            cargo().args(["build", "--package=unwedge"]).current_dir(project),
        )?;
        let mut ends = cargo();
        ends.args(["test", "--package=unwedge-lab"]).current_dir(project);
        ends.env(unwedge_lab::PROGRAMS, &debug);
        ends.env("UNWEDGE_LAB_EXECUTABLE", target.join(TARGET).join("release/unwedge.exe"));
        ends.env("UNWEDGE_LAB_NATIVE", target.join("debug/unwedge"));
        step("from end to end under Wine", &mut ends)?;
        Ok(None)
    }

    /// Makes the lab ready; a reason where there can be none.
    pub(super) fn set_up(project: &Path) -> anyhow::Result<Option<String>> {
        let script = project.join("scripts/windows-lab");
        let done = Command::new(&script)
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", script.display()))?;
        let said = String::from_utf8_lossy(&done.stdout);
        let last = said.lines().last().unwrap_or_default().to_owned();
        match done.status.code() {
            Some(0) => {
                print!("{said}");
                Ok(None)
            }
            Some(CANNOT) => Ok(Some(last)),
            // A lab that can be had and is broken must not pass for one that cannot be had.
            _ => bail!("setting up the Windows lab failed ({}): {last}", done.status),
        }
    }

    /// Programs run as nobody in particular; a project only its owner may read is none to them.
    fn readable(pc: &Pc, project: &Path) -> anyhow::Result<()> {
        let folder = project.to_str().context("the path of the project is not UTF-8")?;
        let status = pc.session().command(folder).args(["test", "-r", "Cargo.toml"]).status()?;
        ensure!(status.success(), "other users may not read {folder}: chmod -R a+rX it");
        Ok(())
    }

    fn target_folder(project: &Path) -> anyhow::Result<PathBuf> {
        let arguments = ["metadata", "--no-deps", "--offline", "--format-version=1"];
        let said = cargo().args(arguments).current_dir(project).output()?;
        let about: serde_json::Value = serde_json::from_slice(&said.stdout)?;
        Ok(about["target_directory"].as_str().context("cargo names no target folder")?.into())
    }
}
