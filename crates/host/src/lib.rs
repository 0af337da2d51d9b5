//! One Windows installation, however it is reached.
//!
//! Three rules hold for every host: `Ok(None)` means *known to be absent*, not being able to tell
//! is an error; reading never changes anything; whatever can be changed is a [`HostMut`], so that
//! evidence cannot be written by type.

pub mod collected;
pub mod container;
mod path;

use std::io::Read;

use serde::{Deserialize, Serialize};

pub use path::{KeyPath, ServiceName, WinPath};

/// What is known about the installation as a whole; `None` where the evidence does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Computer name.
    pub name: Option<String>,
    /// Build and revision, such as `26100.2314`.
    pub build: Option<String>,
    /// Edition, such as `Professional`.
    pub edition: Option<String>,
}

/// Why something about a host could not be learnt or changed.
#[derive(Debug, thiserror::Error)]
#[error("{op} {subject}: {kind}")]
pub struct HostError {
    /// What was tried, such as `read` or `stop service`.
    pub op: &'static str,
    /// On what.
    pub subject: String,
    /// Why not.
    pub kind: HostErrorKind,
}

/// The kinds of failure a caller tells apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostErrorKind {
    /// The evidence does not hold it; this says nothing about the machine.
    #[error("not part of the evidence")]
    NotCollected,
    /// The system refused with this Win32 code.
    #[error("refused by Windows with error {0}")]
    Win32(u32),
    /// It is there and cannot be made sense of.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// The system or a library said this.
    #[error("{0}")]
    Io(String),
    /// The process or the power went away in the middle; only tests make this.
    #[error("interrupted")]
    Crashed,
}

/// Shorthand for what every host operation returns.
pub type Result<T> = std::result::Result<T, HostError>;

/// A file that may carry evidence, in whatever layout it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The name by which reports cite it: a path relative to what the user gave, or a Windows path.
    pub source: String,
    /// Size in bytes as stored.
    pub size_bytes: u64,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name without its folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Size in bytes; 0 for a folder.
    pub size_bytes: u64,
}

/// Read access to one Windows installation.
pub trait Host: Send + Sync {
    /// What is known about the installation as a whole.
    fn about(&self) -> &About;

    /// Every file that may carry log evidence, in a stable order.
    fn evidence(&self) -> Result<Vec<Evidence>>;

    /// Opens one of [`Host::evidence`] as stored (compressed files are not unpacked).
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn Read + Send + '_>>;
}
