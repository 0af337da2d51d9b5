//! Repairs about Microsoft Defender, made by the real program on a running PC of the lab, whose library
//! plays the WMI of Defender.
#![cfg(target_os = "linux")]

use serde_json::Value;
use unwedge_lab::locked::{HELD, KB};
use unwedge_lab::{Lab, MANAGEMENT, Output, PLAYER, Pc, SCHEDULER};

const DEFENDER: &str = r"root\Microsoft\Windows\Defender";

/// A PC on which Defender holds what the update needs; its settings behave as `manners` say.
fn pc(lab: &Lab, name: &str, tamper_protected: bool, manners: &str, agent: &str) -> Pc {
    let pc = lab.pc(name);
    pc.fail_by_a_lock(&format!("code = 0x80070021\n{agent}"));
    let objects = format!(
        "[{DEFENDER} MSFT_MpComputerStatus]\nAMServiceEnabled = bool true\n\
         RealTimeProtectionEnabled = bool true\nIsTamperProtected = bool {tamper_protected}\n\
         AMRunningMode = text Normal\n\
         [{DEFENDER} MSFT_MpPreference]\nDisableRealtimeMonitoring = bool false\n\
         ExclusionPath = list C:\\Own\n\
         [class {DEFENDER} MSFT_MpPreference]\n{manners}\n"
    );
    pc.write(r"C:\lab\wmi.txt", objects);
    pc.play(PLAYER, &MANAGEMENT);
    pc.play(PLAYER, &SCHEDULER);
    pc.start_service("WinDefend", &format!("lock:{HELD}"));
    pc
}

fn fix(pc: &Pc, repair: &str) -> (Output, Value) {
    let told = pc.run(&["fix", "--yes", "--json", "--repair", repair]);
    let json = serde_json::from_str(&told.stdout).unwrap_or(Value::Null);
    (told, json)
}

/// How Defender stands: protection in real time, and what it leaves alone.
fn stands(pc: &Pc) -> (bool, bool, String) {
    let lines = pc.lines_of("wmi.txt");
    let value = |name: &str| {
        let found = lines.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix(" = "));
        found.unwrap_or_else(|| panic!("{name}: {lines:?}")).to_owned()
    };
    let on = value("RealTimeProtectionEnabled") == "bool true";
    (on, value("DisableRealtimeMonitoring") == "bool true", value("ExclusionPath"))
}

fn as_before() -> (bool, bool, String) {
    (true, false, r"list C:\Own".to_owned())
}

/// How often a method was called.
fn called(pc: &Pc, method: &str) -> usize {
    let calls = pc.lines_of("wmi.log");
    assert!(calls.iter().all(|it| it.contains("Force = bool true")), "{calls:?}");
    calls.iter().filter(|it| it.starts_with(&format!("MSFT_MpPreference.{method} "))).count()
}

#[test]
fn the_database_is_left_alone_for_one_try_and_what_was_excluded_before_stays() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "exclude", false, &format!("frees = {KB}"), "");
    let (told, json) = fix(&pc, "exclude-update-files");
    assert_eq!(told.code, 0, "{told:?}");
    let repair = &json["attempts"][0]["repair"];
    assert_eq!(repair["outcome"]["outcome"], "repaired", "{json:#}");
    assert_eq!((called(&pc, "Add"), called(&pc, "Remove"), called(&pc, "Set")), (5, 5, 0));
    assert_eq!(stands(&pc), as_before());
}

#[test]
fn protection_is_off_for_one_try_and_on_again() {
    let Some(lab) = Lab::open() else { return };
    for (manners, code) in [(format!("frees = {KB}"), 0), (String::new(), 1)] {
        let pc = pc(&lab, "pause", false, &manners, "");
        let (told, json) = fix(&pc, "pause-protection");
        assert_eq!(told.code, code, "{told:?}");
        let outcome = &json["attempts"][0]["repair"]["outcome"]["outcome"];
        assert_eq!(outcome == "repaired", code == 0, "{json:#}");
        assert_eq!(called(&pc, "Set"), 2, "{:?}", pc.lines_of("wmi.log"));
        assert_eq!(stands(&pc), as_before());
    }
}

#[test]
fn settings_that_are_taken_and_not_kept_or_refused_are_not_called_done() {
    let Some(lab) = Lab::open() else { return };
    for (manners, why) in [("ignores = yes", "it is not so"), ("returns = 0x800106ba", "800106BA")]
    {
        for repair in ["pause-protection", "exclude-update-files"] {
            let pc = pc(&lab, "ignored", false, &format!("frees = {KB}\n{manners}"), "");
            let (told, json) = fix(&pc, repair);
            assert_eq!(told.code, 1, "{told:?}");
            let repair = &json["attempts"][0]["repair"];
            assert_eq!(repair["steps"][0]["ended"], "failed", "{json:#}");
            assert!(repair["failures"].to_string().contains(why), "{json:#}");
            assert_eq!(stands(&pc), as_before());
        }
    }
}

/// Wine's own scheduler forgets when a task is to start.
#[test]
fn without_a_task_that_is_sure_to_give_it_back_nothing_is_lent() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "notask", false, &format!("frees = {KB}"), "");
    pc.play(r"..\windows\system32\taskschd.dll", &SCHEDULER);
    let (told, json) = fix(&pc, "pause-protection");
    assert_eq!(told.code, 1, "{told:?}");
    let failures = json["attempts"][0]["repair"]["failures"].to_string();
    assert!(failures.contains("without a task that is sure"), "{json:#}");
    assert_eq!(called(&pc, "Set"), 0);
    assert_eq!(stands(&pc), as_before());
}

#[test]
fn tamper_protection_is_never_worked_around() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "tamper", true, &format!("frees = {KB}"), "");
    let told = pc.run(&["fix", "--yes", "--repair", "pause-protection"]);
    assert_ne!(told.code, 0, "{told:?}");
    assert!(format!("{}{}", told.stdout, told.stderr).contains("Tamper Protection"), "{told:?}");
    assert_eq!(pc.lines_of("wmi.log"), [""; 0]);
    assert_eq!(stands(&pc), as_before());
}

#[test]
fn protection_that_was_lent_when_the_repair_was_cut_off_is_given_back() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "lent", false, "", "steps = 100\nstep_ms = 200");
    std::thread::scope(|scope| {
        let repair = scope.spawn(|| fix(&pc, "pause-protection"));
        pc.wait_for_line("update_agent.log", "search online");
        let ended = pc.run_windows("taskkill", &["/f", "/im", "unwedge.exe"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let (told, _) = repair.join().unwrap_or_else(|_| panic!("the repair was not waited for"));
        assert_eq!(told.stdout, "", "it was not cut off: {told:?}");
    });
    assert_eq!(stands(&pc), (false, true, r"list C:\Own".to_owned()), "it was not cut off there");
    let undone = pc.run(&["recover", "--yes"]);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert_eq!(stands(&pc), as_before());
}
