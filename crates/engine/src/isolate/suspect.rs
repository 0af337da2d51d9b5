//! Who may be in the way and can be switched off, and who never is.
//!
//! What belongs to Microsoft is told by who signed it, never by what it calls itself. What is not known is
//! a suspect and said to be so; but a part of Windows that carries its own name in its own folder is left
//! alone even where nobody can tell who signed it.

use serde::Serialize;
use unwedge_host::probe::{self, Task};
use unwedge_host::system::startup;
use unwedge_host::system::{class_filters, filters, image_file, services, tasks};
use unwedge_host::{Data, Host, KeyPath, RunState, ServiceName, Setting, StartType, WinPath};

use super::signer::{SignedBy, Signers};
use crate::knowledge::products::{self, Product};
use crate::report::{Diagnosis, Role};

/// Somebody who may be in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspect {
    /// What it is.
    pub kind: SuspectKind,
    /// Its own name: of a service, an entry, a task with its folders, a driver.
    pub name: String,
    /// The name people see, if it has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The product it belongs to, and its maker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Who signed its program.
    pub signer: SignedBy,
    /// How much the evidence points at it, and why; empty if nothing does.
    pub because: Vec<String>,
    /// How strongly.
    #[serde(skip)]
    pub weight: u32,
    /// What switches it off.
    #[serde(skip)]
    pub switches: Vec<Setting>,
}

/// What a suspect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspectKind {
    /// A service that starts with Windows, or when it is asked for.
    Service,
    /// An entry that is run at every sign-in.
    Startup,
    /// A scheduled task that runs at a start or sign-in.
    Task,
    /// A filter between programs and files.
    Filter,
}

/// Somebody who is never switched off, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spared {
    /// What it is.
    pub kind: SuspectKind,
    /// What it is called.
    pub name: String,
    /// Why it is left alone.
    pub why: &'static str,
    /// What a person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Suspects {
    /// The likeliest first.
    pub suspects: Vec<Suspect>,
    /// Those that are left alone although they are not of Microsoft.
    pub spared: Vec<Spared>,
    /// How many belong to Microsoft or to Windows.
    pub of_microsoft: usize,
    /// What could not be read.
    pub unknown: Vec<String>,
    /// Names of the scope that no suspect has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_names: Vec<String>,
}

/// How far the search goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Filters of file systems as well.
    pub drivers: bool,
    /// These are not switched off, by name.
    pub keep: Vec<String>,
    /// Only these are switched off, by name; empty is all.
    pub only: Vec<String>,
    /// What starts at a sign-in too: the test is made after it, not by itself after each start.
    pub after_sign_in: bool,
    /// The moment, in units of 100 ns since 1601: Task Manager keeps it beside what it switches off.
    pub now: u64,
}

impl Suspect {
    /// Its name for people, with what it belongs to.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = match &self.title {
            Some(title) if !title.eq_ignore_ascii_case(&self.name) => {
                format!("{title} ({})", self.name)
            }
            _ => self.name.clone(),
        };
        match (&self.product, &self.signer) {
            (Some(product), _) => format!("{name}, of {product}"),
            (None, SignedBy::Other(signer)) => format!("{name}, signed by {signer}"),
            (None, _) => name,
        }
    }

    /// Whether the evidence points at it.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        self.weight > 0
    }
}

