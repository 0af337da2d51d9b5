//! A PC of which only that is seen which was written to its logs since a mark.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;

use unwedge_host::{
    About, Entry, Evidence, Host, HostError, HostErrorKind, Key, KeyPath, Probe, ProbeOutput,
    ReadSeek, RegistryGap, Result, Service, ServiceName, WinPath,
};

/// Bytes at the beginning of a file that tell it from others, when it is given another name.
const HEAD_BYTES: usize = 256;
/// So far from the end of a file the end of its last whole line is looked for.
const TAIL_BYTES: u64 = 64 << 10;
/// Lines are counted by so many bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Event logs that tell of updates. Windows makes room in them before it needs it, so neither size
/// nor time tells when one grew.
const EVENT_LOGS: [&str; 4] = [
    "system.evtx",
    "setup.evtx",
    "microsoft-windows-windowsupdateclient%4operational.evtx",
    "microsoft-windows-servicing%4operational.evtx",
];
/// Logs that are written all the time; a folder shows the size of an open file of a while ago.
const OPEN_LOGS: [&str; 6] = [
    "cbs.log",
    "dism.log",
    "windowsupdate.log",
    "reportingevents.log",
    "setupact.log",
    "setupapi.dev.log",
];

/// How the logs of a PC stood at one moment.
#[derive(Debug, Default)]
pub(super) struct Marks {
    files: BTreeMap<String, Mark>,
    /// How many lines stand before the cut, of those files that grew.
    lines: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// Size and time as the host lists them, which may be those of a while ago.
    listed: (u64, Option<u64>),
    /// Where it ends in truth.
    size_bytes: u64,
    head: Vec<u8>,
    /// Behind the last whole line; 0 for what is no text.
    cut: u64,
}

impl Marks {
    /// Looks at all evidence of `host`; what cannot be opened now is taken to be new later.
    pub(super) fn of(host: &dyn Host) -> Result<Marks> {
        let mut files = BTreeMap::new();
        for evidence in host.evidence()? {
            let Ok(mut reader) = host.open_evidence(&evidence) else { continue };
            if let Ok(mark) = mark(&mut *reader, &evidence) {
                files.insert(evidence.source, mark);
            }
        }
        Ok(Marks { files, lines: Mutex::default() })
    }

    /// Whether anything stands in `evidence` that did not at the mark.
    fn is_news(&self, host: &dyn Host, evidence: &Evidence) -> bool {
        let name = base_name(&evidence.source);
        let Some(mark) = self.files.get(&evidence.source) else { return true };
        if (evidence.size_bytes, evidence.modified) != mark.listed
            || EVENT_LOGS.contains(&name.as_str())
        {
            return true;
        }
        OPEN_LOGS.contains(&name.as_str())
            && host
                .open_evidence(evidence)
                .and_then(|mut reader| end_of(&mut *reader).map_err(|why| unread(evidence, &why)))
                .is_ok_and(|end| end != mark.size_bytes)
    }

    /// Where the news in a file begin that now begins with `head` and is `size_bytes` long.
    fn cut(&self, source: &str, head: &[u8], size_bytes: u64) -> u64 {
        let goes_on =
            |mark: &&Mark| mark.cut > 0 && mark.cut <= size_bytes && head.starts_with(&mark.head);
        // A log that is full gets another name, and what it held goes with it.
        let renamed = || self.files.values().find(goes_on);
        self.files.get(source).filter(goes_on).or_else(renamed).map_or(0, |mark| mark.cut)
    }

    /// How many lines stand before what is seen of a file.
    pub(super) fn lines_before(&self, source: &str) -> u64 {
        self.lines.lock().map_or(0, |lines| lines.get(source).copied().unwrap_or(0))
    }
}

/// The PC since `marks`.
pub(super) struct Since<'h> {
    host: &'h dyn Host,
    marks: &'h Marks,
}

impl<'h> Since<'h> {
    pub(super) fn new(host: &'h dyn Host, marks: &'h Marks) -> Since<'h> {
        Since { host, marks }
    }
}

