//! Asking a program to close, as its own close button would. It is never ended.

use std::time::Duration;

use windows::Win32::Foundation::{HWND, LPARAM, WPARAM};
use windows::Win32::UI::WindowsAndMessaging::{
    EnumWindows, GW_OWNER, GetWindow, GetWindowThreadProcessId, IsWindowVisible, PostMessageW,
    WM_CLOSE,
};
use windows::core::BOOL;

use super::pc::Live;
use super::refusal::refused;
use super::{process, wait};
use crate::{Change, HostError, HostErrorKind, Result, Watch};

const OP: &str = "ask to close";
/// A program may ask its user what to do with unsaved work; then it is up to them.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks the process to close, if it still is the one that was meant, and waits until it has ended.
///
/// # Errors
/// When it has no window that could be closed, or does not end in time.
pub(super) fn ask(
    pc: &Live,
    change: &Change,
    pid: u32,
    image: &str,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let subject = format!("{image} (process {pid})");
    let found = process::running()?
        .into_iter()
        .find(|it| it.pid == pid && it.image.eq_ignore_ascii_case(image));
    let Some(found) = found else { return Ok(()) };
    // While it is open no other process gets its id.
    let held = process::open(&found)?;
    let windows = windows_of(pid);
    if windows.is_empty() {
        let why = "it shows no window that could be closed (it runs in the background or for \
                   another user); end it in the way its maker tells";
        let kind = HostErrorKind::Io(why.to_owned());
        return Err(HostError { op: OP, subject, kind });
    }
    let mut last = Ok(());
    let mut asked = false;
    for window in windows {
        // SAFETY: a window that is gone by now gives an error; the message carries nothing.
        let posted = unsafe { PostMessageW(Some(window), WM_CLOSE, WPARAM(0), LPARAM(0)) };
        asked |= posted.is_ok();
        last = posted.map_err(|error| refused(OP, &subject, &error));
    }
    if !asked {
        return last;
    }
    // A process that somebody has open is listed for longer than it lives.
    drop(held);
    wait::until_true(pc, change, LIMIT, watch)
}

/// The windows that a user sees and could close, in the session of this program.
fn windows_of(pid: u32) -> Vec<HWND> {
    let mut all: Vec<HWND> = Vec::new();
    let into = LPARAM((&raw mut all) as isize);
    // A list that was broken off has what it has.
    // SAFETY: the function gets the list, which lives as long as the call and is used by it alone.
    let _ = unsafe { EnumWindows(Some(keep), into) };
    all.retain(|window| {
        let mut owner = 0;
        // SAFETY: the number is ours; a window that is gone leaves it as it is.
        unsafe { GetWindowThreadProcessId(*window, Some(&mut owner)) };
        // SAFETY: takes a window, which may be gone.
        let is_visible = unsafe { IsWindowVisible(*window) }.as_bool();
        // SAFETY: takes a window, which may be gone.
        let is_owned = unsafe { GetWindow(*window, GW_OWNER) }.is_ok_and(|it| !it.is_invalid());
        owner == pid && is_visible && !is_owned
    });
    all
}

extern "system" fn keep(window: HWND, all: LPARAM) -> BOOL {
    // SAFETY: it is the list that `windows_of` gave, which nobody else uses meanwhile.
    let all = unsafe { &mut *(all.0 as *mut Vec<HWND>) };
    all.push(window);
    true.into()
}