/// Everybody on a PC, ranked by what the diagnosis and the PC itself point at.
#[must_use]
pub fn suspects(host: &dyn Host, diagnosis: &Diagnosis, scope: &Scope) -> Suspects {
    let mut found = Suspects::default();
    let mut signers = Signers::of(host);
    services_of(host, &mut signers, &mut found);
    startup_of(host, scope, &mut signers, &mut found);
    tasks_of(host, scope, &mut signers, &mut found);
    if scope.drivers {
        filters_of(host, &mut signers, &mut found);
    }
    let evidence = Evidence::of(host, diagnosis);
    for suspect in &mut found.suspects {
        evidence.weigh(suspect);
    }
    // The order is that of weight; among equals it is the same every time.
    found.suspects.sort_by(|one, other| {
        (other.weight, one.kind, &one.name).cmp(&(one.weight, other.kind, &other.name))
    });
    let has = |name: &String| found.suspects.iter().any(|it| it.name.eq_ignore_ascii_case(name));
    let named = scope.keep.iter().chain(&scope.only);
    found.unknown_names = named.filter(|name| !has(name)).cloned().collect();
    let is =
        |list: &[String], it: &Suspect| list.iter().any(|name| name.eq_ignore_ascii_case(&it.name));
    for kept in found.suspects.iter().filter(|it| is(&scope.keep, it)) {
        found.spared.push(Spared {
            kind: kept.kind,
            name: kept.shown(),
            why: "you said so",
            advice: None,
        });
    }
    found
        .suspects
        .retain(|it| !is(&scope.keep, it) && (scope.only.is_empty() || is(&scope.only, it)));
    found
}

fn services_of(host: &dyn Host, signers: &mut Signers<'_>, found: &mut Suspects) {
    let names = match services::names(host) {
        Ok(names) => names,
        Err(error) => return found.unknown.push(error.to_string()),
    };
    let mut all = Vec::new();
    for name in names {
        match host.service(&name) {
            Ok(Some(it)) if !is_driver(host, &name) => all.push(it),
            Ok(_) => {}
            Err(error) => found.unknown.push(error.to_string()),
        }
    }
    let of_windows: Vec<ServiceName> =
        all.iter().filter(|it| signers.is_of_windows(it)).map(|it| it.name.clone()).collect();
    for service in &all {
        if of_windows.contains(&service.name) {
            found.of_microsoft += 1;
            continue;
        }
        if service.start == StartType::Disabled {
            continue;
        }
        let product = products::of_service(service.name.as_str()).first().copied();
        let needed_by =
            all.iter().find(|it| of_windows.contains(&it.name) && it.needs.contains(&service.name));
        let why = match (left_alone(product), needed_by) {
            _ if service.protected => Some("Windows protects it"),
            (Some(why), _) => Some(why),
            (None, Some(_)) => Some("a service of Windows needs it"),
            (None, None) => group_left_alone(host, &service.name),
        };
        if let Some(why) = why {
            found.spared.push(spared(SuspectKind::Service, service.name.as_str(), why, product));
            continue;
        }
        let mut switches =
            vec![Setting::Start { service: service.name.clone(), start: StartType::Disabled }];
        let mark = Setting::Value {
            key: KeyPath::new(&format!(r"{}\services", startup::CLEAN_BOOT)),
            name: service.name.to_string(),
            data: Some(Data::Dword(service.start.registry_start())),
        };
        if host.current(&mark).is_ok() {
            switches.insert(0, mark);
        }
        found.suspects.push(Suspect {
            kind: SuspectKind::Service,
            name: service.name.to_string(),
            title: service.display_name.clone(),
            product: product.map(named),
            signer: signers.of_service(service),
            because: Vec::new(),
            weight: 0,
            switches,
        });
    }
}

fn is_driver(host: &dyn Host, name: &ServiceName) -> bool {
    let key = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services").join(name.as_str());
    // 1, 2, 4 and 8 are kinds of drivers (`SERVICE_DRIVER`).
    host.key(&key).ok().flatten().and_then(|it| it.dword("Type")).is_some_and(|it| it & 0xf != 0)
}

/// Why nobody is searched among what starts at a sign-in, if the test does not wait for one: all of it is
/// off then whatever is switched, and would make others look guilty.
const AFTER_THE_TEST: &str =
    "it starts when somebody signs in, after the test; with --ask the test waits";
/// Why what starts for one user is not switched: whoever puts it back need not be that user.
const OF_ONE_USER: &str = "it belongs to one user";

