//! Getting a backup back: into an empty folder only, and then every byte is compared with the
//! hashes in the repository.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use rustic_core::repofile::{Node, SnapshotFile};
use rustic_core::{
    IndexedFull, LocalDestination, LsOptions, OpenStatus, ProgressType, Repository, RestoreOptions,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::progress::Bars;
use crate::repository::{self, plain};
use crate::source::{Amount, inside};
use crate::{messages, place, refuse};

/// What was restored and compared.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// The number of the snapshot.
    pub snapshot: String,
    /// Where it lies now.
    pub folder: PathBuf,
    /// What is there and equals the backup.
    pub equal: Amount,
    /// What is not there, or not as in the backup, each with the reason.
    pub wrong: Vec<Wrong>,
    /// What `rustic_core` had to say, such as times it could not set.
    pub messages: Vec<String>,
}

/// One file or folder that did not come back as it was.
#[derive(Debug, Serialize)]
pub struct Wrong {
    /// Its path in the folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// The snapshot that is meant: by its number or the beginning of it, or the newest.
///
/// # Errors
/// When there is none, or when it is not clear which.
pub fn chosen(
    repository: &Repository<OpenStatus>,
    wanted: Option<&str>,
) -> anyhow::Result<SnapshotFile> {
    let mut found = repository::snapshots(repository)?;
    let Some(wanted) = wanted.filter(|it| *it != "latest") else {
        return found.pop().context("the repository holds no backup");
    };
    let mut fitting = found.into_iter().filter(|it| it.id.to_hex().as_str().starts_with(wanted));
    let first = fitting.next().with_context(|| {
        format!("there is no backup `{wanted}`; `unwedge backup list` shows their numbers")
    })?;
    ensure!(fitting.next().is_none(), "`{wanted}` begins the numbers of several backups");
    Ok(first)
}

/// Restores a snapshot, or what lies at `path` in it, into a folder that is empty or not there.
///
/// # Errors
/// When the folder holds something or has too little room, when the snapshot has no such path, or
/// when the repository cannot be read. What came back wrong is no error but is listed.
pub fn restore(
    repository: Repository<OpenStatus>,
    snapshot: &SnapshotFile,
    path: Option<&Path>,
    into: &Path,
    bars: Bars,
) -> anyhow::Result<Restored> {
    must_be_free(into)?;
    let repository = repository.to_indexed().map_err(|error| plain(&error))?;
    let inner = path.map(inside).unwrap_or_default();
    let inner = inner.to_str().context("the path in the backup is no Unicode text")?;
    let root = repository.node_from_snapshot_and_path(snapshot, inner).map_err(|error| {
        plain(&error).context(format!("the backup {} has no `{inner}`", snapshot.id))
    })?;
    let bytes = must_be_harmless(&repository, &root)?;
    if let Some(free) = place::free_bytes(into)
        && free < bytes
    {
        let at = into.display();
        return refuse(format!("{at} has room for {free} bytes and the backup needs {bytes}"));
    }

    let text = into.to_str().context("the path of the folder is no Unicode text")?;
    fs::create_dir_all(into).with_context(|| format!("cannot make the folder {text}"))?;
    let failed = |error: Box<rustic_core::RusticError>| {
        plain(&error).context(format!(
            "the restore failed; {text} holds a part of the backup that was not checked"
        ))
    };
    // The last separator says that it is a folder, also for a single file.
    let target = LocalDestination::new(&format!("{text}/"), true, false).map_err(failed)?;
    // It belongs to whoever restores it.
    let options = RestoreOptions::default().no_ownership(true);
    let nodes = repository.ls(&root, &LsOptions::default()).map_err(failed)?;
    let plan =
        repository.prepare_restore(&options, nodes.clone(), &target, false).map_err(failed)?;
    repository.restore(plan, &options, nodes.clone(), &target).map_err(failed)?;

    let bar = bars.bar(ProgressType::Bytes, "comparing");
    bar.set_length(bytes);
    let mut equal = Amount::default();
    let mut wrong = Vec::new();
    for item in nodes {
        let (path, node) = item.map_err(failed)?;
        match compared(&repository, &into.join(&path), &node) {
            Ok(()) if node.is_dir() => equal.folders += 1,
            Ok(()) if node.is_symlink() => equal.links += 1,
            Ok(()) => {
                equal.files += 1;
                equal.bytes += node.meta.size;
                bar.inc(node.meta.size);
            }
            Err(error) => wrong.push(Wrong { path, why: format!("{error:#}") }),
        }
    }
    bar.finish_and_clear();
    Ok(Restored {
        snapshot: repository::short(snapshot),
        folder: into.to_owned(),
        equal,
        wrong,
        messages: messages::take(),
    })
}

fn must_be_free(into: &Path) -> anyhow::Result<()> {
    let at = into.display();
    match fs::read_dir(into).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => refuse(format!(
            "{at} is not empty, and a restore never writes over anything. Give a new folder"
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot restore into {at}")),
    }
}

/// The bytes of all files, after seeing that no name leads out of the folder.
fn must_be_harmless<S: IndexedFull>(
    repository: &Repository<S>,
    root: &Node,
) -> anyhow::Result<u64> {
    let mut bytes = 0_u64;
    for item in repository.ls(root, &LsOptions::default()).map_err(|error| plain(&error))? {
        let (path, node) = item.map_err(|error| plain(&error))?;
        let is_plain = path.components().all(|it| matches!(it, Component::Normal(_)));
        let name = node.name();
        let is_one_name = Path::new(&*name).components().count() == 1;
        if !is_plain || !is_one_name {
            bail!("the backup holds the name {name:?}, which would lead out of the folder");
        }
        bytes = bytes.saturating_add(node.meta.size);
    }
    Ok(bytes)
}

/// Sees that what lies there is what the backup holds.
fn compared<S: IndexedFull>(
    repository: &Repository<S>,
    at: &Path,
    node: &Node,
) -> anyhow::Result<()> {
    let data = fs::symlink_metadata(at).context(match node.is_symlink() {
        true => "this link was not made",
        false => "it is not there",
    })?;
    if node.is_dir() {
        ensure!(data.is_dir(), "it is no folder");
        return Ok(());
    }
    if node.is_symlink() {
        let target = fs::read_link(at).context("it is no link")?;
        ensure!(target == node.node_type.to_link(), "it leads to {}", target.display());
        return Ok(());
    }
    ensure!(data.is_file(), "it is no file");
    let mut file = File::open(at).context("it cannot be opened")?;
    let mut chunk = Vec::new();
    for id in node.content.iter().flatten() {
        let entry = repository.get_index_entry(id).map_err(|error| plain(&error))?;
        let length = u64::from(entry.location.data_length());
        chunk.clear();
        (&mut file).take(length).read_to_end(&mut chunk).context("it cannot be read")?;
        let is_equal = id.to_hex().as_str() == hex(&Sha256::digest(&chunk));
        ensure!(is_equal, "its content is not that of the backup");
    }
    ensure!(file.read(&mut [0])? == 0, "it is longer than in the backup");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
