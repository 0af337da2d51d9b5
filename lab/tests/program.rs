//! The real program on a PC of the lab.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;
use unwedge_lab::Lab;

/// In the shape of a CBS.log on which a held file stops an update.
const LOG: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION while executing operation CreateFile on [l:33]'\\SystemRoot\\System32\\gr\u{fc}n.dll'
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
";

#[test]
fn it_tells_its_version_its_commands_and_what_a_code_means() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("talk");
    let version = pc.run(&["--version"]);
    assert_eq!((version.code, version.stdout.as_str()), (0, "unwedge 0.1.0\n"));
    let help = pc.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("diagnose") && help.stdout.contains("Exit status"), "{help:?}");
    let code = pc.run(&["explain", "0x80070021"]);
    assert_eq!(code.code, 0);
    assert!(code.stdout.contains("ERROR_LOCK_VIOLATION"), "{code:?}");
    let unknown = pc.run(&["explain", "no-such-thing"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("no-such-thing"), "{unknown:?}");
}

#[test]
fn a_folder_of_evidence_gets_the_same_answer_as_on_linux_and_nothing_is_changed() {
    let Some(lab) = Lab::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    // A name beyond ASCII, and deep enough for a long path.
    let inside = Path::new("Br\u{fc}cke\u{2028}\u{4e2d}").join("x".repeat(200)).join("Logs/CBS");
    fs::create_dir_all(folder.path().join(&inside)).unwrap();
    fs::write(folder.path().join(&inside).join("CBS.log"), LOG).unwrap();
    let pc = lab.pc("evidence");
    pc.copy_in(folder.path(), r"C:\case");
    pc.program("unwedge.exe");
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let told = pc.run(&["diagnose", "--json", r"C:\case"]);
    assert_eq!(told.code, 1, "{told:?}");
    let on_windows = answer(&told.stdout, "C:\\case");
    assert_eq!(on_windows["verdict"], "failing", "{on_windows}");
    let text = pc.run(&["diagnose", r"C:\case"]);
    assert!(text.stdout.contains("gr\u{fc}n.dll"), "not UTF-8? {}", text.stdout);
    assert_eq!(pc.registry_dump().changes_since(&registry), [""; 0]);
    assert_eq!(pc.tree().changes_since(&files), [""; 0]);
    let Some(native) = env::var_os("UNWEDGE_LAB_NATIVE") else { return };
    let here =
        Command::new(native).args(["diagnose", "--json"]).arg(folder.path()).output().unwrap();
    let here_json = String::from_utf8(here.stdout).unwrap();
    assert_eq!(answer(&here_json, folder.path().to_str().unwrap()), on_windows);
    assert_eq!(here.status.code(), Some(told.code));
}

#[test]
fn a_library_beside_the_program_is_not_loaded() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("planted");
    // No library at all: loading it would fail and be told.
    for planted in ["fltlib.dll", "rstrtmgr.dll", "wevtapi.dll", "srclient.dll"] {
        pc.write(&format!(r"C:\lab\{planted}"), b"MZ planted");
    }
    let told = pc.run(&["explain", "0x80070021"]);
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn a_service_of_the_lab_holds_what_it_is_told_to_and_lets_go() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("holder");
    pc.write(r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb", vec![0; 4096]);
    let files = r"C:\windows\SoftwareDistribution";
    pc.start_service("holder", &format!(r"lock:{files}\DataStore\DataStore.edb keep:{files}"));
    let queried = pc.run_windows("sc", &["query", "holder"]);
    assert!(queried.stdout.contains("RUNNING"), "{queried:?}");
    let moved = pc.run_windows("cmd", &["/c", "move", files, r"C:\windows\moved"]);
    assert!(pc.path(files).exists(), "a held folder was moved: {moved:?}");
    assert_eq!(pc.run_windows("sc", &["stop", "holder"]).code, 0);
    pc.wait_for_line("service.log", "holder stopped");
    let reader = pc
        .start_program("lab-service.exe", &["-", &format!(r"own:{files}\DataStore\DataStore.edb")]);
    drop(reader);
}

#[test]
fn services_ignore_are_slow_and_die_as_told() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("moods");
    pc.start_service("stubborn", "ignore-stop");
    assert_ne!(pc.run_windows("sc", &["stop", "stubborn"]).code, 0);
    pc.start_service("mortal", "die");
    pc.wait_for_line("service.log", "mortal dies");
    pc.start_service("slow", "slow-stop");
    assert_eq!(pc.run_windows("sc", &["stop", "slow"]).code, 0);
    pc.wait_for_line("service.log", "slow stopped");
}

#[test]
fn a_change_is_seen_by_its_witnesses() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("witness");
    let (files, registry) = (pc.tree(), pc.registry_dump());
    pc.write(r"C:\new\file.txt", "text");
    pc.change_registry("[HKEY_LOCAL_MACHINE\\Software\\Lab]\n\"Value\"=dword:00000007");
    let now = pc.registry_dump();
    assert_eq!(now.value(r"HKEY_LOCAL_MACHINE\Software\Lab", "Value"), Some("dword:00000007"));
    assert_eq!(now.changes_since(&registry).len(), 2);
    let changed = pc.tree().changes_since(&files);
    assert!(changed.contains(&"new/file.txt".to_owned()), "{changed:?}");
}

/// What the program said, with the path of the folder and the way paths are written made the same.
fn answer(json: &str, folder: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).unwrap();
    let mut open = vec![&mut value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.starts_with(folder) => {
                *text = text[folder.len()..].replace('\\', "/");
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values_mut()),
            _ => {}
        }
    }
    value
}
