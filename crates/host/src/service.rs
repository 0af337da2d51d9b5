//! Services as the service control manager knows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ServiceName;

/// One service: how it is set up, and what it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Short name.
    pub name: ServiceName,
    /// The name people see, where it is known.
    pub display_name: Option<String>,
    /// When Windows starts it.
    pub start: StartType,
    /// What it is doing.
    pub state: RunState,
    /// Its process while it runs.
    pub pid: Option<u32>,
    /// Command line of its process, where it is known.
    pub image: Option<String>,
    /// Services it depends on (`DependOnService`).
    pub needs: Vec<ServiceName>,
    /// Services that depend on it directly.
    pub dependents: Vec<ServiceName>,
    /// Whether it takes a request to stop; taken to be so where its state is unknown.
    pub accepts_stop: bool,
    /// Whether Windows protects its process (antimalware and other protected services).
    pub protected: bool,
}

/// When Windows starts a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartType {
    /// By the boot loader: drivers without which Windows could not begin.
    Boot,
    /// While the kernel starts: drivers.
    System,
    /// With Windows.
    Automatic,
    /// A while after Windows.
    AutomaticDelayed,
    /// When something asks for it.
    Manual,
    /// Never.
    Disabled,
}

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum RunState {
    Stopped,
    Starting,
    Running,
    Stopping,
    Paused,
    /// The evidence does not say: a registry tells how a service is set up, not what it does.
    Unknown,
}

impl StartType {
    /// The registry value `Start` that stands for it.
    #[must_use]
    pub fn registry_start(self) -> u32 {
        match self {
            StartType::Boot => 0,
            StartType::System => 1,
            StartType::Automatic | StartType::AutomaticDelayed => 2,
            StartType::Manual => 3,
            StartType::Disabled => 4,
        }
    }

    /// What the registry values `Start` and `DelayedAutostart` stand for; `None` for a number that
    /// Windows does not know.
    #[must_use]
    pub fn from_registry(start: u32, is_delayed: bool) -> Option<Self> {
        Some(match start {
            0 => StartType::Boot,
            1 => StartType::System,
            2 if is_delayed => StartType::AutomaticDelayed,
            2 => StartType::Automatic,
            3 => StartType::Manual,
            4 => StartType::Disabled,
            _ => return None,
        })
    }
}

impl fmt::Display for StartType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartType::Boot => "boot",
            StartType::System => "system",
            StartType::Automatic => "automatic",
            StartType::AutomaticDelayed => "automatic-delayed",
            StartType::Manual => "manual",
            StartType::Disabled => "disabled",
        })
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunState::Stopped => "stopped",
            RunState::Starting => "starting",
            RunState::Running => "running",
            RunState::Stopping => "stopping",
            RunState::Paused => "paused",
            RunState::Unknown => "in an unknown state",
        })
    }
}
