//! Of what this PC is a member; who manages it besides stands in the registry.

use std::ffi::c_void;

use windows::Win32::Foundation::WIN32_ERROR;
use windows::core::PWSTR;

use super::com::LIMIT;
use super::library::{Address, Library};
use super::limit;
use super::refusal::checked;
use crate::Result;
use crate::probe::Membership;

type Information = unsafe extern "system" fn(*const u16, *mut PWSTR, *mut i32) -> u32;
type Free = unsafe extern "system" fn(*mut c_void) -> u32;

/// `NETSETUP_JOIN_STATUS`.
const WORKGROUP: i32 = 2;
const DOMAIN: i32 = 3;

/// Asks Windows, which may ask a service.
pub(super) fn membership() -> Result<Membership> {
    limit::ask("ask for", "membership of a domain", LIMIT, ask).wait()
}

fn ask() -> Result<Membership> {
    let library = Library::system("netapi32.dll")?;
    let information = library.function(c"NetGetJoinInformation")?;
    let free = library.function(c"NetApiBufferFree")?;
    // SAFETY: this is the form of `NetGetJoinInformation` in `lmjoin.h`.
    let information = unsafe { std::mem::transmute::<Address, Information>(information) };
    // SAFETY: this is the form of `NetApiBufferFree` in `lmapibuf.h`.
    let free = unsafe { std::mem::transmute::<Address, Free>(free) };
    let (mut name, mut status) = (PWSTR::null(), 0);
    // SAFETY: no server is this PC; both places live as long as the call.
    let code = unsafe { information(std::ptr::null(), &mut name, &mut status) };
    checked("ask for", "membership of a domain", WIN32_ERROR(code))?;
    let text = match name.is_null() {
        true => String::new(),
        // SAFETY: Windows made the text, which ends in a zero, and it is not freed yet.
        false => String::from_utf16_lossy(unsafe { name.as_wide() }),
    };
    // SAFETY: Windows made the text for us to free, and it is not used again; null is allowed.
    unsafe { free(name.0.cast()) };
    Ok(match status {
        DOMAIN => Membership::Domain(text),
        WORKGROUP => Membership::Workgroup(text),
        _ => Membership::None,
    })
}
