//! Reads the lines worth reading of one log, block by block.

use unwedge_formats::code::{Code, codes_in};
use unwedge_formats::evtx::Event;
use unwedge_formats::log::{
    Level, LocalTime, LogKind, Statement, head, line_around, statement_of, update_named,
    without_mark,
};

use super::operation::Assembly;
use super::part::Part;
use super::search::{Found, Hit, Searched};
use super::suspects;
use super::thin::Share;
use super::{Place, Sighting};
use crate::evidence::offset_in;
use crate::rule::{LineMatch, LogLine, Matcher};

/// Longest excerpt of a line that is kept, in bytes.
const EXCERPT_BYTES: usize = 400;

/// What the scan of one log carries from block to block.
#[derive(Debug)]
pub(super) struct Scan<'m, 'r> {
    matcher: &'m Matcher<'r>,
    kind: LogKind,
    /// What was found so far.
    pub(super) part: Part,
    assembly: Assembly,
    source: usize,
    /// Lines before the present block.
    lines: u64,
    /// The time in force at `time_at`: that of the last record before it.
    time: Option<LocalTime>,
    /// Offset in the present block.
    time_at: usize,
    offset_minutes: Option<i32>,
    found: Vec<LineMatch>,
    share: Share,
    /// Failures that were left out, and of which nothing alike is kept.
    lost: u64,
}

/// A line worth reading, with what its record says of it.
struct Told<'b> {
    component: &'b str,
    text: &'b str,
    level: Option<Level>,
    time: Option<LocalTime>,
}

impl<'m, 'r> Scan<'m, 'r> {
    /// Begins a log; `source` is its place in [`super::Facts::sources`], `offset_minutes` the
    /// offset from UTC before the first record that shows one, `share` what it may remember.
    pub(super) fn new(
        matcher: &'m Matcher<'r>,
        kind: LogKind,
        source: usize,
        offset_minutes: Option<i32>,
        share: Share,
    ) -> Self {
        Scan {
            matcher,
            kind,
            part: Part::default(),
            assembly: Assembly::new(kind),
            source,
            lines: 0,
            time: None,
            time_at: 0,
            offset_minutes,
            found: Vec::new(),
            share,
            lost: 0,
        }
    }

    /// The log ends; gives all that was found in it.
    pub(super) fn end(mut self) -> Part {
        self.assembly.end_of_file();
        if self.assembly.operations.len() > self.share.operations {
            self.thin(self.share.operations);
        }
        self.part.sightings.values_mut().for_each(|series| series.shorten(self.share.sightings));
        self.part.unknown.values_mut().for_each(|series| series.shorten(self.share.sightings));
        self.part.suspects.shorten(self.share.sightings);
        self.part.failures_lost = self.lost;
        self.part.lines = self.lines;
        let offset = i64::from(self.offset_minutes.unwrap_or(0)) * 60;
        self.part.last_seconds = self.time.map(|time| time.as_seconds() - offset);
        self.part.operations = self.assembly.operations;
        self.part.operations.shrink_to_fit();
        self.part.store = self.assembly.store.reports;
        self.part.sessions_opened = self.assembly.sessions_opened;
        self.part.stack = self.assembly.stack;
        self.part
    }

