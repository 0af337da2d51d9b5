//! What a text file is: the kinds of log, and which file of this folder reads each.

use super::line::{Header, header};
use super::servicing::{Statement, statement};
use super::update::NamedUpdate;
use super::{
    azure, checksur, config_manager, csi_stamp, events, poqexec, reporting_events, setup,
    setup_diag, setupapi, windows_update,
};

/// What a text file was recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogKind {
    /// Component-Based Servicing: CBS.log, CbsPersist_*.log, extracts of them.
    Cbs,
    /// Deployment Image Servicing and Management: dism.log, or a file that mixes both.
    Dism,
    /// Windows Setup (setupact.log, setuperr.log): the same record form, other components, and
    /// an event number before some of them.
    Setup,
    /// WindowsUpdate.log, the old form (Windows 8.1 and before) or the new one.
    WindowsUpdate,
    /// ReportingEvents.log, of 12 or 13 fields.
    ReportingEvents,
    /// Logs of the Configuration Manager client, such as WUAHandler.log.
    ConfigMgr,
    /// setupapi.dev.log and setupapi.setup.log.
    SetupApi,
    /// SetupDiagResults.log and SetupDiagResults.xml.
    SetupDiag,
    /// WindowsUpdateExtension.log of Azure.
    AzureExtension,
    /// poqexec.log: file and registry operations left for the restart.
    PoqExec,
    /// CheckSUR.log and CheckSUR.persist.log.
    CheckSur,
    /// What sfc wrote to the console.
    SfcConsole,
    /// Events of event logs, one line each, as this program writes them; see [`super::events`].
    Events,
    /// Events as text or XML by other programs; [`super::event_lines`] turns them to lines of
    /// [`LogKind::Events`], before anything else is asked.
    EventText,
}

impl LogKind {
    /// All kinds.
    pub const ALL: [LogKind; 14] = [
        LogKind::Cbs,
        LogKind::Dism,
        LogKind::Setup,
        LogKind::WindowsUpdate,
        LogKind::ReportingEvents,
        LogKind::ConfigMgr,
        LogKind::SetupApi,
        LogKind::SetupDiag,
        LogKind::AzureExtension,
        LogKind::PoqExec,
        LogKind::CheckSur,
        LogKind::SfcConsole,
        LogKind::Events,
        LogKind::EventText,
    ];

    /// The name used in reports and rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LogKind::Cbs => "cbs",
            LogKind::Dism => "dism",
            LogKind::Setup => "setup",
            LogKind::WindowsUpdate => "windows_update",
            LogKind::ReportingEvents => "reporting_events",
            LogKind::ConfigMgr => "config_manager",
            LogKind::SetupApi => "setupapi",
            LogKind::SetupDiag => "setup_diag",
            LogKind::AzureExtension => "azure_extension",
            LogKind::PoqExec => "poqexec",
            LogKind::CheckSur => "checksur",
            LogKind::SfcConsole => "sfc_console",
            LogKind::Events => "events",
            LogKind::EventText => "event_text",
        }
    }
}

/// Reads the head of a record of a log of this kind; `None` when the line begins none.
///
/// Records of Configuration Manager carry their time at their end: there the line that ends a
/// record has the head, and the lines before it have none.
#[must_use]
pub fn head(kind: LogKind, line: &[u8]) -> Option<Header<'_>> {
    match kind {
        LogKind::Cbs | LogKind::Dism => header(line),
        LogKind::Setup => setup::head(line),
        LogKind::WindowsUpdate => windows_update::head(line),
        LogKind::ReportingEvents => reporting_events::head(line),
        LogKind::ConfigMgr => config_manager::head(line),
        LogKind::SetupApi => setupapi::head(line),
        LogKind::AzureExtension => azure::head(line),
        LogKind::PoqExec => poqexec::head(line),
        LogKind::CheckSur => checksur::head(line),
        LogKind::Events => events::head(line),
        LogKind::SetupDiag | LogKind::SfcConsole | LogKind::EventText => None,
    }
}

