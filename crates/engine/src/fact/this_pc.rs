//! How the PC itself stands now, as it tells: worth showing, and never a reason by itself.
//!
//! Evidence that was brought cannot tell; that goes without saying. What a running PC refuses to
//! tell is a gap.

use unwedge_formats::export::TaskAction;
use unwedge_host::probe::{
    self, Deed, DeedResult, DriveHealth, Encryption, Freshness, Part, ProductKind, Switch,
    TaskState,
};
use unwedge_host::system::management::{self, Manager};
use unwedge_host::system::{image_file, services, tasks};
use unwedge_host::{Host, HostError, HostErrorKind};

use super::Facts;
use crate::knowledge::{filters, products};
use crate::report::{GapNote, StateNote, StateTopic};

/// An update of Windows needs some gigabytes to unpack itself.
const LITTLE_ROOM_BYTES: u64 = 8 << 30;
/// So many failures of the history are told.
const MOST_FAILURES: usize = 5;
/// Signatures older than this protect from little.
const OLD_SIGNATURES_DAYS: u32 = 14;

/// Asks for all of it.
pub(super) fn observe(host: &dyn Host, facts: &mut Facts) {
    // Whoever knows his domain can be asked the rest: evidence that was brought does not.
    if !is_collected(&probe::membership(host)) {
        manager(host, facts);
        leftovers(host, facts);
        update_tasks(host, facts);
    }
    agent(host, facts);
    loaded_filters(host, facts);
    protection(host, facts);
    disks(host, facts);
    power(host, facts);
    restore_points(host, facts);
}

fn is_collected<T>(answer: &Result<T, HostError>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind == HostErrorKind::NotCollected)
}

fn note(facts: &mut Facts, topic: StateTopic, notable: bool, told: String) {
    facts.this_pc.push(StateNote { topic, notable, told });
}

/// The answer, or a gap that says what is missing and why.
fn known<T>(facts: &mut Facts, what: &str, part: Part<T>) -> Option<T> {
    match part {
        Ok(told) => Some(told),
        Err(HostErrorKind::NotCollected) => None,
        Err(why) => {
            let hint = if why.is_denied() { "; only an administrator may ask" } else { "" };
            facts.gaps.push(GapNote {
                source: "this PC".to_owned(),
                line: None,
                what: what.to_owned(),
                why: format!("{why}{hint}"),
            });
            None
        }
    }
}

fn answered<T>(facts: &mut Facts, what: &str, answer: Result<T, HostError>) -> Option<T> {
    known(facts, what, answer.map_err(|error| error.kind))
}

fn agent(host: &dyn Host, facts: &mut Facts) {
    const WHO: &str = "the Windows Update Agent";
    let Some(agent) = answered(facts, WHO, probe::update_agent(host)) else { return };
    if known(facts, "whether Windows Update needs a restart", agent.restart_required) == Some(true)
    {
        let told = "Windows Update says that it needs a restart".to_owned();
        note(facts, StateTopic::Restart, true, told);
    }
    if let Some(automatic) = known(facts, "when Windows Update last searched", agent.automatic) {
        let search = known(facts, "when Windows Update last searched", automatic.last_search);
        if let Some(time) = search.flatten() {
            note(facts, StateTopic::Updates, false, format!("last successful search: {time}"));
        }
    }
    let Some(history) = known(facts, "the history of updates", agent.history) else { return };
    let failed = history.iter().filter(|it| {
        it.deed == Deed::Installation
            && matches!(it.result, DeedResult::Failed | DeedResult::Aborted)
    });
    // The newest first: what failed and went through later is over.
    let is_over = |title: &str, time: &Option<String>| {
        let went = |it: &&probe::HistoryEntry| {
            it.title == title && it.time > *time && it.result == DeedResult::Succeeded
        };
        history.iter().any(|it| went(&it))
    };
    let open = failed.filter(|it| !is_over(&it.title, &it.time)).take(MOST_FAILURES);
    let told: Vec<String> = open
        .map(|it| {
            let time = it.time.as_deref().unwrap_or("at an unknown time");
            format!("{} failed with 0x{:08X}, {time}", it.title, it.code)
        })
        .collect();
    told.into_iter().for_each(|told| note(facts, StateTopic::Updates, true, told));
}

