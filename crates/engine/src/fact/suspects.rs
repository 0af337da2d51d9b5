//! Whom the evidence names beside a file that was held: events that tell of a process, a service or
//! a job, and filters of other makers between programs and files.
//!
//! Nothing here accuses anybody. Being named, or being installed, is all that these facts say; what
//! that is worth is for `diagnose::culprit`.

use unwedge_formats::evtx::Wanted;
use unwedge_formats::log::{event_value, event_values};
use unwedge_host::system::filters::{self, Filter};
use unwedge_host::system::services::ServiceSetup;
use unwedge_host::{Host, HostErrorKind, StartType, probe};

use super::Place;
use crate::evidence::{Printed, Says};
use crate::knowledge::filters::{Altitude, Holding, by_driver, group, group_of};
use crate::knowledge::{products, services};
use crate::report::{CulpritKind, GapNote};

/// Providers and numbers of the events that name somebody.
pub(crate) const EVENTS: [(&str, std::ops::RangeInclusive<u32>); 9] = [
    ("Microsoft-Windows-RestartManager", 10_002..=10_010),
    ("MsiInstaller", 1025..=1025),
    ("ESENT", 489..=490),
    ("Service_Control_Manager", 7011..=7034),
    ("Application_Hang", 1002..=1002),
    ("Application_Error", 1000..=1000),
    ("Microsoft-Windows-Ntfs", 152..=152),
    (".NET_Runtime_Optimization_Service", 1100..=1107),
    ("Microsoft-Windows-Bits-Client", 16_403..=16_403),
];
/// Processes by which Windows installs, and names that say nothing of who runs in them.
const OF_UPDATES: [&str; 14] = [
    "trustedinstaller.exe",
    "tiworker.exe",
    "poqexec.exe",
    "wuauclt.exe",
    "wusa.exe",
    "wuaueng.dll",
    "mousocoreworker.exe",
    "usoclient.exe",
    "dism.exe",
    "dismhost.exe",
    "msiexec.exe",
    "svchost.exe",
    "system",
    "unknown",
];

/// Somebody whom an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspectFact {
    /// Where.
    pub place: Place,
    /// What it is.
    pub kind: CulpritKind,
    /// Image name of a process, or the name of a service or job.
    pub name: String,
    /// Its process.
    pub pid: Option<u32>,
    /// Files that it is named with.
    pub files: Vec<String>,
    /// What the event says of it.
    pub deed: Deed,
}

/// What an event says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// An installation found it using its files.
    InUse,
    /// It kept a program of Windows Update waiting for a file.
    KeptWaiting,
    /// It wanted to open a file and was refused itself.
    WantedFile,
    /// It downloads to a file.
    Downloads,
    /// It ended unexpectedly, or stopped answering.
    Failed,
    /// It compiles .NET assemblies.
    Compiles,
}

/// A filter of another maker that is set up to be loaded and belongs to a group that can hold files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFact {
    /// File name of the driver.
    pub driver: String,
    /// The product it belongs to, or its maker, where that is known.
    pub of: Option<String>,
    /// Its group of filters.
    pub group: &'static str,
}

/// Asks for the events that name somebody.
pub(crate) fn add_wanted(wanted: &mut Wanted) {
    for (provider, ids) in EVENTS {
        wanted.add(provider, ids);
    }
}

