//! The folder where the journals of one machine stand, and the lock that lets one repair in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::journal::{JournalError, Replay, Store};

/// The journals of one machine.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

/// One journal on the shelf.
#[derive(Debug)]
pub struct Volume {
    /// Its file.
    pub path: PathBuf,
    /// Its number, counted from 1.
    pub number: u32,
    /// What it says.
    pub replay: Replay,
    whole: usize,
}

/// Held while a repair or an undo is at work; the system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the shelf cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ShelfError {
    #[error("another repair is at work on this PC right now (it holds {path})", path = path.display())]
    Busy { path: PathBuf },
    #[error("could not use {path}", path = path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("could not read journal {path}", path = path.display())]
    Journal {
        path: PathBuf,
        #[source]
        source: JournalError,
    },
}

/// A journal file that is being written.
#[derive(Debug)]
pub struct FileStore {
    file: File,
    length: u64,
    is_broken: bool,
}

impl Shelf {
    /// The shelf in `folder`, which need not exist yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Shelf { folder: folder.to_owned() }
    }

    /// Waits for nobody: either nobody else is at work, or this is [`ShelfError::Busy`].
    pub fn lock(&self) -> Result<Lock, ShelfError> {
        let path = self.folder.join("lock");
        let io = |source| ShelfError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ShelfError::Busy { path }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Every journal, oldest first. One that never became durable is left out.
    pub fn volumes(&self) -> Result<Vec<Volume>, ShelfError> {
        let mut all = Vec::new();
        for (number, path) in self.files()? {
            let volume = read(number, path)?;
            if !volume.replay.never_happened() {
                all.push(volume);
            }
        }
        Ok(all)
    }

    /// Whether the folder was ever used.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder.exists()
    }

    /// The number that no journal has had.
    pub fn next_number(&self) -> Result<u32, ShelfError> {
        Ok(self.files()?.last().map_or(1, |(number, _)| number + 1))
    }

    /// Begins journal `number` on the disk; fails if it exists.
    pub fn create(&self, number: u32) -> Result<(PathBuf, FileStore), ShelfError> {
        let path = self.folder.join(format!("{number:04}.journal"));
        let io = |source| ShelfError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let file = OpenOptions::new().create_new(true).write(true).open(&path).map_err(io)?;
        // The name must be durable as well, or the journal could vanish with its lines.
        if cfg!(unix) {
            File::open(&self.folder).and_then(|it| it.sync_all()).map_err(io)?;
        }
        Ok((path.clone(), FileStore { file, length: 0, is_broken: false }))
    }

    /// Keeps what the registry was before repair `number`, read back; where a repair of that number
    /// never came to be, what was kept for it is written anew.
    pub fn keep_registry(&self, number: u32, export: &[u8]) -> Result<PathBuf, ShelfError> {
        let path = self.beside(number, "before.reg");
        let io = |source| ShelfError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let mut file = File::create(&path).map_err(io)?;
        file.write_all(export).and_then(|()| file.sync_all()).map_err(io)?;
        match fs::read(&path).map_err(io)? == export {
            true => Ok(path),
            false => Err(io(io::Error::other("it does not hold what was written"))),
        }
    }

    /// The place of something that is kept beside journal `number`.
    #[must_use]
    pub fn beside(&self, number: u32, what: &str) -> PathBuf {
        self.folder.join(format!("{number:04}-{what}"))
    }

    fn files(&self) -> Result<Vec<(u32, PathBuf)>, ShelfError> {
        let io = |source| ShelfError::Io { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(io(err)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry.map_err(io)?.path();
            if let Some(number) = journal_number(&path) {
                all.push((number, path));
            }
        }
        all.sort();
        Ok(all)
    }
}

impl Volume {
    /// Opens the journal to write on; a torn last line is cut off.
    pub fn store(&self) -> Result<FileStore, ShelfError> {
        let io = |source| ShelfError::Io { path: self.path.clone(), source };
        let open = || OpenOptions::new().write(true).open(&self.path);
        let mut file = patiently(open, is_passing, sleep).map_err(io)?;
        let length = self.whole as u64;
        file.set_len(length).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        file.sync_all().map_err(io)?;
        Ok(FileStore { file, length, is_broken: false })
    }
}

impl Store for FileStore {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        let done = self.file.write_all(line).and_then(|()| self.file.sync_data());
        match done {
            Ok(()) => self.length += line.len() as u64,
            Err(_) => {
                // Half a line must not come to stand in the middle.
                let cut = self.file.set_len(self.length);
                self.is_broken = cut.and_then(|()| self.file.seek(SeekFrom::End(0))).is_err();
            }
        }
        done
    }
}

/// Reads one journal, wherever it stands.
pub fn open(path: &Path) -> Result<Volume, ShelfError> {
    read(journal_number(path).unwrap_or(0), path.to_owned())
}

/// Does it again while a scanner has the new file for itself: that lasts a moment.
fn patiently<T>(
    mut does: impl FnMut() -> io::Result<T>,
    is_passing: impl Fn(&io::Error) -> bool,
    mut wait: impl FnMut(Duration),
) -> io::Result<T> {
    const TRIES: u32 = 8;
    for turn in 0..TRIES {
        match does() {
            Err(error) if is_passing(&error) => wait(Duration::from_millis(25 << turn)),
            done => return done,
        }
    }
    does()
}

/// Whether somebody else has the file just now (sharing or lock violation of Windows).
fn is_passing(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33))
}

fn read(number: u32, path: PathBuf) -> Result<Volume, ShelfError> {
    let bytes = patiently(|| fs::read(&path), is_passing, sleep)
        .map_err(|source| ShelfError::Io { path: path.clone(), source })?;
    let (replay, whole) = Replay::read(&bytes)
        .map_err(|source| ShelfError::Journal { path: path.clone(), source })?;
    Ok(Volume { path, number, replay, whole })
}

fn journal_number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".journal")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_33_a_scanner_that_holds_our_file_for_a_moment_is_waited_for_and_not_for_ever() {
        let passing = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let held = |turns: u32| {
            let (mut tries, mut waited) = (0, Duration::ZERO);
            let done = patiently(
                || {
                    tries += 1;
                    if tries > turns { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
                },
                passing,
                |time| waited += time,
            );
            (done.is_ok(), waited)
        };
        assert_eq!(held(0), (true, Duration::ZERO));
        assert_eq!(held(3), (true, Duration::from_millis(25 + 50 + 100)));
        let (is_ok, waited) = held(100);
        assert!(!is_ok && waited < Duration::from_secs(10));
        let denied = patiently(
            || Err::<(), _>(io::ErrorKind::PermissionDenied.into()),
            passing,
            |_| panic!("nothing passes here"),
        );
        assert_eq!(denied.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