fn loaded_filters(host: &dyn Host, facts: &mut Facts) {
    let Some(loaded) = answered(facts, "the filters that are loaded", probe::loaded_filters(host))
    else {
        return;
    };
    for filter in loaded {
        let of_windows = filters::by_driver(&filter.name)
            .is_some_and(|known| known.company.starts_with("Microsoft"));
        if of_windows || crate::knowledge::services::get(&filter.name).is_some() {
            continue;
        }
        let of = match products::of_driver(&filter.name) {
            [] => filters::by_driver(&filter.name).map_or("not known", |known| known.company),
            [first, ..] => first.name,
        };
        let manner = if filter.is_legacy() { " (of the old kind)" } else { "" };
        let altitude = filter.altitude.as_deref().map_or(String::new(), |it| format!(" at {it}"));
        let told = format!("filter {}{altitude}{manner} is loaded: {of}", filter.name);
        note(facts, StateTopic::Filters, false, told);
    }
}

fn protection(host: &dyn Host, facts: &mut Facts) {
    let Some(security) = answered(facts, "what protects this PC", probe::security(host)) else {
        return;
    };
    let products = known(facts, "products in the Security Center", security.products);
    let products = products.unwrap_or_default();
    for product in &products {
        let kind = match product.kind {
            ProductKind::Antivirus => "antivirus",
            ProductKind::Firewall => "firewall",
        };
        let switch = match product.state.switch() {
            Switch::On => "on",
            Switch::Off => "off",
            Switch::Snoozed => "snoozed",
            Switch::Expired => "expired",
            Switch::Unknown => "in a state that is not known",
        };
        let old = match product.state.freshness() {
            Freshness::Old => ", does not know the newest threats",
            Freshness::Current | Freshness::Unknown => "",
        };
        let told = format!("{kind} {} is {switch}{old}", product.name);
        note(facts, StateTopic::Protection, false, told);
    }
    let active = products
        .iter()
        .filter(|it| it.kind == ProductKind::Antivirus && it.state.switch() == Switch::On);
    if active.count() > 1 {
        let told = "more than one antivirus is on: they are in each other's way".to_owned();
        note(facts, StateTopic::Protection, true, told);
    }
    let Some(defender) = known(facts, "the state of Microsoft Defender", security.defender) else {
        return;
    };
    let real_time = match defender.real_time {
        Some(true) => "on",
        Some(false) => "off",
        None => "not known",
    };
    let mode = defender.mode.map_or(String::new(), |it| format!(", {it}"));
    let tamper =
        if defender.tamper_protected == Some(true) { ", tamper protection on" } else { "" };
    let told = format!("Microsoft Defender: real-time protection {real_time}{mode}{tamper}");
    note(facts, StateTopic::Protection, false, told);
    if let Some(days) = defender.signature_age_days.filter(|it| *it > OLD_SIGNATURES_DAYS)
        && defender.real_time == Some(true)
    {
        let told = format!("what Microsoft Defender knows of threats is {days} days old");
        note(facts, StateTopic::Protection, true, told);
    }
}

/// Services and drivers of known products whose file is gone: left behind by an uninstallation.
fn leftovers(host: &dyn Host, facts: &mut Facts) {
    for service in services::read(host).found {
        let name = service.name.as_str();
        let of = match service.is_driver() {
            true => products::of_driver(name),
            false => products::of_service(name),
        };
        let ([first, ..], Some(file)) = (of, service.file()) else { continue };
        if matches!(host.exists(&file), Ok(false)) {
            let what = if service.is_driver() { "driver" } else { "service" };
            let told = format!(
                "{what} {name} of {} is set up and its file is gone: a leftover ({file})",
                first.name
            );
            note(facts, StateTopic::Protection, true, told);
        }
    }
}

