//! Evidence that is read as the lines it stands for: event logs, their exports, and traces.

use std::io::{self, Read};

use unwedge_formats::Gap;
use unwedge_formats::etl::{self, Zone};
use unwedge_formats::evtx::{self, CHUNK_BYTES, Event, FILE_HEAD_BYTES, FileHead, Reader, Wanted};
use unwedge_formats::log::{self, LocalTime, LogKind, event_lines, recognise};

use super::decoded;

/// Traces and exports are read into memory as a whole; Windows ends a trace at some megabytes.
const LARGEST_RENDERED_BYTES: u64 = 512 << 20;

/// How the records of a log are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text.
    Text,
    /// As an event log (`.evtx`).
    Events,
    /// As an event trace (`.etl`).
    Trace,
    /// As text or XML that another program made of an event log.
    Export {
        /// Whether its times are in UTC, rather than by the clock of the PC.
        is_utc: bool,
    },
}

/// What reading an event log gives, in the order of the file.
pub(crate) enum Seen {
    Event(Box<Event>),
    Gap(Gap),
}

/// A trace or an export as the text that it stands for.
pub(crate) struct Rendered {
    /// The lines of WindowsUpdate.log in UTC, or one line an event.
    pub(crate) text: Vec<u8>,
    /// Bytes of the file itself.
    pub(crate) size_bytes: u64,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
    /// Why there are no lines, if there are none.
    pub(crate) silence: Option<&'static str>,
}

impl Form {
    /// What a file is that begins so, and as which log it is read; `None` is "perhaps text".
    pub(crate) fn of(head: &[u8]) -> Option<(Form, LogKind)> {
        if evtx::is_evtx(head) {
            return Some((Form::Events, LogKind::Events));
        }
        if etl::is_etl(head) {
            return Some((Form::Trace, LogKind::WindowsUpdate));
        }
        let text = decoded(head);
        if recognise(&text) != Some(LogKind::EventText) {
            return None;
        }
        let events = event_lines(&String::from_utf8_lossy(&text));
        let is_utc = events.items.first().is_some_and(|event| event.is_utc);
        Some((Form::Export { is_utc }, LogKind::Events))
    }

    /// When the first record was written.
    pub(crate) fn first_time(self, head: &[u8]) -> Option<LocalTime> {
        match self {
            Form::Text => None,
            Form::Export { .. } => {
                let events = event_lines(&String::from_utf8_lossy(&decoded(head)));
                let first = events.items.first()?;
                log::head(LogKind::Events, first.text.as_bytes()).map(|head| head.time)
            }
            Form::Events => evtx::first_time(head).and_then(LocalTime::from_filetime),
            Form::Trace => LocalTime::from_filetime(etl::decode(head).session.start),
        }
    }
}

impl Rendered {
    /// Reads all of a trace.
    pub(crate) fn of_trace(reader: &mut dyn Read) -> io::Result<Rendered> {
        Rendered::of_trace_at(reader, None)
    }

    /// Reads all of a trace, by a clock that is so many minutes ahead of UTC.
    pub(crate) fn of_trace_at(
        reader: &mut dyn Read,
        offset_minutes: Option<i32>,
    ) -> io::Result<Rendered> {
        let bytes = whole(reader)?;
        let trace = etl::decode(&bytes);
        let text = trace.to_log(&offset_minutes.map_or(Zone::UTC, Zone::fixed));
        let silence = match (text.is_empty(), trace.needs_symbols > 0, trace.other.is_empty()) {
            (false, ..) => None,
            (true, true, _) => Some(
                "written by Windows 8.1 or an early Windows 10: its texts lie in Microsoft's \
                 symbols; run Get-WindowsUpdateLog on the PC and give its result",
            ),
            (true, false, false) => Some("no event of Windows Update is in it"),
            (true, false, true) => Some("no event is in it"),
        };
        Ok(Rendered { text, size_bytes: bytes.len() as u64, gaps: trace.gaps, silence })
    }

    /// Reads all of an export.
    pub(crate) fn of_export(reader: &mut dyn Read) -> io::Result<Rendered> {
        let bytes = whole(reader)?;
        let events = event_lines(&String::from_utf8_lossy(&decoded(&bytes)));
        let silence = events.items.is_empty().then_some("no event is in it");
        let mut text = Vec::new();
        for event in events.items {
            text.extend_from_slice(event.text.as_bytes());
            text.push(b'\n');
        }
        Ok(Rendered { text, size_bytes: bytes.len() as u64, gaps: events.gaps, silence })
    }
}

fn whole(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST_RENDERED_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_RENDERED_BYTES {
        let most = LARGEST_RENDERED_BYTES >> 20;
        return Err(io::Error::other(format!("a file of this kind over {most} MB is not read")));
    }
    Ok(bytes)
}

/// Reads an event log chunk by chunk; gives its size in bytes and its number of records.
pub(crate) fn events(
    reader: &mut dyn Read,
    wanted: &Wanted,
    visit: &mut dyn FnMut(Seen),
) -> io::Result<(u64, u64)> {
    let mut chunk = vec![0; FILE_HEAD_BYTES];
    let filled = fill(reader, &mut chunk)?;
    let head = FileHead::read(&chunk[..filled]);
    let mut size_bytes = filled as u64;
    let mut events = Reader::new(wanted);
    chunk.resize(CHUNK_BYTES, 0);
    loop {
        let filled = fill(reader, &mut chunk)?;
        if filled == 0 {
            break;
        }
        let gaps = events.chunk(&chunk[..filled], size_bytes, &mut |event| {
            visit(Seen::Event(Box::new(event)));
        });
        gaps.into_iter().for_each(|gap| visit(Seen::Gap(gap)));
        size_bytes += filled as u64;
    }
    match head {
        Ok(head) => head.missing(size_bytes).into_iter().for_each(|gap| visit(Seen::Gap(gap))),
        Err(gap) => visit(Seen::Gap(gap)),
    }
    Ok((size_bytes, events.records()))
}

/// An event log as lines of text, made as they are read.
pub(crate) struct EventLines<'r, 'w> {
    reader: &'r mut dyn Read,
    events: Reader<'w>,
    /// Offset in the file; 0 while its head is not read.
    at: u64,
    lines: Vec<u8>,
    given: usize,
}

impl<'r, 'w> EventLines<'r, 'w> {
    pub(crate) fn new(reader: &'r mut dyn Read, wanted: &'w Wanted) -> Self {
        EventLines { reader, events: Reader::new(wanted), at: 0, lines: Vec::new(), given: 0 }
    }
}

impl Read for EventLines<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.lines.len() {
            if self.at == 0 {
                self.at = fill(self.reader, &mut [0; FILE_HEAD_BYTES])? as u64;
            }
            let mut chunk = vec![0; CHUNK_BYTES];
            let filled = fill(self.reader, &mut chunk)?;
            if filled == 0 {
                return Ok(0);
            }
            self.lines.clear();
            self.given = 0;
            let lines = &mut self.lines;
            self.events.chunk(&chunk[..filled], self.at, &mut |event| {
                lines.extend_from_slice(event.line().as_bytes());
                lines.push(b'\n');
            });
            self.at += filled as u64;
        }
        let rest = &self.lines[self.given..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

/// Fills `into` as far as the file goes.
fn fill(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
