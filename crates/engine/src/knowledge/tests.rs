//! What must be true of the tables together: no line is broken, and none contradicts another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use unwedge_formats::code::Code;

use super::services::{ServiceKind, Stopping};
use super::table::Table;
use super::{codes, components, events, filters, products, services, setup_diag};

const TABLES: [(&str, Table); 10] = [
    ("error_codes", codes::CODES),
    ("code_categories", codes::CATEGORIES),
    ("facility_categories", codes::FACILITIES),
    ("minifilter_altitudes", filters::TABLE),
    ("altitude_groups", filters::GROUP_TABLE),
    ("products", products::TABLE),
    ("services", services::TABLE),
    ("components", components::TABLE),
    ("events", events::TABLE),
    ("setupdiag_rules", setup_diag::TABLE),
];

/// Advice is our own; its facts have their sources in `error_codes`.
const WITHOUT_SOURCES: [&str; 2] = ["code_categories", "facility_categories"];

/// Drivers that firms with different names registered, and why.
const TWO_COMPANIES: [(&str, &str); 17] = [
    ("cbfsfilter2017.sys", "a library (CBFS Filter) that many makers licence under its own name"),
    ("cbfilter20.sys", "the same library, later"),
    ("cbfltfs4.sys", "the same library, earlier"),
    ("fileguard.sys", "two makers chose the same name"),
    ("icrlmonitor.sys", "two makers chose the same name"),
    ("dsdriver.sys", "two makers chose the same name"),
    ("aafs.sys", "two makers chose the same name"),
    ("cssdlp.sys", "CoSoSys licences its engine to Quick Heal"),
    ("sysdiag.sys", "HeroBravo is an older name of Huorong"),
    ("repdrv.sys", "NSI became Vision Solutions"),
    ("bhdrvx86.sys", "Symantec became NortonLifeLock"),
    ("bhdrvx64.sys", "Symantec became NortonLifeLock"),
    ("symevent.sys", "Symantec became NortonLifeLock"),
    ("appstream.sys", "Symantec bought AppStream"),
    ("ivm.sys", "Citrix bought RingCube"),
    ("svdriver.sys", "VMware bought SnapVolumes"),
    ("srtsp.sys", "Symantec became NortonLifeLock"),
];

/// The same, for names that Symantec gave up with its consumer products.
const FROM_SYMANTEC: [&str; 5] =
    ["symevnt.sys", "symevnt32.sys", "eectrl.sys", "srtsp64.sys", "symefasi.sys"];

/// Under which other names the makers of products registered their drivers.
const OTHER_NAMES: [(&str, &[&str]); 22] = [
    ("Trellix", &["McAfee", "FireEye"]),
    ("Gen Digital", &["NortonLifeLock", "Symantec", "ALWIL", "Alwil", "Avast", "AVG", "Avira"]),
    ("Broadcom", &["NortonLifeLock", "Symantec", "Bit9"]),
    ("Trend Micro", &["Trend"]),
    ("OpenText", &["Webroot", "Carbonite"]),
    ("BlackBerry/Arctic Wolf", &["Cylance"]),
    ("WatchGuard", &["Panda"]),
    ("Xcitium", &["Comodo"]),
    ("Doctor Web", &["Doctor"]),
    ("Emsisoft", &["Emsi"]),
    ("VIPRE (Ziff Davis)", &["Sunbelt"]),
    ("Fortra", &["Digital", "Verdasys"]),
    ("Arcserve", &["StorageCraft"]),
    ("Kaseya", &["Datto"]),
    ("various", &["CJSC"]),
    ("Sophos", &["SurfRight"]),
    ("Cohesity/Veritas", &["Veritas"]),
    ("Qihoo 360", &["360", "Beijing"]),
    ("Tencent", &["Shenzhen"]),
    ("Huorong", &["HeroBravo"]),
    // Licensed engines.
    ("TotalAV", &["Avira"]),
    ("Check Point", &["Zone", "Kaspersky"]),
];

#[test]
fn every_line_has_all_fields_and_nothing_around_them() {
    for (name, table) in TABLES {
        let table = table.text();
        let columns = table.lines().next().unwrap().split('\t').count();
        assert!(!table.contains('\r') && table.ends_with('\n'), "{name}");
        for line in table.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), columns, "{name}: {line}");
            for field in &fields {
                assert_eq!(*field, field.trim(), "{name}: {line}");
                assert!(!field.contains("  ") && !field.contains(char::is_control), "{line}");
            }
            let is_sourced = fields.last().is_some_and(|source| source.len() > 2);
            assert!(is_sourced || WITHOUT_SOURCES.contains(&name), "{name}: {line}");
        }
    }
}

#[test]
fn letters_beyond_ascii_are_in_names_that_have_them() {
    let odd: Vec<&str> = TABLES
        .iter()
        .flat_map(|(_, table)| table.text().split(['\t', '\n']).filter(|field| !field.is_ascii()))
        .collect();
    assert_eq!(odd, ["HAVELSAN A.Ş."]);
}

