//! A backup: made, and then read back from the repository before anybody calls it one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustic_core::repofile::{Node, SnapshotFile};
use rustic_core::{
    BackupOptions, IndexedFull, LsOptions, OpenStatus, ProgressType, Repository, SnapshotOptions,
};
use serde::Serialize;

use crate::left_out::{LeftOut, Reason};
use crate::messages;
use crate::progress::Bars;
use crate::repository::{self, Password, plain};
use crate::source::{Amount, Source, fingerprint};

/// A backup that was made and read back.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The number of the snapshot, as restic shows it.
    pub snapshot: String,
    /// What the snapshot holds, counted in the repository.
    pub held: Amount,
    /// By how many bytes the repository grew.
    pub added_bytes: u64,
    /// What is not in it, by path.
    pub left_out: Vec<LeftOut>,
    /// What is not in it either, and too much to list.
    pub left_out_more: u64,
    /// Files that grew while they were read: the snapshot has what they held when they were listed.
    pub grown: Vec<PathBuf>,
    /// What `rustic_core` had to say besides.
    pub messages: Vec<String>,
}

/// Backs up a source into an open repository and reads the snapshot back.
///
/// # Errors
/// When the repository cannot be written, or when what it holds afterwards is not what was
/// handed to it. Files that cannot be read are no error but are listed.
pub fn make(
    repository: Repository<OpenStatus>,
    folder: &Path,
    password: &Password,
    source: &Source,
    bars: Bars,
) -> anyhow::Result<Made> {
    let failed = |error: Box<rustic_core::RusticError>| {
        plain(&error).context(format!("the backup to {} failed", folder.display()))
    };
    let before = repository::sum(repository.infos_files())?;
    let snapshot = SnapshotOptions::default().to_snapshot().map_err(failed)?;
    let repository = repository.to_indexed_ids().map_err(failed)?;
    let options = BackupOptions::default();
    let saved = repository.archive(&options, source, snapshot, source.roots()).map_err(failed)?;
    let after = repository::sum(repository.infos_files())?;
    drop(repository);

    // The index of the open repository is as old as the opening.
    let repository = repository::open(folder, password, bars)?;
    let found = repository::snapshots(&repository)?;
    let snapshot = found.iter().find(|it| it.id == saved.id).context(
        "the repository does not list the snapshot that was just written; the drive may have \
         failed",
    )?;
    let repository = repository.to_indexed().map_err(failed)?;
    let held = read_back(&repository, snapshot, source, bars)?;
    let (left_out, left_out_more) = source.tally().left_out.take();
    Ok(Made {
        snapshot: repository::short(snapshot),
        held: Amount { excluded: source.tally().amount().excluded, ..held },
        added_bytes: after.saturating_sub(before),
        grown: source.tally().take_grown(),
        messages: remarks(messages::take(), &left_out),
        left_out,
        left_out_more,
    })
}

/// Of what was logged all that the list of what was left out does not tell already.
fn remarks(messages: Vec<String>, left_out: &[LeftOut]) -> Vec<String> {
    // The reason of a file that got lost, such as a full drive, stands only there.
    let is_told = !left_out.iter().any(|it| it.reason == Reason::Missing);
    let is_of_a_file = |it: &String| it.starts_with("ignoring error: ");
    messages.into_iter().filter(|it| !(is_told && is_of_a_file(it))).collect()
}

/// Compares all that the snapshot holds with what the walk handed over; what is missing is listed.
fn read_back<S: IndexedFull>(
    repository: &Repository<S>,
    snapshot: &SnapshotFile,
    source: &Source,
    bars: Bars,
) -> anyhow::Result<Amount> {
    let bar = bars.bar(ProgressType::Spinner, "reading back");
    let mut handed = source.tally().take_handed();
    let mut held = Amount::default();
    let root =
        repository.node_from_snapshot_and_path(snapshot, "").map_err(|error| plain(&error))?;
    let options = LsOptions::default();
    for item in repository.ls(&root, &options).map_err(|error| plain(&error))? {
        let (path, node) = item.map_err(|error| plain(&error))?;
        if node.is_dir() {
            held.folders += 1;
        } else if node.is_symlink() {
            held.links += 1;
        } else {
            compare(repository, &path, &node, &mut handed)?;
            held.files += 1;
            held.bytes += node.meta.size;
        }
    }
    if !handed.is_empty() {
        name_missing(source, &handed);
    }
    bar.finish_and_clear();
    Ok(held)
}

fn compare<S: IndexedFull>(
    repository: &Repository<S>,
    path: &Path,
    node: &Node,
    handed: &mut HashMap<u64, u64>,
) -> anyhow::Result<()> {
    let at = path.display();
    let size = handed.remove(&fingerprint(path)).with_context(|| {
        format!("read back: the snapshot holds {at}, which was not given to it; do not rely on it")
    })?;
    let mut stored = 0;
    for id in node.content.iter().flatten() {
        let entry = repository.get_index_entry(id).map_err(|error| plain(&error))?;
        stored += u64::from(entry.location.data_length());
    }
    ensure!(
        stored == size && node.meta.size == size,
        "read back: {at} had {size} bytes and the snapshot holds {stored}; do not rely on it"
    );
    Ok(())
}

/// Looks for the names of what was handed over and did not arrive.
fn name_missing(source: &Source, handed: &HashMap<u64, u64>) {
    let left_out = &source.tally().left_out;
    let mut named = 0;
    for path in source.paths() {
        if handed.contains_key(&fingerprint(&crate::source::inside(&path))) {
            left_out.add(&path, Reason::Missing, "");
            named += 1;
        }
    }
    for _ in named..handed.len() {
        left_out.add(Path::new("?"), Reason::Missing, "it is not there any more either");
    }
}
