//! Reading a repository: every byte that a backup needs, against its hash.

use rustic_core::{CheckOptions, CheckResults, OpenStatus, Repository};
use serde::Serialize;

use crate::repository::{self, plain};

/// What reading all of it showed.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The number of backups in the repository.
    pub snapshots: usize,
    /// The bytes of the files that hold all contents.
    pub pack_bytes: u64,
    /// What is damaged or missing.
    pub errors: Vec<String>,
    /// What is odd and harms nothing, such as the rest of a backup that was cut off.
    pub remarks: Vec<String>,
}

/// Reads index, trees and all packs that a snapshot needs; decrypts, unpacks and compares each hash.
///
/// # Errors
/// When not even the list of snapshots can be read.
pub fn check(repository: &Repository<OpenStatus>) -> anyhow::Result<Checked> {
    let snapshots = repository::snapshots(repository)?.len();
    let pack_bytes = repository::pack_bytes(repository)?;
    let options = CheckOptions::default().read_data(true);
    let found = repository.check(options).map_err(|error| plain(&error))?;
    let (mut errors, mut remarks) = (Vec::new(), Vec::new());
    for finding in found.0 {
        let text = finding.1.to_string();
        let is_error = CheckResults(vec![finding]).is_ok().is_err();
        if is_error { &mut errors } else { &mut remarks }.push(text);
    }
    Ok(Checked { snapshots, pack_bytes, errors, remarks })
}
