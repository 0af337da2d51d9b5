//! Reads the logs of a host: recognised by content, in the order of their time, block by block.

use std::io::Read;

use unwedge_formats::log::{
    Decoder, Encoding, LocalTime, LogKind, Records, count_lines, csi_sequence, header, line_around,
    recognise, without_mark,
};
use unwedge_host::container::{self, Member};
use unwedge_host::{Evidence, Host};

use super::scan::{Scan, first_offset};
use super::{Facts, SEARCHED};
use crate::report::{GapNote, Source};
use crate::rule::Matcher;

/// Bytes searched at a time: what was just read is still in the cache of the processor's core.
pub(super) const BLOCK_BYTES: usize = 128 << 10;
/// Bytes that [`Encoding::of`] may need.
const ENCODING_BYTES: usize = 64;
/// A line longer than this is passed over; real ones stay under a few thousand.
const LONGEST_LINE_BYTES: usize = 1 << 20;
/// Bytes of a file that tell what it is.
const HEAD_BYTES: usize = 64 << 10;
/// At most so many gaps a file are told apart; more are counted.
const MOST_GAPS: usize = 20;
/// Bytes of a log in which the numbers of CSI records are looked at.
const NUMBERED_BYTES: usize = 1 << 20;
/// Jumps in the numbering of CSI records, in the head of a file, that show an excerpt.
const JUMPS_OF_AN_EXCERPT: usize = 3;

/// A log found in the evidence, not read yet.
struct Found<'h> {
    source: String,
    evidence: Evidence,
    member: Member,
    kind: LogKind,
    first_time: Option<LocalTime>,
    first_offset: Option<i32>,
    host: &'h dyn Host,
}

