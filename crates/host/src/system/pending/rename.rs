//! Files that the session manager renames, replaces or deletes before Windows starts.
//!
//! `PendingFileRenameOperations` is a list of pairs (Microsoft documentation of `MoveFileEx`): a
//! file, and its new name, or an empty string if it is to be deleted. A new name that begins with
//! `!` may replace a file that is there.

use crate::WinPath;

/// One file and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The file.
    pub from: WinPath,
    /// Its new name; `None` if it is deleted.
    pub to: Option<WinPath>,
    /// Whether a file of the new name is replaced.
    pub replaces: bool,
    /// What it most likely is for.
    pub purpose: Purpose,
}

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Temporary files are cleared away: a restart would do nothing else.
    CleanUp,
    /// Windows Installer clears away files that were in use when it replaced them: until the
    /// restart, programs go on with the old ones.
    InstallerRollback,
    /// A driver is replaced or removed, or the old one, which is still loaded, is cleared away.
    Driver,
    /// A file of Windows is replaced or removed.
    Windows,
    /// A file of a program is replaced or removed.
    Program,
}

/// Reads the pairs; a last file without its partner is deleted.
pub(super) fn read(strings: &[String]) -> impl Iterator<Item = Rename> + '_ {
    strings.chunks(2).filter(|pair| !pair[0].is_empty()).map(|pair| {
        // Some tools put a `*` and a number in front, the version of a later format.
        let from = path(&pair[0]);
        let target = pair.get(1).map(String::as_str).unwrap_or_default();
        let replaces = target.starts_with('!');
        let target = target.trim_start_matches('!');
        let to = (!target.is_empty()).then(|| path(target));
        let purpose = purpose(&from, to.as_ref());
        Rename { from, to, replaces, purpose }
    })
}

fn path(spelled: &str) -> WinPath {
    let numbered =
        spelled.strip_prefix('*').map(|it| it.trim_start_matches(|it: char| it.is_ascii_digit()));
    WinPath::new(numbered.unwrap_or(spelled))
}

fn purpose(from: &WinPath, to: Option<&WinPath>) -> Purpose {
    let source = from.folded();
    let target = to.map(WinPath::folded);
    let ends = |path: &str, endings: &[&str]| endings.iter().any(|it| path.ends_with(it));
    let is_temporary = |path: &str| {
        const FOLDERS: [&str; 5] =
            [r"\temp\", r"\tmp\", r"\cbstemp\", r"\$recycle.bin\", r"\inetcache\"];
        FOLDERS.iter().any(|it| path.contains(it))
    };
    if source.contains(r"\config.msi\") || ends(&source, &[".rbf", ".rbs"]) {
        return Purpose::InstallerRollback;
    }
    // What a file becomes says more than from where it comes, which often is a temporary name.
    let subject = target.as_deref().unwrap_or(&source);
    if is_temporary(subject) {
        return if target.is_some() && !is_temporary(&source) {
            Purpose::Program
        } else {
            Purpose::CleanUp
        };
    }
    // The inventory of programs is rewritten all the time.
    if subject.contains(r"\windows\appcompat\") {
        return Purpose::CleanUp;
    }
    // Files in use that were replaced wait here under names such as SETA1B2.tmp.
    if ends(subject, &[".sys"])
        || subject.contains(r"\drivers\")
        || subject.contains(r"\driverstore\")
    {
        return Purpose::Driver;
    }
    const WINDOWS: [&str; 4] =
        [r"\windows\system32\", r"\windows\syswow64\", r"\windows\winsxs\", r"\windows\servicing\"];
    if WINDOWS.iter().any(|it| subject.contains(it)) {
        return Purpose::Windows;
    }
    if ends(subject, &[".tmp", ".temp"]) { Purpose::CleanUp } else { Purpose::Program }
}
