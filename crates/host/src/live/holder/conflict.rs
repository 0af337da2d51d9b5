//! Tries a file, without harm: what others are kept from shows only when somebody tries.
//!
//! Every open shares everything and is closed at once. An open that would break an oplock fails
//! instead (`FILE_OPEN_REQUIRING_OPLOCK`), one that would wait does not (`FILE_COMPLETE_IF_OPLOCKED`),
//! and a file whose content is kept elsewhere is not opened at all.

use std::fs;
use std::os::windows::fs::MetadataExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows::Wdk::Storage::FileSystem::{
    FILE_COMPLETE_IF_OPLOCKED, FILE_OPEN, FILE_OPEN_FOR_BACKUP_INTENT, FILE_OPEN_NO_RECALL,
    FILE_OPEN_REPARSE_POINT, FILE_OPEN_REQUIRING_OPLOCK, FILE_SYNCHRONOUS_IO_NONALERT,
    NtCreateFile,
};
use windows::Win32::Foundation::{HANDLE, OBJECT_ATTRIBUTE_FLAGS, UNICODE_STRING};
use windows::Win32::Storage::FileSystem::{
    DELETE, FILE_ACCESS_RIGHTS, FILE_FLAGS_AND_ATTRIBUTES, FILE_READ_DATA, FILE_SHARE_DELETE,
    FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA, LOCK_FILE_FLAGS, LOCKFILE_EXCLUSIVE_LOCK,
    LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, SYNCHRONIZE, UnlockFileEx,
};
use windows::Win32::System::IO::{IO_STATUS_BLOCK, OVERLAPPED};
use windows::core::PWSTR;

use super::super::file::is_elsewhere;
use super::super::name;
use super::range::{WHOLE, locked};
use super::witness::Tried;
use crate::WinPath;
use crate::probe::ByteRange;

const SHARING_VIOLATION: u32 = 0xC000_0043;
const DELETE_PENDING: u32 = 0xC000_0056;
const CANNOT_BREAK_OPLOCK: u32 = 0xC000_0909;
const OPLOCK_BREAK_IN_PROGRESS: u32 = 0x0000_0108;
/// A file with more than some dozen locked ranges is told in part.
const MOST_TRIES: usize = 8192;
const OBJ_CASE_INSENSITIVE: u32 = 0x40;
const REPARSE_POINT: u32 = 0x400;

enum Opened {
    Yes(OwnedHandle),
    Shut,
    DeletePending,
    Oplock,
    /// Refused for a reason that is no holder: rights, or it is gone.
    CannotTell,
}

/// Tries a file or folder. `asked_for` says that a person named this very file: then it is also
/// looked for locks that keep only writers out, for which nobody may read it for some microseconds.
pub(super) fn tried(path: &WinPath, verbatim: &[u16], asked_for: bool) -> Tried {
    let mut tried = Tried::default();
    let place = std::path::PathBuf::from(
        <std::ffi::OsString as std::os::windows::ffi::OsStringExt>::from_wide(verbatim),
    );
    let Ok(data) = fs::symlink_metadata(place) else { return tried };
    // What is kept elsewhere would be fetched; what is a link is another file.
    if is_elsewhere(&data) || data.file_attributes() & REPARSE_POINT != 0 {
        return tried;
    }
    let native = format!(r"\??\{}", path.as_str());
    if data.is_dir() {
        tried.delete = note(open(&native, DELETE), &mut tried).0;
        return tried;
    }
    let all = FILE_READ_DATA | FILE_WRITE_DATA | DELETE;
    let (ok, handle) = note(open(&native, all), &mut tried);
    let handle = match (ok, handle) {
        (Some(true), handle) => {
            (tried.read, tried.write, tried.delete) = (ok, ok, ok);
            handle
        }
        _ if tried.delete_pending || tried.oplock => return tried,
        _ => {
            let (read, handle) = note(open(&native, FILE_READ_DATA), &mut tried);
            let (write, writer) = note(open(&native, FILE_WRITE_DATA), &mut tried);
            let (delete, _) = note(open(&native, DELETE), &mut tried);
            (tried.read, tried.write, tried.delete) = (read, write, delete);
            handle.or(writer)
        }
    };
    if let Some(handle) = handle {
        tried.ranges = ranges(&handle, asked_for);
    }
    tried
}

