//! What is not in a backup although it lies where was to be backed up, and why.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// So many are listed; of more only the number is told.
const MOST_LISTED: usize = 100_000;

/// Why a file or folder is not in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Another program holds it, or a part of it.
    Locked,
    /// The user may not read it.
    Denied,
    /// It was listed and is not there any more.
    Gone,
    /// It lies in a cloud or an archive; reading would fetch it.
    NotHere,
    /// A pipe, a socket or a device.
    Special,
    /// Its name cannot be stored.
    Name,
    /// It became shorter while it was read.
    Changed,
    /// Windows or the disk gave another error.
    Unreadable,
    /// It was handed over, and the backup does not have it.
    Missing,
}

impl Reason {
    /// In words for people.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Reason::Locked => "another program holds it",
            Reason::Denied => "it may not be read",
            Reason::Gone => "it vanished meanwhile",
            Reason::NotHere => "it is kept elsewhere and would have to be fetched",
            Reason::Special => "it is a pipe, a socket or a device",
            Reason::Name => "its name cannot be stored",
            Reason::Changed => "it became shorter while it was read",
            Reason::Unreadable => "it cannot be read",
            Reason::Missing => "it was read, and the backup does not have it",
        }
    }

    /// What an error of the system means.
    #[must_use]
    pub fn of(error: &io::Error) -> Reason {
        // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of winerror.h.
        if cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33)) {
            return Reason::Locked;
        }
        match error.kind() {
            io::ErrorKind::PermissionDenied => Reason::Denied,
            io::ErrorKind::NotFound => Reason::Gone,
            io::ErrorKind::UnexpectedEof => Reason::Changed,
            _ => Reason::Unreadable,
        }
    }
}

/// One file or folder that is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Where it lies.
    pub path: PathBuf,
    /// Why it is left out.
    pub reason: Reason,
    /// What the system said, where it said something.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// All that was left out, gathered from several threads.
#[derive(Debug, Default)]
pub struct Gathered {
    listed: Mutex<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    some: Vec<LeftOut>,
    more: u64,
}

impl Gathered {
    /// Adds one for a reason of our own.
    pub fn add(&self, path: &Path, reason: Reason, detail: impl Into<String>) {
        let mut listed = self.lock();
        match listed.some.len() < MOST_LISTED {
            true => {
                listed.some.push(LeftOut { path: path.to_owned(), reason, detail: detail.into() })
            }
            false => listed.more += 1,
        }
    }

    /// Adds one that the system refused.
    pub fn refused(&self, path: &Path, error: &io::Error) {
        self.add(path, Reason::of(error), error.to_string());
    }

    /// All that are listed by path, and how many more there are.
    #[must_use]
    pub fn take(&self) -> (Vec<LeftOut>, u64) {
        let mut listed = self.lock();
        let mut some = std::mem::take(&mut listed.some);
        some.sort_by(|a, b| a.path.cmp(&b.path));
        some.dedup_by(|a, b| a.path == b.path);
        (some, std::mem::take(&mut listed.more))
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_get_their_reason() {
        let of = |kind: io::ErrorKind| Reason::of(&io::Error::from(kind));
        assert_eq!(of(io::ErrorKind::PermissionDenied), Reason::Denied);
        assert_eq!(of(io::ErrorKind::NotFound), Reason::Gone);
        assert_eq!(of(io::ErrorKind::UnexpectedEof), Reason::Changed);
        assert_eq!(of(io::ErrorKind::Other), Reason::Unreadable);
    }

    #[cfg(windows)]
    #[test]
    fn locks_of_windows_are_told_apart() {
        for code in [32, 33] {
            assert_eq!(Reason::of(&io::Error::from_raw_os_error(code)), Reason::Locked);
        }
        assert_eq!(Reason::of(&io::Error::from_raw_os_error(5)), Reason::Denied);
    }

    #[test]
    fn the_list_has_an_end_and_the_rest_is_counted() {
        let gathered = Gathered::default();
        for number in 0..MOST_LISTED + 3 {
            gathered.add(Path::new(&number.to_string()), Reason::Denied, "");
        }
        let (some, more) = gathered.take();
        assert_eq!((some.len(), more), (MOST_LISTED, 3));
    }
}
