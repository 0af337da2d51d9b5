//! The state of an ESE database, such as Windows Update's DataStore.edb, by its header alone.
//!
//! The header stands in the first page and again in the second. The files beside a database (its
//! logs, its checkpoint, its flush map) have headers of the same make: a checksum over the page, and
//! the kind of file at byte 667. Tables are not read.
//!
//! Layout: "Extensible Storage Engine (ESE) Database File (EDB) format" of the libesedb project, and
//! Microsoft's published source of ESE for the states above 5 and the place of the file kind.

use jiff::civil::{Date, DateTime};

/// Bytes of a header that are needed to tell what a file is.
const HEADER: usize = 671;
/// Bytes over which the checksum of a header goes; behind them there is nothing but zeros.
const CHECKED: usize = 4096;
/// At the start of every database, and the first value of every checksum.
const SIGNATURE: u32 = 0x89AB_CDEF;
/// All sizes a page can have.
const PAGE_SIZES: [usize; 5] = [2048, 4096, 8192, 16_384, 32_768];

/// A file of the database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A database (`.edb`), a temporary one too.
    Database,
    /// Transactions that may not have reached the database yet (`edb.log`).
    Log,
    /// From where on the logs are needed (`edb.chk`).
    Checkpoint,
    /// Which pages have reached the disk (`.jfm`).
    FlushMap,
}

/// What state a database was left in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Created and never closed.
    JustCreated,
    /// Not closed, or open while it was copied: it cannot be used before its logs are applied.
    DirtyShutdown,
    /// Closed: whole without any log.
    CleanShutdown,
    /// A conversion was interrupted.
    BeingConverted,
    /// Detached by force.
    ForceDetach,
    /// Pages are being replaced.
    IncrementalReseed,
    /// Pages were replaced, the logs are not applied yet.
    DirtyAndPatched,
    /// Being put back to an older state.
    RevertInProgress,
    /// A state that is not known here.
    Other(u32),
}

/// One of the two copies of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderCopy {
    /// There, and its checksum is right.
    Whole,
    /// There, but its checksum is wrong.
    Damaged,
    /// Not among the bytes that were given, or no header at all.
    Missing,
}

/// A time as the engine writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Date and time, to the millisecond where Windows writes it.
    pub time: DateTime,
    /// Whether it is in UTC; older engines write the local time of the PC.
    pub is_utc: bool,
}

/// What the header of a database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// How it was left.
    pub state: State,
    /// Format, such as 0x620, and its revision, such as 0x14.
    pub format: (u32, u32),
    /// Bytes of a page.
    pub page_size_bytes: u32,
    /// When it was last whole.
    pub consistent: Option<Moment>,
    /// When it was last opened.
    pub attached: Option<Moment>,
    /// When it was last closed; `None` while it is open.
    pub detached: Option<Moment>,
    /// How often it was repaired (`esentutl /p`), which throws away what it cannot save.
    pub repairs: u32,
    /// When it was last repaired.
    pub repaired: Option<Moment>,
    /// How many pages were read whose checksum was wrong.
    pub bad_checksums: u32,
    /// The logs that are needed to make it whole, first and last; both 0 when none is.
    pub required_logs: (u32, u32),
    /// The header in the first page and the one in the second.
    pub copies: [HeaderCopy; 2],
}

/// Tells the files of the database engine by their content; `head` should hold 4096 bytes or more.
#[must_use]
pub fn recognise(head: &[u8]) -> Option<FileKind> {
    // The attribute of a streaming file, which stands beside old databases, is 1.
    if number(head, 4) == Some(SIGNATURE) && number(head, 12) == Some(0) && head.len() >= HEADER {
        return Some(FileKind::Database);
    }
    let kind = match number(head, 667)? {
        3 => FileKind::Log,
        4 => FileKind::Checkpoint,
        7 => FileKind::FlushMap,
        _ => return None,
    };
    is_whole(head.get(..CHECKED)?).then_some(kind)
}

