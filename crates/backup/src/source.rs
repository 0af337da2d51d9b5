//! What is backed up: walked in the order a tree needs, each file read to its end, and whatever
//! cannot be listed by path with its reason.
//!
//! `rustic_core` has a source of its own that logs what it cannot read and goes on; this one tells.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf, Prefix};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, Walk, WalkBuilder};
use rustic_core::{
    ErrorKind, LocalSourceSaveOptions, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError,
    RusticResult,
};
use serde::Serialize;

use crate::left_out::{Gathered, Reason};

/// What is not to be backed up, because the user or the table of settings says so.
#[derive(Debug, Clone)]
pub struct Exclusion {
    /// Only below this folder.
    below: Option<PathBuf>,
    pattern: GlobMatcher,
    is_name: bool,
}

impl Exclusion {
    /// A pattern (`*`, `?`, `[…]`) for a name anywhere, or for a whole path if it has a separator.
    ///
    /// # Errors
    /// When it is no pattern.
    pub fn new(pattern: &str, below: Option<&Path>) -> anyhow::Result<Exclusion> {
        let is_name = !pattern.contains(std::path::is_separator);
        let glob = GlobBuilder::new(pattern)
            .case_insensitive(cfg!(windows))
            .literal_separator(true)
            .backslash_escape(!cfg!(windows))
            .build()
            .with_context(|| format!("`{pattern}` is no pattern"))?;
        let pattern = glob.compile_matcher();
        Ok(Exclusion { below: below.map(Path::to_owned), pattern, is_name })
    }

    fn holds(&self, path: &Path) -> bool {
        if self.below.as_ref().is_some_and(|it| !path.starts_with(it)) {
            return false;
        }
        match self.is_name {
            true => path.file_name().is_some_and(|name| self.pattern.is_match(name)),
            false => self.pattern.is_match(path),
        }
    }
}

/// How much a walk found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Files to be read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Folders.
    pub folders: u64,
    /// Links, which are kept as links and not followed.
    pub links: u64,
    /// What was told to be excluded; a folder counts once.
    pub excluded: u64,
}

/// What a walk handed over and what became of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// What was left out, and why.
    pub left_out: Gathered,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    amount: Amount,
    /// Files that were handed over to be stored, by the hash of their path in the snapshot.
    handed: HashMap<u64, u64>,
    grown: Vec<PathBuf>,
}

impl Tally {
    fn count(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the walk found so far.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).amount
    }

    /// The files that must be in the snapshot, by the hash of their path, with their bytes.
    #[must_use]
    pub fn take_handed(&self) -> HashMap<u64, u64> {
        std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner).handed)
    }

    /// Files that grew while they were read; the backup has what they held at first.
    #[must_use]
    pub fn take_grown(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner).grown)
    }

    /// A file that was handed over could not be read.
    fn drop_file(&self, path: &Path, error: &io::Error) {
        self.left_out.refused(path, error);
        self.count(|it| _ = it.handed.remove(&fingerprint(&inside(path))));
    }
}

/// Where a path of this PC lies in a snapshot: `C:\a` is `C/a`, `/a` is `a`.
#[must_use]
pub fn inside(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::Prefix(prefix) => match prefix.kind() {
                Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
                    parts.push(char::from(letter).to_string());
                }
                Prefix::UNC(_, share) | Prefix::VerbatimUNC(_, share) => parts.push(share),
                Prefix::Verbatim(name) | Prefix::DeviceNS(name) => parts.push(name),
            },
            Component::RootDir | Component::CurDir | Component::ParentDir => {}
        }
    }
    parts
}

/// A short stand-in for a path, so that a million of them fit into memory.
pub(crate) fn fingerprint(inside: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    inside.hash(&mut hasher);
    hasher.finish()
}

/// Folders and files that are backed up together.
#[derive(Debug, Clone)]
pub struct Source {
    roots: Vec<PathBuf>,
    exclusions: Arc<Vec<Exclusion>>,
    bytes: u64,
    tally: Arc<Tally>,
}

impl Source {
    /// `roots` are whole paths; what lies inside another one is taken once.
    #[must_use]
    pub fn new(mut roots: Vec<PathBuf>, exclusions: Vec<Exclusion>) -> Source {
        roots.sort();
        let mut outermost: Vec<PathBuf> = Vec::new();
        for root in roots {
            if !outermost.last().is_some_and(|it| root.starts_with(it)) {
                outermost.push(root);
            }
        }
        Source {
            roots: outermost,
            exclusions: Arc::new(exclusions),
            bytes: 0,
            tally: Arc::new(Tally::default()),
        }
    }

    /// The outermost folders and files, sorted.
    #[must_use]
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// What the walk of this source found, and left out.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The same places with a tally of its own, and how many bytes a bar is to expect.
    #[must_use]
    pub fn afresh(&self, bytes: u64) -> Source {
        Source { bytes, tally: Arc::new(Tally::default()), ..self.clone() }
    }

