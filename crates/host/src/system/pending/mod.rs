//! Whether Windows waits for a restart: every place where it remembers that, and what each is
//! worth.
//!
//! The list is the one that administrators share ("pending reboot" scripts), with two
//! differences. Traces that say nothing by themselves are not counted as a restart, and a place
//! that could not be looked at leaves the answer open.

mod rename;

pub use rename::{Purpose, Rename};

use super::services::SERVICES;
use super::{Inquiry, Reading};
use crate::{Host, WinPath};

const CBS: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
const WINDOWS_UPDATE: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate";
const SESSION_MANAGER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager";
const COMPUTER_NAME: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName";
const PENDING_XML: &str = r"C:\Windows\WinSxS\pending.xml";

/// What Windows still has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Traces of it, in a fixed order.
    pub signs: Vec<Sign>,
    /// Files that are renamed, replaced or deleted at the next start, in that order.
    pub renames: Vec<Rename>,
}

/// One trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// What it is.
    pub kind: SignKind,
    /// The key, value or file.
    pub place: String,
    /// What stands there, where that says more.
    pub detail: Option<String>,
}

/// What a trace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignKind {
    /// Servicing is done up to a restart (`RebootPending`).
    ServicingRestart,
    /// The restart of servicing goes on, or was interrupted (`RebootInProgress`).
    ServicingInProgress,
    /// Packages wait for the restart (`PackagesPending`).
    PackagesPending,
    /// A session of servicing keeps others out until a restart (`SessionsPending`, `Exclusive`).
    ExclusiveSession,
    /// A transaction of the component store waits (`pending.xml`).
    StoreTransaction,
    /// The transaction is set up to be finished at the next start (`poqexec` in `SetupExecute`).
    StoreTransactionAtStart,
    /// The component store has a command for the next start (`PoqexecCmdline` in COMPONENTS).
    StoreCommand,
    /// Windows Update asks for a restart (`RebootRequired`).
    UpdateRestart,
    /// A service of Windows Update has work for the restart (`Services\Pending`).
    UpdateServicePending,
    /// Windows Update has something to report after a restart: also long after it.
    UpdateReport,
    /// An old installer of updates asks for a restart (`UpdateExeVolatile`).
    UpdateInstaller,
    /// Files of Windows, of drivers or of an installation are replaced or cleared away at the next
    /// start, see [`Pending::renames`].
    FileRenames,
    /// Only files of programs are.
    ProgramRenames,
    /// Server Manager counted tries to restart; it is known to forget to reset that.
    ServerManager,
    /// The PC is about to join a domain.
    DomainJoin,
    /// The PC gets another name with the next start.
    ComputerName,
    /// An installer left a signal for the next start (`DVDRebootSignal`).
    InstallerSignal,
    /// A program other than the usual check runs before Windows starts (`BootExecute`), such as a
    /// check of a disk.
    BootProgram,
}

/// What a trace is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// A restart is needed.
    Restart,
    /// A restart would do something, but nothing waits for it; or the trace is often left over.
    Maybe,
    /// It says nothing about a restart.
    Nothing,
}

impl SignKind {
    /// What a trace of this kind is worth.
    #[must_use]
    pub fn worth(self) -> Worth {
        match self {
            SignKind::ServicingRestart
            | SignKind::ServicingInProgress
            | SignKind::PackagesPending
            | SignKind::ExclusiveSession
            | SignKind::StoreTransaction
            | SignKind::StoreTransactionAtStart
            | SignKind::StoreCommand
            | SignKind::UpdateRestart
            | SignKind::UpdateServicePending
            | SignKind::UpdateInstaller
            | SignKind::FileRenames
            | SignKind::DomainJoin
            | SignKind::ComputerName => Worth::Restart,
            SignKind::ProgramRenames
            | SignKind::ServerManager
            | SignKind::InstallerSignal
            | SignKind::BootProgram => Worth::Maybe,
            SignKind::UpdateReport => Worth::Nothing,
        }
    }

