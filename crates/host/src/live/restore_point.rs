//! Restore points, as System Restore lists them to an administrator.

use std::time::Duration;

use windows::Win32::System::Restore::{
    BEGIN_SYSTEM_CHANGE, END_SYSTEM_CHANGE, MODIFY_SETTINGS, RESTOREPOINTINFOW, STATEMGRSTATUS,
};
use windows::core::BOOL;

use super::com::{self, LIMIT};
use super::library::{Address, Library};
use super::wmi;
use crate::probe::{RestorePoint, moment_of_wmi};
use crate::{HostError, Result};

/// A snapshot of all protected volumes is made, which takes minutes on a busy PC.
const LIMIT_TO_MAKE: Duration = Duration::from_secs(600);

/// `SRSetRestorePointW` of `srrestoreptapi.h`.
type Set = unsafe extern "system" fn(*const RESTOREPOINTINFOW, *mut STATEMGRSTATUS) -> BOOL;

/// All of them, oldest first.
pub(super) fn list() -> Result<Vec<RestorePoint>> {
    let asked = wmi::ask(r"root\default", "SELECT * FROM SystemRestore", LIMIT, |row| {
        Some(RestorePoint {
            // Where System Restore is missing, an object may stand for its class.
            number: row.number("SequenceNumber").filter(|it| *it > 0)?,
            name: row.text("Description").unwrap_or_default(),
            time: row.text("CreationTime").and_then(|it| moment_of_wmi(&it)),
        })
    });
    let mut found = asked.wait()?;
    found.sort_by_key(|it| it.number);
    Ok(found)
}

/// Makes one. That Windows says so is no proof: it makes none, and says success, if the last one is
/// not a day old. Whoever asked looks at the list.
pub(super) fn make(name: &str) -> Result<()> {
    let named = name.to_owned();
    com::ask("make restore point", name, LIMIT_TO_MAKE, move || {
        let address = Library::system("srclient.dll")?.function(c"SRSetRestorePointW")?;
        // SAFETY: this is the form of `SRSetRestorePointW` in `srrestoreptapi.h`.
        let set = unsafe { std::mem::transmute::<Address, Set>(address) };
        let mut wanted = RESTOREPOINTINFOW {
            dwEventType: BEGIN_SYSTEM_CHANGE,
            dwRestorePtType: MODIFY_SETTINGS,
            ..RESTOREPOINTINFOW::default()
        };
        let mut description = [0; 256];
        let units = named.encode_utf16().take(description.len() - 1);
        description.iter_mut().zip(units).for_each(|(place, unit)| *place = unit);
        wanted.szDescription = description;
        let mut status = STATEMGRSTATUS::default();
        // SAFETY: both structures are ours and live as long as the call.
        let begun = unsafe { set(&wanted, &mut status) };
        let code = status.nStatus;
        if !begun.as_bool() {
            return Err(HostError::win32("make restore point", &named, code.0));
        }
        wanted.dwEventType = END_SYSTEM_CHANGE;
        wanted.llSequenceNumber = status.llSequenceNumber;
        // SAFETY: as above. It only marks the end of what the point was made for.
        let _ = unsafe { set(&wanted, &mut status) };
        Ok(())
    })
    .wait()
}
