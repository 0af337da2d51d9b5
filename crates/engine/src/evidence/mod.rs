//! The logs among the evidence of one PC: recognised by content, in the order of their time.

mod form;
mod printed;
mod text;

use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use unwedge_formats::ese;
use unwedge_formats::evtx::{self, Wanted};
use unwedge_formats::export::{self, ExportKind};
use unwedge_formats::log::{
    self, Decoder, Encoding, LocalTime, LogKind, csi_stamp, header, line_around, recognise,
    without_mark, zone_of,
};
use unwedge_host::container::{self, Member};
use unwedge_host::probe::{self, EventQuery, Provider};
use unwedge_host::{Evidence, Host};

use crate::collect::{MANIFEST_NAME, TRACE_ENDING};
use crate::report::{GapNote, Source};

use form::Form;
pub(crate) use form::{EventLines, Rendered, Seen};
pub use printed::{Printed, Says};
pub(crate) use text::{LONGEST_LINE_BYTES, Text};

/// Bytes of a file that tell what it is.
const HEAD_BYTES: usize = 64 << 10;

/// So far into a log the offset from UTC is looked for when no other log shows it: servicing notes
/// it with each piece of work.
const OFFSET_BYTES: usize = 16 << 20;

/// So much of what lies in containers is kept in memory between looking at it and reading it.
const HELD_BYTES: u64 = 24 << 20;

/// At most so many gaps of a printed list are told.
const MOST_GAPS_OF_A_LIST: usize = 5;

/// All that lies in the evidence.
#[derive(Debug, Default)]
pub struct Listing {
    /// The logs, the oldest first.
    pub logs: Vec<Log>,
    /// Lists that somebody printed.
    pub printed: Vec<Printed>,
    /// Files that are no logs: lists, hives, databases, and what is of no kind known here.
    pub others: Vec<Source>,
    /// What could not be looked at.
    pub gaps: Vec<GapNote>,
}

/// A log, not read yet.
#[derive(Debug)]
pub struct Log {
    /// The name by which it is cited.
    pub source: String,
    /// What it is.
    pub kind: LogKind,
    /// Size in bytes as stored, compressed or not.
    pub stored_bytes: u64,
    /// When its first record was written, as the log writes it.
    pub first_time: Option<LocalTime>,
    /// Offset from UTC in minutes: what its head shows, else what the rest of the evidence shows.
    pub offset_minutes: Option<i32>,
    form: Form,
    evidence: Evidence,
    member: Member,
    /// Its content, if it lies in a container and is small.
    held: Option<Vec<u8>>,
}

impl Listing {
    /// Looks at everything in the evidence of `host`.
    ///
    /// Never fails: what cannot be looked at is one of the gaps.
    #[must_use]
    pub fn of(host: &dyn Host) -> Listing {
        let mut listing = Listing::default();
        let evidence = match host.evidence() {
            Ok(evidence) => evidence,
            Err(error) => {
                listing.gaps.push(gap("evidence", "the list of logs", &error.to_string()));
                return listing;
            }
        };
        let room = AtomicU64::new(HELD_BYTES);
        for one in side_by_side(&evidence, |_, item| look(host, item, &room)) {
            listing.logs.extend(one.logs);
            listing.gaps.extend(one.gaps);
            listing.others.extend(one.others);
            listing.printed.extend(one.printed);
        }
        let zone = listing
            .clock_offset_minutes(host)
            .or_else(|| listing.logs.iter_mut().find_map(|log| log.look_for_offset(host)));
        let logs = &mut listing.logs;
        for log in logs.iter_mut() {
            log.offset_minutes = log.offset_minutes.or(zone);
        }
        // The older log first, so that "later" means the same within a file and across files.
        logs.sort_by(|a, b| (a.first_seconds(), &a.source).cmp(&(b.first_seconds(), &b.source)));
        listing
    }

    /// Offset of the PC's clock from UTC in minutes, as far as anything shows it.
    ///
    /// One PC has one clock: what one log shows of it holds for those that show nothing.
    #[must_use]
    pub fn clock_offset_minutes(&self, host: &dyn Host) -> Option<i32> {
        let mut local = self.logs.iter().filter(|log| !log.is_in_utc());
        host.about().utc_offset_minutes.or_else(|| local.find_map(|log| log.offset_minutes))
    }
}

