//! What the registry says about the PC as a whole.

use crate::{About, Key, KeyPath, Result};

/// Reads it from the keys that `key` gives.
pub(crate) fn read(key: &dyn Fn(&KeyPath) -> Result<Option<Key>>) -> About {
    let key = |path: &str| key(&KeyPath::new(path)).ok().flatten().unwrap_or_default();
    let name = key(r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName");
    let zone = key(r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation");
    let version = key(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion");
    let build = version.text("CurrentBuild").or(version.text("CurrentBuildNumber"));
    About {
        name: name.text("ComputerName").map(str::to_owned),
        build: build.map(|build| match version.number("UBR") {
            Some(revision) => format!("{build}.{revision}"),
            None => build.to_owned(),
        }),
        edition: version.text("EditionID").or(version.text("ProductName")).map(str::to_owned),
        // The bias is what has to be added to local time, in minutes, and may be negative.
        utc_offset_minutes: zone
            .dword("ActiveTimeBias")
            .or(zone.dword("Bias"))
            .map(|bias| bias.cast_signed().saturating_neg())
            .filter(|offset| offset.abs() <= 14 * 60),
    }
}
