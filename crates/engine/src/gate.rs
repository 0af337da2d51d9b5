//! Before anything is changed: whether this is a good moment, and if not, what to do first.
//!
//! Looking only. What cannot be told is said to be unknown; it does not stop a repair by itself,
//! because every step is checked again when it is made.

mod way;

use serde::Serialize;
use unwedge_host::probe::{self, Battery};
use unwedge_host::system::management::{self, Manager};
use unwedge_host::system::pending::{self, Worth};
use unwedge_host::system::servicing;
use unwedge_host::{Host, RunState, ServiceName, StartType};

/// What is moved aside stays on the volume, and an update needs room to unpack itself.
const LEAST_ROOM_BYTES: u64 = 1 << 30;
/// An update that runs out of power leaves worse behind than the one that failed.
const LEAST_BATTERY_PERCENT: u8 = 40;
/// Windows gives a servicing process an hour before it calls it hung.
const SERVICING_MINUTES: u32 = 60;
/// Snapshots are made in minutes; a whole backup takes longer, and is worth being left alone.
const BACKUP_MINUTES: u32 = 30;

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub id: CheckId,
    /// What follows.
    pub answer: Answer,
    /// What was seen, in one plain sentence.
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum CheckId {
    PendedServicing,
    ServicingAtWork,
    Restart,
    Backup,
    Room,
    Power,
    Management,
    Network,
}

/// What follows from a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// Nothing stands against it.
    Go,
    /// It could not be told.
    Unknown,
    /// Not now: whatever is at work should be done after so long at most.
    Wait {
        /// In minutes.
        minutes: u32,
    },
    /// Windows has to restart first.
    RestartFirst,
    /// Not like this.
    Refuse,
}

impl CheckId {
    /// All of them, in the order in which they are made.
    pub const ALL: [CheckId; 8] = [
        CheckId::PendedServicing,
        CheckId::ServicingAtWork,
        CheckId::Restart,
        CheckId::Backup,
        CheckId::Room,
        CheckId::Power,
        CheckId::Management,
        CheckId::Network,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CheckId::PendedServicing => "pended-servicing",
            CheckId::ServicingAtWork => "servicing-at-work",
            CheckId::Restart => "restart",
            CheckId::Backup => "backup",
            CheckId::Room => "room",
            CheckId::Power => "power",
            CheckId::Management => "management",
            CheckId::Network => "network",
        }
    }

    /// Whether a person may decide to go on all the same. Never over pended servicing: whatever is
    /// changed then is mixed up with it at the next start.
    #[must_use]
    pub fn can_be_forced(self) -> bool {
        match self {
            CheckId::PendedServicing | CheckId::ServicingAtWork => false,
            CheckId::Restart | CheckId::Backup | CheckId::Room | CheckId::Power => true,
            CheckId::Management | CheckId::Network => false,
        }
    }
}

impl Answer {
    /// Whether nothing may be changed now.
    #[must_use]
    pub fn stops(self) -> bool {
        match self {
            Answer::Go | Answer::Unknown => false,
            Answer::Wait { .. } | Answer::RestartFirst | Answer::Refuse => true,
        }
    }
}

impl Check {
    fn new(id: CheckId, answer: Answer, says: impl Into<String>) -> Self {
        Check { id, answer, says: says.into(), advice: None }
    }

    fn advising(self, advice: &str) -> Self {
        Check { advice: Some(advice.to_owned()), ..self }
    }
}

/// Whose a snapshot is that is being made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Snapshots {
    /// Not ours: it is waited for.
    #[default]
    OfOthers,
    /// We asked for a restore point a while ago: the service of snapshots runs on for some minutes.
    MayBeOurs,
}

/// Looks at everything.
#[must_use]
pub fn look(host: &dyn Host, snapshots: Snapshots) -> Vec<Check> {
    vec![
        pended_servicing(host),
        servicing_at_work(host),
        restart(host),
        backup(host, snapshots),
        room(host),
        power(host),
        management(host),
        way::to_servers(host),
    ]
}