/// The newest so many events are asked for in place of a log that cannot be opened.
const MOST_ASKED_EVENTS: usize = 20_000;

impl Listing {
    /// Asks the event service for what stands in event logs that could not be opened: the newest events of
    /// the providers `wanted`, or of all if it names none.
    ///
    /// Only a running PC has one; where it gives nothing either, the gap stays as it is.
    pub fn ask_for_events(&mut self, host: &dyn Host, wanted: impl Fn() -> Vec<Provider>) {
        let mut gaps = std::mem::take(&mut self.gaps);
        for gap in &mut gaps {
            let Some(channel) = channel_of(&gap.source) else { continue };
            let query = EventQuery { channel, providers: wanted(), most: MOST_ASKED_EVENTS };
            let Ok(events) = probe::events(host, query) else { continue };
            let mut content = events.lines.join("\n").into_bytes();
            content.push(b'\n');
            gap.what = "the file, whose events the event service gave instead".to_owned();
            if !events.is_complete {
                gap.what.push_str(", not all of them");
            }
            let first = events.lines.first();
            self.logs.push(Log {
                source: gap.source.clone(),
                kind: LogKind::Events,
                stored_bytes: content.len() as u64,
                first_time: first
                    .and_then(|line| log::head(LogKind::Events, line.as_bytes()))
                    .map(|head| head.time),
                offset_minutes: Some(0),
                form: Form::Text,
                evidence: Evidence {
                    source: gap.source.clone(),
                    size_bytes: content.len() as u64,
                    modified: None,
                },
                member: Member::default(),
                held: Some(content),
            });
        }
        self.gaps = gaps;
        self.logs
            .sort_by(|a, b| (a.first_seconds(), &a.source).cmp(&(b.first_seconds(), &b.source)));
    }
}

/// The log that a file in the folder of event logs holds: `%4` stands for a slash there.
fn channel_of(source: &str) -> Option<String> {
    let name = source.rsplit(['\\', '/']).next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    ending.eq_ignore_ascii_case("evtx").then(|| stem.replace("%4", "/"))
}

impl Log {
    /// When it begins, in seconds of UTC as far as the zone is known.
    #[must_use]
    pub fn first_seconds(&self) -> Option<i64> {
        let offset = i64::from(self.offset_minutes.unwrap_or(0)) * 60;
        self.first_time.map(|time| time.as_seconds() - offset)
    }

    /// Reads on to the first record that shows the offset from UTC; gives it.
    ///
    /// Only when nothing else in the evidence shows it: each such log is read in part once more.
    fn look_for_offset(&mut self, host: &dyn Host) -> Option<i32> {
        if self.form != Form::Text || !matches!(self.kind, LogKind::Cbs | LogKind::Dism) {
            return None;
        }
        let found = self.read(host, |reader| {
            let (mut text, mut block, mut left) = (Text::new(reader), Vec::new(), OFFSET_BYTES);
            loop {
                let read = text.read(HEAD_BYTES.min(left), &mut block)?;
                let end = memchr::memrchr2(b'\n', b'\r', &block).map_or(0, |end| end + 1);
                let end = if read == 0 { block.len() } else { end };
                let found = first_offset(self.kind, &block[..end]);
                left = left.saturating_sub(read);
                if found.is_some() || read == 0 || left == 0 || block.len() > LONGEST_LINE_BYTES {
                    return Ok(found);
                }
                block.drain(..end);
            }
        });
        // What cannot be read is told by whoever reads all of it.
        self.offset_minutes = found.and_then(|found: std::io::Result<_>| found).ok().flatten();
        self.offset_minutes
    }

    /// Whether its times are in UTC whatever the clock on the wall said.
    fn is_in_utc(&self) -> bool {
        match self.form {
            Form::Text => matches!(self.kind, LogKind::Events | LogKind::PoqExec),
            Form::Events | Form::Trace => true,
            Form::Export { is_utc } => is_utc,
        }
    }

