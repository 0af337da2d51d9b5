//! Puts the statements of a log together to operations: who tried what, and how it ended.

use std::collections::{BTreeMap, BTreeSet};

use unwedge_formats::code::Code;
use unwedge_formats::log::{LogKind, NamedUpdate, Statement};

use super::Place;
use super::store::StoreWatch;
use super::thin::{Thinned, thin};
use super::update::{COMPARED, Updates};
use crate::report::{Subject, SubjectKind};

/// An attempt to change the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What was tried.
    pub kind: OperationKind,
    /// On what.
    pub subject: Option<Subject>,
    /// The KB, where the log names one of its own.
    pub kb: Option<String>,
    /// Who asked for it.
    pub client: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The code it ended with; operations of sfc have none.
    pub code: Option<Code>,
    /// Where an upgrade was when it failed, the second half of a setup pair; 0 is not known.
    pub extend: u32,
    /// The package, where the subject is a capability that it carries.
    pub package: Option<Subject>,
    /// The update's own id, where the log names one.
    pub id: Option<String>,
    /// The kind of log that tells of it.
    pub log: LogKind,
    /// First line of it.
    pub first_line: u64,
    /// When it began, in seconds of UTC as far as the zone is known.
    pub begun_seconds: Option<i64>,
    /// How many more failures like this came before it and are counted only.
    pub alike: u64,
    /// Last line of it: the log goes on about a failure for a while.
    pub last_line: u64,
    /// Where it says how it ended.
    pub place: Place,
}

/// What an operation tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Install, remove or change a package or a feature.
    Package,
    /// Check or repair the component store.
    StoreRepair,
    /// Check or repair system files (sfc).
    SystemFileCheck,
    /// A command of DISM.
    DismCommand,
    /// Finish after the restart what was begun before it.
    Startup,
    /// Ask which updates there are.
    Scan,
    /// Download an update.
    Download,
    /// Install an update.
    Install,
    /// Remove an update.
    Uninstall,
    /// Upgrade Windows to another version.
    Upgrade,
    /// Install a driver.
    DriverInstall,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It went through.
    Succeeded,
    /// It did not.
    Failed,
    /// It did what it can before a restart.
    NeedsRestart,
    /// The log ends, or goes on with something else, before it ended.
    Unfinished,
}

impl OperationKind {
    /// In words, as in "could not …".
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            OperationKind::Package => "install or change a package",
            OperationKind::StoreRepair => "check or repair the component store",
            OperationKind::SystemFileCheck => "check or repair system files",
            OperationKind::DismCommand => "carry out a DISM command",
            OperationKind::Startup => "finish pending changes after a restart",
            OperationKind::Scan => "look for updates",
            OperationKind::Download => "download an update",
            OperationKind::Install => "install an update",
            OperationKind::Uninstall => "remove an update",
            OperationKind::Upgrade => "upgrade Windows",
            OperationKind::DriverInstall => "install a driver",
        }
    }
}