fn manager(host: &dyn Host, facts: &mut Facts) {
    let reading = management::read(host);
    for unknown in reading.unknown {
        known::<()>(facts, &unknown.subject, Err(unknown.why));
    }
    for manager in reading.found.of_updates() {
        let told = match manager {
            Manager::ConfigurationManager(site) if site.is_empty() => {
                "Configuration Manager is installed".to_owned()
            }
            Manager::ConfigurationManager(site) => {
                format!("Configuration Manager, site {site}, manages updates")
            }
            Manager::Server(server) => format!("updates come from the server {server}"),
            Manager::Device(service) => format!("devices are managed by {service}"),
            Manager::Policy => "policies for updates are set".to_owned(),
        };
        note(facts, StateTopic::Management, true, told);
    }
    if let Some(probe::Membership::Domain(name)) = reading.found.membership {
        note(facts, StateTopic::Management, false, format!("member of the domain {name}"));
    }
    if !reading.found.cloud_tenants.is_empty() {
        let told = "joined to a cloud directory (Microsoft Entra)".to_owned();
        note(facts, StateTopic::Management, false, told);
    }
}

fn disks(host: &dyn Host, facts: &mut Facts) {
    let Some(disks) = answered(facts, "volumes and drives", probe::disks(host)) else { return };
    for volume in known(facts, "volumes", disks.volumes).unwrap_or_default() {
        let letter = &volume.letter;
        if let Some(space) = known(facts, &format!("the room on {letter}"), volume.space) {
            let is_little = letter == "C:" && space.free_bytes < LITTLE_ROOM_BYTES;
            let told = format!(
                "{letter} has {} free of {}",
                size(space.free_bytes),
                size(space.size_bytes)
            );
            note(facts, StateTopic::Space, is_little, told);
        }
        if known(facts, &format!("whether {letter} is to be checked"), volume.is_dirty)
            == Some(true)
        {
            let told = format!("{letter} was not closed properly: Windows will check it");
            note(facts, StateTopic::Drive, true, told);
        }
    }
    for drive in known(facts, "drives", disks.drives).unwrap_or_default() {
        let expects = drive.expects_failure == Ok(true);
        let health = match drive.health {
            Ok(DriveHealth::Warning) => Some("with a warning"),
            Ok(DriveHealth::Unhealthy) => Some("unhealthy"),
            _ => None,
        };
        if expects || health.is_some() {
            let health = health.map_or(String::new(), |it| format!(" is {it}"));
            let expects = if expects { " expects to fail" } else { "" };
            let told = format!("drive {} ({}){health}{expects}", drive.number, drive.name);
            note(facts, StateTopic::Drive, true, told);
        } else if let (Err(one), Err(_)) = (&drive.expects_failure, &drive.health) {
            known::<()>(facts, &format!("the health of drive {}", drive.number), Err(one.clone()));
        }
    }
    for (letter, how) in known(facts, "encryption of volumes", disks.encryption).unwrap_or_default()
    {
        let how = match how {
            Encryption::Off => continue,
            Encryption::On => "encrypted",
            Encryption::Suspended => "encrypted, and its protection is suspended",
            Encryption::Locked => "encrypted and locked",
        };
        note(facts, StateTopic::Encryption, false, format!("{letter} is {how} (BitLocker)"));
    }
}

/// Gigabytes with one decimal, as people read them.
fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 30;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

fn power(host: &dyn Host, facts: &mut Facts) {
    let Some(power) = answered(facts, "mains and battery", probe::power(host)) else { return };
    if power.on_mains == Some(false) {
        let percent = power.battery.and_then(|it| it.percent);
        let percent = percent.map_or(String::new(), |it| format!(", {it} % left"));
        note(facts, StateTopic::Power, true, format!("it runs on its battery{percent}"));
    }
}

fn restore_points(host: &dyn Host, facts: &mut Facts) {
    let Some(points) = answered(facts, "restore points", probe::restore_points(host)) else {
        return;
    };
    let told = match points.last() {
        None => "there is no restore point".to_owned(),
        Some(last) => {
            let time = last.time.as_deref().unwrap_or("an unknown time");
            format!("{} restore points, the last of {time}", points.len())
        }
    };
    note(facts, StateTopic::RestorePoints, false, told);
}

