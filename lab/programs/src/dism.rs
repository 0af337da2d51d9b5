//! The interface of DISM as far as unwedge calls it; this library, put into the folder of Windows
//! under the name `dismapi.dll`, plays it. How the component store stands says `C:\lab\store.txt`,
//! and what was asked is written to `store.log` beside it.
//!
//! ```text
//! healthy, repairable or unrepairable
//! unscanned          no search has found it yet
//! source = PLACE     a repair needs its files from there, in the form in which DISM takes it
//! slow               it works until it is asked to stop
//! frees = KB         that update goes through once the store is repaired
//! ```

use core::ffi::c_void;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use windows::Win32::Foundation::{HANDLE, S_OK, WAIT_OBJECT_0};
use windows::Win32::System::Threading::WaitForSingleObject;
use windows::core::{BOOL, HRESULT, PCWSTR};

use crate::script;

const FILE: &str = r"C:\lab\store.txt";
const SOURCE_MISSING: HRESULT = HRESULT(0x800f_081f_u32.cast_signed());
const STORE_CORRUPT: HRESULT = HRESULT(0x8007_3712_u32.cast_signed());
const CANCELLED: HRESULT = HRESULT(0x800f_0820_u32.cast_signed());
const WRONG: HRESULT = HRESULT(0x8007_0057_u32.cast_signed());
const SESSION: u32 = 7;

type Progress = unsafe extern "system" fn(u32, u32, *mut c_void);

/// Begins.
#[unsafe(no_mangle)]
pub extern "system" fn DismInitialize(level: i32, _log: PCWSTR, _scratch: PCWSTR) -> HRESULT {
    if level == 2 { S_OK } else { WRONG }
}

/// Ends.
#[unsafe(no_mangle)]
pub extern "system" fn DismShutdown() -> HRESULT {
    note("shutdown");
    S_OK
}

/// Opens the running Windows.
///
/// # Safety
/// The name ends in a zero, and the number can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DismOpenSession(
    image: PCWSTR,
    _windows: PCWSTR,
    _drive: PCWSTR,
    session: *mut u32,
) -> HRESULT {
    // SAFETY: as the caller promises.
    let image = unsafe { image.to_string() };
    if image.is_ok_and(|it| it == "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}") {
        // SAFETY: as the caller promises.
        unsafe { session.write(SESSION) };
        return S_OK;
    }
    WRONG
}

/// Closes it.
#[unsafe(no_mangle)]
pub extern "system" fn DismCloseSession(session: u32) -> HRESULT {
    if session == SESSION { S_OK } else { WRONG }
}

/// Tells how the store stands, after a search if one is asked for.
///
/// # Safety
/// The event is open, `progress` can be called with `user_data`, and `health` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DismCheckImageHealth(
    session: u32,
    scan: BOOL,
    cancel: HANDLE,
    progress: Option<Progress>,
    user_data: *mut c_void,
    health: *mut i32,
) -> HRESULT {
    let mut store = read();
    if session != SESSION {
        return WRONG;
    }
    if scan.as_bool() {
        note("scan");
        // SAFETY: as the caller promises.
        if !unsafe { work(&store, cancel, progress, user_data) } {
            return CANCELLED;
        }
        store.retain(|it| it != "unscanned");
        write(&store);
    }
    let state = match store.first().map(String::as_str) {
        _ if has(&store, "unscanned") => 0,
        Some("repairable") => 1,
        Some("unrepairable") => 2,
        _ => 0,
    };
    // SAFETY: as the caller promises.
    unsafe { health.write(state) };
    S_OK
}

/// Repairs it.
///
/// # Safety
/// There are so many sources, the event is open, and `progress` can be called with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DismRestoreImageHealth(
    session: u32,
    sources: *const PCWSTR,
    count: u32,
    limit_access: BOOL,
    cancel: HANDLE,
    progress: Option<Progress>,
    user_data: *mut c_void,
) -> HRESULT {
    let mut store = read();
    if session != SESSION || (count > 0) == sources.is_null() {
        return WRONG;
    }
    let mut given = String::new();
    if count > 0 {
        // SAFETY: as the caller promises.
        let first = unsafe { *sources };
        // SAFETY: as the caller promises.
        given = unsafe { first.to_string() }.unwrap_or_default();
    }
    note(&format!("repair from [{given}] limited {}", limit_access.as_bool()));
    // SAFETY: as the caller promises.
    if !unsafe { work(&store, cancel, progress, user_data) } {
        return CANCELLED;
    }
    let needed = field(&store, "source");
    if has(&store, "unrepairable") {
        return STORE_CORRUPT;
    }
    if needed.is_some_and(|it| it != given) {
        return SOURCE_MISSING;
    }
    if let Some(kb) = field(&store, "frees") {
        script::set(&kb, "code", "0");
    }
    store[0] = "healthy".to_owned();
    write(&store);
    S_OK
}

/// Tells how far it is; `false` is that it was asked to stop.
///
/// # Safety
/// The event is open, and `progress` can be called with `user_data`.
unsafe fn work(
    store: &[String],
    cancel: HANDLE,
    progress: Option<Progress>,
    user_data: *mut c_void,
) -> bool {
    let turns = if has(store, "slow") { 3_000 } else { 4 };
    for turn in 0..=turns {
        if let Some(progress) = progress {
            // SAFETY: as the caller promises.
            unsafe { progress(turn, turns, user_data) };
        }
        // SAFETY: the event is open.
        if unsafe { WaitForSingleObject(cancel, 0) } == WAIT_OBJECT_0 {
            note("stopped");
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn read() -> Vec<String> {
    let text = fs::read_to_string(FILE).unwrap_or_else(|_| "healthy".to_owned());
    text.lines().map(|it| it.trim().to_owned()).collect()
}

fn write(store: &[String]) {
    fs::write(FILE, store.join("\n")).expect("the file of the store can be written");
}

fn has(store: &[String], word: &str) -> bool {
    store.iter().any(|it| it == word)
}

fn field(store: &[String], name: &str) -> Option<String> {
    store.iter().find_map(|it| Some(it.strip_prefix(name)?.strip_prefix(" = ")?.to_owned()))
}

fn note(what: &str) {
    let log = OpenOptions::new().create(true).append(true).open(r"C:\lab\store.log");
    let mut log = log.expect("the log can be written");
    writeln!(log, "{what}").expect("the log can be written");
}
