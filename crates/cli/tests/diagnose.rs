//! `unwedge diagnose` as a script sees it: what it is given, what it prints, how it ends.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const LOCKED: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)\r
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1\r
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION while executing operation CreateFile on [l:33]'\\SystemRoot\\System32\\example.dll'\r
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
";

fn unwedge(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unwedge")).args(args).output().expect("it can be started")
}

fn told(path: &Path) -> (Value, i32) {
    let output = unwedge(&["diagnose", "--json", path.to_str().unwrap()]);
    let code = output.status.code().expect("it ends by itself");
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&output.stderr)));
    (json, code)
}

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn cabinet(bytes: &[u8]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder.add_folder(cab::CompressionType::MsZip).add_file("CbsPersist_20260102.log");
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[track_caller]
fn is_locked(json: &Value) {
    assert_eq!(json["verdict"], "failing", "{json:#}");
    let root = &json["findings"][0];
    assert_eq!(root["rule"], "file-locked");
    assert_eq!(root["role"], "root");
    assert_eq!(root["category"], "lock");
    assert_eq!(root["subject"]["name"], r"C:\Windows\System32\example.dll");
    assert_eq!(root["codes"][0], "0x80070020");
    let cited = &root["citations"][0];
    assert_eq!((&cited["line"], &cited["time"]), (&4.into(), &"2026-01-02T10:00:03+01:00".into()));
}

#[test]
fn a_log_is_known_by_its_content_in_any_wrapping_and_encoding() {
    let wide: Vec<u8> = "\u{feff}"
        .chars()
        .chain(LOCKED.chars())
        .collect::<String>()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, bytes) in [
        ("CBS.log", LOCKED.as_bytes().to_vec()),
        ("renamed.bin", LOCKED.as_bytes().to_vec()),
        ("unix.log", LOCKED.replace("\r\n", "\n").into_bytes()),
        ("mac.log", LOCKED.replace("\r\n", "\r").into_bytes()),
        ("marked.log", ["\u{feff}", LOCKED].concat().into_bytes()),
        ("wide.log", wide),
        ("CBS.log.gz", gzip(LOCKED.as_bytes())),
        ("CbsPersist_20260102.cab", cabinet(LOCKED.as_bytes())),
    ] {
        let (_folder, path) = written(name, &bytes);
        let (json, code) = told(&path);
        is_locked(&json);
        assert_eq!(code, 1, "{name}");
    }
}

#[test]
fn a_folder_in_any_layout_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("from-the-customer/Windows/Logs/CBS");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("CBS.log"), LOCKED).unwrap();
    fs::write(folder.path().join("photo.jpg"), b"\xff\xd8\xff").unwrap();
    fs::write(folder.path().join("notes.txt"), "call back on Monday").unwrap();
    let (json, code) = told(folder.path());
    is_locked(&json);
    assert_eq!(code, 1);
    let gaps = json["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["source"].as_str().unwrap().ends_with("notes.txt")));
}

#[test]
fn a_later_success_is_told_as_recovered() {
    let again = LOCKED.replace("10:00:", "11:00:").replace("31100000_1", "31100000_2");
    let again: String = again
        .lines()
        .filter(|line| !line.contains("STATUS_"))
        .map(|line| {
            line.replace("0x80070020 - ERROR_SHARING_VIOLATION", "0x00000000 - S_OK") + "\r\n"
        })
        .collect();
    let (_folder, path) = written("CBS.log", [LOCKED, &again].concat().as_bytes());
    let (json, code) = told(&path);
    assert_eq!((&json["verdict"], code), (&"recovered".into(), 0));
    assert_eq!(json["findings"][0]["resolved"], true);
}

