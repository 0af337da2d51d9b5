//! `unwedge who` with the real program, of services and programs of the lab that hold files.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use unwedge_lab::{Lab, Output, Pc};

const UPDATE: &str = r"C:\windows\SoftwareDistribution";
const DATABASE: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";

fn asked(pc: &Pc, arguments: &[&str]) -> (i32, Value) {
    let told: Output = pc.run(&[&["who", "--json"], arguments].concat());
    let json = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
    (told.code, json)
}

/// The only holder of `path`.
#[track_caller]
fn holder<'a>(told: &'a Value, path: &str) -> &'a Value {
    let holders = told["holders"].as_array().unwrap();
    let of: Vec<&Value> = holders.iter().filter(|it| it["path"] == path).collect();
    let [only] = of.as_slice() else { panic!("{path}: {told:#}") };
    only
}

/// A PC on which the files of updates lie, held by nobody.
fn pc(lab: &Lab, name: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(DATABASE, vec![7; 4096]);
    pc.write(&format!(r"{UPDATE}\Download\part.bin"), vec![7; 4096]);
    pc.program("unwedge.exe");
    pc
}

#[test]
fn each_service_is_named_with_the_way_it_holds_and_nothing_is_changed() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "who");
    let library = pc.path(r"C:\windows\system32\version.dll");
    pc.copy_in(&library, r"C:\windows\WinSxS\part\held.dll");
    let part = format!(r"{UPDATE}\Download\part.bin");
    pc.start_service("rangelock", &format!("lock:{DATABASE}"));
    pc.start_service("folderkeep", &format!(r"keep:{UPDATE}\DataStore"));
    pc.start_service("mapper", &format!("map:{part}"));
    pc.start_service("loader", r"load:C:\windows\WinSxS\part\held.dll");
    pc.start_service("dweller", &format!(r"here:{UPDATE}\Download"));
    let (files, registry) = (pc.tree(), pc.registry_dump());

    let library = r"C:\windows\WinSxS\part\held.dll";
    let (code, told) = asked(&pc, &["--update", library]);
    assert_eq!((code, &told["told"]), (1, &"somebody".into()), "{told:#}");
    for (path, service, hold, conflict) in [
        (DATABASE, "rangelock", "handle", "byte_range"),
        (&format!(r"{UPDATE}\DataStore"), "folderkeep", "handle", "sharing"),
        (&part, "mapper", "mapping", "mapped_data"),
        (library, "loader", "image", "mapped_image"),
    ] {
        let it = holder(&told, path);
        assert_eq!(it["services"][0]["name"], service, "{it:#}");
        assert_eq!(it["process"]["image"], "lab-service.exe", "{it:#}");
        let manner = (&it["hold"]["kind"], &it["conflict"]["kind"], &it["certainty"]);
        let confirmed = "confirmed".into();
        assert_eq!(manner, (&hold.into(), &conflict.into(), &confirmed), "{it:#}");
        assert_eq!(it["handling"]["owner"], "unknown", "{it:#}");
    }
    let locked = &holder(&told, DATABASE)["conflict"]["ranges"];
    assert_eq!(*locked, serde_json::json!([{"from": 100, "to": 200}]));
    let works = |it: &&Value| it["hold"]["kind"] == "working_directory";
    let dweller = told["holders"].as_array().unwrap().iter().find(works).unwrap();
    assert_eq!(dweller["services"][0]["name"], "dweller", "{dweller:#}");

    // A second look finds the same: the first left nothing locked and freed nothing.
    let (_, again) = asked(&pc, &["--update", library]);
    assert_eq!(again["holders"], told["holders"]);
    let text = pc.run(&["who", DATABASE]);
    assert_eq!(text.code, 1, "{text:?}");
    assert!(text.stdout.contains("bytes 100 to 199, locked"), "{text:?}");
    assert!(text.stdout.contains("rangelock"), "{text:?}");

    assert_eq!(pc.registry_dump().changes_beside_wine_since(&registry), [""; 0]);
    assert_eq!(pc.tree().changes_since(&files), [""; 0]);
}

#[test]
fn who_is_gone_is_told_no_more_and_what_is_not_there_is_an_error() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "gone");
    let (code, told) = asked(&pc, &[DATABASE]);
    assert_eq!((code, &told["told"]), (0, &"nobody".into()), "{told:#}");
    pc.start_service("brief", &format!("own:{DATABASE}"));
    let (code, told) = asked(&pc, &[DATABASE]);
    assert_eq!(code, 1, "{told:#}");
    let it = holder(&told, DATABASE);
    assert_eq!(it["conflict"]["others_may_read"], false, "{it:#}");
    assert_eq!(pc.run_windows("sc", &["stop", "brief"]).code, 0);
    pc.wait_for_line("service.log", "brief stopped");
    let (code, told) = asked(&pc, &[DATABASE]);
    assert_eq!((code, &told["told"]), (0, &"nobody".into()), "{told:#}");
    let missing = pc.run(&["who", r"C:\no\such\file"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""), "{missing:?}");
}

#[test]
fn a_watch_sees_who_comes_and_who_goes() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "turns");
    let mut told = String::new();
    // As a person would: the watch runs beside.
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let every = ["who", DATABASE, "--watch", "--every", "1s", "--for", "14s", "--json"];
            pc.run(&every)
        });
        let holder = pc.start_program("lab-service.exe", &["-", &format!("own:{DATABASE}")]);
        std::thread::sleep(std::time::Duration::from_secs(6));
        drop(holder);
        let done = watch.join().unwrap();
        assert_eq!(done.code, 1, "{done:?}");
        told = done.stdout;
    });
    let turns: Vec<Value> = told.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let kinds: Vec<&str> = turns.iter().filter_map(|it| it["turn"]["kind"].as_str()).collect();
    assert_eq!(kinds, ["came", "went"], "{told}");
    assert_eq!(turns[0]["turn"]["holder"]["process"]["image"], "lab-service.exe");
}
