//! The running Windows keeps the same contract as every other host. All that is changed here is our own
//! and is put back: a folder, a key, a service.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use unwedge_host::descriptor::{AccessEntry, AccessKind, CONTAINED};
use unwedge_host::live::Live;
use unwedge_host::testing::{Known, applies_and_reverts, conforms};
use unwedge_host::{
    Change, Data, Host, HostErrorKind, HostMut, KeyPath, Probe, RunState, Securable, ServiceName,
    Setting, StartType, WinPath, probe,
};

const SCRATCH_KEY: &str = r"HKCU\SOFTWARE\UnwedgeTest";
const SCRATCH_SERVICE: &str = "UnwedgeTest";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn path_of(folder: &tempfile::TempDir) -> WinPath {
    WinPath::new(folder.path().to_str().unwrap())
}

#[test]
fn the_running_windows_conforms() {
    let folder = folder();
    fs::write(folder.path().join("a.log"), "text").unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    let (file, absent) = (path_of(&folder).join("a.log"), path_of(&folder).join("b.log"));
    let known = Known {
        file: file.as_str(),
        folder: folder.path().to_str().unwrap(),
        absent: absent.as_str(),
        // Another PC is none of our business.
        unknown: r"\\server\share\a.log",
    };
    conforms(&Live::open().unwrap(), &known);
}

#[test]
fn a_file_that_others_write_to_is_read_and_one_that_is_shut_tells_so() {
    use std::os::windows::fs::OpenOptionsExt;
    let folder = folder();
    let host = Live::open().unwrap();
    let (open, shut) = (path_of(&folder).join("open.log"), path_of(&folder).join("shut.log"));
    let mut writer = fs::File::create(open.as_str()).unwrap();
    writer.write_all(b"text").unwrap();
    assert_eq!(host.read(&open).unwrap().as_deref(), Some(&b"text"[..]));
    let options = fs::OpenOptions::new().create(true).write(true).share_mode(0).clone();
    let _shut = options.open(shut.as_str()).unwrap();
    assert_eq!(host.read(&shut).unwrap_err().kind, HostErrorKind::Win32(32));
    assert!(host.exists(&shut).unwrap());
}

#[test]
fn names_that_are_no_unicode_and_long_paths_are_read() {
    use std::os::windows::ffi::OsStringExt;
    let folder = folder();
    let host = Live::open().unwrap();
    let deep = (0..12).fold(path_of(&folder), |path, _| path.join(&"d".repeat(30)));
    let verbatim = |path: &WinPath| format!(r"\\?\{path}");
    fs::create_dir_all(verbatim(&deep)).unwrap();
    fs::write(verbatim(&deep.join("a.log")), "deep").unwrap();
    assert_eq!(host.read(&deep.join("a.log")).unwrap().as_deref(), Some(&b"deep"[..]));
    assert_eq!(host.list(&deep).unwrap().unwrap()[0].name, "a.log");

    let odd = std::ffi::OsString::from_wide(&[0x61, 0xD83D, 0x62]);
    // Wine keeps names as Unicode below, and may refuse what NTFS takes.
    if fs::write(folder.path().join(&odd), "odd").is_ok() {
        let names: Vec<String> =
            host.list(&path_of(&folder)).unwrap().unwrap().into_iter().map(|it| it.name).collect();
        if names.contains(&"a<D83D>b".to_owned()) {
            let odd = path_of(&folder).join("a<D83D>b");
            assert_eq!(host.read(&odd).unwrap().as_deref(), Some(&b"odd"[..]));
        }
    }
    fs::remove_dir_all(verbatim(&path_of(&folder))).unwrap();
}

#[test]
fn moving_aside_is_undone_and_replaces_nothing() {
    let folder = folder();
    let root = path_of(&folder);
    let (from, to) = (root.join("a"), root.join("a.1"));
    fs::create_dir(from.as_str()).unwrap();
    fs::write(from.join("x").as_str(), "x").unwrap();
    let mut host = Live::open().unwrap();
    let change = Change::Move { from: from.clone(), to: to.clone() };
    let state = |host: &Live| format!("{:?}", host.list(&root).unwrap());
    applies_and_reverts(&mut host, &change, state);
    fs::create_dir(to.as_str()).unwrap();
    let error = host.apply(&change).unwrap_err();
    assert_eq!(error.kind, HostErrorKind::Win32(183));
    assert!(host.exists(&from.join("x")).unwrap());
}

/// Sets one more entry on it, and puts it back.
fn opens_and_shuts(of: &Securable, flags: u8, rights: u32) {
    let mut host = Live::open().unwrap();
    let mut access = probe::access(&host, of).unwrap().unwrap().explicit();
    let who = "S-1-5-32-546".to_owned();
    access.entries.insert(0, AccessEntry { kind: AccessKind::Allows, flags, rights, who });
    let change = Change::Assign(Setting::Access { of: of.clone(), access });
    // Wine gives the key to another owner whenever its list is set.
    let state = |host: &Live| probe::access(host, of).unwrap().unwrap().explicit().to_string();
    applies_and_reverts(&mut host, &change, state);
}

