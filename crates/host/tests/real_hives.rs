//! Registries of real PCs, where the folder with their evidence lies beside the project.

#![expect(clippy::unwrap_used, reason = "a test that fails here shows where")]

use std::io::Write;
use std::path::{Path, PathBuf};

use unwedge_host::collected::Collected;
use unwedge_host::system::{filters, packages, pending, services, uninstall};
use unwedge_host::{Host, ServiceName, StartType};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/hives");

/// The registry in these files, or `None`, said aloud, if they are not there or cannot be unpacked.
fn evidence(names: &[&str]) -> Option<Collected> {
    let found = |name: &&str| {
        let paths = [format!("{name}.xz"), (*name).to_owned()];
        paths.iter().map(|it| Path::new(FOLDER).join(it)).find(|it| it.exists())
    };
    let paths: Vec<PathBuf> = names.iter().filter_map(found).collect();
    let host = (paths.len() == names.len()).then(|| Collected::open(&paths).unwrap());
    let host = host.filter(|it| it.registry().sources().next().is_some());
    if host.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: no hive can be read from {FOLDER}");
    }
    host
}

#[test]
fn every_service_and_filter_of_a_real_pc_is_found() {
    let Some(host) = evidence(&["win10_1709_DESKTOP-2KGM189_SYSTEM"]) else { return };
    assert_eq!(services::read(&host).found.len(), 737);
    let filters = filters::read(&host).found;
    assert_eq!(filters.iter().map(|it| it.instances.len()).sum::<usize>(), 22);
    let left_over = filters.iter().find(|it| it.driver.name == ServiceName::new("PROCMON24"));
    assert_eq!(left_over.unwrap().driver.start, None);
    let pending = pending::read(&host);
    assert_eq!((pending.found.renames.len(), pending.needs_restart()), (101, Some(true)));
    assert_eq!(host.about().name.as_deref(), Some("DESKTOP-2KGM189"));
}

#[test]
fn every_package_and_program_of_a_real_pc_is_found() {
    let Some(host) = evidence(&["win7x64_WKS-WIN764BITB_SOFTWARE"]) else { return };
    let packages = packages::read(&host).found;
    let count = |state| packages.iter().filter(|it| it.state == Some(state)).count();
    assert_eq!(packages.len(), 1250);
    assert_eq!(count(packages::PackageState::Superseded), 596);
    assert_eq!(count(packages::PackageState::Installed), 576);
    assert_eq!(count(packages::PackageState::Staged), 78);
    assert_eq!(uninstall::read(&host).found.len(), 81);
    assert_eq!(host.about().build.as_deref(), Some("7601"));
}

#[test]
fn what_stands_in_the_logs_of_a_real_hive_only_is_found() {
    const HIVE: &str = "win10_DESKTOP-PM6C56D_SYSTEM_dirty";
    let logs = [format!("{HIVE}.LOG1"), format!("{HIVE}.LOG2")];
    let Some(host) = evidence(&[HIVE, &logs[0], &logs[1]]) else { return };
    let driver = host.service(&ServiceName::new("ad_driver")).unwrap().unwrap();
    assert_ne!(driver.start, StartType::Disabled);
    assert_eq!(pending::read(&host).found.renames.len(), 16);
    assert!(host.registry().gaps().is_empty());
}

#[test]
fn a_damaged_hive_of_a_real_pc_is_read_as_far_as_it_goes() {
    let Some(host) = evidence(&["corrupted_SYSTEM"]) else { return };
    let services = services::read(&host);
    assert!(services.found.len() >= 198 && !services.unknown.is_empty());
    assert!(!host.registry().gaps().is_empty());
}
