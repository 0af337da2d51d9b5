//! `unwedge collect` as a script sees it: what goes into the bundle, what stays out, what it says.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use unwedge_formats::etl::ticks_at;
use unwedge_formats::etl::write::EtlBuilder;
use unwedge_formats::evtx::{Event, EvtxBuilder};
use unwedge_formats::regf::Data;
use unwedge_formats::regf::write::HiveBuilder;

const LOCKED: &str = r"2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION while executing operation CreateFile on [l:33]'\SystemRoot\System32\example.dll'
2026-01-02 10:00:03, Info                  CBS    Computer name: BRIAR-7, profile C:\Users\k.orlov\AppData, asked wsus.briar.lan
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB1~31bf3856ad364e35~amd64~~1.0, Identifier: KB1 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
";
const DISM: &str =
    "2026-01-02 09:00:00, Info                  DISM   DISM.EXE: K.ORLOV on briar-7\r\n";

fn unwedge(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unwedge")).args(args).output().expect("it can be started")
}

fn json(args: &[&str]) -> Value {
    let output = unwedge(args);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&output.stderr)))
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A folder of evidence: logs, one of them in UTF-16 and one in a zip, an event log, a note.
fn evidence() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("case/Windows");
    let wide: Vec<u8> = DISM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let old = LOCKED.replace("2026-01-02", "2025-12-01");
    for (name, bytes) in [
        ("Logs/CBS/CBS.log", LOCKED.as_bytes().to_vec()),
        ("Logs/DISM/dism.log", wide),
        ("Logs/CBS/k.orlov.zip", zip_of(&[("BRIAR-7/CbsPersist_1.log", old.as_bytes())])),
        ("System32/winevt/Logs/System.evtx", b"ElfFile\0\0\0of BRIAR-7".to_vec()),
        ("notes-of-k.orlov.txt", b"call back on Monday".to_vec()),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let root = folder.path().join("case");
    (folder, root)
}

fn collected(from: &Path, to: &Path, more: &[&str]) -> Value {
    let mut args = vec!["collect", from.to_str().unwrap(), "--json", "-o", to.to_str().unwrap()];
    args.extend(more);
    json(&args)
}

/// Paths and contents of a bundle.
fn unpacked(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// What a diagnosis says, without where the evidence lay.
fn essence(path: &Path) -> (Value, Vec<(Value, Value, Value, Value)>) {
    let told = json(&["diagnose", "--json", path.to_str().unwrap()]);
    let findings = told["findings"].as_array().unwrap().iter();
    let findings = findings.map(|it| {
        let line = it["citations"][0]["line"].clone();
        (it["rule"].clone(), it["role"].clone(), it["codes"].clone(), line)
    });
    (told["verdict"].clone(), findings.collect())
}

#[test]
fn a_bundle_gives_the_same_diagnosis_as_the_evidence_redacted_or_not() {
    let (folder, root) = evidence();
    let whole = essence(&root);
    assert_eq!(whole.0, "failing");
    for more in [&[][..], &["--redact"]] {
        let bundle = folder.path().join(format!("bundle{}.zip", more.len()));
        collected(&root, &bundle, more);
        assert_eq!(essence(&bundle), whole, "{more:?}");
    }
}

#[test]
fn the_manifest_tells_what_is_there_and_what_is_not() {
    let (folder, root) = evidence();
    let bundle = folder.path().join("b.zip");
    let manifest = collected(&root, &bundle, &[]);
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/collect.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let redacted = collected(&root, &folder.path().join("r.zip"), &["--redact"]);
    for manifest in [&manifest, &redacted] {
        let errors: Vec<String> =
            validator.iter_errors(manifest).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let paths: Vec<&str> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "evidence/Windows/Logs/CBS/CBS.log",
            "evidence/Windows/Logs/CBS/k.orlov.zip",
            "evidence/Windows/Logs/DISM/dism.log",
            "evidence/Windows/System32/winevt/Logs/System.evtx",
        ]
    );
    assert!(manifest["left_out"][0]["source"].as_str().unwrap().ends_with(".txt"));
    let coverage = |manifest: &Value, kind: &str| {
        let all = manifest["coverage"].as_array().unwrap();
        all.iter().find(|it| it["kind"] == kind).unwrap().clone()
    };
    assert_eq!(coverage(&manifest, "event_logs")["files"], 1);
    assert!(
        coverage(&redacted, "event_logs")["without_it"].as_str().unwrap().contains("event log")
    );
    assert!(coverage(&manifest, "registry")["without_it"].is_string());
    let files = unpacked(&bundle);
    let (name, bytes) = files.last().unwrap();
    assert_eq!(name, "manifest.json");
    assert_eq!(serde_json::from_slice::<Value>(bytes).unwrap(), manifest);
    assert_eq!(files[0].1, LOCKED.as_bytes());
}

