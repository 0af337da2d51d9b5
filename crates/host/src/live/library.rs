//! Functions of Windows that are asked for by name, because some editions lack them: a program
//! that imports a missing function does not start at all.

use std::ffi::CStr;

use windows::Win32::Foundation::{ERROR_MOD_NOT_FOUND, HMODULE};
use windows::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows::core::{HSTRING, PCSTR};

use super::refusal::{is, refused};
use crate::{HostError, HostErrorKind, Result};

/// A library of Windows itself; it stays loaded until the program ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Library {
    module: HMODULE,
    name: &'static str,
}

/// The address of a function whose form only its caller knows.
pub(super) type Address = unsafe extern "system" fn() -> isize;

impl Library {
    /// Loads a library from System32, and from nowhere else.
    pub(super) fn system(name: &'static str) -> Result<Library> {
        // SAFETY: the name is a string that lives as long as the call; the module is never freed.
        let loaded =
            unsafe { LoadLibraryExW(&HSTRING::from(name), None, LOAD_LIBRARY_SEARCH_SYSTEM32) };
        let module = loaded.map_err(|error| match is(&error, ERROR_MOD_NOT_FOUND) {
            true => HostError { op: "load", subject: name.to_owned(), kind: HostErrorKind::Absent },
            false => refused("load", name, &error),
        })?;
        Ok(Library { module, name })
    }

    /// The address of a function; an error where this Windows lacks it.
    pub(super) fn function(&self, name: &'static CStr) -> Result<Address> {
        // SAFETY: the name ends in a zero byte and the module stays loaded.
        let address = unsafe { GetProcAddress(self.module, PCSTR(name.as_ptr().cast())) };
        address.ok_or_else(|| HostError {
            op: "find function",
            subject: format!("{} in {}", name.to_string_lossy(), self.name),
            kind: HostErrorKind::Absent,
        })
    }
}
