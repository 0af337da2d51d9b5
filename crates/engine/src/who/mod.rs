//! Who holds files: what a host sees of it, with who that is and what may be done about it.

pub mod answer;
mod backup;
mod handling;
mod signed;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::HashMap;

use unwedge_host::probe::{self, Holders};
use unwedge_host::{Host, HostErrorKind, KeyPath, ServiceName, WinPath};

pub use answer::{Answer, SCHEMA, Told};
pub use backup::{Backup, Now};
pub use handling::{Handling, MayStop, Owner};
pub use signed::{KeptIn, Signature, Signer, Standing};
pub use turns::{Turn, Turns};

use crate::fact::state::UPDATE_PATHS;
use crate::knowledge::products::{self, Product};
use crate::knowledge::services;
use crate::report::Certainty;
use answer::{Conflict, Gap, Hold, Holder, NotInspected, Process, ProductNamed, Range, Service};

/// Where Windows lies if nobody says otherwise.
const WINDOWS: &str = r"C:\Windows";
/// What else servicing touches, below the folder of Windows. The hives SYSTEM and SOFTWARE, which it
/// writes too, are loaded as long as Windows runs: that is nobody in the way.
const OF_SERVICING: [&str; 4] = ["CbsTemp", "servicing", r"Logs\CBS", r"System32\CatRoot"];

/// What is missing where nobody could be asked at all.
const EVERYONE: &str = "everyone who holds them";

/// All that Windows Update and servicing write to, on this PC.
#[must_use]
pub fn update_paths(host: &dyn Host) -> Vec<WinPath> {
    let key = KeyPath::new(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion");
    let key = host.key(&key).ok().flatten();
    let windows = key.as_ref().and_then(|it| it.text("SystemRoot")).unwrap_or(WINDOWS);
    let beyond = |path: &str| path.get(WINDOWS.len() + 1..).map(str::to_owned);
    let all = UPDATE_PATHS.iter().filter_map(|it| beyond(it));
    let all = all.chain(OF_SERVICING.map(str::to_owned));
    all.map(|below| WinPath::new(windows).join(&below)).collect()
}

/// Asks `host` who holds `paths`, or what lies below them.
///
/// There always is an answer: what the host cannot tell is a gap of it.
#[must_use]
pub fn ask(host: &dyn Host, paths: &[WinPath]) -> Answer {
    let is_absent = |path: &&WinPath| matches!(host.exists(path), Ok(false));
    let absent = paths.iter().filter(is_absent).map(ToString::to_string).collect();
    let found = probe::holders(host, paths).unwrap_or_else(|error| {
        let why = match error.kind {
            HostErrorKind::NotCollected => {
                "files copied from a PC do not tell who holds them there".to_owned()
            }
            _ => error.to_string(),
        };
        let gap = probe::HolderGap { what: EVERYONE.to_owned(), why };
        Holders { gaps: vec![gap], ..Holders::default() }
    });
    let mut services = Services { host, known: HashMap::new() };
    let mut holders: Vec<Holder> =
        found.holders.iter().map(|it| holder(&mut services, it)).collect();
    holders.sort_by_cached_key(|it| {
        let pid = it.process.as_ref().map_or(0, |it| it.pid);
        (!it.counts, it.conflict.rank(), it.certainty, pid, it.path.to_lowercase())
    });
    signed::ask(host, &mut holders);
    let backup = backup::look(host, &holders);
    if let Some(backup) = &backup {
        for it in &mut holders {
            handling::now_that(backup, &mut it.handling, &it.conflict);
        }
    }
    Answer {
        schema: SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION"),
        told: told(&found, &holders),
        asked: paths.iter().map(ToString::to_string).collect(),
        absent,
        holders,
        backup,
        not_inspected: found.not_inspected.iter().map(not_inspected).collect(),
        gaps: found.gaps.into_iter().map(|it| Gap { what: it.what, why: it.why }).collect(),
    }
}

fn told(found: &Holders, holders: &[Holder]) -> Told {
    // A filter holds files where nobody sees it; a task holds nothing while it does not run.
    let may_hold = |it: &Holder| matches!(it.hold, Hold::Filter { .. });
    if holders.iter().any(|it| it.counts) {
        Told::Somebody
    } else if found.complete && !holders.iter().any(may_hold) {
        Told::Nobody
    } else {
        Told::CouldNotTell
    }
}

fn holder(services: &mut Services<'_>, it: &probe::Holder) -> Holder {
    let services: Vec<Service> = it.services().iter().map(|name| services.named(name)).collect();
    let products = products_of(it, &services);
    let conflict = conflict(&it.conflict);
    let keeps_nobody_out =
        matches!(conflict, Conflict::None | Conflict::MappedImage | Conflict::Oplock);
    // Most programs have something of WinSxS loaded: of a folder that says nothing. Of a file that
    // was asked for, also by another of its names, it is the answer.
    let is_below = it.path != it.asked && it.path.is_within(&it.asked);
    Holder {
        path: it.path.to_string(),
        asked: (it.path != it.asked).then(|| it.asked.to_string()),
        hold: hold(&it.hold),
        counts: it.is_seen() && !(is_below && keeps_nobody_out),
        certainty: certainty(it.certainty),
        witnesses: it.witnesses.iter().map(|it| witness(*it)).collect(),
        process: it.process.as_ref().map(process),
        handling: handling::handling(it, &services, &products),
        conflict,
        services,
        products,
    }
}

/// Services by their names, each asked for once: who holds one file may hold thousands.
struct Services<'h> {
    host: &'h dyn Host,
    known: HashMap<String, Service>,
}

