//! Puts the steps that the update agent, its reports and its events tell together to operations.

use std::collections::BTreeMap;

use unwedge_formats::log::{LogKind, UpdateAction, UpdateEnd, UpdateStep};

use super::Place;
use super::operation::{Operation, OperationKind, Outcome, kb_in, outcome_of};
use crate::report::{Subject, SubjectKind};

/// At most so many begun steps are remembered; real logs have a few at a time.
const MOST_OPEN: usize = 4_096;
/// A log tells the end of one step in several lines, so many seconds apart at most.
const SAME_END_SECONDS: i64 = 60;
/// So many of the last operations are compared with a new one.
const COMPARED: usize = 16;

/// Steps that began and have not ended.
#[derive(Debug, Default)]
pub(super) struct Updates {
    open: BTreeMap<(OperationKind, String), Begun>,
    scans: Scans,
}

/// Scans that go on: the line that names the service and the one that ends the scan name no scan,
/// so they belong together only while there is one.
#[derive(Debug, Default)]
struct Scans {
    going_on: u32,
    entangled: bool,
    service: Option<String>,
}

impl Scans {
    fn begin(&mut self) {
        self.going_on += 1;
        self.entangled |= self.going_on > 1;
        self.service = None;
    }

    /// One ended; gives the service it asked, as far as that is certain.
    fn end(&mut self) -> Option<String> {
        let service = self.service.take().filter(|_| !self.entangled);
        self.going_on = self.going_on.saturating_sub(1);
        self.entangled &= self.going_on > 0;
        service
    }
}

/// Where a step began, and on what.
#[derive(Debug)]
struct Begun {
    place: Place,
    update: String,
}

impl Updates {
    /// Takes one step; when it ended, `operations` gets it, or its fuller telling.
    pub(super) fn take(
        &mut self,
        step: &UpdateStep<'_>,
        log: LogKind,
        place: &Place,
        operations: &mut Vec<Operation>,
    ) {
        let kind = kind_of(step.action);
        if kind == OperationKind::Scan && step.end == UpdateEnd::Started {
            if !step.id.is_empty() {
                self.scans.service = Some(step.id.to_owned());
                return;
            }
            self.scans.begin();
        }
        let service = match kind {
            OperationKind::Scan if step.id.is_empty() && step.end != UpdateEnd::Started => {
                self.scans.end()
            }
            _ => None,
        };
        let name = if step.id.is_empty() { step.update } else { step.id };
        let key = (kind, name.to_lowercase());
        let (outcome, code) = match step.end {
            UpdateEnd::Started => {
                if self.open.len() < MOST_OPEN {
                    let update = step.update.to_owned();
                    self.open.insert(key, Begun { place: place.clone(), update });
                }
                return;
            }
            UpdateEnd::Succeeded => (Outcome::Succeeded, None),
            UpdateEnd::NeedsRestart => (Outcome::NeedsRestart, None),
            // 0 stands for a code that the line does not tell.
            UpdateEnd::Failed(code) if code.0 == 0 => (Outcome::Failed, None),
            UpdateEnd::Failed(code) => (outcome_of(code), Some(code)),
            // Whoever runs setup and cancels it is told so; the agent cancels its own calls daily.
            UpdateEnd::Cancelled(code) if kind == OperationKind::Upgrade => {
                (Outcome::Failed, Some(code))
            }
            UpdateEnd::Cancelled(_) => {
                self.open.remove(&key);
                return;
            }
        };
        let begun = self.begun(&key);
        // The end of a section of setupapi.dev.log does not repeat its title.
        let title = begun.as_ref().filter(|_| name.is_empty()).map(|begun| begun.update.clone());
        let step = &UpdateStep { update: title.as_deref().unwrap_or(step.update), ..*step };
        let begun = begun.map(|begun| begun.place);
        let operation = Operation {
            kind,
            subject: subject(step),
            kb: kb_in(step.update),
            client: (!step.client.is_empty()).then(|| step.client.to_owned()),
            outcome,
            code,
            extend: step.extend,
            package: None,
            id: (!step.id.is_empty()).then(|| step.id.to_owned()).or(service),
            log,
            first_line: match &begun {
                Some(begun) => begun.line,
                // The whole log of a setup is about the one upgrade.
                None if kind == OperationKind::Upgrade => 1,
                None => place.line,
            },
            begun_seconds: begun.and_then(|begun| begun.utc_seconds()),
            last_line: place.line,
            place: place.clone(),
        };
        match operations.iter_mut().rev().take(COMPARED).find(|known| same_end(known, &operation)) {
            Some(known) => merge(known, operation),
            None => operations.push(operation),
        }
    }
}

