//! Drives that files can be put on: which are external, which share a disk, and how much is free.
//!
//! Drives are opened without the right to read or write them.

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use windows::Win32::Storage::FileSystem::{
    BusType1394, BusTypeMmc, BusTypeSd, BusTypeUsb, GetDiskFreeSpaceExW, GetDriveTypeW,
    GetLogicalDrives, GetVolumePathNameW, STORAGE_BUS_TYPE,
};
use windows::Win32::System::Ioctl::{
    IOCTL_STORAGE_GET_DEVICE_NUMBER, IOCTL_STORAGE_QUERY_PROPERTY, PropertyStandardQuery,
    STORAGE_DEVICE_DESCRIPTOR, STORAGE_DEVICE_NUMBER, STORAGE_PROPERTY_QUERY,
    StorageDeviceProperty,
};
use windows::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;
use windows::core::HSTRING;

use super::com::LIMIT;
use super::disk::Device;
use super::limit;
use super::refusal::refused;
use crate::{HostError, HostErrorKind, Result};

/// What `GetDriveType` calls a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A stick or a card.
    Removable,
    /// A disk, also one at USB.
    Fixed,
    /// A share of another PC.
    Network,
    /// Anything else.
    Other,
}

impl Kind {
    /// The numbers of `winbase.h`.
    fn of(number: u32) -> Kind {
        match number {
            2 => Kind::Removable,
            3 => Kind::Fixed,
            4 => Kind::Network,
            _ => Kind::Other,
        }
    }
}

/// A drive with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Where it begins, such as `E:\`.
    pub root: PathBuf,
    /// What Windows calls it.
    pub kind: Kind,
    /// The number of the disk it is on; `None` if Windows does not tell.
    pub device: Option<u32>,
    /// Bytes that this user may still write; `None` if Windows does not tell.
    pub free_bytes: Option<u64>,
    bus: Option<STORAGE_BUS_TYPE>,
}

impl Drive {
    /// Whether it is made to be taken away.
    #[must_use]
    pub fn is_external(&self) -> bool {
        let buses = [BusTypeUsb, BusType1394, BusTypeSd, BusTypeMmc];
        self.kind == Kind::Removable || self.bus.is_some_and(|bus| buses.contains(&bus))
    }
}

/// All drives with a letter.
///
/// # Errors
/// When one of them gives no answer in time.
pub fn all() -> Result<Vec<Drive>> {
    limit::ask("ask for", "drives", LIMIT, || Ok(listed())).wait()
}

fn listed() -> Vec<Drive> {
    // SAFETY: nothing is given to the call.
    let letters = unsafe { GetLogicalDrives() };
    let named = ('A'..='Z').enumerate().filter(|(bit, _)| letters & (1 << bit) != 0);
    named.map(|(_, letter)| drive(letter)).collect()
}

fn drive(letter: char) -> Drive {
    let root = format!(r"{letter}:\");
    // SAFETY: the path lives as long as the call.
    let kind = Kind::of(unsafe { GetDriveTypeW(&HSTRING::from(root.as_str())) });
    let local = matches!(kind, Kind::Fixed | Kind::Removable);
    let device = local.then(|| Device::open(&format!(r"\\.\{letter}:")).ok()).flatten();
    Drive {
        kind,
        device: device.as_ref().and_then(|it| number(it).ok()),
        bus: device.as_ref().and_then(|it| bus(it).ok()),
        free_bytes: free_bytes(Path::new(&root)).ok(),
        root: root.into(),
    }
}

fn number(device: &Device) -> Result<u32> {
    let mut answer = STORAGE_DEVICE_NUMBER::default();
    let place = std::ptr::from_mut(&mut answer).cast();
    device.ask(IOCTL_STORAGE_GET_DEVICE_NUMBER, place, size_of::<STORAGE_DEVICE_NUMBER>())?;
    Ok(answer.DeviceNumber)
}

fn bus(device: &Device) -> Result<STORAGE_BUS_TYPE> {
    let asked = STORAGE_PROPERTY_QUERY {
        PropertyId: StorageDeviceProperty,
        QueryType: PropertyStandardQuery,
        ..STORAGE_PROPERTY_QUERY::default()
    };
    let mut answer = STORAGE_DEVICE_DESCRIPTOR::default();
    device.ask_about(IOCTL_STORAGE_QUERY_PROPERTY, &asked, &mut answer)?;
    Ok(answer.BusType)
}

/// Bytes that this user may still write to the drive of an existing folder.
///
/// # Errors
/// When Windows does not tell.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let mut free = 0;
    // SAFETY: the path and the place live as long as the call.
    let answer =
        unsafe { GetDiskFreeSpaceExW(&HSTRING::from(folder), Some(&mut free), None, None) };
    answer.map_err(|error| refused("ask for the room at", &folder.display(), &error))?;
    Ok(free)
}

/// The drive, share or mounted folder that an existing path is on.
///
/// # Errors
/// When Windows does not tell.
pub fn root_of(path: &Path) -> Result<PathBuf> {
    // It is never longer than the path with a separator.
    let mut units = vec![0; path.as_os_str().len() + 2];
    // SAFETY: the path and the slice live as long as the call.
    let told = unsafe { GetVolumePathNameW(&HSTRING::from(path), &mut units) };
    told.map_err(|error| refused("find the volume of", &path.display(), &error))?;
    Ok(text(&units).into())
}

/// The drive that Windows is on.
///
/// # Errors
/// When Windows does not tell.
pub fn system_root() -> Result<PathBuf> {
    let mut units = vec![0; 260];
    // SAFETY: the slice lives as long as the call.
    let length = unsafe { GetSystemWindowsDirectoryW(Some(&mut units)) } as usize;
    if length == 0 || length >= units.len() {
        let kind = HostErrorKind::Io("Windows did not tell".to_owned());
        return Err(HostError { op: "find", subject: "the folder of Windows".to_owned(), kind });
    }
    root_of(Path::new(OsStr::new(&text(&units))))
}

fn text(units: &[u16]) -> OsString {
    let end = units.iter().position(|it| *it == 0).unwrap_or(units.len());
    OsString::from_wide(&units[..end])
}
