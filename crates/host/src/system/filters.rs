//! File system filter drivers: who stands between programs and files.
//!
//! A minifilter has an altitude for each of its instances, under its own key or, from Windows 11
//! 24H2 on, under `Parameters` (Microsoft documentation, "Creating an INF file for a file system
//! driver"). Older filters have none and are known by their group only.

use super::services::{SERVICES, ServiceKind, ServiceSetup};
use super::{Inquiry, Reading};
use crate::{Host, Key, WinPath};

/// A file system filter driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The driver.
    pub driver: ServiceSetup,
    /// Its instances; empty for a filter of the old kind.
    pub instances: Vec<Instance>,
    /// The file it is loaded from.
    pub file: Option<WinPath>,
    /// Whether that file is there, where that can be told.
    pub file_exists: Option<bool>,
}

/// One place in the stack at which a minifilter attaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Where it stands among others: a decimal number, such as `385200` or `328000.5`.
    pub altitude: String,
    /// Whether the driver names it as its default.
    pub is_default: bool,
}

/// Reads every filter of file systems.
pub fn read(host: &dyn Host) -> Reading<Vec<Filter>> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Vec::new();
    for (name, key) in inquiry.keys_below(SERVICES) {
        // The filter manager carries a group of filters and is none.
        if name.eq_ignore_ascii_case("FltMgr") {
            continue;
        }
        let driver = ServiceSetup::of(&name, &key);
        let instances = instances(&mut inquiry, &name, &key, driver.kind);
        let is_in_a_group = driver
            .group
            .as_deref()
            .and_then(|group| group.get(..8))
            .is_some_and(|group| group.eq_ignore_ascii_case("FSFilter"));
        if instances.is_empty() && !is_in_a_group {
            continue;
        }
        let file =
            driver.file().or_else(|| super::image_file(&format!(r"System32\drivers\{name}.sys")));
        let file_exists = file.as_ref().and_then(|file| inquiry.exists(file));
        found.push(Filter { driver, instances, file, file_exists });
    }
    inquiry.done(found)
}

fn instances(inquiry: &mut Inquiry<'_>, name: &str, key: &Key, kind: ServiceKind) -> Vec<Instance> {
    let has = |key: &Key, name: &str| key.subkeys.iter().any(|it| it.eq_ignore_ascii_case(name));
    let mut found = Vec::new();
    if has(key, "Instances") {
        below(inquiry, &format!(r"{SERVICES}\{name}\Instances"), &mut found);
    }
    // Any service may have parameters; only drivers can have instances among them.
    let may_filter = matches!(kind, ServiceKind::FileSystemDriver | ServiceKind::KernelDriver);
    if found.is_empty() && may_filter && has(key, "Parameters") {
        let parameters = format!(r"{SERVICES}\{name}\Parameters");
        if inquiry.key(&parameters).is_some_and(|it| has(&it, "Instances")) {
            below(inquiry, &format!(r"{parameters}\Instances"), &mut found);
        }
    }
    found
}

fn below(inquiry: &mut Inquiry<'_>, path: &str, found: &mut Vec<Instance>) {
    let own = inquiry.key(path).unwrap_or_default();
    let default = own.text("DefaultInstance").unwrap_or_default();
    for (name, key) in inquiry.keys_below(path) {
        if let Some(altitude) = key.text("Altitude").filter(|it| !it.is_empty()) {
            found.push(Instance {
                is_default: name.eq_ignore_ascii_case(default),
                altitude: altitude.to_owned(),
                name,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn filters_are_known_by_altitude_or_by_group() {
        let pc = Fixture::parse(
            r"//- reg HKLM\SYSTEM\CurrentControlSet\Services
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Watch
Type = dword:2
Start = dword:1
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Watch\Instances
DefaultInstance = sz:Watch Instance
//- reg 'HKLM\SYSTEM\CurrentControlSet\Services\Watch\Instances\Watch Instance'
Altitude = sz:328000.5
//- reg HKLM\SYSTEM\CurrentControlSet\Services\New
Type = dword:2
ImagePath = expand:\SystemRoot\System32\drivers\new.sys
//- reg HKLM\SYSTEM\CurrentControlSet\Services\New\Parameters
//- reg HKLM\SYSTEM\CurrentControlSet\Services\New\Parameters\Instances
//- reg HKLM\SYSTEM\CurrentControlSet\Services\New\Parameters\Instances\New
Altitude = sz:145000
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Old
Type = dword:2
Group = sz:FSFilter Anti-Virus
//- reg HKLM\SYSTEM\CurrentControlSet\Services\disk
Type = dword:1
//- absent C:\Windows\System32\drivers\new.sys
"
            .replace('\'', "\"")
            .as_str(),
        );
        let found = read(&pc.unwrap()).found;
        let names: Vec<&str> = found.iter().map(|it| it.driver.name.as_str()).collect();
        assert_eq!(names, ["New", "Old", "Watch"]);
        assert_eq!(found[0].file_exists, Some(false));
        assert_eq!(found[0].instances[0].altitude, "145000");
        assert_eq!((found[1].instances.len(), found[1].file_exists), (0, None));
        assert!(found[2].instances[0].is_default);
    }
}