    /// Walks all of it without reading a file; with `opens` each file is opened, so that one that
    /// is held by others shows.
    pub fn survey(&self, opens: bool) -> Amount {
        for entry in self.walked() {
            if let Some(open) = entry.open.filter(|_| opens) {
                // What fails is kept by the tally.
                _ = open.open();
            }
        }
        self.tally.amount()
    }

    /// The paths that a walk hands over, for naming one of them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.afresh(0).walked().map(|it| it.path)
    }

    fn walked(&self) -> Walked {
        // A source always has a root; without one there is nothing to be walked.
        let first = self.roots.first().map_or(Path::new(""), PathBuf::as_path);
        let mut builder = WalkBuilder::new(first);
        for root in self.roots.iter().skip(1) {
            builder.add(root);
        }
        let exclusions = Arc::clone(&self.exclusions);
        let tally = Arc::clone(&self.tally);
        builder
            .standard_filters(false)
            .follow_links(false)
            .sort_by_file_name(OsStr::cmp)
            .filter_entry(move |entry| {
                let is_excluded =
                    entry.depth() > 0 && exclusions.iter().any(|it| it.holds(entry.path()));
                if is_excluded {
                    tally.count(|it| it.amount.excluded += 1);
                    return false;
                }
                // To list a folder that is kept elsewhere would fetch it.
                let is_folder = entry.file_type().is_some_and(|it| it.is_dir());
                !is_folder || entry.metadata().map_or(true, |it| !is_elsewhere(&it)) || {
                    tally.left_out.add(entry.path(), Reason::NotHere, "");
                    false
                }
            });
        Walked { walk: builder.build(), tally: Arc::clone(&self.tally) }
    }
}

impl ReadSource for Source {
    type Open = Opening;
    type Iter = Checked;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(Some(self.bytes))
    }

    fn entries(&self) -> Checked {
        Checked(self.walked())
    }
}

/// What `rustic_core` is handed: no errors, because all of them are in the tally.
pub struct Checked(Walked);

impl Iterator for Checked {
    type Item = RusticResult<ReadSourceEntry<Opening>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }
}

/// A walk over all that can be stored.
struct Walked {
    walk: Walk,
    tally: Arc<Tally>,
}

impl Iterator for Walked {
    type Item = ReadSourceEntry<Opening>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.walk.next()? {
                Err(error) => self.unlisted(&error),
                Ok(entry) => {
                    if let Some(entry) = self.mapped(entry) {
                        return Some(entry);
                    }
                }
            }
        }
    }
}

impl Walked {
    fn unlisted(&self, error: &ignore::Error) {
        let path = path_of(error).unwrap_or(Path::new("?")).to_owned();
        match error.io_error() {
            Some(error) => self.tally.left_out.refused(&path, error),
            None => self.tally.left_out.add(&path, Reason::Unreadable, error.to_string()),
        }
    }

    /// The entry as it is stored; `None` if it is left out, which is kept.
    fn mapped(&self, entry: DirEntry) -> Option<ReadSourceEntry<Opening>> {
        let path = entry.path().to_owned();
        // A whole drive is not stored as a folder, only what lies on it.
        path.file_name()?;
        let data = match entry.metadata() {
            Ok(data) => data,
            Err(error) => {
                self.unlisted(&error);
                return None;
            }
        };
        let kind = data.file_type();
        // The repository knows names as Unicode; elsewhere than on Windows others are written so
        // that they come back.
        if cfg!(windows) && path.to_str().is_none() {
            self.tally.left_out.add(&path, Reason::Name, "");
            return None;
        }
        if is_elsewhere(&data) {
            self.tally.left_out.add(&path, Reason::NotHere, "");
            return None;
        }
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            self.tally.left_out.add(&path, Reason::Special, "");
            return None;
        }
        let mapped = LocalSourceSaveOptions::default().map_entry(entry);
        let ReadSourceEntry { path, node, .. } = match mapped {
            Ok(mapped) => mapped,
            Err(error) => {
                self.tally.left_out.add(&path, Reason::Unreadable, error.to_string());
                return None;
            }
        };
        let size = node.meta.size;
        self.tally.count(|it| match () {
            () if node.is_file() => {
                it.amount.files += 1;
                it.amount.bytes += size;
                it.handed.insert(fingerprint(&inside(&path)), size);
            }
            () if node.is_dir() => it.amount.folders += 1,
            () => it.amount.links += 1,
        });
        let open = node.is_file().then(|| Opening {
            path: path.clone(),
            size,
            tally: Arc::clone(&self.tally),
        });
        Some(ReadSourceEntry { path, node, open })
    }
}

/// The path that an error of the walk is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::Partial(several) => several.iter().find_map(path_of),
        _ => None,
    }
}

