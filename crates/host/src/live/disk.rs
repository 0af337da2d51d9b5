//! Volumes and drives: room, whether they are to be checked, whether they fail, and encryption.
//!
//! Drives are opened without the right to read or write them.

use windows::Win32::Foundation::{CloseHandle, HANDLE};
use windows::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    GetDiskFreeSpaceExW, GetDriveTypeW, GetLogicalDrives, OPEN_EXISTING,
};
use windows::Win32::System::IO::DeviceIoControl;
use windows::Win32::System::Ioctl::{
    FSCTL_IS_VOLUME_DIRTY, IOCTL_STORAGE_PREDICT_FAILURE, STORAGE_PREDICT_FAILURE, VOLUME_IS_DIRTY,
};
use windows::core::HSTRING;

use super::com::LIMIT;
use super::limit::{self, Asked};
use super::refusal::refused;
use super::wmi;
use crate::Result;
use crate::probe::{Disks, Drive, DriveHealth, Encryption, Part, Space, Volume};

const STORAGE: &str = r"root\Microsoft\Windows\Storage";
const ENCRYPTION: &str = r"root\CIMV2\Security\MicrosoftVolumeEncryption";
/// `DRIVE_FIXED` of `winbase.h`.
const BUILT_IN: u32 = 3;
/// More drives than are asked one by one.
const MOST_DRIVES: u32 = 64;

/// All of it, asked side by side: a drive that is about to die may not answer.
pub(super) fn tell() -> Disks {
    let volumes = limit::ask("ask for", "volumes", LIMIT, || Ok(volumes()));
    let drives = drives();
    let encryption = wmi::ask(ENCRYPTION, "SELECT * FROM Win32_EncryptableVolume", LIMIT, |row| {
        let protection = row.number("ProtectionStatus")?;
        let how = Encryption::of(protection, row.number("ConversionStatus"));
        Some((row.text("DriveLetter")?, how))
    });
    Disks {
        volumes: volumes.wait().map_err(|error| error.kind),
        drives: known(drives),
        encryption: encryption.wait().map_err(|error| error.kind),
    }
}

