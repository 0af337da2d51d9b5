//! Restore points, as System Restore lists them to an administrator.

use super::com::LIMIT;
use super::wmi;
use crate::Result;
use crate::probe::{RestorePoint, moment_of_wmi};

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
