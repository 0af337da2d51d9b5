//! The closed set of things this program can do to a machine. Nothing is ever deleted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::descriptor::{Descriptor, Securable};
use crate::probe::{self, StoreHealth, UpdateState};
use crate::registry::Data;
use crate::service::{RunState, StartType};
use crate::{Host, HostError, HostErrorKind, KeyPath, Result, ServiceName, WinPath};

/// One assignable thing together with a state of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "setting")]
pub enum Setting {
    /// A registry value; `None` is the absent value.
    Value {
        /// Its key.
        key: KeyPath,
        /// Its name.
        name: String,
        /// Its data.
        data: Option<Data>,
    },
    /// When a service starts.
    Start {
        /// The service.
        service: ServiceName,
        /// When.
        start: StartType,
    },
    /// Whether a service runs.
    Running {
        /// The service.
        service: ServiceName,
        /// Whether it runs.
        running: bool,
    },
    /// Whether Microsoft Defender looks at every file that is opened.
    RealTimeProtection {
        /// Whether it does.
        on: bool,
    },
    /// Whether Microsoft Defender leaves a file alone.
    Exclusion {
        /// The file; a name may have `*` in it.
        path: WinPath,
        /// Whether it is left alone.
        present: bool,
    },
    /// Who may do what with a file, folder, key or service, as far as it is set on the thing itself.
    /// Its owner is never changed.
    Access {
        /// The thing.
        of: Securable,
        /// Its entries, none of them inherited.
        access: Descriptor,
    },
    /// Whether a scheduled task may run, as its own switch in Task Scheduler says.
    Task {
        /// Its name with its folders, such as `\Vault\Check`.
        path: String,
        /// Whether it may.
        enabled: bool,
    },
    /// Whether Windows itself ends a repair that was cut off: a scheduled task that looks for one
    /// at the next start, and after a while.
    Watchdog {
        /// Whether it stands by.
        present: bool,
    },
}

/// One effect on a machine.
///
/// `Assign`, `Move` and `PutBack` can be taken back. What `Run` leaves behind cannot: an installed update is not
/// uninstalled by us, and a program that was closed cannot be given its unsaved state again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Makes a setting so.
    Assign(Setting),
    /// Moves a file or folder aside to a name that is free.
    Move {
        /// Where it is.
        from: WinPath,
        /// Where it goes; must not exist.
        to: WinPath,
    },
    /// Takes a [`Change::Move`] back. What has grown at `to` meanwhile goes to `spare`.
    PutBack {
        /// Where it was moved to.
        from: WinPath,
        /// Where it came from.
        to: WinPath,
        /// A free name beside `to`.
        spare: WinPath,
    },
    /// Lets a system tool with fixed arguments do its work; never a command line.
    Run(Tool),
}

/// What Windows can be asked to do, once the reversible steps are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "tool")]
pub enum Tool {
    /// Asks Windows Update to install the pending update again.
    RetryUpdate {
        /// Which one, such as `KB5034441`; `None` is whatever is pending.
        kb: Option<String>,
    },
    /// Asks a program to close, as its own close button would. It may refuse; it is never killed.
    AskToClose {
        /// The process, which must still have this image.
        pid: u32,
        /// Image name.
        image: String,
    },
    /// Throws away for good what a repair moved aside. Its name must say so: nothing else is ever
    /// removed.
    Discard {
        /// Such as `C:\Windows\SoftwareDistribution.unwedge-0001`.
        path: WinPath,
    },
    /// Waits until a process has ended by itself. Nothing is done to it.
    WaitForExit {
        /// The process, as long as it has this image.
        pid: u32,
        /// Image name.
        image: String,
        /// How long at most; then it is a failure (Win32 1460).
        seconds: u32,
    },
    /// Lets Windows search its component store for damage, and take note of what it finds. Nothing
    /// is repaired.
    ScanStore,
    /// Lets Windows put its own files in the place of damaged ones in the component store. It is
    /// never asked to make what is installed permanent, nor to take back what waits for a restart.
    RepairStore {
        /// Where to take them from; `None` is wherever Windows itself looks.
        source: Option<RepairSource>,
        /// Whether Windows Update must not be asked for them.
        limit_access: bool,
    },
    /// Lets Windows compare its protected files with the component store and replace those that
    /// differ (`sfc /scannow`).
    CheckFiles,
    /// Restarts Windows, as its own menu would: programs are asked to close. On a PC that is running
    /// this program ends with it.
    Restart {
        /// Why, in plain words, for whoever sits in front of it.
        reason: String,
    },
    /// Makes a restore point. It changes nothing of the PC, and Windows drops it in time.
    RestorePoint {
        /// Its name.
        name: String,
        /// The number of the newest one before: Windows may say that it made one and not do so.
        after: u32,
    },
}

