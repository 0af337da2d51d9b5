//! Files and folders of this PC: looked at without changing anything.
//!
//! Everybody else may read, write and delete meanwhile. Nothing is fetched from a cloud or from
//! another PC. A link is followed only where it was named itself, never while folders are walked.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use windows::Win32::Foundation::{
    ERROR_DIRECTORY, ERROR_FILE_NOT_FOUND, ERROR_INVALID_NAME, ERROR_PATH_NOT_FOUND,
};
use windows::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_OFFLINE, FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS, FILE_ATTRIBUTE_RECALL_ON_OPEN,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_NO_RECALL, FILE_READ_ATTRIBUTES, FILE_READ_DATA,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, SYNCHRONIZE,
};

use super::name;
use crate::{Entry, HostError, HostErrorKind, Result, WinPath};

/// A file that is read as a whole may have so many bytes.
const MOST_BYTES: u64 = 512 << 20;
/// A folder may have so many entries.
const MOST_ENTRIES: usize = 2_000_000;
/// To read these would fetch them from wherever they are kept.
const ELSEWHERE: u32 = FILE_ATTRIBUTE_OFFLINE.0
    | FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS.0
    | FILE_ATTRIBUTE_RECALL_ON_OPEN.0;

/// The folder in which this Windows lies.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) windows: String,
}

/// What lies in a folder, with what the folder itself tells of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) data: Metadata,
}

impl Files {
    /// The content of a file; `None` if there is none of that name, or if it is a folder.
    pub(super) fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| refused("read", path, &error))?;
        if bytes.len() as u64 > MOST_BYTES {
            let why = format!("it has more than {} MB", MOST_BYTES >> 20);
            return Err(HostError {
                op: "read",
                subject: path.to_string(),
                kind: HostErrorKind::Io(why),
            });
        }
        Ok(Some(bytes))
    }

    /// Opens a file to read it; `None` if there is none of that name, or if it is a folder.
    pub(super) fn open(&self, path: &WinPath) -> Result<Option<File>> {
        const OP: &str = "read";
        let Some(data) = self.data(OP, path)? else { return Ok(None) };
        if data.is_dir() {
            return Ok(None);
        }
        here(OP, path, &data)?;
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        let opened = File::options()
            .access_mode((FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE).0)
            .share_mode(share.0)
            .custom_flags((FILE_FLAG_OPEN_NO_RECALL | FILE_FLAG_BACKUP_SEMANTICS).0)
            .open(self.place(OP, path)?);
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(refused(OP, path, &error)),
        };
        // What a link leads to shows only now.
        let data = file.metadata().map_err(|error| refused(OP, path, &error))?;
        if data.is_dir() {
            return Ok(None);
        }
        here(OP, path, &data)?;
        Ok(Some(file))
    }

    /// Whether a file or folder of that name exists; a link that leads nowhere does.
    pub(super) fn exists(&self, path: &WinPath) -> Result<bool> {
        Ok(self.data("look for", path)?.is_some())
    }

    /// What a folder holds, sorted by name; `None` if there is no such folder.
    pub(super) fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        let Some(found) = self.found_in(folder)? else { return Ok(None) };
        let entry = |it: Found| {
            let is_folder = is_folder(&it.data);
            let size_bytes = if is_folder { 0 } else { it.data.len() };
            Entry { name: it.name, is_folder, size_bytes }
        };
        Ok(Some(found.into_iter().map(entry).collect()))
    }

    /// As [`Files::list`], with times and attributes.
    pub(super) fn found_in(&self, folder: &WinPath) -> Result<Option<Vec<Found>>> {
        const OP: &str = "list";
        let Some(data) = self.data(OP, folder)? else { return Ok(None) };
        if !is_folder(&data) {
            return Ok(None);
        }
        here(OP, folder, &data)?;
        let entries = match fs::read_dir(self.place(OP, folder)?) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(refused(OP, folder, &error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| refused(OP, folder, &error))?;
            if found.len() >= MOST_ENTRIES {
                let why = format!("it holds more than {MOST_ENTRIES} entries");
                let kind = HostErrorKind::Io(why);
                return Err(HostError { op: OP, subject: folder.to_string(), kind });
            }
            let name: Vec<u16> = entry.file_name().encode_wide().collect();
            // Told by the folder: the file itself is not opened.
            let data = entry.metadata().map_err(|error| refused(OP, folder, &error))?;
            found.push(Found { name: name::spelled(&name), data });
        }
        found.sort_by_cached_key(|it| (it.name.to_lowercase(), it.name.clone()));
        Ok(Some(found))
    }

    /// What is known of a file or folder, or of a link itself; `None` if there is none.
    pub(super) fn data(&self, op: &'static str, path: &WinPath) -> Result<Option<Metadata>> {
        match fs::symlink_metadata(self.place(op, path)?) {
            Ok(data) => Ok(Some(data)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(refused(op, path, &error)),
        }
    }

    /// The path as Windows is asked for it; a path on another PC is no part of this one.
    pub(super) fn place(&self, op: &'static str, path: &WinPath) -> Result<PathBuf> {
        let wide = name::verbatim(path, &self.windows);
        let wide = wide.ok_or_else(|| HostError::not_collected(op, path))?;
        Ok(PathBuf::from(OsString::from_wide(&wide)))
    }
}

/// When it was last changed, in seconds since 1970.
pub(super) fn modified(data: &Metadata) -> Option<u64> {
    Some(data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Whether its content is kept elsewhere, so that to read it would fetch it.
pub(super) fn is_elsewhere(data: &Metadata) -> bool {
    data.file_attributes() & ELSEWHERE != 0
}

/// Whether it is a folder, or a link to one.
pub(super) fn is_folder(data: &Metadata) -> bool {
    const FILE_ATTRIBUTE_DIRECTORY: u32 = 0x10;
    data.file_attributes() & FILE_ATTRIBUTE_DIRECTORY != 0
}

/// What Windows said, with its code.
pub(super) fn refused(op: &'static str, path: &WinPath, error: &io::Error) -> HostError {
    let kind = match error.raw_os_error() {
        Some(code) => HostErrorKind::Win32(code.cast_unsigned()),
        None => HostErrorKind::Io(error.to_string()),
    };
    HostError { op, subject: path.to_string(), kind }
}

fn here(op: &'static str, path: &WinPath, data: &Metadata) -> Result<()> {
    if !is_elsewhere(data) {
        return Ok(());
    }
    let why =
        "its content is kept elsewhere (in a cloud or archive), and to read it would fetch it";
    Err(HostError { op, subject: path.to_string(), kind: HostErrorKind::Io(why.to_owned()) })
}

fn is_absent(error: &io::Error) -> bool {
    const ABSENT: [u32; 4] = [
        ERROR_FILE_NOT_FOUND.0,
        ERROR_PATH_NOT_FOUND.0,
        // A name that no file can have, and a path that goes through a file.
        ERROR_INVALID_NAME.0,
        ERROR_DIRECTORY.0,
    ];
    error.raw_os_error().is_some_and(|code| ABSENT.contains(&code.cast_unsigned()))
}
