//! What other parts of Windows know of holders, asked by the real program: the Filter Manager and the
//! Restart Manager, played by a library of the lab.
#![cfg(target_os = "linux")]

use serde_json::Value;
use unwedge_lab::{Lab, Pc};

const DATABASE: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";
const FILTERS: &str = "\
mini = WdFilter 328010 0 4
mini = klif 320401 0 3
legacy = OldWatch
";

fn pc(lab: &Lab, name: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(DATABASE, vec![7; 4096]);
    pc.program("unwedge.exe");
    pc.replace_libraries(&["fltlib.dll", "rstrtmgr.dll"]);
    pc
}

fn who(pc: &Pc) -> (i32, Value) {
    let told = pc.run(&["who", "--json", DATABASE]);
    let json = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
    (told.code, json)
}

fn list<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    json[name].as_array().unwrap_or_else(|| panic!("no {name}: {json:#}"))
}

/// The only holder.
#[track_caller]
fn holder(json: &Value) -> &Value {
    let [only] = list(json, "holders") else { panic!("{json:#}") };
    only
}

#[test]
fn filters_that_may_hold_a_file_in_the_kernel_are_named_where_nobody_is_seen_to() {
    let Some(lab) = Lab::open() else { return };
    for form in ["", "together\n"] {
        let pc = pc(&lab, "filters");
        pc.write(r"C:\lab\filters.txt", format!("{FILTERS}{form}"));
        let (files, registry) = (pc.tree(), pc.registry_dump());
        let lock = pc.lock_unseen(DATABASE);
        let (code, told) = who(&pc);
        assert_eq!((code, &told["told"]), (3, &"could_not_tell".into()), "{told:#}");
        let found: Vec<(&str, Option<&str>)> = list(&told, "holders")
            .iter()
            .map(|it| (it["hold"]["name"].as_str().unwrap(), it["hold"]["altitude"].as_str()))
            .collect();
        let all = [("WdFilter", Some("328010")), ("klif", Some("320401")), ("OldWatch", None)];
        assert_eq!(found.len(), all.len(), "{told:#}");
        assert!(all.iter().all(|it| found.contains(it)), "{told:#}");
        for it in list(&told, "holders") {
            let how = (&it["hold"]["kind"], &it["certainty"], &it["counts"]);
            assert_eq!(how, (&"filter".into(), &"candidate".into(), &false.into()), "{it:#}");
            assert_eq!(it["witnesses"], serde_json::json!(["filter_manager"]));
        }
        let klif = list(&told, "holders").iter().find(|it| it["hold"]["name"] == "klif").unwrap();
        assert!(klif["products"][0]["name"].as_str().unwrap().contains("Kaspersky"), "{klif:#}");
        let text = pc.run(&["who", DATABASE]);
        assert!(text.stdout.contains("filter klif") && text.code == 3, "{text:?}");
        let mut asked = pc.lines_of("filters.log");
        asked.truncate(asked.len() / 2);
        let told_at_once: &[&str] = &["first", "next", "close"];
        let one_by_one: &[&str] = &["first", "next", "next", "next", "close"];
        assert_eq!(asked, if form.is_empty() { one_by_one } else { told_at_once });
        drop(lock);
        let (code, told) = who(&pc);
        assert_eq!((code, &told["told"]), (0, &"nobody".into()), "{told:#}");
        pc.assert_only_read(&files, &registry);
    }
}

#[test]
fn filters_that_windows_does_not_tell_are_a_gap_and_nobody_is_called_free() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "nofilters");
    for (refusal, asked) in [("code", &["first"][..]), ("later", &["first", "next", "close"][..])] {
        pc.write(r"C:\lab\filters.txt", format!("{refusal} = 0x80070005\n{FILTERS}"));
        let lock = pc.lock_unseen(DATABASE);
        let (code, told) = who(&pc);
        assert_eq!((code, &told["told"]), (3, &"could_not_tell".into()), "{told:#}");
        assert_eq!(list(&told, "holders"), [Value::Null; 0], "{told:#}");
        let [gap] = list(&told, "gaps") else { panic!("{told:#}") };
        assert!(gap["what"].as_str().unwrap().contains("filters"), "{gap:#}");
        assert!(gap["why"].as_str().unwrap().contains("5"), "{gap:#}");
        assert_eq!(pc.lines_of("filters.log"), asked, "each search is closed");
        std::fs::remove_file(pc.path(r"C:\lab\filters.log")).unwrap();
        drop(lock);
    }
}

