//! Where the repairs made on this PC are kept.

use std::path::PathBuf;

use crate::{HostError, HostErrorKind, Result};

/// The folder of the journals of this PC, made if it does not exist.
pub fn folder() -> Result<PathBuf> {
    let io = |why: String| HostError {
        op: "open",
        subject: "the folder of repairs".to_owned(),
        kind: HostErrorKind::Io(why),
    };
    let data = std::env::var_os("ProgramData").ok_or_else(|| io("it has no place".to_owned()))?;
    let folder = PathBuf::from(data).join("unwedge").join("repairs");
    std::fs::create_dir_all(&folder).map_err(|error| io(error.to_string()))?;
    Ok(folder)
}
