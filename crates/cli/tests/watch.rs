//! `unwedge watch` from outside, on a folder of logs that grow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const HEAD: &str = "2026-01-13 08:07:54, Info                  CBS    Session: 1_1 initialized by \
    client WindowsUpdateAgent, external staging directory: (null)\r\n";

fn attempt(result: &str) -> String {
    let of = "Package: Package_for_B~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441";
    format!(
        "2026-01-14 09:30:01, Info                  CBS    Session: 2_2 initialized by client \
         WindowsUpdateAgent, external staging directory: (null)\r\n\
         2026-01-14 09:30:02, Info                  CBS    Exec: Processing started.  Client: \
         WindowsUpdateAgent, Session: 2_2, {of}\r\n\
         2026-01-14 09:31:09, Info                  CBS    Exec: Processing complete.  Session: \
         2_2, {of} [HRESULT = {result}]\r\n"
    )
}

/// Watches a folder, writes `news` into its log once the watch has begun, and gives exit code and
/// output.
fn watched(news: &str, args: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    fs::write(&log, HEAD).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .args(["watch", "--every", "1s", "--settle", "1s", "--for", "40s"])
        .args(args)
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.starts_with("Watching."), "{line}");
    append(&log, news);
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    (child.wait().unwrap().code(), output)
}

fn append(log: &Path, news: &str) {
    OpenOptions::new().append(true).open(log).unwrap().write_all(news.as_bytes()).unwrap();
}

#[test]
fn an_update_that_goes_through_ends_the_watch_with_its_proof() {
    let (code, output) = watched(&attempt("0x00000000 - S_OK"), &[]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("KB5034441 was installed."), "{output}");
    assert!(output.contains("CBS.log, line 4"), "{output}");
}

#[test]
fn an_update_that_fails_is_told_as_lines_for_programs() {
    let (code, output) = watched(&attempt("0x80070020 - ERROR_SHARING_VIOLATION"), &["--json"]);
    assert_eq!(code, Some(1), "{output}");
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == 1 && line["at"].is_string()));
    let last = lines.last().unwrap();
    assert_eq!(last["step"]["kind"], "ended");
    assert_eq!(last["step"]["ending"], "failed");
    assert!(last["step"]["paragraph"].as_str().unwrap().contains("0x80070020"));
}

#[test]
fn what_is_no_update_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .args(["watch", "--kb", "5034441; rm"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("KB5034441"));
}
