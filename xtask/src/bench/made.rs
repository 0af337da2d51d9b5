//! Made-up and unpacked inputs, kept in a folder of the build for the next run.

use std::fs;
use std::path::{Path, PathBuf};

/// Where they are kept.
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn at(folder: PathBuf) -> anyhow::Result<Shelf> {
        fs::create_dir_all(&folder)?;
        Ok(Shelf(folder))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The file of that name, made if it is not there; a name must change with what is in it.
pub(super) fn made(
    shelf: &Shelf,
    name: &str,
    make: impl FnOnce() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<PathBuf> {
    let path = shelf.join(name);
    if !path.exists() {
        write_whole(&path, &make()?)?;
    }
    Ok(path)
}

/// Writes a file that is there as a whole or not at all.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    fs::write(&name, content)?;
    Ok(fs::rename(&name, path)?)
}