/// Tasks of Windows' own updates that are switched off or whose program is gone.
fn update_tasks(host: &dyn Host, facts: &mut Facts) {
    let reading = tasks::read(host);
    for unknown in reading.unknown {
        known::<()>(facts, &unknown.subject, Err(unknown.why));
    }
    for task in reading.found.iter().filter(|it| tasks::is_of_updates(&it.path)) {
        if task.is_disabled() == Some(true) && task.state != Some(TaskState::Running) {
            let told = format!("the task {} of Windows Update is switched off", task.path);
            note(facts, StateTopic::Tasks, false, told);
        }
        let actions = task.definition.as_ref().map_or(&[][..], |it| &it.actions);
        for action in actions {
            let TaskAction::Run { command, .. } = action else { continue };
            let Some(file) = image_file(command) else { continue };
            if matches!(host.exists(&file), Ok(false)) {
                let told =
                    format!("the task {} of Windows Update runs {file}, which is gone", task.path);
                note(facts, StateTopic::Tasks, true, told);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use unwedge_host::Fixture;

    use super::*;

    fn of(text: &str) -> Facts {
        let mut facts = Facts::default();
        observe(&Fixture::parse(text).unwrap(), &mut facts);
        facts
    }

    fn notable(facts: &Facts) -> Vec<&str> {
        facts.this_pc.iter().filter(|it| it.notable).map(|it| it.told.as_str()).collect()
    }

    #[test]
    fn a_pc_that_tells_nothing_has_neither_notes_nor_gaps() {
        let facts = of("");
        assert!(facts.this_pc.is_empty() && facts.gaps.is_empty());
    }

    #[test]
    fn what_stands_out_is_notable() {
        let facts = of(r#"//- agent restart_required=yes
//- history "2026-02 Update (KB5000002)" result=failed code=0x80070020 time=2026-02-02T10:11:12Z
//- history "2026-01 Update (KB5000001)" time=2026-01-03T00:00:00Z
//- history "2026-01 Update (KB5000001)" result=failed code=0x80070020 time=2026-01-02T00:00:00Z
//- volume C: size_bytes=107374182400 free_bytes=1073741824 encryption=suspended
//- drive 0 Tide health=warning expects_failure=yes
//- power battery percent=12
"#);
        let wanted = [
            "Windows Update says that it needs a restart",
            "2026-02 Update (KB5000002) failed with 0x80070020, 2026-02-02T10:11:12Z",
            "C: has 1.0 GB free of 100.0 GB",
            "drive 0 (Tide) is with a warning expects to fail",
            "it runs on its battery, 12 % left",
        ];
        assert_eq!(notable(&facts), wanted);
    }

    #[test]
    fn what_is_refused_is_a_gap_that_says_who_may_ask() {
        let facts = of("//- refused filter\n//- refused restore_point code=1722\n");
        let why: Vec<&str> = facts.gaps.iter().map(|it| it.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "refused by Windows with error 5; only an administrator may ask",
                "refused by Windows with error 1722"
            ]
        );
    }

    #[test]
    fn a_service_whose_program_is_gone_is_a_leftover() {
        let services = r"HKLM\SYSTEM\CurrentControlSet\Services";
        let facts = of(&format!(
            "//- membership none\n//- reg {services}\n//- reg {services}\\ekrn\nType = dword:16\n\
             ImagePath = sz:C:\\ESET\\ekrn.exe\n//- absent C:\\ESET\\ekrn.exe\n\
             //- reg {services}\\AVP\nType = dword:16\nImagePath = sz:C:\\K\\avp.exe\n\
             //- file C:\\K\\avp.exe\nMZ\n"
        ));
        let [only] = &notable(&facts)[..] else { panic!("{:?}", facts.this_pc) };
        assert!(only.starts_with("service ekrn of ESET"), "{only}");
    }

    #[test]
    fn filters_and_products_are_named_and_nobody_is_accused() {
        let facts = of("//- filter WdFilter altitude=328010\n//- filter eamonm altitude=328700\n\
             //- protection antivirus ESET state=266240\n");
        assert!(notable(&facts).is_empty());
        let told: Vec<&str> = facts.this_pc.iter().map(|it| it.told.as_str()).collect();
        assert!(told[0].starts_with("filter eamonm at 328700 is loaded: ESET"), "{told:?}");
        assert_eq!(told[1], "antivirus ESET is on");
    }
}
