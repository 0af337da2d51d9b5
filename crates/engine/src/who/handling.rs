//! Whether a holder may be stopped, and what a person can do about it.
//!
//! Nothing is ever ended here. What is not known is said to be so, rather than called safe.

use serde::Serialize;
use unwedge_host::probe::{Conflict, Hold, Holder};

use super::answer::{ProductNamed, Service};
use super::backup::{self, Backup, Now};
use crate::fact::suspects::{is_of_updates, is_within_windows};
use crate::knowledge::services::{self, KnownService, Stopping};

/// What may be done about a holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Handling {
    /// To what it belongs.
    pub owner: Owner,
    /// Whether it may be stopped.
    pub may_be_stopped: MayStop,
    /// What to do, in plain words.
    pub advice: String,
}

/// To what a holder belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Windows cannot run without it.
    Critical,
    /// It installs updates itself.
    Updating,
    /// Another part of Windows.
    Windows,
    /// Another product of Microsoft.
    Microsoft,
    /// It protects the PC.
    Security,
    /// It makes backups, and may be making one now.
    Backup,
    /// Another product that is known to stand in the way of updates.
    Product,
    /// It is not known here.
    Unknown,
}

/// Whether a holder may be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MayStop {
    /// No: only a restart of Windows frees the file.
    Never,
    /// It ends by itself, and should.
    Wait,
    /// Only in the way its maker provides.
    OfficialWay,
    /// Yes, for a while.
    Yes,
    /// It is not known what depends on it.
    Unknown,
}

/// Processes without which Windows stops, or that are no programs at all.
const CRITICAL: [&str; 11] = [
    "system",
    "registry",
    "memory compression",
    "secure system",
    "smss.exe",
    "csrss.exe",
    "wininit.exe",
    "winlogon.exe",
    "services.exe",
    "lsass.exe",
    "lsaiso.exe",
];
/// Processes that install, and end when they are done.
const INSTALLS: [&str; 8] = [
    "trustedinstaller.exe",
    "tiworker.exe",
    "poqexec.exe",
    "wusa.exe",
    "dism.exe",
    "dismhost.exe",
    "msiexec.exe",
    "mousocoreworker.exe",
];
/// The process of the kernel.
const SYSTEM: u32 = 4;

/// What may be done about `holder`, which runs these services and belongs to one of these products.
pub(super) fn handling(
    holder: &Holder,
    services: &[Service],
    products: &[ProductNamed],
) -> Handling {
    let owner = owner(holder, services, products);
    let (may_be_stopped, advice) = match &holder.hold {
        Hold::Hive { .. } => (MayStop::Never, RESTART.to_owned()),
        Hold::Task { .. } => (
            MayStop::Yes,
            "If it runs while the update is installed, disable it in Task Scheduler until then."
                .to_owned(),
        ),
        Hold::Transfer { .. } => (
            MayStop::Wait,
            "Let the download end, or pause it in the program that began it.".to_owned(),
        ),
        Hold::Filter { .. } => (MayStop::OfficialWay, of_product(owner, products)),
        _ => of_process(owner, holder, services, products),
    };
    let advice = match holder.conflict {
        Conflict::None => "Nothing: it keeps nobody out.".to_owned(),
        Conflict::Oplock => "Nothing: it makes way when it is asked.".to_owned(),
        _ => advice,
    };
    Handling { owner, may_be_stopped, advice }
}

/// What may be done about a holder that makes backups, now that it is known whether one is made.
pub(super) fn now_that(
    backup: &Backup,
    handling: &mut Handling,
    conflict: &super::answer::Conflict,
) {
    use super::answer::Conflict;
    let is_in_the_way = !matches!(conflict, Conflict::None | Conflict::Oplock);
    if handling.owner != Owner::Backup || !is_in_the_way {
        return;
    }
    match backup.told {
        Now::Running => {
            let making = backup.services.iter().find_map(|it| backup::of_windows(&it.name));
            let making = making.unwrap_or(backup::Making::Backup).name();
            let services = list(&backup.services);
            handling.may_be_stopped = MayStop::Wait;
            handling.advice = format!(
                "Do not end it: {making} is being made right now ({services} runs). Wait until \
                 that is done."
            );
        }
        Now::Unknown => handling.advice.push_str(" Whether one runs now is not known."),
        Now::NoneSeen => {}
    }
}

const RESTART: &str = "Do not end it: Windows needs it. A restart frees the file.";