impl Host for Since<'_> {
    fn about(&self) -> &About {
        self.host.about()
    }

    fn evidence(&self) -> Result<Vec<Evidence>> {
        let all = self.host.evidence()?;
        Ok(all.into_iter().filter(|evidence| self.marks.is_news(self.host, evidence)).collect())
    }

    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        let mut reader = self.host.open_evidence(evidence)?;
        let opened = (|| {
            let size_bytes = end_of(&mut *reader)?;
            let head = head_of(&mut *reader)?;
            let cut = self.marks.cut(&evidence.source, &head, size_bytes);
            if cut > 0
                && let Ok(mut lines) = self.marks.lines.lock()
                && !lines.contains_key(&evidence.source)
            {
                lines.insert(evidence.source.clone(), lines_in(&mut *reader, cut)?);
            }
            io::Result::Ok((encoding_mark(&head), cut))
        })();
        let (mark, cut) = opened.map_err(|why| unread(evidence, &why))?;
        let mark = if cut > 0 { mark } else { &[] };
        let mut news = News { mark, reader, from: cut, at: 0 };
        news.rewind().map_err(|why| unread(evidence, &why))?;
        Ok(Box::new(news))
    }

    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        self.host.read(path)
    }
    fn exists(&self, path: &WinPath) -> Result<bool> {
        self.host.exists(path)
    }
    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        self.host.list(folder)
    }
    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        self.host.key(path)
    }
    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        self.host.keys_below(path)
    }
    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        self.host.service(name)
    }
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        self.host.probe(probe)
    }
    fn registry_gaps(&self) -> Vec<RegistryGap> {
        self.host.registry_gaps()
    }
}

/// A file from its cut on, behind the mark of its encoding.
struct News<'r> {
    mark: &'static [u8],
    reader: Box<dyn ReadSeek + 'r>,
    from: u64,
    at: u64,
}

impl Read for News<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let marked = self.mark.len() as u64;
        let read = if self.at < marked {
            let mut rest = self.mark.get(usize::try_from(self.at).unwrap_or(0)..).unwrap_or(&[]);
            rest.read(buffer)?
        } else {
            self.reader.read(buffer)?
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for News<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let marked = self.mark.len() as u64;
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => {
                let end = end_of(&mut *self.reader)?.saturating_sub(self.from) + marked;
                end.checked_add_signed(by)
            }
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning");
        let wanted = wanted.ok_or_else(before)?;
        self.reader.seek(SeekFrom::Start(self.from + wanted.saturating_sub(marked)))?;
        self.at = wanted;
        Ok(wanted)
    }
}

fn mark(reader: &mut dyn ReadSeek, evidence: &Evidence) -> io::Result<Mark> {
    let size_bytes = end_of(reader)?;
    let head = head_of(reader)?;
    let cut = end_of_lines(reader, size_bytes, &head)?;
    let listed = (evidence.size_bytes, evidence.modified);
    Ok(Mark { listed, size_bytes, head, cut })
}

/// Where the last whole line of a text ends; 0 where there is none or it is no text.
fn end_of_lines(reader: &mut dyn ReadSeek, size_bytes: u64, head: &[u8]) -> io::Result<u64> {
    let is_wide = head.starts_with(b"\xff\xfe");
    // Binary files hold zero bytes where texts hold none, and are never cut.
    if head.is_empty() || (!is_wide && head.contains(&0)) {
        return Ok(0);
    }
    let mut from = size_bytes.saturating_sub(TAIL_BYTES);
    from -= from % 2;
    reader.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    reader.take(TAIL_BYTES + 1).read_to_end(&mut tail)?;
    let end = if is_wide {
        tail.chunks_exact(2).rposition(|pair| pair == b"\n\0").map(|pair| 2 * pair + 2)
    } else {
        memchr::memrchr(b'\n', &tail).map(|at| at + 1)
    };
    Ok(end.map_or(0, |end| from + end as u64))
}

/// How many lines end before `cut`.
fn lines_in(reader: &mut dyn ReadSeek, cut: u64) -> io::Result<u64> {
    reader.seek(SeekFrom::Start(0))?;
    let mut limited = reader.take(cut);
    let mut piece = vec![0; PIECE_BYTES];
    let mut lines = 0;
    loop {
        match limited.read(&mut piece)? {
            0 => return Ok(lines),
            read => lines += memchr::memchr_iter(b'\n', &piece[..read]).count() as u64,
        }
    }
}

fn head_of(reader: &mut dyn ReadSeek) -> io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn end_of(reader: &mut dyn ReadSeek) -> io::Result<u64> {
    reader.seek(SeekFrom::End(0))
}

/// What tells the encoding of a text that begins so.
fn encoding_mark(head: &[u8]) -> &'static [u8] {
    match head {
        [0xff, 0xfe, ..] => b"\xff\xfe",
        [0xef, 0xbb, 0xbf, ..] => b"\xef\xbb\xbf",
        _ => &[],
    }
}

fn base_name(source: &str) -> String {
    source.rsplit(['/', '\\']).next().unwrap_or(source).to_lowercase()
}

fn unread(evidence: &Evidence, why: &io::Error) -> HostError {
    HostError {
        op: "read",
        subject: evidence.source.clone(),
        kind: HostErrorKind::Io(why.to_string()),
    }
}
