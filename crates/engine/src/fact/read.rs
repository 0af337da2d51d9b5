//! Reads the logs of a host block by block, several side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::thread;

use unwedge_formats::Gap;
use unwedge_formats::evtx::Wanted;
use unwedge_formats::log::LogKind;
use unwedge_host::Host;

use super::cut::{Cutter, Fault};
use super::mixed::{Writer, by_pc};
use super::order::{self, Ready};
use super::part::Part;
use super::scan::Scan;
use super::thin::Share;
use super::{Facts, Operation, PcFacts};
use crate::evidence::{LONGEST_LINE_BYTES, Listing, Log, Seen, Text, side_by_side};
use crate::report::{GapNote, Source};
use crate::rule::{Matcher, RuleSet};

/// Bytes searched at a time: what was just read is still in the cache of the processor's core.
pub(super) const BLOCK_BYTES: usize = 256 << 10;
/// Files from this size on, as stored, are worth a second thread.
pub(super) const LARGE_BYTES: u64 = 4 << 20;
/// At most so many batches of events wait to be looked at: a slow reader must not fill the memory.
const BATCHES_AHEAD: usize = 8;
/// Events are handed to another thread by so many.
const EVENTS_AT_ONCE: usize = 256;
/// At most so many gaps a file are told apart; more are counted.
const MOST_GAPS: usize = 20;
/// Jumps in the numbering of CSI records, in the head of a file, that show an excerpt.
const JUMPS_OF_AN_EXCERPT: usize = 3;

/// Reads all logs of `host` into `facts`, so many bytes at a time.
pub(super) fn logs(host: &dyn Host, rules: &RuleSet, block_bytes: usize, facts: &mut Facts) {
    let mut listing = Listing::of(host);
    listing.ask_for_events(host, || rules.asked_events());
    let Listing { logs, printed, others, gaps } = listing;
    facts.printed = printed;
    facts.gaps.extend(gaps);
    facts.sources.extend(others);
    let kinds: BTreeSet<LogKind> = logs.iter().map(|log| log.kind).collect();
    let matchers: BTreeMap<LogKind, Matcher<'_>> =
        kinds.into_iter().map(|kind| (kind, Matcher::new(rules, kind))).collect();
    let first = facts.sources.len();
    let wanted = rules.wanted_events();
    let total_bytes = logs.iter().map(|log| log.stored_bytes).sum();
    let parts = side_by_side(&logs, |index, log| {
        let share = Share::of(log.stored_bytes, total_bytes, logs.len());
        let matcher = &matchers[&log.kind];
        let scan = Scan::new(matcher, log.kind, first + index, log.offset_minutes, share);
        read_one(host, log, block_bytes, &wanted, scan)
    });
    for (log, part) in logs.iter().zip(&parts) {
        facts.sources.push(Source {
            source: log.source.clone(),
            kind: log.kind.name().to_owned(),
            size_bytes: part.size_bytes,
            lines: part.lines,
        });
    }
    let writers: Vec<Writer> =
        logs.iter().zip(&parts).map(|(log, part)| writer(log, part)).collect();
    let Some(groups) = by_pc(&writers, facts.about.name.as_deref()) else {
        take_all(facts, parts);
        return;
    };
    let mut parts: Vec<Option<Part>> = parts.into_iter().map(Some).collect();
    for group in groups {
        let mut own = Facts { sources: facts.sources.clone(), ..Facts::default() };
        take_all(&mut own, group.logs.iter().filter_map(|&log| parts[log].take()));
        facts.gaps.append(&mut own.gaps);
        facts.apart.push(PcFacts { name: group.name, facts: own });
    }
}

/// Puts what the logs of one PC gave together, the oldest first.
fn take_all(facts: &mut Facts, parts: impl IntoIterator<Item = Part>) {
    for part in parts {
        facts.take(part);
    }
    facts.about.build = facts.about.build.take().or(facts.stack.take());
    in_order_of_time(&mut facts.operations);
}

/// Sorts what several logs tell by time; within a log its own order holds, even when the clock of
/// the PC went back.
fn in_order_of_time(operations: &mut [Operation]) {
    let mut latest: BTreeMap<usize, i64> = BTreeMap::new();
    operations.sort_by_cached_key(|operation| {
        let seconds = latest.entry(operation.place.source).or_insert(i64::MIN);
        *seconds = (*seconds).max(operation.ended_seconds().unwrap_or(i64::MIN));
        (*seconds, operation.place.source, operation.place.line)
    });
}

/// What a log says of the PC that wrote it.
fn writer(log: &Log, part: &Part) -> Writer {
    let build = part.stack.as_deref().and_then(|stack| stack.rsplit_once('.'));
    let build = build.map(|(build, _)| build).filter(|_| log.kind == LogKind::Cbs);
    Writer {
        kind: log.kind,
        place: match log.source.rfind(['/', '\\', '!']) {
            // A trace is one of a series, and CBS.log goes on in other files beside it.
            Some(end) if log.is_of_a_series() => log.source[..end].to_owned(),
            _ => log.source.clone(),
        },
        computer: part.computer.clone(),
        build: build.map(str::to_owned),
        span: log.first_seconds().zip(part.last_seconds),
    }
}

