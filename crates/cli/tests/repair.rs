//! The whole job on the example PCs, through the program itself: plan, fix, undo, history.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A copy of an example that may be changed.
struct Bench {
    _folder: TempDir,
    pc: PathBuf,
    text: String,
}

impl Bench {
    fn new(example: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pc = folder.path().join("pc.host");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        let text = fs::read_to_string(from).unwrap();
        fs::write(&pc, &text).unwrap();
        Bench { _folder: folder, pc, text }
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_unwedge"))
            .args(args)
            .arg(&self.pc)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn state(&self) -> Option<String> {
        fs::read_to_string(self.pc.with_file_name("pc.host.unwedge/machine.host")).ok()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn talk(output: &Output) -> String {
    // Wrapping must not decide whether a test passes.
    String::from_utf8(output.stderr.clone()).unwrap().replace('\n', " ")
}

#[test]
fn every_example_ends_as_its_first_lines_say() {
    let examples = [
        ("backup-agent-locks-datastore.host", 0),
        ("scanner-holds-file.host", 0),
        ("wuauserv-disabled.host", 0),
        ("healthy.host", 0),
        ("one-of-many.host", 4),
        ("security-service-refuses.host", 4),
        ("two-holders-one-hidden.host", 1),
        ("update-needs-restart.host", 5),
    ];
    for (example, wanted) in examples {
        let bench = Bench::new(example);
        let fixed = bench.run(&["fix", "--yes"]);
        assert_eq!(code(&fixed), wanted, "{example}: {}{}", out(&fixed), talk(&fixed));
        assert_eq!(fs::read_to_string(&bench.pc).unwrap(), bench.text, "{example} is not written");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let there = fs::read_dir(folder)
        .unwrap()
        .filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "host"));
    assert_eq!(there.count(), examples.len(), "every example is tried");
}

#[test]
fn a_repair_shows_its_proof_and_can_be_undone() {
    let bench = Bench::new("backup-agent-locks-datastore.host");
    let fixed = bench.run(&["fix", "--yes"]);
    let text = out(&fixed);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("Identifier: KB5034441 [HRESULT = 0x00000000 - S_OK]"), "{text}");
    assert!(text.contains("unwedge undo"), "{text}");
    let again = bench.run(&["fix", "--yes"]);
    assert_eq!(code(&again), 0, "a repaired PC has nothing left to repair");
    let undone = bench.run(&["undo", "--yes"]);
    assert_eq!(code(&undone), 0);
    assert!(out(&undone).contains("KB5034441 stays installed"), "{}", out(&undone));
    let state = bench.state().unwrap();
    assert!(state.contains("//- service TidemarkAgent running automatic"), "{state}");
    assert_eq!(code(&bench.run(&["undo", "--yes"])), 0, "nothing is left to be taken back");
    assert!(out(&bench.run(&["history"])).contains("what cannot be undone stays"));
}

#[test]
fn an_undo_puts_a_start_type_back() {
    let bench = Bench::new("wuauserv-disabled.host");
    assert_eq!(code(&bench.run(&["fix", "--yes"])), 0);
    assert!(bench.state().unwrap().contains("//- service wuauserv stopped manual"));
    let journal = bench.pc.with_file_name("pc.host.unwedge/0001.journal");
    let undone = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .args(["undo", "--yes"])
        .arg(journal)
        .output()
        .unwrap();
    assert_eq!(code(&undone), 0, "{}", talk(&undone));
    let state = bench.state().unwrap();
    assert!(state.contains("//- service wuauserv stopped disabled"), "{state}");
    assert!(state.contains("Start = dword:4"), "{state}");
}

#[test]
fn a_repair_that_was_cut_off_is_finished_or_taken_back_by_another_process() {
    for (command, wanted) in [("fix", "repaired"), ("undo", "taken back")] {
        for lines in 1.. {
            let bench = Bench::new("backup-agent-locks-datastore.host");
            assert_eq!(code(&bench.run(&["fix", "--yes"])), 0);
            let state = bench.state().unwrap();
            let journal = bench.pc.with_file_name("pc.host.unwedge/0001.journal");
            let whole = fs::read_to_string(&journal).unwrap();
            let kept: Vec<&str> = whole.split_inclusive('\n').take(lines).collect();
            if kept.len() < lines {
                break;
            }
            // The line after the last whole one is torn.
            let torn = format!("{}00000000 {{\"event\":\"do", kept.concat());
            fs::write(&journal, torn).unwrap();
            let done = bench.run(&[command, "--yes"]);
            assert_eq!(code(&done), 0, "{lines} lines: {}{}", out(&done), talk(&done));
            let history = out(&bench.run(&["history"]));
            assert!(history.contains(wanted), "{lines} lines: {history}");
            for service in ["TidemarkAgent running", "TidemarkConsole running"] {
                assert!(bench.state().unwrap().contains(service), "{lines} lines, before: {state}");
            }
        }
    }
}

#[test]
fn a_pc_that_waits_for_a_restart_is_not_repaired_before_it() {
    let bench = Bench::new("update-needs-restart.host");
    assert_eq!(code(&bench.run(&["fix", "--yes"])), 5);
    let again = bench.run(&["fix", "--yes"]);
    assert_eq!(code(&again), 5, "{}", out(&again));
    assert!(out(&again).contains("restart the PC") || out(&again).contains("waits for a restart"));
}

#[test]
fn pitfall_16_a_plan_changes_nothing_and_says_how_each_step_is_undone() {
    let bench = Bench::new("backup-agent-locks-datastore.host");
    let planned = bench.run(&["plan"]);
    assert_eq!(code(&planned), 0);
    let text = out(&planned);
    for part in ["Why:", "Touches:", "Undo:", "This cannot:", "Simulated:"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!bench.pc.with_file_name("pc.host.unwedge").exists(), "not even a folder is made");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let bench = Bench::new("backup-agent-locks-datastore.host");
    let fixed = bench.run(&["fix"]);
    assert_eq!(code(&fixed), 4);
    assert!(talk(&fixed).contains("--yes"), "{}", talk(&fixed));
    assert_eq!(bench.state(), None);
}

#[test]
fn a_second_repair_at_once_is_told_to_wait() {
    let bench = Bench::new("backup-agent-locks-datastore.host");
    let folder = bench.pc.with_file_name("pc.host.unwedge");
    fs::create_dir(&folder).unwrap();
    let held = fs::File::create(folder.join("lock")).unwrap();
    held.lock().unwrap();
    for command in ["fix", "undo"] {
        let refused = bench.run(&[command, "--yes"]);
        assert_eq!(code(&refused), 4);
        assert!(talk(&refused).contains("another repair is at work"), "{}", talk(&refused));
    }
}

#[test]
fn evidence_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .args(["fix", "--yes"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&refused), 4);
    assert!(talk(&refused).contains("cannot be repaired"), "{}", talk(&refused));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[cfg(not(windows))]
fn a_pc_without_windows_is_told_what_to_give_instead() {
    let refused =
        Command::new(env!("CARGO_BIN_EXE_unwedge")).args(["fix", "--yes"]).output().unwrap();
    assert_eq!(code(&refused), 2);
    assert!(talk(&refused).contains("it does not run Windows"), "{}", talk(&refused));
}

#[test]
fn a_mistake_in_a_pc_is_told_with_line_and_column() {
    let bench = Bench::new("healthy.host");
    fs::write(&bench.pc, "//- about name=x\n//- service a sleeping manual\n").unwrap();
    let planned = bench.run(&["plan"]);
    assert_eq!(code(&planned), 2);
    assert!(talk(&planned).contains("line 2, column 15"), "{}", talk(&planned));
}

#[test]
fn json_is_data_and_nothing_else() {
    let bench = Bench::new("backup-agent-locks-datastore.host");
    for args in [["plan", "--json"].as_slice(), &["fix", "--yes", "--json"], &["history", "--json"]]
    {
        let done = bench.run(args);
        let json: serde_json::Value = serde_json::from_str(&out(&done)).unwrap();
        assert_eq!(json["schema"], 1, "{args:?}");
    }
    let undone = bench.run(&["undo", "--yes", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out(&undone)).unwrap();
    assert_eq!(json["repair"]["outcome"]["outcome"], "kept");
}

#[test]
fn pitfall_38_without_a_copy_of_the_registry_nothing_is_changed() {
    let bench = Bench::new("wuauserv-disabled.host");
    let kept = bench.pc.with_file_name("pc.host.unwedge");
    fs::create_dir_all(kept.join("0001-before.reg")).unwrap();
    let fixed = bench.run(&["fix", "--yes"]);
    assert_ne!(code(&fixed), 0);
    assert!(talk(&fixed).contains("nothing was changed"), "{}", talk(&fixed));
    assert_eq!(bench.state(), None);
    fs::remove_dir(kept.join("0001-before.reg")).unwrap();
    assert_eq!(code(&bench.run(&["fix", "--yes"])), 0);
    let saved = fs::read(kept.join("0001-before.reg")).unwrap();
    assert_eq!(saved[..2], [0xff, 0xfe], "a file that regedit opens");
}
