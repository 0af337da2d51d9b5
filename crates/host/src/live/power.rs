//! Mains and battery.

use windows::Win32::System::Power::{GetSystemPowerStatus, SYSTEM_POWER_STATUS};

use super::refusal::refused;
use crate::Result;
use crate::probe::Power;

/// Asks Windows.
pub(super) fn tell() -> Result<Power> {
    let mut status = SYSTEM_POWER_STATUS::default();
    // SAFETY: the structure is of this function and lives as long as the call.
    let answer = unsafe { GetSystemPowerStatus(&mut status) };
    answer.map_err(|error| refused("ask for", "power", &error))?;
    Ok(Power::of(status.ACLineStatus, status.BatteryFlag, status.BatteryLifePercent))
}
