//! Transaction logs: what was about to be written to a hive when it was copied or the power went.
//!
//! Windows up to 8 keeps one set of dirty pages (`DIRT`), later versions a row of numbered and
//! summed entries (`HvLE`) over two files. A log is applied only to a hive that says itself that it is
//! in the middle of a write, as Windows does.

use super::base::{BASE_BYTES, Base};
use super::data::{u32_at, u64_at};
use super::gap;
use super::image::{PAGE_BYTES, Patches};
use super::marvin::marvin32;
use crate::{Gap, GapReason};

/// File type of a log with entries; logs with a set of pages have 1, or 2 in old versions.
const ENTRIES: u32 = 6;
/// Bytes of a log entry in front of its references to pages.
const ENTRY_BYTES: usize = 40;

/// How far a hive is what Windows last knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It was written completely.
    Clean,
    /// It was copied in the middle of a write, and so many entries of its logs were applied.
    Replayed {
        /// Entries of logs; a log with a set of pages counts as one.
        entries: u32,
    },
    /// It was copied in the middle of a write and its logs are missing or do not fit: it is older
    /// than the PC was, and may contradict itself.
    Stale,
}

/// What comes of a base block and logs.
pub(super) struct Replay {
    pub(super) base: Base,
    /// Size of the bins after the last entry; 0 if nothing is applied.
    pub(super) bins_bytes: u32,
    pub(super) pages: Patches,
    pub(super) freshness: Freshness,
    pub(super) gaps: Vec<Gap>,
}

/// Decides what of `logs` is to be laid over the hive with the base block `own` (`None` if it has
/// none), whose first bin was written at `bin_time`.
pub(super) fn replay(own: Option<Base>, bin_time: u64, logs: &[&[u8]]) -> Replay {
    let mut replay = Replay {
        base: own.clone().unwrap_or_default(),
        bins_bytes: 0,
        pages: Patches::new(),
        freshness: Freshness::Clean,
        gaps: Vec::new(),
    };
    if own.as_ref().is_some_and(|own| !own.is_dirty()) {
        return replay;
    }
    let mut sound: Vec<(Base, &[u8])> = logs
        .iter()
        .filter_map(|log| Some((Base::read(log)?, *log)))
        .filter(|(base, _)| base.is_log())
        .collect();
    let is_whole = own.as_ref().is_some_and(|own| own.is_sound);
    if !is_whole && let Some((base, _)) = sound.iter().min_by_key(|(it, _)| it.secondary_sequence) {
        // Its own description is lost; that of a log is the same but for its type.
        replay.base = base.clone();
        replay.base.file_type = 0;
    }
    sound.sort_by_key(|(_, log)| Entries::of(log).next().map_or(u32::MAX, |it| it.sequence));
    let time = if is_whole { replay.base.last_written } else { bin_time };
    let mut applied = 0;
    let mut expected = Expected::From(replay.base.secondary_sequence);
    for (base, log) in &sound {
        if base.file_type == ENTRIES {
            applied += replay.entries(log, &mut expected);
        } else if base.last_written == time && base.primary_sequence == base.secondary_sequence {
            applied += u32::from(replay.page_set(base, log));
        }
    }
    replay.freshness = match applied {
        0 => Freshness::Stale,
        entries => Freshness::Replayed { entries },
    };
    if applied == 0 {
        let why = match (logs.is_empty(), is_whole) {
            (true, true) => {
                "copied in the middle of a write and without its logs: older than the PC was"
            }
            (false, true) => {
                "copied in the middle of a write, and its logs do not fit: older than the PC was"
            }
            (_, false) => "its checksum is wrong and no log has another",
        };
        let at = 0..BASE_BYTES as u64;
        replay.gaps.push(gap(at, "hive", GapReason::Unreadable(why.to_owned())));
    }
    replay
}

/// Which log entry may be applied next.
///
/// Windows 10 counts on in the logs without touching the hive, so that the first entry may be far
/// ahead of what the hive says; entries among themselves have no holes.
#[derive(Debug, Clone, Copy)]
enum Expected {
    From(u32),
    Exactly(u32),
}

impl Replay {
    /// Applies the entries of one log that follow what was applied before.
    fn entries(&mut self, log: &[u8], expected: &mut Expected) -> u32 {
        let mut applied = 0;
        for entry in Entries::of(log) {
            match *expected {
                Expected::From(first) | Expected::Exactly(first) if entry.sequence < first => {
                    continue;
                }
                Expected::Exactly(next) if entry.sequence > next => {
                    let at = entry.at as u64;
                    let why = format!("log entry {next} is missing, later ones are not applied");
                    self.gaps.push(gap(at..at, "log of the hive", GapReason::Unreadable(why)));
                    break;
                }
                Expected::From(_) | Expected::Exactly(_) => {}
            }
            for (offset, bytes) in entry.pages() {
                self.lay(u64::from(offset), bytes);
            }
            self.bins_bytes = entry.bins_bytes;
            self.base.bins_bytes = entry.bins_bytes;
            *expected = Expected::Exactly(entry.sequence.wrapping_add(1));
            applied += 1;
        }
        applied
    }

