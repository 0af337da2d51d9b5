//! `unwedge timeline` as a script sees it: what it is given, what it prints, how it ends.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const CBS: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)\r
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441\r
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION, \"so\"\r
  it continues\r
2026-01-02 10:00:04, Error                 CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
";
const DISM: &str = "\
2026-01-02 02:00:02, Info                  CSI    00000001@2026/1/2:09:00:02.500 stamp\r
2026-01-02 02:00:03, Warning               DISM   DISM Provider Store: PID=1 TID=2 =formula\r
2026-01-03 02:00:03, Info                  DISM   =1+1\r
";

fn evidence() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), CBS).unwrap();
    fs::write(folder.path().join("dism.log"), DISM).unwrap();
    folder
}

fn timeline(path: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unwedge"));
    command.arg("timeline").arg(path).args(args).output().expect("it can be started")
}

#[track_caller]
fn entries(path: &Path, args: &[&str]) -> Vec<Value> {
    let output = timeline(path, &[&["--json"], args].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn places(entries: &[Value]) -> Vec<String> {
    let name =
        |it: &Value| Path::new(it["source"].as_str().unwrap()).file_name().unwrap().to_owned();
    let place = |it: &Value| format!("{}:{}", name(it).display(), it["line"]);
    entries.iter().map(place).collect()
}

#[test]
fn logs_of_two_zones_are_merged_by_utc() {
    let folder = evidence();
    let entries = entries(folder.path(), &[]);
    let times: Vec<&str> = entries.iter().map(|it| it["time"].as_str().unwrap()).collect();
    assert_eq!(entries.len(), 9);
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times[0], "2026-01-02T09:00:00Z");
    assert!(entries.iter().all(|it| it["utc"] == true));
    let csi = entries.iter().find(|it| it["line"] == 4).unwrap();
    assert!(csi["text"].as_str().unwrap().ends_with("\n  it continues"));
    assert_eq!((&csi["kb"], &csi["session"]), (&"KB5034441".into(), &"31100000_1".into()));
}

#[test]
fn each_filter_narrows() {
    let folder = evidence();
    let of = |args: &[&str]| places(&entries(folder.path(), args));
    assert_eq!(of(&["--from", "2026-01-03"]), ["dism.log:3"]);
    assert_eq!(of(&["--to", "2026-01-02T10:00:01+01:00"]), ["CBS.log:1"]);
    assert_eq!(of(&["--last", "1h"]), ["dism.log:3"]);
    assert_eq!(of(&["--kb", "KB5034441"]), ["CBS.log:3", "CBS.log:4", "CBS.log:6"]);
    assert_eq!(of(&["--session", "31100000_1", "--level", "error"]), ["CBS.log:6"]);
    assert_eq!(of(&["--code", "-2147024864"]), ["CBS.log:4", "CBS.log:6", "CBS.log:7"]);
    assert_eq!(of(&["--code", "0x80073712"]), [""; 0]);
    assert_eq!(of(&["--component", "dism"]), ["dism.log:2", "dism.log:3"]);
    assert_eq!(of(&["--source", "DISM*", "--component", "csi,sxs"]), ["dism.log:1"]);
    assert_eq!(of(&["--level", "error,warning"]), ["dism.log:2", "CBS.log:6"]);
    assert_eq!(of(&["--contains", "trusted installer"]), ["CBS.log:1"]);
}

#[test]
fn bad_values_are_refused_with_a_reason() {
    let folder = evidence();
    for (args, why) in [
        (["--from", "yesterday"], "`yesterday` is no time"),
        (["--to", "17.03.2025"], "is no time"),
        (["--last", "2 fortnights"], "is no length of time"),
        (["--kb", "update"], "`update` is no KB number"),
        (["--session", "31100000"], "is no session"),
        (["--code", "banana"], "`banana` is no error code"),
        (["--level", "loud"], "`loud` is no level"),
        (["--source", "nowhere"], "no log fits --source; there are 2, among them "),
        (["--format", "xml"], "possible values: text, jsonl, csv"),
        (["--contains", ""], "fits nothing"),
    ] {
        let output = timeline(folder.path(), &args);
        let said = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(why), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    let turned = ["--from", "2026-01-02", "--to", "2026-01-01"];
    assert_eq!(timeline(folder.path(), &turned).status.code(), Some(2));
    let empty = tempfile::tempdir().unwrap();
    let output = timeline(empty.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no log of a kind known here"));
    assert_eq!(timeline(&empty.path().join("no.log"), &[]).status.code(), Some(2));
}

#[test]
fn a_table_keeps_quotes_line_ends_and_formulas_in_their_cells() {
    let folder = evidence();
    let output = timeline(folder.path(), &["--format", "csv"]);
    let within = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    let text = String::from_utf8(output.stdout).unwrap().replace(&within, "");
    let header = "time,utc,source,line,kind,level,component,codes,kb,session,text\r\n";
    assert!(text.starts_with(header), "{text}");
    let row = "2026-01-02T09:00:03Z,true,CBS.log,4,cbs,info,CSI,0xc0000043,KB5034441,31100000_1,\
        \"00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION, \"\"so\"\"\n  it continues\"\r\n";
    assert!(text.contains(row), "{text}");
    assert!(text.ends_with(",dism,info,DISM,,,,'=1+1\r\n"), "{text}");
}

#[test]
fn text_has_one_line_a_record_and_no_colour_in_a_file() {
    let folder = evidence();
    let output = timeline(folder.path(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((text.lines().count(), text.contains('\x1b')), (9, false), "{text}");
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("2026-01-02T09:00:00Z     CBS.log:1"), "{first}");
    assert!(text.contains("Error   CBS          Exec: Processing complete."), "{text}");
    assert!(text.contains("\"so\" |   it continues"), "{text}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("9 records of 2 logs read, 9 shown, 0 gaps"), "{said}");
}

#[test]
fn what_could_not_be_read_or_trusted_is_said() {
    let folder = evidence();
    let back = CBS.replace("\r\n", "\n").replace("2026-01-02 10:00:05", "2026-01-01 10:00:05");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(back.repeat(400).as_bytes()).unwrap();
    let whole = writer.finish().unwrap();
    fs::write(folder.path().join("half.log.gz"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("notes.txt"), "call back on Monday").unwrap();
    let output = timeline(folder.path(), &["--contains", "Trusted"]);
    let said = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("notes.txt: the file: not in the form"), "{said}");
    assert!(said.contains("half.log.gz:7: the clock: it went back by 23 h 59 min"), "{said}");
    assert!(said.contains("further times"), "{said}");
    assert!(said.contains("half.log.gz: the rest of the file:"), "{said}");
}

#[test]
fn whoever_read_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), CBS.repeat(2_000)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .arg("timeline")
        .arg(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
