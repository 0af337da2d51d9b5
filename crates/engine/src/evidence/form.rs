//! Evidence that is no text: event logs and traces, which are read as the lines they stand for.

use std::io::{self, Read};

use unwedge_formats::Gap;
use unwedge_formats::etl::{self, Zone};
use unwedge_formats::evtx::{self, CHUNK_BYTES, Event, FILE_HEAD_BYTES, FileHead, Reader, Wanted};
use unwedge_formats::log::{LocalTime, LogKind};

/// A trace is read into memory as a whole; Windows ends one at some megabytes.
const LARGEST_TRACE_BYTES: u64 = 512 << 20;

/// How the records of a log are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text.
    Text,
    /// As an event log (`.evtx`).
    Events,
    /// As an event trace (`.etl`).
    Trace,
}

/// What reading an event log gives, in the order of the file.
pub(crate) enum Seen {
    Event(Box<Event>),
    Gap(Gap),
}

/// A trace as the text that it stands for.
pub(crate) struct TraceText {
    /// The lines of WindowsUpdate.log, in UTC.
    pub(crate) text: Vec<u8>,
    /// Bytes of the trace itself.
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
        etl::is_etl(head).then_some((Form::Trace, LogKind::WindowsUpdate))
    }

    /// When the first record was written.
    pub(crate) fn first_time(self, head: &[u8]) -> Option<LocalTime> {
        match self {
            Form::Text => None,
            Form::Events => evtx::first_time(head).and_then(LocalTime::from_filetime),
            Form::Trace => LocalTime::from_filetime(etl::decode(head).session.start),
        }
    }
}

impl TraceText {
    /// Reads all of a trace.
    pub(crate) fn of(reader: &mut dyn Read) -> io::Result<TraceText> {
        let mut bytes = Vec::new();
        reader.take(LARGEST_TRACE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_TRACE_BYTES {
            let most = LARGEST_TRACE_BYTES >> 20;
            return Err(io::Error::other(format!("a trace of more than {most} MB is not read")));
        }
        let trace = etl::decode(&bytes);
        let text = trace.to_log(&Zone::UTC);
        let silence = match (text.is_empty(), trace.needs_symbols > 0, trace.other.is_empty()) {
            (false, ..) => None,
            (true, true, _) => Some(
                "written by Windows 8.1 or an early Windows 10: its texts lie in Microsoft's \
                 symbols; run Get-WindowsUpdateLog on the PC and give its result",
            ),
            (true, false, false) => Some("no event of Windows Update is in it"),
            (true, false, true) => Some("no event is in it"),
        };
        Ok(TraceText { text, size_bytes: bytes.len() as u64, gaps: trace.gaps, silence })
    }
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