impl Operation {
    /// Two operations that share a key try the same thing, so the later one tells how it stands.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let name = self.subject.as_ref().map_or("", |subject| subject.name.as_str());
        let mut keys = Vec::new();
        // What is known by the same KB or id is the same, whoever tells of it.
        if matches!(self.kind, OperationKind::Package | OperationKind::Install) {
            let own = self.kb.iter().filter(|kb| *kb != PLACEHOLDER_KB);
            keys.extend(own.map(|kb| (OperationKind::Install, kb.to_lowercase())));
        }
        keys.extend(self.id.iter().map(|id| (self.kind, id.to_lowercase())));
        match self.kind {
            // What startup finishes is a package again; DISM repairs of the store are one thing.
            OperationKind::Package | OperationKind::Startup if !name.is_empty() => {
                keys.push((OperationKind::Package, package_family(name)));
            }
            OperationKind::DismCommand if is_store_repair(name) => {
                keys.push((OperationKind::StoreRepair, String::new()));
            }
            OperationKind::DismCommand => {
                let words: Vec<&str> = name.split_whitespace().collect();
                keys.push((self.kind, words.join(" ").to_lowercase()));
            }
            OperationKind::Download
            | OperationKind::Install
            | OperationKind::Uninstall
            | OperationKind::DriverInstall => {
                keys.push((self.kind, title_family(name)));
            }
            // Services of updates are asked one after the other; one may answer and another not. An
            // answer also settles a failure of which the service is not known.
            OperationKind::Scan if self.id.is_some() && self.outcome != Outcome::Succeeded => {}
            kind => keys.push((kind, String::new())),
        }
        keys
    }

    /// When it ended, in seconds of UTC as far as the zone is known.
    #[must_use]
    pub fn ended_seconds(&self) -> Option<i64> {
        self.place.utc_seconds()
    }

    /// Whether it is about an app of the Store rather than about Windows, by its title such as
    /// `9WZDNCRFJBMP-Microsoft.WindowsStore` or by a code of the deployment of apps.
    #[must_use]
    pub fn is_of_app(&self) -> bool {
        let by_code = self.code.and_then(Code::win32).is_some_and(|n| APP_DEPLOYMENT.contains(&n));
        let by_title = self.subject.as_ref().is_some_and(|subject| is_product_id(&subject.name));
        self.is_of_update_agent() && (by_code || by_title)
    }

    /// Whether it is an operation of the update agent, which others tell of too.
    #[must_use]
    pub fn is_of_update_agent(&self) -> bool {
        matches!(self.kind, OperationKind::Scan | OperationKind::Download | OperationKind::Install)
    }
}

/// What an operation tries, and on what.
pub type Key = (OperationKind, String);

/// Win32 codes that only the deployment of app packages gives (winerror.h, 15600 to 15700).
const APP_DEPLOYMENT: std::ops::RangeInclusive<u32> = 15_600..=15_700;

/// The Store names what it updates by the twelve letters and digits of the product, then the
/// package.
fn is_product_id(title: &str) -> bool {
    title.split_once('-').is_some_and(|(id, package)| {
        id.len() == 12
            && id.starts_with('9')
            && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            && !package.is_empty()
            && !package.contains(' ')
    })
}

/// What CBS calls a package that belongs to no KB.
pub(crate) const PLACEHOLDER_KB: &str = "KB777778";