/// Whom an event names; `text` begins at its number.
pub(super) fn named(
    provider: &str,
    id: u32,
    text: &str,
    place: &dyn Fn() -> Place,
) -> Vec<SuspectFact> {
    let known =
        EVENTS.iter().any(|(of, ids)| of.eq_ignore_ascii_case(provider) && ids.contains(&id));
    if !known {
        return Vec::new();
    }
    let value = |name: &str| event_value(text, name).filter(|value| !value.is_empty());
    let all = |name: &str| -> Vec<String> {
        let values = event_values(text).filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.to_owned()).filter(|value| !value.is_empty()).collect()
    };
    let pid = |name: &str| value(name).and_then(|digits| digits.trim().parse().ok());
    let one = |kind, name: &str, pid: Option<u32>, files: Vec<String>, deed| {
        let name = image_of(name);
        if name.is_empty() || is_of_updates(&name) {
            return Vec::new();
        }
        vec![SuspectFact { place: place(), kind, name, pid, files, deed }]
    };
    use CulpritKind::{Process, Service, Task};
    match (provider.to_ascii_lowercase().as_str(), id) {
        ("microsoft-windows-restartmanager", 10_002 | 10_006 | 10_010) => {
            let is_service = value("AppType") == Some("3");
            let name = match is_service {
                true => value("DisplayName").or(value("FullPath")),
                false => value("FullPath").or(value("DisplayName")),
            };
            let kind = if is_service { Service } else { Process };
            name.map_or(Vec::new(), |name| one(kind, name, pid("Pid"), all("File"), Deed::InUse))
        }
        ("microsoft-windows-restartmanager", 10_005) => {
            let names = all("Application");
            names
                .iter()
                .flat_map(|name| one(Process, name, None, Vec::new(), Deed::InUse))
                .collect()
        }
        ("microsoft-windows-restartmanager", 10_009) => {
            let named = all("Service");
            let files = all("FileName");
            let own =
                |name: &String| one(Service, name, pid("SvcHostPid"), files.clone(), Deed::InUse);
            named.iter().flat_map(own).collect()
        }
        // Product, file, process, number of the process (messages of Windows Installer).
        ("msiinstaller", _) => value("param3").map_or(Vec::new(), |name| {
            one(Process, name, pid("param4"), all("param2"), Deed::InUse)
        }),
        ("esent", _) => {
            let files: Vec<String> = event_values(text)
                .map(|(_, value)| value)
                .filter(|value| is_path(value))
                .map(str::to_owned)
                .collect();
            let own_pid = value("param2").and_then(|it| it.split(',').next()?.parse().ok());
            value("param1")
                .map_or(Vec::new(), |name| one(Process, name, own_pid, files, Deed::WantedFile))
        }
        ("service_control_manager", 7031 | 7034) => value("param1")
            .map_or(Vec::new(), |name| one(Service, name, None, Vec::new(), Deed::Failed)),
        ("service_control_manager", 7011) => value("param2")
            .map_or(Vec::new(), |name| one(Service, name, None, Vec::new(), Deed::Failed)),
        ("application_hang" | "application_error", _) => {
            let image = event_values(text)
                .map(|(_, value)| value)
                .find(|value| is_path(value) && value.to_ascii_lowercase().ends_with(".exe"));
            // Without its path nobody can tell a program of Windows from another one.
            let foreign = image.filter(|path| !is_within_windows(path));
            foreign.map_or(Vec::new(), |path| one(Process, path, None, Vec::new(), Deed::Failed))
        }
        ("microsoft-windows-ntfs", _) => {
            let waited = value("BreakingProcessName").map(image_of).unwrap_or_default();
            match (value("OwnerProcessName"), is_of_updates(&waited)) {
                (Some(owner), true) => one(Process, owner, None, Vec::new(), Deed::KeptWaiting),
                _ => Vec::new(),
            }
        }
        (".net_runtime_optimization_service", _) => {
            one(Task, "mscorsvw.exe", None, Vec::new(), Deed::Compiles)
        }
        ("microsoft-windows-bits-client", _) => {
            let files = all("LocalName");
            let title = value("jobTitle").filter(|_| !files.is_empty());
            title.map_or(Vec::new(), |title| one(Task, title, None, files, Deed::Downloads))
        }
        _ => Vec::new(),
    }
}

/// Filters of other makers that can hold files; asked for only when a file was held.
pub(super) fn filters(
    host: &dyn Host,
    printed: &[Printed],
    gaps: &mut Vec<GapNote>,
) -> Vec<FilterFact> {
    let reading = filters::read(host);
    for unknown in reading.unknown {
        let is_damage = !matches!(unknown.why, HostErrorKind::NotCollected);
        if is_damage {
            gaps.push(GapNote {
                source: "this PC".to_owned(),
                line: None,
                what: unknown.subject,
                why: unknown.why.to_string(),
            });
        }
    }
    // A running PC tells which are loaded; one that is only set up stands in nobody's way.
    let loaded = probe::loaded_filters(host).ok();
    let is_loaded = |filter: &&Filter| {
        loaded.as_ref().is_none_or(|loaded| {
            loaded.iter().any(|it| it.name.eq_ignore_ascii_case(filter.driver.name.as_str()))
        })
    };
    let set_up = reading.found.iter().filter(is_loaded);
    let mut found: Vec<FilterFact> = set_up.filter_map(suspect).collect();
    for filter in loaded.iter().flatten() {
        let altitude = filter.altitude.as_deref().and_then(Altitude::parse);
        let fact = suspect_named(&filter.name, &filter.name, altitude, None);
        found.extend(
            fact.filter(|fact| {
                !found.iter().any(|known| bare(&known.driver) == bare(&fact.driver))
            }),
        );
    }
    for list in printed {
        let Says::Filters(filters) = &list.says else { continue };
        for (name, altitude) in filters {
            let altitude = altitude.as_deref().and_then(Altitude::parse);
            let fact = suspect_named(name, &image_of(name), altitude, None);
            let is_new = |fact: &FilterFact| {
                !found.iter().any(|known| bare(&known.driver) == bare(&fact.driver))
            };
            found.extend(fact.filter(is_new));
        }
    }
    found
}

