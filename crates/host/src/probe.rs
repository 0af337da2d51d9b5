//! The closed set of read-only questions that are neither a file, a key nor a service.

mod agent;
mod boot;
mod event;
mod filter;
mod holder;
mod security;
mod server;
mod signature;
mod storage;
mod store;
mod task;
mod usage;
mod whole;

pub use agent::{
    AutomaticUpdates, Deed, HistoryEntry, Result as DeedResult, UpdateAgent, UpdateService, kb_in,
    moment_of_days,
};
pub use boot::Boot;
pub use event::{EventQuery, Events, Provider, query_text};
pub use filter::{LoadedFilter, aggregate};
pub use holder::{
    ByteRange, Certainty, Conflict, Hold, Holder, HolderGap, Holders, NotInspected, Share, Witness,
};
pub use security::{
    Defender, Freshness, ProductKind, ProductState, Security, SecurityProduct, Switch,
    exclusions_told,
};
pub use server::ServerAnswer;
pub use signature::{Signature, SignatureKind, Signer, Standing};
pub use storage::{
    Disks, Drive, DriveHealth, Encryption, RestorePoint, Space, Volume, moment_of_wmi,
};
pub use store::{SourceContent, StoreHealth};
pub use task::{Task, TaskState};
pub use usage::{Spent, Usage};
pub use whole::{Battery, Membership, Power};

use crate::descriptor::{Descriptor, Securable};
use crate::{Host, HostError, HostErrorKind, KeyPath, Result, ServiceName, WinPath};

/// A question. Asking never changes the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Who has these files, or files in these folders, open or locked?
    Holders {
        /// Files or folders.
        paths: Vec<WinPath>,
    },
    /// Does Windows wait for a restart, or is it in the middle of servicing?
    Pending,
    /// How much room is left on the Windows volume?
    FreeSpace,
    /// Which updates are pending or installed?
    Updates,
    /// Which processes run?
    Processes,
    /// What have processes used since they began?
    Usage,
    /// Which filters of file systems are loaded now?
    Filters,
    /// What does the Windows Update Agent know: its history, its state, its services?
    UpdateAgent,
    /// Which services and drivers are there?
    ServiceNames,
    /// Which start of Windows is this?
    Boot,
    /// Which scheduled tasks are there, as their service tells?
    Tasks,
    /// What protects this PC, as Windows was told?
    Security,
    /// How do volumes and drives stand?
    Disks,
    /// Which restore points are there?
    RestorePoints,
    /// Is it on mains or battery?
    Power,
    /// Is it a member of a domain?
    Membership,
    /// How does the component store stand, as far as Windows has noted?
    Store,
    /// What lies at a place that a repair is to take its files from?
    RepairSource {
        /// A file of images, or a folder.
        path: WinPath,
    },
    /// Who may do what with a file, folder, key or service?
    Access {
        /// The thing.
        of: Securable,
    },
    /// Who signed a program?
    Signature {
        /// Its file.
        path: WinPath,
    },
    /// Are these addresses answered, from this PC?
    Servers {
        /// Such as `https://slscr.update.microsoft.com/`.
        urls: Vec<String>,
    },
    /// Which events does the log hold that are asked for?
    Events(EventQuery),
}

/// The part of an answer that may be missing by itself, with the reason.
pub type Part<T> = std::result::Result<T, HostErrorKind>;

/// The answer to the [`Probe`] of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the answer to the question of the same name")]
pub enum ProbeOutput {
    Holders(Holders),
    Pending(PendingWork),
    FreeSpace { free_bytes: u64 },
    Updates(Vec<Update>),
    Processes(Vec<Process>),
    Usage(Vec<Usage>),
    Filters(Vec<LoadedFilter>),
    UpdateAgent(Box<UpdateAgent>),
    ServiceNames(Vec<ServiceName>),
    Boot(Boot),
    Tasks(Vec<Task>),
    Security(Security),
    Disks(Disks),
    RestorePoints(Vec<RestorePoint>),
    Power(Power),
    Membership(Membership),
    Store(StoreHealth),
    RepairSource(Option<SourceContent>),
    Access(Option<Descriptor>),
    Signature(Signature),
    Servers(Vec<ServerAnswer>),
    Events(Events),
}

/// What Windows still has to finish; `None` where the evidence does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PendingWork {
    /// A restart is needed to complete earlier work.
    pub restart: Option<bool>,
    /// A servicing transaction is waiting (`pending.xml`).
    pub servicing: Option<bool>,
}