/// Reads what a record of `component` says in a log of this kind.
///
/// `text` is the line from [`Header::text_at`] on, or the whole line (with an empty component)
/// where the line has no head.
#[must_use]
pub fn statement_of<'a>(kind: LogKind, component: &[u8], text: &'a str) -> Option<Statement<'a>> {
    match kind {
        LogKind::Cbs | LogKind::Dism => statement(component, text),
        LogKind::Setup => setup::statement_of(component, text),
        LogKind::WindowsUpdate => windows_update::step(component, text).map(Statement::Update),
        LogKind::ReportingEvents => reporting_events::step(text).map(Statement::Update),
        LogKind::ConfigMgr => config_manager::step(component, text).map(Statement::Update),
        LogKind::SetupApi => setupapi::step(text).map(Statement::Update),
        LogKind::SetupDiag => setup_diag::step(text).map(Statement::Update),
        LogKind::AzureExtension => azure::step(text).map(Statement::Update),
        LogKind::PoqExec => poqexec::step(text).map(Statement::Update),
        LogKind::CheckSur => checksur::statement_of(text),
        LogKind::Events => events::step(component, text).map(Statement::Update),
        LogKind::SfcConsole | LogKind::EventText => None,
    }
}

/// Reads which title belongs to which update, where a log of this kind says so beside its steps.
#[must_use]
pub fn update_named<'a>(kind: LogKind, component: &[u8], text: &'a str) -> Option<NamedUpdate<'a>> {
    match kind {
        LogKind::WindowsUpdate => windows_update::named(component, text),
        LogKind::ConfigMgr => config_manager::named(text),
        _ => None,
    }
}

/// Literals of which every line holds one that [`statement_of`], [`update_named`] or [`zone_of`]
/// can say something of; each has at least four bytes.
///
/// Empty for CBS and DISM, whose literals belong to the searching of [`statement`], and for kinds
/// that say nothing line by line.
#[must_use]
pub fn structure(kind: LogKind) -> &'static [&'static str] {
    match kind {
        LogKind::Setup => setup::STRUCTURE,
        LogKind::WindowsUpdate => windows_update::STRUCTURE,
        LogKind::ReportingEvents => reporting_events::STRUCTURE,
        LogKind::ConfigMgr => config_manager::STRUCTURE,
        LogKind::SetupApi => setupapi::STRUCTURE,
        LogKind::SetupDiag => setup_diag::STRUCTURE,
        LogKind::AzureExtension => azure::STRUCTURE,
        LogKind::PoqExec => poqexec::STRUCTURE,
        LogKind::CheckSur => checksur::STRUCTURE,
        LogKind::Events => events::STRUCTURE,
        LogKind::Cbs | LogKind::Dism | LogKind::SfcConsole | LogKind::EventText => &[],
    }
}

/// Minutes by which the times of the log are ahead of UTC, as far as this line tells.
///
/// A line tells it by a stamp of a CSI record, by the banner of an old WindowsUpdate.log, or by
/// the offset beside its own time; the times of events and of poqexec.log are UTC.
#[must_use]
pub fn zone_of(kind: LogKind, line: &[u8]) -> Option<i32> {
    match kind {
        LogKind::Cbs | LogKind::Dism | LogKind::Setup => {
            let head = head(kind, line)?;
            csi_stamp(&line[head.text_at..])?.offset_minutes(head.time)
        }
        LogKind::WindowsUpdate => windows_update::zone(line),
        LogKind::ReportingEvents => reporting_events::zone(line),
        LogKind::ConfigMgr => config_manager::zone(line),
        LogKind::AzureExtension => azure::zone(line),
        LogKind::PoqExec | LogKind::Events => head(kind, line).map(|_| 0),
        LogKind::SetupApi
        | LogKind::SetupDiag
        | LogKind::CheckSur
        | LogKind::SfcConsole
        | LogKind::EventText => None,
    }
}