    /// Whether servicing itself waits, so that no update can be installed before the restart.
    #[must_use]
    pub fn is_servicing(self) -> bool {
        self <= SignKind::StoreCommand
    }
}

impl Reading<Pending> {
    /// Whether Windows waits for a restart; `None` if not all places could be looked at.
    #[must_use]
    pub fn needs_restart(&self) -> Option<bool> {
        let needs = self.found.signs.iter().any(|it| it.kind.worth() == Worth::Restart);
        if needs { Some(true) } else { self.unknown.is_empty().then_some(false) }
    }
}

/// Looks at every place.
pub fn read(host: &dyn Host) -> Reading<Pending> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Pending::default();
    servicing(&mut inquiry, &mut found);
    updates(&mut inquiry, &mut found);
    session_manager(&mut inquiry, &mut found);
    others(&mut inquiry, &mut found);
    found.signs.sort_by_key(|sign| sign.kind);
    inquiry.done(found)
}

impl Pending {
    fn sign(&mut self, kind: SignKind, place: String, detail: Option<String>) {
        self.signs.push(Sign { kind, place, detail });
    }

    fn if_there(&mut self, inquiry: &mut Inquiry<'_>, kind: SignKind, path: String) {
        if let Some(key) = inquiry.key(&path) {
            let names: Vec<&str> = key.values.iter().map(|(name, _)| name.as_str()).collect();
            let detail = (!names.is_empty()).then(|| names.join(", "));
            self.sign(kind, path, detail);
        }
    }
}

fn servicing(inquiry: &mut Inquiry<'_>, found: &mut Pending) {
    for (kind, name) in [
        (SignKind::ServicingRestart, "RebootPending"),
        (SignKind::ServicingInProgress, "RebootInProgress"),
        (SignKind::PackagesPending, "PackagesPending"),
    ] {
        found.if_there(inquiry, kind, format!(r"{CBS}\{name}"));
    }
    // That there are sessions below is usual; only one that is exclusive waits.
    let sessions = format!(r"{CBS}\SessionsPending");
    let exclusive = inquiry.key(&sessions).and_then(|it| it.number("Exclusive"));
    if let Some(session) = exclusive.filter(|it| *it != 0) {
        found.sign(SignKind::ExclusiveSession, sessions, Some(session.to_string()));
    }
    if inquiry.exists(&WinPath::new(PENDING_XML)) == Some(true) {
        found.sign(SignKind::StoreTransaction, PENDING_XML.to_owned(), None);
    }
    // The hive is loaded only while servicing runs: that it cannot be asked means nothing.
    let store = inquiry.host.key(&crate::KeyPath::new(r"HKLM\COMPONENTS"));
    if let Some(command) =
        store.ok().flatten().and_then(|it| it.text("PoqexecCmdline").map(str::to_owned))
    {
        found.sign(SignKind::StoreCommand, r"HKLM\COMPONENTS".to_owned(), Some(command));
    }
}

fn updates(inquiry: &mut Inquiry<'_>, found: &mut Pending) {
    for (kind, name) in [
        (SignKind::UpdateRestart, r"Auto Update\RebootRequired"),
        (SignKind::UpdateReport, r"Auto Update\PostRebootReporting"),
    ] {
        found.if_there(inquiry, kind, format!(r"{WINDOWS_UPDATE}\{name}"));
    }
    let services = format!(r"{WINDOWS_UPDATE}\Services\Pending");
    let waiting = inquiry.key(&services).map(|it| it.subkeys).unwrap_or_default();
    if !waiting.is_empty() {
        found.sign(SignKind::UpdateServicePending, services, Some(waiting.join(", ")));
    }
    const INSTALLER: &str = r"HKLM\SOFTWARE\Microsoft\Updates";
    let as_value = inquiry.key(INSTALLER).and_then(|it| it.number("UpdateExeVolatile"));
    let below = format!(r"{INSTALLER}\UpdateExeVolatile");
    let as_key = || inquiry.key(&below).and_then(|it| it.number("Flags"));
    if let Some(flags) = as_value.or_else(as_key).filter(|it| *it != 0) {
        found.sign(SignKind::UpdateInstaller, below, Some(flags.to_string()));
    }
}

