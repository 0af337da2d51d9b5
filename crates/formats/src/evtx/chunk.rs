//! Reading the records of one chunk: its head, its checksums, and the way from record to record.

use std::ops::Range;

use super::binxml::{u32_at, u64_at};
use super::event::Event;
use super::expand::{Budget, Fault, expand};
use super::select::{Choice, Selector};
use super::wanted::Wanted;
use crate::{Gap, GapReason};

/// Size of a chunk in bytes; each is complete in itself.
pub const CHUNK_BYTES: usize = 65_536;

/// Size of a chunk's head, in which there are no records.
const HEAD_BYTES: usize = 512;

/// A record's head (mark, size, number, time) and the copy of its size at its end.
const RECORD_HEAD_BYTES: usize = 24;
const RECORD_LEAST_BYTES: usize = RECORD_HEAD_BYTES + 4;

pub(super) const CHUNK_MARK: &[u8] = b"ElfChnk\0";
const RECORD_MARK: &[u8] = b"**\0\0";

/// The flag that says that the writer left out checksums.
const WITHOUT_CHECKSUMS: u32 = 4;

/// Reads chunks of event logs, one at a time and in any order; one reader a thread.
///
/// Each record is looked at in its binary form first; only what [`Wanted`] names is expanded. Where
/// a file is streamed, reading one chunk after the other into the same [`CHUNK_BYTES`] is quicker
/// than reading several at once, because a chunk then stays in the processor's cache.
pub struct Reader<'w> {
    wanted: &'w Wanted,
    selector: Selector<'w>,
    records: u64,
}

impl<'w> Reader<'w> {
    /// A reader of the wanted events.
    #[must_use]
    pub fn new(wanted: &'w Wanted) -> Self {
        Self { wanted, selector: Selector::new(wanted), records: 0 }
    }

    /// How many records were seen up to now, wanted or not.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Reads the chunk that stands at offset `at` of its file, and tells what of it could not be
    /// read. `bytes` are [`CHUNK_BYTES`] long, fewer only where the file ends early; further ones
    /// are not looked at.
    ///
    /// A chunk that was never written to (all zero) has no records and no gaps. With a wrong
    /// checksum the records are read all the same, and a gap of no more than the checksum tells of
    /// it.
    pub fn chunk(&mut self, bytes: &[u8], at: u64, visit: &mut dyn FnMut(Event)) -> Vec<Gap> {
        let bytes = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
        let mut gaps = Gaps { at, gaps: Vec::new() };
        let head = Head::read(bytes, &mut gaps);
        if let Some(head) = head {
            self.selector.begin_chunk();
            self.records_of(bytes, &head, &mut gaps, visit);
        }
        if bytes.len() < CHUNK_BYTES {
            gaps.push(bytes.len()..CHUNK_BYTES, "chunk", GapReason::Truncated);
        }
        gaps.gaps
    }

    /// Walks the records; where there is none, looks for the next.
    fn records_of(
        &mut self,
        chunk: &[u8],
        head: &Head,
        gaps: &mut Gaps,
        visit: &mut dyn FnMut(Event),
    ) {
        let mut budget = Budget::CHUNK;
        let (mut at, mut last) = (HEAD_BYTES, None);
        while at < head.end {
            let record = Record::read(chunk, at, head.end).filter(|record| {
                // Without the copy of its size, a record that holds another has a wrong size.
                record.is_confirmed || next_record(chunk, at + 1..record.end, head.end).is_none()
            });
            let Some(record) = record else {
                let next = next_record(chunk, at + 1..head.end, head.end);
                let until = next.unwrap_or(head.end);
                // The end of the records is not always brought up to date; what is zero behind the
                // last record was never written.
                let blank = chunk[at..until].iter().all(|&byte| byte == 0);
                let complete = head.last_record.is_none() || head.last_record == last;
                if !(blank && complete && next.is_none()) {
                    gaps.push(at..until, "event record", reason_at_end(chunk, until));
                }
                at = until;
                continue;
            };
            self.records += 1;
            last = Some(record.number);
            let read = self.record(chunk, &record, &mut budget, visit);
            match read {
                Err(fault) => gaps.push(record.at..record.end, "event record", reason_of(fault)),
                Ok(()) if !record.is_confirmed => {
                    gaps.push(record.at..record.end, "event record", damaged_record());
                }
                Ok(()) => {}
            }
            at = record.end;
        }
    }

    fn record(
        &mut self,
        chunk: &[u8],
        record: &Record,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Event),
    ) -> Result<(), Fault> {
        let content = record.at + RECORD_HEAD_BYTES..record.end - 4;
        let choice = self.selector.choose(chunk, content.start, content.end);
        if choice == Choice::Pass {
            return Ok(());
        }
        let event = Event { record: record.number, time: record.time, ..Event::default() };
        let event = expand(chunk, content.start, content.end, event, budget)?;
        if choice == Choice::Expand || self.wanted.wants(&event.provider, event.id) {
            visit(event);
        }
        Ok(())
    }
}

