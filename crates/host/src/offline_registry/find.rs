//! Finding hives and exports among files of evidence, by their content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use unwedge_formats::regf::{self, Freshness, Hive, Kind, Pages};
use unwedge_formats::{Gap, GapReason, registry_export};

use super::{Mount, OfflineRegistry};
use crate::container::{self, Member, ReadSeek};
use crate::{Data, KeyPath};

/// Opens the same evidence anew each time it is called.
pub type Opener<'o> = &'o dyn Fn(&str) -> crate::Result<Box<dyn ReadSeek + 'o>>;

/// Hives that are compressed, and exports, are read into memory; COMPONENTS has up to 200 MB.
const MOST_UNPACKED_BYTES: u64 = 512 << 20;
/// So much of a file tells what it is: the checksum of a hive or log stands at its end.
const HEAD_BYTES: u64 = 512;
/// Nothing smaller is a hive or an export.
const LEAST_BYTES: u64 = 32;
const PACKED_ENDINGS: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];
const LOG_ENDINGS: [&str; 3] = [".log", ".log1", ".log2"];

/// A file of evidence.
#[derive(Debug, Clone)]
pub struct Source<'s> {
    /// The name by which it is opened and cited.
    pub name: &'s str,
    /// Size in bytes as stored.
    pub size_bytes: u64,
    /// Where it lies as a file of its own; `None` inside of something else.
    pub path: Option<PathBuf>,
}

/// A file of evidence, or what it holds.
struct Part {
    /// The name by which reports cite it.
    cited: String,
    /// The name by which the outer file is opened.
    source: String,
    member: Member,
    path: Option<PathBuf>,
}

/// A hive before it has its place.
struct Found {
    source: String,
    kind: Kind,
    hive: Hive<'static>,
    is_backup: bool,
    last_written: u64,
}

impl OfflineRegistry {
    /// Looks through `sources` for hives with their logs and for exports.
    pub fn find<'s>(sources: impl Iterator<Item = Source<'s>>, open: Opener<'_>) -> Self {
        let mut registry = OfflineRegistry::default();
        let (mut hives, mut logs, mut exports) = (Vec::new(), BTreeMap::new(), Vec::new());
        for source in sources.filter(|it| it.size_bytes >= LEAST_BYTES) {
            parts(&source, open, &mut |part, head| {
                let is_hive = head.starts_with(&regf::MAGIC);
                if is_hive && (regf::is_log(head) || is_log_name(&part.cited)) {
                    logs.insert(bare_name(&part.cited), part);
                } else if is_hive {
                    hives.push(part);
                } else if registry_export::is_export(head) {
                    exports.push(part);
                }
            });
        }
        let mut found = Vec::new();
        for part in hives {
            let bare = bare_name(&part.cited);
            let logs = LOG_ENDINGS.iter().filter_map(|ending| logs.get(&format!("{bare}{ending}")));
            match brought_up_to_date(&part, open, logs) {
                Ok(Some(hive)) => {
                    registry.note_all(&part.cited, hive.gaps().to_vec());
                    found.push(Found::new(&part.cited, hive));
                }
                Ok(None) => {}
                Err(error) => registry.note_all(&part.cited, vec![unreadable("hive", &error)]),
            }
        }
        registry.mount(found);
        for part in exports {
            match unpacked(&part, open) {
                Ok(bytes) => {
                    let gaps = registry.exports.add(&part.cited, &bytes);
                    registry.note_all(&part.cited, gaps);
                }
                Err(error) => registry.note_all(&part.cited, vec![unreadable("export", &error)]),
            }
        }
        registry
    }

    /// Gives every hive its place; of several copies the one Windows used last.
    fn mount(&mut self, mut found: Vec<Found>) {
        found.sort_by_key(|it| (it.is_backup, u64::MAX - it.last_written));
        let (users, machine): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| it.kind == Kind::User);
        for found in machine {
            let at = match found.kind {
                Kind::System => r"hklm\system",
                Kind::Software => r"hklm\software",
                Kind::Components => r"hklm\components",
                Kind::Drivers => r"hklm\drivers",
                Kind::User | Kind::Other => continue,
            };
            self.place(found, at.to_owned());
        }
        let people: Vec<bool> = users.iter().map(|it| is_of_a_person(&it.source)).collect();
        let is_only_one = people.iter().filter(|it| **it).count() == 1;
        for (found, is_person) in users.into_iter().zip(people) {
            if last_name(&found.source) == "default" {
                self.place(found, r"hku\.default".to_owned());
            } else if is_person && is_only_one {
                self.place(found, "hkcu".to_owned());
            } else if is_person && let Some(sid) = self.sid_of(&found.source) {
                self.place(found, format!(r"hku\{}", sid.to_lowercase()));
            }
        }
    }

    fn place(&mut self, found: Found, at: String) {
        if let Some(other) = self.mounts.iter().find(|it| it.at == at) {
            let why = format!("not looked at, {} is the later copy", other.source);
            self.note_all(&found.source, vec![unreadable("hive", &io::Error::other(why))]);
            return;
        }
        let control_set = (found.kind == Kind::System).then(|| control_set(&found.hive)).flatten();
        let Found { source, hive, .. } = found;
        self.mounts.push(Mount { at, source, hive, control_set });
    }

    /// The user whose profile folder has the name of the folder in which the hive lies.
    fn sid_of(&self, source: &str) -> Option<String> {
        const PROFILES: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList";
        let folder = source.rsplit(['/', '\\']).nth(1)?;
        let profiles = self.keys_below(&KeyPath::new(PROFILES)).ok().flatten()?;
        let is_it = |(_, key): &&(String, crate::Key)| {
            let path = key.text("ProfileImagePath").unwrap_or_default();
            path.rsplit('\\').next().is_some_and(|name| name.eq_ignore_ascii_case(folder))
        };
        profiles.iter().find(is_it).map(|(sid, _)| sid.clone())
    }
}