/// Work of servicing that is finished at the next start. Its traces are read, and never removed.
fn pended_servicing(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::PendedServicing;
    const ADVICE: &str = "restart the PC and let it finish, then look again; what marks this work \
                          (pending.xml, RebootPending) must never be deleted to get rid of it";
    let read = pending::read(host);
    if let Some(sign) = read.found.signs.iter().find(|it| it.kind.is_servicing()) {
        let says =
            format!("an earlier update or repair is finished at the next start: {}", sign.place);
        return Check::new(ID, Answer::RestartFirst, says).advising(ADVICE);
    }
    if probe::pending(host).is_ok_and(|it| it.servicing == Some(true)) {
        let says = "the component store has work for the next start";
        return Check::new(ID, Answer::RestartFirst, says).advising(ADVICE);
    }
    // Windows sets it so while work is pended, and back when that is done.
    let installer = host.service(&ServiceName::new("TrustedInstaller")).ok().flatten();
    if installer
        .is_some_and(|it| matches!(it.start, StartType::Automatic | StartType::AutomaticDelayed))
    {
        let says = "the Windows Modules Installer is set to start with Windows, as it is while work \
                    waits for the next start";
        return Check::new(ID, Answer::RestartFirst, says).advising(ADVICE);
    }
    match read.unknown.is_empty() {
        true => Check::new(ID, Answer::Go, "no work of servicing waits for a restart"),
        false => Check::new(
            ID,
            Answer::Unknown,
            "whether work of servicing waits for a restart is not known",
        ),
    }
}

fn servicing_at_work(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::ServicingAtWork;
    match servicing::read(host).found.is_at_work() {
        Some(true) => {
            let answer = Answer::Wait { minutes: SERVICING_MINUTES };
            Check::new(ID, answer, "Windows is installing or repairing something right now")
                .advising("let it finish, then run this again")
        }
        Some(false) => Check::new(ID, Answer::Go, "servicing is not at work"),
        None => Check::new(ID, Answer::Unknown, "whether servicing is at work is not known"),
    }
}

fn restart(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::Restart;
    let read = pending::read(host);
    let sign = read
        .found
        .signs
        .iter()
        .find(|it| it.kind.worth() == Worth::Restart && !it.kind.is_servicing());
    let place = sign.map(|it| format!(": {}", it.place));
    let agent = || probe::pending(host).is_ok_and(|it| it.restart == Some(true));
    if place.is_some() || agent() {
        let says = format!("Windows waits for a restart{}", place.unwrap_or_default());
        return Check::new(ID, Answer::RestartFirst, says).advising(
            "Windows waits for a restart to complete earlier work; restart the PC, then look again",
        );
    }
    match read.needs_restart() {
        Some(_) => Check::new(ID, Answer::Go, "no restart is due"),
        None => Check::new(ID, Answer::Unknown, "whether a restart is due is not known"),
    }
}

/// A backup or a snapshot that is being made would break, or would hold what is to be replaced.
fn backup(host: &dyn Host, snapshots: Snapshots) -> Check {
    const ID: CheckId = CheckId::Backup;
    const SERVICES: [(&str, &str); 3] = [
        ("wbengine", "Windows makes a backup"),
        ("SDRSVC", "Windows makes a backup"),
        ("VSS", "a snapshot of a volume is being made"),
    ];
    let mut is_known = true;
    let counts = |name: &str| name != "VSS" || snapshots == Snapshots::OfOthers;
    for (name, says) in SERVICES.into_iter().filter(|(name, _)| counts(name)) {
        match host.service(&ServiceName::new(name)) {
            Ok(Some(it)) if matches!(it.state, RunState::Running | RunState::Starting) => {
                let answer = Answer::Wait { minutes: BACKUP_MINUTES };
                return Check::new(ID, answer, format!("{says} right now (service {name} runs)"))
                    .advising("let it finish, then run this again");
            }
            Ok(_) => {}
            Err(_) => is_known = false,
        }
    }
    match is_known {
        true => Check::new(ID, Answer::Go, "no backup of Windows and no snapshot is being made"),
        false => Check::new(ID, Answer::Unknown, "whether a backup is being made is not known"),
    }
}