fn owner(holder: &Holder, services: &[Service], products: &[ProductNamed]) -> Owner {
    let process = holder.process.as_ref();
    let image = holder.image().to_lowercase();
    // Anybody can give his program the name of a part of Windows.
    let is_own = process.is_some_and(|it| {
        it.path.as_ref().is_none_or(|path| is_within_windows(path.as_str()) || it.pid == SYSTEM)
    });
    let is_critical = CRITICAL.contains(&image.as_str()) || holder.pid() == SYSTEM;
    if matches!(holder.hold, Hold::Hive { .. }) || is_own && is_critical {
        return Owner::Critical;
    }
    let is_core = |it: &Service| is_of_updates(&it.name);
    if is_own && (INSTALLS.contains(&image.as_str()) || services.iter().any(is_core)) {
        return Owner::Updating;
    }
    if is_own && services.iter().any(|it| backup::of_windows(&it.name).is_some()) {
        return Owner::Backup;
    }
    if let Some(first) = products.first() {
        return owner_of(first);
    }
    let is_known = |it: &Service| services::get(&it.name).is_some();
    let runs_in_windows =
        process.and_then(|it| it.path.as_ref()).is_some_and(|it| is_within_windows(it.as_str()));
    match services {
        [] if runs_in_windows => Owner::Windows,
        [] => Owner::Unknown,
        all if is_own && all.iter().all(is_known) => Owner::Windows,
        _ => Owner::Unknown,
    }
}

fn owner_of(product: &ProductNamed) -> Owner {
    const SECURITY: [&str; 7] =
        ["AV", "EDR", "DLP", "app control", "anti-exploit", "encryption", "vulnerability"];
    let is = |words: &[&str]| words.iter().any(|word| product.kind.contains(word));
    if is(&["backup"]) {
        Owner::Backup
    } else if is(&SECURITY) {
        Owner::Security
    } else if product.vendor == "Microsoft" {
        Owner::Microsoft
    } else {
        Owner::Product
    }
}

fn of_process(
    owner: Owner,
    holder: &Holder,
    services: &[Service],
    products: &[ProductNamed],
) -> (MayStop, String) {
    match owner {
        Owner::Critical => (MayStop::Never, RESTART.to_owned()),
        Owner::Updating if INSTALLS.contains(&holder.image().to_lowercase().as_str()) => {
            let advice = "It is installing something. Wait until it is done.";
            (MayStop::Wait, advice.to_owned())
        }
        Owner::Security | Owner::Backup | Owner::Microsoft | Owner::Product => {
            (MayStop::OfficialWay, of_product(owner, products))
        }
        Owner::Updating | Owner::Windows if services.is_empty() => {
            let advice = "It is part of Windows. Sign out or restart, and try again.";
            (MayStop::Unknown, advice.to_owned())
        }
        Owner::Updating | Owner::Windows => of_windows(services),
        Owner::Unknown => (MayStop::Unknown, of_unknown(services)),
    }
}

fn of_windows(services: &[Service]) -> (MayStop, String) {
    let known = services.iter().filter_map(|it| services::get(&it.name));
    let may_stop = |it: &KnownService| it.stopping == Stopping::Safe;
    let all_may = known.clone().count() == services.len() && known.clone().all(may_stop);
    match services {
        [only] if all_may => {
            let name = named(only);
            (MayStop::Yes, format!("Stop the service {name} for a while (services.msc)."))
        }
        _ if all_may => {
            let names = list(services);
            (MayStop::Yes, format!("One of its services holds it; these may be stopped: {names}."))
        }
        _ => {
            let advice = "Windows needs it, so do not stop it. Restart, and try again.";
            (MayStop::Never, advice.to_owned())
        }
    }
}

fn of_product(owner: Owner, products: &[ProductNamed]) -> String {
    let pauses: Vec<&str> = products.iter().filter_map(|it| it.official_pause).collect();
    let first = pauses.first().filter(|first| pauses.iter().all(|it| it == *first));
    let before = match owner {
        Owner::Backup => "Let a backup that runs end, or pause it",
        Owner::Security => "Do not end it; pause it for the time of the update",
        _ => "Pause it for the time of the update",
    };
    match first {
        Some(pause) => format!("{before}: {}.", pause.trim_end_matches('.')),
        None if products.is_empty() => {
            "Pause the product it belongs to for the time of the update, as its maker provides."
                .to_owned()
        }
        None => format!("{before}, as its maker provides."),
    }
}

fn of_unknown(services: &[Service]) -> String {
    match services {
        [] => "Not known here. Save your work and close the program.".to_owned(),
        [only] => format!(
            "Not known here. If you know what it is for, stop the service {} (services.msc) and \
             start it again after the update.",
            named(only)
        ),
        _ => format!("Not known here. It runs the services {}.", list(services)),
    }
}

fn named(service: &Service) -> String {
    match &service.display_name {
        Some(shown) if !shown.eq_ignore_ascii_case(&service.name) => {
            format!("{shown} ({})", service.name)
        }
        _ => service.name.clone(),
    }
}

fn list(services: &[Service]) -> String {
    services.iter().map(named).collect::<Vec<_>>().join(", ")
}