/// The cumulative updates of two months are the same to a user, and so are two definitions of a
/// virus scanner: a title without its months, KB, builds and versions.
fn title_family(title: &str) -> String {
    let words: Vec<&str> = title.split_whitespace().collect();
    let is_month = |word: &str| word.len() == 7 && word.as_bytes()[4] == b'-';
    let is_kb = |word: &str| kb_in(word).is_some();
    // `October 2017`, as in the titles of the removal tool.
    let is_year = |at: usize| words.get(at).is_some_and(|word| word.starts_with("20"));
    let is_dated = |at: usize| {
        MONTHS.contains(&words[at]) && is_year(at + 1)
            || at > 0 && MONTHS.contains(&words[at - 1]) && is_year(at)
    };
    let kept = words
        .iter()
        .enumerate()
        .filter(|&(at, word)| !is_month(word) && !is_kb(word) && !is_build(word) && !is_dated(at));
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ").to_lowercase()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `(26100.2314)`, `v5.121` or `1.249.109.0)`; the `4.8.1` of .NET tells two products apart.
fn is_build(word: &str) -> bool {
    let bare = word.trim_matches(['(', ')', ',']);
    let number = bare.strip_prefix('v').unwrap_or(bare);
    let dots = number.matches('.').count();
    let marked = bare.len() < word.len() || number.len() < bare.len();
    number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && (dots >= 3 || (dots >= 1 && marked))
}

/// The first KB number that a title names, such as `KB5034441`.
pub(crate) fn kb_in(title: &str) -> Option<String> {
    title.match_indices("KB").find_map(|(at, _)| {
        let digits = title[at + 2..].bytes().take_while(u8::is_ascii_digit).count();
        (6..=8).contains(&digits).then(|| title[at..at + 2 + digits].to_owned())
    })
}

/// `Package_for_RollupFix~31bf…~amd64~~19041.1.5` and the next month's are the same to a user.
fn package_family(name: &str) -> String {
    let mut parts = name.split('~');
    let family = parts.next().unwrap_or(name).to_lowercase();
    let language = parts.nth(2).unwrap_or("").to_lowercase();
    format!("{family}~{language}")
}

fn is_store_repair(command: &str) -> bool {
    let command = command.to_lowercase();
    ["/restorehealth", "/scanhealth", "/checkhealth"].iter().any(|word| command.contains(word))
}

/// At most so many sessions are held open at a time; real logs have a handful.
const MOST_OPEN: usize = 4_096;
/// Codes of a session that only asked whether a package applies: nothing was tried.
const PROBING: [Code; 3] = [Code(0x800f_0805), Code(0x800f_080c), Code(0x800f_0816)];
/// Win32 codes that say success and a restart to come.
const RESTART_TO_COME: [u32; 3] = [3010, 3011, 1641];

/// Follows the statements of one log.
#[derive(Debug)]
pub(super) struct Assembly {
    log: LogKind,
    updates: Updates,
    sessions: BTreeMap<String, OpenSession>,
    dism: Option<OpenDism>,
    /// First line of the present life of the servicing service.
    woken_at: u64,
    pub(super) operations: Vec<Operation>,
    pub(super) store: StoreWatch,
    pub(super) sessions_opened: u64,
    pub(super) stack: Option<String>,
}

#[derive(Debug)]
struct OpenSession {
    client: String,
    first_line: u64,
    begun_seconds: Option<i64>,
    package: String,
    kb: String,
    capabilities: String,
    store_repair: bool,
    /// Work began, so its end is the end of an operation.
    worked: bool,
    /// The operation this session already ended with; a later, fuller record of it replaces it.
    ended: Option<usize>,
    last: Place,
}

#[derive(Debug)]
struct OpenDism {
    first_line: u64,
    begun_seconds: Option<i64>,
    command: Option<String>,
    failed: Option<(Code, Place)>,
    misused: bool,
    /// A program that uses the interface of DISM, not a person at a prompt.
    by_program: bool,
    last: Place,
}

impl OpenSession {
    /// The capability and its package, or the package alone.
    fn subjects(&self) -> (Option<Subject>, Option<Subject>) {
        let package = full(&self.package, SubjectKind::Package);
        match self.capabilities.split(';').find(|name| !name.is_empty()) {
            Some(name) => (full(name, SubjectKind::Capability), package),
            None => (package, None),
        }
    }

    fn operation(&self, outcome: Outcome, code: Option<Code>, place: &Place) -> Operation {
        let (subject, package) = self.subjects();
        Operation {
            kind: match self.store_repair {
                true => OperationKind::StoreRepair,
                false => OperationKind::Package,
            },
            subject,
            kb: (!self.kb.is_empty()).then(|| self.kb.clone()),
            client: (!self.client.is_empty()).then(|| self.client.clone()),
            outcome,
            code,
            extend: 0,
            alike: 0,
            package,
            id: None,
            log: LogKind::Cbs,
            first_line: self.first_line,
            begun_seconds: self.begun_seconds,
            last_line: place.line,
            place: place.clone(),
        }
    }
}

pub(super) fn outcome_of(code: Code) -> Outcome {
    match code.win32() {
        Some(number) if RESTART_TO_COME.contains(&number) => Outcome::NeedsRestart,
        _ if code.means_failure() => Outcome::Failed,
        _ => Outcome::Succeeded,
    }
}

fn full(subject: &str, kind: SubjectKind) -> Option<Subject> {
    (!subject.is_empty()).then(|| Subject { kind, name: subject.to_owned() })
}

impl Assembly {
    pub(super) fn new(log: LogKind) -> Self {
        Assembly {
            log,
            updates: Updates::default(),
            sessions: BTreeMap::new(),
            dism: None,
            woken_at: 0,
            operations: Vec::new(),
            store: StoreWatch::default(),
            sessions_opened: 0,
            stack: None,
        }
    }

    /// Takes one statement; `place` is its line.
    pub(super) fn take(&mut self, statement: Statement<'_>, place: &Place) {
        match statement {
            Statement::SessionOpened { session, client } => self.open(session, client, place),
            Statement::ExecStarted { session, client, package, identifier, store_repair } => {
                let open = self.session(session, client, place);
                open.worked = true;
                open.store_repair |= store_repair;
                set_if_given(&mut open.package, package);
                set_if_given(&mut open.kb, identifier);
            }
            Statement::ExecCompleted { session, package, identifier, store_repair, code } => {
                let open = self.session(session, "", place);
                open.worked = true;
                open.store_repair |= store_repair;
                set_if_given(&mut open.package, package);
                set_if_given(&mut open.kb, identifier);
                self.complete_session(session, code, place);
            }
            Statement::SessionFailed { session, code } => {
                self.session(session, "", place).worked = true;
                self.end_session(session, code, false, place);
            }
            Statement::SessionFinalized { session, asynchronous, reboot_required, code } => {
                self.finalize(session, asynchronous, reboot_required, code, place);
            }
            Statement::FailureReport { package, code, client } => {
                self.failure_report(package, code, client, place);
            }
            Statement::PackageChanged { package, code } => {
                if outcome_of(code) == Outcome::Failed {
                    self.failure_report(package, code, "", place);
                }
            }
            Statement::CapabilitySession { capabilities, .. } => {
                if let Some(open) = self.sessions.values_mut().max_by_key(|open| open.last.line) {
                    set_if_given(&mut open.capabilities, capabilities);
                    if let Some(index) = open.ended {
                        let (subject, package) = open.subjects();
                        self.operations[index].subject = subject;
                        self.operations[index].package = package;
                    }
                }
            }
            Statement::SystemFileCheck { sequence, record } => {
                self.operations.extend(self.store.file_check(sequence, record, place));
            }
            Statement::CorruptionsCounted(_)
            | Statement::ReadinessOperation { .. }
            | Statement::ReadinessRow { .. }
            | Statement::ReadinessResult(_)
            | Statement::ReadinessDetected(_)
            | Statement::ReadinessRepaired(_)
            | Statement::ReadinessEnded => self.store.readiness(statement, place),
            Statement::ServiceStarted => self.woken_at = place.line,
            Statement::StartupCompleted(code) => self.startup("", code, place),
            Statement::StartupPackage { package, code } => self.startup(package, code, place),
            Statement::StackLoaded { version } => {
                // Windows 10 and 11 are known by the build alone.
                self.stack = Some(version.strip_prefix("10.0.").unwrap_or(version).to_owned());
            }
            Statement::DismStarted { .. }
            | Statement::DismCommand(_)
            | Statement::DismFailed(_)
            | Statement::DismCallFailed(_)
            | Statement::DismMisused
            | Statement::DismEnded => self.dism(statement, place),
            Statement::Update(step) => {
                self.updates.take(&step, self.log, place, &mut self.operations);
            }
        }
    }

    /// Leaves at most so many operations; those that may still be completed stay.
    pub(super) fn thin(&mut self, most: usize) -> Thinned {
        let newest_from = self.operations.len() - self.operations.len().min(most / 2).min(COMPARED);
        let open: BTreeSet<usize> = self.sessions.values().filter_map(|open| open.ended).collect();
        let thinned =
            thin(&mut self.operations, most, |index| index >= newest_from || open.contains(&index));
        for session in self.sessions.values_mut() {
            session.ended = session.ended.and_then(|index| thinned.now_at[index]);
        }
        thinned
    }

    /// Takes the title of an update that other lines know by its identifier.
    pub(super) fn name(&mut self, named: NamedUpdate<'_>) {
        self.updates.name(named);
    }

    fn open(&mut self, session: &str, client: &str, place: &Place) {
        self.sessions_opened += 1;
        let open = self.session(session, client, place);
        open.first_line = place.line;
        open.begun_seconds = place.utc_seconds();
    }

    fn session(&mut self, id: &str, client: &str, place: &Place) -> &mut OpenSession {
        if self.sessions.len() >= MOST_OPEN && !self.sessions.contains_key(id) {
            // The longest silent one: its id begins with its start time, so it sorts first.
            self.sessions.pop_first();
        }
        let open = self.sessions.entry(id.to_owned()).or_insert_with(|| OpenSession {
            client: String::new(),
            first_line: place.line,
            begun_seconds: place.utc_seconds(),
            package: String::new(),
            kb: String::new(),
            capabilities: String::new(),
            store_repair: false,
            worked: false,
            ended: None,
            last: place.clone(),
        });
        set_if_given(&mut open.client, client);
        open.last = place.clone();
        open
    }

    fn end_session(&mut self, id: &str, code: Code, reboot_required: bool, place: &Place) {
        let Some(open) = self.sessions.get_mut(id) else { return };
        let mut outcome = outcome_of(code);
        if reboot_required && outcome == Outcome::Succeeded {
            outcome = Outcome::NeedsRestart;
        }
        let operation = open.operation(outcome, Some(code), place);
        match open.ended {
            // Later records of a failure repeat it, with less and less of its name.
            Some(index) if self.operations[index].outcome == Outcome::Failed => {
                let known = &mut self.operations[index];
                known.last_line = place.line;
                known.subject = operation.subject.or(known.subject.take());
                known.package = operation.package.or(known.package.take());
                known.kb = operation.kb.or(known.kb.take());
                known.kind = operation.kind;
            }
            Some(index) => self.operations[index] = operation,
            None => {
                open.ended = Some(self.operations.len());
                self.operations.push(operation);
            }
        }
    }

    /// The record of an end that names everything; what was reported before it was its echo.
    fn complete_session(&mut self, id: &str, code: Code, place: &Place) {
        self.end_session(id, code, false, place);
        let index = self.sessions.get(id).and_then(|open| open.ended);
        if let Some(index) = index {
            self.operations[index].place = place.clone();
        }
    }

    fn finalize(
        &mut self,
        id: &str,
        asynchronous: bool,
        reboot_required: bool,
        code: Code,
        place: &Place,
    ) {
        if asynchronous {
            return;
        }
        let worked = self.session(id, "", place).worked;
        let failed = outcome_of(code) == Outcome::Failed && !PROBING.contains(&code);
        if worked || failed {
            self.end_session(id, code, reboot_required, place);
        }
        self.sessions.remove(id);
    }

    /// The report names no session: it belongs to the one that works on the package.
    fn failure_report(&mut self, package: &str, code: Code, client: &str, place: &Place) {
        let owner = self
            .sessions
            .iter()
            .filter(|(_, open)| open.worked)
            .max_by_key(|(_, open)| (open.package == package, open.last.line))
            .map(|(id, _)| id.clone());
        match owner {
            Some(id) => {
                let open = self.session(&id, client, place);
                if open.package.is_empty() {
                    set_if_given(&mut open.package, package);
                }
                self.end_session(&id, code, false, place);
            }
            None => self.startup(package, code, place),
        }
    }

    fn startup(&mut self, package: &str, code: Code, place: &Place) {
        self.operations.push(Operation {
            kind: OperationKind::Startup,
            subject: full(package, SubjectKind::Package),
            kb: None,
            client: None,
            outcome: outcome_of(code),
            code: Some(code),
            extend: 0,
            alike: 0,
            package: None,
            id: None,
            log: LogKind::Cbs,
            first_line: self.woken_at.max(1).min(place.line),
            begun_seconds: None,
            last_line: place.line,
            place: place.clone(),
        });
    }

    fn dism(&mut self, statement: Statement<'_>, place: &Place) {
        if matches!(statement, Statement::DismStarted { .. }) {
            self.end_dism(Outcome::Unfinished);
        }
        let open = self.dism.get_or_insert_with(|| OpenDism {
            first_line: place.line,
            begun_seconds: place.utc_seconds(),
            command: None,
            failed: None,
            misused: false,
            by_program: false,
            last: place.clone(),
        });
        open.last = place.clone();
        match statement {
            Statement::DismStarted { by_program } => open.by_program = by_program,
            Statement::DismCommand(command) => open.command = Some(command.to_owned()),
            Statement::DismFailed(code) => open.failed = Some((code, place.clone())),
            // A program may try on after a failed call; the last one that failed is told.
            Statement::DismCallFailed(code) if open.by_program => {
                open.failed = Some((code, place.clone()));
            }
            Statement::DismMisused => open.misused = true,
            Statement::DismEnded => self.end_dism(Outcome::Succeeded),
            _ => {}
        }
    }

    fn end_dism(&mut self, unless_failed: Outcome) {
        let Some(open) = self.dism.take() else { return };
        // A misspelled command is no operation, nor is the log of a program cut off before its end.
        let unfinished_program = open.command.is_none() && unless_failed == Outcome::Unfinished;
        if open.misused || unfinished_program || (open.command.is_none() && !open.by_program) {
            return;
        }
        let (outcome, code, place) = match open.failed {
            Some((code, place)) => (outcome_of(code), Some(code), place),
            None => (unless_failed, None, open.last.clone()),
        };
        self.operations.push(Operation {
            kind: OperationKind::DismCommand,
            subject: open.command.and_then(|command| full(&command, SubjectKind::Command)),
            kb: None,
            client: Some(if open.by_program { "DISM API" } else { "DISM" }.to_owned()),
            outcome,
            code,
            extend: 0,
            alike: 0,
            package: None,
            id: None,
            log: LogKind::Dism,
            first_line: open.first_line,
            begun_seconds: open.begun_seconds,
            last_line: open.last.line,
            place,
        });
    }

    /// The file ends: what is open ends with it, unfinished.
    pub(super) fn end_of_file(&mut self) {
        self.operations.extend(self.store.end_file_check());
        self.end_dism(Outcome::Unfinished);
        self.store.end_of_file();
        for (_, open) in std::mem::take(&mut self.sessions) {
            if open.worked && open.ended.is_none() {
                let operation = open.operation(Outcome::Unfinished, None, &open.last);
                self.operations.push(operation);
            }
        }
        self.woken_at = 0;
        // What is known to have ended only now may have ended before others.
        self.operations.sort_by_key(|operation| (operation.place.source, operation.place.line));
    }
}

fn set_if_given(slot: &mut String, given: &str) {
    if !given.is_empty() {
        given.clone_into(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_one_family_differ_in_month_kb_and_build_only() {
        let same = |one: &str, other: &str| title_family(one) == title_family(other);
        assert!(same(
            "2025-10 Cumulative Update for Windows 11, version 24H2 (KB5066835) (26100.6899)",
            "2025-11 Cumulative Update for Windows 11, version 24H2 (KB5068861) (26100.7171)",
        ));
        assert!(same(
            "Definition Update for Windows Defender - KB2267602 (Definition 1.247.865.0)",
            "Definition Update for Windows Defender - KB2267602 (Definition 1.249.109.0)",
        ));
        assert!(same(
            "Windows Malicious Software Removal Tool x64 - October 2017 (KB890830)",
            "Windows Malicious Software Removal Tool x64 - May 2018 (KB890830)",
        ));
        assert!(same(
            "Windows Malicious Software Removal Tool x64 - v5.91 (KB890830)",
            "Windows Malicious Software Removal Tool x64 - v5.121 (KB890830)",
        ));
        assert!(!same(
            "2025-10 Cumulative Update for .NET Framework 3.5 and 4.8 (KB5066740)",
            "2025-10 Cumulative Update for .NET Framework 3.5 and 4.8.1 (KB5066746)",
        ));
        assert!(!same("Windows 10 Version 1703", "Windows 10 Version 1709"));
    }

    #[test]
    fn an_app_is_known_by_the_id_of_its_product() {
        assert!(is_product_id("9WZDNCRFJBMP-Microsoft.WindowsStore"));
        assert!(!is_product_id("2025-10 Cumulative Update"));
        assert!(!is_product_id("9WZDNCRFJBMP"));
        assert!(!is_product_id("E3766677-6547-4EC8-9097-4C7E37190DDA"));
    }
}
