//! Filters of file systems that are loaded now, from the Filter Manager.

use std::ffi::c_void;

use windows::Win32::Foundation::HANDLE;
use windows::core::HRESULT;

use super::library::Library;
use super::refusal::refused;
use crate::probe::{LoadedFilter, aggregate};
use crate::{HostError, HostErrorKind, Result};

const SUBJECT: &str = "loaded filters";
/// `FilterAggregateStandardInformation`.
const STANDARD: i32 = 2;
/// A name has at most 255 letters, an altitude fewer.
const BUFFER_BYTES: usize = 16 << 10;
/// More than any PC has.
const MOST: usize = 4096;
/// `HRESULT_FROM_WIN32(ERROR_NO_MORE_ITEMS)`.
const NO_MORE: HRESULT = HRESULT(0x8007_0103_u32.cast_signed());

type First = unsafe extern "system" fn(i32, *mut c_void, u32, *mut u32, *mut HANDLE) -> HRESULT;
type Next = unsafe extern "system" fn(HANDLE, i32, *mut c_void, u32, *mut u32) -> HRESULT;
type Close = unsafe extern "system" fn(HANDLE) -> HRESULT;

/// Every filter, in the order of their altitudes; only an administrator may ask.
pub(super) fn loaded() -> Result<Vec<LoadedFilter>> {
    let manager = Manager::load()?;
    let mut buffer = vec![0_u64; BUFFER_BYTES / 8];
    let Some((search, bytes)) = manager.first(&mut buffer)? else { return Ok(Vec::new()) };
    let mut found = read(&buffer, bytes)?;
    while found.len() < MOST {
        let Some(bytes) = search.next(&mut buffer)? else { return Ok(found) };
        found.extend(read(&buffer, bytes)?);
    }
    Err(corrupt("there is no end of them"))
}

struct Manager {
    first: First,
    next: Next,
    close: Close,
}

/// A search that goes on; closed when dropped.
struct Search<'m> {
    manager: &'m Manager,
    handle: HANDLE,
}

impl Manager {
    fn load() -> Result<Manager> {
        let library = Library::system("fltlib.dll")?;
        let first = library.function(c"FilterFindFirst")?;
        let next = library.function(c"FilterFindNext")?;
        let close = library.function(c"FilterFindClose")?;
        Ok(Manager {
            // SAFETY: this is the form of `FilterFindFirst` in `fltUser.h`.
            first: unsafe { std::mem::transmute::<super::library::Address, First>(first) },
            // SAFETY: this is the form of `FilterFindNext` in `fltUser.h`.
            next: unsafe { std::mem::transmute::<super::library::Address, Next>(next) },
            // SAFETY: this is the form of `FilterFindClose` in `fltUser.h`.
            close: unsafe { std::mem::transmute::<super::library::Address, Close>(close) },
        })
    }

    fn first(&self, buffer: &mut [u64]) -> Result<Option<(Search<'_>, usize)>> {
        let (mut bytes, mut handle) = (0, HANDLE::default());
        let (place, size) = place(buffer);
        // SAFETY: the buffer has the size that is said and lives as long as the call.
        let answer = unsafe { (self.first)(STANDARD, place, size, &mut bytes, &mut handle) };
        if answer == NO_MORE {
            return Ok(None);
        }
        answer.ok().map_err(|error| refused("ask for", SUBJECT, &error))?;
        Ok(Some((Search { manager: self, handle }, bytes as usize)))
    }
}

impl Search<'_> {
    fn next(&self, buffer: &mut [u64]) -> Result<Option<usize>> {
        let mut bytes = 0;
        let (place, size) = place(buffer);
        // SAFETY: the handle is open and the buffer has the size that is said.
        let answer = unsafe { (self.manager.next)(self.handle, STANDARD, place, size, &mut bytes) };
        if answer == NO_MORE {
            return Ok(None);
        }
        answer.ok().map_err(|error| refused("ask for", SUBJECT, &error))?;
        Ok(Some(bytes as usize))
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is open and is not used again. There is nothing to do if it fails.
        let _ = unsafe { (self.manager.close)(self.handle) };
    }
}

fn place(buffer: &mut [u64]) -> (*mut c_void, u32) {
    let size = u32::try_from(buffer.len() * 8).unwrap_or(u32::MAX);
    (buffer.as_mut_ptr().cast(), size)
}

fn read(buffer: &[u64], length: usize) -> Result<Vec<LoadedFilter>> {
    let bytes: Vec<u8> = buffer.iter().flat_map(|it| it.to_le_bytes()).take(length).collect();
    aggregate(&bytes).ok_or_else(|| corrupt("what it tells of one is cut off"))
}

fn corrupt(why: &str) -> HostError {
    let kind = HostErrorKind::Corrupt(why.to_owned());
    HostError { op: "ask for", subject: SUBJECT.to_owned(), kind }
}
