//! Who holds what, as it is told to the world: the public JSON of `unwedge who`. `docs/who.md`
//! describes it.

use serde::Serialize;

use super::backup::Backup;
use super::handling::Handling;
use super::signed::Signature;
use crate::knowledge::products::Product;
use crate::report::Certainty;

/// The number of the public form; it grows when a reader of the old form would be misled.
pub const SCHEMA: u32 = 1;

/// The answer to "who holds these files?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of unwedge that wrote it.
    pub unwedge: &'static str,
    /// The answer in one word.
    pub told: Told,
    /// The files and folders asked about.
    pub asked: Vec<String>,
    /// Those of them that are not there.
    pub absent: Vec<String>,
    /// Everyone who was found; those who keep others out come first.
    pub holders: Vec<Holder>,
    /// Whether a backup is being made right now; not asked where nobody among them makes any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Into what one could not look.
    pub not_inspected: Vec<NotInspected>,
    /// What else is missing from the answer.
    pub gaps: Vec<Gap>,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Everyone was looked at, and nobody holds any of it.
    Nobody,
    /// Somebody holds some of it.
    Somebody,
    /// Nobody was found, and not everyone could be looked at. Never to be taken for nobody.
    CouldNotTell,
}

/// One way in which one file is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The file.
    pub path: String,
    /// The file or folder asked about, where that is another path or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// How it is held.
    pub hold: Hold,
    /// In which way others are kept out.
    pub conflict: Conflict,
    /// Whether it makes the answer `somebody`. Whoever has a file of a folder open or loaded and
    /// keeps nobody out does not, nor does whoever only may hold it.
    pub counts: bool,
    /// How sure it is that this is the one in the way.
    pub certainty: Certainty,
    /// Who saw it.
    pub witnesses: Vec<&'static str>,
    /// The process; none for what is no process, such as a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The services that run in the process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// The product it belongs to; several where its names do not tell which of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductNamed>,
    /// What may be done about it.
    pub handling: Handling,
}

/// How a file is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(missing_docs, reason = "docs/who.md explains each")]
pub enum Hold {
    Handle {
        /// What the handle allows, as `ACCESS_MASK`.
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<String>,
    },
    Image,
    Mapping,
    WorkingDirectory,
    Hive {
        key: String,
    },
    Task {
        name: String,
    },
    Filter {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        altitude: Option<String>,
    },
    Transfer {
        name: String,
    },
    Use,
}

/// How others are kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(missing_docs, reason = "docs/who.md explains each")]
pub enum Conflict {
    Sharing { others_may_read: bool, others_may_write: bool, others_may_delete: bool },
    ByteRange { ranges: Vec<Range> },
    DeletePending,
    MappedImage,
    MappedData,
    Oplock,
    None,
    Unknown,
}

/// A locked range of bytes; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// First byte.
    pub from: u64,
    /// One past the last byte.
    pub to: u64,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it began, in units of 100 ns since 1601: with its id it is this one process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<u64>,
    /// Its image name.
    pub image: String,
    /// The file it was started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// The account it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The session it runs in; 0 is that of services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// Whether Windows keeps others from looking into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_protected: Option<bool>,
    /// Who signed its file; not asked of whoever keeps nobody out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Short name.
    pub name: String,
    /// The name people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// A product that is known to stand in the way of updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProductNamed {
    /// Its name.
    pub name: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
    /// What it is, such as `AV`, `backup`, `sync`.
    pub kind: &'static str,
    /// How its maker lets one pause it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub official_pause: Option<&'static str>,
}

/// Something into which one could not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotInspected {
    /// The process.
    pub pid: u32,
    /// Its image name.
    pub image: String,
    /// The services that run in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Whether Windows protects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_protected: Option<bool>,
    /// What could not be seen.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// Something that is missing from the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Conflict {
    /// How much others are kept from: 0 for reading or writing it, 1 for less, 2 for nothing.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Conflict::Sharing { others_may_read: true, others_may_write: true, .. } => 1,
            Conflict::Sharing { .. } | Conflict::ByteRange { .. } | Conflict::DeletePending => 0,
            Conflict::MappedData | Conflict::MappedImage | Conflict::Unknown => 1,
            Conflict::Oplock | Conflict::None => 2,
        }
    }
}

impl From<&Product> for ProductNamed {
    fn from(it: &Product) -> Self {
        ProductNamed {
            name: it.name,
            vendor: it.vendor,
            kind: it.kind,
            official_pause: it.official_pause,
        }
    }
}
