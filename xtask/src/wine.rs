//! Runs one Windows program in the session that `cargo xtask test` started: what cargo calls for
//! each test executable.

use std::ffi::OsString;
use std::process::ExitCode;

/// Names the session to run in.
pub(crate) const SESSION: &str = "UNWEDGE_LAB_SESSION";
/// Says when the time of all programs of the session is over, in seconds since 1970.
#[cfg(target_os = "linux")]
pub(crate) const UNTIL: &str = "UNWEDGE_LAB_UNTIL";
/// No program of tests takes a tenth of this; one that does hangs.
#[cfg(target_os = "linux")]
const MOST_SECONDS: u64 = 600;

/// Runs a program, given by its path on this machine, and ends as it ends; one that takes too long
/// is ended and has failed.
#[cfg(target_os = "linux")]
pub(crate) fn run(command: &[OsString]) -> anyhow::Result<ExitCode> {
    use anyhow::{Context as _, ensure};

    let ticket = std::env::var(SESSION).context("no session; use `cargo xtask test`")?;
    let (program, arguments) = command.split_first().context("no program is named")?;
    let folder = std::env::current_dir()?;
    let folder = folder.to_str().context("the current folder is not UTF-8")?;
    let patience = seconds_left().min(MOST_SECONDS);
    ensure!(patience > 0, "not run: the time for tests under Wine is over");
    let begun = std::time::Instant::now();
    let status = unwedge_lab::enter(&ticket, folder)
        // Inside of the session: what is ended from outside would leave the program behind.
        .args(["timeout", "--signal=KILL", &patience.to_string(), "wine"])
        // The folders of this machine have the same paths on drive C.
        .arg(program)
        .args(arguments)
        .status()?;
    let was_ended = !status.success() && begun.elapsed().as_secs() >= patience;
    ensure!(!was_ended, "{} was ended after {patience} s", program.display());
    let code = status.code().context("the program was killed")?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// What is left of the time of all programs.
#[cfg(target_os = "linux")]
fn seconds_left() -> u64 {
    let until = std::env::var(UNTIL).ok().and_then(|until| until.parse::<u64>().ok());
    until.map_or(MOST_SECONDS, |until| until.saturating_sub(now()))
}

/// The seconds since 1970.
#[cfg(target_os = "linux")]
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("1970 is over").as_secs()
}

/// There is no session elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &[OsString]) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{SESSION} is a matter of Linux")
}