#[test]
fn no_source_names_a_place_that_only_we_have() {
    for (name, table) in TABLES.iter().filter(|(name, _)| !WITHOUT_SOURCES.contains(name)) {
        for line in table.text().lines().skip(1) {
            let source = line.rsplit('\t').next().unwrap();
            assert!(!source.starts_with('/') && !source.contains("stored"), "{name}: {line}");
            assert!(!source.contains("file id"), "{name}: {line}");
        }
    }
}

#[test]
fn every_altitude_lies_in_the_range_of_its_group() {
    assert!(filters::all().len() > 2000);
    for filter in filters::all() {
        let group = filters::group(filter.group).unwrap();
        assert_eq!(filters::group_of(filter.altitude), Some(group), "{filter:?}");
    }
    let groups = filters::groups();
    assert!(groups.windows(2).all(|two| two[0].highest < two[1].lowest), "ranges overlap");
    for group in groups {
        assert!(group.lowest <= group.highest && group.during_updates.ends_with('.'), "{group:?}");
    }
}

#[test]
fn a_driver_has_an_altitude_once_and_one_company() {
    let allowed: BTreeSet<&str> =
        TWO_COMPANIES.iter().map(|(driver, _)| *driver).chain(FROM_SYMANTEC).collect();
    let mut seen = BTreeSet::new();
    let mut companies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for filter in filters::all() {
        let driver = filter.driver.to_lowercase();
        assert!(seen.insert((driver.clone(), filter.altitude)), "{filter:?}");
        companies.entry(driver).or_default().insert(first_word(filter.company));
    }
    let two: BTreeSet<&str> = companies
        .iter()
        .filter(|(_, companies)| companies.len() > 1)
        .map(|(driver, _)| driver.as_str())
        .collect();
    assert_eq!(two, allowed, "left: in the table; right: known, with the reason");
}

#[test]
fn one_company_is_spelled_in_one_way() {
    let mut spelled: HashMap<String, &str> = HashMap::new();
    for filter in filters::all() {
        let letters = filter.company.chars().filter(|letter| letter.is_alphanumeric());
        let key: String = letters.flat_map(char::to_lowercase).collect();
        let before = *spelled.entry(key).or_insert(filter.company);
        assert_eq!(before, filter.company);
    }
}

#[test]
fn drivers_of_a_product_are_registered_by_its_maker() {
    for product in products::all() {
        let others = OTHER_NAMES.iter().find(|(vendor, _)| *vendor == product.vendor);
        let mut makers: Vec<String> =
            product.vendor.split(['/', ',']).map(|vendor| first_word(vendor.trim())).collect();
        makers.extend(others.into_iter().flat_map(|(_, names)| *names).map(|it| first_word(it)));
        for filter in product.drivers.iter().flat_map(|driver| filters::of_driver(driver)) {
            let maker = first_word(filter.company);
            assert!(makers.contains(&maker), "{}: {filter:?} {makers:?}", product.name);
        }
    }
}

#[test]
fn a_product_stands_once_and_names_nothing_twice() {
    let mut names = BTreeSet::new();
    let columns = products::TABLE.text().lines().next().unwrap();
    for product in products::all() {
        assert!(names.insert(product.name.to_lowercase()), "{}", product.name);
        let lists = [&product.services, &product.processes, &product.drivers];
        for list in lists.into_iter().chain([&product.windows_drivers, &product.uninstall_names]) {
            let once: BTreeSet<String> = list.iter().map(|it| it.to_lowercase()).collect();
            assert_eq!(once.len(), list.len(), "{product:?}");
            assert!(list.iter().all(|it| !it.is_empty() && !it.starts_with('(')), "{product:?}");
        }
        assert!(product.drivers.iter().all(|it| is_driver_name(it)), "{product:?}");
        for column in &product.unverified {
            assert!(*column == "all" || columns.contains(column), "{product:?}");
        }
    }
}

#[test]
fn nothing_of_windows_is_taken_for_another_makers_product() {
    let microsoft = |vendor: &str| vendor == "Microsoft";
    for product in products::all().iter().filter(|product| !microsoft(product.vendor)) {
        for service in &product.services {
            assert_eq!(services::get(service), None, "{}: {service}", product.name);
        }
        for driver in &product.drivers {
            let of_windows = services::get(driver.trim_end_matches(".sys"));
            assert_eq!(of_windows, None, "{}: {driver}", product.name);
        }
        for process in &product.processes {
            let known = components::get(process);
            assert!(known.is_empty(), "{}: {process} {known:?}", product.name);
        }
    }
    for of_windows in ["svchost.exe", "TrustedInstaller.exe", "TiWorker.exe", "sfc.exe"] {
        assert!(products::of_process(of_windows).is_empty(), "{of_windows}");
    }
}

