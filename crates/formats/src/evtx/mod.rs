//! Event logs of Windows Vista and newer (`.evtx`), of which only wanted events are expanded.
//!
//! A file is a head of 4 KiB and chunks of 64 KiB, each complete in itself with a checksum, its
//! names and its templates; the layout is documented by libevtx, the binary XML in the records by
//! \[MS-EVEN6\] 2.2.12. A file of 200 MB is read chunk by chunk with a [`Reader`], or several on
//! threads; [`events`] reads what is in memory.
//!
//! The head of a file is never quite right while Windows writes to it (it says so with its flag
//! `dirty`), so all chunks are read, however many it speaks of.

mod binxml;
mod chunk;
mod event;
mod expand;
mod select;
mod time;
mod value;
mod wanted;
mod write;

pub use chunk::{CHUNK_BYTES, Reader};
pub use event::Event;
pub use wanted::Wanted;
pub use write::EvtxBuilder;

use crate::{Gap, GapReason, Parsed};
use binxml::{u16_at, u32_at};

/// Offset of the first chunk.
pub const FILE_HEAD_BYTES: usize = 4_096;

const FILE_MARK: &[u8] = b"ElfFile\0";

/// The flag that says that the log was copied while it was open.
const DIRTY: u32 = 1;

/// Whether a file that begins so is an event log; 8 bytes are enough, 4,104 recognise one whose
/// head is damaged.
#[must_use]
pub fn is_evtx(head: &[u8]) -> bool {
    head.starts_with(FILE_MARK)
        || head.get(FILE_HEAD_BYTES..).is_some_and(|chunk| chunk.starts_with(chunk::CHUNK_MARK))
}

/// Whether a file that begins so is an event log of Windows XP, Server 2003 or older (`.evt`), which
/// cannot be read here; 8 bytes are enough.
#[must_use]
pub fn is_old_evt(head: &[u8]) -> bool {
    // Size of the head and the mark, see EVENTLOGHEADER.
    head.starts_with(b"\x30\0\0\0LfLe")
}

/// When the first record of a file was written, as FILETIME; the head of the file and 544 bytes of
/// its first chunk are enough.
#[must_use]
pub fn first_time(head: &[u8]) -> Option<u64> {
    /// Offset of the first record in its chunk, and of the time in the record.
    const TIME_AT: usize = 512 + 16;
    let bytes = head.get(FILE_HEAD_BYTES + TIME_AT..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes)).filter(|&ticks| ticks != 0)
}

/// What the head of a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHead {
    /// Chunks in the file, as far as the head knows.
    pub chunks: u16,
    /// The log was copied while it was open: the number of chunks may be too small.
    pub is_dirty: bool,
}

impl FileHead {
    /// Reads the first [`FILE_HEAD_BYTES`] of a file, of which 128 must be there.
    ///
    /// # Errors
    /// The gap that the head is: something else than an event log, or damaged. Chunks may stand
    /// behind a damaged head all the same.
    pub fn read(bytes: &[u8]) -> Result<FileHead, Gap> {
        let gap =
            |why| Gap { at: 0..FILE_HEAD_BYTES as u64, line: 0, what: "head of the file", why };
        if is_old_evt(bytes) {
            let why = "an event log of Windows XP or older (.evt), which is not read; \
                       open it in the event viewer and save it as .evtx";
            return Err(gap(GapReason::Unreadable(why.to_owned())));
        }
        if !bytes.starts_with(FILE_MARK) {
            return Err(gap(GapReason::Foreign));
        }
        match (u16_at(bytes, 42), u32_at(bytes, 120), bytes.len() >= 128) {
            (Some(chunks), Some(flags), true) => {
                Ok(FileHead { chunks, is_dirty: flags & DIRTY != 0 })
            }
            _ => Err(gap(GapReason::Truncated)),
        }
    }

    /// The chunks that a file of this size lacks, by what its head says. A chunk of which a part is
    /// there is not meant; [`Reader::chunk`] tells of it.
    #[must_use]
    pub fn missing(&self, size_bytes: u64) -> Option<Gap> {
        let (head, chunk) = (FILE_HEAD_BYTES as u64, CHUNK_BYTES as u64);
        let there = head + size_bytes.saturating_sub(head).div_ceil(chunk) * chunk;
        let expected = head + u64::from(self.chunks) * chunk;
        (there < expected).then_some(Gap {
            at: there..expected,
            line: 0,
            what: "chunks",
            why: GapReason::Truncated,
        })
    }
}

/// The wanted events of a whole file.
#[must_use]
pub fn events(bytes: &[u8], wanted: &Wanted) -> Parsed<Event> {
    let (mut items, mut gaps) = (Vec::new(), Vec::new());
    let head = match FileHead::read(bytes) {
        Ok(head) => Some(head),
        Err(gap) => {
            gaps.push(gap);
            None
        }
    };
    if head.is_none() && !is_evtx(bytes) {
        return Parsed { items, gaps };
    }
    let mut reader = Reader::new(wanted);
    let mut at = FILE_HEAD_BYTES as u64;
    for chunk in bytes.get(FILE_HEAD_BYTES..).unwrap_or_default().chunks(CHUNK_BYTES) {
        gaps.extend(reader.chunk(chunk, at, &mut |event| items.push(event)));
        at += CHUNK_BYTES as u64;
    }
    gaps.extend(head.and_then(|head| head.missing(bytes.len() as u64)));
    Parsed { items, gaps }
}
