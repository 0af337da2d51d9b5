//! Whole records over a buffer: heads with their continuation lines, and what fits neither.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::kind::{LogKind, head};
use super::line::Header;
use crate::{Gap, GapReason, Parsed};

/// One record: its head, its own line and the lines that continue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Line of the head, counted from 1.
    pub line: u64,
    /// Offset of the head in the buffer.
    pub at: usize,
    /// Offset behind the last line that belongs to it.
    pub end: usize,
    /// The head.
    pub header: Header<'a>,
    /// The rest of the first line.
    pub text: &'a [u8],
    /// The lines behind it that begin no record, with their line ends; often empty.
    pub continuation: &'a [u8],
}

/// Walks the records of a buffer that begins at a line start; see [`records()`].
#[derive(Debug)]
pub struct Records<'a> {
    kind: LogKind,
    buffer: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `buffer`, whose first line has number `line`; the records are
    /// those of CBS and DISM.
    #[must_use]
    pub fn new(buffer: &'a [u8], line: u64) -> Self {
        Records::of(LogKind::Cbs, buffer, line)
    }

    /// Starts at the beginning of a log of another kind.
    #[must_use]
    pub fn of(kind: LogKind, buffer: &'a [u8], line: u64) -> Self {
        Records { kind, buffer, at: 0, line }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Gap>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.buffer.len() {
            return None;
        }
        let (first, mut end) = line_at(self.buffer, self.at);
        let (at, line) = (self.at, self.line);
        let found = head(self.kind, without_mark(first));
        let mut lines = 1;
        // What follows and begins no record belongs to this one, or to the same gap.
        while end < self.buffer.len() {
            let (next, next_end) = line_at(self.buffer, end);
            if head(self.kind, without_mark(next)).is_some() {
                break;
            }
            lines += 1;
            end = next_end;
        }
        (self.at, self.line) = (end, line + lines);
        let first_end = at + first.len();
        Some(match found {
            Some(header) => {
                let skipped = first.len() - without_mark(first).len();
                Ok(Record {
                    line,
                    at,
                    end,
                    header,
                    text: &first[skipped + header.text_at..],
                    continuation: &self.buffer[line_end(self.buffer, first_end)..end],
                })
            }
            None => Err(Gap {
                at: at as u64..end as u64,
                line,
                what: "record",
                why: if end == self.buffer.len() && lines == 1 && !ends_line(self.buffer) {
                    GapReason::Truncated
                } else {
                    GapReason::Foreign
                },
            }),
        })
    }
}

/// Reads every record of `buffer`, a whole decoded log.
#[must_use]
pub fn records(buffer: &[u8]) -> Parsed<Record<'_>> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    for item in Records::new(buffer, 1) {
        match item {
            Ok(record) => parsed.items.push(record),
            Err(gap)
                if buffer[gap.at.start as usize..gap.at.end as usize].trim_ascii().is_empty() => {}
            Err(gap) => parsed.gaps.push(gap),
        }
    }
    parsed
}

/// The line that begins at `at`, without its end, and the offset of the next line.
///
/// A line ends with LF, CR LF or a lone CR, as editors count.
///
/// # Panics
/// When `at` lies outside the buffer.
#[must_use]
pub fn line_at(buffer: &[u8], at: usize) -> (&[u8], usize) {
    let rest = &buffer[at..];
    match memchr2(b'\n', b'\r', rest) {
        Some(length) => (&rest[..length], line_end(buffer, at + length)),
        None => (rest, buffer.len()),
    }
}

/// The offset behind the line end that stands at `at`.
fn line_end(buffer: &[u8], at: usize) -> usize {
    match buffer.get(at..) {
        Some([b'\r', b'\n', ..]) => at + 2,
        Some([b'\r' | b'\n', ..]) => at + 1,
        _ => at,
    }
}

fn ends_line(buffer: &[u8]) -> bool {
    matches!(buffer.last(), Some(b'\n' | b'\r'))
}

/// A byte order mark may open any line: logs are appended to by programs that each write one.
#[must_use]
pub fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// How many lines end in `buffer`: LF, CR LF and lone CR each count once.
#[must_use]
pub fn count_lines(buffer: &[u8]) -> u64 {
    // Searched for twice, because the search is written in vectors, and a loop of ours is only where
    // the compiler is not told to make the program small.
    let feeds = memchr_iter(b'\n', buffer).count();
    let lone = memchr_iter(b'\r', buffer).filter(|&at| buffer.get(at + 1) != Some(&b'\n'));
    (feeds + lone.count()) as u64
}