#[test]
fn services_are_whole_and_stand_once() {
    let starts = [
        "Automatic",
        "Automatic (Trigger)",
        "Automatic (Delayed)",
        "Manual",
        "Manual (Trigger)",
        "Disabled",
        "Boot",
        "not present",
    ];
    let mut names = BTreeSet::new();
    for service in services::all() {
        assert!(names.insert(service.name.to_lowercase()), "{}", service.name);
        for start in [service.start_windows_10, service.start_windows_11] {
            assert!(starts.contains(&start), "{service:?}");
        }
        let role = service.role;
        let known = ["core: ", "dep: ", "repair"].iter().any(|kind| role.starts_with(kind));
        assert!(known || role == "-", "{service:?}");
        let is_driver = service.kind == ServiceKind::Driver;
        assert!(!is_driver || service.stopping == Stopping::Never, "{service:?}");
        assert!(service.start_windows_10 != "Boot" || is_driver, "{service:?}");
        // A service that starts with each session has no start as a service of the machine.
        assert_eq!(services::by_display_name(service.display_name), Some(service), "two share it");
    }
    for line in services::TABLE.text().lines().skip(1) {
        assert!(["Y", "C", "N"].contains(&line.split('\t').nth(6).unwrap()), "{line}");
    }
}

#[test]
fn what_starts_a_service_is_told_alike_in_all_tables() {
    let installer = services::get("TrustedInstaller").unwrap();
    let key = components::get(r"HKLM\SYSTEM\CurrentControlSet\Services\TrustedInstaller\Start");
    assert!(key[0].what_it_is.contains("3 otherwise"), "{key:?}");
    assert_eq!((installer.start_windows_10, installer.start_windows_11), ("Manual", "Manual"));
    for name in ["WdFilter", "WdBoot", "WdNisDrv"] {
        assert_eq!(services::get(name).unwrap().kind, ServiceKind::Driver);
        assert_eq!(products::of_driver(name)[0].name, "Microsoft Defender Antivirus");
    }
    assert_eq!(filters::by_driver("WdFilter").unwrap().company, "Microsoft");
}

#[test]
fn an_event_has_one_meaning() {
    let mut seen = BTreeSet::new();
    let mut guids: HashMap<&str, &str> = HashMap::new();
    for event in events::all() {
        assert!(seen.insert((event.provider.to_lowercase(), event.id)), "{event:?}");
        // Asking gives this very event: no other name of a provider hides it.
        assert_eq!(events::get(event.provider, event.id), Some(event));
        if let Some(guid) = event.provider_guid {
            let before = *guids.entry(event.provider).or_insert(guid);
            assert_eq!(before, guid, "{event:?}");
        }
    }
    assert!(seen.len() > 250);
}

#[test]
fn a_rule_of_setup_diag_has_one_guid() {
    let mut by_guid: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for rule in setup_diag::all() {
        let lengths: Vec<usize> = rule.guid.split('-').map(str::len).collect();
        let hexadecimal = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c) || c == '-';
        assert!(lengths == [8, 4, 4, 4, 12] && rule.guid.chars().all(hexadecimal), "{rule:?}");
        assert!(names.insert(rule.name.to_lowercase()), "{rule:?}");
        assert!(rule.detects.ends_with('.'), "{rule:?}");
        by_guid.entry(rule.guid).or_default().push(rule.name);
    }
    by_guid.retain(|_, names| names.len() > 1);
    let twice: Vec<_> = by_guid.into_values().collect();
    // So in Microsoft's own documentation.
    assert_eq!(twice, [["DeviceInstallHang", "DriverPackageMissingFileFailure"]]);
}

#[test]
fn a_component_stands_once() {
    let mut names = BTreeSet::new();
    for component in components::all() {
        for name in &component.names {
            assert!(names.insert(name.to_lowercase()), "{name}");
            let found = components::get(name);
            assert!(found.contains(&component) || name.contains(": "), "{name} {found:?}");
        }
    }
}

#[test]
fn pitfall_35_codes_that_other_tables_and_texts_name_are_known() {
    let texts = [
        ("log_patterns.md", include_str!("../../../../knowledge/log_patterns.md")),
        ("registry_guide.md", include_str!("../../../../knowledge/registry_guide.md")),
    ];
    // What looks like a code there and is none: success, a count of components, "not set", a bit.
    let others = [0, 0x0000_0064, 0xFFFF_FFFF, 0x8000_0000];
    let tables = TABLES.iter().skip(1).map(|(name, table)| (*name, table.text()));
    for (name, text) in tables.chain(texts) {
        for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            let Some(digits) = word.strip_prefix("0x").filter(|digits| digits.len() == 8) else {
                continue;
            };
            let Ok(value) = u32::from_str_radix(digits, 16) else { continue };
            let code = Code(value);
            let known = !super::code(code).is_empty() || !super::code(code.canonical()).is_empty();
            assert!(known || others.contains(&value), "{name}: {word}");
        }
    }
}

/// The first word of a firm's name, in small letters: firms change the rest of it.
fn first_word(company: &str) -> String {
    let word = company.split([' ', ',', '.', '-']).find(|word| !word.is_empty());
    word.unwrap_or_default().to_lowercase()
}

fn is_driver_name(name: &str) -> bool {
    name.to_lowercase().ends_with(".sys") && !name.contains([' ', '(', '\\'])
}