fn note(opened: Opened, tried: &mut Tried) -> (Option<bool>, Option<OwnedHandle>) {
    match opened {
        Opened::Yes(handle) => return (Some(true), Some(handle)),
        Opened::Shut => return (Some(false), None),
        Opened::DeletePending => tried.delete_pending = true,
        Opened::Oplock => tried.oplock = true,
        Opened::CannotTell => {}
    }
    (None, None)
}

fn open(native: &str, access: FILE_ACCESS_RIGHTS) -> Opened {
    let mut units = name::units(native);
    let bytes = match u16::try_from(units.len() * 2) {
        Ok(bytes) => bytes,
        Err(_) => return Opened::CannotTell,
    };
    let named =
        UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: PWSTR(units.as_mut_ptr()) };
    let attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        ObjectName: &raw const named,
        Attributes: OBJECT_ATTRIBUTE_FLAGS(OBJ_CASE_INSENSITIVE),
        ..OBJECT_ATTRIBUTES::default()
    };
    let mut handle = HANDLE::default();
    let mut status = IO_STATUS_BLOCK::default();
    // SAFETY: every structure lives as long as the call, and the name as long as it says.
    let told = unsafe {
        NtCreateFile(
            &mut handle,
            access | SYNCHRONIZE,
            &attributes,
            &mut status,
            None,
            FILE_FLAGS_AND_ATTRIBUTES(0),
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            FILE_OPEN,
            FILE_SYNCHRONOUS_IO_NONALERT
                | FILE_OPEN_FOR_BACKUP_INTENT
                | FILE_OPEN_NO_RECALL
                | FILE_OPEN_REPARSE_POINT
                | FILE_COMPLETE_IF_OPLOCKED
                | FILE_OPEN_REQUIRING_OPLOCK,
            None,
            0,
        )
    };
    match told.0.cast_unsigned() {
        SHARING_VIOLATION => Opened::Shut,
        DELETE_PENDING => Opened::DeletePending,
        CANNOT_BREAK_OPLOCK => Opened::Oplock,
        _ if told.is_err() => Opened::CannotTell,
        code => {
            // SAFETY: the handle was opened above and is ours alone.
            let owned = unsafe { OwnedHandle::from_raw_handle(handle.0) };
            if code == OPLOCK_BREAK_IN_PROGRESS { Opened::Oplock } else { Opened::Yes(owned) }
        }
    }
}

/// Locks of others. A lock that is shared keeps no reader out while it is tried; only where a file
/// was asked for by name are shared locks of others looked for too.
fn ranges(file: &OwnedHandle, asked_for: bool) -> Vec<ByteRange> {
    let found = locked(WHOLE, MOST_TRIES, |range| is_free(file, range, LOCK_FILE_FLAGS(0)));
    if !found.ranges.is_empty() || !asked_for {
        return found.ranges;
    }
    locked(WHOLE, MOST_TRIES, |range| is_free(file, range, LOCKFILE_EXCLUSIVE_LOCK)).ranges
}

fn is_free(file: &OwnedHandle, range: ByteRange, kind: LOCK_FILE_FLAGS) -> bool {
    let handle = HANDLE(file.as_raw_handle());
    let length = range.to - range.from;
    let (low, high) = (length as u32, (length >> 32) as u32);
    let mut place = at(range.from);
    let kind = kind | LOCKFILE_FAIL_IMMEDIATELY;
    // SAFETY: the handle is open and synchronous; the place lives as long as the call.
    if unsafe { LockFileEx(handle, kind, None, low, high, &mut place) }.is_err() {
        return false;
    }
    let mut place = at(range.from);
    // What could not be let go now is when the handle closes, at the end of the look.
    // SAFETY: as above.
    let _ = unsafe { UnlockFileEx(handle, None, low, high, &mut place) };
    true
}

fn at(offset: u64) -> OVERLAPPED {
    let mut place = OVERLAPPED::default();
    place.Anonymous.Anonymous.Offset = offset as u32;
    place.Anonymous.Anonymous.OffsetHigh = (offset >> 32) as u32;
    place
}
