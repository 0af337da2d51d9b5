//! The first record of a trace: who wrote it, when, by which clock.
//!
//! Layout: `TRACE_LOGFILE_HEADER` (learn.microsoft.com, `evntrace.h`; geoffchappell.com,
//! "TRACE_LOGFILE_HEADER"). It lies behind the 72 bytes of the first buffer's header and the 32 of
//! its own record, and has a 32-bit and a 64-bit form that differ in the size of two pointers.

use super::bytes::{array, u16_at, u32_at, u64_at};
use super::zone::{TICKS_A_SECOND, Zone};

/// Bytes of the header of each buffer (`WMI_BUFFER_HEADER`).
pub(super) const BUFFER_HEADER: usize = 72;
/// Bytes of the header of the first record (`SYSTEM_TRACE_HEADER`).
const RECORD_HEADER: usize = 32;
/// Where the body of the first record begins.
const BODY: usize = BUFFER_HEADER + RECORD_HEADER;
/// Bit of LogFileMode: `EVENT_TRACE_FILE_MODE_SEQUENTIAL`.
const SEQUENTIAL: u32 = 1;

/// What a trace says about the session that wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Name, such as `WindowsUpdate_trace_log`.
    pub name: String,
    /// Version of Windows, such as 10 and 0.
    pub version: (u8, u8),
    /// Build of Windows, such as 20348.
    pub build: u32,
    /// When it began, in FILETIME ticks (100 ns since 1601, UTC).
    pub start: u64,
    /// The time zone of the PC.
    pub zone: Zone,
    /// Events that Windows itself says it lost.
    pub events_lost: u32,
    /// Buffers that Windows itself says it lost.
    pub buffers_lost: u32,
}

/// The head of a trace file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) session: Session,
    pub(super) clock: Clock,
    /// Bytes of a buffer.
    pub(super) buffer_size: usize,
    /// How many buffers were written, where the file must hold them all.
    pub(super) buffers: Option<u32>,
}

/// How a time stamp becomes a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: u64,
    /// The stamp that was taken at `start`.
    first: i64,
    rate: Rate,
}

#[derive(Debug, Clone, Copy)]
enum Rate {
    /// Stamps are counted so many a second.
    Counted(u64),
    /// Stamps are FILETIME ticks.
    Time,
    /// The rate is not told.
    Unknown,
}

/// Whether a file is an event trace; `head` should hold its first 128 bytes or more.
#[must_use]
pub fn is_etl(head: &[u8]) -> bool {
    let marker: Option<[u8; 8]> = array(head, BUFFER_HEADER);
    let Some([version, _, kind, flags, size_low, size_high, 0, 0]) = marker else { return false };
    let size = u16::from_le_bytes([size_low, size_high]);
    matches!(version, 1 | 2)
        && matches!(kind, 1 | 2)
        && flags == 0xC0
        && usize::from(size) >= RECORD_HEADER + 0x110
        && head.get(BODY + 4).is_none_or(|major| (4..=20).contains(major))
}

/// Reads the head of a trace; `None` when it is none or is cut off inside of it.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    if !is_etl(bytes) {
        return None;
    }
    let body = &bytes[BODY.min(bytes.len())..];
    let wide = bytes[BUFFER_HEADER + 2] == 2;
    // Two pointers lie before the zone, and the times behind it are aligned to 8.
    let (zone, boot) = if wide { (0x48, 0xF8) } else { (0x40, 0xF0) };
    let (frequency, start) = (u64_at(body, boot + 8)?, u64_at(body, boot + 16)?);
    let (clock_type, buffers_lost) = (u32_at(body, boot + 24)?, u32_at(body, boot + 28)?);
    let rate = match clock_type & 7 {
        2 => Rate::Time,
        3 => match u32_at(body, 0x34)? {
            0 => Rate::Unknown,
            megahertz => Rate::Counted(u64::from(megahertz) * 1_000_000),
        },
        _ if frequency == 0 => Rate::Unknown,
        _ => Rate::Counted(frequency),
    };
    let mode = u32_at(body, 0x20)?;
    let written = u32_at(body, 0x24)?;
    let record_end = BUFFER_HEADER + usize::from(u16_at(bytes, BUFFER_HEADER + 4)?);
    let names = bytes.get(BODY + boot + 32..record_end.min(bytes.len())).unwrap_or_default();
    Some(Header {
        session: Session {
            name: first_name(names),
            version: (body[4], body[5]),
            build: u32_at(body, 8)?,
            start,
            zone: Zone::read(&body[zone..]).unwrap_or_default(),
            events_lost: u32_at(body, 0x30)?,
            buffers_lost,
        },
        clock: Clock { start, first: u64_at(bytes, BUFFER_HEADER + 16)? as i64, rate },
        // The two must be the same; one of them may be damaged.
        buffer_size: [u32_at(bytes, 0)?, u32_at(body, 0)?]
            .into_iter()
            .map(|size| size as usize)
            .find(|&size| size > BUFFER_HEADER)
            .unwrap_or(0),
        buffers: (mode & SEQUENTIAL != 0 && written > 0).then_some(written),
    })
}

/// The UTF-16 text before the first zero.
fn first_name(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = units.take_while(|&unit| unit != 0);
    char::decode_utf16(text).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

impl Clock {
    /// The time of a stamp in FILETIME ticks.
    pub(super) fn ticks(&self, stamp: i64) -> u64 {
        let passed = i128::from(stamp) - i128::from(self.first);
        let ticks = match self.rate {
            Rate::Time => i128::from(stamp),
            Rate::Unknown => i128::from(self.start),
            Rate::Counted(TICKS_A_SECOND) => i128::from(self.start) + passed,
            Rate::Counted(rate) => {
                i128::from(self.start) + passed * i128::from(TICKS_A_SECOND) / i128::from(rate)
            }
        };
        ticks.clamp(0, i128::from(i64::MAX)) as u64
    }

    /// Whether times can be told at all.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self.rate, Rate::Unknown)
    }
}
