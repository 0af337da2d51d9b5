use std::fs;
use std::path::Path;

use unwedge_formats::regf::Data as Stored;
use unwedge_formats::regf::write::HiveBuilder;

use crate::collected::Collected;
use crate::{Data, Host, HostErrorKind, KeyPath, RunState, ServiceName, StartType};

fn system() -> HiveBuilder {
    let mut hive = HiveBuilder::new();
    let services = r"ControlSet002\Services";
    hive.key(r"ControlSet001\Services\Old")
        .value("Select", "Current", &Stored::Dword(2))
        .value(&format!(r"{services}\Vault"), "Start", &Stored::Dword(2))
        .value(&format!(r"{services}\Vault"), "DelayedAutostart", &Stored::Dword(1))
        .value(&format!(r"{services}\Vault"), "Type", &Stored::Dword(16))
        .value(&format!(r"{services}\Vault"), "ImagePath", &Stored::ExpandSz("v.exe".into()))
        .value(&format!(r"{services}\Watch"), "Start", &Stored::Dword(3))
        .value(
            &format!(r"{services}\Watch"),
            "DependOnService",
            &Stored::MultiSz(vec!["vault".into()]),
        )
        .key(&format!(r"{services}\Settings only"))
        .value(
            r"ControlSet002\Control\ComputerName\ComputerName",
            "ComputerName",
            &Stored::Sz("DESK-7".into()),
        )
        .value(
            r"ControlSet002\Control\TimeZoneInformation",
            "ActiveTimeBias",
            &Stored::Dword((-120_i32).cast_unsigned()),
        );
    hive
}

fn software() -> HiveBuilder {
    let version = r"Microsoft\Windows NT\CurrentVersion";
    let mut hive = HiveBuilder::new();
    hive.value(version, "CurrentBuild", &Stored::Sz("26100".into()))
        .value(version, "UBR", &Stored::Dword(2314))
        .value(version, "EditionID", &Stored::Sz("Professional".into()))
        .key(r"Microsoft\Windows\CurrentVersion\Component Based Servicing");
    hive
}

fn evidence(files: &[(&str, Vec<u8>)]) -> (tempfile::TempDir, Collected) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let host = Collected::open(&[folder.path().to_path_buf()]).unwrap();
    (folder, host)
}

fn key(path: &str) -> KeyPath {
    KeyPath::new(path)
}

#[test]
fn hives_are_found_by_content_and_shown_where_windows_shows_them() {
    let (_folder, host) =
        evidence(&[("case/a.bin", system().hive()), ("case/b.dat", software().hive())]);
    let vault = host.key(&key(r"HKEY_LOCAL_MACHINE\System\CurrentControlSet\services\VAULT"));
    assert_eq!(vault.unwrap().unwrap().value("start"), Some(&Data::Dword(2)));
    assert_eq!(host.key(&key(r"HKLM\SYSTEM\CurrentControlSet\Services\Old")).unwrap(), None);
    assert!(host.key(&key(r"HKLM\SYSTEM\ControlSet001\Services\Old")).unwrap().is_some());
    let about = host.about();
    assert_eq!(about.name.as_deref(), Some("DESK-7"));
    assert_eq!(about.build.as_deref(), Some("26100.2314"));
    assert_eq!(about.edition.as_deref(), Some("Professional"));
    assert_eq!(about.utc_offset_minutes, Some(120));
    assert!(host.registry().gaps().is_empty());
}

#[test]
fn a_key_that_lives_in_memory_only_is_never_known_to_be_absent() {
    let (_folder, host) = evidence(&[("SOFTWARE", software().hive())]);
    let cbs = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
    assert_eq!(host.key(&key(&format!(r"{cbs}\PackagesPending"))).unwrap(), None);
    for hidden in [format!(r"{cbs}\RebootPending"), r"HKLM\SYSTEM\Select".into(), "HKCU".into()] {
        let error = host.key(&key(&hidden)).unwrap_err();
        assert_eq!(error.kind, HostErrorKind::NotCollected, "{hidden}");
    }
}

#[test]
fn a_service_is_read_from_its_key_and_its_state_stays_unknown() {
    let (_folder, host) = evidence(&[("SYSTEM", system().hive())]);
    let vault = host.service(&ServiceName::new("vault")).unwrap().unwrap();
    assert_eq!(vault.start, StartType::AutomaticDelayed);
    assert_eq!(vault.state, RunState::Unknown);
    assert_eq!(vault.dependents, [ServiceName::new("Watch")]);
    assert_eq!(host.service(&ServiceName::new("Settings only")).unwrap(), None);
    assert_eq!(host.service(&ServiceName::new("nobody")).unwrap(), None);
}

#[test]
fn logs_beside_a_hive_are_applied_also_when_packed() {
    let before = system();
    let mut after = before.clone();
    after.value(r"ControlSet002\Services\New", "Start", &Stored::Dword(1));
    let dirty = before.dirty_with_entries(&after);
    let gzip = |bytes: &[u8]| {
        let mut reader = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        let mut packed = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut packed).unwrap();
        packed
    };
    let new = ServiceName::new("New");
    for files in [
        [("x/SYSTEM", dirty.hive.clone()), ("x/system.LOG1", dirty.log.clone())],
        [("x/SYSTEM.gz", gzip(&dirty.hive)), ("x/SYSTEM.LOG2.gz", gzip(&dirty.log))],
    ] {
        let (_folder, host) = evidence(&files);
        assert_eq!(host.service(&new).unwrap().unwrap().start, StartType::System);
        assert!(host.registry().gaps().is_empty());
    }
    let (_folder, host) = evidence(&[("x/SYSTEM", dirty.hive), ("y/SYSTEM.LOG1", dirty.log)]);
    assert_eq!(host.service(&new).unwrap(), None);
    assert_eq!(host.registry().gaps().len(), 1, "a stale hive says so");
}