/// Reads the header of a database from its first bytes, which should hold two pages (64 KiB do for
/// any size). `None` when neither copy is the header of a database.
///
/// What is told comes from the first copy that is whole. When none is, it comes from the damaged one
/// and may be wrong: look at [`Database::copies`] first.
#[must_use]
pub fn database(head: &[u8]) -> Option<Database> {
    let page_size = number(head, 236).map_or(0, |size| size as usize);
    let first = copy(head, page_size);
    // A damaged first copy may not tell where the second one begins.
    let second = PAGE_SIZES
        .into_iter()
        .filter(|&at| first != HeaderCopy::Whole || at == page_size)
        .filter_map(|at| Some((head.get(at..)?, at)))
        .find(|(rest, at)| {
            copy(rest, *at) != HeaderCopy::Missing && number(rest, 236) == Some(*at as u32)
        });
    let copies = [first, second.map_or(HeaderCopy::Missing, |(rest, at)| copy(rest, at))];
    let from = match (copies, second) {
        ([HeaderCopy::Damaged, HeaderCopy::Whole] | [HeaderCopy::Missing, _], second) => second?.0,
        ([HeaderCopy::Whole | HeaderCopy::Damaged, _], _) => head,
    };
    read(from, copies)
}

fn read(header: &[u8], copies: [HeaderCopy; 2]) -> Option<Database> {
    let number = |at| number(header, at);
    Some(Database {
        state: State::from(number(52)?),
        format: (number(8)?, number(232)?),
        page_size_bytes: number(236)?,
        consistent: moment(header, 64),
        attached: moment(header, 72),
        detached: moment(header, 88),
        repairs: number(240)?,
        repaired: moment(header, 244),
        bad_checksums: number(400)?,
        required_logs: (number(296)?, number(300)?),
        copies,
    })
}

/// Whether a header stands at the start of `bytes`.
fn copy(bytes: &[u8], page_size: usize) -> HeaderCopy {
    if recognise(bytes) != Some(FileKind::Database) {
        return HeaderCopy::Missing;
    }
    let checked = if page_size == 2048 { page_size } else { CHECKED };
    match bytes.get(..checked) {
        Some(page) if is_whole(page) => HeaderCopy::Whole,
        _ => HeaderCopy::Damaged,
    }
}

/// The checksum is the exclusive or of all numbers behind it.
fn is_whole(page: &[u8]) -> bool {
    let numbers = page.chunks_exact(4).map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    numbers.fold(SIGNATURE, |sum, number| sum ^ number) == 0
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Second, minute, hour, day, month, years since 1900, then bits: UTC, milliseconds (7 and 3 bits).
fn moment(bytes: &[u8], at: usize) -> Option<Moment> {
    let &[second, minute, hour, day, month, year, low, high] = bytes.get(at..)?.first_chunk()?;
    let small = |byte: u8| i8::try_from(byte).ok();
    let date = Date::new(1900 + i16::from(year), small(month)?, small(day)?).ok()?;
    let milli = i32::from(low >> 1) + 128 * i32::from(high >> 1 & 7);
    // Ten bits hold more than a second has.
    let nano = milli.min(999) * 1_000_000;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, nano).ok()?;
    Some(Moment { time: date.to_datetime(time), is_utc: low & 1 != 0 })
}

