//! Where backups go: what speaks against a folder, and which drives would be better.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::repository::{Held, held};
use crate::{Refusal, refuse};

/// A drive of this PC that a backup could go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// Where it begins, such as `E:\`.
    pub root: PathBuf,
    /// Whether it can be taken away: a stick, or a disk at USB.
    pub is_external: bool,
    /// Bytes that are free for this user.
    pub free_bytes: u64,
}

/// A folder as a whole path, with the letters it has on the drive as far as it exists.
///
/// # Errors
/// When the current folder is gone.
pub fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    let path =
        std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))?;
    let mut missing = Vec::new();
    let mut exists = path.as_path();
    loop {
        if let Ok(found) = dunce::canonicalize(exists) {
            return Ok(missing.iter().rev().fold(found, |path, name| path.join(name)));
        }
        match (exists.parent(), exists.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                exists = parent;
            }
            _ => return Ok(path),
        }
    }
}

/// Sees that a backup of `roots` may go to `folder`; both are whole paths. Says what lies there.
///
/// # Errors
/// A refusal when one lies in the other, or when the folder holds something else.
pub fn must_fit(folder: &Path, roots: &[PathBuf]) -> anyhow::Result<Held> {
    let at = folder.display();
    if let Some(root) = roots.iter().find(|it| folder.starts_with(it)) {
        return refuse(format!(
            "{at} lies in {}, which is to be backed up: the backup would hold itself. Give a \
             folder elsewhere",
            root.display()
        ));
    }
    if let Some(root) = roots.iter().find(|it| it.starts_with(folder)) {
        return refuse(format!(
            "{}, which is to be backed up, lies in {at}, where the backup is to go. Give another \
             folder",
            root.display()
        ));
    }
    let held = held(folder)?;
    match held {
        Held::Other => refuse(format!(
            "{at} holds something that is no backup. Give an empty or a new folder, such as {}",
            folder.join("unwedge-backup").display()
        )),
        Held::Nothing if !folder.parent().is_some_and(Path::is_dir) => refuse(format!(
            "{at} cannot be made, because the folder above is not there; is the drive plugged in?"
        )),
        Held::Nothing | Held::Empty | Held::Repository => Ok(held),
    }
}

/// What a first or further backup of so many bytes is to be told about the room for it.
///
/// # Errors
/// A refusal when the first backup has more bytes than are free.
pub fn must_have_room(held: Held, bytes: u64, free: u64) -> Result<Option<String>, Refusal> {
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    match held {
        _ if free >= bytes => Ok(None),
        // What is there already is not stored again, and how much that is shows only then.
        Held::Repository => Ok(Some(format!(
            "{} MB are free and the files have {} MB; the backup goes through if enough of them \
             are in it already",
            megabytes(free),
            megabytes(bytes)
        ))),
        Held::Nothing | Held::Empty | Held::Other => Err(Refusal(format!(
            "the files have {} MB and only {} MB are free there. Give another drive, or leave \
             something out with --exclude",
            megabytes(bytes),
            megabytes(free)
        ))),
    }
}

/// What speaks against keeping backups there, although it is possible.
#[must_use]
pub fn warnings(folder: &Path) -> Vec<String> {
    let at = folder.display();
    let mut warnings = Vec::new();
    match on_system_drive(folder) {
        Some(Shared::Drive) => warnings.push(format!(
            "{at} is on the drive that the system is on: when it fails or is stolen, the backup \
             is gone too. An external drive is better."
        )),
        Some(Shared::Disk) => warnings.push(format!(
            "{at} is on another part of the very disk that the system is on: when it fails, the \
             backup is gone too. An external drive is better."
        )),
        Some(Shared::Nothing) => {}
        None => warnings.push(format!("It cannot be told whether {at} is on the system's disk.")),
    }
    warnings
}

/// What a folder shares with the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// The volume.
    Drive,
    /// Another volume of the same disk.
    Disk,
    /// Neither.
    Nothing,
}

/// The nearest folder above that exists.
fn existing(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|it| it.exists())
}

#[cfg(windows)]
mod on_this {
    use super::{Drive, Path, Shared, existing};
    use unwedge_host::live::drive;

