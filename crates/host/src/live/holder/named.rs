//! Names: of the files asked about, of the devices of this PC, and of what a process works with.

use std::ffi::{OsString, c_void};
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_NO_RECALL,
    FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FindClose,
    GETFINALPATHNAMEBYHANDLE_FLAGS, GetFileInformationByHandle, GetFinalPathNameByHandleW,
    QueryDosDeviceW,
};
use windows::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows::core::{HSTRING, PCWSTR};

use super::super::library::{Address, Library};
use super::super::name;
use super::place::Places;
use super::wire::{Answer, FileId};
use crate::WinPath;

/// `FindFirstFileNameW` and `FindNextFileNameW`.
type FirstName = unsafe extern "system" fn(PCWSTR, u32, *mut u32, *mut u16) -> HANDLE;
type NextName = unsafe extern "system" fn(HANDLE, *mut u32, *mut u16) -> i32;
/// `NtQueryInformationProcess`.
type QueryProcess = unsafe extern "system" fn(HANDLE, u32, *mut c_void, u32, *mut u32) -> i32;

/// More names than these are not asked for.
const MOST_LINKS: usize = 1024;

/// A file or folder asked about, as it lies there.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// What it is really called, and every other name of it.
    pub(super) names: Vec<WinPath>,
    pub(super) is_folder: bool,
    /// There is nothing.
    pub(super) is_absent: bool,
    /// Its number, if it has several names and Windows did not tell them.
    pub(super) id: Option<FileId>,
}

/// Opens a file or folder to look at it from outside: nobody is in the way of that, and nobody is
/// asked to make way.
pub(super) fn look_at(verbatim: &str) -> io::Result<File> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    File::options()
        .access_mode(FILE_READ_ATTRIBUTES.0)
        .share_mode(share.0)
        .custom_flags((FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_NO_RECALL).0)
        .open(OsString::from_wide(&name::units(verbatim)))
}

/// What a path leads to; an error if there is nothing.
pub(super) fn target(verbatim: &str, places: &Places) -> io::Result<Target> {
    let file = look_at(verbatim)?;
    let handle = HANDLE(file.as_raw_handle());
    let mut found = Target::default();
    let real = final_name(handle).and_then(|it| places.path(&it));
    found.names.extend(real.clone());
    let mut about = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open; the structure is ours.
    if unsafe { GetFileInformationByHandle(handle, &mut about) }.is_err() {
        return Ok(found);
    }
    const FILE_ATTRIBUTE_DIRECTORY: u32 = 0x10;
    found.is_folder = about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY != 0;
    if !found.is_folder && about.nNumberOfLinks > 1 {
        let volume = real.as_ref().and_then(|it| it.as_str().get(..2)).unwrap_or_default();
        let links = links(verbatim, volume);
        if links.len() < 2 {
            found.id = super::answer::file_id(handle);
        }
        found.names.extend(links);
    }
    Ok(found)
}

fn final_name(handle: HANDLE) -> Option<String> {
    let mut units = vec![0u16; 32_768];
    // SAFETY: the handle is open; the buffer is a slice.
    let length =
        unsafe { GetFinalPathNameByHandleW(handle, &mut units, GETFINALPATHNAMEBYHANDLE_FLAGS(0)) };
    units.get(..length as usize).filter(|it| !it.is_empty()).map(name::spelled)
}

/// All names of a file on `volume`, such as `C:`; none where this Windows does not tell.
fn links(path: &str, volume: &str) -> Vec<WinPath> {
    let Ok(library) = Library::system("kernel32.dll") else { return Vec::new() };
    let first = library.function(c"FindFirstFileNameW");
    let (Ok(first), Ok(next)) = (first, library.function(c"FindNextFileNameW")) else {
        return Vec::new();
    };
    // SAFETY: the function of this name has this form (fileapi.h).
    let first = unsafe { std::mem::transmute::<Address, FirstName>(first) };
    // SAFETY: the function of this name has this form (fileapi.h).
    let next = unsafe { std::mem::transmute::<Address, NextName>(next) };
    let mut units = vec![0u16; 32_768];
    let mut length = units.len() as u32;
    let path = HSTRING::from(path);
    // SAFETY: the name ends in a zero; the buffer has as many units as `length` says.
    let search = unsafe { first(PCWSTR(path.as_ptr()), 0, &mut length, units.as_mut_ptr()) };
    let mut found = Vec::new();
    if search.is_invalid() || search.0.is_null() {
        return found;
    }
    while found.len() < MOST_LINKS {
        let name: Vec<u16> = units.iter().copied().take_while(|it| *it != 0).collect();
        found.push(WinPath::new(&format!("{volume}{}", name::spelled(&name))));
        length = units.len() as u32;
        // SAFETY: the search is open; the buffer has as many units as `length` says.
        if unsafe { next(search, &mut length, units.as_mut_ptr()) } == 0 {
            break;
        }
    }
    // SAFETY: the search is open and not used again.
    let _ = unsafe { FindClose(search) };
    found
}

