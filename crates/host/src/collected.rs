//! Evidence somebody brought: files, folders and archives in any layout. It can be read, never
//! changed.

mod archived;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use crate::container::is_never_a_log;
use crate::offline_registry::{OfflineRegistry, RegistryGap, Source};
use crate::{
    About, Evidence, Host, HostError, HostErrorKind, Key, KeyPath, ReadSeek, Result, Service,
    ServiceName, WinPath,
};
use archived::Archived;

/// A copied `C:\Windows` has some hundred thousand files; more than this are not looked at.
const MOST_FILES: usize = 500_000;
/// Folders deeper than this are not entered.
const MOST_DEPTH: usize = 64;
/// Files and folders of evidence from one PC.
#[derive(Debug)]
pub struct Collected {
    files: BTreeMap<String, PathBuf>,
    listed: Vec<Evidence>,
    /// Folders that hold a copy of `C:\Windows`.
    windows: Vec<PathBuf>,
    /// Looked for when it is first asked for.
    registry: OnceLock<OfflineRegistry>,
    /// Copies of `C:\Windows` in archives; looked for when they are first asked for.
    archived: OnceLock<Archived>,
}

impl Collected {
    /// Lists what lies at `paths`. Links are not followed.
    pub fn open(paths: &[PathBuf]) -> Result<Collected> {
        let mut found = Collected {
            files: BTreeMap::new(),
            listed: Vec::new(),
            windows: Vec::new(),
            registry: OnceLock::new(),
            archived: OnceLock::new(),
        };
        for path in paths {
            let data = fs::metadata(path).map_err(|error| io("read", path, &error))?;
            if data.is_dir() {
                found.folder(path)?;
            } else {
                // A file that was named is looked at, whatever its ending.
                File::open(path).map_err(|error| io("read", path, &error))?;
                found.file(path.clone(), data.len(), modified(&data));
            }
        }
        // A folder that is found by its name and by its hives is one folder.
        found.windows.sort();
        found.windows.dedup();
        found.listed.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(found)
    }

    /// The registry, as far as hives and exports are among the evidence.
    pub fn registry(&self) -> &OfflineRegistry {
        self.registry.get_or_init(|| {
            let sources = self.listed.iter().map(|item| Source {
                name: &item.source,
                size_bytes: item.size_bytes,
                path: self.files.get(&item.source).cloned(),
            });
            OfflineRegistry::find(sources, &|source| {
                self.open_evidence(&Evidence {
                    source: source.to_owned(),
                    size_bytes: 0,
                    modified: None,
                })
            })
        })
    }

