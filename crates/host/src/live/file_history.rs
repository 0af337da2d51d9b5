//! File History, the backup that is part of Windows.

use windows::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND};
use windows::Win32::System::Registry::{HKEY_CURRENT_USER, RRF_RT_REG_QWORD, RegGetValueW};
use windows::Win32::System::Services::{SC_MANAGER_CONNECT, SERVICE_QUERY_STATUS};
use windows::core::{BOOL, HRESULT, HSTRING};

use super::com::{self, LIMIT};
use super::library::{Address, Library};
use super::refusal::{checked, refused};
use super::service::Handle;
use crate::{Result, RunState, ServiceName};

const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\FileHistory";
const SERVICE: &str = "fhsvc";
const OP: &str = "run File History";

/// A connection to the service of File History.
type Pipe = *mut std::ffi::c_void;
/// `FhServiceOpenPipe` of `fhsvcctl.h`.
type OpenPipe = unsafe extern "system" fn(start_service: BOOL, pipe: *mut Pipe) -> HRESULT;
/// `FhServiceStartBackup` of `fhsvcctl.h`.
type StartBackup = unsafe extern "system" fn(pipe: Pipe, low_priority: BOOL) -> HRESULT;
/// `FhServiceClosePipe` of `fhsvcctl.h`.
type ClosePipe = unsafe extern "system" fn(pipe: Pipe) -> HRESULT;

/// Up to when File History says this user's files are protected, in 100 nanoseconds since 1601; 0
/// also between two runs. `None` if it never ran.
///
/// # Errors
/// When the registry cannot be read.
pub fn protects_up_to() -> Result<Option<u64>> {
    let (mut value, mut size) = (0_u64, size_of::<u64>() as u32);
    let place = std::ptr::from_mut(&mut value).cast();
    let (key, name) = (HSTRING::from(KEY), HSTRING::from("ProtectedUpToTime"));
    // SAFETY: the names and both places live as long as the call, and the value has that size.
    let code = unsafe {
        RegGetValueW(
            HKEY_CURRENT_USER,
            &key,
            &name,
            RRF_RT_REG_QWORD,
            None,
            Some(place),
            Some(&mut size),
        )
    };
    if code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND {
        return Ok(None);
    }
    checked("read", "the state of File History", code)?;
    Ok(Some(value))
}

/// Whether the service of File History runs; a Windows without it runs none.
///
/// # Errors
/// When the service cannot be asked.
pub fn runs() -> Result<bool> {
    let name = ServiceName::new(SERVICE);
    let manager = Handle::manager(SC_MANAGER_CONNECT)?;
    let Some(service) = manager.service(&name, SERVICE_QUERY_STATUS)? else { return Ok(false) };
    Ok(service.status(&name)?.state == RunState::Running)
}

/// Has File History back up now, with low priority; it goes on after this returns.
///
/// # Errors
/// When this Windows lacks it, or its service refuses.
pub fn start() -> Result<()> {
    com::ask(OP, SERVICE, LIMIT, || {
        let library = Library::system("fhsvcctl.dll")?;
        let open = library.function(c"FhServiceOpenPipe")?;
        // SAFETY: this is the form of the function in `fhsvcctl.h`.
        let open = unsafe { std::mem::transmute::<Address, OpenPipe>(open) };
        let start = library.function(c"FhServiceStartBackup")?;
        // SAFETY: as above.
        let start = unsafe { std::mem::transmute::<Address, StartBackup>(start) };
        let close = library.function(c"FhServiceClosePipe")?;
        // SAFETY: as above.
        let close = unsafe { std::mem::transmute::<Address, ClosePipe>(close) };
        let mut pipe: Pipe = std::ptr::null_mut();
        // SAFETY: the place of the handle is ours. The service is started if it does not run.
        let opened = unsafe { open(BOOL(1), &mut pipe) };
        opened.ok().map_err(|error| refused(OP, SERVICE, &error))?;
        // SAFETY: the handle is open.
        let started = unsafe { start(pipe, BOOL(1)) };
        // SAFETY: the handle is open and is not used again. There is nothing to do if it fails.
        let _ = unsafe { close(pipe) };
        started.ok().map_err(|error| refused(OP, SERVICE, &error))
    })
    .wait()
}
