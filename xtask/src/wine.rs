//! Runs one Windows program in the session that `cargo xtask test` started: what cargo calls for
//! each test executable.

use std::ffi::OsString;
use std::process::ExitCode;

/// Names the session to run in.
pub(crate) const SESSION: &str = "UNWEDGE_LAB_SESSION";

/// Runs a program, given by its path on this machine, and ends as it ends.
#[cfg(target_os = "linux")]
pub(crate) fn run(command: &[OsString]) -> anyhow::Result<ExitCode> {
    use anyhow::Context as _;

    let ticket = std::env::var(SESSION).context("no session; use `cargo xtask test`")?;
    let (program, arguments) = command.split_first().context("no program is named")?;
    let folder = std::env::current_dir()?;
    let folder = folder.to_str().context("the current folder is not UTF-8")?;
    let status = unwedge_lab::enter(&ticket, folder)
        .arg("wine")
        // The folders of this machine have the same paths on drive C.
        .arg(program)
        .args(arguments)
        .status()?;
    let code = status.code().context("the program was killed")?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// There is no session elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &[OsString]) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{SESSION} is a matter of Linux")
}
