//! `unwedge explain` as a person and a script see it: what it is asked, what it prints, how it ends.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn unwedge(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unwedge")).args(args).output().expect("it can be started")
}

fn json(what: &str) -> Value {
    let output = unwedge(&["explain", what, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{what}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(what: &[&str]) -> String {
    let output = unwedge(&[&["explain"], what].concat());
    assert_eq!(output.status.code(), Some(0), "{what:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_kind_of_thing_has_its_own_word_in_json() {
    for (what, kind) in [
        ("0x80070021", "code"),
        ("0xC1900101-0x20017", "setup_pair"),
        ("file-locked", "rule"),
        ("mfehidk.sys", "driver"),
        ("321300", "altitude"),
        ("wuauserv", "service"),
        ("Macrium", "product"),
        ("Kaspersky", "products"),
        ("WindowsUpdateClient 20", "event"),
        ("ESENT", "events"),
        ("FindSPFatalError", "setup_rule"),
        ("pending.xml", "component"),
        ("KB5034441", "kb"),
    ] {
        let told = json(what);
        assert_eq!((&told["kind"], &told["schema"]), (&kind.into(), &1.into()), "{what}");
        assert_eq!(told["asked"], what);
        assert!(told["id"].as_str().is_some_and(|id| !id.is_empty()), "{what}");
        let details = &told["details"];
        let told_as_thing = !["code", "setup_pair", "rule"].contains(&kind);
        assert_eq!(details[kind].is_null(), !told_as_thing, "{what}: {details}");
    }
}

#[test]
fn a_driver_is_told_with_altitude_group_and_how_to_pause_its_product() {
    let text = text(&["MFEHIDK"]);
    for part in [
        "mfehidk.sys  file system filter of McAfee",
        "321300",
        "FSFilter Anti-Virus (320000 to 329999)",
        "likely to hold files",
        "Trellix",
        "To pause it",
        "To remove it",
        "allocated-altitudes.md",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_service_says_how_it_starts_and_where_sources_differ() {
    let told = text(&["Update", "Orchestrator", "Service"]);
    assert!(told.starts_with("UsoSvc  Update Orchestrator Service"), "{told}");
    assert!(told.contains("Automatic (Delayed) in Windows 10 22H2 and Windows 11"), "{told}");
    assert!(told.contains("Sources differ"), "{told}");
    let told = json("WaaSMedicSvc");
    assert_eq!(told["details"]["service"]["windows"]["stopping"], "conditional");
}

#[test]
fn what_has_several_meanings_is_told_by_each() {
    let told = json("20");
    assert_eq!(told["kind"], "code");
    assert_eq!(told["other_meanings"][0]["kind"], "event");
    assert!(text(&["20"]).contains("It can also mean:"));
    assert_eq!(json("event 20")["kind"], "event");
}

#[test]
fn lines_fit_into_eighty_columns() {
    for what in [
        "mfehidk.sys",
        "cbfilter20.sys",
        "TrustedInstaller",
        "Acronis",
        "event 1001",
        "UseWUServer",
    ] {
        for line in text(&[what]).lines() {
            let longest_word = line.split(' ').map(str::len).max().unwrap_or(0);
            assert!(line.chars().count() <= 80 || longest_word > 50, "{line}");
        }
    }
}

#[test]
fn what_is_not_known_is_met_with_the_nearest_names() {
    for (what, near) in
        [("wuauserw", "wuauserv"), ("mfehidkk.sys", "mfehidk.sys"), ("pendng.xml", "pending.xml")]
    {
        let output = unwedge(&["explain", what, "--json"]);
        assert_eq!(output.status.code(), Some(2));
        let not: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(not["did_you_mean"][0], near, "{what}");
    }
}

#[test]
fn about_an_update_only_evidence_tells_something() {
    assert!(text(&["KB5034441"]).contains("Nothing is fetched"));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    fs::write(
        &log,
        "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)\r
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441\r
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441 [HRESULT = 0x80070643 - ERROR_INSTALL_FAILURE]\r
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070643 - ERROR_INSTALL_FAILURE]\r
",
    )
    .unwrap();
    let path = log.to_str().unwrap();
    let told = text(&["KB5034441", "--in", path]);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&told).contains("failed with 0x80070643, for WindowsUpdateAgent"), "{told}");
    let none = words(&text(&["kb5034442", "--in", path]));
    assert!(none.contains("does not name it"), "{none}");
    let output = unwedge(&["explain", "KB5034441", "--json", "--in", path]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let update = &told["details"]["kb"];
    assert_eq!(update["operations"][0]["outcome"], "failed");
    assert_eq!(update["operations"][0]["citation"]["line"], 4);
}

#[test]
fn evidence_is_only_for_updates() {
    let output = unwedge(&["explain", "wuauserv", "--in", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("KB5034441"));
}