#[test]
fn nothing_private_is_left_in_a_redacted_bundle() {
    let (folder, root) = evidence();
    let bundle = folder.path().join("b.zip");
    let manifest = collected(&root, &bundle, &["--redact"]);
    assert_eq!(manifest["redacted"], true);
    assert!(manifest["replaced"]["user"].as_u64().unwrap() >= 1);
    let folder_name = folder.path().file_name().unwrap().to_str().unwrap().to_lowercase();
    for (name, bytes) in unpacked(&bundle) {
        let text = format!("{name}\n{}", String::from_utf8(bytes).unwrap()).to_lowercase();
        for private in ["orlov", "briar", &folder_name] {
            assert!(!text.contains(private), "{private} in {text}");
        }
        if name.ends_with("/CBS.log") {
            assert_eq!(text.lines().count(), LOCKED.lines().count() + 1);
        }
    }
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let (folder, root) = evidence();
    for more in [&[][..], &["--redact"]] {
        let [a, b] = ["a.zip", "b.zip"].map(|name| folder.path().join(name));
        collected(&root, &a, &[more, &["--force"]].concat());
        collected(&root, &b, &[more, &["--force"]].concat());
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{more:?}");
    }
}

#[test]
fn a_full_bundle_keeps_the_newest_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("case");
    fs::create_dir_all(&root).unwrap();
    let long = LOCKED.repeat(200);
    fs::write(root.join("CbsPersist_20251201.log"), &long).unwrap();
    fs::write(root.join("CbsPersist_20260101.log"), &long).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_767_000_000);
    for name in ["CbsPersist_20251201.log", "CbsPersist_20260101.log"] {
        let file = fs::File::options().write(true).open(root.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    let bundle = folder.path().join("b.zip");
    let manifest = collected(&root, &bundle, &["--max-size", "100KB"]);
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{manifest:#}");
    assert_eq!(files[0]["path"], "evidence/CbsPersist_20260101.log");
    assert!(files[0]["skipped_bytes"].as_u64().unwrap() >= long.len() as u64 - 100_000);
    assert!(manifest["left_out"][0]["why"].as_str().unwrap().contains("full"));
    let (_, bytes) = &unpacked(&bundle)[0];
    assert!(bytes.starts_with(b"2026-01-02 10:00:0") && long.as_bytes().ends_with(bytes));
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let (folder, root) = evidence();
    let bundle = folder.path().join("b.zip");
    fs::write(&bundle, "mine").unwrap();
    let args = ["collect", root.to_str().unwrap(), "-o", bundle.to_str().unwrap()];
    let refused = unwedge(&args);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"));
    assert_eq!(fs::read(&bundle).unwrap(), b"mine");
    let told = unwedge(&[&args[..], &["--force"]].concat());
    assert_eq!(told.status.code(), Some(0));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(text.contains("4 files of evidence") && text.contains("no registry"), "{text}");
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().flatten().map(|it| it.file_name()).collect();
    assert_eq!(left.len(), 2, "no part of a bundle stays: {left:?}");
}

#[test]
fn nothing_to_collect_is_an_error_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note.txt");
    fs::write(&note, "call back").unwrap();
    let bundle = folder.path().join("b.zip");
    let output = unwedge(&["collect", note.to_str().unwrap(), "-o", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_pc_written_down_as_text_can_be_collected() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("pc.host");
    fs::write(&host, format!("//- file C:\\Windows\\Logs\\CBS\\CBS.log\n{LOCKED}")).unwrap();
    let bundle = folder.path().join("b.zip");
    let manifest = collected(&host, &bundle, &["--redact"]);
    assert_eq!(manifest["files"][0]["path"], "evidence/Windows/Logs/CBS/CBS.log", "{manifest:#}");
    assert_eq!(essence(&bundle).0, "failing");
}

/// An event log, a trace and hives of a PC on which the update service is switched off.
fn binary_evidence() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("case/Windows");
    let failed = Event {
        record: 1,
        // 2026-01-02 09:00:04 UTC.
        time: 134_118_108_040_000_000,
        provider: "Microsoft-Windows-WindowsUpdateClient".to_owned(),
        id: 20,
        level: 2,
        channel: "System".to_owned(),
        computer: "BRIAR-7".to_owned(),
        data: [("errorCode", "0x80070422"), ("updateTitle", "of k.orlov"), ("updateGuid", "{1}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    let start = ticks_at(jiff::civil::date(2026, 1, 2).at(9, 0, 0, 0));
    let trace = EtlBuilder::new(start).update(1, 2, 3, "Agent", "scan at BRIAR-7 by k.orlov");
    let mut system = HiveBuilder::new();
    let service = r"ControlSet001\Services\wuauserv";
    system
        .value("Select", "Current", &Data::Dword(1))
        .value(service, "Start", &Data::Dword(4))
        .value(service, "Type", &Data::Dword(32))
        .value(service, "ImagePath", &Data::ExpandSz(r"C:\Users\k.orlov\svchost.exe".to_owned()))
        .value(service, "Secret", &Data::Sz("k.orlov's own".to_owned()))
        .value(
            r"ControlSet001\Control\ComputerName\ComputerName",
            "ComputerName",
            &Data::Sz("BRIAR-7".to_owned()),
        )
        .value(
            r"ControlSet001\Control\TimeZoneInformation",
            "ActiveTimeBias",
            &Data::Dword((-60_i32).cast_unsigned()),
        );
    for (name, bytes) in [
        ("System32/winevt/Logs/System.evtx", EvtxBuilder::new().event(&failed).build()),
        ("Logs/WindowsUpdate/WindowsUpdate.1.etl", trace.finish()),
        ("System32/config/SYSTEM", system.hive()),
        ("Logs/CBS/CBS.log", LOCKED.as_bytes().to_vec()),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let root = folder.path().join("case");
    (folder, root)
}

#[test]
fn what_is_no_text_becomes_text_that_says_the_same() {
    let (folder, root) = binary_evidence();
    let bundle = folder.path().join("r.zip");
    let manifest = collected(&root, &bundle, &["--redact"]);
    let treated: Vec<(&str, &str, &str)> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let text = |name: &str| file[name].as_str().unwrap();
            (text("path"), text("kind"), text("treatment"))
        })
        .collect();
    assert_eq!(
        treated,
        [
            ("evidence/Windows/Logs/CBS/CBS.log", "cbs", "redacted"),
            (
                "evidence/Windows/Logs/WindowsUpdate/WindowsUpdate.1.etl.log",
                "windows_update",
                "converted"
            ),
            ("evidence/Windows/System32/winevt/Logs/System.evtx.txt", "events", "converted"),
            ("evidence/registry.reg", "registry_export", "converted"),
        ],
        "{manifest:#}"
    );
    assert_eq!(manifest["left_out"].as_array().unwrap().len(), 0);
    for (name, bytes) in unpacked(&bundle) {
        let text = String::from_utf8(bytes).unwrap();
        // In an export some strings are bytes of UTF-16.
        let wide = text.replace(",00,", "").replace(',', "");
        for private in ["orlov", "briar", "6f726c6f76", "secret"] {
            assert!(!text.to_lowercase().contains(private), "{private} in {name}: {text}");
            assert!(!wide.contains(private), "{private} in {name}: {text}");
        }
    }
    let whole = essence(&root);
    assert!(whole.1.iter().any(|finding| finding.0 == "update-service-disabled"), "{whole:?}");
    assert_eq!(essence(&bundle), whole);
    let alone = collected(&root.join("Windows/System32/config"), &bundle, &["--redact", "--force"]);
    assert_eq!(alone["files"][0]["path"], "evidence/registry.reg");
    let about = |path: &Path| json(&["diagnose", "--json", path.to_str().unwrap()])["pc"].clone();
    assert_eq!(about(&bundle)["build"], about(&root)["build"]);
}
