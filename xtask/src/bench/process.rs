//! Runs a process and tells its time, its output and its memory.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

/// A process that ended.
pub(super) struct Finished {
    /// What it wrote.
    pub(super) stdout: Vec<u8>,
    /// Whether it ended with 0; a diagnosis of a failing PC does not.
    pub(super) success: bool,
}

/// Runs `command` to its end.
pub(super) fn finished(command: &mut Command) -> anyhow::Result<Finished> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not run {:?}", command.get_program()))?;
    Ok(Finished { stdout: output.stdout, success: output.status.success() })
}

/// Runs `command` without listening to it; gives the seconds from its start to its end.
pub(super) fn silent(command: &mut Command) -> anyhow::Result<f64> {
    let start = Instant::now();
    let ran = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.with_context(|| format!("could not run {:?}", command.get_program()))?;
    Ok(start.elapsed().as_secs_f64())
}

/// The most memory that some runs held.
pub(super) fn peak_of(command: &dyn Fn() -> Command) -> anyhow::Result<Option<u64>> {
    let mut most = None;
    for _ in 0..3 {
        most = most.max(peak_bytes(&mut command())?);
    }
    Ok(most)
}

/// The most memory that `command` held; `None` where the system does not tell.
///
/// The kernel keeps the highest mark of a running process, and it only rises, so the last look
/// before the end is right to within what was claimed in the last moment.
pub(super) fn peak_bytes(command: &mut Command) -> anyhow::Result<Option<u64>> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = None;
    while child.try_wait()?.is_none() {
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(kib.map(|kib| kib * 1024));
    }
    Ok(most)
}

/// The name of a program's file on this system.
pub(super) fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}