#[test]
fn what_tells_nothing_is_not_called_healthy() {
    let record =
        "2026-01-02 10:00:00, Info                  CBS    Universal Time is: 2026-01-02\r\n";
    for (name, bytes) in [
        ("CBS.log", &b"MZ\x90\0\x03\0\0\0binary junk\0\0\xff\xfe"[..]),
        ("CBS.log", b""),
        ("CBS.log", record.as_bytes()),
        ("CBS.log.gz", b"\x1f\x8b\x08\0"),
        ("CbsPersist_1.cab", b"MSCF\0\0\0\0"),
    ] {
        let (_folder, path) = written(name, bytes);
        let (json, code) = told(&path);
        assert_eq!((&json["verdict"], code), (&"not_assessed".into(), 3), "{name} {json:#}");
        assert!(!json["gaps"].as_array().unwrap().is_empty(), "it says what is missing");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(told(empty.path()).1, 3);
}

#[test]
fn a_truncated_archive_gives_what_was_readable_and_a_gap() {
    let log = LOCKED.repeat(400);
    let whole = gzip(log.as_bytes());
    let (_folder, path) = written("CBS.log.gz", &whole[..whole.len() / 2]);
    let (json, _) = told(&path);
    is_locked(&json);
    assert!(!json["gaps"].as_array().unwrap().is_empty());
}

#[test]
fn a_damaged_middle_and_a_half_written_end_are_gaps_with_their_lines() {
    let mut lines: Vec<&[u8]> = LOCKED.as_bytes().split_inclusive(|&b| b == b'\n').collect();
    lines.insert(1, b"\0\0\0\0\0\0\0\0\0\n");
    lines.push(b"2026-01-0");
    let (_folder, path) = written("CBS.log", &lines.concat());
    let (json, _) = told(&path);
    assert_eq!(json["findings"][0]["citations"][0]["line"], 5);
    let places: Vec<u64> =
        json["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["line"].as_u64()).collect();
    assert_eq!(places, [2, 8]);
}

#[test]
fn a_line_without_end_costs_only_itself() {
    let long = vec![b'x'; 5 << 20];
    let bytes = [LOCKED.as_bytes(), &long, b"\n", LOCKED.as_bytes()].concat();
    let (_folder, path) = written("CBS.log", &bytes);
    let (json, _) = told(&path);
    is_locked(&json);
    assert!(json["gaps"].as_array().unwrap().iter().any(|gap| gap["what"] == "a line"));
    assert!(json["findings"][0]["times_seen"].as_u64().unwrap() >= 4, "both halves were read");
}

#[test]
fn input_that_cannot_be_read_is_an_error_that_says_what_and_where() {
    let (_folder, broken) = written("pc.host", b"//- about build=26100\n//- sevice wuauserv\n");
    // On Windows nothing named is the PC itself.
    let nothing_named = (!cfg!(windows)).then_some((&["diagnose"][..], "give a folder"));
    for (args, wanted) in nothing_named.into_iter().chain([
        (&["diagnose", "/no/such/file"][..], "/no/such/file"),
        (&["diagnose", "/no/such/pc.host"], "pc.host"),
        (&["diagnose", broken.to_str().unwrap()], "line 2"),
        (&["explain", "no-such-thing"], "no-such-thing"),
        (&["frobnicate"], "frobnicate"),
    ]) {
        let output = unwedge(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(wanted), "{args:?} says {said}");
        assert!(output.stdout.is_empty(), "errors are talk, not data");
    }
}

#[test]
fn every_answer_fits_the_published_schema() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schema = fs::read_to_string(project.join("docs/report.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let (_folder, locked) = written("CBS.log", LOCKED.as_bytes());
    let (_other, junk) = written("CBS.log", b"junk");
    let examples = fs::read_dir(project.join("examples")).unwrap();
    let mut paths: Vec<PathBuf> = examples.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "host"));
    assert!(paths.len() >= 4);
    for path in paths.iter().chain([&locked, &junk]) {
        let (json, _) = told(path);
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{}", path.display());
    }
    let (mut json, _) = told(&locked);
    json["findings"][0]["surprise"] = true.into();
    assert!(!validator.is_valid(&json), "a field the schema does not know is noticed");
}

#[test]
fn colour_is_not_needed_and_not_sent_to_a_file() {
    let (_folder, path) = written("CBS.log", LOCKED.as_bytes());
    let output = unwedge(&["diagnose", path.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'));
    for wanted in ["FAILING", "example.dll", "0x80070020", "What to do", "Proof", "CBS.log:4"] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80 || !line.contains(' ')), "{text}");
}
