//! The restore point before a repair, made by the real program on a running PC of the lab, whose libraries
//! play System Restore and the list of its points.
#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::Value;
use unwedge_lab::locked::HELD;
use unwedge_lab::{Lab, MANAGEMENT, Output, PLAYER, Pc, Registry};

const SETTINGS: &str =
    r"HKEY_LOCAL_MACHINE\Software\Microsoft\Windows NT\CurrentVersion\SystemRestore";
const FREQUENCY: &str = "SystemRestorePointCreationFrequency";

/// A PC on which a service holds what the update needs, with System Restore on and a point that was made a
/// minute ago; how often points are made is set by `frequency`, a line of a .reg file.
fn pc(lab: &Lab, name: &str, restore: &str, frequency: &str) -> Pc {
    let pc = lab.pc(name);
    pc.fail_by_a_lock(&format!("held = {HELD}"));
    pc.write(r"C:\lab\system_restore.txt", restore);
    let made = format!(
        "[root\\default SystemRestore]\nSequenceNumber = u32 7\nDescription = text Today\n\
         CreationTime = text {}\n",
        a_minute_ago()
    );
    pc.write(r"C:\lab\wmi.txt", made);
    pc.play(PLAYER, &MANAGEMENT);
    pc.replace_libraries(&["srclient.dll"]);
    pc.change_registry(&format!(
        "[{SETTINGS}]\n\"RPSessionInterval\"=dword:00000001\n{frequency}\n"
    ));
    pc.start_service("backup", &format!("lock:{HELD}"));
    pc
}

/// As WMI spells a time.
fn a_minute_ago() -> String {
    let date = Command::new("date")
        .args(["--utc", "--date=1 minute ago", "+%Y%m%d%H%M%S.000000-000"])
        .output()
        .expect("this system tells the time");
    String::from_utf8(date.stdout).expect("digits").trim().to_owned()
}

/// What the repair says of itself, and how each of its steps about the restore point ended.
fn fix(pc: &Pc) -> (Output, Value) {
    let told = pc.run(&["fix", "--yes", "--json"]);
    let json =
        serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
    (told, json)
}

/// How the steps ended whose sentence has these words.
fn ended(json: &Value, words: &str) -> Vec<String> {
    let attempts = json["attempts"].as_array().into_iter().flatten();
    let steps = attempts.flat_map(|it| it["repair"]["steps"].as_array().into_iter().flatten());
    let of = steps.filter(|it| it["says"].as_str().is_some_and(|it| it.contains(words)));
    of.map(|it| it["ended"].as_str().unwrap_or_default().to_owned()).collect()
}

fn outcome(json: &Value) -> &Value {
    let last = json["attempts"].as_array().and_then(|all| all.last());
    &last.unwrap_or_else(|| panic!("{json:#}"))["repair"]["outcome"]["outcome"]
}

/// The names of all points.
fn points(pc: &Pc) -> Vec<String> {
    let lines = pc.lines_of("wmi.txt");
    let names = lines.iter().filter_map(|it| it.strip_prefix("Description = text "));
    names.map(str::to_owned).collect()
}

fn frequency(registry: &Registry) -> Option<&str> {
    registry.value(SETTINGS, FREQUENCY)
}

fn settings_changed(pc: &Pc, before: &Registry) -> Vec<String> {
    let mut changed = pc.registry_dump().changes_since(before);
    changed.retain(|it| it.contains("SystemRestore"));
    changed
}