    /// Whether Windows writes several such files one after the other into one folder.
    #[must_use]
    pub fn is_of_a_series(&self) -> bool {
        self.form == Form::Trace
            || self.source.to_ascii_lowercase().ends_with(TRACE_ENDING)
            || matches!(self.kind, LogKind::Cbs | LogKind::Dism)
    }

    /// Opens it and hands it to `visit`, unpacked; text is not decoded yet.
    pub fn read<T>(
        &self,
        host: &dyn Host,
        visit: impl FnOnce(&mut dyn Read) -> T,
    ) -> std::io::Result<T> {
        match &self.held {
            Some(content) => Ok(visit(&mut content.as_slice())),
            None => container::read(&|| host.open_evidence(&self.evidence), &self.member, visit),
        }
    }

    /// Opens it as lines of text, whatever its form: event logs as one line an event, traces as
    /// the lines of WindowsUpdate.log. Text is not decoded yet.
    pub fn read_lines<T>(
        &self,
        host: &dyn Host,
        visit: impl FnOnce(&mut dyn Read) -> T,
    ) -> std::io::Result<T> {
        self.read(host, |reader| match self.form {
            Form::Text => Ok(visit(reader)),
            Form::Trace => Ok(visit(&mut Rendered::of_trace(reader)?.text.as_slice())),
            Form::Export { .. } => Ok(visit(&mut Rendered::of_export(reader)?.text.as_slice())),
            Form::Events => {
                let wanted = Wanted::everything();
                Ok(visit(&mut EventLines::new(reader, &wanted)))
            }
        })?
    }

    /// Whether it is an event log as Windows writes it.
    pub(crate) fn is_event_log(&self) -> bool {
        self.form == Form::Events
    }

    /// Reads an event log; `visit` gets the wanted events and what could not be read.
    ///
    /// Gives the size in bytes and the number of records.
    pub(crate) fn read_events(
        &self,
        host: &dyn Host,
        wanted: &Wanted,
        visit: &mut dyn FnMut(Seen),
    ) -> std::io::Result<(u64, u64)> {
        self.read(host, |reader| form::events(reader, wanted, visit)).and_then(|read| read)
    }

    /// Reads a trace or an export as text; `None` when it is neither.
    pub(crate) fn rendered(&self, host: &dyn Host) -> Option<std::io::Result<Rendered>> {
        let render = match self.form {
            Form::Text | Form::Events => return None,
            Form::Trace => Rendered::of_trace,
            Form::Export { .. } => Rendered::of_export,
        };
        Some(self.read(host, render).and_then(|read| read))
    }
}

/// Looks at one file of the evidence, or at each member when it is a container.
fn look(host: &dyn Host, evidence: &Evidence, room: &AtomicU64) -> Listing {
    let mut listing = Listing::default();
    let walked = container::walk(&|| host.open_evidence(evidence), &mut |member, content| {
        // A bundle tells of itself in it.
        if member.names().last() == Some(MANIFEST_NAME) {
            return;
        }
        let source = member.cited(&evidence.source);
        let mut head = Vec::new();
        match content {
            Ok(content) => {
                let read = content.take(HEAD_BYTES as u64).read_to_end(&mut head);
                if let Err(why) = read
                    && head.is_empty()
                {
                    listing.gaps.push(gap(&source, "the file", &why.to_string()));
                    return;
                }
                listing.sort_in(evidence, member, source, head, content, room);
            }
            Err(why) => listing.gaps.push(gap(&source, "the file", &why.to_string())),
        }
    });
    if let Err(why) = walked {
        listing.gaps.push(gap(&evidence.source, "the file", &why.to_string()));
    }
    listing
}

impl Listing {
    /// Adds what a file is that begins with `head` and goes on with `rest`.
    fn sort_in(
        &mut self,
        evidence: &Evidence,
        member: &Member,
        source: String,
        head: Vec<u8>,
        rest: &mut dyn Read,
        room: &AtomicU64,
    ) {
        let size_bytes = evidence.size_bytes;
        let (form, kind, first_time, offset_minutes) = match Form::of(&head) {
            Some((form, kind)) => {
                let offset = (form != Form::Export { is_utc: false }).then_some(0);
                (form, Some(kind), form.first_time(&head), offset)
            }
            None => {
                let text = decoded(&head);
                let kind = recognise(&text);
                let first_time = kind.and_then(|kind| first_time(kind, &text));
                (Form::Text, kind, first_time, kind.and_then(|kind| first_offset(kind, &text)))
            }
        };
        let Some(kind) = kind else {
            match export::recognise(&decoded(&head)) {
                Some(kind) => self.print(kind, source, size_bytes, &head, rest),
                None => self.set_aside(source, size_bytes, &head),
            }
            return;
        };
        let held = match member.is_whole() {
            true => None,
            false => held(head, rest, room),
        };
        self.logs.push(Log {
            source,
            kind,
            stored_bytes: size_bytes,
            first_time,
            offset_minutes,
            form,
            evidence: evidence.clone(),
            member: member.clone(),
            held,
        });
    }

