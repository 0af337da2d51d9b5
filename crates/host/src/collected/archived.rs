//! Copies of a whole `C:\Windows` inside of archives, read like the folder itself.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use super::{Collected, strip_folded};
use crate::container::{self, Member};
use crate::{Evidence, Host, HostError, HostErrorKind, Result, WinPath};

/// A file of a copied installation is read as a whole; hives have up to a few hundred megabytes.
const LARGEST_FILE_BYTES: u64 = 1 << 30;
/// What a folder of Windows must hold to be found by its name alone.
const NAMED: &str = "windows/";
/// What makes a folder a `C:\Windows`, whatever it is called.
const HIVE: &str = "system32/config/system";

/// The files of copied installations, by their place below `C:\`, in lower case.
#[derive(Debug, Default)]
pub(super) struct Archived {
    files: BTreeMap<String, (Evidence, Member)>,
}

impl Archived {
    /// Looks through the directories of all archives of the evidence, in their order; what is in
    /// two of them counts by the first.
    pub(super) fn find(host: &Collected) -> Archived {
        let mut found = Archived::default();
        for evidence in &host.listed {
            // What cannot be read as an archive is told when the logs are read.
            let Ok(members) = container::directory(&|| host.open_evidence(evidence)) else {
                continue;
            };
            found.add(evidence, members);
        }
        found
    }

    fn add(&mut self, evidence: &Evidence, members: Vec<Member>) {
        let path = |member: &Member| member.names().collect::<Vec<_>>().join("/").to_lowercase();
        let paths: Vec<String> = members.iter().map(path).collect();
        let by_hive = |path: &String| path.strip_suffix(HIVE).and_then(whole).map(str::to_owned);
        // A Windows.old may lie beside or below; the installation itself has the shorter path.
        let hive = paths.iter().filter_map(by_hive).min_by_key(String::len);
        let mut roots: HashSet<String> = hive.into_iter().collect();
        if roots.is_empty() {
            roots.extend(paths.iter().filter_map(|path| {
                let at = path.match_indices(NAMED).map(|(at, _)| at);
                let start = at.into_iter().find(|&at| whole(&path[..at]).is_some())?;
                Some(path[..start + NAMED.len()].to_owned())
            }));
        }
        for (path, member) in paths.into_iter().zip(members) {
            let below = roots.iter().find_map(|root| path.strip_prefix(root.as_str()));
            if let Some(below) = below {
                let file = || (evidence.clone(), member);
                self.files.entry(format!("windows/{below}")).or_insert_with(file);
            }
        }
    }

    /// Whether a file or folder of that path was copied.
    pub(super) fn holds(&self, path: &WinPath) -> bool {
        let Some(path) = below_volume(path) else { return false };
        let folder = format!("{path}/");
        let next = self.files.range(folder.clone()..).next();
        self.files.contains_key(&path) || next.is_some_and(|(file, _)| file.starts_with(&folder))
    }

    /// The content of a file.
    pub(super) fn read(&self, host: &Collected, path: &WinPath) -> Result<Vec<u8>> {
        let file = below_volume(path).and_then(|path| self.files.get(&path));
        let (evidence, member) = file.ok_or_else(|| HostError::not_collected("read", path))?;
        let mut bytes = Vec::new();
        let read = container::read(&|| host.open_evidence(evidence), member, |reader| {
            reader.take(LARGEST_FILE_BYTES + 1).read_to_end(&mut bytes)
        });
        let error = match read.and_then(|read| read) {
            Ok(_) if bytes.len() as u64 <= LARGEST_FILE_BYTES => return Ok(bytes),
            Ok(_) => format!("larger than {} MB", LARGEST_FILE_BYTES >> 20),
            Err(error) => error.to_string(),
        };
        let subject = member.cited(&evidence.source);
        Err(HostError { op: "read", subject, kind: HostErrorKind::Io(error) })
    }
}

/// The part of a path before something, when that is the beginning of a component.
fn whole(before: &str) -> Option<&str> {
    (before.is_empty() || before.ends_with('/')).then_some(before)
}

fn below_volume(path: &WinPath) -> Option<String> {
    Some(strip_folded(path.as_str(), r"C:\")?.replace('\\', "/").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use std::path::PathBuf;

    fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn opened(files: &[(&str, &str)]) -> (tempfile::TempDir, Collected) {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("pc.bin");
        std::fs::write(&path, zip_of(files)).unwrap();
        let host = Collected::open(&[path]).unwrap();
        (folder, host)
    }

    #[test]
    fn an_archive_of_a_windows_folder_keeps_the_contract_of_a_host() {
        for root in ["Windows", "C/WINDOWS", "mount-7"] {
            let [log, hive, program] =
                ["Logs/CBS/CBS.log", "System32/config/SYSTEM", "System32/wuaueng.dll"]
                    .map(|path| format!("{root}/{path}"));
            let (_folder, host) = opened(&[(&log, "text"), (&hive, "regf"), (&program, "MZ")]);
            let known = r"C:\Windows\Logs\CBS\CBS.log";
            crate::testing::reads_as_evidence(&host, known, r"C:\Windows\Logs\DISM\dism.log");
            assert_eq!(host.read(&WinPath::new(known)).unwrap().unwrap(), b"text");
            assert!(host.exists(&WinPath::new(r"C:\Windows\System32\wuaueng.dll")).unwrap());
            assert!(host.exists(&WinPath::new(r"C:\Windows\Logs")).unwrap());
            assert!(host.exists(&WinPath::new(r"C:\Windows\Log")).is_err());
            assert!(host.list(&WinPath::new(r"C:\Windows\Logs")).is_err(), "perhaps not all of it");
        }
    }

    #[test]
    fn a_folder_that_only_ends_like_windows_is_none() {
        let (_folder, host) = opened(&[("NotWindows/win.ini", "x")]);
        assert!(host.exists(&WinPath::new(r"C:\Windows\win.ini")).is_err());
    }
}