/// A driver without its ending, in one case.
fn bare(driver: &str) -> String {
    driver.to_lowercase().trim_end_matches(".sys").to_owned()
}

/// Names, short and shown, of the services that run outside of the folder of Windows.
pub(super) fn foreign_services(host: &dyn Host) -> Vec<String> {
    let foreign = unwedge_host::system::services::read(host).found.into_iter().filter(|service| {
        let file = service.file();
        !service.is_driver() && file.is_some_and(|file| !is_within_windows(file.as_str()))
    });
    let names =
        |service: ServiceSetup| [Some(service.name.as_str().to_owned()), service.display_name];
    foreign.flat_map(names).flatten().collect()
}

/// `filter` as a suspect, if it is of another maker, is loaded and can hold files.
fn suspect(filter: &Filter) -> Option<FilterFact> {
    let is_off = matches!(filter.driver.start, None | Some(StartType::Disabled));
    if is_off || filter.file_exists == Some(false) {
        return None;
    }
    let name = filter.driver.name.as_str();
    let file = filter.file.as_ref().map_or(name, |file| file.as_str());
    let instance = filter.instances.iter().find(|it| it.is_default).or(filter.instances.first());
    let altitude = instance.and_then(|it| Altitude::parse(&it.altitude));
    suspect_named(name, &image_of(file), altitude, filter.driver.group.as_deref())
}

/// A loaded filter as a suspect, if it is of another maker and can hold files.
fn suspect_named(
    name: &str,
    driver: &str,
    altitude: Option<Altitude>,
    load_order_group: Option<&str>,
) -> Option<FilterFact> {
    let driver = driver.to_owned();
    let known = by_driver(&driver).or_else(|| by_driver(name));
    let is_of_windows = known.is_some_and(|known| known.company.starts_with("Microsoft"))
        || services::get(name).is_some();
    if is_of_windows {
        return None;
    }
    let group = altitude.and_then(group_of).or_else(|| group(load_order_group?))?;
    if group.holds_files == Holding::Unlikely {
        return None;
    }
    let products = products::of_driver(&driver);
    let of = match products {
        [] => known.map(|known| known.company.to_owned()),
        [only] => Some(only.name.to_owned()),
        [first, ..] => Some(first.vendor.to_owned()),
    };
    Some(FilterFact { driver, of, group: group.name })
}

/// The last part of a path; a service or application stays as it is.
fn image_of(name: &str) -> String {
    let bare = name.trim();
    let image = bare.rsplit(['\\', '/']).next().unwrap_or(bare);
    if is_path(bare) || bare.starts_with('\\') { image.to_owned() } else { bare.to_owned() }
}

pub(crate) fn is_of_updates(name: &str) -> bool {
    let with = |ending: &str| format!("{}{ending}", name.to_ascii_lowercase());
    OF_UPDATES.iter().any(|own| with("") == *own || with(".exe") == *own || with(".dll") == *own)
        || services::get(name)
            .or_else(|| services::by_display_name(name))
            .is_some_and(|known| known.role.starts_with("core"))
}