    /// Applies a log with one set of pages.
    fn page_set(&mut self, base: &Base, log: &[u8]) -> bool {
        let sector = base.sector_bytes();
        let Some(start) = [sector, 512]
            .into_iter()
            .find(|at| log.get(*at..).is_some_and(|it| it.starts_with(b"DIRT")))
        else {
            return false;
        };
        let map_bytes = (base.bins_bytes as usize / PAGE_BYTES).div_ceil(8);
        let Some(map) = log.get(start + 4..).map(|it| &it[..map_bytes.min(it.len())]) else {
            return false;
        };
        let mut from = (start + 4 + map_bytes).next_multiple_of(sector);
        for page in 0..map.len() * 8 {
            if map[page / 8] & 1 << (page % 8) == 0 {
                continue;
            }
            let Some(bytes) = log.get(from..from + PAGE_BYTES) else {
                let at = from as u64;
                self.gaps.push(gap(at..at, "log of the hive", GapReason::Truncated));
                break;
            };
            self.lay((page * PAGE_BYTES) as u64, bytes);
            from += PAGE_BYTES;
        }
        self.bins_bytes = base.bins_bytes;
        self.base.bins_bytes = base.bins_bytes;
        self.base.root = base.root;
        true
    }

    fn lay(&mut self, offset: u64, bytes: &[u8]) {
        let first = (BASE_BYTES as u64 + offset) / PAGE_BYTES as u64;
        for (page, bytes) in (first..).zip(bytes.chunks_exact(PAGE_BYTES)) {
            self.pages.insert(page, bytes.into());
        }
    }
}

/// One numbered entry whose checksums are right.
struct Entry<'l> {
    at: usize,
    sequence: u32,
    bins_bytes: u32,
    page_count: usize,
    body: &'l [u8],
}

impl<'l> Entry<'l> {
    fn read(log: &'l [u8], at: usize) -> Option<(Self, usize)> {
        let all = log.get(at..)?;
        if !all.starts_with(b"HvLE") {
            return None;
        }
        let size = u32_at(all, 4)? as usize;
        let entry = all.get(..size).filter(|_| size >= ENTRY_BYTES)?;
        let bins_bytes = u32_at(entry, 16)?;
        let is_right = marvin32(&entry[..32]) == u64_at(entry, 32)?
            && marvin32(&entry[ENTRY_BYTES..]) == u64_at(entry, 24)?
            && bins_bytes.is_multiple_of(4096);
        let read = Entry {
            at,
            sequence: u32_at(entry, 12)?,
            bins_bytes,
            page_count: u32_at(entry, 20)? as usize,
            body: &entry[ENTRY_BYTES..],
        };
        is_right.then_some((read, at + size.next_multiple_of(512)))
    }

    /// Where pages go, counted from the first bin, and their bytes.
    fn pages(&self) -> impl Iterator<Item = (u32, &'l [u8])> {
        let body = self.body;
        let count = self.page_count.min(body.len() / 8);
        let mut from = count * 8;
        (0..count).map_while(move |page| {
            let (offset, size) = (u32_at(body, page * 8)?, u32_at(body, page * 8 + 4)?);
            let bytes = body.get(from..from.checked_add(size as usize)?)?;
            from += bytes.len();
            // Pages begin at multiples of 512, else they would not be pages.
            offset.is_multiple_of(PAGE_BYTES as u32).then_some((offset, bytes))
        })
    }
}

/// The sound entries at the beginning of a log; what was left from earlier writes follows them.
struct Entries<'l> {
    log: &'l [u8],
    at: usize,
    last: Option<u32>,
}

impl<'l> Entries<'l> {
    fn of(log: &'l [u8]) -> Self {
        let sector = Base::read(log).map_or(512, |it| it.sector_bytes());
        let begins = |at: &usize| log.get(*at..).is_some_and(|it| it.starts_with(b"HvLE"));
        let at = [512, sector].into_iter().find(begins).unwrap_or(log.len());
        Entries { log, at, last: None }
    }
}

impl<'l> Iterator for Entries<'l> {
    type Item = Entry<'l>;

    fn next(&mut self) -> Option<Entry<'l>> {
        let (entry, end) = Entry::read(self.log, self.at)?;
        if self.last.is_some_and(|last| entry.sequence != last.wrapping_add(1)) {
            return None;
        }
        self.at = end;
        self.last = Some(entry.sequence);
        Some(entry)
    }
}