#[test]
fn of_several_copies_the_one_in_use_counts() {
    let mut old = system();
    old.last_written(1).value("Setup", "Mark", &Stored::Dword(1));
    let mut backup = system();
    backup.last_written(u64::MAX / 2).value("Setup", "Mark", &Stored::Dword(2));
    let mut used = system();
    used.value("Setup", "Mark", &Stored::Dword(3));
    let (_folder, host) = evidence(&[
        ("Windows/System32/config/RegBack/SYSTEM", backup.hive()),
        ("Windows/System32/config/SYSTEM", used.hive()),
        ("earlier/SYSTEM", old.hive()),
    ]);
    let setup = host.key(&key(r"HKLM\SYSTEM\Setup")).unwrap().unwrap();
    assert_eq!(setup.dword("Mark"), Some(3));
    assert_eq!(host.registry().gaps().len(), 2);
}

#[test]
fn users_are_told_apart_by_their_profiles() {
    let user = |name: &str| {
        let mut hive = HiveBuilder::new();
        hive.value(r"Software\Microsoft", "Name", &Stored::Sz(name.into()));
        hive.hive()
    };
    let (_folder, host) = evidence(&[
        ("Users/ada/NTUSER.DAT", user("ada")),
        ("Users/Default/NTUSER.DAT", user("no")),
    ]);
    let hkcu = host.key(&key(r"HKEY_CURRENT_USER\Software\Microsoft")).unwrap().unwrap();
    assert_eq!(hkcu.text("Name"), Some("ada"));

    let mut machine = software();
    for (sid, name) in [("S-1-5-21-1", "ada"), ("S-1-5-21-2", "bob")] {
        let profile = format!(r"Microsoft\Windows NT\CurrentVersion\ProfileList\{sid}");
        let folder = Stored::ExpandSz(format!(r"C:\Users\{name}"));
        machine.value(&profile, "ProfileImagePath", &folder);
    }
    let (_folder, host) = evidence(&[
        ("SOFTWARE", machine.hive()),
        ("Users/ada/NTUSER.DAT", user("ada")),
        ("Users/bob/NTUSER.DAT", user("bob")),
    ]);
    assert!(host.key(&key("HKCU")).is_err(), "of two users none is the current one");
    let bob = host.key(&key(r"HKU\S-1-5-21-2\Software\Microsoft")).unwrap().unwrap();
    assert_eq!(bob.text("Name"), Some("bob"));
}

#[test]
fn an_export_tells_of_what_it_exports_and_of_nothing_else() {
    let text = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\wuauserv]\r\n\
        \"Start\"=dword:00000004\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\wuauserv\\Parameters]\r\n";
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let (_folder, host) = evidence(&[("wu.reg", wide)]);
    let service = host.service(&ServiceName::new("wuauserv")).unwrap().unwrap();
    assert_eq!(service.start, StartType::Disabled);
    let services = r"HKLM\SYSTEM\CurrentControlSet\Services";
    let read = |path: &str| host.key(&key(&format!(r"{services}\{path}")));
    assert_eq!(read("wuauserv").unwrap().unwrap().subkeys, ["Parameters"]);
    assert_eq!(read(r"WUAUSERV\TriggerInfo").unwrap(), None);
    assert_eq!(read("bits").unwrap_err().kind, HostErrorKind::NotCollected);
    let below = host.keys_below(&key(&format!(r"{services}\wuauserv"))).unwrap().unwrap();
    assert_eq!(below.len(), 1);
}

#[test]
fn a_text_that_deletes_is_no_picture_of_a_registry() {
    let text = "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\r\n\"x\"=-\r\n";
    let (_folder, host) = evidence(&[("fix.reg", text.into())]);
    assert!(host.key(&key(r"HKLM\SOFTWARE\A")).is_err());
    assert_eq!(host.registry().gaps().len(), 1);
}

#[test]
fn what_damage_hides_is_not_known_to_be_absent() {
    let mut bytes = system().hive();
    let list = bytes.windows(2).position(|it| it == b"lh").unwrap();
    bytes[list] = b'?';
    let (_folder, host) = evidence(&[("SYSTEM", bytes)]);
    let error = host.key(&key(r"HKLM\SYSTEM\Nothing")).unwrap_err();
    assert!(matches!(error.kind, HostErrorKind::Corrupt(_)), "{error}");
    let root = key(r"HKLM\SYSTEM");
    assert_eq!(host.key(&root).unwrap().unwrap().subkeys.len(), 3, "found by their parent");
    assert!(host.keys_below(&root).is_err(), "the list is not whole");
    assert!(!host.registry().gaps().is_empty());
    assert!(Path::new(host.registry().sources().next().unwrap()).ends_with("SYSTEM"));
}
