//! A Windows drive of its own for each PC, made from one template in a fraction of a second.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Larger files are libraries, fonts and tables, which nobody writes in place: they are shared.
const COPIED_BYTES: u64 = 16 * 1024;

/// The files of one PC; removed with it.
#[derive(Debug)]
pub(crate) struct Drive {
    folder: PathBuf,
}

impl Drive {
    /// What Windows calls `C:\`.
    pub(crate) fn c(&self) -> PathBuf {
        self.folder.join("drive_c")
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a drive like the template.
///
/// The registry (`*.reg`) is always copied: Wine writes it in place.
pub(crate) fn clone(template: &Path, folder: &Path) -> anyhow::Result<Drive> {
    let drive = Drive { folder: folder.to_owned() };
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        let (from, to) = (template.join(&inside), folder.join(&inside));
        let about = fs::symlink_metadata(&from)?;
        fs::create_dir(&to).with_context(|| format!("cannot make {}", to.display()))?;
        chown(&to, Some(about.uid()), Some(about.gid()))?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let name = inside.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else {
                bring(&entry, &folder.join(name))?;
            }
        }
    }
    Ok(drive)
}

fn bring(entry: &fs::DirEntry, to: &Path) -> anyhow::Result<()> {
    let (from, about) = (entry.path(), entry.metadata()?);
    let is_registry = from.extension().is_some_and(|ending| ending == "reg");
    if about.is_symlink() {
        symlink(fs::read_link(&from)?, to)?;
    } else if about.len() > COPIED_BYTES && !is_registry {
        return fs::hard_link(&from, to).with_context(|| format!("cannot link {}", to.display()));
    } else {
        fs::copy(&from, to).with_context(|| format!("cannot copy {}", to.display()))?;
        // Wine compares the time of one of them to see whether it must install itself anew.
        fs::File::options().write(true).open(to)?.set_modified(about.modified()?)?;
    }
    Ok(lchown(to, Some(about.uid()), Some(about.gid()))?)
}

/// Removes the drives of test runs that were killed.
pub(crate) fn remove_abandoned(drives: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(drives)? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("pc-")?.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Two runs may both try.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