    /// Forgets what repeats itself.
    fn thin(&mut self, most: usize) {
        let thinned = self.assembly.thin(most);
        self.lost += thinned.lost;
        for series in self.part.sightings.values_mut() {
            thinned.thin(series, |sighting| &sighting.place);
        }
        for series in self.part.unknown.values_mut() {
            thinned.thin(series, |place| place);
        }
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
    pub(super) fn block(&mut self, block: &Searched) {
        let Searched { lines, hits, line_count, .. } = block;
        let first = self.lines;
        self.time_at = 0;
        for Hit { line, found } in hits {
            match found {
                Found::Stamp => self.stamp(&lines[line.clone()]),
                Found::Line { above } => {
                    self.lines = first + above;
                    self.hit(lines, line.start, &lines[line.clone()]);
                }
            }
        }
        self.lines = first + line_count;
        self.part.records_seen |= self.time_in(lines, lines.len()).is_some();
    }

    /// Takes an event; its number in the log stands for its line.
    pub(super) fn event(&mut self, event: &Event) {
        let line = event.line();
        self.lines = event.record.saturating_sub(1);
        self.time_at = 0;
        self.part.records_seen = true;
        self.part.computer = Some(event.computer.clone()).filter(|name| !name.is_empty());
        self.hit(line.as_bytes(), 0, line.as_bytes());
    }

    /// How many lines, or records, the log has.
    pub(super) fn set_lines(&mut self, lines: u64) {
        self.lines = lines;
    }

    /// The rules it looks with.
    pub(super) fn matcher(&self) -> &'m Matcher<'r> {
        self.matcher
    }

    /// The clock may be set to another zone in the middle of a file.
    fn stamp(&mut self, line: &[u8]) {
        let Some(offset) = offset_in(line) else { return };
        self.offset_minutes = Some(offset);
        self.part.offset_minutes.get_or_insert(offset);
    }

    /// Time of the record to which the line at `start` of `block` belongs.
    ///
    /// No line is looked at twice: each search ends where the one before began.
    fn time_in(&mut self, block: &[u8], start: usize) -> Option<LocalTime> {
        let mut end = start;
        while end > self.time_at {
            let (line, line_start, _) = line_around(block, end - 1);
            if let Some(head) = head(self.kind, without_mark(line)) {
                self.time = Some(head.time);
                break;
            }
            end = line_start.min(end - 1);
        }
        self.time_at = start;
        self.time
    }

    fn hit(&mut self, block: &[u8], start: usize, line: &[u8]) {
        let lossy = String::from_utf8_lossy(without_mark(line));
        let line_text: &str = &lossy;
        let told = match head(self.kind, line_text.as_bytes()) {
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
        let statement =
            statement_of(self.kind, told.component.as_bytes(), told.text).filter(|statement| {
                told.level == Some(Level::Error)
                    || !matches!(statement, Statement::DismCallFailed(_))
            });
        if let Some(named) = update_named(self.kind, told.component.as_bytes(), told.text) {
            self.assembly.name(named);
        }
        let codes = failures_in(told.text);
        let causes: Vec<Code> = codes.iter().map(|code| code.canonical()).collect();
        let mut found = std::mem::take(&mut self.found);
        let event = match self.kind {
            LogKind::Events => number_at_start(told.text),
            _ => None,
        };
        let line = LogLine {
            component: told.component,
            text: line_text,
            codes: &causes,
            event,
            loud: matches!(told.level, Some(Level::Error | Level::Warning)),
        };
        self.matcher.on_line(&line, &mut found);
        let place = || Place {
            source: self.source,
            line: self.lines + 1,
            time: told.time,
            offset_minutes: self.offset_minutes,
            excerpt: excerpt(line_text),
        };
        if let Some(id) = event {
            for suspect in suspects::named(told.component, id, told.text, &place) {
                self.part.suspects.push(suspect);
            }
        }
        if statement.is_some() || !codes.is_empty() || !found.is_empty() {
            let place = place();
            self.keep(place, statement, codes, &mut found);
            if self.share.is_exceeded_by(self.assembly.operations.len()) {
                self.thin(self.share.while_read());
            }
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
    ) {
        if let Some(statement) = statement {
            self.assembly.take(statement, &place);
        }
        if found.is_empty() {
            if let Some(&code) = codes.first() {
                self.part.unknown.entry(code).or_default().push(place);
            }
            return;
        }
        for known in found.drain(..) {
            self.part.sightings.entry(known.rule).or_default().push(Sighting {
                place: place.clone(),
                codes: codes.clone(),
                subjects: known.subjects,
                strong: known.strong,
                of_servicing: matches!(self.kind, LogKind::Cbs | LogKind::Dism),
            });
        }
    }
}

/// The number of the event whose text this is.
fn number_at_start(text: &str) -> Option<u32> {
    text.split(' ').next()?.parse().ok()
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