fn session_manager(inquiry: &mut Inquiry<'_>, found: &mut Pending) {
    let Some(key) = inquiry.key(SESSION_MANAGER) else { return };
    for name in ["PendingFileRenameOperations", "PendingFileRenameOperations2"] {
        found.renames.extend(rename::read(key.strings(name)));
    }
    let count = |of: &[Purpose]| found.renames.iter().filter(|it| of.contains(&it.purpose)).count();
    let of_windows = count(&[Purpose::Windows, Purpose::Driver, Purpose::InstallerRollback]);
    let of_programs = count(&[Purpose::Program]);
    let place = format!(r"{SESSION_MANAGER}\PendingFileRenameOperations");
    let all = found.renames.len();
    if of_windows > 0 {
        let told = format!("{of_windows} of {all} files are of Windows, drivers or installers");
        found.sign(SignKind::FileRenames, place, Some(told));
    } else if of_programs > 0 {
        let told = format!("{of_programs} of {all} files are of programs");
        found.sign(SignKind::ProgramRenames, place, Some(told));
    }
    let at_start: Vec<&str> = ["SetupExecute", "SetupExecuteNoPnpSync"]
        .iter()
        .flat_map(|name| key.strings(name))
        .map(String::as_str)
        .filter(|it| it.to_lowercase().contains("poqexec"))
        .collect();
    if !at_start.is_empty() {
        let place = format!(r"{SESSION_MANAGER}\SetupExecute");
        found.sign(SignKind::StoreTransactionAtStart, place, Some(at_start.join("; ")));
    }
    const USUAL: [&str; 2] = ["autocheck autochk *", "autocheck autochk /q /v *"];
    for command in key.strings("BootExecute").iter().filter(|it| !it.is_empty()) {
        if !USUAL.iter().any(|usual| command.eq_ignore_ascii_case(usual)) {
            let place = format!(r"{SESSION_MANAGER}\BootExecute");
            found.sign(SignKind::BootProgram, place, Some(command.clone()));
        }
    }
}

fn others(inquiry: &mut Inquiry<'_>, found: &mut Pending) {
    const SERVER_MANAGER: &str = r"HKLM\SOFTWARE\Microsoft\ServerManager";
    if let Some(key) = inquiry.key(SERVER_MANAGER) {
        let has = |name: &str| key.subkeys.iter().any(|it| it.eq_ignore_ascii_case(name));
        let count = key.number("CurrentRebootAttempts").filter(|it| *it != 0);
        if count.is_some() || has("CurrentRebootAttempts") {
            let place = format!(r"{SERVER_MANAGER}\CurrentRebootAttempts");
            found.sign(SignKind::ServerManager, place, count.map(|it| it.to_string()));
        }
    }
    let netlogon = format!(r"{SERVICES}\Netlogon");
    if let Some(key) = inquiry.key(&netlogon) {
        for name in ["JoinDomain", "AvoidSpnSet"] {
            let is_below = key.subkeys.iter().any(|it| it.eq_ignore_ascii_case(name));
            if is_below || key.value(name).is_some() {
                found.sign(SignKind::DomainJoin, format!(r"{netlogon}\{name}"), None);
            }
        }
    }
    let mut name_of = |key| {
        let key = inquiry.key(&format!(r"{COMPUTER_NAME}\{key}"))?;
        key.text("ComputerName").map(str::to_owned)
    };
    if let (Some(now), Some(next)) = (name_of("ActiveComputerName"), name_of("ComputerName"))
        && !now.eq_ignore_ascii_case(&next)
    {
        found.sign(
            SignKind::ComputerName,
            COMPUTER_NAME.to_owned(),
            Some(format!("{now} to {next}")),
        );
    }
    const ONCE: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce";
    if inquiry.key(ONCE).is_some_and(|it| it.value("DVDRebootSignal").is_some()) {
        found.sign(SignKind::InstallerSignal, format!(r"{ONCE}\DVDRebootSignal"), None);
    }
}

#[cfg(test)]
mod tests;
