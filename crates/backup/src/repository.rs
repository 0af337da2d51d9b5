//! The repository: made, opened, and what its errors mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rustic_backend::local::LocalBackend;
use rustic_core::repofile::SnapshotFile;
use rustic_core::{
    ConfigOptions, Credentials, FileType, KeyOptions, OpenStatus, Repository, RepositoryBackends,
    RepositoryOptions, RusticError,
};

use crate::progress::Bars;

/// What opens a repository. Never shown: it has no `Debug` that tells it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// # Errors
    /// When it is empty.
    pub fn new(text: &str) -> anyhow::Result<Password> {
        match text.is_empty() {
            true => bail!("the password is empty; a backup without one is not made"),
            false => Ok(Password(text.to_owned())),
        }
    }

    /// What a file holds that keeps a password: its first line, in UTF-8.
    ///
    /// # Errors
    /// When it holds no text, or nothing.
    pub fn in_file(bytes: &[u8]) -> anyhow::Result<Password> {
        // Editors of Windows begin a file in UTF-8 so.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|_| anyhow!("it is not text in UTF-8; save it in that encoding"))?;
        Password::new(text.lines().next().unwrap_or_default())
    }

    fn credentials(&self) -> Credentials {
        Credentials::Password(self.0.clone())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Password")
    }
}

/// What lies in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It does not exist.
    Nothing,
    /// It exists and is empty.
    Empty,
    /// A repository.
    Repository,
    /// Something else.
    Other,
}

/// Looks at a folder from outside, without a password.
///
/// # Errors
/// When it cannot be listed, or is a file.
pub fn held(folder: &Path) -> anyhow::Result<Held> {
    let mut entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Held::Nothing),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot list {}", folder.display()));
        }
    };
    if folder.join("config").is_file() && folder.join("keys").is_dir() {
        return Ok(Held::Repository);
    }
    Ok(if entries.next().is_none() { Held::Empty } else { Held::Other })
}

/// Makes a repository in a folder, which is made if it is not there.
///
/// # Errors
/// When it cannot be written, or there is one already.
pub fn make(
    folder: &Path,
    password: &Password,
    bars: Bars,
) -> anyhow::Result<Repository<OpenStatus>> {
    let made = unopened(folder, bars)?.init(
        &password.credentials(),
        &KeyOptions::default(),
        &ConfigOptions::default(),
    );
    made.map_err(|error| plain(&error))
        .with_context(|| format!("cannot make a repository in {}", folder.display()))
}

/// Opens a repository.
///
/// # Errors
/// When there is none, when the password is wrong, or when it cannot be read.
pub fn open(
    folder: &Path,
    password: &Password,
    bars: Bars,
) -> anyhow::Result<Repository<OpenStatus>> {
    must_be_one(folder)?;
    unopened(folder, bars)?.open(&password.credentials()).map_err(|error| {
        let at = folder.display();
        match error.is_incorrect_password() {
            true => anyhow!(
                "the password does not open the repository in {at}. It is the one given when the \
                 repository was made; without it nothing in there can be restored"
            ),
            false => plain(&error).context(format!("cannot open the repository in {at}")),
        }
    })
}

/// # Errors
/// When no repository lies in the folder.
pub fn must_be_one(folder: &Path) -> anyhow::Result<()> {
    match held(folder)? {
        Held::Repository => Ok(()),
        Held::Nothing | Held::Empty | Held::Other => bail!(
            "there is no backup in {}; give the folder that `backup --to` was given",
            folder.display()
        ),
    }
}

fn unopened(folder: &Path, bars: Bars) -> anyhow::Result<Repository<()>> {
    let place = folder
        .to_str()
        .with_context(|| format!("the path {} is no Unicode text", folder.display()))?;
    let backend = LocalBackend::new(place, []).map_err(|error| plain(&error))?;
    let backends = RepositoryBackends::new(Arc::new(backend), None);
    // The repository lies on a drive of this PC; a copy of parts of it would only take room.
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new_with_progress(&options, &backends, bars).map_err(|error| plain(&error))
}

/// One backup, as it is listed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Snapshot {
    /// Its number, as restic shows it.
    pub id: String,
    /// When it was begun, as RFC 3339.
    pub time: String,
    /// The PC it is of.
    pub pc: String,
    /// The folders and files that were named.
    pub paths: Vec<PathBuf>,
    /// The number of files and links.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
}

impl From<&SnapshotFile> for Snapshot {
    fn from(file: &SnapshotFile) -> Snapshot {
        let summary = file.summary.as_ref();
        Snapshot {
            id: short(file),
            time: file.time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            pc: file.hostname.clone(),
            paths: listed(&file.paths),
            files: summary.map(|it| it.total_files_processed),
            bytes: summary.map(|it| it.total_bytes_processed),
        }
    }
}

/// The list can be asked for its members only by writing it.
fn listed(paths: &impl serde::Serialize) -> Vec<PathBuf> {
    let written = serde_json::to_value(paths).and_then(serde_json::from_value);
    written.unwrap_or_default()
}

/// The number of a snapshot as people write it.
pub(crate) fn short(file: &SnapshotFile) -> String {
    file.id.to_string()
}

/// All backups of a repository, oldest first.
///
/// # Errors
/// When they cannot be read.
pub fn snapshots(repository: &Repository<OpenStatus>) -> anyhow::Result<Vec<SnapshotFile>> {
    let mut found = repository.get_all_snapshots().map_err(|error| plain(&error))?;
    found.sort();
    Ok(found)
}

/// The bytes of all files of a repository, as it tells them.
pub(crate) fn sum(
    infos: rustic_core::RusticResult<rustic_core::RepoFileInfos>,
) -> anyhow::Result<u64> {
    let infos = infos.map_err(|error| plain(&error))?;
    Ok(infos.repo.iter().map(|it| it.size).sum())
}

/// The bytes of the packs alone, which hold all contents.
pub(crate) fn pack_bytes<S>(repository: &Repository<S>) -> anyhow::Result<u64> {
    let infos = repository.infos_files().map_err(|error| plain(&error))?;
    Ok(infos.repo.iter().filter(|it| it.tpe == FileType::Pack).map(|it| it.size).sum())
}

/// An error of `rustic_core` on one line, without its advice to report it.
pub(crate) fn plain(error: &RusticError) -> anyhow::Error {
    let text = error.display_log();
    let text = text.strip_prefix("Error: ").unwrap_or(&text);
    anyhow!("{}", text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let in_file = |bytes: &[u8]| Password::in_file(bytes).map(|it| it.0).ok();
        assert_eq!(in_file(b"secret word \r\nnote"), Some("secret word ".to_owned()));
        assert_eq!(in_file(b"\xef\xbb\xbfsecret"), Some("secret".to_owned()));
        for wrong in [b"".as_slice(), b"\n", b"\xff\xfes\0"] {
            assert_eq!(in_file(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::new("secret").unwrap();
        assert!(!format!("{password:?}").contains("secret"));
    }
}
