//! Reads the logs of a host: recognised by content, in the order of their time, block by block.

use std::io::Read;

use unwedge_formats::log::{Decoder, Encoding, LocalTime, LogKind, Records, recognise};
use unwedge_host::container::{self, Member};
use unwedge_host::{Evidence, Host};

use super::scan::Scan;
use super::{Facts, SEARCHED};
use crate::report::{GapNote, Source};
use crate::rule::Matcher;

/// Bytes searched at a time: large enough to be fast, small enough to stay in a cache.
const BLOCK_BYTES: usize = 1 << 20;
/// A line longer than this is passed over; real ones stay under a few thousand.
const LONGEST_LINE_BYTES: usize = 1 << 20;
/// Bytes of a file that tell what it is.
const HEAD_BYTES: usize = 64 << 10;
/// At most so many gaps a file are told apart; more are counted.
const MOST_GAPS: usize = 20;
/// Jumps in the numbering of CSI records, in the head of a file, that show an excerpt.
const JUMPS_OF_AN_EXCERPT: usize = 3;

/// A log found in the evidence, not read yet.
struct Found<'h> {
    source: String,
    evidence: Evidence,
    member: Member,
    kind: LogKind,
    first_time: Option<LocalTime>,
    host: &'h dyn Host,
}

/// Reads all logs of `host` into `facts`.
pub(super) fn logs(host: &dyn Host, matcher: &Matcher<'_>, facts: &mut Facts) {
    let evidence = match host.evidence() {
        Ok(evidence) => evidence,
        Err(error) => {
            facts.gaps.push(gap("evidence", None, "the list of logs", &error.to_string()));
            return;
        }
    };
    let mut logs: Vec<Found<'_>> = Vec::new();
    for item in evidence {
        find(host, item, &mut logs, facts);
    }
    // The older log first, so that "later" means the same within a file and across files.
    logs.sort_by(|a, b| (a.first_time, &a.source).cmp(&(b.first_time, &b.source)));
    let mut scan = Scan::new(matcher);
    for log in logs {
        read_one(&log, &mut scan, facts);
    }
    facts.operations = std::mem::take(&mut scan.assembly.operations);
    facts.store = std::mem::take(&mut scan.assembly.store);
    facts.sessions_opened = scan.assembly.sessions_opened;
    if facts.about.build.is_none() {
        facts.about.build = scan.assembly.stack.take();
    }
}

/// Looks at one file of the evidence, or at each member when it is a container.
fn find<'h>(host: &'h dyn Host, evidence: Evidence, logs: &mut Vec<Found<'h>>, facts: &mut Facts) {
    let members = match container::members(&|| host.open_evidence(&evidence)) {
        Ok(members) => members,
        Err(why) => {
            facts.gaps.push(gap(&evidence.source, None, "the file", &why.to_string()));
            return;
        }
    };
    for member in members {
        let source = match &member {
            Member::Whole | Member::Gzip => evidence.source.clone(),
            Member::Cabinet(name) => format!("{}!{name}", evidence.source),
        };
        let mut head = Vec::new();
        let read = container::read(&|| host.open_evidence(&evidence), &member, |reader| {
            reader.take(HEAD_BYTES as u64).read_to_end(&mut head)
        });
        if let Err(why) = read.and_then(|read| read)
            && head.is_empty()
        {
            facts.gaps.push(gap(&source, None, "the file", &why.to_string()));
            continue;
        }
        let head = decoded(&head);
        let kind = recognise(&head);
        let Some(kind) = kind.filter(|kind| SEARCHED.contains(kind)) else {
            not_searched(&source, kind, &head, evidence.size_bytes, facts);
            continue;
        };
        let evidence = evidence.clone();
        let first_time = first_time(&head);
        logs.push(Found { source, evidence, member, kind, first_time, host });
    }
}

fn not_searched(
    source: &str,
    kind: Option<LogKind>,
    head: &[u8],
    size_bytes: u64,
    facts: &mut Facts,
) {
    let (name, why) = match kind {
        Some(kind) => (kind.name(), "this kind of log is not searched by this version"),
        None if head.is_empty() => ("unknown", "the file is empty"),
        None => ("unknown", "not in the form of any log known here"),
    };
    facts.gaps.push(gap(source, None, "the file", why));
    facts.sources.push(Source {
        source: source.to_owned(),
        kind: name.to_owned(),
        size_bytes,
        lines: 0,
    });
}

fn read_one(log: &Found<'_>, scan: &mut Scan<'_, '_>, facts: &mut Facts) {
    let index = facts.sources.len();
    facts.sources.push(Source {
        source: log.source.clone(),
        kind: log.kind.name().to_owned(),
        size_bytes: 0,
        lines: 0,
    });
    scan.begin(log.kind, index);
    let mut gaps = Gaps { source: &log.source, told: 0, more: 0 };
    let size = container::read(&|| log.host.open_evidence(&log.evidence), &log.member, |reader| {
        blocks(reader, scan, facts, &mut gaps)
    });
    match size {
        Ok(size) => facts.sources[index].size_bytes = size,
        Err(why) => gaps.tell(facts, None, "the file", &why.to_string()),
    }
    facts.sources[index].lines = scan.end();
    if gaps.more > 0 {
        let why = format!("{} further places could not be read", gaps.more);
        facts.gaps.push(gap(&log.source, None, "records", &why));
    }
}

/// Gaps of one file, told one by one up to a bound.
struct Gaps<'s> {
    source: &'s str,
    told: usize,
    more: u64,
}