/// Kinds of products that are never switched off from here, and why.
fn left_alone(product: Option<&Product>) -> Option<&'static str> {
    const KINDS: [(&str, &str); 8] = [
        ("AV", "it protects the PC"),
        ("EDR", "it protects the PC"),
        ("DLP", "it protects data of this PC"),
        ("app control", "it protects the PC"),
        ("anti-exploit", "it protects the PC"),
        ("encryption", "it holds the keys of encrypted drives"),
        ("reboot-restore", "it takes changes back at every restart"),
        ("network", "it is part of the network"),
    ];
    let kind = product?.kind;
    KINDS.iter().find(|(part, _)| kind.contains(part)).map(|(_, why)| *why)
}

/// Groups of services that sign-in, network or storage depend on, and why they are left alone.
fn group_left_alone(host: &dyn Host, name: &ServiceName) -> Option<&'static str> {
    const NETWORK: &str = "it is part of the network";
    const GROUPS: [(&str, &str); 8] = [
        ("NDIS", NETWORK),
        ("PNP_TDI", NETWORK),
        ("TDI", NETWORK),
        ("NetworkProvider", NETWORK),
        ("NetBIOSGroup", NETWORK),
        ("SmartCardGroup", "signing in may need it"),
        ("ProfSvc_Group", "signing in may need it"),
        ("Plugplay", "devices need it"),
    ];
    /// Programs by which somebody may be looking at this PC right now.
    const REMOTE: [&str; 12] = [
        "anydesk",
        "teamviewer",
        "rustdesk",
        "logmein",
        "splashtop",
        "screenconnect",
        "dwservice",
        "dwagent",
        "tvnserver",
        "winvnc",
        "uvnc_service",
        "parsec",
    ];
    let folded = name.folded();
    let is_remote = REMOTE.iter().any(|it| folded.starts_with(it));
    let runs = || host.service(name).ok().flatten().is_none_or(|it| it.state != RunState::Stopped);
    if is_remote && runs() {
        return Some("this PC may be looked after through it");
    }
    let key = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services").join(name.as_str());
    let group = host.key(&key).ok().flatten()?.text("Group")?.to_owned();
    GROUPS.iter().find(|(it, _)| it.eq_ignore_ascii_case(&group)).map(|(_, why)| *why)
}

fn startup_of(host: &dyn Host, scope: &Scope, signers: &mut Signers<'_>, found: &mut Suspects) {
    let read = startup::read(host).found;
    for command in &read.commands {
        let Some(approved) = startup::approved_key(command.key) else {
            found.spared.push(Spared {
                kind: SuspectKind::Startup,
                name: command.name.clone(),
                why: "it runs once, at the next sign-in, and is gone then",
                advice: None,
            });
            continue;
        };
        let is_off = read.approvals.iter().any(|it| {
            it.key == approved && !it.is_enabled && it.name.eq_ignore_ascii_case(&command.name)
        });
        if is_off {
            continue;
        }
        if command.key.starts_with("HKCU") {
            found.spared.push(Spared {
                kind: SuspectKind::Startup,
                name: command.name.clone(),
                why: if scope.after_sign_in { OF_ONE_USER } else { AFTER_THE_TEST },
                advice: Some("Task Manager, Startup apps, switches it off".to_owned()),
            });
            continue;
        }
        let file = image_file(&command.command);
        entry(host, scope, signers, found, (&command.name, file, approved));
    }
    let (folder, approved) = startup::FOLDER;
    let is_off = |name: &str| {
        let mut off = read.approvals.iter().filter(|it| it.key == approved && !it.is_enabled);
        off.any(|it| it.name.eq_ignore_ascii_case(name))
    };
    let folder = WinPath::new(folder);
    let files = host.list(&folder).ok().flatten().unwrap_or_default();
    for file in files.iter().filter(|it| !it.is_folder && !is_off(&it.name)) {
        // It only describes the folder to Explorer.
        if !file.name.eq_ignore_ascii_case("desktop.ini") {
            let path = folder.join(&file.name);
            entry(host, scope, signers, found, (&file.name, Some(path), approved));
        }
    }
}