/// Which volume has which letter.
pub(super) fn places(windows: &str) -> Places {
    let mut places = Places { devices: Vec::new(), windows: windows.to_owned() };
    for letter in b'A'..=b'Z' {
        let letter = format!("{}:", char::from(letter));
        let mut units = [0u16; 1024];
        // SAFETY: the name lives as long as the call; the buffer is a slice.
        let length = unsafe { QueryDosDeviceW(&HSTRING::from(&letter), Some(&mut units)) };
        if length == 0 {
            continue;
        }
        let device: Vec<u16> = units.iter().copied().take_while(|it| *it != 0).collect();
        let device = name::spelled(&device);
        // A letter that stands for a folder (`subst`) is seen through by names that are final.
        if !device.starts_with(r"\??\") {
            places.devices.push((device.to_lowercase(), letter));
        }
    }
    places
}

/// The folder a process works in and its command line, from its own memory: the layout is that of
/// `RTL_USER_PROCESS_PARAMETERS` of 64-bit and 32-bit programs (`phnt`).
pub(super) fn parameters(process: HANDLE) -> Answer {
    let read = || {
        let (peb, is_32) = environment_block(process)?;
        let block = match is_32 {
            false => word(process, peb + 0x20)?,
            true => word(process, peb + 0x10)? & 0xffff_ffff,
        };
        let (folder, handle, command) = if is_32 {
            (text(process, block + 0x24, true)?, word(process, block + 0x2c)? & 0xffff_ffff, 0x40)
        } else {
            (text(process, block + 0x38, false)?, word(process, block + 0x48)?, 0x70)
        };
        let command_line = text(process, block + command, is_32).unwrap_or_default();
        Some(Answer::Parameters { folder, handle, command_line })
    };
    read().unwrap_or(Answer::NoFile)
}

fn environment_block(process: HANDLE) -> Option<(u64, bool)> {
    const BASIC_INFORMATION: u32 = 0;
    const WOW64_INFORMATION: u32 = 26;
    let address = Library::system("ntdll.dll").ok()?.function(c"NtQueryInformationProcess").ok()?;
    // SAFETY: the function of this name has this form (winternl.h).
    let query = unsafe { std::mem::transmute::<Address, QueryProcess>(address) };
    let mut of_32 = 0_u64;
    let mut needed = 0;
    let into = (&raw mut of_32).cast();
    // SAFETY: the process is open; the answer has eight bytes.
    let told = unsafe { query(process, WOW64_INFORMATION, into, 8, &mut needed) };
    if told == 0 && of_32 != 0 {
        return Some((of_32, true));
    }
    let mut basic = [0_u64; 6];
    let (into, size) = (basic.as_mut_ptr().cast(), size_of_val(&basic) as u32);
    // SAFETY: the process is open; the buffer is as long as its size says.
    let told = unsafe { query(process, BASIC_INFORMATION, into, size, &mut needed) };
    (told == 0).then_some((basic[1], false))
}

fn word(process: HANDLE, at: u64) -> Option<u64> {
    let bytes = bytes(process, at, 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// `UNICODE_STRING` at `at`.
fn text(process: HANDLE, at: u64, is_32: bool) -> Option<String> {
    let length = (word(process, at)? & 0xffff) as usize;
    let from = match is_32 {
        false => word(process, at + 8)?,
        true => word(process, at + 4)? & 0xffff_ffff,
    };
    let bytes = bytes(process, from, length)?;
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]])).collect();
    Some(name::spelled(&units))
}

fn bytes(process: HANDLE, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    let mut read = 0;
    let into = bytes.as_mut_ptr().cast();
    let from = at as *const c_void;
    // SAFETY: the process is open and only read; the buffer is as long as its size says.
    unsafe { ReadProcessMemory(process, from, into, length, Some(&mut read)) }.ok()?;
    (read == length).then_some(bytes)
}
