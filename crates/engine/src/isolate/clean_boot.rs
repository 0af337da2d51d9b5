//! A clean boot by hand: everything switched off at once, or put back, also what somebody left behind.

use serde::Serialize;
use unwedge_host::system::Unknown;
use unwedge_host::system::startup::{self, CleanBoot};
use unwedge_host::{Change, Data, Host, KeyPath, ServiceName, Setting, StartType};

use super::suspect::{Suspect, SuspectKind};
use crate::journal::{JournalStep, Replay, StepState};

/// How a PC starts, as far as its own tools tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Services that System Configuration switched off and that are still off, with how they started.
    pub services_off: Vec<(String, Option<StartType>)>,
    /// Services that it remembers, and that somebody put back by other means.
    pub services_back: Vec<String>,
    /// Scheduled tasks and drivers that a clean boot of ours switched off and that are still off; of these
    /// System Configuration knows nothing.
    pub ours_off: Vec<String>,
    /// Entries that Task Manager, or we, switched off.
    pub entries_off: Vec<String>,
    /// Entries that System Configuration of older Windows took away.
    pub entries_kept: Vec<String>,
    /// Whether System Configuration says that not everything starts.
    pub is_selective: bool,
    /// What could not be read.
    pub unknown: Vec<String>,
}

impl Status {
    /// Whether something is left of a clean boot: services are off, or said to be.
    #[must_use]
    pub fn is_clean_boot(&self) -> bool {
        !self.services_off.is_empty() || !self.ours_off.is_empty() || self.is_selective
    }

    /// Adds what the journal of a clean boot of ours tells, as far as it is still so.
    pub fn add_ours(&mut self, host: &dyn Host, replay: &Replay) {
        for (step, it) in (0..).zip(&replay.steps) {
            let Change::Assign(setting) = &it.change else { continue };
            let name = match setting {
                Setting::Task { path, enabled: false } => path.clone(),
                Setting::Start { service, start: StartType::Disabled } => service.to_string(),
                _ => continue,
            };
            let is_told = self.services_off.iter().any(|it| it.0.eq_ignore_ascii_case(&name));
            if is_told || !matches!(replay.state(step), StepState::Done { .. }) {
                continue;
            }
            match host.current(setting) {
                Ok(now) if now == *setting => self.ours_off.push(name),
                Ok(_) => {}
                Err(error) => self.unknown.push(error.to_string()),
            }
        }
    }
}

/// Looks, on a running PC or in evidence.
#[must_use]
pub fn status(host: &dyn Host) -> Status {
    let read = startup::read(host);
    let CleanBoot { services, startup_items, services_are_chosen, startup_is_chosen } =
        read.found.clean_boot;
    // Where entries of a user would stand is often not there; what is remembered of services counts.
    let is_about_services = |it: &&Unknown| it.subject.starts_with(startup::CLEAN_BOOT);
    let mut status = Status {
        services_off: Vec::new(),
        services_back: Vec::new(),
        ours_off: Vec::new(),
        entries_off: Vec::new(),
        entries_kept: startup_items,
        is_selective: services_are_chosen || startup_is_chosen,
        unknown: read.unknown.iter().filter(is_about_services).map(told).collect(),
    };
    for (name, start) in services {
        match host.service(&name) {
            Ok(Some(it)) if it.start == StartType::Disabled => {
                status.services_off.push((name.to_string(), start));
            }
            Ok(Some(_)) => status.services_back.push(name.to_string()),
            Ok(None) => {}
            Err(error) => status.unknown.push(error.to_string()),
        }
    }
    let off = read.found.approvals.iter().filter(|it| !it.is_enabled);
    status.entries_off = off.map(|it| it.name.clone()).collect();
    status
}

fn told(unknown: &Unknown) -> String {
    format!("{}: {}", unknown.subject, unknown.why)
}

/// What switches a suspect off.
#[must_use]
pub fn switches(suspect: &Suspect) -> Vec<JournalStep> {
    let name = suspect.title.as_ref().unwrap_or(&suspect.name);
    let step = |it: &Setting| JournalStep {
        says: match it {
            Setting::Value { key, .. } if key.as_str().starts_with(startup::CLEAN_BOOT) => {
                format!("Lets System Configuration remember how {name} started")
            }
            _ => format!("Switches {name} off"),
        },
        change: Change::Assign(it.clone()),
        optional: false,
    };
    suspect.switches.iter().map(step).collect()
}

