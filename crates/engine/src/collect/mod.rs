//! Puts the evidence of one PC into one zip, with a manifest of what is in it and what is not.
//!
//! The same evidence gives the same bytes. A bundle is itself evidence that can be diagnosed.

mod converted;
mod kind;
mod manifest;
mod place;
mod registry;

use std::cmp::Reverse;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};
use unwedge_formats::log::Encoding;
use unwedge_host::container::{self, Member};
use unwedge_host::{Evidence, Host};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::redact::{Leak, Learner, Redactor, check, check_text};
use converted::Conversion;
use kind::Kind;
use place::Places;
use registry::Registry;

pub(crate) use converted::TRACE_ENDING;

pub use kind::Coverage;
pub use manifest::{FORMAT, Filed, LeftOut, Manifest, NAME as MANIFEST_NAME, Treatment};

/// A part of a log smaller than this is not worth cutting one for.
const SMALLEST_PART_BYTES: u64 = 64 << 10;
/// At most so many files that are left out are listed.
const MOST_LEFT_OUT: usize = 1_000;

/// The text of the registry in a redacted bundle.
const REGISTRY_NAME: &str = "registry.reg";

/// What goes into a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Bytes of evidence, before they are compressed.
    pub max_size_bytes: u64,
    /// Whether private values are replaced.
    pub privacy: Privacy,
}

/// What becomes of private values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Files stay as they are.
    Keep,
    /// Values are replaced in text; what is no text is turned into some.
    Redact,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The evidence cannot be listed.
    #[error("could not list the evidence")]
    Host(#[from] unwedge_host::HostError),
    /// Nothing that could be looked at was found.
    #[error("nothing was found that unwedge can look at ({0} files are of no kind known here)")]
    Nothing(usize),
    /// The bundle cannot be written.
    #[error("could not write the bundle")]
    Write(#[from] io::Error),
    /// The check found a private value: the bundle must not be given away.
    #[error("the check found what is private in the redacted bundle: {0}")]
    Leak(Leak),
}

/// A file that is to be collected.
struct Item {
    evidence: Evidence,
    member: Member,
    kind: Kind,
    /// Name by which it is cited, without what is common to all.
    relative: String,
    /// Bytes it takes: as stored, or decoded.
    size_bytes: u64,
}

/// How much of a file is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// So many bytes at its end.
    Newest(u64),
}