impl Updates {
    /// Takes out what `key` began with; an end without a name is that of what began last.
    fn begun(&mut self, key: &(OperationKind, String)) -> Option<Begun> {
        if !key.1.is_empty() || key.0 != OperationKind::DriverInstall {
            return self.open.remove(key);
        }
        let of_kind = self.open.iter().filter(|((kind, _), _)| *kind == key.0);
        let last = of_kind.max_by_key(|(_, begun)| begun.place.line)?.0.clone();
        self.open.remove(&last)
    }
}

fn kind_of(action: UpdateAction) -> OperationKind {
    match action {
        UpdateAction::Scan => OperationKind::Scan,
        UpdateAction::Download => OperationKind::Download,
        UpdateAction::Install => OperationKind::Install,
        UpdateAction::Uninstall => OperationKind::Uninstall,
        UpdateAction::Upgrade => OperationKind::Upgrade,
        UpdateAction::DriverInstall => OperationKind::DriverInstall,
    }
}

fn subject(step: &UpdateStep<'_>) -> Option<Subject> {
    let name = match step.action {
        UpdateAction::Scan => step.update,
        _ if step.update.is_empty() => step.id,
        _ => step.update,
    };
    let kind = match step.action {
        UpdateAction::DriverInstall => SubjectKind::Driver,
        _ => SubjectKind::Update,
    };
    (!name.is_empty()).then(|| Subject { kind, name: name.to_owned() })
}

/// Whether two tellings are of the same end of the same step.
fn same_end(known: &Operation, new: &Operation) -> bool {
    let near = match (known.ended_seconds(), new.ended_seconds()) {
        (Some(before), Some(after)) => (0..=SAME_END_SECONDS).contains(&(after - before)),
        _ => false,
    };
    let names = |operation: &Operation| {
        let name = operation.subject.as_ref().map(|subject| subject.name.to_lowercase());
        operation.id.iter().map(|id| id.to_lowercase()).chain(name).collect::<Vec<_>>()
    };
    let (ours, theirs) = (names(known), names(new));
    let same =
        ours.is_empty() || theirs.is_empty() || ours.iter().any(|name| theirs.contains(name));
    let same_code = match (known.code, new.code) {
        (Some(one), Some(other)) => one.same_cause_as(other),
        _ => true,
    };
    known.kind == new.kind && known.outcome == new.outcome && near && same && same_code
}

/// Keeps the fuller telling of each part.
fn merge(known: &mut Operation, new: Operation) {
    known.last_line = new.last_line;
    known.code = known.code.or(new.code);
    if known.extend == 0 {
        known.extend = new.extend;
    }
    // The last word of the program that leads setup is the one people look for.
    if known.kind == OperationKind::Upgrade {
        known.place = new.place;
    }
    known.kb = known.kb.take().or(new.kb);
    known.id = known.id.take().or(new.id);
    known.client = known.client.take().or(new.client);
    let is_title = |subject: &Subject| subject.name.contains(' ');
    if known.subject.as_ref().is_none_or(|subject| !is_title(subject)) && new.subject.is_some() {
        known.subject = new.subject;
    }
}
