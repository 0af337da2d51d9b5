//! Scheduled tasks, as the real program asks for them and switches them: a library of the lab plays the Task
//! Scheduler, since Wine's own lists none.
#![cfg(target_os = "linux")]

use std::fs;

use serde_json::Value;
use unwedge_lab::{Lab, Output, PLAYER, Pc, SCHEDULER};

const PROGRAM: &str = r"C:\Tide\tide.exe";
const TASK: &str = r"\Tide\Updater";
const FILE: &str = r"C:\lab\tasks\Tide\Updater";
const SCAN: &str = r"C:\lab\tasks\Microsoft\Windows\UpdateOrchestrator\Schedule Scan";

/// As the Task Scheduler keeps it.
fn definition(enabled: bool, command: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\
         <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\
         <Settings><Enabled>{enabled}</Enabled><Hidden>false</Hidden></Settings>\
         <Actions Context=\"Author\"><Exec><Command>\"{command}\"</Command></Exec></Actions></Task>"
    )
}

fn pc(lab: &Lab, name: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(PROGRAM, vec![7; 4096]);
    pc.write(FILE, definition(true, PROGRAM));
    pc.write(SCAN, definition(false, r"C:\windows\system32\gone.exe"));
    pc.program("unwedge.exe");
    pc.play(PLAYER, &SCHEDULER);
    // As on every Windows, but not in Wine.
    for key in ["services", "state"] {
        pc.change_registry(&format!(
            "[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Shared Tools\\MSConfig\\{key}]\n"
        ));
    }
    pc
}

fn json(told: &Output) -> Value {
    serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"))
}

fn stored(pc: &Pc) -> String {
    fs::read_to_string(pc.path(FILE)).expect("the task is there")
}

#[test]
fn a_task_that_would_run_a_program_is_named_and_holds_nothing() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "wouldrun");
    let told = pc.run(&["who", "--json", PROGRAM]);
    let answer = json(&told);
    assert_eq!((told.code, &answer["told"]), (0, &"nobody".into()), "{answer:#}");
    let [only] = &answer["holders"].as_array().expect("a list")[..] else { panic!("{answer:#}") };
    let how = (&only["hold"]["kind"], &only["hold"]["name"], &only["certainty"]);
    assert_eq!(how, (&"task".into(), &TASK.into(), &"candidate".into()), "{only:#}");
}

#[test]
fn a_diagnosis_tells_tasks_of_updates_that_are_off_or_run_what_is_gone() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "scan");
    let log = "2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r\n";
    pc.write(r"C:\windows\Logs\CBS\CBS.log", log);
    let json = json(&pc.run(&["diagnose", "--json"]));
    let all = json["this_pc"].as_array().expect("a list").iter();
    let notes: Vec<&str> =
        all.filter(|it| it["topic"] == "tasks").filter_map(|it| it["told"].as_str()).collect();
    let name = r"\Microsoft\Windows\UpdateOrchestrator\Schedule Scan";
    let off = format!("the task {name} of Windows Update is switched off");
    assert!(notes.contains(&off.as_str()), "{json:#}");
    assert!(notes.iter().any(|it| it.contains("gone.exe, which is gone")), "{json:#}");
    assert!(!notes.iter().any(|it| it.contains("Tide")), "{json:#}");
}

#[test]
fn a_clean_boot_switches_a_task_off_and_puts_it_back() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "switch");
    let before = stored(&pc);
    let said = pc.run(&["clean-boot", "on", "--yes", "--only", TASK]);
    assert_eq!(said.code, 5, "it takes a restart: {said:?}");
    assert_eq!(stored(&pc), definition(false, PROGRAM));
    let status = pc.run(&["clean-boot", "status", "--json"]);
    let status = json(&status);
    assert_eq!(status["ours_off"], serde_json::json!([TASK]), "{status:#}");
    assert_eq!(status["is_clean_boot"], true, "{status:#}");
    let said = pc.run(&["clean-boot", "off", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(stored(&pc), before);
    let status = json(&pc.run(&["clean-boot", "status", "--json"]));
    assert_eq!(status["is_clean_boot"], false, "{status:#}");
}

#[test]
fn a_task_that_was_taken_off_the_pc_meanwhile_stops_nothing() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "takenoff");
    let said = pc.run(&["clean-boot", "on", "--yes", "--only", TASK]);
    assert_eq!(said.code, 5, "it takes a restart: {said:?}");
    fs::remove_file(pc.path(FILE)).expect("the task is there");
    let said = pc.run(&["clean-boot", "off", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!pc.path(FILE).exists());
}
