//! The records of one buffer: what kind each is and how long.
//!
//! Kinds and marks: geoffchappell.com, "Trace Headers".

use super::bytes::{array, u16_at};

/// A record of a buffer.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `EVENT_HEADER`: written since Windows Vista, may describe itself.
    Event,
    /// `EVENT_TRACE_HEADER`: a classic event, named by a GUID.
    Classic,
    /// `MESSAGE_TRACE_HEADER`: a WPP message; only symbols tell what it says.
    Message,
    /// Everything of the system's own.
    System,
}

/// The records of a buffer from behind its header to the end of what was filled.
#[derive(Debug)]
pub(super) struct Records<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    pub(super) fn new(buffer: &'a [u8], at: usize) -> Self {
        Records { buffer, at }
    }

    /// Where the next record begins; after the last one, where reading stopped.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether reading stopped before the end.
    pub(super) fn is_broken(&self) -> bool {
        self.buffer.len().saturating_sub(self.at) >= 8 && self.mark().is_none_or(|it| it.2 != 0xFF)
    }

    /// Kind, bytes and flags of the record that comes next.
    fn mark(&self) -> Option<(Kind, usize, u8)> {
        let [_, _, kind, flags] = array(self.buffer, self.at)?;
        // Unused space is filled with ones.
        if flags == 0xFF {
            return Some((Kind::System, 0, flags));
        }
        let (kind, size_at) = match (flags, kind) {
            (0x90..=0x9F, _) => (Kind::Message, 0),
            (0xC0..=0xCF, 1..=4 | 0x10 | 0x11) => (Kind::System, 4),
            (0xC0..=0xCF, 0x12 | 0x13) => (Kind::Event, 0),
            (0xC0..=0xCF, 0x0A | 0x14) => (Kind::Classic, 0),
            (0xC0..=0xCF, 0x0B..=0x0F | 0x15) => (Kind::System, 0),
            _ => return None,
        };
        Some((kind, usize::from(u16_at(self.buffer, self.at + size_at)?), flags))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (kind, size, _) = self.mark()?;
        if size < 8 {
            return None;
        }
        let bytes = self.buffer.get(self.at..self.at + size)?;
        self.at += size.next_multiple_of(8);
        Some(Record { kind, bytes })
    }
}