#[test]
fn a_point_is_made_on_a_day_that_has_one_and_how_often_they_are_made_is_put_back() {
    let Some(lab) = Lab::open() else { return };
    let set = format!("\"{FREQUENCY}\"=dword:000002d0");
    for (setting, value) in [("", None), (set.as_str(), Some("dword:000002d0"))] {
        let pc = pc(&lab, "point", "", setting);
        let before = pc.registry_dump();
        assert_eq!(frequency(&before), value);
        let (told, json) = fix(&pc);
        assert_eq!((told.code, outcome(&json)), (0, &"repaired".into()), "{json:#}");
        assert_eq!(ended(&json, "Make a restore point"), ["done"], "{json:#}");
        let made = points(&pc);
        assert_eq!(made.len(), 2, "{made:?}");
        assert!(made[1].starts_with("unwedge, before repair "), "{made:?}");
        let asked = [format!("begin 12 {}", made[1]), "end 8".to_owned()];
        assert_eq!(pc.lines_of("system_restore.log"), asked);
        assert_eq!(settings_changed(&pc, &before), [""; 0]);
        let told = pc.run(&["diagnose", "--json"]);
        assert!(told.stdout.contains("2 restore points, the last of 20"), "{told:?}");
        assert_eq!(pc.run(&["undo", "--yes"]).code, 0);
        assert_eq!(points(&pc), made, "what is taken back needs no point and takes none away");
        assert_eq!(pc.lines_of("system_restore.log"), asked);
    }
}

#[test]
fn a_point_that_windows_only_says_it_made_or_refuses_is_told_and_the_repair_goes_on() {
    let Some(lab) = Lab::open() else { return };
    for (restore, why) in [("makes = none", "it is not so"), ("status = 1058", "1058")] {
        let pc = pc(&lab, "nopoint", restore, "");
        let before = pc.registry_dump();
        let (told, json) = fix(&pc);
        assert_eq!((told.code, outcome(&json)), (0, &"repaired".into()), "{json:#}");
        assert_eq!(ended(&json, "Make a restore point"), ["failed"], "{json:#}");
        let attempts = json["attempts"].as_array().into_iter().flatten();
        let failures: Vec<String> =
            attempts.map(|it| it["repair"]["failures"].to_string()).collect();
        assert!(failures.iter().any(|it| it.contains(why)), "{restore}: {failures:?}");
        assert_eq!(points(&pc), ["Today"]);
        assert_eq!(settings_changed(&pc, &before), [""; 0]);
    }
}

#[test]
fn protection_that_is_off_is_said_and_nothing_is_asked_of_it() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "off", "", "");
    pc.change_registry(&format!("[{SETTINGS}]\n\"RPSessionInterval\"=dword:00000000\n"));
    let before = pc.registry_dump();
    let told = pc.run(&["fix", "--yes", "--restore-point"]);
    assert_eq!(told.code, 0, "{told:?}");
    let said = format!("{}{}", told.stdout, told.stderr);
    assert!(said.contains("System Protection is off"), "{told:?}");
    assert_eq!(pc.lines_of("system_restore.log"), [""; 0]);
    assert_eq!(points(&pc), ["Today"]);
    assert_eq!(settings_changed(&pc, &before), [""; 0]);
}

#[test]
fn a_point_of_which_windows_does_not_tell_is_not_called_made() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "untold", "", "");
    pc.write(r"C:\lab\wmi.txt", "[class root\\default SystemRestore]\ncode = 0x80041003\n");
    let before = pc.registry_dump();
    let (told, json) = fix(&pc);
    assert_eq!((told.code, outcome(&json)), (0, &"repaired".into()), "{json:#}");
    let made = ended(&json, "Make a restore point");
    assert!(made == ["failed"] || made == ["unverified"], "{json:#}");
    assert_eq!(settings_changed(&pc, &before), [""; 0]);
}

#[test]
fn a_repair_cut_off_while_its_point_is_made_puts_back_how_often_they_are_made() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "cutpoint", "takes = 120", &format!("\"{FREQUENCY}\"=dword:000002d0"));
    let before = pc.registry_dump();
    std::thread::scope(|scope| {
        let repair = scope.spawn(|| pc.run(&["fix", "--yes", "--json"]));
        pc.wait_for_line("system_restore.log", "begin 12");
        let ended = pc.run_windows("taskkill", &["/f", "/im", "unwedge.exe"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let told = repair.join().unwrap_or_else(|_| panic!("the repair was not waited for"));
        assert_eq!(told.stdout, "", "it was not cut off: {told:?}");
    });
    assert_eq!(frequency(&pc.registry_dump()), Some("dword:00000000"), "it was not cut off there");
    let undone = pc.run(&["recover", "--yes"]);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert_eq!(settings_changed(&pc, &before), [""; 0]);
    assert_eq!(points(&pc), ["Today"]);
}
