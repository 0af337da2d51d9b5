//! `fix`, `undo` and `history` of the real program on a running PC of the lab, from end to end: a
//! service holds what an update needs, and the update agent of the lab installs only if nobody does.
#![cfg(target_os = "linux")]

use std::fs;

use serde_json::Value;
use unwedge_lab::locked::HELD;
use unwedge_lab::{Lab, Output, Pc};

const DOWNLOADED: &str = r"C:\windows\SoftwareDistribution\Download\5f3e\part.cab";

/// A PC on which the update fails because of a lock; the agent does what `script` says.
fn failing_pc(lab: &Lab, name: &str, script: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(DOWNLOADED, "part of an update");
    pc.fail_by_a_lock(script);
    pc
}

/// What the agent was asked for.
fn asked(pc: &Pc) -> String {
    fs::read_to_string(pc.path(r"C:\lab\update_agent.log")).unwrap_or_default()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn runs(pc: &Pc, service: &str) -> bool {
    pc.run_windows("sc", &["query", service]).stdout.contains("RUNNING")
}

#[test]
fn a_service_that_holds_the_database_is_stopped_while_the_update_is_installed() {
    let Some(lab) = Lab::open() else { return };
    let pc = failing_pc(&lab, "hold", &format!("held = {HELD}\nlicence = yes"));
    pc.start_service("backup", &format!("lock:{HELD}"));
    let told = pc.run(&["fix", "--yes", "--json"]);
    assert_eq!(told.code, 0, "{told:?}\n{}", asked(&pc));
    let attempts = &json(&told)["attempts"];
    let repair = &attempts[attempts.as_array().unwrap().len() - 1]["repair"];
    assert_eq!(repair["outcome"]["outcome"], "repaired", "{told:?}");
    assert_eq!(repair["verification"]["result"], "fixed", "{told:?}");
    assert!(told.stderr.contains("Stop the service backup"), "{told:?}");
    let asked = asked(&pc);
    assert!(asked.contains("licence of KB5099999 accepted"), "{asked}");
    assert!(asked.contains("install KB5099999 0x00000000"), "{asked}");
    assert!(runs(&pc, "backup"), "the service was not started again");
    let past = pc.run(&["history"]);
    assert!(past.code == 0 && past.stdout.contains("repaired"), "{past:?}");
    let undone = pc.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert!(runs(&pc, "backup"), "the undo stopped the service");
    assert!(pc.path(DOWNLOADED).exists() && pc.path(HELD).exists());
}

#[test]
fn a_retry_that_fails_again_leaves_all_as_it_was() {
    let Some(lab) = Lab::open() else { return };
    let pc = failing_pc(&lab, "again", "code = 0x80070021");
    pc.start_service("backup", &format!("lock:{HELD}"));
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let told = pc.run(&["fix", "--yes", "--json"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stdout.contains("error 33"), "{told:?}");
    assert!(asked(&pc).contains("install KB5099999 0x80070021"));
    assert!(runs(&pc, "backup"), "the service was not started again");
    let mut changed = pc.registry_dump().changes_since(&registry);
    changed.retain(|it| !is_by_wine(it));
    assert_eq!(changed, [""; 0]);
    let changed = pc.tree().changes_since(&files);
    let foreign: Vec<&String> = changed.iter().filter(|it| !is_expected(it)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// What Wine itself writes meanwhile: which service it starts, that its desktop has no display, and
/// that its Task Scheduler, once it has had a task, starts with Windows.
fn is_by_wine(changed: &str) -> bool {
    let places =
        [r"\Control\ServiceCurrent]", r"\Control\Video\", r#"\Services\Schedule] "Start""#];
    places.iter().any(|place| changed.contains(place))
}

/// What a repair and the lab's own agent write, and nothing else.
fn is_expected(changed: &str) -> bool {
    let changed = changed.to_lowercase();
    // The task that stands by came and went; its folder alone was touched.
    if changed == "windows/system32/tasks" {
        return true;
    }
    ["programdata", "lab", "windows/logs/cbs", "windows/temp"]
        .iter()
        .any(|folder| changed.starts_with(folder))
}

#[test]
fn an_update_that_is_offered_again_at_once_is_not_believed() {
    let Some(lab) = Lab::open() else { return };
    let pc = failing_pc(&lab, "loop", "again = yes");
    pc.start_service("backup", &format!("lock:{HELD}"));
    let told = pc.run(&["fix", "--yes", "--json"]);
    assert_ne!(told.code, 0, "{told:?}");
    assert!(told.stdout.contains("offers it again"), "{told:?}");
    assert!(runs(&pc, "backup"));
}

#[test]
fn a_repair_that_was_cut_off_is_taken_back() {
    let Some(lab) = Lab::open() else { return };
    let pc = failing_pc(&lab, "cut", &format!("held = {HELD}\nsteps = 100\nstep_ms = 200"));
    pc.start_service("backup", &format!("lock:{HELD}"));
    std::thread::scope(|scope| {
        let repair = scope.spawn(|| pc.run(&["fix", "--yes", "--json"]));
        pc.wait_for_line("update_agent.log", "search online");
        let ended = pc.run_windows("taskkill", &["/f", "/im", "unwedge.exe"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        // The number a killed program ends with is no answer; a report would be one.
        let repair = repair.join().unwrap();
        assert_eq!(repair.stdout, "", "it was not cut off: {repair:?}");
    });
    assert!(!runs(&pc, "backup"), "it was not cut off in the middle");
    let past = pc.run(&["history"]);
    assert!(past.code == 0 && !past.stdout.contains("repaired"), "{past:?}");
    let undone = pc.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert!(runs(&pc, "backup"), "the service was not started again");
    assert!(!asked(&pc).contains("install KB5099999"), "{}", asked(&pc));
}
