//! Puts the steps that the update agent, its reports and its events tell together to operations.

use std::collections::BTreeMap;

use unwedge_formats::log::{LogKind, NamedUpdate, UpdateAction, UpdateEnd, UpdateStep};

use super::Place;
use super::operation::{Operation, OperationKind, Outcome, kb_in, outcome_of};
use crate::report::{Subject, SubjectKind};

/// At most so many begun steps are remembered; real logs have a few at a time.
const MOST_OPEN: usize = 4_096;
/// A log tells the end of one step in several lines, so many seconds apart at most.
const SAME_END_SECONDS: i64 = 60;
/// So many of the last operations are compared with a new one.
pub(super) const COMPARED: usize = 16;

/// Steps that began and have not ended.
#[derive(Debug, Default)]
pub(super) struct Updates {
    open: BTreeMap<(OperationKind, String), Begun>,
    scans: Scans,
    titles: Titles,
}

/// Titles of updates by their identifiers, as lists of updates tell them.
#[derive(Debug, Default)]
struct Titles {
    by_id: BTreeMap<String, String>,
    /// The title on the line before, whose identifier follows.
    last: String,
}

/// Scans that go on: the line that names the service and the one that ends the scan name no scan,
/// so they belong together only while there is one.
#[derive(Debug, Default)]
struct Scans {
    going_on: u32,
    entangled: bool,
    /// One of them asks no server.
    offline: bool,
    service: Option<String>,
}

impl Scans {
    fn begin(&mut self) {
        self.going_on += 1;
        self.entangled |= self.going_on > 1;
        self.offline &= self.going_on > 1;
        self.service = None;
    }

    /// One ended; gives the service it asked, as far as that is certain, and whether it may be one
    /// that asked no server.
    fn end(&mut self) -> (Option<String>, bool) {
        let service = self.service.take().filter(|_| !self.entangled);
        let offline = self.offline;
        self.going_on = self.going_on.saturating_sub(1);
        self.entangled &= self.going_on > 0;
        self.offline &= self.going_on > 0;
        (service, offline)
    }
}

/// Where a step began, and on what.
#[derive(Debug)]
struct Begun {
    place: Place,
    update: String,
}