fn room(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::Room;
    let Ok(unwedge_host::ProbeOutput::FreeSpace { free_bytes }) =
        host.probe(&unwedge_host::Probe::FreeSpace)
    else {
        return Check::new(ID, Answer::Unknown, "how much room is left is not known");
    };
    let says = format!("{} MB are free on the volume of Windows", free_bytes >> 20);
    match free_bytes < LEAST_ROOM_BYTES {
        true => Check::new(ID, Answer::Refuse, says).advising(
            "free some room first (Settings, System, Storage): folders that are moved aside stay \
             on the volume, and the update needs room to unpack itself",
        ),
        false => Check::new(ID, Answer::Go, says),
    }
}

fn power(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::Power;
    let Ok(power) = probe::power(host) else {
        return Check::new(ID, Answer::Unknown, "whether it is on mains is not known");
    };
    match (power.on_mains, power.battery) {
        (Some(true), _) | (None, None) => Check::new(ID, Answer::Go, "it is on mains"),
        (_, Some(Battery { percent: Some(percent), .. })) if percent < LEAST_BATTERY_PERCENT => {
            let says = format!("it is on battery, of which {percent} % are left");
            Check::new(ID, Answer::Refuse, says).advising("plug it in, then run this again")
        }
        (_, Some(Battery { percent: Some(percent), .. })) => {
            Check::new(ID, Answer::Go, format!("it is on battery, of which {percent} % are left"))
        }
        (_, Some(Battery { percent: None, .. }) | None) => {
            Check::new(ID, Answer::Unknown, "how full its battery is, is not known")
        }
    }
}

/// Being managed is no reason to stop: what a policy owns is left alone, step by step.
fn management(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::Management;
    let read = management::read(host);
    let who: Vec<String> = read.found.of_updates().iter().map(decider).collect();
    if !who.is_empty() {
        let says = format!("about updates of this PC decides {}", who.join(" and "));
        return Check::new(ID, Answer::Go, says).advising(
            "what a policy sets is left as it is; ask whoever manages the PC if it is in the way",
        );
    }
    match read.unknown.is_empty() {
        true => Check::new(ID, Answer::Go, "nobody else manages its updates"),
        false => Check::new(ID, Answer::Unknown, "whether somebody manages it is not known"),
    }
}

