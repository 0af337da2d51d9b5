//! System Restore as far as programs make restore points; this library, put into the folder of Windows
//! under the name `srclient.dll`, plays it. The points themselves are objects of `SystemRestore` in
//! `wmi.txt`. How it behaves says `C:\lab\system_restore.txt`, and what was asked is written to
//! `system_restore.log` beside it.
//!
//! ```text
//! status = 1058      it fails with this, which is what System Restore that is off gives
//! makes = none       it says that it made a point, and makes none
//! takes = 20         it takes so many seconds to make one
//! ```
//!
//! As Windows does, it makes none, and says that it did, within the minutes that the registry has since the
//! last one, or within a day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use windows::Win32::Foundation::{
    ERROR_INVALID_DATA, ERROR_SUCCESS, FILETIME, SYSTEMTIME, WIN32_ERROR,
};
use windows::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_DWORD, RegGetValueW};
use windows::Win32::System::Restore::{
    BEGIN_SYSTEM_CHANGE, END_SYSTEM_CHANGE, RESTOREPOINTINFOW, STATEMGRSTATUS,
};
use windows::Win32::System::SystemInformation::GetSystemTime;
use windows::Win32::System::Time::SystemTimeToFileTime;
use windows::core::{BOOL, w};

use crate::management::{self, Value, value_of};
use crate::told::{Told, note};

const FILE: &str = "system_restore.txt";
const LOG: &str = "system_restore.log";
const NAMESPACE: &str = r"root\default";
const CLASS: &str = "SystemRestore";
const DAY_MINUTES: u32 = 24 * 60;

/// Begins or ends what a restore point is made for.
///
/// # Safety
/// The wish can be read, and the status written; neither need begin where numbers usually do.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn SRSetRestorePointW(
    wish: *const RESTOREPOINTINFOW,
    status: *mut STATEMGRSTATUS,
) -> BOOL {
    // SAFETY: as the caller promises.
    let wish = unsafe { wish.read_unaligned() };
    let told = match Told::by(FILE).number("status") {
        Some(code) => Err(WIN32_ERROR(code)),
        None => set(&wish),
    };
    let answer = STATEMGRSTATUS {
        nStatus: told.err().unwrap_or(ERROR_SUCCESS),
        llSequenceNumber: told.unwrap_or(0),
    };
    // SAFETY: as the caller promises.
    unsafe { status.write_unaligned(answer) };
    told.is_ok().into()
}

/// Takes a restore point away; nobody may ask for it.
#[unsafe(no_mangle)]
pub extern "system" fn SRRemoveRestorePoint(number: u32) -> u32 {
    note(LOG, &format!("remove {number}"));
    0
}

/// The number of the point.
fn set(wish: &RESTOREPOINTINFOW) -> Result<i64, WIN32_ERROR> {
    let (event, kind, number) = (wish.dwEventType, wish.dwRestorePtType, wish.llSequenceNumber);
    let description = wish.szDescription;
    let end = description.iter().position(|it| *it == 0).ok_or(ERROR_INVALID_DATA)?;
    let description = String::from_utf16_lossy(&description[..end]);
    let points = management::objects(NAMESPACE, CLASS);
    let number_of = |it: &management::Properties| match value_of(it, "SequenceNumber") {
        Some(Value::Number(it)) => *it,
        _ => 0,
    };
    let last = points.iter().max_by_key(|it| number_of(it));
    let last_number = last.map_or(0, number_of);
    match event {
        BEGIN_SYSTEM_CHANGE => {
            note(LOG, &format!("begin {} {description}", kind.0));
            let is_recent = last.and_then(made).is_some_and(|made| {
                frequency_minutes() > 0 && now() - made < u64::from(frequency_minutes()) * 60
            });
            if is_recent || Told::by(FILE).all("makes").any(|it| it == "none") {
                return Ok(last_number.into());
            }
            let seconds = Told::by(FILE).number("takes").unwrap_or(0);
            std::thread::sleep(Duration::from_secs(seconds.into()));
            let number = last_number + 1;
            management::add(
                NAMESPACE,
                CLASS,
                vec![
                    ("SequenceNumber".to_owned(), Value::Number(number)),
                    ("Description".to_owned(), Value::Text(description)),
                    ("CreationTime".to_owned(), Value::Text(spelled_now())),
                    ("EventType".to_owned(), Value::Number(event.0)),
                    ("RestorePointType".to_owned(), Value::Number(kind.0)),
                ],
            );
            Ok(number.into())
        }
        END_SYSTEM_CHANGE => {
            note(LOG, &format!("end {number}"));
            if number == i64::from(last_number) { Ok(number) } else { Err(ERROR_INVALID_DATA) }
        }
        _ => Err(ERROR_INVALID_DATA),
    }
}

/// For how long after one no other is made.
fn frequency_minutes() -> u32 {
    let (mut minutes, mut bytes) = (0_u32, 4);
    // SAFETY: the place is as long as is said.
    let read = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            w!(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore"),
            w!("SystemRestorePointCreationFrequency"),
            RRF_RT_REG_DWORD,
            None,
            Some((&raw mut minutes).cast()),
            Some(&mut bytes),
        )
    };
    if read.is_ok() { minutes } else { DAY_MINUTES }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// As WMI spells a time: that of UTC, with no minutes beside it.
fn spelled_now() -> String {
    // SAFETY: takes nothing, gives a plain structure.
    let it = unsafe { GetSystemTime() };
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.000000-000",
        it.wYear, it.wMonth, it.wDay, it.wHour, it.wMinute, it.wSecond
    )
}

/// When a point was made, in seconds since 1970.
fn made(point: &management::Properties) -> Option<u64> {
    /// From 1601 to 1970.
    const BETWEEN_SECONDS: u64 = 11_644_473_600;
    let Some(Value::Text(text)) = value_of(point, "CreationTime") else { return None };
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let time = SYSTEMTIME {
        wYear: part(0, 4)?,
        wMonth: part(4, 6)?,
        wDay: part(6, 8)?,
        wHour: part(8, 10)?,
        wMinute: part(10, 12)?,
        wSecond: part(12, 14)?,
        ..SYSTEMTIME::default()
    };
    let mut file = FILETIME::default();
    // SAFETY: both structures live as long as the call.
    unsafe { SystemTimeToFileTime(&time, &mut file) }.ok()?;
    let ticks = u64::from(file.dwHighDateTime) << 32 | u64::from(file.dwLowDateTime);
    (ticks / 10_000_000).checked_sub(BETWEEN_SECONDS)
}
