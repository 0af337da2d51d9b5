//! `diagnose`, `timeline`, `collect` and `watch` of the real program on a running PC of the lab: they
//! say what is there, name who is in the way, and change nothing.
#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use unwedge_lab::{Lab, Output, Pc};

const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
const HELD: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";

const BEFORE: &str = "2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r\n";

/// In the shape of a CBS.log in which a lock stops the update, on the day `day`.
fn failure(day: &str) -> String {
    let package =
        "Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999";
    format!(
        "{day} 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client \
         WindowsUpdateAgent, external staging directory: (null), external registry directory: \
         (null)\r\n\
         {day} 10:00:02, Info                  CBS    Exec: Processing started.  Client: \
         WindowsUpdateAgent, Session: 31100000_1, {package}\r\n\
         {day} 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error \
         STATUS_FILE_LOCK_CONFLICT while executing operation ReadFile on \
         [l:61]'\\SystemRoot\\SoftwareDistribution\\DataStore\\DataStore.edb'\r\n\
         {day} 10:00:04, Info                  CBS    Exec: Processing complete.  Session: \
         31100000_1, {package} [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]\r\n\
         {day} 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot \
         required: no [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]\r\n"
    )
}

/// A PC on which a service holds the database of updates.
fn pc(lab: &Lab, name: &str, log: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(LOG, log);
    pc.write(HELD, vec![0; 4096]);
    pc.program("unwedge.exe");
    pc.start_service("backup", &format!("lock:{HELD}"));
    pc
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn reading_commands_say_what_is_there_and_change_nothing() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "live", &format!("{BEFORE}{}", failure("2026-01-02")));
    pc.write(r"C:\out\nothing.txt", "");
    let (files, registry) = (pc.tree(), pc.registry_dump());

    let told = pc.run(&["diagnose", "--json"]);
    assert_eq!(told.code, 1, "{told:?}");
    let diagnosis = json(&told);
    assert_eq!(diagnosis["verdict"], "failing", "{diagnosis:#}");
    let findings = diagnosis["findings"].to_string();
    assert!(findings.contains("DataStore.edb") && findings.contains("backup"), "{diagnosis:#}");

    let told = pc.run(&["timeline", "--json", "--kb", "KB5099999"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.contains("0x80070021"), "{told:?}");

    let told = pc.run(&["collect", "-o", r"C:\out\bundle.zip"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(pc.path(r"C:\out\bundle.zip").exists());

    let changed = pc.tree().changes_since(&files);
    let foreign: Vec<&String> =
        changed.iter().filter(|it| !it.to_lowercase().starts_with("out")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let mut changed = pc.registry_dump().changes_since(&registry);
    changed.retain(|it| !is_by_wine(it));
    assert_eq!(changed, [""; 0]);
}

#[test]
fn a_watch_names_the_holder_and_ends_with_the_failure() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "watch", BEFORE);
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let log = pc.path(LOG);
    let watched = thread::scope(|scope| {
        scope.spawn(move || {
            // It marks how the log stands within that; later records are what it looks for.
            thread::sleep(Duration::from_secs(8));
            let mut log =
                OpenOptions::new().append(true).open(log).expect("the log can be written");
            log.write_all(failure("2099-01-02").as_bytes()).expect("the log can be written");
        });
        pc.run(&["watch", "--json", "--every", "1s", "--settle", "2s", "--for", "60s"])
    });
    assert_eq!(watched.code, 1, "{watched:?}");
    assert!(watched.stdout.contains(r#""kind":"holder_came""#), "{watched:?}");
    assert!(watched.stdout.contains(r#""service":"backup""#), "{watched:?}");
    let last = watched.stdout.lines().last().unwrap_or_default();
    assert!(last.contains(r#""ending":"failed""#) && last.contains("CBS.log"), "{watched:?}");
    let mut changed = pc.tree().changes_since(&files);
    changed.retain(|it| !it.to_lowercase().starts_with("windows/logs/cbs"));
    assert_eq!(changed, [""; 0]);
    let mut changed = pc.registry_dump().changes_since(&registry);
    changed.retain(|it| !is_by_wine(it));
    assert_eq!(changed, [""; 0]);
}

/// What Wine itself writes meanwhile.
fn is_by_wine(changed: &str) -> bool {
    [r"\Control\ServiceCurrent]", r"\Control\Video\", r#"\Services\Schedule] "Start""#]
        .iter()
        .any(|place| changed.contains(place))
}