/// What the head of a chunk tells.
struct Head {
    /// Where the records end.
    end: usize,
    /// Number of the last record; `None` when the head is damaged.
    last_record: Option<u64>,
}

impl Head {
    /// Reads and checks a head; `None` when there are no records to be looked for.
    fn read(chunk: &[u8], gaps: &mut Gaps) -> Option<Head> {
        if chunk.len() < HEAD_BYTES {
            return None;
        }
        let end = u32_at(chunk, 48).and_then(|end| usize::try_from(end).ok());
        let end = end.filter(|end| (HEAD_BYTES..=CHUNK_BYTES).contains(end));
        if !chunk.starts_with(CHUNK_MARK) {
            if chunk.iter().all(|&byte| byte == 0) {
                return None;
            }
            gaps.push(0..HEAD_BYTES, "head of a chunk", GapReason::Foreign);
            return Some(Head {
                end: end.unwrap_or(CHUNK_BYTES).min(chunk.len()),
                last_record: None,
            });
        }
        let Some(end) = end else {
            gaps.push(0..HEAD_BYTES, "head of a chunk", GapReason::Foreign);
            return Some(Head { end: chunk.len(), last_record: None });
        };
        if u32_at(chunk, 120)? & WITHOUT_CHECKSUMS == 0 {
            let mut checksum = crc32fast::Hasher::new();
            checksum.update(&chunk[..120]);
            checksum.update(&chunk[128..HEAD_BYTES]);
            if u32_at(chunk, 124)? != checksum.finalize() {
                gaps.push(124..128, "head of a chunk", wrong_checksum());
            }
            let records = chunk.get(HEAD_BYTES..end);
            if records.is_some_and(|records| u32_at(chunk, 52) != Some(crc32fast::hash(records))) {
                gaps.push(52..56, "records of a chunk", wrong_checksum());
            }
        }
        Some(Head { end: end.min(chunk.len()), last_record: u64_at(chunk, 32) })
    }
}

/// The head of a record.
struct Record {
    at: usize,
    end: usize,
    number: u64,
    time: u64,
    /// Its size stands at its end once more, or another record follows.
    is_confirmed: bool,
}

impl Record {
    /// The record at `at`; `None` when there is none whose size is possible.
    fn read(chunk: &[u8], at: usize, end: usize) -> Option<Record> {
        let head = chunk.get(at..at + RECORD_HEAD_BYTES)?;
        if !head.starts_with(RECORD_MARK) {
            return None;
        }
        let size = usize::try_from(u32_at(head, 4)?).ok()?;
        let record_end = at.checked_add(size).filter(|&record_end| record_end <= end)?;
        (size >= RECORD_LEAST_BYTES).then(|| Record {
            at,
            end: record_end,
            number: u64_at(head, 8).unwrap_or_default(),
            time: u64_at(head, 16).unwrap_or_default(),
            is_confirmed: u32_at(chunk, record_end - 4) == u32_at(head, 4)
                || chunk[record_end..end].starts_with(RECORD_MARK),
        })
    }
}

/// The first place within `places` where a record stands whose size is confirmed; all records end
/// before `end`.
fn next_record(chunk: &[u8], places: Range<usize>, end: usize) -> Option<usize> {
    let from = places.start.min(places.end);
    memchr::memmem::find_iter(&chunk[from..places.end], RECORD_MARK)
        .map(|found| from + found)
        .find(|&at| Record::read(chunk, at, end).is_some_and(|record| record.is_confirmed))
}

/// A piece at the end of a file that ends early is cut off, any other is damaged.
fn reason_at_end(chunk: &[u8], until: usize) -> GapReason {
    if until == chunk.len() && chunk.len() < CHUNK_BYTES {
        GapReason::Truncated
    } else {
        GapReason::Foreign
    }
}

fn reason_of(fault: Fault) -> GapReason {
    match fault {
        Fault::Malformed => GapReason::Foreign,
        Fault::TooDeep => GapReason::Unreadable("nested deeper than events are".to_owned()),
        Fault::TooMuch => {
            GapReason::Unreadable("the chunk describes far more than it holds".to_owned())
        }
    }
}

fn damaged_record() -> GapReason {
    GapReason::Unreadable("its end is damaged; what is there was read all the same".to_owned())
}

fn wrong_checksum() -> GapReason {
    GapReason::Unreadable("the checksum is wrong; what is there was read all the same".to_owned())
}

/// Gaps of one chunk, placed in the file.
struct Gaps {
    at: u64,
    gaps: Vec<Gap>,
}

impl Gaps {
    fn push(&mut self, range: Range<usize>, what: &'static str, why: GapReason) {
        let at =
            self.at.saturating_add(range.start as u64)..self.at.saturating_add(range.end as u64);
        // Records lost for the same reason in a row are one gap.
        if let Some(last) = self.gaps.last_mut()
            && (last.at.end, last.what) == (at.start, what)
            && last.why == why
        {
            last.at.end = at.end;
            return;
        }
        self.gaps.push(Gap { at, line: 0, what, why });
    }
}