fn decider(manager: &Manager) -> String {
    match manager {
        Manager::ConfigurationManager(site) if site.is_empty() => {
            "Configuration Manager".to_owned()
        }
        Manager::ConfigurationManager(site) => format!("Configuration Manager (site {site})"),
        Manager::Server(server) => format!("the update server {server}"),
        Manager::Device(service) => format!("device management ({service})"),
        Manager::Policy => "a policy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unwedge_host::Fixture;

    const CBS: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";

    fn answers(text: &str) -> Vec<(CheckId, Answer)> {
        let pc = Fixture::parse(&text.replace("CBS", CBS)).unwrap();
        look(&pc, Snapshots::OfOthers).into_iter().map(|it| (it.id, it.answer)).collect()
    }

    #[track_caller]
    fn assert_answer(text: &str, id: CheckId, answer: Answer) {
        let found = answers(text).into_iter().find(|(it, _)| *it == id).unwrap().1;
        assert_eq!(found, answer, "{text}");
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown_and_stops_nothing() {
        for (id, answer) in answers("") {
            assert_eq!(answer, Answer::Unknown, "{id:?}");
            assert!(!answer.stops());
        }
    }

    #[test]
    fn pitfall_04_pended_servicing_stops_and_cannot_be_forced() {
        const ID: CheckId = CheckId::PendedServicing;
        let restart = Answer::RestartFirst;
        assert_answer("//- file C:\\Windows\\WinSxS\\pending.xml\nx\n", ID, restart);
        assert_answer("//- reg \"CBS\\RebootPending\"\n", ID, restart);
        assert_answer("//- reg \"CBS\\PackagesPending\"\n", ID, restart);
        assert_answer(
            "//- reg \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\"\n\
             SetupExecute = multi:\"poqexec.exe /x\"\n",
            ID,
            restart,
        );
        assert_answer("//- service TrustedInstaller stopped automatic\n", ID, restart);
        assert_answer("//- service TrustedInstaller stopped manual\n", ID, Answer::Unknown);
        assert!(!ID.can_be_forced());
    }

    #[test]
    fn servicing_and_backups_at_work_are_waited_for() {
        assert_answer(
            "//- service TrustedInstaller running manual\n//- reg \"CBS\\Interface\"\n\
             ServicingInProgress = dword:2\n//- absent key \"CBS\\SessionsPending\"\n",
            CheckId::ServicingAtWork,
            Answer::Wait { minutes: 60 },
        );
        for name in ["wbengine", "SDRSVC", "VSS"] {
            let text = format!("//- service {name} running manual\n");
            assert_answer(&text, CheckId::Backup, Answer::Wait { minutes: 30 });
        }
        assert_answer(
            "//- service wbengine stopped manual\n//- service VSS stopped manual\n\
             //- absent service SDRSVC\n",
            CheckId::Backup,
            Answer::Go,
        );
    }

    #[test]
    fn the_snapshot_of_our_own_restore_point_is_not_waited_for_and_a_backup_is() {
        let pc = |name: &str| {
            let text = "//- service wbengine stopped manual\n//- service SDRSVC stopped manual\n\
                        //- service VSS stopped manual\n";
            let runs = format!("{name} running");
            Fixture::parse(&text.replace(&format!("{name} stopped"), &runs)).unwrap()
        };
        assert_eq!(backup(&pc("VSS"), Snapshots::MayBeOurs).answer, Answer::Go);
        assert!(backup(&pc("VSS"), Snapshots::OfOthers).answer.stops());
        assert!(backup(&pc("wbengine"), Snapshots::MayBeOurs).answer.stops());
    }

    #[test]
    fn room_and_power_must_suffice() {
        assert_answer("//- about free_bytes=900000000\n", CheckId::Room, Answer::Refuse);
        assert_answer("//- about free_bytes=90000000000\n", CheckId::Room, Answer::Go);
        assert_answer("//- power battery percent=12\n", CheckId::Power, Answer::Refuse);
        assert_answer("//- power battery percent=80\n", CheckId::Power, Answer::Go);
        assert_answer("//- power mains\n", CheckId::Power, Answer::Go);
    }

    #[test]
    fn pitfall_12_what_stands_before_the_servers_is_told_and_never_reset() {
        let hosts = r"C:\Windows\System32\drivers\etc\hosts";
        let text = format!("//- file {hosts}\n0.0.0.0 sls.update.microsoft.com\n");
        let check = way::to_servers(&Fixture::parse(&text).unwrap());
        assert_eq!(check.answer, Answer::Go);
        assert!(check.says.contains("sls.update.microsoft.com to 0.0.0.0 (line 1)"));
        assert!(check.advice.is_some_and(|it| it.contains("yourself")));
    }

    #[test]
    fn a_managed_pc_is_named_and_not_refused() {
        let pc = Fixture::parse(
            "//- reg HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\n\
             WUServer = sz:http://wsus.example:8530\n\
             //- reg HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\n\
             UseWUServer = dword:1\n",
        );
        let check = management(&pc.unwrap());
        assert_eq!(check.answer, Answer::Go);
        assert!(check.says.contains("wsus.example"), "{}", check.says);
    }

    #[test]
    fn every_check_has_one_name() {
        for id in CheckId::ALL {
            let json = serde_json::to_value(id).unwrap();
            assert_eq!(json, id.name());
        }
    }
}
