//! One Windows installation, however it is reached.
//!
//! Three rules hold for every host: `Ok(None)` means *known to be absent*, not being able to tell
//! is an error; reading never changes anything; whatever can be changed is a [`HostMut`], so that
//! evidence cannot be written by type.

mod advance;
pub mod change;
pub mod collected;
pub mod container;
pub mod descriptor;
pub mod fixture;
#[allow(unsafe_code, reason = "it talks to Windows")]
pub mod live;
pub mod log_place;
pub mod offline_registry;
pub mod overlay;
mod path;
pub mod probe;
pub mod recorded;
pub mod registry;
pub mod service;
pub mod system;
pub mod testing;

use serde::{Deserialize, Serialize};

pub use advance::{Advance, Stage, Watch};
pub use change::{Change, RepairSource, Setting, Tool};
pub use container::ReadSeek;
pub use descriptor::{Descriptor, Securable};
pub use fixture::Fixture;
pub use offline_registry::RegistryGap;
pub use overlay::Overlay;
pub use path::{KeyPath, ServiceName, WinPath};
pub use probe::{Probe, ProbeOutput};
pub use registry::{Data, Key};
pub use service::{RunState, Service, StartType};

/// What is known about the installation as a whole; `None` where the evidence does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Computer name.
    pub name: Option<String>,
    /// Build and revision, such as `26100.2314`.
    pub build: Option<String>,
    /// Edition, such as `Professional`.
    pub edition: Option<String>,
    /// What local time was ahead of UTC, in minutes, when the evidence was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset_minutes: Option<i32>,
    /// Whether this program runs there with the rights of an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_elevated: Option<bool>,
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
    /// A component of Windows refused with this `HRESULT`.
    #[error("refused by Windows with 0x{0:08X}")]
    Com(u32),
    /// This Windows lacks the function, library or class that would tell.
    #[error("this Windows does not have what could tell it")]
    Absent,
    /// No answer came in time; whoever was asked may still be at it.
    #[error("no answer within {seconds} seconds")]
    TimeLimit {
        /// How long it was waited for.
        seconds: u64,
    },
    /// It is there and cannot be made sense of.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// The system or a library said this.
    #[error("{0}")]
    Io(String),
    /// Whoever watched asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// The process or the power went away in the middle; only tests make this.
    #[error("interrupted")]
    Crashed,
}

impl HostErrorKind {
    /// Whether the right to do it was missing, so that an administrator could.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        // ERROR_ACCESS_DENIED, ERROR_PRIVILEGE_NOT_HELD, ERROR_ELEVATION_REQUIRED; the last is
        // WBEM_E_ACCESS_DENIED, the form in which WMI says it.
        matches!(
            self,
            HostErrorKind::Win32(5 | 740 | 1314) | HostErrorKind::Com(0x8007_0005 | 0x8004_1003)
        )
    }
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
    /// When it was last changed, in seconds since 1970, where that is known.
    pub modified: Option<u64>,
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
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>>;

    /// The content of a file; `None` if there is none of that name.
    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        Err(HostError::not_collected("read", path))
    }

    /// Whether a file or folder of that name exists.
    fn exists(&self, path: &WinPath) -> Result<bool> {
        Err(HostError::not_collected("look for", path))
    }

    /// What a folder holds, all of it, sorted by name; `None` if there is no such folder.
    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        Err(HostError::not_collected("list", folder))
    }

    /// A registry key; `None` if there is none.
    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        Err(HostError::not_collected("read key", path))
    }

    /// The keys directly below a registry key, with their names; `None` if there is no such key,
    /// an error if not all of them can be read.
    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        registry::keys_below(self, path)
    }

    /// A service; `None` if none has that name.
    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        Err(HostError::not_collected("ask for service", name))
    }

    /// The answer to one of a closed set of read-only questions.
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        Err(HostError::not_collected("ask for", &format!("{probe:?}")))
    }

    /// What was found damaged so far while keys were read; a host that reads whole answers has none.
    fn registry_gaps(&self) -> Vec<RegistryGap> {
        Vec::new()
    }

    /// The present state of whatever `setting` names.
    fn current(&self, setting: &Setting) -> Result<Setting> {
        change::current(self, setting)
    }
}

/// Write access. Evidence does not implement it, so that it cannot be changed.
pub trait HostMut: Host {
    /// Makes `change` true. Idempotent: applying twice is applying once.
    fn apply(&mut self, change: &Change) -> Result<()>;

    /// As [`HostMut::apply`], telling how far a tool is. When `watch` asks it to stop it ends with
    /// [`HostErrorKind::Cancelled`].
    fn apply_watched(&mut self, change: &Change, watch: &mut Watch<'_>) -> Result<()> {
        let _ = watch;
        self.apply(change)
    }
}

impl About {
    /// What the registry says, whose keys `key` gives.
    pub(crate) fn of_registry(key: impl Fn(&str) -> Key) -> Self {
        let name = key(r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName");
        let zone = key(r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation");
        let version = key(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion");
        let build = version.text("CurrentBuild").or(version.text("CurrentBuildNumber"));
        About {
            name: name.text("ComputerName").map(str::to_owned),
            build: build.map(|build| match version.number("UBR") {
                Some(revision) => format!("{build}.{revision}"),
                None => build.to_owned(),
            }),
            edition: version.text("EditionID").or(version.text("ProductName")).map(str::to_owned),
            // The bias is what has to be added to local time, in minutes, and may be negative.
            utc_offset_minutes: zone
                .dword("ActiveTimeBias")
                .or(zone.dword("Bias"))
                .map(|bias| bias.cast_signed().saturating_neg())
                .filter(|offset| offset.abs() <= 14 * 60),
            is_elevated: None,
        }
    }
}

impl HostError {
    /// The evidence does not say.
    pub fn not_collected(op: &'static str, subject: &(impl ToString + ?Sized)) -> Self {
        HostError { op, subject: subject.to_string(), kind: HostErrorKind::NotCollected }
    }

    /// Windows refused.
    pub fn win32(op: &'static str, subject: &(impl ToString + ?Sized), code: u32) -> Self {
        HostError { op, subject: subject.to_string(), kind: HostErrorKind::Win32(code) }
    }
}

/// A reference to a host is a host: what-if views are built over borrowed ones.
impl<H: Host + ?Sized> Host for &H {
    fn about(&self) -> &About {
        (**self).about()
    }
    fn evidence(&self) -> Result<Vec<Evidence>> {
        (**self).evidence()
    }
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        (**self).open_evidence(evidence)
    }
    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        (**self).read(path)
    }
    fn exists(&self, path: &WinPath) -> Result<bool> {
        (**self).exists(path)
    }
    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        (**self).list(folder)
    }
    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        (**self).key(path)
    }
    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        (**self).keys_below(path)
    }
    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        (**self).service(name)
    }
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        (**self).probe(probe)
    }
    fn registry_gaps(&self) -> Vec<RegistryGap> {
        (**self).registry_gaps()
    }
    fn current(&self, setting: &Setting) -> Result<Setting> {
        (**self).current(setting)
    }
}
