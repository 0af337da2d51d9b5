//! The repairs: each turns a finding into steps, or says why it will not.

mod exclude_update_files;
mod pause_protection;
mod repair_store;
mod reset_folder;
mod restore_permissions;
mod restore_service;
mod restore_service_library;
mod scanner;
mod stop_holder;
mod wait_for_holder;

use std::collections::BTreeSet;

use unwedge_host::{Change, Host, HostErrorKind, RunState, Service, ServiceName, Setting, WinPath};

use crate::plan::{Phase, Policy, Step};
use crate::report::{Finding, SubjectKind};
use crate::services::{Stopping, known};

/// A repair, for lists and explanations.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Its id, such as `stop-holder`.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub title: &'static str,
    /// How strong it is, from 1; gentler ones are tried first.
    pub rung: u8,
    /// Whether it is made once, whatever the number of findings it answers.
    is_made_once: bool,
    propose: fn(&Request<'_>) -> Proposal,
}

/// Every repair, the gentlest first.
pub const RECIPES: [Recipe; 11] = [
    wait_for_holder::RECIPE,
    stop_holder::RECIPE,
    exclude_update_files::RECIPE,
    reset_folder::DOWNLOAD,
    reset_folder::WHOLE,
    reset_folder::CATALOGUES,
    restore_service::RECIPE,
    restore_service_library::RECIPE,
    restore_permissions::RECIPE,
    repair_store::RECIPE,
    pause_protection::RECIPE,
];

/// What a recipe is asked.
pub(crate) struct Request<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) host: &'a dyn Host,
    pub(crate) policy: &'a Policy,
}

/// What a recipe answers.
pub(crate) enum Proposal {
    /// These steps clear the way.
    Steps { steps: Vec<Step>, notes: Vec<String> },
    /// The way is clear already.
    AlreadySo { note: String },
    /// It is not what this finding needs; no word need be lost about it.
    NotNeeded,
    /// It will not, or cannot.
    Refused { why: String, advice: String },
}

/// Asks the recipe `id` for its steps.
pub(crate) fn propose(id: &str, request: &Request<'_>) -> Proposal {
    match RECIPES.iter().find(|it| it.id == id) {
        Some(recipe) => (recipe.propose)(request),
        None => refused(
            &format!("this version has no repair `{id}`"),
            "follow the advice of the finding",
        ),
    }
}

/// How strong the repair `id` is; one that this version does not have comes last.
pub(crate) fn rung(id: &str) -> u8 {
    RECIPES.iter().find(|it| it.id == id).map_or(u8::MAX, |it| it.rung)
}

/// Whether the repair `id` is made once, whatever the number of findings it answers.
pub(crate) fn is_made_once(id: &str) -> bool {
    RECIPES.iter().any(|it| it.id == id && it.is_made_once)
}

/// Services that work on the update together, in the order in which they must be stopped: the
/// orchestrator and the medic start the others again (so no stop before theirs would last).
const UPDATE_SERVICES: [&str; 5] = ["UsoSvc", "WaaSMedicSvc", "wuauserv", "BITS", "DoSvc"];

/// Services by which people sign in: who is locked out by a repair cannot take it back.
const SIGN_IN_SERVICES: [&str; 10] = [
    "NgcSvc",
    "NgcCtnrSvc",
    "WbioSrvc",
    "SCardSvr",
    "CertPropSvc",
    "VaultSvc",
    "KeyIso",
    "TokenBroker",
    "seclogon",
    "Netlogon",
];

/// Whether a service is one of those that install updates; those are no strangers in their own
/// files.
pub(crate) fn is_update_service(name: &ServiceName) -> bool {
    UPDATE_SERVICES
        .iter()
        .chain(&["TrustedInstaller", "CryptSvc"])
        .any(|it| ServiceName::new(it) == *name)
}

fn refused(why: &str, advice: &str) -> Proposal {
    Proposal::Refused { why: why.to_owned(), advice: advice.to_owned() }
}

/// The files and folders a finding is about.
fn files(finding: &Finding) -> Vec<WinPath> {
    let subjects = finding.subject.iter().chain(&finding.other_subjects);
    subjects
        .filter(|it| matches!(it.kind, SubjectKind::File | SubjectKind::Folder))
        .map(|it| WinPath::new(&it.name))
        .collect()
}

/// Steps that stop services and later start them again.
#[derive(Default)]
struct Halt {
    stops: Vec<Step>,
    starts: Vec<Step>,
    notes: Vec<String>,
    /// Services of which the evidence tells nothing.
    unknown: Vec<String>,
    seen: BTreeSet<ServiceName>,
}

/// Why services cannot be stopped.
struct CannotStop {
    why: String,
    advice: String,
}

