//! Runs a process and tells its time, its output and its memory.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

/// A process that ended.
pub(super) struct Finished {
    /// From its start to its end.
    pub(super) seconds: f64,
    /// What it wrote.
    pub(super) stdout: Vec<u8>,
    /// Whether it ended with 0; a diagnosis of a failing PC does not.
    pub(super) success: bool,
}

/// Runs `command` to its end.
pub(super) fn finished(command: &mut Command) -> anyhow::Result<Finished> {
    let start = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not run {:?}", command.get_program()))?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Finished { seconds, stdout: output.stdout, success: output.status.success() })
}

/// The most memory that `command` held; `None` where the system does not tell.
///
/// The kernel keeps the highest mark of a running process, and it only rises, so the last look
/// before the end is right to within what was claimed in the last moment.
pub(super) fn peak_bytes(command: &mut Command) -> anyhow::Result<Option<u64>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
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
