//! Processes of this PC, and who they are.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemProcessInformation};
use windows::Win32::Foundation::{FILETIME, HANDLE, STATUS_INFO_LENGTH_MISMATCH};
use windows::Win32::Security::{
    GetTokenInformation, LookupAccountSidW, PSID, SID_NAME_USE, TOKEN_QUERY, TokenUser,
};
use windows::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, OpenProcessToken, PROCESS_NAME_WIN32,
    PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};
use windows::core::{PCWSTR, PWSTR};

use super::library::Library;
use super::name;
use super::refusal::refused;
use super::returned::{Returned, Running};
use super::service;
use crate::probe::{Process, Usage};
use crate::{HostError, HostErrorKind, Result, ServiceName, WinPath};

/// A list longer than this is no list of processes.
const MOST_BYTES: usize = 256 << 20;

/// `NtQueryInformationProcess`.
type QueryProcess = unsafe extern "system" fn(HANDLE, u32, *mut c_void, u32, *mut u32) -> i32;

/// All processes, with what each lets others know of it.
pub(super) fn all() -> Result<Vec<Process>> {
    Ok(described(&running()?, &by_process()))
}

/// What each process has used, as the list of processes says: none of them is opened.
pub(super) fn usage() -> Result<Vec<Usage>> {
    let services = by_process();
    let told = |it: Running| Usage {
        services: services.get(&it.pid).cloned().unwrap_or_default(),
        pid: it.pid,
        began: it.began,
        image: it.image,
        spent: it.spent,
    };
    Ok(running()?.into_iter().map(told).collect())
}

/// What each of these processes lets others know of it.
pub(super) fn described(
    running: &[Running],
    services: &BTreeMap<u32, Vec<ServiceName>>,
) -> Vec<Process> {
    let query = query_process().ok();
    let mut users = BTreeMap::new();
    let described = running.iter().map(|it| {
        let mut process = Process {
            began: Some(it.began),
            parent: Some(it.parent),
            session: Some(it.session),
            services: services.get(&it.pid).cloned().unwrap_or_default(),
            ..Process::of(it.pid, it.image.clone())
        };
        if let Ok(open) = open(it) {
            process.path = path(&open);
            process.user = user(&open, &mut users);
            process.is_protected = query.and_then(|query| is_protected(query, &open));
            process.command_line = query.and_then(|query| command_line(query, &open));
        }
        process
    });
    described.collect()
}

/// The services that run in each process.
pub(super) fn by_process() -> BTreeMap<u32, Vec<ServiceName>> {
    let mut all: BTreeMap<u32, Vec<ServiceName>> = BTreeMap::new();
    for (name, status) in service::running().unwrap_or_default() {
        if status.pid != 0 {
            all.entry(status.pid).or_default().push(name);
        }
    }
    all
}

/// The list of processes as Windows keeps it; none of them is opened.
pub(super) fn running() -> Result<Vec<Running>> {
    let mut bytes = vec![0u8; 512 << 10];
    loop {
        let mut needed = 0;
        let (into, size) = (bytes.as_mut_ptr().cast(), bytes.len() as u32);
        // SAFETY: the buffer is as long as its size says.
        let status =
            unsafe { NtQuerySystemInformation(SystemProcessInformation, into, size, &mut needed) };
        if status.is_ok() {
            return Ok(Returned::of(&bytes).processes());
        }
        let wanted = (needed as usize).saturating_add(bytes.len());
        if status != STATUS_INFO_LENGTH_MISMATCH || wanted > MOST_BYTES {
            let kind = HostErrorKind::Io(format!("status 0x{:08X}", status.0));
            return Err(HostError { op: "list", subject: "processes".to_owned(), kind });
        }
        bytes = vec![0; wanted];
    }
}

/// Opens a process to ask what it is; an error if another process has its id by now.
pub(super) fn open(process: &Running) -> Result<OwnedHandle> {
    const OP: &str = "open process";
    let subject = format!("{} (process {})", process.image, process.pid);
    // SAFETY: takes numbers only.
    let opened = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, process.pid) };
    let opened = opened.map_err(|error| refused(OP, &subject, &error))?;
    // SAFETY: the handle is open and ours alone.
    let owned = unsafe { OwnedHandle::from_raw_handle(opened.0) };
    let mut times = [FILETIME::default(); 4];
    let [began, ended, kernel, user] = &mut times;
    // SAFETY: the handle is open; the times are ours.
    let told = unsafe { GetProcessTimes(opened, began, ended, kernel, user) };
    told.map_err(|error| refused(OP, &subject, &error))?;
    let began = u64::from(times[0].dwHighDateTime) << 32 | u64::from(times[0].dwLowDateTime);
    if began != process.began {
        let kind = HostErrorKind::Io("another process has its id by now".to_owned());
        return Err(HostError { op: OP, subject, kind });
    }
    Ok(owned)
}

