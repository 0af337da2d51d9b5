//! Reads the logs of a host: recognised by content, in the order of their time, block by block.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

use unwedge_formats::log::{
    Decoder, Encoding, LocalTime, LogKind, Records, count_lines, recognise,
};
use unwedge_host::container::{self, Member};
use unwedge_host::{Evidence, Host};

use super::cut::{Cutter, LONGEST_LINE_BYTES, Piece, Text};
use super::scan::{Scan, first_offset};
use super::{Facts, SEARCHED};
use crate::report::{GapNote, Source};
use crate::rule::Matcher;

/// Bytes searched at a time: what was just read is still in the cache of the processor's core.
pub(super) const BLOCK_BYTES: usize = 256 << 10;
/// Files from this size on, as stored, are worth a second thread.
const LARGE_BYTES: u64 = 4 << 20;
/// At most so many blocks wait to be read: a slow reader must not fill the memory.
const BLOCKS_AHEAD: usize = 8;
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
    facts.store = std::mem::take(&mut scan.assembly.store.reports);
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
    let large = log.evidence.size_bytes >= LARGE_BYTES;
    let mut gaps = Gaps { source: &log.source, first: facts.gaps.len(), told: 0, more: 0 };
    let size = container::read(&|| log.host.open_evidence(&log.evidence), &log.member, |reader| {
        pieces(Text::new(reader), block_bytes, large, scan, facts, &mut gaps)
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

/// Reads the pieces of `text` in their order; gives the decoded size in bytes.
///
/// In a large file the lines worth reading are read while the next block is searched.
fn pieces(
    text: Text<'_>,
    block_bytes: usize,
    large: bool,
    scan: &mut Scan<'_, '_>,
    facts: &mut Facts,
    gaps: &mut Gaps<'_>,
) -> u64 {
    let (matcher, kind, first) = (scan.matcher(), scan.kind(), gaps.first);
    let source = gaps.source;
    let end = if large {
        thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel(BLOCKS_AHEAD);
            let (give_back, spare) = mpsc::channel();
            let facts = &mut *facts;
            let reading = scope.spawn(move || {
                for piece in receive {
                    // When the other side has ended it wants no buffer back.
                    let _ =
                        read_piece(piece, scan, facts, gaps).map(|buffer| give_back.send(buffer));
                }
            });
            let mut cutter = Cutter::new(matcher, block_bytes);
            let end = cutter.cut(text, &mut |piece| {
                // Only a panic of the other side closes the channel, and joining tells of it.
                let _ = send.send(piece);
                spare.try_recv().ok()
            });
            drop(send);
            reading.join().expect("reading lines does not panic");
            end
        })
    } else {
        Cutter::new(matcher, block_bytes)
            .cut(text, &mut |piece| read_piece(piece, scan, facts, gaps))
    };
    // In dism.log the numbers jump, because most CSI records go to CBS.log.
    if kind == LogKind::Cbs && end.jumps >= JUMPS_OF_AN_EXCERPT {
        facts.is_excerpt = true;
        let why = "numbers are missing between them: an extract of a log";
        facts.gaps.insert(first, gap(source, None, "records", why));
    }
    end.size_bytes
}

/// Reads one piece; gives the buffer of a block back to be used again.
fn read_piece(
    piece: Piece,
    scan: &mut Scan<'_, '_>,
    facts: &mut Facts,
    gaps: &mut Gaps<'_>,
) -> Option<Vec<u8>> {
    let line = Some(scan.line());
    match piece {
        Piece::Block { lines, hits } => {
            damaged(&lines, scan.line(), facts, gaps);
            scan.block(&lines, &hits, facts);
            return Some(lines);
        }
        Piece::LineTooLong => {
            let why = format!("longer than {LONGEST_LINE_BYTES} bytes, passed over");
            gaps.tell(facts, line, "a line", &why);
            scan.skip_line();
        }
        Piece::HalfWritten => {
            gaps.tell(facts, line, "the last record", "half-written: cut off in the middle");
        }
        Piece::Broken(why) => gaps.tell(facts, line, "the rest of the file", &why),
    }
    None
}

/// Tells the damaged places of a block: text of these logs holds no zero bytes.
fn damaged(block: &[u8], first_line: u64, facts: &mut Facts, gaps: &mut Gaps<'_>) {
    let (mut line, mut counted, mut from) = (first_line, 0, 0);
    while let Some(at) = memchr::memchr(0, &block[from..]).map(|i| from + i) {
        line += count_lines(&block[counted..at]);
        gaps.tell(facts, Some(line), "a record", "not text: zero bytes stand in it");
        counted = at;
        from = memchr::memchr2(b'\n', b'\r', &block[at..]).map_or(block.len(), |i| at + i);
    }
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
