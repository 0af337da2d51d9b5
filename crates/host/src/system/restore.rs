//! Whether Windows makes restore points of its own volume, and how often it lets one be made.

use super::{Inquiry, Reading};
use crate::Host;

/// The key of System Restore.
pub const SETTINGS: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore";
/// The value that says for how many minutes after one no other is made; a day if it is not there.
pub const FREQUENCY: &str = "SystemRestorePointCreationFrequency";
const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\SystemRestore";

/// How System Restore stands; `None` where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemRestore {
    /// `RPSessionInterval`: it is on for the volume of Windows.
    pub is_on: Option<bool>,
    /// `DisableSR`: a policy forbids it.
    pub is_forbidden: bool,
    /// The value of [`FREQUENCY`].
    pub frequency_minutes: Option<u32>,
}

/// Reads it.
pub fn read(host: &dyn Host) -> Reading<SystemRestore> {
    let mut inquiry = Inquiry::of(host);
    let policy = inquiry.key(POLICY);
    let settings = inquiry.key(SETTINGS);
    let forbids = |key: &crate::Key| key.dword("DisableSR") == Some(1);
    let interval = settings.as_ref().and_then(|it| it.dword("RPSessionInterval"));
    inquiry.done(SystemRestore {
        is_on: interval.map(|it| it != 0),
        is_forbidden: policy.as_ref().is_some_and(forbids)
            || settings.as_ref().is_some_and(forbids),
        frequency_minutes: settings.as_ref().and_then(|it| it.dword(FREQUENCY)),
    })
}