    /// Reads a list that somebody printed.
    fn print(
        &mut self,
        kind: ExportKind,
        source: String,
        size_bytes: u64,
        head: &[u8],
        rest: &mut dyn Read,
    ) {
        let (says, lines, gaps) = match printed::read(kind, head, rest) {
            Ok(read) => read,
            Err(why) => {
                self.gaps.push(gap(&source, "the list", &why.to_string()));
                return;
            }
        };
        let told = gaps.iter().take(MOST_GAPS_OF_A_LIST).map(|it| GapNote {
            line: Some(it.line).filter(|&line| line > 0),
            ..gap(&source, it.what, &it.why.to_string())
        });
        self.gaps.extend(told);
        self.printed.push(Printed { source: source.clone(), says });
        self.others.push(Source { source, kind: kind.name().to_owned(), size_bytes, lines });
    }

    /// Notes what is no log.
    fn set_aside(&mut self, source: String, size_bytes: u64, head: &[u8]) {
        let mut kind = "unknown";
        let why = if head.is_empty() {
            Some("the file is empty".to_owned())
        } else if head.starts_with(&unwedge_formats::regf::MAGIC) {
            kind = "registry_hive";
            None
        } else if let Some(file) = ese::recognise(head) {
            kind = "ese";
            ese_state(file, head)
        } else if evtx::is_old_evt(head) {
            let why = "an event log of Windows XP or older (.evt), which is not read; open it in \
                       the event viewer and save it as .evtx";
            Some(why.to_owned())
        } else {
            Some("not in the form of any log known here".to_owned())
        };
        self.gaps.extend(why.map(|why| gap(&source, "the file", &why)));
        self.others.push(Source { source, kind: kind.to_owned(), size_bytes, lines: 0 });
    }
}

/// What the header of an ESE database says; its tables are not read.
fn ese_state(file: ese::FileKind, head: &[u8]) -> Option<String> {
    if file != ese::FileKind::Database {
        return None;
    }
    let state = match ese::database(head)?.state {
        ese::State::CleanShutdown => "it was closed properly",
        ese::State::DirtyShutdown => "it was copied while it was open",
        _ => "its header says neither that it was closed nor that it was open",
    };
    Some(format!("the tables of a database are not read; by its header, {state}"))
}

/// The whole content of a member, when there is room to keep it: finding it a second time may mean
/// to unpack all that lies before it.
fn held(mut content: Vec<u8>, rest: &mut dyn Read, room: &AtomicU64) -> Option<Vec<u8>> {
    let left = room.load(Ordering::Relaxed);
    let most = left.saturating_sub(content.len() as u64);
    rest.take(most).read_to_end(&mut content).ok()?;
    let length = content.len() as u64;
    if length >= left {
        return None;
    }
    // Two threads may both take what only one of them should have: no more than twice the room.
    room.fetch_sub(length.min(left), Ordering::Relaxed);
    content.shrink_to_fit();
    Some(content)
}

