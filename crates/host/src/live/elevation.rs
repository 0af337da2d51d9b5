//! This program once more, with the rights of an administrator, if a person lets it.

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows::Win32::Foundation::{ERROR_CANCELLED, HANDLE, HWND, WAIT_OBJECT_0};
use windows::Win32::System::Com::{
    COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize,
};
use windows::Win32::System::Console::GetConsoleWindow;
use windows::Win32::System::Threading::{GetExitCodeProcess, INFINITE, WaitForSingleObject};
use windows::Win32::UI::Shell::{
    SEE_MASK_FLAG_NO_UI, SEE_MASK_NOASYNC, SEE_MASK_NOCLOSEPROCESS, SEE_MASK_UNICODE,
    SHELLEXECUTEINFOW, ShellExecuteExW,
};
use windows::Win32::UI::WindowsAndMessaging::{GA_ROOTOWNER, GetAncestor, SW_SHOWNORMAL};
use windows::core::{PCWSTR, w};

use super::arguments::line;
use super::refusal::{is, refused};
use crate::{HostError, HostErrorKind, Result};

const OP: &str = "start with the rights of an administrator";

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevated {
    /// It ran and ended with this number.
    Ended(u32),
    /// The person said no.
    Declined,
}

/// Starts this program with `arguments` in a window of its own and waits until it has ended. Windows
/// asks the person first.
///
/// # Errors
/// When Windows does not start it for another reason.
pub fn run(arguments: &[OsString]) -> Result<Elevated> {
    // What a person chose to run is what is run again: no folder is searched for it.
    let program = std::env::current_exe().map_err(|error| io("this program", &error))?;
    let folder = std::env::current_dir().map_err(|error| io("its folder", &error))?;
    let subject = program.display().to_string();
    let units: Vec<Vec<u16>> = arguments.iter().map(|it| it.encode_wide().collect()).collect();
    let mut line = line(units.iter().map(Vec::as_slice));
    line.push(0);
    let (file, folder) = (ended(program.as_os_str()), ended(folder.as_os_str()));
    let mut asked = SHELLEXECUTEINFOW {
        cbSize: size_of::<SHELLEXECUTEINFOW>() as u32,
        fMask: SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NOASYNC | SEE_MASK_FLAG_NO_UI | SEE_MASK_UNICODE,
        hwnd: window(),
        lpVerb: w!("runas"),
        lpFile: PCWSTR(file.as_ptr()),
        lpParameters: PCWSTR(line.as_ptr()),
        lpDirectory: PCWSTR(folder.as_ptr()),
        nShow: SW_SHOWNORMAL.0,
        ..SHELLEXECUTEINFOW::default()
    };
    let _apartment = Apartment::enter();
    // SAFETY: the structure says its size, and all it leads to lives as long as the call.
    match unsafe { ShellExecuteExW(&mut asked) } {
        Ok(()) => {}
        Err(error) if is(&error, ERROR_CANCELLED) => return Ok(Elevated::Declined),
        Err(error) => return Err(refused(OP, &subject, &error)),
    }
    if asked.hProcess.is_invalid() {
        let kind = HostErrorKind::Io("Windows did not say how it ends".to_owned());
        return Err(HostError { op: OP, subject, kind });
    }
    // SAFETY: the handle is open and ours alone, as was asked for.
    let process = unsafe { OwnedHandle::from_raw_handle(asked.hProcess.0) };
    exit_code(&process).map(Elevated::Ended).map_err(|error| refused("wait for", &subject, &error))
}

fn exit_code(process: &OwnedHandle) -> windows::core::Result<u32> {
    let handle = HANDLE(process.as_raw_handle());
    // SAFETY: the handle is open.
    let waited = unsafe { WaitForSingleObject(handle, INFINITE) };
    if waited != WAIT_OBJECT_0 {
        return Err(windows::core::Error::from_thread());
    }
    let mut code = 0;
    // SAFETY: the handle is open; the number is ours.
    unsafe { GetExitCodeProcess(handle, &mut code) }?;
    Ok(code)
}

/// The window in which the person sits, so that the question comes to its front: that of a terminal
/// owns the hidden one that its programs are told.
fn window() -> HWND {
    // SAFETY: asks for nothing but this process's own.
    let own = unsafe { GetConsoleWindow() };
    if own.is_invalid() {
        return own;
    }
    // SAFETY: takes a window, which may be gone.
    unsafe { GetAncestor(own, GA_ROOTOWNER) }
}

/// What the shell calls may use components (`ShellExecuteEx`, remarks).
struct Apartment {
    is_entered: bool,
}

impl Apartment {
    fn enter() -> Apartment {
        // SAFETY: this thread is ours; it is left when this is dropped.
        let entered =
            unsafe { CoInitializeEx(None, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE) };
        // A thread that is in another kind already can do it too, mostly.
        Apartment { is_entered: entered.is_ok() }
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        if self.is_entered {
            // SAFETY: it was entered, once.
            unsafe { CoUninitialize() };
        }
    }
}

fn ended(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

fn io(subject: &str, error: &std::io::Error) -> HostError {
    let kind = HostErrorKind::Io(error.to_string());
    HostError { op: "find", subject: subject.to_owned(), kind }
}

/// What Windows itself makes of a line of arguments.
#[cfg(test)]
pub(super) fn as_windows_takes_it_apart(line: &[u16]) -> Vec<Vec<u16>> {
    use windows::Win32::Foundation::{HLOCAL, LocalFree};
    use windows::Win32::UI::Shell::CommandLineToArgvW;
    // The first word is the program, for which other rules hold.
    let mut whole: Vec<u16> = "program ".encode_utf16().collect();
    whole.extend_from_slice(line);
    whole.push(0);
    let mut count = 0;
    // SAFETY: the line ends in a zero; the number is ours.
    let list = unsafe { CommandLineToArgvW(PCWSTR(whole.as_ptr()), &mut count) };
    assert!(!list.is_null());
    // SAFETY: there are so many words.
    let words = unsafe { std::slice::from_raw_parts(list, count as usize) };
    let mut all = Vec::new();
    for word in words.iter().skip(1) {
        // SAFETY: each ends in a zero.
        all.push(unsafe { word.as_wide() }.to_vec());
    }
    // SAFETY: the list is ours to give back, once.
    unsafe { LocalFree(Some(HLOCAL(list.cast()))) };
    all
}