/// What lets System Configuration show that services are chosen, as far as this PC can tell how that
/// stands.
#[must_use]
pub fn marks(host: &dyn Host, suspects: &[Suspect]) -> Vec<JournalStep> {
    /// "Selective startup, not all services".
    const CHOSEN: u32 = 2;
    let has_services = suspects.iter().any(|it| it.kind == SuspectKind::Service);
    let mark = mark(CHOSEN);
    let is_known = has_services && host.current(&mark).is_ok();
    let step = JournalStep {
        change: Change::Assign(mark),
        says: "Lets System Configuration show that not everything starts".to_owned(),
        optional: true,
    };
    is_known.then_some(step).into_iter().collect()
}

/// The steps of a clean boot; one that cannot be switched off does not keep the others from it.
#[must_use]
pub fn on(host: &dyn Host, suspects: &[Suspect]) -> Vec<JournalStep> {
    let mut steps = marks(host, suspects);
    steps.extend(suspects.iter().flat_map(switches));
    steps.into_iter().map(|it| JournalStep { optional: true, ..it }).collect()
}

/// The steps that put back what somebody's clean boot left behind: services start again as System
/// Configuration remembers it.
#[must_use]
pub fn put_back(host: &dyn Host, status: &Status) -> Vec<JournalStep> {
    let mut steps = Vec::new();
    for (name, start) in &status.services_off {
        let Some(start) = start.filter(|it| *it != StartType::Disabled) else { continue };
        let service = ServiceName::new(name);
        steps.push(JournalStep {
            change: Change::Assign(Setting::Start { service, start }),
            says: format!("Lets the service {name} start again as it did ({start})"),
            optional: true,
        });
        let remembered = Setting::Value {
            key: KeyPath::new(&format!(r"{}\services", startup::CLEAN_BOOT)),
            name: name.clone(),
            data: None,
        };
        if host.current(&remembered).is_ok_and(|it| it != remembered) {
            steps.push(JournalStep {
                change: Change::Assign(remembered),
                says: format!("Lets System Configuration forget that {name} was off"),
                optional: true,
            });
        }
    }
    let normal = mark(0);
    if status.is_selective && host.current(&normal).is_ok() {
        steps.push(JournalStep {
            change: Change::Assign(normal),
            says: "Lets System Configuration show that every service may start".to_owned(),
            optional: true,
        });
    }
    steps
}

fn mark(number: u32) -> Setting {
    Setting::Value {
        key: KeyPath::new(&format!(r"{}\state", startup::CLEAN_BOOT)),
        name: "services".to_owned(),
        data: Some(Data::Dword(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unwedge_host::{Fixture, HostMut as _};

    const PC: &str = "//- reg \"KEY\"\n//- reg \"KEY\\services\"\nVault = dword:2\nTide = dword:3\n\
                      //- reg \"KEY\\state\"\nservices = dword:2\n\
                      //- service Vault stopped disabled\n//- service Tide running manual\n";

    #[test]
    fn what_somebodys_clean_boot_left_behind_is_told_and_put_back() {
        let text = PC.replace("KEY", startup::CLEAN_BOOT);
        let mut pc = Fixture::parse(&text).unwrap();
        let before = status(&pc);
        assert_eq!(before.services_off, [("Vault".to_owned(), Some(StartType::Automatic))]);
        assert_eq!(before.services_back, ["Tide"]);
        assert!(before.is_clean_boot());
        for step in put_back(&pc, &before) {
            pc.apply(&step.change).unwrap();
        }
        let after = status(&pc);
        assert!(!after.is_clean_boot(), "{after:?}");
        let vault = pc.service(&ServiceName::new("Vault")).unwrap().unwrap();
        assert_eq!(vault.start, StartType::Automatic);
    }

    #[test]
    fn a_pc_of_which_nothing_is_known_is_not_said_to_be_normal() {
        let status = status(&Fixture::parse("").unwrap());
        assert!(!status.unknown.is_empty());
    }
}
