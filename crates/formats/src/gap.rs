//! What could not be read, and where: missing evidence is data, not a warning in passing.

use std::fmt;
use std::ops::Range;

/// What parsing gave: the items that were whole, and the places that were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// Everything that could be read, in the order of the input.
    pub items: Vec<T>,
    /// Everything that could not, in the order of the input.
    pub gaps: Vec<Gap>,
}

/// A part of the input that says nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Byte range in the decompressed, decoded input.
    pub at: Range<u64>,
    /// Line of `at.start`, counted from 1; 0 where lines mean nothing.
    pub line: u64,
    /// What should have stood there, such as `record`.
    pub what: &'static str,
    /// Why it could not be read.
    pub why: GapReason,
}

/// Why a part of the evidence could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapReason {
    /// The input ends inside the item.
    Truncated,
    /// The bytes are not what the format asks for.
    Foreign,
    /// The item is longer than the bound in bytes; the rest of it was passed over.
    TooLong(u64),
    /// Records are missing: the file is an excerpt of a log.
    Excerpt,
    /// Reading or decompressing stopped with this message of the system or the library.
    Unreadable(String),
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GapReason::Truncated => f.write_str("cut off in the middle"),
            GapReason::Foreign => f.write_str("not in the form of this log"),
            GapReason::TooLong(bound) => {
                write!(f, "longer than {bound} bytes, the rest passed over")
            }
            GapReason::Excerpt => f.write_str("records are missing, the file is an excerpt"),
            GapReason::Unreadable(why) => f.write_str(why),
        }
    }
}
