//! What a PC consists of at one moment, to prove that a command changed nothing.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// All files and folders of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, File>);

/// All that can be seen of one file from outside; the time it was read is not among it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    size_bytes: u64,
    modified: SystemTime,
    mode: u32,
    content: u64,
}

impl Tree {
    pub(crate) fn of(root: &Path) -> io::Result<Tree> {
        let mut files = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let (path, about) = (entry.path(), entry.metadata()?);
                let is_folder = about.is_dir();
                let content = match about.is_file() && about.nlink() == 1 {
                    true => hash(&fs::read(&path)?),
                    // Shared with the template, which nothing on the PC may write.
                    false => 0,
                };
                let file = File {
                    size_bytes: if is_folder { 0 } else { about.len() },
                    modified: about.modified()?,
                    mode: about.mode(),
                    content,
                };
                let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
                files.insert(name, file);
                if is_folder {
                    open.push(path);
                }
            }
        }
        Ok(Tree(files))
    }

    /// The paths that came, went or changed since `before`.
    pub fn changes_since(&self, before: &Tree) -> Vec<String> {
        changes(&before.0, &self.0).map(|path| path.display().to_string()).collect()
    }
}

/// Which service it starts, that its desktop has no display, that its Task Scheduler starts with Windows once
/// it has had a task, and who was asked for signatures.
const BY_WINE: [&str; 4] = [
    r"\Control\ServiceCurrent]",
    r"\Control\Video\",
    r#"\Services\Schedule] "Start""#,
    r"\CurrentVersion\Wintrust",
];

/// All keys and values of the registry that programs can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry(BTreeMap<String, String>);

impl Registry {
    /// From what regedit exports: UTF-16 with a mark, or bytes.
    pub(crate) fn of(text: &[u8]) -> Registry {
        let text = match text.strip_prefix(&[0xff, 0xfe]) {
            Some(wide) => {
                let units = wide.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
                String::from_utf16_lossy(&units.collect::<Vec<u16>>())
            }
            None => String::from_utf8_lossy(text).into_owned(),
        };
        let mut values = BTreeMap::new();
        let (mut key, mut name) = (String::new(), String::new());
        for line in text.lines() {
            if line.starts_with('[') {
                key = line.to_owned();
                name = key.clone();
                values.insert(name.clone(), String::new());
            } else if let Some((value, data)) =
                line.split_once('=').filter(|_| !line.starts_with(' '))
            {
                name = format!("{key} {value}");
                values.insert(name.clone(), data.to_owned());
            } else if let Some(data) = values.get_mut(&name) {
                data.push_str(line.trim());
            }
        }
        Registry(values)
    }

    /// What a value was exported as, such as `dword:00000004` or `"text"`.
    pub fn value(&self, key: &str, value: &str) -> Option<&str> {
        self.0.get(&format!("[{key}] \"{value}\"")).map(String::as_str)
    }

    /// The keys and values that came, went or changed since `before`.
    pub fn changes_since(&self, before: &Registry) -> Vec<String> {
        changes(&before.0, &self.0).cloned().collect()
    }

    /// As [`Registry::changes_since`], without what Wine writes by itself while programs run.
    pub fn changes_beside_wine_since(&self, before: &Registry) -> Vec<String> {
        let mut changed = self.changes_since(before);
        changed.retain(|it| !BY_WINE.iter().any(|place| it.contains(place)));
        changed
    }
}

fn changes<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = &'a K> {
    let changed = after.iter().filter(|(name, what)| before.get(name) != Some(what));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(name));
    changed.chain(gone).map(|(name, _)| name)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