/// Writes a bundle. On an error what was written is to be thrown away.
pub fn collect(
    host: &dyn Host,
    request: Request,
    mut out: impl Read + Write + Seek,
) -> Result<Manifest, CollectError> {
    let mut survey = Survey::of(host, request.privacy)?;
    if survey.items.is_empty() && survey.hives.is_empty() {
        return Err(CollectError::Nothing(survey.left_out.len() + survey.left_out_more));
    }
    let (conversion, registry, redactor) = match request.privacy {
        Privacy::Keep => (Conversion::None, None, None),
        Privacy::Redact => {
            let conversion = Conversion::to_text(host);
            let registry = Registry::of(host);
            let redactor = survey.learn(host, &conversion, &registry);
            (conversion, Some(registry), Some(redactor))
        }
    };
    let chosen = survey.choose(request.max_size_bytes);
    let redactor = redactor.as_ref();
    let mut bundle = Bundle { zip: ZipWriter::new(&mut out), redactor, conversion };
    let mut files = Vec::new();
    if let (Some(registry), Some(redactor)) = (&registry, redactor) {
        let hives = std::mem::take(&mut survey.hives);
        files.extend(bundle.registry(registry, redactor, &hives, &mut survey.places)?);
        for (source, kind, size_bytes) in hives.into_iter().filter(|_| files.is_empty()) {
            let why = "nothing in it is read by unwedge".to_owned();
            survey.leave_out(&source, Some(kind.name()), size_bytes, why);
        }
    }
    let mut places = survey.places;
    for (item, part) in chosen {
        let relative = bundle.without_private(&item.relative);
        let (_, ending) = bundle.conversion.becomes(item.kind);
        let path = places.take(&format!("{relative}{ending}"));
        files.push(bundle.file(host, &item, part, path)?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for left in &mut survey.left_out {
        left.why = bundle.without_private(&left.why);
        left.source = bundle.without_private(&left.source);
    }
    let kinds: Vec<&str> = files.iter().map(|file| file.kind).collect();
    let manifest = Manifest {
        format: FORMAT,
        unwedge: env!("CARGO_PKG_VERSION"),
        redacted: redactor.is_some(),
        coverage: kind::coverage(&kinds),
        files,
        left_out: survey.left_out,
        left_out_more: survey.left_out_more,
        replaced: redactor.map(Redactor::counts).unwrap_or_default(),
    };
    bundle.end(&manifest)?;
    if let Some(redactor) = redactor {
        out.rewind()?;
        if let Some(leak) = check(&mut out, redactor)? {
            return Err(CollectError::Leak(leak));
        }
    }
    Ok(manifest)
}

/// What was found.
struct Survey {
    items: Vec<Item>,
    /// Parts of the registry, of which text is made in one; with their kind and size.
    hives: Vec<(String, Kind, u64)>,
    left_out: Vec<LeftOut>,
    left_out_more: usize,
    places: Places,
}

impl Survey {
    fn of(host: &dyn Host, privacy: Privacy) -> Result<Survey, CollectError> {
        let evidence = host.evidence()?;
        let places = Places::of(evidence.iter().map(|it| &it.source[..]));
        let (items, hives, left_out) = (Vec::new(), Vec::new(), Vec::new());
        let mut survey = Survey { items, hives, left_out, left_out_more: 0, places };
        for file in evidence {
            survey.look(host, file, privacy);
        }
        Ok(survey)
    }

    /// Looks at one file, and into it when it is a container.
    fn look(&mut self, host: &dyn Host, evidence: Evidence, privacy: Privacy) {
        let mut found = Vec::new();
        let mut unread = Vec::new();
        let mut unknown = 0;
        let walked =
            container::walk(
                &|| host.open_evidence(&evidence),
                &mut |member, content| match content.and_then(Kind::of) {
                    Ok(Some(kind)) => found.push((member.clone(), kind)),
                    Ok(None) => unknown += 1,
                    Err(why) => unread.push((member.cited(&evidence.source), why.to_string())),
                },
            );
        if let Err(why) = walked {
            unread.push((evidence.source.clone(), why.to_string()));
        }
        for (source, why) in unread {
            self.leave_out(&source, None, evidence.size_bytes, why);
        }
        if found.is_empty() && unknown > 0 {
            let why = "of no kind known here".to_owned();
            self.leave_out(&evidence.source, None, evidence.size_bytes, why);
        }
        // As it is stored a container is one file; to be redacted it is taken apart.
        if privacy == Privacy::Keep {
            found.sort_by_key(|(_, kind)| *kind);
            found.truncate(1);
            for (member, _) in &mut found {
                *member = Member::WHOLE;
            }
        }
        for (member, kind) in found {
            let source = member.cited(&evidence.source);
            if privacy == Privacy::Redact && matches!(kind, Kind::Hive | Kind::RegistryExport) {
                self.hives.push((source, kind, evidence.size_bytes));
                continue;
            }
            let relative = self.places.relative(&source);
            let size_bytes = evidence.size_bytes;
            self.items.push(Item {
                evidence: evidence.clone(),
                member,
                kind,
                relative,
                size_bytes,
            });
        }
    }

    fn leave_out(
        &mut self,
        source: &str,
        kind: Option<&'static str>,
        size_bytes: u64,
        why: String,
    ) {
        if self.left_out.len() == MOST_LEFT_OUT {
            self.left_out_more += 1;
            return;
        }
        let why = why.replace(source, "it");
        let source = self.places.relative(source);
        self.left_out.push(LeftOut { source, kind, size_bytes, why });
    }

    /// Goes through all texts to learn what is private, and how large they are.
    fn learn(
        &mut self,
        host: &dyn Host,
        conversion: &Conversion,
        registry: &Registry<'_>,
    ) -> Redactor {
        let mut learner = Learner::default();
        if let Some(name) = &host.about().name {
            learner.host(name.as_bytes());
        }
        registry.learn(&mut learner);
        for mut item in std::mem::take(&mut self.items) {
            learner.line(format!("/{}", item.relative).as_bytes());
            let read = conversion.read(host, &item, |reader| learner.read(reader));
            let is_converted = conversion.changes(item.kind);
            // What cannot be read is told when it is written.
            match read.and_then(|read| read) {
                Ok(0) if is_converted => {
                    let why = "unwedge reads nothing in it".to_owned();
                    let source = item.member.cited(&item.evidence.source);
                    let size_bytes = item.evidence.size_bytes;
                    self.leave_out(&source, Some(item.kind.name()), size_bytes, why);
                    continue;
                }
                Ok(size) if size > 0 && (is_converted || !item.member.is_whole()) => {
                    item.size_bytes = size;
                }
                Ok(_) | Err(_) => {}
            }
            self.items.push(item);
        }
        for (source, ..) in &self.hives {
            learner.line(format!("/{}", self.places.relative(source)).as_bytes());
        }
        for left in &self.left_out {
            learner.line(format!("/{}", left.source).as_bytes());
        }
        learner.settled()
    }

    /// Takes the most telling kinds first, of each the newest, until the bundle is full.
    fn choose(&mut self, max_size_bytes: u64) -> Vec<(Item, Part)> {
        let mut items = std::mem::take(&mut self.items);
        items.sort_by_cached_key(|item| {
            // CBS.log and dism.log are written now, CbsPersist_* and dism.log.bak were before.
            let rank = match item.kind {
                Kind::Log(_) => 0,
                Kind::DeviceSetup | Kind::PendingXml | Kind::RegistryExport => 1,
                Kind::EventLog | Kind::Trace => 2,
                Kind::Hive => 3,
            };
            (rank, Reverse((item.evidence.modified, item.relative.to_lowercase())))
        });
        let (mut left, mut chosen) = (max_size_bytes, Vec::new());
        for item in items {
            let can_be_cut = item.kind.is_log() && item.member.is_whole();
            let part = match item.size_bytes {
                size if size <= left => Part::All,
                _ if can_be_cut && left >= SMALLEST_PART_BYTES => Part::Newest(left),
                size => {
                    let why = format!("the bundle may hold {max_size_bytes} bytes and is full");
                    let source = item.member.cited(&item.evidence.source);
                    self.leave_out(&source, Some(item.kind.name()), size, why);
                    continue;
                }
            };
            left -= item.size_bytes.min(left);
            chosen.push((item, part));
        }
        chosen.sort_by(|(a, _), (b, _)| a.relative.cmp(&b.relative));
        chosen
    }
}

/// A bundle that is being written.
struct Bundle<'b, W: Write + Seek> {
    zip: ZipWriter<W>,
    redactor: Option<&'b Redactor>,
    conversion: Conversion,
}

impl<W: Write + Seek> Bundle<'_, W> {
    fn file(
        &mut self,
        host: &dyn Host,
        item: &Item,
        part: Part,
        path: String,
    ) -> io::Result<Filed> {
        let large = item.size_bytes >= u64::from(u32::MAX) / 2;
        self.zip.start_file(&path, options().large_file(large)).map_err(io::Error::other)?;
        let redactor = self.redactor;
        let mut hashed = Hashed { inner: &mut self.zip, hash: Sha256::new(), size_bytes: 0 };
        let mut skipped = 0;
        let open = || host.open_evidence(&item.evidence);
        let copied = match part {
            Part::All => {
                self.conversion.read(host, item, |reader| copy(reader, redactor, &mut hashed))
            }
            Part::Newest(bytes) => open().map_err(io::Error::other).map(|mut file| {
                let (from, mark) = newest(&mut file, item.evidence.size_bytes, bytes)?;
                skipped = from;
                copy(&mut mark.chain(file), redactor, &mut hashed)
            }),
        };
        // The disk of the bundle being full and a source that cannot be read are told apart.
        let broken = match copied.and_then(|copied| copied) {
            Err(why) if why.kind() == io::ErrorKind::StorageFull => return Err(why),
            copied => copied.err().map(|why| {
                self.redactor.map_or_else(
                    || why.to_string(),
                    |redactor| redactor.redacted_text(&why.to_string()),
                )
            }),
        };
        let Hashed { hash, size_bytes, .. } = hashed;
        let source = match redactor {
            Some(redactor) => redactor.redacted_text(&item.relative),
            None => item.member.cited(&item.evidence.source),
        };
        Ok(Filed {
            path,
            source,
            kind: self.conversion.becomes(item.kind).0,
            size_bytes,
            sha256: hex(hash),
            modified: item.evidence.modified,
            treatment: match redactor {
                None => Treatment::AsStored,
                Some(_) if self.conversion.changes(item.kind) => Treatment::Converted,
                Some(_) => Treatment::Redacted,
            },
            skipped_bytes: (skipped > 0).then_some(skipped),
            broken,
        })
    }

    /// Writes the registry of the evidence, if there is one.
    fn registry(
        &mut self,
        registry: &Registry<'_>,
        redactor: &Redactor,
        hives: &[(String, Kind, u64)],
        places: &mut Places,
    ) -> Result<Option<Filed>, CollectError> {
        let Some((text, plain)) = registry.redacted(redactor) else { return Ok(None) };
        let path = places.take(REGISTRY_NAME);
        // In the text of an export some strings stand as numbers.
        if let Some(leak) = check_text(&path, plain.as_bytes(), redactor) {
            return Err(CollectError::Leak(leak));
        }
        self.zip.start_file(&path, options()).map_err(io::Error::other)?;
        let mut hashed = Hashed { inner: &mut self.zip, hash: Sha256::new(), size_bytes: 0 };
        hashed.write_all(text.as_bytes())?;
        let Hashed { hash, size_bytes, .. } = hashed;
        let sources: Vec<String> = hives
            .iter()
            .map(|(source, ..)| self.without_private(&places.relative(source)))
            .collect();
        Ok(Some(Filed {
            path,
            source: if sources.is_empty() { "the PC".to_owned() } else { sources.join(", ") },
            kind: Kind::RegistryExport.name(),
            size_bytes,
            sha256: hex(hash),
            modified: None,
            treatment: Treatment::Converted,
            skipped_bytes: None,
            broken: None,
        }))
    }

    fn end(mut self, manifest: &Manifest) -> io::Result<()> {
        self.zip.start_file(MANIFEST_NAME, options()).map_err(io::Error::other)?;
        serde_json::to_writer_pretty(&mut self.zip, manifest)?;
        self.zip.finish().map_err(io::Error::other)?.flush()
    }

    fn without_private(&self, text: &str) -> String {
        match self.redactor {
            // A leading slash lets the first folder of a path be seen as one.
            Some(redactor) => redactor.redacted_text(&format!("/{text}"))[1..].to_owned(),
            None => text.to_owned(),
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same evidence gives the same bytes: no file has a time of its own.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
}

fn copy(reader: &mut dyn Read, redactor: Option<&Redactor>, out: &mut dyn Write) -> io::Result<()> {
    match redactor {
        Some(redactor) => redactor.copy(reader, out),
        None => io::copy(reader, out).map(|_| ()),
    }
}

/// Goes to the first line among the last bytes of a log; gives where that is, and the byte order
/// mark that must stand before it.
fn newest(
    file: &mut (impl Read + Seek),
    size_bytes: u64,
    bytes: u64,
) -> io::Result<(u64, &'static [u8])> {
    let mut head = Vec::new();
    (&mut *file).take(64).read_to_end(&mut head)?;
    let (end, mark): (&[u8], &[u8]) = match Encoding::of(&head) {
        Encoding::Bytes => (b"\n", b""),
        Encoding::Utf16Le => (b"\n\0", b"\xff\xfe"),
        Encoding::Utf16Be => (b"\0\n", b"\xfe\xff"),
    };
    let width = end.len() as u64;
    let from = size_bytes.saturating_sub(bytes) / width * width;
    file.seek(SeekFrom::Start(from))?;
    let mut near = Vec::new();
    (&mut *file).take(SMALLEST_PART_BYTES / 2).read_to_end(&mut near)?;
    let line = near.chunks_exact(end.len()).position(|unit| unit == end);
    let from = from + line.map_or(0, |line| (line as u64 + 1) * width);
    file.seek(SeekFrom::Start(from))?;
    Ok((from, mark))
}

/// Counts and hashes what is written.
struct Hashed<'h, W> {
    inner: &'h mut W,
    hash: Sha256,
    size_bytes: u64,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
