//! Event traces (`.etl`): what Windows Update and others wrote, read without symbols.
//!
//! A trace is a row of buffers of one size; each has a header of 72 bytes and then records, each
//! with a mark that tells its kind and size. Since Windows 10 1709 Windows Update writes events
//! that describe themselves (TraceLogging), so that nothing but the file is needed to read them.
//! Before, it wrote WPP messages, whose texts lie in Microsoft's symbols.
//!
//! Layout: geoffchappell.com ("WMI_BUFFER_HEADER", "Trace Headers"), learn.microsoft.com
//! (`evntrace.h`, `evntcons.h`).

mod bytes;
mod event;
mod field;
mod header;
mod line;
mod record;
pub mod write;
mod zone;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::{Gap, GapReason};

pub use bytes::Guid;
pub use event::WINDOWS_UPDATE;
pub use field::Fields;
pub use header::{Session, is_etl};
pub use line::{Line, Printer, Text};
pub use zone::{Zone, ticks_at};

use bytes::{array, u16_at, u32_at};
use event::Event;
use header::{BUFFER_HEADER, Clock, Header};
use record::{Kind, Records};

/// Flag of a buffer that Windows compressed (`ETW_BUFFER_FLAG_COMPRESSED`).
const COMPRESSED: u16 = 0x40;
/// More gaps than this are not listed one by one.
const MOST_GAPS: usize = 1000;

/// What a trace holds.
#[derive(Debug, Clone, Default)]
pub struct Trace<'a> {
    /// Who wrote it.
    pub session: Session,
    /// The events that say what they have to say, in the order of their time.
    pub lines: Vec<Line<'a>>,
    /// Events that only the manifest of their provider explains, counted.
    pub other: BTreeMap<Guid, u64>,
    /// Records of the system's own, such as the names of programs, counted.
    pub system: u64,
    /// Messages whose text lies in symbols (WPP), counted.
    pub needs_symbols: u64,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// Reads a trace. What cannot be read is a gap; a file that is no trace is one gap.
#[must_use]
pub fn decode(bytes: &[u8]) -> Trace<'_> {
    let mut trace = Trace::default();
    let Some(head) = header::read(bytes) else {
        let why = if is_etl(bytes) { GapReason::Truncated } else { GapReason::Foreign };
        trace.gap(0..bytes.len(), "head of an event trace", why);
        return trace;
    };
    trace.session = head.session.clone();
    if head.buffer_size == 0 {
        trace.gap(0..BUFFER_HEADER, "size of a buffer", GapReason::Foreign);
        return trace;
    }
    trace.buffers(bytes, &head);
    if !head.clock.is_known() && !trace.lines.is_empty() {
        let why = "the trace does not tell how fast its clock runs: all events have its start";
        trace.gap(0..bytes.len(), "time", GapReason::Unreadable(why.to_owned()));
    }
    // Each processor fills buffers of its own, and a circular file begins in the middle.
    if !trace.lines.is_sorted_by_key(|line| line.time) {
        trace.lines.sort_by_key(|line| line.time);
    }
    trace
}

impl<'a> Trace<'a> {
    /// How many events and messages there are, those of the system not counted.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.lines.len() as u64 + self.other.values().sum::<u64>() + self.needs_symbols
    }

    /// All lines as text, as `Get-WindowsUpdateLog` prints them.
    #[must_use]
    pub fn to_log(&self, zone: &Zone) -> Vec<u8> {
        let (mut log, mut printer) = (Vec::new(), Printer::new(zone));
        for line in &self.lines {
            printer.line(line, &mut log);
        }
        log
    }

    fn gap(&mut self, at: Range<usize>, what: &'static str, why: GapReason) {
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(Gap { at: at.start as u64..at.end as u64, line: 0, what, why });
        }
    }

    fn buffers(&mut self, bytes: &'a [u8], head: &Header) {
        let (mut at, mut seen) = (0, 0);
        while bytes.len() - at >= BUFFER_HEADER {
            let whole = &bytes[at..];
            // The fixed head is there, so that these are only read.
            let field = |place| u32_at(whole, place).unwrap_or(0) as usize;
            let (size, filled) = (head.buffer_size, field(0x30));
            let flags = u16_at(whole, 0x34).unwrap_or(0);
            seen += 1;
            if flags & COMPRESSED != 0 {
                let why = "compressed by Windows, which unwedge cannot undo".to_owned();
                let size = Some(field(0)).filter(|size| (BUFFER_HEADER..size + 1).contains(size));
                let size = size.unwrap_or(head.buffer_size).min(head.buffer_size);
                self.gap(at..at + size, "buffer", GapReason::Unreadable(why));
                at += size.min(whole.len());
                continue;
            }
            let filled = if filled == 0 { field(4) } else { filled };
            if filled > size {
                self.gap(at..at + size.min(whole.len()), "end of a buffer", GapReason::Foreign);
            }
            self.buffer(whole, at, filled.min(size), &head.clock);
            at += size.min(whole.len());
        }
        if at < bytes.len() {
            self.gap(at..bytes.len(), "buffer", GapReason::Truncated);
        } else if head.buffers.is_some_and(|written| written > seen) {
            self.gap(at..at, "buffers at the end", GapReason::Truncated);
        }
    }

    /// Reads the records of the buffer at `start`, of which so many bytes were filled.
    fn buffer(&mut self, whole: &'a [u8], start: usize, filled: usize, clock: &Clock) {
        let there = &whole[..filled.min(whole.len())];
        let mut records = Records::new(there, BUFFER_HEADER);
        for record in records.by_ref() {
            match record.kind {
                Kind::System => self.system += 1,
                Kind::Message => self.needs_symbols += 1,
                Kind::Classic => {
                    if let Some(guid) = array(record.bytes, 0x18) {
                        *self.other.entry(Guid(guid)).or_default() += 1;
                    }
                }
                Kind::Event => match event::read(record.bytes, clock) {
                    Some(Event::Line(line)) => self.lines.push(line),
                    Some(Event::NeedsSymbols) => self.needs_symbols += 1,
                    Some(Event::Unknown(provider)) => {
                        *self.other.entry(provider).or_default() += 1;
                    }
                    None => self.system += 1,
                },
            }
        }
        if there.len() < filled {
            let at = records.at().min(there.len());
            self.gap(start + at..start + there.len(), "record", GapReason::Truncated);
        } else if records.is_broken() {
            self.gap(start + records.at()..start + filled, "record", GapReason::Foreign);
        }
    }
}