    fn folder(&mut self, root: &Path) -> Result<()> {
        let mut open = vec![(root.to_path_buf(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if depth == 0 => return Err(io("list", &folder, &error)),
                // A folder below that may not be entered is evidence that is missing, not a failure.
                Err(_) => {
                    self.file(folder, 0, None);
                    continue;
                }
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && depth < MOST_DEPTH {
                    if entry.file_name().eq_ignore_ascii_case("Windows") {
                        self.windows.push(entry.path());
                    }
                    open.push((entry.path(), depth + 1));
                } else if kind.is_file() && self.listed.len() < MOST_FILES {
                    let path = entry.path();
                    self.windows.extend(windows_of_hive(&path).map(Path::to_owned));
                    if !path.file_name().and_then(|name| name.to_str()).is_some_and(is_never_a_log)
                    {
                        let data = entry.metadata().ok();
                        let size = data.as_ref().map_or(0, fs::Metadata::len);
                        self.file(path, size, data.as_ref().and_then(modified));
                    }
                }
            }
        }
        Ok(())
    }

    /// Where a copy of `path` lies, when the evidence has the layout of a Windows volume.
    fn copy_of(&self, path: &WinPath) -> Option<PathBuf> {
        let path = path.as_str();
        if let Some(below) = strip_folded(path, r"C:\Windows\") {
            return self.windows.iter().find_map(|root| descend(root, below));
        }
        // Beside a folder called Windows lies the rest of its volume.
        let below = strip_folded(path, r"C:\")?;
        let is_windows = |root: &&PathBuf| {
            root.file_name().is_some_and(|name| name.eq_ignore_ascii_case("Windows"))
        };
        let volumes = self.windows.iter().filter(is_windows).filter_map(|root| root.parent());
        volumes.into_iter().find_map(|volume| descend(volume, below))
    }

    fn archived(&self) -> &Archived {
        self.archived.get_or_init(|| Archived::find(self))
    }

    fn file(&mut self, path: PathBuf, size_bytes: u64, modified: Option<u64>) {
        let source = path.display().to_string();
        if self.files.insert(source.clone(), path).is_none() {
            self.listed.push(Evidence { source, size_bytes, modified });
        }
    }
}

/// Follows a Windows path from `root`, component by component, without regard to case.
fn descend(root: &Path, path: &str) -> Option<PathBuf> {
    let mut at = root.to_path_buf();
    for name in path.split('\\') {
        let mut entries = fs::read_dir(&at).ok()?.flatten();
        let entry = entries.find(|entry| entry.file_name().eq_ignore_ascii_case(name))?;
        // A link or junction may lead out of the evidence.
        if entry.file_type().ok()?.is_symlink() {
            return None;
        }
        at = entry.path();
    }
    Some(at)
}

/// The folder that is a `C:\Windows`, whatever it is called, when `path` is its SYSTEM hive.
fn windows_of_hive(path: &Path) -> Option<&Path> {
    ["SYSTEM", "config", "System32"].iter().try_fold(path, |path, name| {
        let own = path.file_name()?;
        own.eq_ignore_ascii_case(name).then(|| path.parent())?
    })
}

fn strip_folded<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
    Some(&path[prefix.len()..]).filter(|below| !below.is_empty())
}

/// Seconds since 1970.
fn modified(data: &fs::Metadata) -> Option<u64> {
    let since = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

fn io(op: &'static str, path: &Path, error: &std::io::Error) -> HostError {
    HostError {
        op,
        subject: path.display().to_string(),
        kind: HostErrorKind::Io(error.to_string()),
    }
}

impl Host for Collected {
    fn about(&self) -> &About {
        self.registry().about()
    }

    fn evidence(&self) -> Result<Vec<Evidence>> {
        Ok(self.listed.clone())
    }

    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        let path = self.files.get(&evidence.source).ok_or_else(|| HostError {
            op: "read",
            subject: evidence.source.clone(),
            kind: HostErrorKind::NotCollected,
        })?;
        let file = File::open(path).map_err(|error| io("read", path, &error))?;
        Ok(Box::new(file))
    }

    // What was not copied may well exist on the PC: it is unknown, never absent.

    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        match self.copy_of(path).filter(|copy| copy.is_file()) {
            Some(copy) => fs::read(&copy).map(Some).map_err(|error| io("read", &copy, &error)),
            None => self.archived().read(self, path).map(Some),
        }
    }

    fn exists(&self, path: &WinPath) -> Result<bool> {
        match self.copy_of(path).is_some() || self.archived().holds(path) {
            true => Ok(true),
            false => Err(HostError::not_collected("look for", path)),
        }
    }

    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        self.registry().key(path)
    }

    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        self.registry().keys_below(path)
    }

    fn registry_gaps(&self) -> Vec<RegistryGap> {
        self.registry().gaps()
    }

    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        self.registry().service(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_folder_is_listed_in_a_stable_order_without_programs() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.txt", "c.dll", "sub/d"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let host = Collected::open(&[folder.path().to_path_buf()]).unwrap();
        let evidence = host.evidence().unwrap();
        let names: Vec<&str> =
            evidence.iter().map(|it| it.source.rsplit(['/', '\\']).next().unwrap()).collect();
        assert_eq!(names, ["a.txt", "b.log", "d"]);
        let mut text = String::new();
        host.open_evidence(&evidence[0]).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "a.txt");
    }

    #[test]
    fn a_copied_volume_keeps_the_contract_of_a_host() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("case 7/WINDOWS/Logs/CBS");
        fs::create_dir_all(&logs).unwrap();
        fs::write(logs.join("CBS.log"), "text").unwrap();
        let host = Collected::open(&[folder.path().to_path_buf()]).unwrap();
        let known = r"C:\Windows\Logs\CBS\CBS.log";
        crate::testing::reads_as_evidence(&host, known, r"C:\Windows\Logs\DISM\dism.log");
        assert!(host.exists(&WinPath::new(r"C:\Windows\Logs")).unwrap());
    }

    #[test]
    fn a_missing_path_is_an_error_that_names_it() {
        let error = Collected::open(&[PathBuf::from("/no/such/place")]).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }
}