/// Does `work` for each item on as many threads as there are processors, and gives the results in
/// the order of the items.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if threads <= 1 {
        return items.iter().enumerate().map(|(index, item)| work(index, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let one = || {
            let mut own = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return own };
                own.push((index, work(index, item)));
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = running.into_iter().map(|it| it.join().expect("reading does not panic"));
        joined.flatten().collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn decoded(head: &[u8]) -> Vec<u8> {
    let Some(mut decoder) = Decoder::new(Encoding::of(head)) else { return head.to_vec() };
    let mut out = Vec::with_capacity(head.len());
    decoder.decode(head, &mut out);
    out
}

fn first_time(kind: LogKind, head: &[u8]) -> Option<LocalTime> {
    let mut lines = head.split(|&byte| byte == b'\n' || byte == b'\r');
    lines.find_map(|line| log::head(kind, without_mark(line))).map(|head| head.time)
}

/// The offset from UTC that the head of a log shows first.
fn first_offset(kind: LogKind, head: &[u8]) -> Option<i32> {
    if !matches!(kind, LogKind::Cbs | LogKind::Dism) {
        let mut lines = head.split(|&byte| byte == b'\n' || byte == b'\r');
        return lines.find_map(|line| zone_of(kind, without_mark(line)));
    }
    // A stamp looks like `0000000f@2020/2/5:`; an at sign elsewhere is an address.
    memchr::memmem::find_iter(head, b"@20").find_map(|at| offset_in(line_around(head, at).0))
}

/// The offset from UTC that a line shows, if it is a dated CSI record.
pub(crate) fn offset_in(line: &[u8]) -> Option<i32> {
    let line = without_mark(line);
    let head = header(line)?;
    csi_stamp(&line[head.text_at..])?.offset_minutes(head.time)
}

fn gap(source: &str, what: &str, why: &str) -> GapNote {
    GapNote { source: source.to_owned(), line: None, what: what.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use unwedge_host::Fixture;

    use super::*;

    #[test]
    fn the_zone_is_found_far_into_a_log_and_holds_for_the_others() {
        let line = "2026-01-02 10:00:00, Info                  CBS    a line that shows no zone\n";
        let stamp = "2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 done\n";
        let host = |stamp: &str| {
            let log = format!("{}{stamp}{}", line.repeat(4_000), line.repeat(9));
            let files = format!(
                "//- file C:\\Windows\\Logs\\CBS\\CBS.log\n{log}//- file C:\\Windows\\Logs\\DISM\\dism.log\n{}",
                line.replace("CBS   ", "DISM  ")
            );
            Fixture::parse(&files).unwrap()
        };
        let offsets = |host: &Fixture| -> Vec<Option<i32>> {
            Listing::of(host).logs.iter().map(|log| log.offset_minutes).collect()
        };
        assert_eq!(offsets(&host(stamp)), [Some(60), Some(60)]);
        assert_eq!(offsets(&host("")), [None, None]);
    }

    #[test]
    fn what_an_event_log_does_not_give_the_event_service_may() {
        let line =
            "2025-03-01T10:11:12.0000000Z Error Service_Control_Manager 7000 System param1=x";
        let other = "2025-03-01T10:11:13.0000000Z Info Tide 7000 System param1=x";
        let logs = r"C:\Windows\System32\winevt\Logs";
        let pc =
            Fixture::parse(&format!("//- file {logs}\\System.txt\n{line}\n{other}\n")).unwrap();
        let denied = |name: &str| gap(&format!("{logs}\\{name}"), "the file", "denied");
        let gaps = vec![denied("System.evtx"), denied("Security.evtx"), denied("CBS.log")];
        let mut listing = Listing { gaps, ..Listing::default() };
        let name = "Service Control Manager".to_owned();
        listing
            .ask_for_events(&pc, || vec![Provider { name: name.clone(), ids: vec![(7000, 7009)] }]);
        let [only] = &listing.logs[..] else { panic!("{:?}", listing.logs) };
        let mut text = String::new();
        only.read(&pc, |reader| reader.read_to_string(&mut text)).unwrap().unwrap();
        assert_eq!(text.trim_end(), line);
        assert!(listing.gaps[0].what.contains("event service"));
        assert_eq!(listing.gaps[1].what, "the file", "nobody gave them");
    }

    #[test]
    fn a_slash_in_the_name_of_a_log_is_written_otherwise_in_that_of_its_file() {
        let name = r"X:\Logs\Microsoft-Windows-WindowsUpdateClient%4Operational.evtx";
        let channel = "Microsoft-Windows-WindowsUpdateClient/Operational";
        assert_eq!(channel_of(name).as_deref(), Some(channel));
        assert_eq!(channel_of(r"X:\CBS.log"), None);
    }
}