    pub(super) fn on_system_drive(folder: &Path) -> Option<Shared> {
        let here = drive::root_of(existing(folder)?).ok()?;
        let system = drive::system_root().ok()?;
        if here.as_os_str().eq_ignore_ascii_case(system.as_os_str()) {
            return Some(Shared::Drive);
        }
        let all = drive::all().ok()?;
        let device = |root: &Path| all.iter().find(|it| it.root == *root)?.device;
        let there = all.iter().find(|it| it.root == here)?;
        // A share of another PC has no disk here.
        match (there.device, device(&system)) {
            (Some(a), Some(b)) if a == b => Some(Shared::Disk),
            (None, _) if there.kind == drive::Kind::Network => Some(Shared::Nothing),
            (Some(_), Some(_)) => Some(Shared::Nothing),
            _ => None,
        }
    }

    pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
        drive::free_bytes(existing(folder)?).ok()
    }

    pub(super) fn drives() -> Vec<Drive> {
        let system = drive::system_root().ok();
        let usable = drive::all().unwrap_or_default().into_iter().filter(|it| {
            let takes_files = matches!(it.kind, drive::Kind::Fixed | drive::Kind::Removable);
            takes_files && Some(&it.root) != system.as_ref()
        });
        let mut found: Vec<Drive> = usable
            .filter_map(|it| {
                let is_external = it.is_external();
                Some(Drive { free_bytes: it.free_bytes?, is_external, root: it.root })
            })
            .collect();
        found.sort_by_key(|it| (!it.is_external, std::cmp::Reverse(it.free_bytes)));
        found
    }
}

#[cfg(unix)]
mod on_this {
    use super::{Drive, Path, Shared, existing};
    use std::os::unix::fs::MetadataExt as _;

    pub(super) fn on_system_drive(folder: &Path) -> Option<Shared> {
        let here = existing(folder)?.metadata().ok()?.dev();
        let system = Path::new("/").metadata().ok()?.dev();
        Some(if here == system { Shared::Drive } else { Shared::Nothing })
    }

    pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
        let told = rustix::fs::statvfs(existing(folder)?).ok()?;
        Some(told.f_bavail.saturating_mul(told.f_frsize))
    }

    pub(super) fn drives() -> Vec<Drive> {
        Vec::new()
    }
}

/// Whether a folder is on the system's drive or disk; `None` where that cannot be told.
#[must_use]
pub fn on_system_drive(folder: &Path) -> Option<Shared> {
    on_this::on_system_drive(folder)
}

/// The bytes that are free where a folder lies or is to be made; `None` where that is not told.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    on_this::free_bytes(folder)
}

/// Drives other than the system's that take files, external ones first; only Windows is asked.
#[must_use]
pub fn drives() -> Vec<Drive> {
    on_this::drives()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_backup_needs_room_for_all_of_it() {
        assert!(matches!(must_have_room(Held::Empty, 10, 10), Ok(None)));
        assert!(must_have_room(Held::Empty, 11, 10).is_err());
        assert!(matches!(must_have_room(Held::Repository, 11, 10), Ok(Some(_))));
    }

    #[test]
    fn a_folder_that_is_not_there_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("a").join("b")).is_some_and(|it| it > 0));
    }

    #[test]
    fn a_path_is_whole_though_its_end_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let real = dunce::canonicalize(folder.path()).unwrap();
        assert_eq!(whole(&folder.path().join("a").join("b")).unwrap(), real.join("a").join("b"));
    }

    #[test]
    fn neither_may_lie_in_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (all, inner) = (folder.path().to_owned(), folder.path().join("inner"));
        assert!(must_fit(&inner, std::slice::from_ref(&all)).is_err());
        assert!(must_fit(&all, std::slice::from_ref(&inner)).is_err());
        assert_eq!(must_fit(&all, &[PathBuf::from("/elsewhere")]).unwrap(), Held::Empty);
        assert_eq!(must_fit(&inner, &[PathBuf::from("/elsewhere")]).unwrap(), Held::Nothing);
        assert!(must_fit(&inner.join("deeper"), &[PathBuf::from("/elsewhere")]).is_err());
        std::fs::write(all.join("file"), "").unwrap();
        assert!(must_fit(&all, &[PathBuf::from("/elsewhere")]).is_err());
    }
}
