//! Volumes, drives and restore points.

use super::Part;

/// How volumes and drives stand; every part may be missing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disks {
    /// Volumes with a letter on drives that are built in.
    pub volumes: Part<Vec<Volume>>,
    /// Drives.
    pub drives: Part<Vec<Drive>>,
    /// Which volumes are encrypted, by their letter; only an administrator may ask.
    pub encryption: Part<Vec<(String, Encryption)>>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its letter, such as `C:`.
    pub letter: String,
    /// Its size and its room, in bytes.
    pub space: Part<Space>,
    /// Whether Windows will check it at the next start.
    pub is_dirty: Part<bool>,
}

/// The room on a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What is free of it, in bytes.
    pub free_bytes: u64,
}

/// A drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether the drive itself expects to fail (SMART).
    pub expects_failure: Part<bool>,
    /// What Windows thinks of it.
    pub health: Part<DriveHealth>,
}

/// What Windows thinks of a drive, from `HealthStatus` of `MSFT_PhysicalDisk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DriveHealth {
    Healthy,
    Warning,
    Unhealthy,
    Unknown,
}

/// How a volume is encrypted, from `ProtectionStatus` and `ConversionStatus` of BitLocker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// It is not.
    Off,
    /// It is, and the key is kept from those who only have the disk.
    On,
    /// It is, and protection is suspended: until the next start anybody may read it.
    Suspended,
    /// It is locked.
    Locked,
}

/// A restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePoint {
    /// Its number; newer ones have greater ones.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// When it was made, in UTC.
    pub time: Option<String>,
}

impl DriveHealth {
    /// Reads `HealthStatus`.
    #[must_use]
    pub fn of(number: u32) -> Self {
        match number {
            0 => DriveHealth::Healthy,
            1 => DriveHealth::Warning,
            2 => DriveHealth::Unhealthy,
            _ => DriveHealth::Unknown,
        }
    }
}

impl Encryption {
    /// Reads `ProtectionStatus` (0 off, 1 on, 2 locked) and `ConversionStatus` (0 is plain).
    #[must_use]
    pub fn of(protection: u32, conversion: Option<u32>) -> Self {
        match (protection, conversion) {
            (1, _) => Encryption::On,
            (2, _) => Encryption::Locked,
            (_, Some(0) | None) => Encryption::Off,
            (_, Some(_)) => Encryption::Suspended,
        }
    }
}

/// A time as WMI writes it, `20260102101112.000000+060`, as `2026-01-02T09:11:12Z`.
#[must_use]
pub fn moment_of_wmi(text: &str) -> Option<String> {
    let digits = text.get(..14).filter(|it| it.bytes().all(|it| it.is_ascii_digit()))?;
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let local = jiff::civil::DateTime::new(
        digits.get(..4)?.parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    )
    .ok()?;
    // The offset is in minutes; without one (`***`) it is that of the PC and not known.
    let offset: i32 = text.get(21..25)?.parse().ok()?;
    let zone = jiff::tz::Offset::from_seconds(offset.checked_mul(60)?).ok()?;
    let moment = zone.to_timestamp(local).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_wmi_become_utc() {
        let read = |text| moment_of_wmi(text);
        assert_eq!(read("20260102101112.000000+060").as_deref(), Some("2026-01-02T09:11:12Z"));
        assert_eq!(read("20260102101112.000000-480").as_deref(), Some("2026-01-02T18:11:12Z"));
        assert_eq!(read("20260102101112.000000-000").as_deref(), Some("2026-01-02T10:11:12Z"));
        for wrong in ["", "20261302101112.000000+060", "2026", "20260102101112.000000+***"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn suspended_protection_is_not_off() {
        assert_eq!(Encryption::of(0, Some(1)), Encryption::Suspended);
        assert_eq!(Encryption::of(0, Some(0)), Encryption::Off);
        assert_eq!(Encryption::of(1, Some(1)), Encryption::On);
        assert_eq!(Encryption::of(2, None), Encryption::Locked);
    }
}
