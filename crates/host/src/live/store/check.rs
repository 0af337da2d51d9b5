//! The check of system files: the program of Windows, run by its full path and without a shell.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::windows::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use windows::Win32::System::Threading::CREATE_NO_WINDOW;

use super::outcome::{FileCheck, Percents, Records};
use crate::live::file::{Files, refused};
use crate::{Advance, HostError, HostErrorKind, Result, Stage, Watch, WinPath};

const OP: &str = "check";
const SUBJECT: &str = "the files of Windows";
const LOG: &str = r"C:\Windows\Logs\CBS\CBS.log";
/// So much of what was added is looked at.
const MOST_LOG_BYTES: u64 = 256 << 20;
/// On a slow disk it takes an hour.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);
/// The service that writes the records is not the program.
const RECORDS_LIMIT: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Lets Windows check its files and replace those that differ.
///
/// It has no point at which it could be stopped without leaving work undone, so it is let finish
/// whatever `watch` says.
pub(in crate::live) fn check_files(files: &Files, watch: &mut Watch<'_>) -> Result<()> {
    let log = WinPath::new(LOG);
    let before = size(files, &log)?;
    let exit_code = run(files, watch)?;
    let begun = Instant::now();
    let mut records = Records::read(&added(files, &log, before)?);
    while records.is_empty() && begun.elapsed() < RECORDS_LIMIT {
        sleep(BETWEEN_LOOKS);
        records = Records::read(&added(files, &log, before)?);
    }
    match records.outcome(exit_code) {
        // What is left is told by the logs, and whether it matters by the update.
        FileCheck::Sound | FileCheck::Repaired | FileCheck::Left => Ok(()),
        FileCheck::AfterRestart | FileCheck::Unknown => Ok(()),
        FileCheck::NotMade => {
            Err(io(format!("sfc.exe ended with {exit_code} and checked nothing")))
        }
    }
}

fn run(files: &Files, watch: &mut Watch<'_>) -> Result<i32> {
    let system = PathBuf::from(&files.windows).join("System32");
    let mut child = Command::new(system.join("sfc.exe"))
        .arg("/scannow")
        .current_dir(&system)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .creation_flags(CREATE_NO_WINDOW.0)
        .spawn()
        .map_err(|error| refused(OP, &WinPath::new(r"C:\Windows\System32\sfc.exe"), &error))?;
    let (to, told) = channel();
    if let Some(mut output) = child.stdout.take() {
        let reading = thread::Builder::new().name("sfc".to_owned()).spawn(move || {
            let (mut percents, mut buffer) = (Percents::default(), [0; 4096]);
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if let Some(percent) = percents.take(&buffer[..count]) {
                    // Whoever watched may have given up; the program must not be kept waiting.
                    let _ = to.send(percent);
                }
            }
        });
        reading.map_err(|error| io(error.to_string()))?;
    }
    let begun = Instant::now();
    let mut advance = Advance::at(Stage::Repairing);
    while begun.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().map_err(|error| io(error.to_string()))? {
            return status.code().ok_or_else(|| io("sfc.exe ended without a number".to_owned()));
        }
        match told.recv_timeout(BETWEEN_LOOKS) {
            Ok(percent) => advance.percent = Some(percent),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => sleep(BETWEEN_LOOKS / 10),
        }
        let _ = watch(&advance);
    }
    let kind = HostErrorKind::TimeLimit { seconds: LIMIT.as_secs() };
    Err(HostError { op: OP, subject: SUBJECT.to_owned(), kind })
}

fn size(files: &Files, log: &WinPath) -> Result<u64> {
    Ok(files.data("look at", log)?.map_or(0, |it| it.len()))
}

/// What was written since the log had so many bytes; all of it, if Windows has begun a new one.
fn added(files: &Files, log: &WinPath, before: u64) -> Result<Vec<u8>> {
    let Some(mut file) = files.open(log)? else { return Ok(Vec::new()) };
    let failed = |error: std::io::Error| refused("read", log, &error);
    let now = file.metadata().map_err(failed)?.len();
    let from = if now < before { 0 } else { before };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    file.take(MOST_LOG_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn io(why: String) -> HostError {
    HostError { op: OP, subject: SUBJECT.to_owned(), kind: HostErrorKind::Io(why) }
}