/// One update of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Such as `KB5034441`.
    pub kb: String,
    /// The name people see.
    pub title: Option<String>,
    /// How far it is.
    pub state: UpdateState,
}

/// How far an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum UpdateState {
    Pending,
    Installed,
    InstalledAfterRestart,
}

/// A running process; `None` where it could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, which Windows gives to another process once this one has ended.
    pub pid: u32,
    /// When it began, in units of 100 ns since 1601: together with its id it is this one process.
    pub began: Option<u64>,
    /// Its image name.
    pub image: String,
    /// The file it was started from.
    pub path: Option<WinPath>,
    /// Its command line.
    pub command_line: Option<String>,
    /// The id of the process that started it, which may have ended since.
    pub parent: Option<u32>,
    /// The session it runs in; 0 is that of services.
    pub session: Option<u32>,
    /// The account it runs as, such as `NT AUTHORITY\SYSTEM`, or its SID.
    pub user: Option<String>,
    /// The services that run in it.
    pub services: Vec<ServiceName>,
    /// Whether Windows keeps others from looking into it and from ending it.
    pub is_protected: Option<bool>,
}

impl Process {
    /// A process of which no more is known.
    #[must_use]
    pub fn of(pid: u32, image: String) -> Self {
        Process {
            pid,
            began: None,
            image,
            path: None,
            command_line: None,
            parent: None,
            session: None,
            user: None,
            services: Vec::new(),
            is_protected: None,
        }
    }
}

/// Asks who holds `paths`.
pub fn holders(host: &dyn Host, paths: &[WinPath]) -> Result<Holders> {
    match host.probe(&Probe::Holders { paths: paths.to_vec() })? {
        ProbeOutput::Holders(it) => Ok(it),
        other => Err(mismatch("holders", &other)),
    }
}

/// Asks what Windows still has to finish.
pub fn pending(host: &dyn Host) -> Result<PendingWork> {
    match host.probe(&Probe::Pending)? {
        ProbeOutput::Pending(it) => Ok(it),
        other => Err(mismatch("pending work", &other)),
    }
}

/// Asks which updates are pending or installed.
pub fn updates(host: &dyn Host) -> Result<Vec<Update>> {
    match host.probe(&Probe::Updates)? {
        ProbeOutput::Updates(it) => Ok(it),
        other => Err(mismatch("updates", &other)),
    }
}

/// Asks which processes run.
pub fn processes(host: &dyn Host) -> Result<Vec<Process>> {
    match host.probe(&Probe::Processes)? {
        ProbeOutput::Processes(it) => Ok(it),
        other => Err(mismatch("processes", &other)),
    }
}

/// Asks what processes have used since they began; one that does not tell is left out.
pub fn usage(host: &dyn Host) -> Result<Vec<Usage>> {
    match host.probe(&Probe::Usage)? {
        ProbeOutput::Usage(it) => Ok(it),
        other => Err(mismatch("what processes use", &other)),
    }
}

/// Asks which filters of file systems are loaded now.
pub fn loaded_filters(host: &dyn Host) -> Result<Vec<LoadedFilter>> {
    match host.probe(&Probe::Filters)? {
        ProbeOutput::Filters(it) => Ok(it),
        other => Err(mismatch("filters", &other)),
    }
}

/// Asks what the Windows Update Agent knows.
pub fn update_agent(host: &dyn Host) -> Result<UpdateAgent> {
    match host.probe(&Probe::UpdateAgent)? {
        ProbeOutput::UpdateAgent(it) => Ok(*it),
        other => Err(mismatch("the Windows Update Agent", &other)),
    }
}

/// Asks which services and drivers there are, by their short names.
pub fn service_names(host: &dyn Host) -> Result<Vec<ServiceName>> {
    match host.probe(&Probe::ServiceNames)? {
        ProbeOutput::ServiceNames(it) => Ok(it),
        other => Err(mismatch("the names of services", &other)),
    }
}

/// Asks which start of Windows this is.
pub fn boot(host: &dyn Host) -> Result<Boot> {
    match host.probe(&Probe::Boot)? {
        ProbeOutput::Boot(it) => Ok(it),
        other => Err(mismatch("the start of Windows", &other)),
    }
}

/// Asks the Task Scheduler for its tasks.
pub fn tasks(host: &dyn Host) -> Result<Vec<Task>> {
    match host.probe(&Probe::Tasks)? {
        ProbeOutput::Tasks(it) => Ok(it),
        other => Err(mismatch("tasks", &other)),
    }
}