/// Whether reading it would fetch it from wherever it is kept.
#[cfg(windows)]
fn is_elsewhere(data: &Metadata) -> bool {
    use std::os::windows::fs::MetadataExt as _;
    // FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN and _RECALL_ON_DATA_ACCESS of winnt.h.
    const ELSEWHERE: u32 = 0x1000 | 0x4_0000 | 0x40_0000;
    data.file_attributes() & ELSEWHERE != 0
}

#[cfg(not(windows))]
fn is_elsewhere(_: &Metadata) -> bool {
    false
}

/// A file that is opened when its turn comes.
#[derive(Debug)]
pub struct Opening {
    path: PathBuf,
    size: u64,
    tally: Arc<Tally>,
}

impl ReadSourceOpen for Opening {
    type Reader = Reading;

    fn open(self) -> RusticResult<Reading> {
        match File::open(&self.path) {
            Ok(file) => Ok(Reading { file, left: self.size, opened: self }),
            Err(error) => {
                self.tally.drop_file(&self.path, &error);
                // Only so that the archiver goes on without it.
                Err(RusticError::with_source(ErrorKind::InputOutput, "not opened", error))
            }
        }
    }
}

/// A file while it is read: as many bytes as it had when it was listed, neither more nor less.
#[derive(Debug)]
pub struct Reading {
    file: File,
    left: u64,
    opened: Opening,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most]);
        let read = match read {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{} of {} bytes are not there any more", self.left, self.opened.size),
            )),
            read => read,
        };
        match read {
            Ok(count) => {
                self.left -= count as u64;
                if self.left == 0 {
                    self.note_growth();
                }
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.opened.tally.drop_file(&self.opened.path, &error);
                Err(error)
            }
        }
    }
}

impl Reading {
    fn note_growth(&self) {
        if self.file.metadata().is_ok_and(|it| it.len() > self.opened.size) {
            self.opened.tally.count(|it| it.grown.push(self.opened.path.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_inside_of_others_are_taken_once() {
        let roots = ["/b/c", "/b", "/a", "/bc"].map(PathBuf::from).to_vec();
        let source = Source::new(roots, Vec::new());
        assert_eq!(source.roots(), ["/a", "/b", "/bc"].map(PathBuf::from));
    }

    #[test]
    fn a_path_lies_in_the_snapshot_without_its_root() {
        assert_eq!(inside(Path::new("/a/b c")), Path::new("a/b c"));
    }

    #[cfg(windows)]
    #[test]
    fn the_letter_of_a_drive_is_a_folder_of_the_snapshot() {
        assert_eq!(inside(Path::new(r"C:\Users\a")), Path::new(r"C\Users\a"));
        assert_eq!(inside(Path::new(r"\\server\share\a")), Path::new(r"share\a"));
    }

    #[test]
    fn a_pattern_without_separator_is_a_name() {
        let name = Exclusion::new("*.tmp", None).unwrap();
        assert!(name.holds(Path::new("/a/b.tmp")));
        assert!(!name.holds(Path::new("/a.tmp/b")));
        let path = Exclusion::new("/a/*/cache", None).unwrap();
        assert!(path.holds(Path::new("/a/b/cache")));
        assert!(!path.holds(Path::new("/a/b/c/cache")));
        let below = Exclusion::new("Cache", Some(Path::new("/a"))).unwrap();
        assert!(below.holds(Path::new("/a/x/Cache")));
        assert!(!below.holds(Path::new("/b/Cache")));
        assert!(Exclusion::new("[", None).is_err());
    }

    /// A file that is in the tally as one that was listed with `listed` bytes.
    fn opening(path: &Path, listed: u64) -> Opening {
        let tally = Arc::new(Tally::default());
        tally.count(|it| _ = it.handed.insert(fingerprint(&inside(path)), listed));
        Opening { path: path.to_owned(), size: listed, tally }
    }

    fn read(opening: Opening) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        opening.open().ok()?.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    #[test]
    fn a_file_that_became_shorter_or_vanished_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        for (name, reason) in [("file", Reason::Changed), ("gone", Reason::Gone)] {
            let file = opening(&folder.path().join(name), 6);
            let tally = Arc::clone(&file.tally);
            assert_eq!(read(file), None);
            let (left_out, _) = tally.left_out.take();
            assert_eq!(left_out.iter().map(|it| it.reason).collect::<Vec<_>>(), [reason]);
            assert!(tally.take_handed().is_empty(), "it is not expected any more");
        }
    }

    #[test]
    fn a_file_that_grew_is_kept_as_it_was_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        let file = opening(&path, 3);
        let tally = Arc::clone(&file.tally);
        assert_eq!(read(file).as_deref(), Some(b"123".as_slice()));
        assert_eq!(tally.take_grown(), [path]);
        assert_eq!(tally.take_handed().len(), 1);
        assert!(tally.left_out.take().0.is_empty());
    }
}