impl Halt {
    /// Adds a service and, before it, whatever depends on it and runs.
    fn add(
        &mut self,
        request: &Request<'_>,
        recipe: &Recipe,
        name: &ServiceName,
        why: &str,
        restart: Phase,
    ) -> Result<(), CannotStop> {
        // Each service is visited once, so a circle of dependencies ends.
        if !self.seen.insert(name.clone()) {
            return Ok(());
        }
        let service = match request.host.service(name) {
            Ok(Some(service)) => service,
            Ok(None) => return Ok(()),
            Err(err) if err.kind == HostErrorKind::NotCollected => {
                may_stop(name, None)?;
                self.unknown.push(name.to_string());
                self.push(request, recipe, name, name.as_str(), why, restart);
                return Ok(());
            }
            Err(err) => {
                let advice = "run as administrator, or stop the service by hand";
                return Err(CannotStop { why: err.to_string(), advice: advice.to_owned() });
            }
        };
        if service.state == RunState::Stopped {
            return Ok(());
        }
        may_stop(name, Some(&service))?;
        if service.state == RunState::Unknown {
            self.unknown.push(name.to_string());
        }
        for dependent in &service.dependents {
            let why = format!("it depends on {name}, which could not be stopped otherwise");
            self.add(request, recipe, dependent, &why, restart)?;
        }
        let shown = service.display_name.as_deref().unwrap_or(name.as_str());
        self.push(request, recipe, name, shown, why, restart);
        Ok(())
    }

    /// The steps with what stands between stopping and starting, and what is to be noted.
    fn around(mut self, middle: Vec<Step>) -> (Vec<Step>, Vec<String>) {
        if !self.unknown.is_empty() {
            self.notes.push(format!(
                "whether {} run, and what depends on them, is not part of the evidence; on the PC \
                 itself it is looked up first, and only what ran is started again",
                self.unknown.join(", ")
            ));
        }
        (self.stops.into_iter().chain(middle).chain(self.starts).collect(), self.notes)
    }

    fn push(
        &mut self,
        request: &Request<'_>,
        recipe: &Recipe,
        name: &ServiceName,
        shown: &str,
        why: &str,
        restart: Phase,
    ) {
        let set = |running| Change::Assign(Setting::Running { service: name.clone(), running });
        let title =
            if shown == name.as_str() { shown.to_owned() } else { format!("{shown} ({name})") };
        let mut step = Step {
            change: set(false),
            says: format!("Stop the service {title} for a while."),
            why: why.to_owned(),
            touches: vec![format!("service {name}")],
            undo: "it is started again, as it was".to_owned(),
            reversible: true,
            recipe: recipe.id.to_owned(),
            finding: request.finding.rule.clone(),
            phase: Phase::Prepare,
        };
        self.stops.push(step.clone());
        step.change = set(true);
        step.says = format!("Start the service {title} again.");
        step.why = "it ran before".to_owned();
        step.undo = "nothing to undo: it ran before".to_owned();
        step.phase = restart;
        self.starts.insert(0, step);
    }
}

/// Refuses what Windows or the user's safety depends on.
fn may_stop(name: &ServiceName, service: Option<&Service>) -> Result<(), CannotStop> {
    let refuse = |why: String, advice: &str| Err(CannotStop { why, advice: advice.to_owned() });
    if service.is_some_and(|it| it.protected) {
        return refuse(
            format!(
                "service {name} is a protected security service, which is never stopped by force"
            ),
            "pause it in its own settings, or add an exclusion for C:\\Windows\\SoftwareDistribution \
             there, and try again; if it is managed, ask whoever manages it",
        );
    }
    if SIGN_IN_SERVICES.iter().any(|it| ServiceName::new(it) == *name) {
        return refuse(
            format!("people sign in by means of service {name}"),
            "restart the PC and try the update again",
        );
    }
    match known(name).map(|it| it.stopping) {
        Some(Stopping::Never) => {
            return refuse(
                format!("Windows needs service {name} at all times"),
                "restart the PC and try the update again",
            );
        }
        Some(Stopping::Conditional) if !is_update_service(name) => {
            return refuse(
                format!("stopping service {name} is not safe in every situation"),
                "restart the PC and try the update again",
            );
        }
        Some(_) | None => {}
    }
    match service {
        Some(it) if it.state == RunState::Paused => refuse(
            format!("service {name} is paused, a state that could not be put back"),
            "resume or stop it by hand first",
        ),
        Some(it) if !it.accepts_stop => refuse(
            format!("service {name} does not take requests to stop"),
            "close or pause the program it belongs to in its own settings, or restart the PC and \
             try the update before the program is busy again; it is never killed",
        ),
        Some(_) | None => Ok(()),
    }
}

/// A name beside `path` that has never been used, so that nothing kept is ever overwritten.
fn aside(host: &dyn Host, path: &WinPath, mark: &str) -> Result<WinPath, unwedge_host::HostError> {
    for turn in 1..=99_u32 {
        let suffix = if turn == 1 { String::new() } else { format!("-{turn}") };
        let name = WinPath::new(&format!("{path}.unwedge-{mark}{suffix}"));
        let spare = WinPath::new(&format!("{name}-after"));
        if !host.exists(&name)? && !host.exists(&spare)? {
            return Ok(name);
        }
    }
    Err(unwedge_host::HostError::win32("find a free name beside", path, 183))
}