/// Where a repair of the component store takes its files from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairSource {
    /// A file of images (`.wim`, `.esd`), or a folder.
    pub path: WinPath,
    /// The number of the image in its file, from 1; `None` for a folder.
    pub index: Option<u32>,
}

impl fmt::Display for RepairSource {
    /// The form in which DISM takes it: a file of images without its kind and a number is taken for
    /// a folder, and refused with 0x8007010B.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.index {
            Some(index) if path.folded().ends_with(".esd") => write!(f, "esd:{path}:{index}"),
            Some(index) => write!(f, "wim:{path}:{index}"),
            None => write!(f, "{path}"),
        }
    }
}

impl Tool {
    /// Whether a run leaves something behind that cannot be taken back.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        match self {
            Tool::RetryUpdate { .. } | Tool::AskToClose { .. } | Tool::Discard { .. } => true,
            Tool::RepairStore { .. } | Tool::CheckFiles => true,
            Tool::WaitForExit { .. } | Tool::ScanStore => false,
            Tool::RestorePoint { .. } | Tool::Restart { .. } => false,
        }
    }
}

impl Tool {
    /// Whether it works on Windows' own files, so that it may leave work for the next start.
    #[must_use]
    pub fn is_servicing(&self) -> bool {
        matches!(self, Tool::ScanStore | Tool::RepairStore { .. } | Tool::CheckFiles)
    }
}

impl Setting {
    /// What the setting is about, in a form by which two settings are compared.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Setting::Value { key, name, .. } => {
                format!(r"value {}\\{}", key.folded(), name.to_lowercase())
            }
            Setting::Start { service, .. } => format!("start of {}", service.folded()),
            Setting::Running { service, .. } => format!("state of {}", service.folded()),
            Setting::RealTimeProtection { .. } => "real-time protection".to_owned(),
            Setting::Exclusion { path, .. } => format!("exclusion of {}", path.folded()),
            Setting::Access { of, .. } => format!("access to {}", of.folded()),
            Setting::Task { path, .. } => format!("task {}", path.to_lowercase()),
            Setting::Watchdog { .. } => "watchdog".to_owned(),
        }
    }

    /// Whether it protects the PC less for as long as it is so: lent, and to be given back in time.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        match self {
            Setting::RealTimeProtection { on } => !on,
            Setting::Exclusion { present, .. } => *present,
            Setting::Value { .. }
            | Setting::Start { .. }
            | Setting::Running { .. }
            | Setting::Access { .. }
            | Setting::Task { .. }
            | Setting::Watchdog { .. } => false,
        }
    }
}

impl Change {
    /// The change that puts back what `self` is about to overwrite; `None` if nothing can.
    pub fn inverse(&self, host: &dyn Host) -> Result<Option<Change>> {
        Ok(match self {
            Change::Assign(setting) => Some(Change::Assign(host.current(setting)?)),
            Change::Move { from, to } => Some(Change::PutBack {
                from: to.clone(),
                to: from.clone(),
                spare: WinPath::new(&format!("{to}-after")),
            }),
            Change::PutBack { from, to, .. } => {
                Some(Change::Move { from: to.clone(), to: from.clone() })
            }
            Change::Run(_) => None,
        })
    }

