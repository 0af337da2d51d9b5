//! Restarting this Windows, and which of its starts this is.

use std::thread::sleep;
use std::time::Duration;

use windows::Win32::System::Shutdown::{
    EWX_FORCEIFHUNG, EWX_REBOOT, ExitWindowsEx, InitiateSystemShutdownExW,
    SHTDN_REASON_FLAG_PLANNED, SHTDN_REASON_MAJOR_APPLICATION, SHTDN_REASON_MINOR_MAINTENANCE,
};
use windows::Win32::UI::WindowsAndMessaging::{GetSystemMetrics, SM_CLEANBOOT};
use windows::core::{HSTRING, PCWSTR};

use super::about;
use super::process;
use super::refusal::refused;
use crate::probe::Boot;
use crate::{HostError, HostErrorKind, Result};

const OP: &str = "restart";
const SUBJECT: &str = "Windows";
/// Whoever sits in front of it may save his work.
const NOTICE_SECONDS: u32 = 30;
/// From then on it should be under way; a program that asks to save may hold it up for longer.
const PATIENCE: Duration = Duration::from_secs(NOTICE_SECONDS as u64 + 90);

/// Asks Windows to restart and waits to be ended. Programs are asked to close, none is forced to
/// unless it does not answer any more.
///
/// # Errors
/// When Windows refuses, and when it says that it restarts and does not.
pub(super) fn now(reason: &str) -> Result<()> {
    about::may_restart();
    let why =
        SHTDN_REASON_MAJOR_APPLICATION | SHTDN_REASON_MINOR_MAINTENANCE | SHTDN_REASON_FLAG_PLANNED;
    let message = HSTRING::from(reason);
    let text = PCWSTR(message.as_ptr());
    // SAFETY: the text lives as long as the call; no name is this PC.
    unsafe { InitiateSystemShutdownExW(None, text, NOTICE_SECONDS, false, true, why) }
        .map_err(|error| refused(OP, SUBJECT, &error))?;
    sleep(PATIENCE);
    // Windows may say that it does and not do so.
    // SAFETY: only numbers are given to the call.
    unsafe { ExitWindowsEx(EWX_REBOOT | EWX_FORCEIFHUNG, why) }
        .map_err(|error| refused(OP, SUBJECT, &error))?;
    sleep(PATIENCE);
    Err(HostError {
        op: OP,
        subject: SUBJECT.to_owned(),
        kind: HostErrorKind::Io("Windows said that it restarts and did not".to_owned()),
    })
}

/// Which start this is: the birth of the process of the service control manager, which Windows starts once
/// and does not survive. The time of the start by the clock would change whenever somebody sets the clock.
pub(super) fn boot() -> Result<Boot> {
    const MANAGER: &str = "services.exe";
    let all = process::running()?;
    let managers = all.iter().filter(|it| it.image.eq_ignore_ascii_case(MANAGER));
    // Anybody can call his program so; the true one is the first.
    let began = managers.map(|it| it.began).filter(|it| *it != 0).min();
    let id = began.ok_or_else(|| HostError::not_collected("look for", MANAGER))?;
    // SAFETY: one number is given to the call.
    let mode = unsafe { GetSystemMetrics(SM_CLEANBOOT) };
    Ok(Boot { id, is_safe_mode: mode != 0 })
}