fn read_one(
    host: &dyn Host,
    log: &Log,
    block_bytes: usize,
    wanted: &Wanted,
    mut scan: Scan<'_, '_>,
) -> Part {
    let large = log.stored_bytes >= LARGE_BYTES;
    let mut gaps = Gaps { source: &log.source, told: 0, more: 0 };
    let size = if log.is_event_log() {
        events(host, log, wanted, large, &mut scan, &mut gaps).map(|(size, records)| {
            scan.set_lines(records);
            size
        })
    } else if let Some(rendered) = log.rendered(host) {
        rendered.map(|rendered| {
            let mut text = rendered.text.as_slice();
            pieces(Text::new(&mut text), block_bytes, large, &mut scan, &mut gaps);
            rendered.gaps.iter().for_each(|gap| binary_gap(gap, &mut scan.part, &mut gaps));
            if let Some(why) = rendered.silence {
                gaps.tell(&mut scan.part, None, "the events", why);
            }
            rendered.size_bytes
        })
    } else {
        log.read(host, |reader| pieces(Text::new(reader), block_bytes, large, &mut scan, &mut gaps))
    };
    match size {
        Ok(size) => scan.part.size_bytes = size,
        Err(why) => gaps.tell(&mut scan.part, None, "the file", &why.to_string()),
    }
    if gaps.more > 0 {
        let why = format!("{} further places could not be read", gaps.more);
        scan.part.gaps.push(gap(&log.source, None, "records", &why));
    }
    let mut part = scan.end();
    if part.failures_lost > 0 {
        let why = format!("{} more were counted only: too many that differ", part.failures_lost);
        part.gaps.push(gap(&log.source, None, "failures", &why));
    }
    part
}

/// Reads an event log; gives its size in bytes and its number of records.
///
/// In a large one the wanted events are looked at while further ones are searched for.
fn events(
    host: &dyn Host,
    log: &Log,
    wanted: &Wanted,
    large: bool,
    scan: &mut Scan<'_, '_>,
    gaps: &mut Gaps<'_>,
) -> std::io::Result<(u64, u64)> {
    let mut take = |seen| match seen {
        Seen::Event(event) => scan.event(&event),
        Seen::Gap(gap) => binary_gap(&gap, &mut scan.part, gaps),
    };
    if !large {
        return log.read_events(host, wanted, &mut take);
    }
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<Vec<Seen>>(BATCHES_AHEAD);
        let looking = scope.spawn(move || receive.into_iter().flatten().for_each(take));
        let mut some = Vec::with_capacity(EVENTS_AT_ONCE);
        let read = log.read_events(host, wanted, &mut |seen| {
            some.push(seen);
            if some.len() == EVENTS_AT_ONCE {
                let full = std::mem::replace(&mut some, Vec::with_capacity(EVENTS_AT_ONCE));
                // Only a panic of the other side closes the channel, and joining tells of it.
                let _ = send.send(full);
            }
        });
        let _ = send.send(some);
        drop(send);
        looking.join().expect("looking at events does not panic");
        read
    })
}

/// Tells a gap of a file that has no lines, by its bytes.
fn binary_gap(gap: &Gap, part: &mut Part, gaps: &mut Gaps<'_>) {
    if gap.line > 0 {
        gaps.tell(part, Some(gap.line), gap.what, &gap.why.to_string());
        return;
    }
    let what = format!("{} at bytes {} to {}", gap.what, gap.at.start, gap.at.end);
    gaps.tell(part, None, &what, &gap.why.to_string());
}

/// Gaps of one file, told one by one up to a bound.
struct Gaps<'s> {
    source: &'s str,
    told: usize,
    more: u64,
}

impl Gaps<'_> {
    fn tell(&mut self, part: &mut Part, line: Option<u64>, what: &str, why: &str) {
        if self.told == MOST_GAPS {
            self.more += 1;
            return;
        }
        self.told += 1;
        part.gaps.push(gap(self.source, line, what, why));
    }
}

/// Reads the pieces of `text` in their order; gives the decoded size in bytes.
///
/// In a large file two blocks are searched at a time.
fn pieces(
    text: Text<'_>,
    block_bytes: usize,
    large: bool,
    scan: &mut Scan<'_, '_>,
    gaps: &mut Gaps<'_>,
) -> u64 {
    let matcher = scan.matcher();
    let source = gaps.source;
    let cutter = Cutter::new(block_bytes);
    let end = if large {
        order::side_by_side(text, cutter, matcher, |piece| read_piece(piece, scan, gaps))
    } else {
        cutter.cut(text, &mut |piece| read_piece(Ready::new(matcher, piece), scan, gaps))
    };
    // In dism.log the numbers jump, because most CSI records go to CBS.log.
    if scan.kind() == LogKind::Cbs && end.jumps >= JUMPS_OF_AN_EXCERPT {
        scan.part.is_excerpt = true;
        let why = "numbers are missing between them: an extract of a log";
        scan.part.gaps.insert(0, gap(source, None, "records", why));
    }
    end.size_bytes
}

/// Reads one piece; gives the buffer of a block back to be used again.
fn read_piece(piece: Ready, scan: &mut Scan<'_, '_>, gaps: &mut Gaps<'_>) -> Option<Vec<u8>> {
    let line = scan.line();
    match piece {
        Ready::Block(block) => {
            for above in &block.damaged {
                let why = "not text: zero bytes stand in it";
                gaps.tell(&mut scan.part, Some(line + above), "a record", why);
            }
            scan.block(&block);
            return Some(block.lines);
        }
        Ready::Fault(Fault::LineTooLong) => {
            let why = format!("longer than {LONGEST_LINE_BYTES} bytes, passed over");
            gaps.tell(&mut scan.part, Some(line), "a line", &why);
            scan.skip_line();
        }
        Ready::Fault(Fault::HalfWritten) => {
            let why = "half-written: cut off in the middle";
            gaps.tell(&mut scan.part, Some(line), "the last record", why);
        }
        Ready::Fault(Fault::Broken(why)) => {
            gaps.tell(&mut scan.part, Some(line), "the rest of the file", &why);
        }
    }
    None
}

fn gap(source: &str, line: Option<u64>, what: &str, why: &str) -> GapNote {
    GapNote { source: source.to_owned(), line, what: what.to_owned(), why: why.to_owned() }
}
