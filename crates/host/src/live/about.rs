//! This PC as a whole: by its registry, and by what Windows itself says.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows::Win32::Foundation::{HANDLE, LUID};
use windows::Win32::Security::{
    AdjustTokenPrivileges, GetTokenInformation, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW,
    SE_BACKUP_NAME, SE_DEBUG_NAME, SE_PRIVILEGE_ENABLED, SE_RESTORE_NAME, SE_SHUTDOWN_NAME,
    TOKEN_ACCESS_MASK, TOKEN_ADJUST_PRIVILEGES, TOKEN_ELEVATION, TOKEN_PRIVILEGES, TOKEN_QUERY,
    TokenElevation,
};
use windows::Win32::System::SystemInformation::{GetSystemWindowsDirectoryW, OSVERSIONINFOW};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::Win32::System::Time::{DYNAMIC_TIME_ZONE_INFORMATION, GetDynamicTimeZoneInformation};
use windows::core::PCWSTR;

use super::library::{Address, Library};
use super::name;
use super::registry::Registry;
use crate::{About, KeyPath};

/// `RtlGetVersion`, which tells the truth whatever the manifest says.
type GetVersion = unsafe extern "system" fn(*mut OSVERSIONINFOW) -> i32;

/// What is known of this PC.
pub(super) fn read(registry: &Registry) -> About {
    let key = |path: &str| registry.key(&KeyPath::new(path)).ok().flatten().unwrap_or_default();
    let about = About::of_registry(key);
    About {
        build: about.build.or_else(build),
        utc_offset_minutes: utc_offset_minutes().or(about.utc_offset_minutes),
        is_elevated: is_elevated(),
        ..about
    }
}

/// The folder in which this Windows lies.
pub(super) fn windows_folder() -> String {
    let mut units = [0u16; 260];
    // SAFETY: the buffer is a slice.
    let length = unsafe { GetSystemWindowsDirectoryW(Some(&mut units)) } as usize;
    match units.get(..length) {
        Some(units) if length > 2 => name::spelled(units),
        _ => r"C:\Windows".to_owned(),
    }
}

/// Lets this program read what its user may make backups of; nothing for a user who may not.
pub(super) fn read_as_backup() {
    use_privilege(SE_BACKUP_NAME);
}

/// Lets this program give back rights as whoever restores a backup may: without owning the thing.
pub(super) fn give_back_rights() {
    use_privilege(SE_RESTORE_NAME);
}

/// Lets this program restart Windows, where its user may.
pub(super) fn may_restart() {
    use_privilege(SE_SHUTDOWN_NAME);
}

/// Lets this process look into those of others, where its user may.
pub(super) fn look_into_processes() {
    use_privilege(SE_DEBUG_NAME);
}

fn use_privilege(name: PCWSTR) {
    let Some(token) = own_token(TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY) else { return };
    let mut id = LUID::default();
    // SAFETY: the name is a constant of Windows; `id` is ours.
    if unsafe { LookupPrivilegeValueW(PCWSTR::null(), name, &mut id) }.is_err() {
        return;
    }
    let privileges = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES { Luid: id, Attributes: SE_PRIVILEGE_ENABLED }],
    };
    let handle = HANDLE(token.as_raw_handle());
    let from = Some(&raw const privileges);
    // Whether it worked shows when something is read.
    // SAFETY: the token is open; the list has one entry, as it says.
    let _ = unsafe { AdjustTokenPrivileges(handle, false, from, 0, None, None) };
}

fn build() -> Option<String> {
    let size = u32::try_from(size_of::<OSVERSIONINFOW>()).ok()?;
    let mut version = OSVERSIONINFOW { dwOSVersionInfoSize: size, ..Default::default() };
    let address = Library::system("ntdll.dll").ok()?.function(c"RtlGetVersion").ok()?;
    // SAFETY: the function of this name has this form (wdm.h).
    let get = unsafe { std::mem::transmute::<Address, GetVersion>(address) };
    // SAFETY: the structure says how long it is.
    let status = unsafe { get(&mut version) };
    (status == 0).then(|| version.dwBuildNumber.to_string())
}

fn utc_offset_minutes() -> Option<i32> {
    let mut zone = DYNAMIC_TIME_ZONE_INFORMATION::default();
    // SAFETY: the structure is ours.
    let part = match unsafe { GetDynamicTimeZoneInformation(&mut zone) } {
        0 => 0,
        1 => zone.StandardBias,
        2 => zone.DaylightBias,
        _ => return None,
    };
    // The bias is what has to be added to local time.
    let offset = zone.Bias.checked_add(part)?.checked_neg()?;
    Some(offset).filter(|it| it.abs() <= 14 * 60)
}

/// Whether this program runs with the rights of an administrator.
pub(super) fn is_elevated() -> Option<bool> {
    let token = own_token(TOKEN_QUERY)?;
    let mut elevation = TOKEN_ELEVATION::default();
    let size = u32::try_from(size_of::<TOKEN_ELEVATION>()).ok()?;
    let handle = HANDLE(token.as_raw_handle());
    let into = (&raw mut elevation).cast();
    let mut needed = 0;
    // SAFETY: the token is open; the structure is as long as its size says.
    unsafe { GetTokenInformation(handle, TokenElevation, Some(into), size, &mut needed) }.ok()?;
    Some(elevation.TokenIsElevated != 0)
}

fn own_token(access: TOKEN_ACCESS_MASK) -> Option<OwnedHandle> {
    // SAFETY: gives a number that stands for this process.
    let own = unsafe { GetCurrentProcess() };
    let mut token = HANDLE::default();
    // SAFETY: the process is our own; `token` is ours.
    unsafe { OpenProcessToken(own, access, &mut token) }.ok()?;
    // SAFETY: the token is open and ours alone.
    Some(unsafe { OwnedHandle::from_raw_handle(token.0) })
}
