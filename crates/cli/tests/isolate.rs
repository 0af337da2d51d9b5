//! The search for a culprit, and a clean boot by hand, through the program itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Bench {
    _folder: TempDir,
    pc: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pc = folder.path().join("pc.host");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/one-of-many.host");
        fs::copy(from, &pc).unwrap();
        Bench { _folder: folder, pc }
    }

    fn run(&self, args: &[&str]) -> Output {
        let program = Command::new(env!("CARGO_BIN_EXE_unwedge"))
            .args(args)
            .arg(&self.pc)
            .stdin(Stdio::null())
            .output();
        program.unwrap()
    }

    fn json(&self, args: &[&str]) -> (Value, i32) {
        let done = self.run(args);
        (serde_json::from_slice(&done.stdout).unwrap(), done.status.code().unwrap())
    }

    fn machine(&self) -> String {
        let later = self.pc.with_file_name("pc.host.unwedge/machine.host");
        fs::read_to_string(later).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_update_goes_in_the_culprit_is_among_the_named_and_everything_runs_again() {
    let bench = Bench::new();
    let (report, code) = bench.json(&["isolate", "--yes", "--json"]);
    assert_eq!(code, 0);
    let isolation = &report["isolation"];
    assert_eq!(isolation["answer"]["found"], "among");
    let suspects = isolation["suspects"].as_array().unwrap();
    let named = isolation["answer"]["these"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| suspects[it.as_u64().unwrap() as usize]["name"].as_str().unwrap().to_owned());
    let named: Vec<String> = named.collect();
    assert!(named.contains(&"CedarVault".to_owned()) && named.len() <= 2, "{named:?}");
    assert_eq!(isolation["outcome"]["outcome"], "rolled_back");
    let machine = bench.machine();
    assert!(machine.contains("KB5050009 status=installed"));
    for line in
        machine.lines().filter(|it| it.starts_with("//- service") && it.contains("automatic"))
    {
        assert!(line.contains(" running "), "{line}");
    }
    assert!(machine.contains("services = dword:0") && !machine.contains("disabled"), "{machine}");
}

#[cfg(unix)]
#[test]
fn a_command_tells_the_one_and_the_proof_names_its_start() {
    let bench = Bench::new();
    // The command sees the PC as it is written down between two starts.
    let state = bench.pc.with_file_name("pc.host.unwedge/machine.host");
    let command =
        format!("! grep -q 'service CedarVault running' '{}' && test -e '{0}'", state.display());
    let done = bench.run(&["isolate", "--yes", "--test", &command]);
    let told = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(
        told.contains("\nFound\n") && told.contains("Cedar Vault Agent (CedarVault)"),
        "{told}"
    );
    assert!(told.contains("without CedarVault\n"), "{told}");
}

#[test]
fn what_would_be_done_is_shown_and_nothing_is_changed() {
    let bench = Bench::new();
    let (plan, code) = bench.json(&["isolate", "--dry-run", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(plan["suspects"].as_array().unwrap().len(), 11, "what starts at a sign-in is none");
    assert_eq!(plan["spared"][0]["kind"], "service");
    assert!(
        plan["restarts"]["expected"].as_u64().unwrap()
            <= plan["restarts"]["most"].as_u64().unwrap()
    );
    assert!(!bench.pc.with_file_name("pc.host.unwedge").exists());
    // Nobody is there to say yes.
    assert_eq!(bench.run(&["isolate"]).status.code(), Some(4));
    let unknown = bench.run(&["isolate", "--yes", "--only", "Nobody"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(text(&unknown.stderr).contains("called Nobody"));
}

#[test]
fn a_clean_boot_by_hand_is_told_and_taken_back() {
    let bench = Bench::new();
    assert_eq!(
        bench.run(&["clean-boot", "on", "--yes", "--keep", "FjordCast"]).status.code(),
        Some(5)
    );
    let (status, _) = bench.json(&["clean-boot", "status", "--json"]);
    assert_eq!(status["is_clean_boot"], true);
    let off = status["services_off"].as_array().unwrap();
    assert!(off.len() == 9 && !off.iter().any(|it| it[0] == "FjordCast"), "{off:?}");
    assert_eq!(status["entries_off"][0], "FjordTray");
    assert_eq!(bench.run(&["clean-boot", "off", "--yes"]).status.code(), Some(0));
    let (status, _) = bench.json(&["clean-boot", "status", "--json"]);
    assert_eq!(status["is_clean_boot"], false);
    assert!(!bench.machine().contains("disabled"));
}

/// Of a task System Configuration knows nothing: that we switched it off stands in our journal alone.
#[test]
fn a_task_that_a_clean_boot_switched_off_is_told() {
    let bench = Bench::new();
    let task = "//- task \\Fjord\\Check enabled run=C:\\Fjord\\check.exe trigger=logon\n";
    fs::write(&bench.pc, fs::read_to_string(&bench.pc).unwrap() + task).unwrap();
    let on = ["clean-boot", "on", "--yes", "--only", r"\Fjord\Check"];
    let done = bench.run(&on);
    assert_eq!(done.status.code(), Some(5), "{}", text(&done.stderr));
    let status = || bench.json(&["clean-boot", "status", "--json"]).0;
    assert_eq!(status()["ours_off"], serde_json::json!([r"\Fjord\Check"]));
    assert_eq!(status()["is_clean_boot"], true);
    assert!(text(&bench.run(&["clean-boot", "status"]).stdout).contains("switched off by unwedge"));
    assert_eq!(bench.run(&["clean-boot", "off", "--yes"]).status.code(), Some(0));
    assert_eq!(status()["is_clean_boot"], false);
}

#[test]
fn whoever_signs_in_is_told_of_a_search_and_of_nothing_else() {
    let bench = Bench::new();
    assert_eq!(text(&bench.run(&["sign-in"]).stdout), "");
    // Nobody is there to answer.
    assert_eq!(bench.run(&["isolate", "--yes", "--ask"]).status.code(), Some(5));
    let told = text(&bench.run(&["sign-in"]).stdout);
    assert!(told.contains("Right now everything is on."), "{told}");
    assert_eq!(bench.run(&["isolate", "--yes", "--stop"]).status.code(), Some(0));
    assert_eq!(text(&bench.run(&["sign-in"]).stdout), "");
}

#[test]
fn evidence_cannot_be_searched_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), "x\n").unwrap();
    let done =
        Command::new(env!("CARGO_BIN_EXE_unwedge")).arg("isolate").arg(folder.path()).output();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(4));
    assert!(text(&done.stderr).contains("clean-boot"), "{}", text(&done.stderr));
}
