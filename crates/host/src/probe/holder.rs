//! Who holds which file, in which way, and how sure that is.

use std::fmt;

use super::Process;
use crate::{KeyPath, ServiceName, WinPath};

/// Who holds what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Everyone who was found.
    pub holders: Vec<Holder>,
    /// Whether everyone was found; an empty list means "free" only if this is true.
    pub complete: bool,
    /// Into what one could not look.
    pub not_inspected: Vec<NotInspected>,
    /// What else is missing from the answer.
    pub gaps: Vec<HolderGap>,
}

/// One way in which one file is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The file.
    pub path: WinPath,
    /// The file or folder asked about; not `path` for a file in a folder, or where `path` is
    /// another name (hard link) of the same file.
    pub asked: WinPath,
    /// How it is held.
    pub hold: Hold,
    /// In which way others are kept out.
    pub conflict: Conflict,
    /// How sure it is that this holder is the one in the way.
    pub certainty: Certainty,
    /// Who saw it, in the order of the kinds, each once.
    pub witnesses: Vec<Witness>,
    /// The process; `None` for what is no process, such as a task that is not running.
    pub process: Option<Process>,
}

/// How a file is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// A handle is open.
    Handle {
        /// What the handle allows (`ACCESS_MASK`), where that was told.
        access: Option<u32>,
    },
    /// It runs as a program or is loaded as a library.
    Image,
    /// Its content is mapped into memory; the handle may be closed long since.
    Mapping,
    /// It is the working directory of a process.
    WorkingDirectory,
    /// It is a registry hive that is loaded.
    Hive {
        /// Where it is loaded, such as `\REGISTRY\MACHINE\COMPONENTS`.
        key: KeyPath,
    },
    /// A scheduled task runs it.
    Task {
        /// The task with its folder.
        name: String,
    },
    /// A file system filter may hold it in the kernel, where no handle shows.
    Filter {
        /// Its name.
        name: String,
        /// Its place in the stack of filters.
        altitude: Option<String>,
    },
    /// A background transfer (BITS) writes it.
    Transfer {
        /// The name of the job.
        name: String,
    },
    /// It is in use; the witness does not tell how.
    Use,
}

/// How a holder keeps others out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Opened without sharing what others need: Win32 error 32 when they open it.
    Sharing {
        /// What others may still do; also true where it could not be tried.
        shared: Share,
    },
    /// Ranges of bytes are locked: Win32 error 33 when others read or write there.
    ByteRange {
        /// The ranges.
        ranges: Vec<ByteRange>,
    },
    /// It is deleted as soon as the last handle closes; nobody can open it until then.
    DeletePending,
    /// A program or library in memory: it cannot be written or deleted, only renamed.
    MappedImage,
    /// Mapped content: it cannot be cut short (Win32 error 1224) or deleted.
    MappedData,
    /// The holder is asked first when somebody else opens it, and has not been asked.
    Oplock,
    /// Nobody is kept out.
    None,
    /// It was not possible to try.
    Unknown,
}

/// How sure it is that a holder is the one in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It is the only one that has the file, or two witnesses name it.
    Confirmed,
    /// It was seen to have the file, beside others.
    Likely,
    /// It may have it.
    Candidate,
}

/// Who saw that a file is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// The table of all handles of the system.
    HandleTable,
    /// The memory of the process.
    Memory,
    /// The parameters with which the process runs.
    Parameters,
    /// The file system, asked for the processes that use the file.
    FileSystem,
    /// The Restart Manager of Windows.
    RestartManager,
    /// The list of loaded hives.
    HiveList,
    /// The tasks of the Task Scheduler.
    TaskScheduler,
    /// The Filter Manager.
    FilterManager,
    /// The background transfer service.
    TransferService,
    /// The text of a simulated PC.
    Fixture,
}

/// A process, or a part of one, into which one could not look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotInspected {
    /// The process.
    pub pid: u32,
    /// Its image name.
    pub image: String,
    /// The services that run in it.
    pub services: Vec<ServiceName>,
    /// Whether Windows protects it; `None` where it did not say.
    pub is_protected: Option<bool>,
    /// What could not be seen, such as `its 214 open files`.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// Something that is missing from the answer as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderGap {
    /// What is missing.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Which access the holder of an open file leaves to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Others may read.
    pub read: bool,
    /// Others may write.
    pub write: bool,
    /// Others may rename or delete.
    pub delete: bool,
}

/// A locked range of bytes; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub from: u64,
    /// One past the last byte.
    pub to: u64,
}