fn is_path(text: &str) -> bool {
    text.as_bytes().get(1..3) == Some(br":\") || text.starts_with(r"\\?\")
}

pub(crate) fn is_within_windows(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.get(1..).is_some_and(|path| path.starts_with(r":\windows\"))
}

#[cfg(test)]
mod tests {
    use unwedge_host::Fixture;

    use super::*;

    fn of(line: &str) -> Vec<SuspectFact> {
        let (provider, text) = line.split_once(' ').unwrap();
        let id = text.split(' ').next().unwrap().parse().unwrap();
        named(provider, id, text, &|| Place::of_this_pc(line.to_owned()))
    }

    #[test]
    fn the_restart_manager_names_applications_services_and_files() {
        let one = of(
            r#"Microsoft-Windows-RestartManager 10006 Application RmSessionId=1 FullPath="C:\Program Files\Tide\tide.exe" DisplayName="Tide" AppType=1 Pid=1160 nFiles=1 File=C:\a\b.dll"#,
        );
        assert_eq!((one[0].name.as_str(), one[0].pid), ("tide.exe", Some(1160)));
        assert_eq!(one[0].files, [r"C:\a\b.dll"]);
        let service = of(
            r#"Microsoft-Windows-RestartManager 10002 Application FullPath=spoolsv.exe DisplayName="Print Spooler" AppType=3 Pid=1160 nFiles=0 File="""#,
        );
        assert_eq!(
            (service[0].kind, service[0].name.as_str()),
            (CulpritKind::Service, "Print Spooler")
        );
        let many = of(
            r#"Microsoft-Windows-RestartManager 10005 Application nApplications=2 Application="Windows Installer" Application="Tide Backup" RebootReasons=16"#,
        );
        let names: Vec<&str> = many.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["Tide Backup"]);
    }

    #[test]
    fn other_events_name_processes_services_and_jobs() {
        let msi = of(
            r#"MsiInstaller 1025 Application param1="Product X" param2=C:\x\y.dll param3=tide param4=77"#,
        );
        assert_eq!((msi[0].name.as_str(), msi[0].pid), ("tide", Some(77)));
        let esent = of(
            r#"ESENT 490 Application param1=tide param2=77,D,0 param3="x: " param4=C:\Windows\System32\catroot2\edb.log param5=-1032 param6="32 (0x00000020)""#,
        );
        assert_eq!((esent[0].pid, esent[0].deed), (Some(77), Deed::WantedFile));
        assert_eq!(esent[0].files, [r"C:\Windows\System32\catroot2\edb.log"]);
        assert_eq!(
            of(r#"Service_Control_Manager 7034 System param1="Tide Agent" param2=1"#)[0].name,
            "Tide Agent"
        );
        assert_eq!(
            of("Service_Control_Manager 7011 System param1=30000 param2=TideSvc")[0].name,
            "TideSvc"
        );
        let oplock = of(
            r"Microsoft-Windows-Ntfs 152 System TimeoutSeconds=35 OwnerProcessName=\Device\HarddiskVolume3\Tide\tide.exe BreakingProcessName=\Device\HarddiskVolume3\Windows\servicing\TrustedInstaller.exe",
        );
        assert_eq!(oplock[0].name, "tide.exe");
        assert_eq!(
            of(r"Microsoft-Windows-Bits-Client 16403 X jobTitle=Tide LocalName=C:\x\y.cab")[0]
                .files
                .len(),
            1
        );
    }

    #[test]
    fn windows_update_itself_and_programs_of_windows_that_crash_are_no_suspects() {
        assert_eq!(
            of(r"ESENT 490 Application param1=svchost param2=1,D,0 param4=C:\x\edb.log"),
            []
        );
        assert_eq!(of("Service_Control_Manager 7034 System param1=wuauserv param2=1"), []);
        assert_eq!(
            of(
                r"Application_Error 1000 Application param1=explorer.exe param11=C:\Windows\explorer.exe"
            ),
            []
        );
        assert_eq!(of("Application_Hang 1002 Application param1=tide.exe"), []);
        assert_eq!(of("Service_Control_Manager 7016 System param1=Tide param2=1"), []);
    }

    fn filters_of(text: &str) -> Vec<String> {
        let pc = Fixture::parse(text).unwrap();
        filters(&pc, &[], &mut Vec::new()).into_iter().map(|it| it.driver).collect()
    }

    #[test]
    fn only_loaded_filters_of_others_that_can_hold_files_count() {
        let services = r"HKLM\SYSTEM\CurrentControlSet\Services";
        let filter = |name: &str, start: u32, group: &str| {
            format!(
                "//- reg {services}\\{name}\nType = dword:2\nStart = dword:{start}\nGroup = sz:{group}\n"
            )
        };
        let text = [
            format!("//- reg {services}\n"),
            filter("mfehidk", 0, "FSFilter Anti-Virus"),
            filter("WdFilter", 0, "FSFilter Anti-Virus"),
            filter("eamonm", 4, "FSFilter Anti-Virus"),
            filter("tidecrypt", 1, "FSFilter Compression"),
            filter("gone", 1, "FSFilter Anti-Virus"),
            filter("tidewatch", 1, "FSFilter Activity Monitor"),
            r"//- absent C:\Windows\System32\drivers\gone.sys".to_owned() + "\n",
        ];
        assert_eq!(filters_of(&text.concat()), ["mfehidk.sys", "tidewatch.sys"]);
    }
}
