//! The Restart Manager; this library, put into the folder of Windows under the name `rstrtmgr.dll`, plays
//! it. Who uses a file says `C:\lab\restart_manager.txt`, and what was asked is written to
//! `restart_manager.log` beside it.
//!
//! ```text
//! start, register, list = 353    asking that fails with this
//! uses = 1234                    the process that uses every file asked for, by its number
//! uses = 1234 born 5             one of that number that began at another time: it is gone
//! ended = 100                    so many that have ended are told before
//! grows                          each time it is asked there are 50 more of them
//! ```

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use windows::Win32::Foundation::{
    CloseHandle, ERROR_BAD_ARGUMENTS, ERROR_INVALID_HANDLE, ERROR_MORE_DATA, FILETIME,
};
use windows::Win32::System::RestartManager::{
    RM_PROCESS_INFO, RM_UNIQUE_PROCESS, RmRebootReasonNone, RmService,
};
use windows::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
};
use windows::core::PCWSTR;

use crate::told::{Told, note, number};

const FILE: &str = "restart_manager.txt";
const LOG: &str = "restart_manager.log";
/// `CCH_RM_SESSION_KEY`: the letters of a session's key, beside the zero at its end.
const KEY_UNITS: usize = 32;
const MORE_EACH_TIME: u32 = 50;
/// No process has such a number.
const NOBODY: u32 = 0x4000_0000;

/// The sessions that are open, each with how often it was asked.
static SESSIONS: Mutex<Vec<(u32, u32)>> = Mutex::new(Vec::new());

/// Begins a session.
///
/// # Safety
/// The number can be written, and the key has room for 33 units.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RmStartSession(session: *mut u32, flags: u32, key: *mut u16) -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    note(LOG, "start");
    if let Some(code) = Told::by(FILE).number("start") {
        return code;
    }
    if session.is_null() || key.is_null() || flags != 0 {
        return ERROR_BAD_ARGUMENTS.0;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let text: Vec<u16> = format!("{number:0KEY_UNITS$x}\0").encode_utf16().collect();
    // SAFETY: as the caller promises.
    unsafe { key.copy_from(text.as_ptr(), text.len()) };
    // SAFETY: as the caller promises.
    unsafe { session.write(number) };
    SESSIONS.lock().expect("nobody panics with it").push((number, 0));
    0
}

/// Says which files a session is about.
///
/// # Safety
/// There are as many names as is said, each ending in a zero.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RmRegisterResources(
    session: u32,
    files: u32,
    names: *const PCWSTR,
    _applications: u32,
    _application: *const RM_UNIQUE_PROCESS,
    _services: u32,
    _service: *const PCWSTR,
) -> u32 {
    for at in 0..files as usize {
        // SAFETY: as the caller promises.
        let name = unsafe { *names.add(at) };
        // SAFETY: as the caller promises.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        note(LOG, &format!("register {name}"));
    }
    if !is_open(session) {
        return ERROR_INVALID_HANDLE.0;
    }
    Told::by(FILE).number("register").unwrap_or(0)
}

/// Tells who uses them.
///
/// # Safety
/// There is room for as many as is said, and every number can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RmGetList(
    session: u32,
    needed: *mut u32,
    count: *mut u32,
    into: *mut RM_PROCESS_INFO,
    reasons: *mut u32,
) -> u32 {
    // SAFETY: as the caller promises.
    let room = unsafe { *count };
    note(LOG, &format!("list into {room}"));
    let told = Told::by(FILE);
    if let Some(code) = told.number("list") {
        return code;
    }
    let mut sessions = SESSIONS.lock().expect("nobody panics with it");
    let Some((_, asked)) = sessions.iter_mut().find(|it| it.0 == session) else {
        return ERROR_INVALID_HANDLE.0;
    };
    let mut ended = told.number("ended").unwrap_or(0);
    if told.has("grows") {
        ended += 64 + *asked * MORE_EACH_TIME;
        *asked += 1;
    }
    let ended = (0..ended).map(|at| process(NOBODY + at * 4, Some(1)));
    let all: Vec<RM_PROCESS_INFO> = ended.chain(told.all("uses").map(user)).collect();
    // SAFETY: as the caller promises.
    unsafe { needed.write(all.len() as u32) };
    // SAFETY: as the caller promises.
    unsafe { reasons.write(RmRebootReasonNone.0.cast_unsigned()) };
    if all.len() > room as usize {
        return ERROR_MORE_DATA.0;
    }
    // SAFETY: there is room for as many as the caller said, which is enough.
    unsafe { into.copy_from(all.as_ptr(), all.len()) };
    // SAFETY: as the caller promises.
    unsafe { count.write(all.len() as u32) };
    0
}

/// Ends the programs; nobody may ask for it who only looks.
#[unsafe(no_mangle)]
pub extern "system" fn RmShutdown(_session: u32, _how: u32, _progress: usize) -> u32 {
    note(LOG, "shutdown");
    0
}

/// Starts them again.
#[unsafe(no_mangle)]
pub extern "system" fn RmRestart(_session: u32, _flags: u32, _progress: usize) -> u32 {
    note(LOG, "restart");
    0
}

/// Ends a session.
#[unsafe(no_mangle)]
pub extern "system" fn RmEndSession(session: u32) -> u32 {
    note(LOG, "end");
    if !is_open(session) {
        return ERROR_INVALID_HANDLE.0;
    }
    SESSIONS.lock().expect("nobody panics with it").retain(|it| it.0 != session);
    0
}

fn is_open(session: u32) -> bool {
    SESSIONS.lock().expect("nobody panics with it").iter().any(|it| it.0 == session)
}

/// The process that a line names.
fn user(line: &str) -> RM_PROCESS_INFO {
    let (pid, born) = line.split_once(" born ").map_or((line, None), |(pid, it)| (pid, Some(it)));
    let pid = number(pid).unwrap_or_else(|| panic!("the process {line}"));
    process(pid, born.and_then(number).map(u64::from).or_else(|| beginning(pid)))
}

/// A process that began at this time; of some Windows does not tell it.
fn process(pid: u32, born: Option<u64>) -> RM_PROCESS_INFO {
    let born = born.unwrap_or(0);
    let mut it = RM_PROCESS_INFO {
        Process: RM_UNIQUE_PROCESS {
            dwProcessId: pid,
            ProcessStartTime: FILETIME {
                dwLowDateTime: born as u32,
                dwHighDateTime: (born >> 32) as u32,
            },
        },
        ApplicationType: RmService,
        AppStatus: 1,
        ..RM_PROCESS_INFO::default()
    };
    spell(&mut it.strAppName, "A program of the lab");
    spell(&mut it.strServiceShortName, "lab");
    it
}

fn spell(into: &mut [u16], text: &str) {
    into.iter_mut().zip(text.encode_utf16()).for_each(|(place, unit)| *place = unit);
}

fn beginning(pid: u32) -> Option<u64> {
    // SAFETY: no pointer is given.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, pid) }.ok()?;
    let [mut born, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is open, and the times can be written.
    let told = unsafe { GetProcessTimes(process, &mut born, &mut ended, &mut kernel, &mut user) };
    // SAFETY: the handle is ours and not used again.
    let _ = unsafe { CloseHandle(process) };
    told.ok()?;
    Some(u64::from(born.dwHighDateTime) << 32 | u64::from(born.dwLowDateTime))
}