impl Found {
    fn new(source: &str, hive: Hive<'static>) -> Self {
        let lower = source.to_lowercase();
        let bare = bare_name(source);
        let is_backup = ["/regback/", r"\regback\", "/repair/", r"\repair\"]
            .iter()
            .any(|folder| lower.contains(folder))
            || [".sav", ".old", ".bak"].iter().any(|ending| bare.ends_with(ending));
        // Windows 10 does not write the time of the hive, but that of its keys.
        let root = hive.root().map_or(0, |root| root.last_written());
        Found {
            source: source.to_owned(),
            kind: hive.kind(),
            last_written: hive.last_written().max(root),
            hive,
            is_backup,
        }
    }
}

/// Shows everything that a file holds, with how it begins.
fn parts(source: &Source<'_>, open: Opener<'_>, visit: &mut dyn FnMut(Part, &[u8])) {
    // What cannot be read is told when the logs are read.
    let _ = container::walk(&|| open(source.name), &mut |member, content| {
        let mut head = Vec::new();
        let read = content.and_then(|it| it.take(HEAD_BYTES).read_to_end(&mut head));
        if read.is_ok() {
            let part = Part {
                cited: member.cited(source.name),
                source: source.name.to_owned(),
                member: member.clone(),
                path: source.path.clone(),
            };
            visit(part, &head);
        }
    });
}

fn unpacked(part: &Part, open: Opener<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    container::read(&|| open(&part.source), &part.member, |reader| {
        reader.take(MOST_UNPACKED_BYTES + 1).read_to_end(&mut bytes)
    })??;
    if bytes.len() as u64 > MOST_UNPACKED_BYTES {
        let why = format!("more than {} MB unpacked", MOST_UNPACKED_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(bytes)
}

/// Opens a hive; its logs are read only if it says that it is in the middle of a write.
fn brought_up_to_date<'p>(
    part: &Part,
    open: Opener<'_>,
    logs: impl Iterator<Item = &'p Part>,
) -> io::Result<Option<Hive<'static>>> {
    let hive = opened(part, open, &[])?;
    if hive.as_ref().is_none_or(|hive| hive.freshness() == Freshness::Clean) {
        return Ok(hive);
    }
    let logs: Vec<Vec<u8>> = logs.filter_map(|log| unpacked(log, open).ok()).collect();
    if logs.is_empty() { Ok(hive) } else { opened(part, open, &logs) }
}

fn opened(part: &Part, open: Opener<'_>, logs: &[Vec<u8>]) -> io::Result<Option<Hive<'static>>> {
    let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    Ok(match &part.path {
        Some(path) if part.member.is_whole() => {
            let file = File::open(path)?;
            Hive::open(FilePages { size_bytes: file.metadata()?.len(), file }, &logs).ok()
        }
        _ => Hive::open(unpacked(part, open)?, &logs).ok(),
    })
}

/// A hive that is read where it lies.
struct FilePages {
    file: File,
    size_bytes: u64,
}

impl Pages for FilePages {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let mut count = 0;
        while count < into.len() {
            match positional(&self.file, offset + count as u64, &mut into[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        count
    }
}

#[cfg(unix)]
fn positional(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(windows)]
fn positional(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

/// Which set of controls Windows used: by its own word, or because there is only one.
fn control_set(hive: &Hive<'_>) -> Option<String> {
    let current = hive.key("Select").ok().flatten().and_then(|key| key.value("Current").ok()?);
    if let Some(regf::Data::Dword(number)) = current.and_then(|it| it.data().ok()) {
        return Some(format!("ControlSet{number:03}"));
    }
    let names = hive.root().ok()?.subkeys().items;
    let mut sets = names
        .iter()
        .map(regf::Key::name)
        .filter(|name| name.get(..10).is_some_and(|it| it.eq_ignore_ascii_case("ControlSet")));
    sets.next().filter(|_| sets.next().is_none())
}

/// The profiles of services and the pattern for new users are nobody's.
fn is_of_a_person(source: &str) -> bool {
    let lower = source.to_lowercase();
    let folder = lower.rsplit(['/', '\\']).nth(1).unwrap_or_default();
    let nobody = ["default", "systemprofile", "localservice", "networkservice", "config"];
    !nobody.contains(&folder) && last_name(source) != "default"
}

fn last_name(source: &str) -> String {
    let bare = bare_name(source);
    bare.rsplit(['/', '\\']).next().unwrap_or(&bare).to_owned()
}

/// The name in lower case, without the ending of what it is packed in.
fn bare_name(source: &str) -> String {
    let lower = source.to_lowercase();
    let packed = PACKED_ENDINGS.iter().find_map(|ending| lower.strip_suffix(ending));
    packed.unwrap_or(&lower).to_owned()
}

fn is_log_name(source: &str) -> bool {
    let bare = bare_name(source);
    LOG_ENDINGS.iter().any(|ending| bare.ends_with(ending))
}

fn unreadable(what: &'static str, error: &io::Error) -> Gap {
    Gap { at: 0..0, line: 0, what, why: GapReason::Unreadable(error.to_string()) }
}

impl From<regf::Data> for Data {
    fn from(data: regf::Data) -> Self {
        match data {
            regf::Data::Dword(number) => Data::Dword(number),
            regf::Data::Qword(number) => Data::Qword(number),
            regf::Data::Sz(text) => Data::Sz(text),
            regf::Data::ExpandSz(text) => Data::ExpandSz(text),
            regf::Data::MultiSz(texts) => Data::MultiSz(texts),
            regf::Data::Binary(bytes) => Data::Binary(bytes),
        }
    }
}

impl From<Data> for regf::Data {
    fn from(data: Data) -> Self {
        match data {
            Data::Dword(number) => regf::Data::Dword(number),
            Data::Qword(number) => regf::Data::Qword(number),
            Data::Sz(text) => regf::Data::Sz(text),
            Data::ExpandSz(text) => regf::Data::ExpandSz(text),
            Data::MultiSz(texts) => regf::Data::MultiSz(texts),
            Data::Binary(bytes) => regf::Data::Binary(bytes),
        }
    }
}