#[test]
fn a_diagnosis_tells_the_filters_of_others_that_are_loaded() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "loaded");
    let notes = |pc: &Pc| {
        let told = pc.run(&["diagnose", "--json"]);
        let json: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
        let all = list(&json, "this_pc").iter().filter(|it| it["topic"] == "filters");
        let notes: Vec<String> = all.map(|it| it["told"].as_str().unwrap().to_owned()).collect();
        (notes, json)
    };
    pc.write(r"C:\lab\filters.txt", FILTERS);
    let (told, json) = notes(&pc);
    assert_eq!(told.len(), 2, "that of Windows is no news: {json:#}");
    assert!(told[0].contains("klif at 320401") && told[0].contains("Kaspersky"), "{told:?}");
    assert!(told[1].contains("OldWatch (of the old kind)"), "{told:?}");
    pc.write(r"C:\lab\filters.txt", "code = 0x80070005");
    let (told, json) = notes(&pc);
    assert_eq!(told, [""; 0]);
    let gap = list(&json, "gaps").iter().find(|it| it["what"] == "the filters that are loaded");
    let why = gap.unwrap_or_else(|| panic!("{json:#}"))["why"].to_string();
    assert!(why.contains("administrator"), "{why}");
}

#[test]
fn the_restart_manager_confirms_whom_others_saw_and_its_refusal_frees_nobody() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "confirmed");
    // Into this one nobody can look, so that the table of handles alone leaves it open who locks.
    pc.start_service("blind", "closed");
    pc.start_service("rangelock", &format!("lock:{DATABASE}"));
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let (code, told) = who(&pc);
    assert_eq!(code, 1, "{told:#}");
    let it = holder(&told);
    assert_eq!(it["certainty"], "likely", "{it:#}");
    assert_eq!(it["witnesses"], serde_json::json!(["handle_table"]));
    let pid = it["process"]["pid"].as_u64().unwrap();
    let register = format!("register {DATABASE}");
    let asked = |pc: &Pc| {
        let lines = pc.lines_of("restart_manager.log");
        std::fs::remove_file(pc.path(r"C:\lab\restart_manager.log")).unwrap();
        lines
    };
    assert_eq!(asked(&pc), ["start", &register, "list into 64", "end"]);

    let both = serde_json::json!(["handle_table", "restart_manager"]);
    let alone = serde_json::json!(["handle_table"]);
    let more = ["list into 64", "list into 117"];
    let grown = ["list into 64", "list into 81", "list into 131", "list into 181"];
    for (script, certainty, witnesses, lists) in [
        ("", "confirmed", &both, &more[..1]),
        ("ended = 100", "confirmed", &both, &more[..]),
        ("grows", "likely", &alone, &grown[..]),
        ("list = 121", "likely", &alone, &more[..1]),
        ("register = 29", "likely", &alone, &[][..]),
    ] {
        pc.write(r"C:\lab\restart_manager.txt", format!("uses = {pid}\n{script}\n"));
        let (code, told) = who(&pc);
        assert_eq!((code, &told["told"]), (1, &"somebody".into()), "{script}: {told:#}");
        let it = holder(&told);
        assert_eq!(
            (&it["certainty"], &it["witnesses"]),
            (&certainty.into(), witnesses),
            "{script}"
        );
        let expected = [&["start", &register], lists, &["end"]].concat();
        assert_eq!(asked(&pc), expected, "{script}: nothing is ended, and every session is");
    }
    // A number that was another's before, and a manager that gives no session.
    for script in [format!("uses = {pid} born 5"), "start = 353".to_owned()] {
        pc.write(r"C:\lab\restart_manager.txt", &script);
        let (_, told) = who(&pc);
        assert_eq!(holder(&told)["witnesses"], alone, "{script}: {told:#}");
    }
    pc.assert_only_read(&files, &registry);
}

#[test]
fn a_holder_into_whom_nobody_can_look_is_told_by_the_restart_manager_alone() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "blind");
    pc.start_service("blind", &format!("closed own:{DATABASE}"));
    pc.write(r"C:\lab\restart_manager.txt", "list = 121\n");
    let (code, told) = who(&pc);
    assert_eq!((code, &told["told"]), (3, &"could_not_tell".into()), "{told:#}");
    assert_eq!(list(&told, "holders"), [Value::Null; 0], "{told:#}");
    let blind = list(&told, "not_inspected").iter().find(|it| it["services"][0] == "blind");
    let pid = blind.unwrap_or_else(|| panic!("{told:#}"))["pid"].as_u64().unwrap();
    pc.write(r"C:\lab\restart_manager.txt", format!("uses = {pid}\n"));
    let (code, told) = who(&pc);
    assert_eq!((code, &told["told"]), (1, &"somebody".into()), "{told:#}");
    let it = holder(&told);
    let how = (&it["hold"]["kind"], &it["conflict"]["kind"], &it["services"][0]["name"]);
    assert_eq!(how, (&"use".into(), &"sharing".into(), &"blind".into()), "{it:#}");
    assert_eq!(it["witnesses"], serde_json::json!(["restart_manager"]));
}