/// Reads all logs of `host` into `facts`, so many bytes at a time.
pub(super) fn logs(host: &dyn Host, matcher: &Matcher<'_>, block_bytes: usize, facts: &mut Facts) {
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
        read_one(&log, block_bytes, &mut scan, facts);
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
        let (first_time, first_offset) = (first_time(&head), first_offset(&head));
        logs.push(Found { source, evidence, member, kind, first_time, first_offset, host });
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

fn read_one(log: &Found<'_>, block_bytes: usize, scan: &mut Scan<'_, '_>, facts: &mut Facts) {
    let index = facts.sources.len();
    facts.sources.push(Source {
        source: log.source.clone(),
        kind: log.kind.name().to_owned(),
        size_bytes: 0,
        lines: 0,
    });
    scan.begin(log.kind, index, log.first_offset);
    let mut gaps = Gaps { source: &log.source, first: facts.gaps.len(), told: 0, more: 0 };
    let size = container::read(&|| log.host.open_evidence(&log.evidence), &log.member, |reader| {
        blocks(Text::new(reader), block_bytes, scan, facts, &mut gaps)
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
    /// Where in [`Facts::gaps`] those of this file begin.
    first: usize,
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
///
/// Where a block ends must not show in what is found.
fn blocks(
    mut text: Text<'_>,
    block_bytes: usize,
    scan: &mut Scan<'_, '_>,
    facts: &mut Facts,
    gaps: &mut Gaps<'_>,
) -> u64 {
    let mut buffer = Vec::with_capacity(block_bytes + LONGEST_LINE_BYTES);
    let mut numbers = Numbers::default();
    let (mut size, mut skipping) = (0_u64, false);
    let broken = loop {
        let kept = buffer.len();
        // A line is as long as it is, wherever a block ends in it.
        let read = text.read(block_bytes.min(LONGEST_LINE_BYTES + 1 - kept), &mut buffer);
        size += (buffer.len() - kept) as u64;
        match read {
            Ok(0) => break None,
            Ok(_) => {}
            Err(why) => break Some(why),
        }
        let mut from = kept;
        if skipping {
            let Some(next) = behind_line(&buffer) else {
                keep_return(&mut buffer);
                continue;
            };
            buffer.drain(..next);
            scan.skip_line();
            (skipping, from) = (false, 0);
        }
        let end = whole_lines(&buffer, from);
        if end > 0 {
            numbers.watch(&buffer[..end]);
            searched(&buffer[..end], scan, facts, gaps);
            buffer.drain(..end);
        } else if buffer.len() > LONGEST_LINE_BYTES {
            let why = format!("longer than {LONGEST_LINE_BYTES} bytes, passed over");
            gaps.tell(facts, Some(scan.line()), "a line", &why);
            keep_return(&mut buffer);
            skipping = true;
        }
    };
    if skipping && !buffer.is_empty() {
        scan.skip_line();
    } else if !skipping {
        if broken.is_none() {
            half_written(&buffer, scan, facts, gaps);
        }
        numbers.watch(&buffer);
        searched(&buffer, scan, facts, gaps);
    }
    if let Some(why) = broken {
        gaps.tell(facts, Some(scan.line()), "the rest of the file", &why.to_string());
    }
    // In dism.log the numbers jump, because most CSI records go to CBS.log.
    if scan.kind() == LogKind::Cbs && numbers.jumps >= JUMPS_OF_AN_EXCERPT {
        facts.is_excerpt = true;
        let why = "numbers are missing between them: an extract of a log";
        facts.gaps.insert(gaps.first, gap(gaps.source, None, "records", why));
    }
    size
}

/// A file as UTF-8, or as it is when it is of no encoding that needs decoding.
struct Text<'r> {
    reader: &'r mut dyn Read,
    begun: bool,
    decoder: Option<Decoder>,
    raw: Vec<u8>,
}

impl<'r> Text<'r> {
    fn new(reader: &'r mut dyn Read) -> Self {
        Text { reader, begun: false, decoder: None, raw: Vec::new() }
    }

    /// Reads about `most` bytes onto the end of `into`; gives how many the file had, 0 at its end.
    ///
    /// What was read before an error is kept.
    fn read(&mut self, most: usize, into: &mut Vec<u8>) -> std::io::Result<usize> {
        let most = if self.begun { most } else { most.max(ENCODING_BYTES) };
        let kept = into.len();
        into.resize(kept + most, 0);
        let (read, result) = read_full(self.reader, &mut into[kept..]);
        into.truncate(kept + read);
        if !self.begun {
            self.begun = true;
            self.decoder = Decoder::new(Encoding::of(&into[kept..]));
        }
        if let Some(decoder) = &mut self.decoder {
            self.raw.clear();
            self.raw.extend_from_slice(&into[kept..]);
            into.truncate(kept);
            decoder.decode(&self.raw, into);
        }
        result.map(|()| read)
    }
}

/// The offset behind the last line of `buffer` that surely ended; nothing before `from` did.
fn whole_lines(buffer: &[u8], from: usize) -> usize {
    if let Some(feed) = memchr::memrchr(b'\n', &buffer[from..]) {
        return from + feed + 1;
    }
    // Files whose lines end with lone CRs are read all the same. A CR at the very end may be half
    // of a CR LF.
    let from = from.saturating_sub(1);
    let sure = &buffer[from..buffer.len().saturating_sub(1).max(from)];
    memchr::memrchr(b'\r', sure).map_or(0, |at| from + at + 1)
}

/// The offset behind the first line of `buffer`, if that surely ended.
fn behind_line(buffer: &[u8]) -> Option<usize> {
    let at = memchr::memchr2(b'\n', b'\r', buffer)?;
    match buffer[at..] {
        [b'\r'] => None,
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => Some(at + 1),
    }
}

/// Empties `buffer` but for a CR at its end, which is half of a line end or a whole one.
fn keep_return(buffer: &mut Vec<u8>) {
    let ended = buffer.last() == Some(&b'\r');
    buffer.clear();
    if ended {
        buffer.push(b'\r');
    }
}

/// Searches a block and tells its damaged places: text of these logs holds no zero bytes.
fn searched(block: &[u8], scan: &mut Scan<'_, '_>, facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let (mut line, mut counted, mut from) = (scan.line(), 0, 0);
    while let Some(at) = memchr::memchr(0, &block[from..]).map(|i| from + i) {
        line += count_lines(&block[counted..at]);
        gaps.tell(facts, Some(line), "a record", "not text: zero bytes stand in it");
        counted = at;
        from = memchr::memchr2(b'\n', b'\r', &block[at..]).map_or(block.len(), |i| at + i);
    }
    scan.block(block, facts);
}

/// The numbers of the CSI records in the head of a file.
///
/// They tell when records are missing between others: what is not there cannot be called healthy.
#[derive(Debug, Default)]
struct Numbers {
    watched_bytes: usize,
    previous: Option<u32>,
    jumps: usize,
}

impl Numbers {
    fn watch(&mut self, block: &[u8]) {
        let rest = NUMBERED_BYTES - self.watched_bytes;
        let head = &block[..block.len().min(rest)];
        self.watched_bytes += head.len();
        for at in memchr::memmem::find_iter(head, b" CSI ") {
            let line = without_mark(line_around(block, at).0);
            let Some(head) = header(line).filter(|head| head.component == b"CSI") else { continue };
            let Some(number) = csi_sequence(&line[head.text_at..]) else { continue };
            if self.previous.is_some_and(|previous| number > previous.saturating_add(1)) {
                self.jumps += 1;
            }
            self.previous = Some(number);
        }
    }
}

/// The last line of a log that is being written may end in the middle of its head.
fn half_written(buffer: &[u8], scan: &Scan<'_, '_>, facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let last = memchr::memrchr2(b'\n', b'\r', buffer).map_or(buffer, |i| &buffer[i + 1..]);
    let dated = last.len() < 44 && last.len() >= 2 && last.starts_with(b"20");
    if dated && header(last).is_none() {
        let line = scan.line() + count_lines(buffer);
        gaps.tell(facts, Some(line), "the last record", "half-written: cut off in the middle");
    }
}

fn read_full(reader: &mut dyn Read, into: &mut [u8]) -> (usize, std::io::Result<()>) {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

fn decoded(head: &[u8]) -> Vec<u8> {
    let Some(mut decoder) = Decoder::new(Encoding::of(head)) else { return head.to_vec() };
    let mut out = Vec::with_capacity(head.len());
    decoder.decode(head, &mut out);
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
