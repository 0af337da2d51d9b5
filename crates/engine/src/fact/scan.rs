//! Reads the lines worth reading of one log, block by block.

use unwedge_formats::code::{Code, codes_in};
use unwedge_formats::log::{
    Level, LocalTime, LogKind, Statement, count_lines, csi_stamp, header, line_around, statement,
    without_mark,
};

use super::cut::Hit;
use super::operation::Assembly;
use super::{Facts, Place, Sighting, offset_name};
use crate::rule::{LineMatch, LogLine, Matcher};

/// Longest excerpt of a line that is kept, in bytes.
const EXCERPT_BYTES: usize = 400;

/// What a scan of all logs carries from block to block.
#[derive(Debug)]
pub(super) struct Scan<'m, 'r> {
    matcher: &'m Matcher<'r>,
    pub(super) assembly: Assembly,
    kind: LogKind,
    source: usize,
    /// Lines before the present block.
    lines: u64,
    /// The time in force at `time_at`: that of the last record before it.
    time: Option<LocalTime>,
    /// Offset in the present block.
    time_at: usize,
    offset_minutes: Option<i32>,
    found: Vec<LineMatch>,
}

/// A line worth reading, with what its record says of it.
struct Told<'b> {
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
            time: None,
            time_at: 0,
            offset_minutes: None,
            found: Vec::new(),
        }
    }

    /// A new file begins; `source` is its place in [`Facts::sources`], `offset_minutes` the offset
    /// from UTC before the first record that shows one.
    pub(super) fn begin(&mut self, kind: LogKind, source: usize, offset_minutes: Option<i32>) {
        self.kind = kind;
        self.source = source;
        self.lines = 0;
        self.time = None;
        self.offset_minutes = offset_minutes;
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
    pub(super) fn block(&mut self, block: &[u8], hits: &[Hit], facts: &mut Facts) {
        let mut counted = 0;
        self.time_at = 0;
        for Hit { found, line } in hits {
            if *found == b'@' {
                self.stamp(&block[line.clone()], facts);
                continue;
            }
            self.lines += count_lines(&block[counted..line.start]);
            counted = line.start;
            self.hit(block, line.start, &block[line.clone()], facts);
        }
        self.lines += count_lines(&block[counted..]);
        facts.records_seen |= self.time_in(block, block.len()).is_some();
    }

    /// The rules it looks with.
    pub(super) fn matcher(&self) -> &'m Matcher<'r> {
        self.matcher
    }

    /// The clock may be set to another zone in the middle of a file.
    fn stamp(&mut self, line: &[u8], facts: &mut Facts) {
        let Some(offset) = offset_in(line) else { return };
        self.offset_minutes = Some(offset);
        if facts.about.utc_offset.is_none() {
            facts.about.utc_offset = Some(offset_name(offset));
        }
    }

    /// Time of the record to which the line at `start` of `block` belongs.
    ///
    /// No line is looked at twice: each search ends where the one before began.
    fn time_in(&mut self, block: &[u8], start: usize) -> Option<LocalTime> {
        let mut end = start;
        while end > self.time_at {
            let (line, line_start, _) = line_around(block, end - 1);
            if let Some(head) = header(without_mark(line)) {
                self.time = Some(head.time);
                break;
            }
            end = line_start.min(end - 1);
        }
        self.time_at = start;
        self.time
    }

    fn hit(&mut self, block: &[u8], start: usize, line: &[u8], facts: &mut Facts) {
        let lossy = String::from_utf8_lossy(without_mark(line));
        let line_text: &str = &lossy;
        let told = match header(line_text.as_bytes()) {
            Some(head) => {
                (self.time, self.time_at) = (Some(head.time), start);
                Told {
                    component: std::str::from_utf8(head.component).unwrap_or(""),
                    text: line_text.get(head.text_at..).unwrap_or(""),
                    level: Some(head.level),
                    time: Some(head.time),
                }
            }
            None => Told {
                component: "",
                text: line_text,
                level: None,
                time: self.time_in(block, start),
            },
        };
        let statement = statement(told.component.as_bytes(), told.text).filter(|statement| {
            told.level == Some(Level::Error) || !matches!(statement, Statement::DismCallFailed(_))
        });
        let codes = failures_in(told.text);
        let causes: Vec<Code> = codes.iter().map(|code| code.canonical()).collect();
        let mut found = std::mem::take(&mut self.found);
        let line = LogLine {
            log: self.kind,
            component: told.component,
            text: line_text,
            codes: &causes,
            loud: matches!(told.level, Some(Level::Error | Level::Warning)),
        };
        self.matcher.on_line(&line, &mut found);
        if statement.is_some() || !codes.is_empty() || !found.is_empty() {
            let place = Place {
                source: self.source,
                line: self.lines + 1,
                time: told.time,
                offset_minutes: self.offset_minutes,
                excerpt: excerpt(line_text),
            };
            self.keep(place, statement, codes, &mut found, facts);
        }
        self.found = found;
    }

    /// Writes down what a line says.
    fn keep(
        &mut self,
        place: Place,
        statement: Option<Statement<'_>>,
        codes: Vec<Code>,
        found: &mut Vec<LineMatch>,
        facts: &mut Facts,
    ) {
        if let Some(statement) = statement {
            self.assembly.take(statement, &place);
        }
        if found.is_empty() {
            if let Some(&code) = codes.first() {
                facts.unknown.entry(code).or_default().push(place);
            }
            return;
        }
        for known in found.drain(..) {
            facts.sightings.entry(known.rule).or_default().push(Sighting {
                place: place.clone(),
                codes: codes.clone(),
                subjects: known.subjects,
                strong: known.strong,
            });
        }
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

/// The offset from UTC that the first dated CSI record of `head` shows.
pub(super) fn first_offset(head: &[u8]) -> Option<i32> {
    // A stamp looks like `0000000f@2020/2/5:`; an at sign elsewhere is an address.
    memchr::memmem::find_iter(head, b"@20").find_map(|at| offset_in(line_around(head, at).0))
}

/// The offset from UTC that a line shows, if it is a dated CSI record.
fn offset_in(line: &[u8]) -> Option<i32> {
    let line = without_mark(line);
    let head = header(line)?;
    csi_stamp(&line[head.text_at..])?.offset_minutes(head.time)
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
