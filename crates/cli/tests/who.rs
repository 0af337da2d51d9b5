//! `unwedge who` as a person and a script see it, on PCs written down as text.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const DATABASE: &str = r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb";

/// One of everything that holds.
const BUSY: &str = r#"
//- about name=BUSY build=26100.1
//- service ekrn running automatic pid=8 display="ESET Service" image="C:\Program Files\ESET\ekrn.exe" protected
//- process 4 System
//- process 600 OneDrive.exe image=C:\Users\a\OneDrive.exe user=BUSY\a
//- process 700 shell.exe image=C:\Tools\shell.exe
//- file C:\Users\a\OneDrive.exe signed=microsoft
//- file C:\Tools\shell.exe unsigned
//- holder service=ekrn path=C:\data\a.dat share=read
//- holder process=600 path=C:\data\b.dat range=0..10 range=4096..8192
//- holder process=600 path=C:\data\c.dat how=mapping
//- holder process=700 path=C:\data how=directory
//- holder process=700 path=C:\data\lib.dll how=image
//- holder process=4 path=C:\data\COMPONENTS hive=\REGISTRY\MACHINE\COMPONENTS
//- holder task=\Tidemark\Nightly path=C:\data\run.exe
//- holder filter=eamonm path=C:\data\a.dat
"#;

