//! Error codes: one 32-bit value, however it is spelled or wrapped.
//!
//! [`Code::parse`] reads any spelling a person or a log uses, [`Code::canonical`] brings the
//! wrappings of one cause together, [`codes_in`] finds the codes in a line of a log.

mod names;
mod parse;
mod scan;
mod wrap;

use std::fmt;

pub use parse::{ParseCodeError, SetupCode};
pub use scan::{CodesIn, FoundCode, codes_in};
pub use wrap::{Step, Wrapping};

/// An error code as a raw 32-bit value: an HRESULT, an NTSTATUS, a Win32 code or a JET error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u32);

/// Values whose top bit says failure although the operation went well (or is going well).
///
/// Win32 3010, 3011 and 1641 are successes that ask for a restart; `0x80242014` is written while
/// the second half of an update waits for the restart; `0xc1900210` is setup's "no issues found";
/// `0x800f0241` is the device installer's remark that a publisher is trusted.
const SUCCESS_IN_DISGUISE: [u32; 6] =
    [0x8007_0BC2, 0x8007_0BC3, 0x8007_0669, 0x8024_2014, 0xC190_0210, 0x800F_0241];

impl Code {
    /// The HRESULT of a Win32 error number; numbers above 65535 are cut to their low half, as
    /// `HRESULT_FROM_WIN32` does.
    #[must_use]
    pub const fn from_win32(number: u32) -> Self {
        Self(0x8007_0000 | (number & 0xFFFF))
    }

    /// Whether the value, read as an HRESULT or NTSTATUS, means failure (its top bit is set).
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }

    /// Whether the value stands for something that failed.
    ///
    /// Unlike [`Code::is_failure`] this knows plain Win32 numbers (33 is a failure, 0 is none)
    /// and the values that look like failures and are none, such as `0x80070bc2` (restart
    /// needed).
    #[must_use]
    pub fn means_failure(self) -> bool {
        let canonical = self.canonical();
        canonical.is_failure() && !SUCCESS_IN_DISGUISE.contains(&canonical.0)
    }

    /// The Win32 error number behind the code, where there is one.
    #[must_use]
    pub fn win32(self) -> Option<u32> {
        let canonical = self.canonical().0;
        (canonical & 0xFFFF_0000 == 0x8007_0000).then_some(canonical & 0xFFFF)
    }

    /// What `ERROR_LOCK_VIOLATION`, `STATUS_SHARING_VIOLATION`, `E_FAIL` and the like stand for.
    ///
    /// Only the names that logs print; capital letters as Windows writes them.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        names::named(name.as_bytes())
    }

    /// The name of the code among those that logs print, without unwrapping it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        if self.0 <= 0xFFFF {
            return names::win32_name(self.0);
        }
        let status = names::status_row(self.0).map(|row| row.name);
        let hresults = names::HRESULTS.iter();
        let hresult = || hresults.clone().find(|row| row.1 == self.0).map(|row| row.0);
        let number = (self.0 >> 16 == 0x8007).then_some(self.0 & 0xFFFF);
        status.or_else(hresult).or_else(|| number.and_then(names::win32_name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_is_needed_is_no_failure() {
        assert!(Code(0x8007_0BC2).is_failure());
        assert!(!Code(0x8007_0BC2).means_failure());
        assert!(!Code(3010).means_failure());
        assert!(!Code(0x8024_2014).means_failure());
        assert!(!Code(0).means_failure());
        assert!(!Code(0x0024_0006).means_failure());
    }

    #[test]
    fn a_plain_win32_number_is_a_failure() {
        assert!(Code(33).means_failure());
        assert_eq!(Code(33).win32(), Some(33));
        assert_eq!(Code(0xD000_0054).win32(), Some(33));
        assert_eq!(Code(0x8024_0016).win32(), None);
    }

    #[test]
    fn names_go_both_ways() {
        for name in ["STATUS_LOCK_NOT_GRANTED", "ERROR_LOCK_VIOLATION", "E_FAIL"] {
            assert_eq!(Code::named(name).unwrap().name(), Some(name));
        }
        assert_eq!(Code(0x8007_0021).name(), Some("ERROR_LOCK_VIOLATION"));
        assert_eq!(Code(0x8007_0005).name(), Some("E_ACCESSDENIED"));
        assert_eq!(Code(5).name(), Some("ERROR_ACCESS_DENIED"));
        assert_eq!(Code(1).name(), Some("ERROR_INVALID_FUNCTION"));
        assert_eq!(Code(0x8024_ABCD).name(), None);
    }
}
