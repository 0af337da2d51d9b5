//! Searches one decoded log block by block: hit, widen to the line, read only that.

use unwedge_formats::code::{Code, codes_in};
use unwedge_formats::log::{
    Level, LocalTime, LogKind, Statement, count_lines, csi_stamp, header, line_around, statement,
};

use super::operation::Assembly;
use super::{Facts, Place, Sighting};
use crate::rule::{LineMatch, Matcher};

/// Longest excerpt of a line that is kept, in bytes.
const EXCERPT_BYTES: usize = 400;
/// Lines looked back over from a continuation line to find the head of its record.
const LOOK_BACK_LINES: usize = 400;

/// What a scan of all logs carries from block to block.
#[derive(Debug)]
pub(super) struct Scan<'m, 'r> {
    matcher: &'m Matcher<'r>,
    pub(super) assembly: Assembly,
    kind: LogKind,
    source: usize,
    /// Lines before the present block.
    lines: u64,
    last_time: Option<LocalTime>,
    offset_minutes: Option<i32>,
    found: Vec<LineMatch>,
}

/// A line that was hit, with what its record says of it.
struct Hit<'b> {
    component: &'b str,
    text: &'b str,
    level: Option<Level>,
    time: Option<LocalTime>,
}

impl<'m, 'r> Scan<'m, 'r> {
    pub(super) fn new(matcher: &'m Matcher<'r>) -> Self {
        Scan {
            matcher,
            assembly: Assembly::default(),
            kind: LogKind::Cbs,
            source: 0,
            lines: 0,
            last_time: None,
            offset_minutes: None,
            found: Vec::new(),
        }
    }

    /// A new file begins; `source` is its place in [`Facts::sources`].
    pub(super) fn begin(&mut self, kind: LogKind, source: usize) {
        self.kind = kind;
        self.source = source;
        self.lines = 0;
        self.last_time = None;
        self.offset_minutes = None;
    }

    /// The file ends; gives its number of lines.
    pub(super) fn end(&mut self) -> u64 {
        self.assembly.end_of_file();
        self.lines
    }

    /// Number of the line that comes next.
    pub(super) fn line(&self) -> u64 {
        self.lines + 1
    }

    /// What the present file is.
    pub(super) fn kind(&self) -> LogKind {
        self.kind
    }

    /// A line was passed over unread.
    pub(super) fn skip_line(&mut self) {
        self.lines += 1;
    }

    /// Takes the next block, which begins and ends at line ends (but for the last of a file).
    pub(super) fn block(&mut self, block: &[u8], facts: &mut Facts) {
        if let Some(offset) = offset_of(block) {
            self.offset_minutes = Some(offset);
            if facts.about.utc_offset.is_none() {
                facts.about.utc_offset = Some(super::read::offset_name(offset));
            }
        }
        let (mut at, mut counted) = (0, 0);
        while let Some(hit) = self.matcher.next_hit(block, at) {
            let (line, start, next) = line_around(block, hit);
            self.lines += count_lines(&block[counted..start]);
            counted = start;
            self.hit(block, start, line, facts);
            at = next;
        }
        self.lines += count_lines(&block[counted..]);
        if let Some(time) = last_time(block) {
            self.last_time = Some(time);
            facts.records_seen = true;
        }
    }

    fn hit(&mut self, block: &[u8], start: usize, line: &[u8], facts: &mut Facts) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let lossy = String::from_utf8_lossy(line);
        let line_text: &str = &lossy;
        let hit = match header(line_text.as_bytes()) {
            Some(head) => Hit {
                component: std::str::from_utf8(head.component).unwrap_or(""),
                text: line_text.get(head.text_at..).unwrap_or(""),
                level: Some(head.level),
                time: Some(head.time),
            },
            None => Hit {
                component: "",
                text: line_text,
                level: None,
                time: time_before(block, start).or(self.last_time),
            },
        };
        let place = Place {
            source: self.source,
            line: self.lines + 1,
            time: hit.time,
            offset_minutes: self.offset_minutes,
            excerpt: excerpt(line_text),
        };
        if let Some(statement) = statement(hit.component.as_bytes(), hit.text)
            && (hit.level == Some(Level::Error)
                || !matches!(statement, Statement::DismCallFailed(_)))
        {
            self.assembly.take(statement, &place);
        }
        let codes = failures_in(hit.text);
        let causes: Vec<Code> = codes.iter().map(|code| code.canonical()).collect();
        let mut found = std::mem::take(&mut self.found);
        self.matcher.on_line(self.kind, hit.component, line_text, &causes, &mut found);
        if found.is_empty() {
            if let Some(&code) = codes.first() {
                facts.unknown.entry(code).or_default().push(place);
            }
        } else {
            for known in found.drain(..) {
                facts.sightings.entry(known.rule).or_default().push(Sighting {
                    place: place.clone(),
                    codes: codes.clone(),
                    subjects: known.subjects,
                    strong: known.strong,
                });
            }
        }
        self.found = found;
    }
}

/// Codes of failures in a text, each once, in their order.
fn failures_in(text: &str) -> Vec<Code> {
    let mut codes: Vec<Code> = Vec::new();
    for found in codes_in(text.as_bytes()) {
        if found.failure && !codes.contains(&found.code) {
            codes.push(found.code);
        }
    }
    codes
}

/// The offset from UTC that the first dated CSI record of `block` shows.
fn offset_of(block: &[u8]) -> Option<i32> {
    let mut from = 0;
    // A stamp looks like `0000000f@2020/2/5:`; an at sign elsewhere is an address.
    for _ in 0..64 {
        let at = from + memchr::memmem::find(&block[from..], b"@20")?;
        let (line, _, next) = line_around(block, at);
        if let Some(head) = header(line)
            && let Some(stamp) = csi_stamp(&line[head.text_at..])
            && let Some(offset) = stamp.offset_minutes(head.time)
        {
            return Some(offset);
        }
        from = next.max(at + 1);
        if from >= block.len() {
            return None;
        }
    }
    None
}

/// Time of the record to which the continuation line at `start` belongs.
fn time_before(block: &[u8], start: usize) -> Option<LocalTime> {
    let mut end = start;
    for _ in 0..LOOK_BACK_LINES {
        if end == 0 {
            return None;
        }
        let (line, line_start, _) = line_around(block, end - 1);
        if let Some(head) = header(line) {
            return Some(head.time);
        }
        end = line_start.min(end - 1);
    }
    None
}

/// Time of the last record in `block`.
fn last_time(block: &[u8]) -> Option<LocalTime> {
    time_before(block, block.len())
}

fn excerpt(line: &str) -> String {
    if line.len() <= EXCERPT_BYTES {
        return line.to_owned();
    }
    let mut end = EXCERPT_BYTES;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} …", &line[..end])
}