impl From<u32> for State {
    fn from(number: u32) -> State {
        match number {
            1 => State::JustCreated,
            2 => State::DirtyShutdown,
            3 => State::CleanShutdown,
            4 => State::BeingConverted,
            5 => State::ForceDetach,
            6 => State::IncrementalReseed,
            7 => State::DirtyAndPatched,
            8 => State::RevertInProgress,
            other => State::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn put(bytes: &mut [u8], at: usize, number: u32) {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    /// A header page with its checksum.
    fn page(kind: u32, size: usize, numbers: &[(usize, u32)]) -> Vec<u8> {
        let mut page = vec![0; size];
        put(&mut page, 667, kind);
        numbers.iter().for_each(|&(at, number)| put(&mut page, at, number));
        let words = page[4..].chunks_exact(4);
        let sum = words.fold(SIGNATURE, |sum, it| sum ^ number(it, 0).unwrap());
        put(&mut page, 0, sum);
        page
    }

    /// A dirty database whose header stands in its first two pages.
    fn dirty(size: usize) -> Vec<u8> {
        let numbers =
            [(4, SIGNATURE), (8, 0x620), (52, 2), (232, 20), (236, size as u32), (240, 1)];
        let mut first = page(1, size, &numbers);
        first[72..80].copy_from_slice(&[57, 48, 10, 23, 10, 113, 0xBD, 0x06]);
        first[296..300].copy_from_slice(&[91, 0, 0, 0]);
        put(&mut first, 0, 0);
        let words = first.chunks_exact(4);
        let sum = words.fold(SIGNATURE, |sum, it| sum ^ number(it, 0).unwrap());
        put(&mut first, 0, sum);
        [first.clone(), first, vec![0; size]].concat()
    }

    #[test]
    fn a_database_that_was_not_closed_is_dirty() {
        for size in PAGE_SIZES {
            let bytes = dirty(size);
            assert_eq!(recognise(&bytes), Some(FileKind::Database));
            let told = database(&bytes).unwrap();
            assert_eq!((told.state, told.page_size_bytes), (State::DirtyShutdown, size as u32));
            assert_eq!((told.format, told.repairs), ((0x620, 20), 1));
            assert_eq!((told.required_logs, told.detached), ((91, 0), None));
            assert_eq!(told.copies, [HeaderCopy::Whole; 2], "{size}");
            let attached = told.attached.unwrap();
            assert_eq!(attached.time, date(2013, 10, 23).at(10, 48, 57, 478_000_000));
            assert!(attached.is_utc);
        }
    }

    #[test]
    fn a_damaged_header_is_read_from_its_copy() {
        for size in PAGE_SIZES {
            let mut bytes = dirty(size);
            bytes[52] = 3;
            bytes[236..240].fill(0xFF);
            let told = database(&bytes).unwrap();
            assert_eq!(told.state, State::DirtyShutdown, "{size}");
            assert_eq!(told.copies, [HeaderCopy::Damaged, HeaderCopy::Whole]);
            bytes[..2048].fill(0);
            assert_eq!(database(&bytes).unwrap().copies, [HeaderCopy::Missing, HeaderCopy::Whole]);
        }
        let mut bytes = dirty(4096);
        bytes[52] = 3;
        bytes[4096 + 52] = 3;
        assert_eq!(database(&bytes).unwrap().copies, [HeaderCopy::Damaged; 2]);
        assert_eq!(
            database(&dirty(4096)[..4096]).unwrap().copies,
            [HeaderCopy::Whole, HeaderCopy::Missing]
        );
    }

    #[test]
    fn the_files_beside_a_database_are_told_apart() {
        for (kind, expected) in
            [(3, FileKind::Log), (4, FileKind::Checkpoint), (7, FileKind::FlushMap)]
        {
            let mut bytes = page(kind, 4096, &[(8, 7)]);
            assert_eq!(recognise(&bytes), Some(expected));
            assert_eq!(database(&bytes), None);
            bytes[8] = 0;
            assert_eq!(recognise(&bytes), None);
        }
        assert_eq!(recognise(&[0; 8192]), None);
        assert_eq!(recognise(b"MZ"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            places in proptest::collection::vec((0..8192_usize, any::<u8>()), 0..30),
            keep in 0..12_288_usize,
        ) {
            let mut bytes = dirty(4096);
            places.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            bytes.truncate(keep);
            let _ = (recognise(&bytes), database(&bytes));
        }
    }
}