#[test]
fn who_may_do_what_with_a_key_is_set_and_put_back() {
    let _key = ScratchKey::new();
    opens_and_shuts(&Securable::Key(KeyPath::new(SCRATCH_KEY)), 0, 0x2_0019);
    let none = Securable::Key(KeyPath::new(SCRATCH_KEY).join("None"));
    assert_eq!(probe::access(&Live::open().unwrap(), &none).unwrap(), None);
}

#[test]
fn who_may_do_what_with_a_folder_is_set_and_put_back() {
    let folder = folder();
    let (root, host) = (path_of(&folder), Live::open().unwrap());
    let below = root.join("below");
    fs::create_dir(below.as_str()).unwrap();
    let of = Securable::Path(below);
    assert!(probe::access(&host, &of).unwrap().unwrap().owner.is_some());
    let none = Securable::Path(root.join("none"));
    assert_eq!(probe::access(&host, &none).unwrap(), None);
    // Wine makes modes of the lists of files, and keeps nobody but the owner and everybody.
    if !host.exists(&WinPath::new(r"C:\Windows\System32\winecfg.exe")).unwrap() {
        opens_and_shuts(&of, CONTAINED, 0x12_0089);
    }
}

#[test]
fn what_grew_at_the_old_place_goes_to_the_spare_name() {
    let folder = folder();
    let root = path_of(&folder);
    let [from, to, spare] = ["a.1", "a", "a.2"].map(|it| root.join(it));
    fs::write(from.as_str(), "old").unwrap();
    fs::write(to.as_str(), "new").unwrap();
    let mut host = Live::open().unwrap();
    let change = Change::PutBack { from, to: to.clone(), spare: spare.clone() };
    for _ in 0..2 {
        host.apply(&change).unwrap();
        assert_eq!(host.read(&to).unwrap().as_deref(), Some(&b"old"[..]));
        assert_eq!(host.read(&spare).unwrap().as_deref(), Some(&b"new"[..]));
    }
}

/// The registry of the scratch key, for one test at a time; taken away at the end.
struct ScratchKey(#[expect(dead_code, reason = "held until the end")] MutexGuard<'static, ()>);

impl ScratchKey {
    fn new() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        reg(&["add", SCRATCH_KEY, "/v", "Own", "/d", "own", "/f"]);
        ScratchKey(one)
    }
}

impl Drop for ScratchKey {
    fn drop(&mut self) {
        reg(&["delete", SCRATCH_KEY, "/f"]);
    }
}

fn reg(arguments: &[&str]) {
    let done = Command::new("reg").args(arguments).output().unwrap();
    assert!(done.status.success(), "reg {arguments:?}: {done:?}");
}

#[test]
fn values_of_every_type_are_set_and_put_back() {
    let _scratch = ScratchKey::new();
    let mut host = Live::open().unwrap();
    let key = KeyPath::new(SCRATCH_KEY);
    let state = |host: &Live| format!("{:?}", host.key(&KeyPath::new(SCRATCH_KEY)).unwrap());
    let all = [
        Data::Dword(7),
        Data::Qword(1 << 40),
        Data::Sz("a ä \u{1F600}".to_owned()),
        Data::ExpandSz("%SystemRoot%".to_owned()),
        Data::MultiSz(vec!["a".to_owned(), String::new(), "b".to_owned()]),
        Data::Binary((0..=255).collect()),
        Data::Binary(vec![9; 100_000]),
    ];
    for data in all {
        for name in ["New", "Own", ""] {
            let (key, name) = (key.clone(), name.to_owned());
            let change = Change::Assign(Setting::Value { key, name, data: Some(data.clone()) });
            applies_and_reverts(&mut host, &change, state);
        }
    }
    let gone = Change::Assign(Setting::Value { key, name: "Own".to_owned(), data: None });
    applies_and_reverts(&mut host, &gone, state);
}

#[test]
fn keys_are_listed_with_those_below_and_absence_is_known() {
    let _scratch = ScratchKey::new();
    reg(&["add", &format!(r"{SCRATCH_KEY}\Below"), "/v", "N", "/t", "REG_DWORD", "/d", "5", "/f"]);
    let host = Live::open().unwrap();
    let key = KeyPath::new(SCRATCH_KEY);
    assert_eq!(host.key(&key).unwrap().unwrap().subkeys, ["Below"]);
    let below = host.keys_below(&key).unwrap().unwrap();
    let [(name, below)] = &below[..] else { panic!("not one key: {below:?}") };
    assert_eq!((name.as_str(), below.dword("n")), ("Below", Some(5)));
    assert_eq!(host.key(&key.join("None")).unwrap(), None);
    assert_eq!(host.keys_below(&key.join("None")).unwrap(), None);
    assert!(host.key(&KeyPath::new(r"HKXX\a")).is_err());
    let current = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services");
    assert!(!host.key(&current).unwrap().unwrap().subkeys.is_empty());
}