fn path(process: &OwnedHandle) -> Option<WinPath> {
    let mut units = vec![0u16; 32_768];
    let mut length = units.len() as u32;
    let into = PWSTR(units.as_mut_ptr());
    let handle = HANDLE(process.as_raw_handle());
    // SAFETY: the handle is open; the buffer has as many units as `length` says.
    let told = unsafe { QueryFullProcessImageNameW(handle, PROCESS_NAME_WIN32, into, &mut length) };
    told.ok()?;
    Some(WinPath::new(&name::spelled(units.get(..length as usize)?)))
}

/// The account, by its name where Windows knows one; asked for once for each SID.
fn user(process: &OwnedHandle, known: &mut BTreeMap<Vec<u8>, Option<String>>) -> Option<String> {
    let mut token = HANDLE::default();
    let handle = HANDLE(process.as_raw_handle());
    // SAFETY: the handle is open; `token` is ours.
    unsafe { OpenProcessToken(handle, TOKEN_QUERY, &mut token) }.ok()?;
    // SAFETY: the token is open and ours alone.
    let owned = unsafe { OwnedHandle::from_raw_handle(token.0) };
    let mut bytes = vec![0u8; 256];
    let mut needed = 0;
    let (into, size) = (bytes.as_mut_ptr().cast(), bytes.len() as u32);
    let token = HANDLE(owned.as_raw_handle());
    // SAFETY: the token is open; the buffer is as long as its size says.
    unsafe { GetTokenInformation(token, TokenUser, Some(into), size, &mut needed) }.ok()?;
    // `TOKEN_USER` begins with a pointer to the SID, which stands behind it.
    let sid = bytes.get(Returned::of(&bytes).pointer_at(0)?..needed as usize)?.to_vec();
    known.entry(sid.clone()).or_insert_with(|| account(sid)).clone()
}

fn account(mut sid: Vec<u8>) -> Option<String> {
    let (mut own, mut domain) = ([0u16; 512], [0u16; 512]);
    let (mut own_units, mut domain_units) = (own.len() as u32, domain.len() as u32);
    let mut kind = SID_NAME_USE::default();
    let from = PSID(sid.as_mut_ptr().cast());
    // SAFETY: the SID was made by Windows; both buffers have as many units as their sizes say.
    let found = unsafe {
        LookupAccountSidW(
            PCWSTR::null(),
            from,
            Some(PWSTR(own.as_mut_ptr())),
            &mut own_units,
            Some(PWSTR(domain.as_mut_ptr())),
            &mut domain_units,
            &mut kind,
        )
    };
    found.ok()?;
    let own = name::spelled(own.get(..own_units as usize)?);
    let domain = name::spelled(domain.get(..domain_units as usize)?);
    Some(if domain.is_empty() { own } else { format!(r"{domain}\{own}") })
}

fn query_process() -> Result<QueryProcess> {
    let address = Library::system("ntdll.dll")?.function(c"NtQueryInformationProcess")?;
    // SAFETY: the function of this name has this form (winternl.h).
    Ok(unsafe { std::mem::transmute::<super::library::Address, QueryProcess>(address) })
}

/// `ProcessProtectionInformation`: one byte, of which the low three bits are the type.
fn is_protected(query: QueryProcess, process: &OwnedHandle) -> Option<bool> {
    const PROCESS_PROTECTION_INFORMATION: u32 = 61;
    let mut protection = 0u8;
    let into = (&raw mut protection).cast();
    let handle = HANDLE(process.as_raw_handle());
    let mut needed = 0;
    // SAFETY: the handle is open; the answer has one byte.
    let status = unsafe { query(handle, PROCESS_PROTECTION_INFORMATION, into, 1, &mut needed) };
    (status == 0).then_some(protection & 7 != 0)
}

/// `ProcessCommandLineInformation`: a `UNICODE_STRING` with its text behind it.
fn command_line(query: QueryProcess, process: &OwnedHandle) -> Option<String> {
    const PROCESS_COMMAND_LINE_INFORMATION: u32 = 60;
    // A command line has at most 32,767 letters.
    let mut bytes = vec![0u8; (64 << 10) + 64];
    let (into, size) = (bytes.as_mut_ptr().cast(), bytes.len() as u32);
    let handle = HANDLE(process.as_raw_handle());
    let mut needed = 0;
    // SAFETY: the handle is open; the buffer is as long as its size says.
    let status =
        unsafe { query(handle, PROCESS_COMMAND_LINE_INFORMATION, into, size, &mut needed) };
    if status != 0 { None } else { Returned::of(&bytes).counted_text(0) }
}
