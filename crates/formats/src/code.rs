//! Error codes: one 32-bit value, however it is spelled or wrapped.

use std::fmt;

/// An error code as a raw 32-bit value: an HRESULT, an NTSTATUS, a Win32 code or a JET error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u32);

impl Code {
    /// Whether the value, read as an HRESULT or NTSTATUS, means failure (its top bit is set).
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}