#[test]
fn this_pc_tells_who_it_is() {
    let host = Live::open().unwrap();
    let about = host.about();
    assert!(about.build.as_ref().is_some_and(|it| it.starts_with(char::is_numeric)), "{about:?}");
    assert!(about.is_elevated.is_some() && about.utc_offset_minutes.is_some(), "{about:?}");
    let free = host.probe(&Probe::FreeSpace).unwrap();
    assert!(matches!(free, probe::ProbeOutput::FreeSpace { free_bytes: 1.. }), "{free:?}");
    assert_eq!(probe::pending(&host).unwrap().restart, Some(false));
}

#[test]
fn this_process_is_among_the_processes() {
    let host = Live::open().unwrap();
    let all = probe::processes(&host).unwrap();
    let own = all.iter().find(|it| it.pid == std::process::id()).unwrap();
    let image = std::env::current_exe().unwrap();
    let name = image.file_name().unwrap().to_str().unwrap();
    assert_eq!(own.image.to_lowercase(), name.to_lowercase());
    assert!(own.began.is_some_and(|it| it > 0) && own.user.is_some(), "{own:?}");
    assert_eq!(own.path, Some(WinPath::new(image.to_str().unwrap())));
    // Those of services are known by the names of their services.
    assert!(all.iter().any(|it| !it.services.is_empty()), "{all:?}");
}

/// A service of our own; taken away at the end.
struct ScratchService;

impl ScratchService {
    /// `None` where this user may make none.
    fn new() -> Option<Self> {
        let image = r"C:\Windows\System32\svchost.exe -k UnwedgeTest";
        let made = sc(&["create", SCRATCH_SERVICE, "binPath=", image, "start=", "demand"]);
        if !made {
            let _ = writeln!(std::io::stderr(), "skipped: this user may make no service");
        }
        made.then_some(ScratchService)
    }
}

impl Drop for ScratchService {
    fn drop(&mut self) {
        assert!(sc(&["delete", SCRATCH_SERVICE]));
    }
}

fn sc(arguments: &[&str]) -> bool {
    Command::new("sc").args(arguments).output().unwrap().status.success()
}

#[test]
fn a_service_is_set_up_and_put_back() {
    let Some(_scratch) = ScratchService::new() else { return };
    let mut host = Live::open().unwrap();
    let name = ServiceName::new(SCRATCH_SERVICE);
    let service = host.service(&name).unwrap().unwrap();
    assert_eq!((service.start, service.state), (StartType::Manual, RunState::Stopped));
    assert_eq!(service.more.host_group.as_deref(), Some("UnwedgeTest"));
    assert!(!service.protected);
    let state = |host: &Live| {
        format!("{}", host.service(&ServiceName::new(SCRATCH_SERVICE)).unwrap().unwrap().start)
    };
    for start in [StartType::Disabled, StartType::Automatic, StartType::AutomaticDelayed] {
        let change = Change::Assign(Setting::Start { service: name.clone(), start });
        applies_and_reverts(&mut host, &change, state);
    }
    let disabled = StartType::Disabled;
    host.apply(&Change::Assign(Setting::Start { service: name.clone(), start: disabled })).unwrap();
    let run = Change::Assign(Setting::Running { service: name.clone(), running: true });
    assert_eq!(host.apply(&run).unwrap_err().kind, HostErrorKind::Win32(1058));
    // To stop what does not run is done already.
    host.apply(&Change::Assign(Setting::Running { service: name, running: false })).unwrap();
}

#[test]
fn a_service_is_started_and_stopped() {
    let mut host = Live::open().unwrap();
    // A real PC may want its services; all that Wine has is made for the test.
    if host.key(&KeyPath::new(r"HKCU\Software\Wine")).unwrap().is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: not under Wine");
        return;
    }
    let service = ServiceName::new("Spooler");
    let state = |host: &Live| {
        let service = host.service(&ServiceName::new("Spooler")).unwrap().unwrap();
        assert_eq!(service.pid.is_some(), service.state == RunState::Running);
        service.state.to_string()
    };
    let runs = state(&host) == "running";
    let change = Change::Assign(Setting::Running { service, running: !runs });
    applies_and_reverts(&mut host, &change, state);
}

#[test]
fn a_service_nobody_made_is_absent_and_cannot_be_started() {
    let mut host = Live::open().unwrap();
    let name = ServiceName::new("UnwedgeNobody");
    assert_eq!(host.service(&name).unwrap(), None);
    let run = Change::Assign(Setting::Running { service: name, running: true });
    assert_eq!(host.apply(&run).unwrap_err().kind, HostErrorKind::Win32(1060));
}