impl Services<'_> {
    fn named(&mut self, name: &ServiceName) -> Service {
        let asked = || service(self.host, name);
        self.known.entry(name.as_str().to_lowercase()).or_insert_with(asked).clone()
    }
}

fn service(host: &dyn Host, name: &ServiceName) -> Service {
    let told = host.service(name).ok().flatten().and_then(|it| it.display_name);
    // `@%systemroot%\system32\wuaueng.dll,-105` is where the name stands, not the name.
    let told = told.filter(|it| !it.starts_with('@') && !it.is_empty());
    let known = || services::get(name.as_str()).map(|it| it.display_name.to_owned());
    Service { name: name.as_str().to_owned(), display_name: told.or_else(known) }
}

/// The products to which a holder may belong, by the names of its services, else of its image.
fn products_of(it: &probe::Holder, services: &[Service]) -> Vec<ProductNamed> {
    let mut all: Vec<&'static Product> = Vec::new();
    let mut add = |found: &[&'static Product]| {
        for it in found {
            if !all.iter().any(|known| known.name == it.name) {
                all.push(it);
            }
        }
    };
    match &it.hold {
        probe::Hold::Filter { name, .. } => add(products::of_driver(name)),
        _ => services.iter().for_each(|it| add(products::of_service(&it.name))),
    }
    if all.is_empty() && it.process.is_some() {
        return products::of_process(it.image()).iter().map(|it| (*it).into()).collect();
    }
    all.into_iter().map(Into::into).collect()
}

fn hold(it: &probe::Hold) -> Hold {
    match it {
        probe::Hold::Handle { access } => {
            Hold::Handle { access: access.map(|access| format!("0x{access:08X}")) }
        }
        probe::Hold::Image => Hold::Image,
        probe::Hold::Mapping => Hold::Mapping,
        probe::Hold::WorkingDirectory => Hold::WorkingDirectory,
        probe::Hold::Hive { key } => Hold::Hive { key: key.to_string() },
        probe::Hold::Task { name } => Hold::Task { name: name.clone() },
        probe::Hold::Filter { name, altitude } => {
            Hold::Filter { name: name.clone(), altitude: altitude.clone() }
        }
        probe::Hold::Transfer { name } => Hold::Transfer { name: name.clone() },
        probe::Hold::Use => Hold::Use,
    }
}

fn conflict(it: &probe::Conflict) -> Conflict {
    match it {
        probe::Conflict::Sharing { shared } => Conflict::Sharing {
            others_may_read: shared.read,
            others_may_write: shared.write,
            others_may_delete: shared.delete,
        },
        probe::Conflict::ByteRange { ranges } => Conflict::ByteRange {
            ranges: ranges.iter().map(|it| Range { from: it.from, to: it.to }).collect(),
        },
        probe::Conflict::DeletePending => Conflict::DeletePending,
        probe::Conflict::MappedImage => Conflict::MappedImage,
        probe::Conflict::MappedData => Conflict::MappedData,
        probe::Conflict::Oplock => Conflict::Oplock,
        probe::Conflict::None => Conflict::None,
        probe::Conflict::Unknown => Conflict::Unknown,
    }
}

fn certainty(it: probe::Certainty) -> Certainty {
    match it {
        probe::Certainty::Confirmed => Certainty::Confirmed,
        probe::Certainty::Likely => Certainty::Likely,
        probe::Certainty::Candidate => Certainty::Candidate,
    }
}

fn witness(it: probe::Witness) -> &'static str {
    match it {
        probe::Witness::HandleTable => "handle_table",
        probe::Witness::Memory => "memory",
        probe::Witness::Parameters => "parameters",
        probe::Witness::FileSystem => "file_system",
        probe::Witness::RestartManager => "restart_manager",
        probe::Witness::HiveList => "hive_list",
        probe::Witness::TaskScheduler => "task_scheduler",
        probe::Witness::FilterManager => "filter_manager",
        probe::Witness::TransferService => "transfer_service",
        probe::Witness::Fixture => "fixture",
    }
}

fn process(it: &probe::Process) -> Process {
    Process {
        pid: it.pid,
        began: it.began,
        image: it.image.clone(),
        path: it.path.as_ref().map(ToString::to_string),
        command_line: it.command_line.clone().filter(|it| !it.is_empty()),
        user: it.user.clone(),
        session: it.session,
        is_protected: it.is_protected,
        signature: None,
    }
}

fn not_inspected(it: &probe::NotInspected) -> NotInspected {
    NotInspected {
        pid: it.pid,
        image: it.image.clone(),
        services: it.services.iter().map(|it| it.as_str().to_owned()).collect(),
        is_protected: it.is_protected,
        what: it.what.clone(),
        why: it.why.clone(),
    }
}