/// Asks what protects this PC.
pub fn security(host: &dyn Host) -> Result<Security> {
    match host.probe(&Probe::Security)? {
        ProbeOutput::Security(it) => Ok(it),
        other => Err(mismatch("protection", &other)),
    }
}

/// Asks how volumes and drives stand.
pub fn disks(host: &dyn Host) -> Result<Disks> {
    match host.probe(&Probe::Disks)? {
        ProbeOutput::Disks(it) => Ok(it),
        other => Err(mismatch("disks", &other)),
    }
}

/// Asks which restore points there are.
pub fn restore_points(host: &dyn Host) -> Result<Vec<RestorePoint>> {
    match host.probe(&Probe::RestorePoints)? {
        ProbeOutput::RestorePoints(it) => Ok(it),
        other => Err(mismatch("restore points", &other)),
    }
}

/// Asks whether addresses are answered.
pub fn servers(host: &dyn Host, urls: &[String]) -> Result<Vec<ServerAnswer>> {
    match host.probe(&Probe::Servers { urls: urls.to_vec() })? {
        ProbeOutput::Servers(it) => Ok(it),
        other => Err(mismatch("servers", &other)),
    }
}

/// Asks for mains and battery.
pub fn power(host: &dyn Host) -> Result<Power> {
    match host.probe(&Probe::Power)? {
        ProbeOutput::Power(it) => Ok(it),
        other => Err(mismatch("power", &other)),
    }
}

/// Asks for the domain.
pub fn membership(host: &dyn Host) -> Result<Membership> {
    match host.probe(&Probe::Membership)? {
        ProbeOutput::Membership(it) => Ok(it),
        other => Err(mismatch("the domain", &other)),
    }
}

/// Asks how the component store stands, as far as Windows has noted.
pub fn store(host: &dyn Host) -> Result<StoreHealth> {
    match host.probe(&Probe::Store)? {
        ProbeOutput::Store(it) => Ok(it),
        other => Err(mismatch("the component store", &other)),
    }
}

/// Asks what lies where a repair is to take its files from; `None` if nothing does.
pub fn repair_source(host: &dyn Host, path: &WinPath) -> Result<Option<SourceContent>> {
    match host.probe(&Probe::RepairSource { path: path.clone() })? {
        ProbeOutput::RepairSource(it) => Ok(it),
        other => Err(mismatch("a source for repairs", &other)),
    }
}

/// Asks who may do what with something, and whose it is; `None` if it is known not to be there.
pub fn access(host: &(impl Host + ?Sized), of: &Securable) -> Result<Option<Descriptor>> {
    match host.probe(&Probe::Access { of: of.clone() })? {
        ProbeOutput::Access(it) => Ok(it),
        other => Err(mismatch("who may do what", &other)),
    }
}

/// Asks who signed a program. That nobody did is an answer; a file that is not there, or of which
/// Windows cannot tell, is an error.
pub fn signature(host: &dyn Host, path: &WinPath) -> Result<Signature> {
    match host.probe(&Probe::Signature { path: path.clone() })? {
        ProbeOutput::Signature(it) => Ok(it),
        other => Err(mismatch("a signature", &other)),
    }
}

/// Asks the event service for events.
pub fn events(host: &dyn Host, query: EventQuery) -> Result<Events> {
    match host.probe(&Probe::Events(query))? {
        ProbeOutput::Events(it) => Ok(it),
        other => Err(mismatch("events", &other)),
    }
}

/// Answers [`Probe::Pending`] from the keys and the file by which Windows itself remembers it.
///
/// Only the mere presence counts; none of these may ever be deleted to "clear" a restart.
pub fn pending_from_traces(host: &dyn Host) -> PendingWork {
    const RESTART_KEYS: [&str; 2] = [
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
    ];
    let seen: Vec<Option<bool>> = RESTART_KEYS
        .iter()
        .map(|key| host.key(&KeyPath::new(key)).ok().map(|it| it.is_some()))
        .collect();
    let restart = if seen.contains(&Some(true)) {
        Some(true)
    } else if seen.iter().all(|it| *it == Some(false)) {
        Some(false)
    } else {
        None
    };
    let servicing = host.exists(&WinPath::new(r"C:\Windows\WinSxS\pending.xml")).ok();
    PendingWork { restart, servicing }
}

fn mismatch(subject: &str, got: &ProbeOutput) -> HostError {
    HostError {
        op: "ask for",
        subject: subject.to_owned(),
        kind: HostErrorKind::Corrupt(format!("the answer is to another question: {got:?}")),
    }
}
