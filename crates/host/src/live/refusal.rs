//! What Windows says when it refuses, as an error that says on what.

use windows::Win32::Foundation::WIN32_ERROR;

use crate::{HostError, HostErrorKind};

/// Codes of Win32 errors in the form of an `HRESULT` begin so.
const FROM_WIN32: u32 = 0x8007_0000;

/// Turns a failed call into an error about `subject`.
pub(super) fn refused(
    op: &'static str,
    subject: &(impl ToString + ?Sized),
    error: &windows::core::Error,
) -> HostError {
    HostError { op, subject: subject.to_string(), kind: kind_of(error.code().0.cast_unsigned()) }
}

/// Turns a returned Win32 code into a result about `subject`.
pub(super) fn checked(
    op: &'static str,
    subject: &(impl ToString + ?Sized),
    code: WIN32_ERROR,
) -> crate::Result<()> {
    match code.0 {
        0 => Ok(()),
        code => Err(HostError::win32(op, subject, code)),
    }
}

/// Whether a call failed with this Win32 code.
pub(super) fn is(error: &windows::core::Error, code: WIN32_ERROR) -> bool {
    kind_of(error.code().0.cast_unsigned()) == HostErrorKind::Win32(code.0)
}

/// What an `HRESULT` says: the Win32 code in it, if it holds one.
pub(super) fn kind_of(code: u32) -> HostErrorKind {
    match code & 0xffff_0000 {
        FROM_WIN32 => HostErrorKind::Win32(code & 0xffff),
        _ => HostErrorKind::Com(code),
    }
}