fn entry(
    host: &dyn Host,
    scope: &Scope,
    signers: &mut Signers<'_>,
    found: &mut Suspects,
    (name, file, approved): (&str, Option<WinPath>, &'static str),
) {
    let signer = signers.of_file(file.as_ref());
    if signer == SignedBy::Microsoft {
        found.of_microsoft += 1;
        return;
    }
    let product = file.as_ref().and_then(|it| products::of_process(it.name()).first().copied());
    let late = (!scope.after_sign_in).then_some(AFTER_THE_TEST);
    if let Some(why) = left_alone(product).or(late) {
        found.spared.push(spared(SuspectKind::Startup, name, why, product));
        return;
    }
    let switch = Setting::Value {
        key: KeyPath::new(approved),
        name: name.to_owned(),
        data: Some(Data::Binary(startup::switched_off(scope.now))),
    };
    if let Err(error) = host.current(&switch) {
        return found.unknown.push(error.to_string());
    }
    found.suspects.push(Suspect {
        kind: SuspectKind::Startup,
        name: name.to_owned(),
        title: None,
        product: product.map(named),
        signer,
        because: Vec::new(),
        weight: 0,
        switches: vec![switch],
    });
}

fn tasks_of(host: &dyn Host, scope: &Scope, signers: &mut Signers<'_>, found: &mut Suspects) {
    for task in tasks::read(host).found {
        let Ok(definition) = &task.definition else { continue };
        let has =
            |kind: &str| definition.triggers.iter().any(|it| it.is_enabled && it.kind == kind);
        let (at_start, at_sign_in) = (has("BootTrigger"), has("LogonTrigger"));
        if !(at_start || at_sign_in) || task.is_disabled() != Some(false) {
            continue;
        }
        let file = program_of(&task);
        let signer = signers.of_file(file.as_ref());
        let is_of_windows = task.path.to_lowercase().starts_with(r"\microsoft\windows\");
        let is_ours = task.path.to_lowercase().starts_with(r"\unwedge\");
        if signer == SignedBy::Microsoft || is_ours || (is_of_windows && file.is_none()) {
            found.of_microsoft += usize::from(!is_ours);
            continue;
        }
        let product = file.as_ref().and_then(|it| products::of_process(it.name()).first().copied());
        let late = (!at_start && !scope.after_sign_in).then_some(AFTER_THE_TEST);
        if let Some(why) = left_alone(product).or(late) {
            found.spared.push(spared(SuspectKind::Task, &task.path, why, product));
            continue;
        }
        found.suspects.push(Suspect {
            kind: SuspectKind::Task,
            name: task.path.clone(),
            title: None,
            product: product.map(named),
            signer,
            because: Vec::new(),
            weight: 0,
            switches: vec![Setting::Task { path: task.path.clone(), enabled: false }],
        });
    }
}

fn program_of(task: &Task) -> Option<WinPath> {
    use unwedge_formats::export::TaskAction;
    let definition = task.definition.as_ref().ok()?;
    definition.actions.iter().find_map(|it| match it {
        TaskAction::Run { command, .. } => image_file(command),
        TaskAction::Class(_) | TaskAction::Other => None,
    })
}

/// Filters that can be left out of a start without harm: what Microsoft asks to check before a driver is
/// disabled (KB816071) must all be known and speak for it.
fn filters_of(host: &dyn Host, signers: &mut Signers<'_>, found: &mut Suspects) {
    let classes = class_filters::read(host);
    let read = filters::read(host);
    for filter in read.found {
        let driver = &filter.driver;
        let name = driver.name.to_string();
        let signer = signers.of_file(filter.file.as_ref());
        if signer == SignedBy::Microsoft || driver.start == Some(StartType::Disabled) {
            found.of_microsoft += usize::from(signer == SignedBy::Microsoft);
            continue;
        }
        let product = products::of_driver(&format!("{name}.sys")).first().copied();
        let group = driver.group.as_deref().unwrap_or_default();
        let of_class = |it: &class_filters::ClassFilters| {
            it.upper.contains(&driver.name) || it.lower.contains(&driver.name)
        };
        let why = match driver.start {
            _ if !classes.unknown.is_empty() => Some("whether devices need it is not known"),
            _ if classes.found.iter().any(of_class) => {
                Some("devices need it (UpperFilters, LowerFilters)")
            }
            Some(StartType::Boot) => Some("Windows loads it before anything else"),
            None => Some("when it starts is not known"),
            _ if group.eq_ignore_ascii_case("FSFilter Encryption") => {
                Some("it holds the keys of encrypted files")
            }
            _ if group.eq_ignore_ascii_case("FSFilter Anti-Virus") => Some("it protects the PC"),
            Some(_) => left_alone(product),
        };
        if let Some(why) = why {
            found.spared.push(spared(SuspectKind::Filter, &name, why, product));
            continue;
        }
        found.suspects.push(Suspect {
            kind: SuspectKind::Filter,
            name: name.clone(),
            title: driver.display_name.clone(),
            product: product.map(named),
            signer,
            because: Vec::new(),
            weight: 0,
            switches: vec![Setting::Start {
                service: driver.name.clone(),
                start: StartType::Disabled,
            }],
        });
    }
}

fn spared(
    kind: SuspectKind,
    name: &str,
    why: &'static str,
    product: Option<&'static Product>,
) -> Spared {
    let pause = product.and_then(|it| it.official_pause);
    let shown = match product {
        Some(product) => format!("{name}, of {}", named(product)),
        None => name.to_owned(),
    };
    Spared { kind, name: shown, why, advice: pause.map(str::to_owned) }
}

fn named(product: &'static Product) -> String {
    match product.name.contains(product.vendor) {
        true => product.name.to_owned(),
        false => format!("{} ({})", product.name, product.vendor),
    }
}

/// What points at somebody.
struct Evidence {
    /// Lower-case names that findings accuse, with how strongly and why.
    accused: Vec<(String, u32, String)>,
    /// Lower-case names of those who have files of the update open right now.
    holders: Vec<String>,
}

impl Evidence {
    fn of(host: &dyn Host, diagnosis: &Diagnosis) -> Self {
        use crate::report::Certainty;
        const FILES: [&str; 3] = [
            r"C:\Windows\SoftwareDistribution",
            r"C:\Windows\System32\catroot2",
            r"C:\Windows\servicing",
        ];
        let culprits = diagnosis.findings.iter().filter(|it| !it.resolved);
        let accused = culprits.filter_map(|finding| {
            let culprit = finding.culprit.as_ref()?;
            let root = if finding.role == Role::Root { 2 } else { 1 };
            let weight = root
                * match culprit.certainty {
                    Certainty::Confirmed => 100,
                    Certainty::Likely => 50,
                    Certainty::Candidate => 10,
                };
            Some((culprit.name.to_lowercase(), weight, culprit.because.clone()))
        });
        let paths = FILES.map(WinPath::new);
        let held = probe::holders(host, &paths).map(|it| it.holders).unwrap_or_default();
        let holders = held.iter().filter(|it| it.pins()).flat_map(|it| {
            let service = it.service().map(|it| it.folded().to_owned());
            [service, Some(it.image().to_lowercase())].into_iter().flatten()
        });
        Evidence { accused: accused.collect(), holders: holders.collect() }
    }

    fn weigh(&self, suspect: &mut Suspect) {
        let own = suspect.name.to_lowercase();
        let product = suspect.product.as_ref().map(|it| it.to_lowercase());
        for (name, weight, because) in &self.accused {
            let is_it = *name == own
                || name.trim_end_matches(".sys") == own
                || product.as_ref().is_some_and(|it| it.starts_with(name.as_str()));
            if is_it {
                suspect.weight += weight;
                suspect.because.push(because.clone());
            }
        }
        if self.holders.contains(&own) {
            suspect.weight += 80;
            suspect.because.push("it has a file of Windows Update to itself right now".to_owned());
        }
        let kind = products::of_service(&suspect.name).first().map(|it| it.kind);
        if kind.is_some_and(|it| it.contains("update blocker")) {
            suspect.weight += 60;
            suspect.because.push("it is made to keep updates away".to_owned());
        }
    }
}