impl Holder {
    /// The id of its process; 0, which no process that holds files has, for none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, |it| it.pid)
    }

    /// The image name of its process, or what stands for it: a task, a filter, a transfer.
    #[must_use]
    pub fn image(&self) -> &str {
        match (&self.process, &self.hold) {
            (Some(process), _) => &process.image,
            (None, Hold::Task { name } | Hold::Filter { name, .. } | Hold::Transfer { name }) => {
                name
            }
            (None, _) => "",
        }
    }

    /// The services in its process.
    #[must_use]
    pub fn services(&self) -> &[ServiceName] {
        self.process.as_ref().map_or(&[], |it| &it.services)
    }

    /// The service that holds it: the one in its process, if there is one only.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match self.services() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether it was seen in the act, rather than guessed.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.certainty != Certainty::Candidate
    }

    /// Whether somebody who wants to read and write is kept out.
    #[must_use]
    pub fn excludes(&self) -> bool {
        match &self.conflict {
            Conflict::Sharing { shared } => !(shared.read && shared.write),
            Conflict::ByteRange { .. } | Conflict::DeletePending => true,
            Conflict::MappedImage | Conflict::MappedData => false,
            Conflict::Oplock | Conflict::None | Conflict::Unknown => false,
        }
    }

    /// Whether the file cannot be renamed while this lasts.
    #[must_use]
    pub fn pins(&self) -> bool {
        match &self.conflict {
            Conflict::Sharing { shared } => !shared.delete,
            Conflict::ByteRange { .. } | Conflict::DeletePending | Conflict::MappedData => true,
            Conflict::MappedImage | Conflict::Oplock | Conflict::None | Conflict::Unknown => false,
        }
    }
}

impl Share {
    /// Others may do everything.
    pub const ALL: Share = Share { read: true, write: true, delete: true };
    /// Others may do nothing.
    pub const NONE: Share = Share { read: false, write: false, delete: false };
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.read, self.write, self.delete) {
            (true, true, true) => "everything",
            (true, true, false) => "reading and writing",
            (true, false, true) => "reading and deleting",
            (true, false, false) => "reading",
            (false, true, true) => "writing and deleting",
            (false, true, false) => "writing",
            (false, false, true) => "deleting",
            (false, false, false) => "nothing",
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Sharing { .. } => f.write_str("has it open without sharing"),
            Conflict::ByteRange { ranges } => {
                write!(f, "has {} bytes of it locked", locked_bytes(ranges))
            }
            Conflict::DeletePending => f.write_str("has it open while it waits to be deleted"),
            Conflict::MappedImage => f.write_str("runs it or has it loaded"),
            Conflict::MappedData => f.write_str("has it mapped into memory"),
            Conflict::Oplock => f.write_str("wants to be asked before others open it"),
            Conflict::None => f.write_str("has it open and keeps nobody out"),
            Conflict::Unknown => f.write_str("has it open"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.hold {
            Hold::Task { name } => return write!(f, "the task {name} runs {path}"),
            Hold::Filter { name, .. } => return write!(f, "the filter {name} may hold {path}"),
            Hold::Transfer { name } => return write!(f, "the transfer {name} writes {path}"),
            _ => {}
        }
        match (&self.process, self.service()) {
            (Some(process), Some(service)) => write!(f, "{} (service {service})", process.image)?,
            (Some(process), None) => write!(f, "{} (process {})", process.image, process.pid)?,
            (None, _) => f.write_str("somebody")?,
        }
        match (&self.hold, &self.conflict) {
            (Hold::Hive { key }, _) => write!(f, " has {path} loaded as {key}"),
            (Hold::WorkingDirectory, _) => write!(f, " works in {path}"),
            (_, Conflict::Sharing { .. }) => write!(f, " has {path} open without sharing it"),
            (_, Conflict::ByteRange { ranges }) => {
                write!(f, " has {} bytes of {path} locked", locked_bytes(ranges))
            }
            (_, Conflict::DeletePending) => {
                write!(f, " has {path} open, which waits to be deleted")
            }
            (_, Conflict::MappedImage) => write!(f, " runs {path} or has it loaded"),
            (_, Conflict::MappedData) => write!(f, " has {path} mapped into memory"),
            (_, Conflict::Oplock) => write!(f, " wants to be asked before others open {path}"),
            (_, Conflict::None | Conflict::Unknown) => write!(f, " has {path} open"),
        }
    }
}

fn locked_bytes(ranges: &[ByteRange]) -> u64 {
    ranges.iter().fold(0, |sum: u64, it| sum.saturating_add(it.to.saturating_sub(it.from)))
}