fn unwedge(args: &[&str]) -> (i32, String, String) {
    let output: Output =
        Command::new(env!("CARGO_BIN_EXE_unwedge")).args(args).output().expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn example(name: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    project.join("examples").join(name).to_str().unwrap().to_owned()
}

fn pc(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("pc.host");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn json(pc: &str, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = unwedge(&[&["who", "--json", "--pc", pc], args].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {err}")))
}

#[test]
fn the_table_tells_holder_manner_certainty_and_what_to_do() {
    let pc = example("backup-agent-locks-datastore.host");
    let (code, out, _) = unwedge(&["who", DATABASE, "--pc", &pc]);
    assert_eq!(code, 1);
    let expected = r"Somebody holds C:\Windows\SoftwareDistribution\DataStore\DataStore.edb.

Holder                      How   Keeps others from         Certainty
tmagent.exe (process 4312)  open  bytes 0 to 65535, locked  confirmed
  File     C:\Windows\SoftwareDistribution\DataStore\DataStore.edb
  Service  Tidemark Backup Agent (TidemarkAgent)
  Signer   not known: what is known of this PC does not say
  Started  C:\Program Files\Tidemark\tmagent.exe --service
  To do    Not known here. If you know what it is for, stop the service Tidemark
           Backup Agent (TidemarkAgent) (services.msc) and start it again after
           the update.

svchost.exe (process 1204)  open  deleting or renaming      confirmed
  File     C:\Windows\SoftwareDistribution\DataStore\DataStore.edb
  Service  Windows Update (wuauserv)
  Signer   not known: what is known of this PC does not say
  Started  C:\Windows\system32\svchost.exe -k netsvcs -p
  To do    Stop the service Windows Update (wuauserv) for a while
           (services.msc).
";
    assert_eq!(out, expected);
}

#[test]
fn what_updates_write_to_needs_no_path() {
    let pc = example("backup-agent-locks-datastore.host");
    let (code, told) = json(&pc, &["--update"]);
    assert_eq!((code, &told["told"]), (1, &"somebody".into()));
    assert_eq!(told["holders"].as_array().unwrap().len(), 2);
    assert_eq!(told["holders"][0]["asked"], r"C:\Windows\SoftwareDistribution");
    let (code, told) = json(&example("healthy.host"), &["--update"]);
    assert_eq!((code, &told["told"]), (0, &"nobody".into()), "{told:#}");
    assert_eq!(unwedge(&["who"]).0, 2, "neither a path nor --update");
}

#[test]
fn every_kind_of_hold_is_told_for_programs() {
    let (_folder, pc) = pc(BUSY);
    let (code, told) = json(&pc, &[r"C:\data"]);
    assert_eq!((code, &told["schema"], &told["told"]), (1, &1.into(), &"somebody".into()));
    let holders = told["holders"].as_array().unwrap();
    let of = |kind: &str| {
        let found = holders.iter().find(|it| it["hold"]["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {told:#}"))
    };
    let handle = of("handle");
    assert!(handle["witnesses"][0] == "fixture" && handle["certainty"] == "confirmed");
    let eset = holders.iter().find(|it| it["services"][0]["name"] == "ekrn").unwrap();
    assert_eq!(eset["products"][0]["vendor"], "ESET");
    assert_eq!(eset["conflict"]["others_may_write"], false);
    assert_eq!(eset["handling"]["owner"], "security");
    assert_eq!(eset["handling"]["may_be_stopped"], "official_way");
    let locked = holders.iter().find(|it| it["conflict"]["kind"] == "byte_range").unwrap();
    assert_eq!(locked["conflict"]["ranges"][1]["from"], 4096);
    assert_eq!(locked["process"]["user"], r"BUSY\a");
    assert_eq!(locked["process"]["signature"]["standing"], "trusted");
    assert_eq!(locked["process"]["signature"]["signer"]["is_microsoft"], true);
    assert_eq!(of("working_directory")["process"]["signature"]["standing"], "unsigned");
    assert_eq!(of("image")["process"].get("signature"), None, "it is not asked of everyone");
    assert_eq!(of("hive")["handling"]["may_be_stopped"], "never");
    assert_eq!(of("image")["counts"], false, "in a folder it keeps nobody out");
    assert_eq!(of("filter")["certainty"], "candidate");
    assert_eq!(of("filter")["products"][0]["vendor"], "ESET");
    assert_eq!(of("task")["hold"]["name"], r"\Tidemark\Nightly");
    assert_eq!(of("mapping")["conflict"]["kind"], "mapped_data");
    assert_eq!(of("working_directory")["conflict"]["others_may_delete"], false);
}

#[test]
fn what_keeps_nobody_out_is_counted_and_shown_when_asked_for() {
    let (_folder, pc) = pc(BUSY);
    let (_, few, _) = unwedge(&["who", r"C:\data", "--pc", &pc]);
    assert!(few.contains("One has something there open or loaded"), "{few}");
    assert!(!few.contains("lib.dll"), "{few}");
    let (_, all, _) = unwedge(&["who", r"C:\data", "--all", "--pc", &pc]);
    assert!(all.contains("lib.dll") && all.contains("runs or has it loaded"), "{all}");
    for text in [few, all] {
        let fits = |line: &str| line.chars().count() <= 80 || !line.trim().contains(' ');
        assert!(text.lines().all(fits), "{text}");
        assert!(!text.contains('\u{1b}'), "no colours in a file");
    }
}

#[test]
fn could_not_tell_never_looks_like_nobody() {
    let hidden = "//- process 7 x.exe\n//- holder process=7 path=C:\\data\\a share=none hidden\n";
    let (_folder, unseen) = pc(hidden);
    let (code, out, _) = unwedge(&["who", r"C:\data", "--pc", &unseen]);
    assert_eq!(code, 3);
    assert!(out.starts_with("Could not tell who holds C:\\data"), "{out}");
    assert!(!out.contains("Nobody") && out.contains("some holders"), "{out}");
    let (code, told) = json(&unseen, &[r"C:\data"]);
    assert_eq!((code, &told["told"]), (3, &"could_not_tell".into()));
    // Files of a PC do not tell.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), "").unwrap();
    let (code, out, _) = unwedge(&["who", r"C:\a", "--pc", folder.path().to_str().unwrap()]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("files copied from a PC"), "{out}");
    let (_folder, free) = pc("//- folder C:\\data\n");
    let (code, out, _) = unwedge(&["who", r"C:\data", "--pc", &free]);
    assert_eq!((code, out.as_str()), (0, "Nobody holds C:\\data.\n"));
}

#[test]
fn what_is_not_there_or_no_path_is_an_error() {
    let (_folder, pc) = pc("//- absent C:\\data\n//- folder C:\\other\n");
    let (code, out, err) = unwedge(&["who", r"C:\data", "--pc", &pc]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there is no C:\\data"), "{err}");
    let (code, out, _) = unwedge(&["who", r"C:\data", r"C:\other", "--pc", &pc]);
    assert_eq!(code, 0);
    assert!(out.contains("There is no C:\\data."), "{out}");
    let (code, _, err) = unwedge(&["who", "data", "--pc", &pc]);
    assert_eq!(code, 2);
    assert!(err.contains("not a whole path"), "{err}");
}

#[test]
fn a_watch_tells_who_came_with_the_time_and_ends_when_it_is_told_to() {
    let (_folder, pc) = pc(BUSY);
    let watched = ["who", r"C:\data\a.dat", "--watch", "--every", "1s", "--for", "1s", "--pc", &pc];
    let (code, out, err) = unwedge(&watched);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("Ctrl-C"), "{err}");
    let (time, rest) = out.split_once("  ").unwrap();
    assert!(time.len() == 9 && time.ends_with('Z'), "{out}");
    assert!(rest.starts_with("came") && rest.contains("ekrn.exe (process 8)"), "{out}");
    let (_, out, _) = unwedge(&[&watched[..], &["--json"]].concat());
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["turn"]["kind"], "came", "{out}");
    assert_eq!(lines[0]["turn"]["holder"]["services"][0]["name"], "ekrn");
    assert!(lines[0]["at"].is_string() && lines[0]["schema"] == 1);
}