    /// Whether the host already is as this change would leave it.
    pub fn holds(&self, host: &dyn Host) -> Result<bool> {
        match self {
            Change::Assign(Setting::Running { service, running }) => {
                // "Stopping" is neither: only the end state counts.
                let wanted = if *running { RunState::Running } else { RunState::Stopped };
                match known_service(host, service)?.state {
                    RunState::Unknown => Err(HostError::not_collected("ask for state of", service)),
                    state => Ok(state == wanted),
                }
            }
            Change::Assign(setting) => Ok(host.current(setting)? == *setting),
            // Nobody else ever makes a thing of that name; Windows may well have made a new one of
            // the old name since.
            Change::Move { to, .. } => host.exists(to),
            Change::PutBack { from, to, .. } => Ok(!host.exists(from)? && host.exists(to)?),
            Change::Run(Tool::RetryUpdate { kb }) => {
                let updates = probe::updates(host)?;
                let mut wanted = updates
                    .iter()
                    .filter(|it| kb.as_ref().is_none_or(|kb| it.kb.eq_ignore_ascii_case(kb)))
                    .peekable();
                Ok(wanted.peek().is_some() && wanted.all(|it| it.state != UpdateState::Pending))
            }
            Change::Run(Tool::Discard { path }) => Ok(!host.exists(path)?),
            Change::Run(Tool::RestorePoint { name, after }) => {
                let points = probe::restore_points(host)?;
                Ok(points.iter().any(|it| it.number > *after && it.name == *name))
            }
            // A mark says that a scan was made; that there is none may mean that none was made.
            Change::Run(Tool::ScanStore) => match probe::store(host)? {
                StoreHealth::Repairable | StoreHealth::NotRepairable => Ok(true),
                StoreHealth::Healthy => Err(HostError::not_collected("tell", "the last scan")),
            },
            // Only of use after a scan, which sets the mark.
            Change::Run(Tool::RepairStore { .. }) => {
                Ok(probe::store(host)? == StoreHealth::Healthy)
            }
            Change::Run(Tool::CheckFiles) => {
                Err(HostError::not_collected("tell", "the last check of system files"))
            }
            // Whether it was this one that was asked for, a start does not say.
            Change::Run(Tool::Restart { .. }) => {
                Err(HostError::not_collected("tell", "the last restart"))
            }
            Change::Run(Tool::AskToClose { pid, image } | Tool::WaitForExit { pid, image, .. }) => {
                let processes = probe::processes(host)?;
                Ok(!processes
                    .iter()
                    .any(|it| it.pid == *pid && it.image.eq_ignore_ascii_case(image)))
            }
        }
    }

    /// Whether [`Change::inverse`] can give anything.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        match self {
            Change::Assign(_) | Change::Move { .. } | Change::PutBack { .. } => true,
            Change::Run(_) => false,
        }
    }
}

/// Whether `path` lies where a repair moved something aside, so that it may be thrown away.
#[must_use]
pub fn is_moved_aside(path: &WinPath) -> bool {
    let mark = path.name().rsplit_once(".unwedge-").map(|(_, mark)| mark);
    mark.is_some_and(|it| it.len() >= 4 && it.starts_with(|it: char| it.is_ascii_digit()))
}

/// The present state of whatever `setting` names, from what every host can tell.
pub fn current(host: &(impl Host + ?Sized), setting: &Setting) -> Result<Setting> {
    Ok(match setting {
        Setting::Value { key, name, .. } => Setting::Value {
            key: key.clone(),
            name: name.clone(),
            data: host.key(key)?.and_then(|it| it.value(name).cloned()),
        },
        Setting::Start { service, .. } => {
            Setting::Start { service: service.clone(), start: known_service(host, service)?.start }
        }
        Setting::Running { service, .. } => {
            let running = match known_service(host, service)?.state {
                RunState::Running | RunState::Starting => true,
                RunState::Stopped | RunState::Stopping => false,
                // A paused service could only be put back as running, which is not what it was.
                RunState::Paused => return Err(paused(service)),
                RunState::Unknown => {
                    return Err(HostError::not_collected("ask for state of", service));
                }
            };
            Setting::Running { service: service.clone(), running }
        }
        Setting::RealTimeProtection { .. } => {
            let on = defender(host)?.real_time;
            let on =
                on.ok_or_else(|| HostError::not_collected("ask for", "real-time protection"))?;
            Setting::RealTimeProtection { on }
        }
        Setting::Exclusion { path, .. } => {
            let known = defender(host)?.exclusions.map_err(|kind| HostError {
                op: "ask for",
                subject: "what Microsoft Defender leaves alone".to_owned(),
                kind,
            })?;
            let present = known.iter().any(|it| WinPath::new(it) == *path);
            Setting::Exclusion { path: path.clone(), present }
        }
        Setting::Access { of, .. } => {
            let access = probe::access(host, of)?.ok_or_else(|| HostError {
                op: "look for",
                subject: of.to_string(),
                kind: HostErrorKind::Win32(2),
            })?;
            Setting::Access { of: of.clone(), access: access.explicit() }
        }
        Setting::Task { path, .. } => {
            let all = crate::system::tasks::read(&host).found;
            let task = all.into_iter().find(|it| it.path.eq_ignore_ascii_case(path));
            let task = task.ok_or_else(|| HostError::win32("find task", path, 2))?;
            let disabled = task.is_disabled();
            let disabled = disabled.ok_or_else(|| HostError::not_collected("ask for", path))?;
            Setting::Task { path: path.clone(), enabled: !disabled }
        }
        // Only a host that can have one knows.
        Setting::Watchdog { .. } => return Err(HostError::not_collected("ask for", "a watchdog")),
    })
}