impl Updates {
    /// Takes a line that tells which title belongs to which identifier.
    pub(super) fn name(&mut self, named: NamedUpdate<'_>) {
        let titles = &mut self.titles;
        let title = match named.title {
            "" => std::mem::take(&mut titles.last),
            title => title.trim().to_owned(),
        };
        if named.id.is_empty() {
            titles.last = title;
        } else if !title.is_empty() && titles.by_id.len() < MOST_OPEN {
            titles.by_id.insert(named.id.to_lowercase(), title);
        }
    }

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
        if step.end == UpdateEnd::Offline {
            self.scans.offline = true;
            return;
        }
        let (service, offline) = match kind {
            OperationKind::Scan if step.id.is_empty() && step.end != UpdateEnd::Started => {
                self.scans.end()
            }
            _ => (None, false),
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
            UpdateEnd::Offline => return,
            // Who asks nobody is refused by nobody: it settles no failure.
            UpdateEnd::Succeeded if offline => {
                self.open.remove(&key);
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
        let begun_on = begun.as_ref().filter(|_| name.is_empty()).map(|begun| begun.update.clone());
        let listed = self.titles.by_id.get(&step.id.to_lowercase());
        let update = match (&begun_on, listed) {
            (Some(title), _) => title,
            (None, Some(title)) if step.update.is_empty() || step.update == step.id => title,
            _ => step.update,
        };
        let begun = begun.map(|begun| begun.place);
        let operation = Operation {
            kind,
            subject: subject(step, update, log),
            kb: kb_in(update),
            client: (!step.client.is_empty()).then(|| step.client.to_owned()),
            outcome,
            code,
            extend: step.extend,
            alike: 0,
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

/// `title` may be empty.
fn subject(step: &UpdateStep<'_>, title: &str, log: LogKind) -> Option<Subject> {
    if log == LogKind::PoqExec
        && let Some(name) = last_path(title)
    {
        return Some(Subject { kind: SubjectKind::File, name });
    }
    let name = match step.action {
        UpdateAction::Scan => title,
        _ if title.is_empty() => step.id,
        _ => title,
    };
    let kind = match step.action {
        UpdateAction::DriverInstall => SubjectKind::Driver,
        _ => SubjectKind::Update,
    };
    (!name.is_empty()).then(|| Subject { kind, name: name.to_owned() })
}

/// The file that an operation such as `MoveFile (\??\C:\a, \??\C:\b)` was to make or change.
fn last_path(operation: &str) -> Option<String> {
    let (_, path) = operation.rsplit_once(r"\??\")?;
    let path = path.trim_end_matches([')', '\'', '"', ' ']);
    (path.as_bytes().get(1) == Some(&b':')).then(|| path.to_owned())
}

/// Whether two tellings are of the same end of the same step.
fn same_end(known: &Operation, new: &Operation) -> bool {
    let near = match (known.ended_seconds(), new.ended_seconds()) {
        (Some(before), Some(after)) => (0..=SAME_END_SECONDS).contains(&(after - before)),
        _ => false,
    };
    let same_code = match (known.code, new.code) {
        (Some(one), Some(other)) => one.same_cause_as(other),
        _ => true,
    };
    known.kind == new.kind
        && known.outcome == new.outcome
        && near
        && same_code
        && shares_a_name(known, new)
}

/// Whether two operations have a name in common, or one of them has none.
fn shares_a_name(known: &Operation, new: &Operation) -> bool {
    let names = |operation: &Operation| {
        let name = operation.subject.as_ref().map(|subject| subject.name.to_lowercase());
        operation.id.iter().map(|id| id.to_lowercase()).chain(name).collect::<Vec<_>>()
    };
    let (ours, theirs) = (names(known), names(new));
    ours.is_empty() || theirs.is_empty() || ours.iter().any(|name| theirs.contains(name))
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

#[cfg(test)]
mod tests {
    use unwedge_formats::code::Code;
    use unwedge_formats::log::{Statement, statement_of};

    use super::*;

    const SERVICE: &str = "9482f4b4-e343-43b6-b170-9a65bc822c77";
    const STORE: &str = "855e8a7c-ecb4-4ca3-b045-1dfa50104289";
    const UPDATE: &str = "E3766677-1111-4222-8333-44445555666A";

    fn step(action: UpdateAction, end: UpdateEnd, id: &str) -> UpdateStep<'_> {
        UpdateStep { action, end, update: "", id, client: "", extend: 0 }
    }

    fn operations(steps: &[UpdateStep<'_>], names: &[NamedUpdate<'_>]) -> Vec<Operation> {
        let mut updates = Updates::default();
        let mut operations = Vec::new();
        for &name in names {
            updates.name(name);
        }
        for (line, step) in (1..).zip(steps) {
            let mut place = Place::of_this_pc(String::new());
            place.line = line;
            updates.take(step, LogKind::WindowsUpdate, &place, &mut operations);
        }
        operations
    }

    #[test]
    fn a_scan_knows_the_service_that_it_asked() {
        use UpdateEnd::{Failed, Started, Succeeded};
        let scan = |end, id| step(UpdateAction::Scan, end, id);
        let timed_out = Failed(Code(0x8007_2EE2));
        let one_by_one = operations(
            &[
                scan(Started, ""),
                scan(Started, SERVICE),
                scan(timed_out, ""),
                scan(Started, ""),
                scan(Started, STORE),
                scan(Succeeded, ""),
            ],
            &[],
        );
        let ids: Vec<_> = one_by_one.iter().map(|it| it.id.as_deref()).collect();
        assert_eq!(ids, [Some(SERVICE), Some(STORE)]);
        let settles = |good: &Operation, bad: &Operation| {
            bad.keys().iter().any(|key| good.keys().contains(key))
        };
        assert!(!settles(&one_by_one[1], &one_by_one[0]), "the Store answered, Windows Update not");
        let at_once = operations(
            &[
                scan(Started, ""),
                scan(Started, SERVICE),
                scan(Started, ""),
                scan(Started, STORE),
                scan(timed_out, ""),
            ],
            &[],
        );
        assert_eq!(at_once[0].id, None, "it cannot be told which of the two ended");
        assert!(settles(&one_by_one[1], &at_once[0]));
    }

    #[test]
    fn a_search_that_asks_no_server_is_no_scan_that_succeeded() {
        let start = "* START * Finding updates CallerId = X  Id = 4";
        let offline = "Online = No; Interactive = No; AllowCachedResults = No";
        let online = "Online = Yes; Interactive = No; AllowCachedResults = No";
        let end = "* END * Finding updates CallerId = X, Id = 4, Exit code = 0x00000000";
        let failed = "* END * Finding updates CallerId = X, Id = 4, Exit code = 0x80072EE2";
        let ends = |lines: &[&str]| -> Vec<Outcome> {
            let read = lines.iter().filter_map(|line| {
                match statement_of(LogKind::WindowsUpdate, b"Agent", line)? {
                    Statement::Update(step) => Some(step),
                    _ => None,
                }
            });
            operations(&read.collect::<Vec<_>>(), &[]).iter().map(|it| it.outcome).collect()
        };
        assert_eq!(ends(&[start, offline, end]), []);
        assert_eq!(ends(&[start, online, end]), [Outcome::Succeeded]);
        assert_eq!(ends(&[start, offline, failed]), [Outcome::Failed]);
        // Which of the two ended cannot be told; the one behind them is online again.
        assert_eq!(ends(&[start, offline, start, online, end]), []);
        let again = [start, offline, end, start, online, end];
        assert_eq!(ends(&again), [Outcome::Succeeded]);
    }

    #[test]
    fn an_update_known_by_its_id_gets_the_title_of_a_list() {
        let failed = UpdateEnd::Failed(Code(0x80D0_5011));
        let title = "2021-05 Update for Windows 10 Version 1809 (KB4023057)";
        let operations = operations(
            &[step(UpdateAction::Download, failed, UPDATE)],
            &[NamedUpdate { title, id: "" }, NamedUpdate { title: "", id: UPDATE }],
        );
        assert_eq!(
            operations[0].subject.as_ref().map(|subject| subject.name.as_str()),
            Some(title)
        );
        assert_eq!(operations[0].kb.as_deref(), Some("KB4023057"));
        assert_eq!(operations[0].id.as_deref(), Some(UPDATE));
    }

    /// The operations that the lines of one log give.
    fn of_lines(log: LogKind, lines: &[&str]) -> Vec<Operation> {
        let mut updates = Updates::default();
        let mut operations = Vec::new();
        for (number, line) in (1..).zip(lines) {
            let excerpt = (*line).to_owned();
            let place =
                Place { source: 0, line: number, time: None, offset_minutes: None, excerpt };
            if let Some(Statement::Update(step)) = statement_of(log, b"", line) {
                updates.take(&step, log, &place, &mut operations);
            }
        }
        operations
    }

    #[test]
    fn the_end_of_a_section_belongs_to_the_section_that_began_last() {
        let lines = [
            ">>>  [Device Install - USB\\A]",
            "!!!  sto: Failed",
            "<<<  [Exit status: FAILURE(0xe0000247)]",
            ">>>  [Device Install - USB\\B]",
            "<<<  [Exit status: SUCCESS]",
        ];
        let told = of_lines(LogKind::SetupApi, &lines);
        let names: Vec<_> = told.iter().map(|op| op.subject.clone().unwrap().name).collect();
        assert_eq!(names, ["Device Install - USB\\A", "Device Install - USB\\B"]);
        assert_eq!(
            (told[0].first_line, told[0].last_line, told[0].outcome),
            (1, 3, Outcome::Failed)
        );
        assert_eq!((told[1].first_line, told[1].outcome), (4, Outcome::Succeeded));
    }

    #[test]
    fn an_operation_at_start_up_is_about_the_file_it_was_to_make() {
        let line = r"2f,c0000043: MoveFile (\??\C:\Windows\WinSxS\a, \??\C:\Windows\b.dll)";
        let told = of_lines(LogKind::PoqExec, &[line]);
        let want = Subject { kind: SubjectKind::File, name: r"C:\Windows\b.dll".to_owned() };
        assert_eq!(told[0].subject, Some(want));
    }
}