/// The room on one volume, such as `C:`.
pub(super) fn space(letter: &str) -> Result<Space> {
    let root = HSTRING::from(format!(r"{letter}\"));
    let (mut size_bytes, mut free_bytes) = (0, 0);
    // SAFETY: the path and both places live as long as the call.
    let answer =
        unsafe { GetDiskFreeSpaceExW(&root, None, Some(&mut size_bytes), Some(&mut free_bytes)) };
    answer.map_err(|error| refused("ask for the room on", letter, &error))?;
    Ok(Space { size_bytes, free_bytes })
}

fn volumes() -> Vec<Volume> {
    // SAFETY: nothing is given to the call.
    let letters = unsafe { GetLogicalDrives() };
    let named = ('A'..='Z').enumerate().filter(|(bit, _)| letters & (1 << bit) != 0);
    let built_in = named.map(|(_, letter)| format!("{letter}:")).filter(|letter| {
        // SAFETY: the path lives as long as the call.
        unsafe { GetDriveTypeW(&HSTRING::from(format!(r"{letter}\"))) == BUILT_IN }
    });
    built_in
        .map(|letter| Volume {
            space: space(&letter).map_err(|error| error.kind),
            is_dirty: is_dirty(&letter).map_err(|error| error.kind),
            letter,
        })
        .collect()
}

fn is_dirty(letter: &str) -> Result<bool> {
    let device = Device::open(&format!(r"\\.\{letter}"))?;
    let mut flags = 0_u32;
    device.ask(FSCTL_IS_VOLUME_DIRTY, std::ptr::from_mut(&mut flags).cast(), size_of::<u32>())?;
    Ok(flags & VOLUME_IS_DIRTY != 0)
}

fn drives() -> Asked<Vec<Drive>> {
    wmi::ask(STORAGE, "SELECT * FROM MSFT_PhysicalDisk", LIMIT, |row| {
        let number: u32 = row.text("DeviceId")?.parse().ok()?;
        Some(Drive {
            number,
            name: row.text("FriendlyName").unwrap_or_default(),
            expects_failure: expects_failure(number).map_err(|error| error.kind),
            health: Ok(row.number("HealthStatus").map_or(DriveHealth::Unknown, DriveHealth::of)),
        })
    })
}

/// The drives as Windows lists them; where it does not, those that can be opened by number.
fn known(listed: Asked<Vec<Drive>>) -> Part<Vec<Drive>> {
    let why = match listed.wait() {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => crate::HostErrorKind::Absent,
        Err(error) => error.kind,
    };
    let tried = limit::ask("ask for", "drives", LIMIT, || {
        let all = (0..MOST_DRIVES).map_while(|number| {
            let answer = expects_failure(number);
            // Numbers have no holes unless a drive was pulled.
            let is_there = answer.as_ref().err().is_none_or(|it| it.op != Device::OPEN);
            is_there.then(|| (number, answer.map_err(|error| error.kind)))
        });
        Ok(all.collect::<Vec<_>>())
    });
    let found = tried.wait().map_err(|error| error.kind)?;
    if found.is_empty() {
        return Err(why);
    }
    Ok(found
        .into_iter()
        .map(|(number, expects_failure)| Drive {
            number,
            name: format!("drive {number}"),
            expects_failure,
            health: Err(why.clone()),
        })
        .collect())
}

fn expects_failure(number: u32) -> Result<bool> {
    let device = Device::open(&format!(r"\\.\PhysicalDrive{number}"))?;
    let mut answer = STORAGE_PREDICT_FAILURE::default();
    let place = std::ptr::from_mut(&mut answer).cast();
    device.ask(IOCTL_STORAGE_PREDICT_FAILURE, place, size_of::<STORAGE_PREDICT_FAILURE>())?;
    Ok(answer.PredictFailure != 0)
}

/// A volume or drive that is asked and neither read nor written; closed when dropped.
pub(super) struct Device {
    handle: HANDLE,
    name: String,
}

impl Device {
    const OPEN: &'static str = "open";

    pub(super) fn open(name: &str) -> Result<Device> {
        let shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        let path = HSTRING::from(name);
        let none = FILE_FLAGS_AND_ATTRIBUTES(0);
        // SAFETY: the path lives as long as the call; no security and no template are given.
        let opened = unsafe { CreateFileW(&path, 0, shared, None, OPEN_EXISTING, none, None) };
        let handle = opened.map_err(|error| refused(Device::OPEN, name, &error))?;
        Ok(Device { handle, name: name.to_owned() })
    }

    /// Asks with a structure of Windows' own and has the answer written to another.
    pub(super) fn ask_about<A, B>(&self, question: u32, about: &A, answer: &mut B) -> Result<()> {
        let about_size = u32::try_from(size_of::<A>()).unwrap_or(0);
        let size = u32::try_from(size_of::<B>()).unwrap_or(0);
        let place = Some(std::ptr::from_mut(answer).cast());
        let about = Some(std::ptr::from_ref(about).cast());
        let mut got = 0;
        // SAFETY: the handle is open; both structures have their sizes and live as long as the
        // call, which is not overlapped.
        let told = unsafe {
            DeviceIoControl(
                self.handle,
                question,
                about,
                about_size,
                place,
                size,
                Some(&mut got),
                None,
            )
        };
        told.map_err(|error| refused("ask", &self.name, &error))
    }

    /// `place` must point to `size` bytes that may be written.
    pub(super) fn ask(
        &self,
        question: u32,
        place: *mut std::ffi::c_void,
        size: usize,
    ) -> Result<()> {
        let size = u32::try_from(size).unwrap_or(0);
        let mut got = 0;
        // SAFETY: the handle is open; the caller's place has that size and lives as long as the
        // call, which is not overlapped.
        let answer = unsafe {
            DeviceIoControl(self.handle, question, None, 0, Some(place), size, Some(&mut got), None)
        };
        answer.map_err(|error| refused("ask", &self.name, &error))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: the handle is open and is not used again. There is nothing to do if it fails.
        let _ = unsafe { CloseHandle(self.handle) };
    }
}
