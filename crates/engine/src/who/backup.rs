//! Whether a backup or a snapshot is being made right now.
//!
//! The agent of a backup product runs all day, so that it runs says nothing. The services by which
//! Windows makes backups and snapshots, which most products use too, run only meanwhile, and for some
//! minutes after.

use serde::Serialize;
use unwedge_host::{Host, RunState, ServiceName, StartType};

use super::answer::{Holder, Service};
use super::handling::Owner;

/// Services of Windows that run only while a backup or a snapshot is made, and what that is.
const OF_WINDOWS: [(&str, Making); 4] = [
    ("wbengine", Making::Backup),
    ("SDRSVC", Making::Backup),
    ("VSS", Making::Snapshot),
    ("swprv", Making::Snapshot),
];

/// What is known of backups that are being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Whether one is being made.
    pub told: Now,
    /// The services that show it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
}

/// Whether a backup is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Now {
    /// Something runs that only runs meanwhile.
    Running,
    /// Nothing of Windows shows one; a product that does without may be making one.
    NoneSeen,
    /// Not all services told whether they run.
    Unknown,
}

/// What is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    Backup,
    Snapshot,
}

impl Making {
    pub(super) fn name(self) -> &'static str {
        match self {
            Making::Backup => "a backup",
            Making::Snapshot => "a snapshot of a volume",
        }
    }
}

/// What a service of Windows makes whenever it runs.
pub(super) fn of_windows(name: &str) -> Option<Making> {
    OF_WINDOWS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, it)| *it)
}

/// Looks, where anybody among `holders` makes backups; `None` where nobody does.
pub(super) fn look(host: &dyn Host, holders: &[Holder]) -> Option<Backup> {
    let makers = || holders.iter().filter(|it| it.handling.owner == Owner::Backup);
    makers().next()?;
    let mut names: Vec<String> = OF_WINDOWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for service in makers().flat_map(|it| &it.services) {
        if !names.iter().any(|it| it.eq_ignore_ascii_case(&service.name)) {
            names.push(service.name.clone());
        }
    }
    let mut is_known = true;
    let mut services = Vec::new();
    for name in names {
        match host.service(&ServiceName::new(&name)) {
            Ok(Some(it)) => {
                let runs = matches!(it.state, RunState::Running | RunState::Starting);
                // One of a product that Windows does not start runs because it was called for.
                if runs && (of_windows(&name).is_some() || it.start == StartType::Manual) {
                    services.push(super::service(host, &it.name));
                }
                is_known &= it.state != RunState::Unknown;
            }
            Ok(None) => {}
            Err(_) => is_known = false,
        }
    }
    let told = match (services.is_empty(), is_known) {
        (false, _) => Now::Running,
        (true, true) => Now::NoneSeen,
        (true, false) => Now::Unknown,
    };
    Some(Backup { told, services })
}