impl Gaps<'_> {
    fn tell(&mut self, facts: &mut Facts, line: Option<u64>, what: &str, why: &str) {
        if self.told == MOST_GAPS {
            self.more += 1;
            return;
        }
        self.told += 1;
        facts.gaps.push(gap(self.source, line, what, why));
    }
}

/// Feeds `scan` with blocks that end at line ends; gives the decoded size in bytes.
fn blocks(
    reader: &mut dyn Read,
    scan: &mut Scan<'_, '_>,
    facts: &mut Facts,
    gaps: &mut Gaps<'_>,
) -> u64 {
    let mut raw = vec![0; BLOCK_BYTES];
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * BLOCK_BYTES);
    let mut decoder = None;
    let (mut size, mut first, mut skipping) = (0_u64, true, false);
    loop {
        let read = match read_full(reader, &mut raw) {
            Ok(read) => read,
            Err((read, why)) => {
                gaps.tell(facts, Some(scan.line()), "the rest of the file", &why.to_string());
                take(&raw[..read], &mut decoder, &mut buffer);
                break;
            }
        };
        if read == 0 {
            break;
        }
        if first {
            decoder = Decoder::new(Encoding::of(&raw[..read]));
        }
        let before = buffer.len();
        take(&raw[..read], &mut decoder, &mut buffer);
        size += (buffer.len() - before) as u64;
        if first {
            first = false;
            // In dism.log the numbers jump, because most CSI records go to CBS.log.
            if scan.kind() == LogKind::Cbs {
                excerpt_check(&buffer, facts, gaps);
            }
        }
        if skipping {
            let Some(end) = buffer.iter().position(|&b| b == b'\n') else {
                buffer.clear();
                continue;
            };
            buffer.drain(..=end);
            scan.skip_line();
            skipping = false;
        }
        match memchr::memrchr(b'\n', &buffer) {
            Some(end) => {
                searched(&buffer[..=end], scan, facts, gaps);
                buffer.drain(..=end);
            }
            None if buffer.len() > LONGEST_LINE_BYTES => {
                // A file with lone CRs for line ends has no LF at all and is read all the same.
                if let Some(end) = memchr::memrchr(b'\r', &buffer[..buffer.len() - 1]) {
                    searched(&buffer[..=end], scan, facts, gaps);
                    buffer.drain(..=end);
                } else {
                    let why = format!("longer than {LONGEST_LINE_BYTES} bytes, passed over");
                    gaps.tell(facts, Some(scan.line()), "a line", &why);
                    buffer.clear();
                    skipping = true;
                }
            }
            None => {}
        }
    }
    if !buffer.is_empty() && !skipping {
        half_written(&buffer, scan, facts, gaps);
        searched(&buffer, scan, facts, gaps);
    }
    size
}

fn take(raw: &[u8], decoder: &mut Option<Decoder>, buffer: &mut Vec<u8>) {
    match decoder {
        Some(decoder) => decoder.decode(raw, buffer),
        None => buffer.extend_from_slice(raw),
    }
}

/// Searches a block and tells its damaged places: text of these logs holds no zero bytes.
fn searched(block: &[u8], scan: &mut Scan<'_, '_>, facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let line = scan.line();
    let mut from = 0;
    while let Some(at) = memchr::memchr(0, &block[from..]).map(|i| from + i) {
        let place = line + unwedge_formats::log::count_lines(&block[..at]);
        let end = block[at..].iter().position(|&b| b == b'\n').map_or(block.len(), |i| at + i);
        gaps.tell(facts, Some(place), "a record", "not text: zero bytes stand in it");
        from = end;
    }
    scan.block(block, facts);
}

/// The last line of a log that is being written may end in the middle of its head.
fn half_written(buffer: &[u8], scan: &Scan<'_, '_>, facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let last = memchr::memrchr2(b'\n', b'\r', buffer).map_or(buffer, |i| &buffer[i + 1..]);
    let dated = last.len() < 44 && last.len() >= 2 && last.starts_with(b"20");
    if dated && unwedge_formats::log::header(last).is_none() {
        let line = scan.line() + unwedge_formats::log::count_lines(buffer);
        gaps.tell(facts, Some(line), "the last record", "half-written: cut off in the middle");
    }
}

/// Tells when records are missing between others: what is not there cannot be called healthy.
fn excerpt_check(head: &[u8], facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let mut previous: Option<u32> = None;
    let mut jumps = 0;
    for record in Records::new(head, 1).flatten() {
        if record.header.component != b"CSI" {
            continue;
        }
        let Some(number) = unwedge_formats::log::csi_sequence(record.text) else { continue };
        if previous.is_some_and(|previous| number > previous + 1) {
            jumps += 1;
        }
        previous = Some(number);
    }
    if jumps >= JUMPS_OF_AN_EXCERPT {
        facts.is_excerpt = true;
        gaps.tell(facts, None, "records", "numbers are missing between them: an extract of a log");
    }
}

fn read_full(reader: &mut dyn Read, into: &mut [u8]) -> Result<usize, (usize, std::io::Error)> {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err((filled, error)),
        }
    }
    Ok(filled)
}

fn decoded(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    take(head, &mut Decoder::new(Encoding::of(head)), &mut out);
    out
}

fn first_time(head: &[u8]) -> Option<LocalTime> {
    Records::new(head, 1).flatten().next().map(|record| record.header.time)
}

fn gap(source: &str, line: Option<u64>, what: &str, why: &str) -> GapNote {
    GapNote { source: source.to_owned(), line, what: what.to_owned(), why: why.to_owned() }
}

/// `-07:00` for -420.
pub(crate) fn offset_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}