fn defender(host: &(impl Host + ?Sized)) -> Result<probe::Defender> {
    let refused = |kind| HostError { op: "ask", subject: "Microsoft Defender".to_owned(), kind };
    match host.probe(&probe::Probe::Security)? {
        probe::ProbeOutput::Security(it) => it.defender.map_err(refused),
        _ => Err(HostError::not_collected("ask", "Microsoft Defender")),
    }
}

/// The service, where its absence is an error: Win32 1060, as Windows says it.
pub fn known_service(
    host: &(impl Host + ?Sized),
    name: &ServiceName,
) -> Result<crate::service::Service> {
    host.service(name)?.ok_or_else(|| HostError {
        op: "find service",
        subject: name.to_string(),
        kind: HostErrorKind::Win32(1060),
    })
}

fn paused(service: &ServiceName) -> HostError {
    HostError {
        op: "record state of service",
        subject: service.to_string(),
        kind: HostErrorKind::Io("it is paused, which could not be put back".to_owned()),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Assign(Setting::Value { key, name, data: Some(data) }) => {
                write!(f, r"set value {name} of {key} to {data:?}")
            }
            Change::Assign(Setting::Value { key, name, data: None }) => {
                write!(f, r"take value {name} of {key} away")
            }
            Change::Assign(Setting::Start { service, start }) => {
                write!(f, "set the start type of service {service} to {start}")
            }
            Change::Assign(Setting::Running { service, running: true }) => {
                write!(f, "start service {service}")
            }
            Change::Assign(Setting::Running { service, running: false }) => {
                write!(f, "stop service {service}")
            }
            Change::Assign(Setting::RealTimeProtection { on }) => {
                let switch = if *on { "on" } else { "off" };
                write!(f, "switch the real-time protection of Microsoft Defender {switch}")
            }
            Change::Assign(Setting::Access { of, access }) => {
                write!(f, "let these have access to {of}: {access}")
            }
            Change::Assign(Setting::Watchdog { present: true }) => {
                f.write_str("let Windows end this repair, should it be cut off")
            }
            Change::Assign(Setting::Watchdog { present: false }) => {
                f.write_str("take away the task that would end a repair that was cut off")
            }
            Change::Assign(Setting::Exclusion { path, present: true }) => {
                write!(f, "let Microsoft Defender leave {path} alone")
            }
            Change::Assign(Setting::Exclusion { path, present: false }) => {
                write!(f, "let Microsoft Defender look at {path} as at any file")
            }
            Change::Move { from, to } => write!(f, "move {from} aside to {to}"),
            Change::PutBack { from, to, .. } => write!(f, "move {from} back to {to}"),
            Change::Run(Tool::RetryUpdate { kb: Some(kb) }) => {
                write!(f, "let Windows Update try {kb} again")
            }
            Change::Run(Tool::RetryUpdate { kb: None }) => {
                f.write_str("let Windows Update try again")
            }
            Change::Run(Tool::RestorePoint { name, .. }) => {
                write!(f, "make the restore point \"{name}\"")
            }
            Change::Run(Tool::Discard { path }) => write!(f, "throw {path} away for good"),
            Change::Run(Tool::WaitForExit { pid, image, .. }) => {
                write!(f, "wait for {image} (process {pid}) to end")
            }
            Change::Assign(Setting::Task { path, enabled: true }) => {
                write!(f, "let the scheduled task {path} run again")
            }
            Change::Assign(Setting::Task { path, enabled: false }) => {
                write!(f, "switch the scheduled task {path} off")
            }
            Change::Run(Tool::Restart { reason }) => write!(f, "restart Windows: {reason}"),
            Change::Run(Tool::ScanStore) => {
                f.write_str("let Windows search its component store for damage")
            }
            Change::Run(Tool::RepairStore { source: Some(source), .. }) => {
                write!(f, "let Windows repair its component store from {source}")
            }
            Change::Run(Tool::RepairStore { source: None, .. }) => {
                f.write_str("let Windows repair its component store")
            }
            Change::Run(Tool::CheckFiles) => f.write_str("let Windows check its own files"),
            Change::Run(Tool::AskToClose { pid, image }) => {
                write!(f, "ask {image} (process {pid}) to close")
            }
        }
    }
}