/// The offset at which the line around `at` begins.
#[must_use]
pub(crate) fn line_start(buffer: &[u8], at: usize) -> usize {
    let feed = memrchr(b'\n', &buffer[..at]).map_or(0, |i| i + 1);
    // Only a lone CR can stand between the feed and here.
    memrchr(b'\r', &buffer[feed..at]).map_or(feed, |i| feed + i + 1)
}

/// The line around `at`, its start, and the offset of the next line.
///
/// # Panics
/// When `at` lies outside the buffer.
#[must_use]
pub fn line_around(buffer: &[u8], at: usize) -> (&[u8], usize, usize) {
    let start = line_start(buffer, at);
    let rest = &buffer[at..];
    let length = match memchr(b'\n', rest) {
        Some(feed) => memchr(b'\r', &rest[..feed]).unwrap_or(feed),
        None => memchr(b'\r', rest).unwrap_or(rest.len()),
    };
    (&buffer[start..at + length], start, line_end(buffer, at + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: &[u8] = b"2020-02-04 17:51:01, Info                  CSI    00000008 trace:\r\n\
        CSIPERF:TXCOMMIT;21805\r\n\
        2020-02-04 17:51:02, Info                  CBS    next\r\n";

    #[test]
    fn a_continuation_stays_with_its_record() {
        let parsed = records(TWO);
        assert_eq!(parsed.gaps, []);
        let [first, second] = parsed.items[..] else { panic!("{parsed:?}") };
        assert_eq!(first.continuation, b"CSIPERF:TXCOMMIT;21805\r\n");
        assert_eq!((second.line, second.text), (3, &b"next"[..]));
    }

    #[test]
    fn junk_before_the_first_record_is_a_gap_with_its_place() {
        let log = [b"\0\0junk\n".as_slice(), TWO].concat();
        let parsed = records(&log);
        assert_eq!(parsed.items.len(), 2);
        assert_eq!((parsed.gaps[0].at.clone(), parsed.gaps[0].line), (0..7, 1));
        assert_eq!(parsed.gaps[0].why, GapReason::Foreign);
    }

    #[test]
    fn a_mark_in_the_middle_and_a_lone_return_are_line_ends_like_others() {
        let log = b"2020-02-04 17:51:01, Info                  CBS    a\r\
            \xef\xbb\xbf2020-02-04 17:51:02, Info                  CBS    b\n";
        let parsed = records(log);
        assert_eq!(parsed.items.len(), 2);
        assert_eq!((parsed.items[1].line, parsed.items[1].text), (2, &b"b"[..]));
    }

    #[test]
    fn records_of_other_logs_are_walked_by_their_own_heads() {
        let log = b"2025/03/17 15:43:15.1571414 1 7     Misc            a\r\n  more\r\n\
            2025/03/17 15:43:15.1571415 1 7     Misc            b\r\n";
        let found: Vec<_> = Records::of(LogKind::WindowsUpdate, log, 1).collect();
        let [Ok(first), Ok(second)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((first.text, first.continuation), (&b"a"[..], &b"  more\r\n"[..]));
        assert_eq!((second.line, second.text), (3, &b"b"[..]));
    }

    #[test]
    fn a_half_written_last_line_is_truncated() {
        let log = b"2020-02";
        assert_eq!(records(log).gaps[0].why, GapReason::Truncated);
    }

    proptest! {
        #[test]
        fn items_and_gaps_cover_the_input(bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()], 0..400)) {
            let mut covered = 0;
            let mut lines = 0;
            for item in Records::new(&bytes, 1) {
                let (at, line) = match &item {
                    Ok(record) => (record.at, record.line),
                    Err(gap) => (gap.at.start as usize, gap.line),
                };
                prop_assert_eq!(at, covered);
                prop_assert_eq!(line, lines + 1);
                covered = match item {
                    Ok(record) => record.end,
                    Err(gap) => gap.at.end as usize,
                };
                lines = count_lines(&bytes[..covered]);
            }
            prop_assert_eq!(covered, bytes.len());
        }

        #[test]
        fn lines_are_counted_as_they_are_walked(bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x')], 0..200)) {
            let (mut at, mut walked) = (0, 0);
            while at < bytes.len() {
                let (line, next) = line_at(&bytes, at);
                walked += u64::from(at + line.len() < bytes.len());
                if !line.is_empty() {
                    let (around, start, end) = line_around(&bytes, at + line.len() / 2);
                    prop_assert_eq!((around, start, end), (line, at, next));
                }
                at = next;
            }
            prop_assert_eq!(walked, count_lines(&bytes));
        }
    }
}
