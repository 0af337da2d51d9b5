//! `unwedge decode` as a script sees it: traces in, one log out.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::civil::date;
use tempfile::{TempDir, tempdir};
use unwedge_formats::etl::write::EtlBuilder;
use unwedge_formats::etl::{Guid, ticks_at};

const SECOND: u64 = 10_000_000;

/// A trace that begins at noon and so many seconds.
fn trace(second: i8) -> EtlBuilder {
    EtlBuilder::new(ticks_at(date(2026, 1, 2).at(12, 0, second, 0)))
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn decode(folder: &Path, args: &[&str]) -> (String, String, i32) {
    let Output { stdout, stderr, status } = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .current_dir(folder)
        .arg("decode")
        .args(args)
        .output()
        .expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code().expect("it ends by itself"))
}

#[test]
fn many_traces_become_one_log_in_the_order_of_their_time() {
    let early = trace(0)
        .update(SECOND, 1000, 20, "Agent", "first")
        .update(3 * SECOND, 1000, 20, "Agent", "third")
        .update(40 * SECOND, 1000, 20, "Agent", "last");
    let late = trace(1).update(SECOND, 2000, 20, "Misc", "second").update(
        3 * SECOND,
        2000,
        20,
        "Misc",
        "fourth",
    );
    let folder = folder(&[
        ("a/z.etl", &late.finish()),
        ("a/deep/down/renamed.bin", &early.finish()),
        ("a/WindowsUpdate.log", b"no trace"),
    ]);
    let expected = "\
2026/01/02 12:00:01.0000000 1000  20    Agent           first
2026/01/02 12:00:02.0000000 2000  20    Misc            second
2026/01/02 12:00:03.0000000 1000  20    Agent           third
2026/01/02 12:00:04.0000000 2000  20    Misc            fourth
2026/01/02 12:00:40.0000000 1000  20    Agent           last
";
    let (out, err, code) = decode(folder.path(), &["a"]);
    assert_eq!((out.as_str(), code), (expected, 0));
    assert_eq!(err, "2 traces with 5 events: 5 lines\n");

    let (out, _, code) = decode(folder.path(), &["a/z.etl", "a/deep", "-o", "out.log"]);
    assert_eq!((out.as_str(), code), ("", 0));
    assert_eq!(fs::read_to_string(folder.path().join("out.log")).unwrap(), expected);
}

#[test]
fn lines_of_the_same_time_stand_in_the_order_of_the_files() {
    let of = |name: &str| trace(0).update(0, 1, 2, "Misc", name).update(5, 1, 2, "Misc", name);
    let folder = folder(&[("2.etl", &of("two").finish()), ("1.etl", &of("one").finish())]);
    let (out, ..) = decode(folder.path(), &["."]);
    let said: Vec<&str> = out.lines().map(|line| &line[56..]).collect();
    assert_eq!(said, ["one", "two", "one", "two"]);
}

#[test]
fn times_are_local_or_in_utc() {
    let folder = folder(&[("a.etl", &trace(0).bias(-330).update(0, 1, 2, "Misc", "a").finish())]);
    let (out, ..) = decode(folder.path(), &["a.etl"]);
    assert!(out.starts_with("2026/01/02 17:30:00.0000000 "), "{out}");
    let (out, ..) = decode(folder.path(), &["a.etl", "--utc"]);
    assert!(out.starts_with("2026/01/02 12:00:00.0000000 "), "{out}");
}

#[test]
fn what_needs_symbols_is_said_and_is_no_healthy_silence() {
    let old = trace(0).build(10_586).message(0).message(1).finish();
    let folder = folder(&[("old.etl", &old)]);
    let (out, err, code) = decode(folder.path(), &["."]);
    assert_eq!((out.as_str(), code), ("", 3));
    for says in ["old.etl: 2 messages, written by Windows 10 build 10586", "Get-WindowsUpdateLog"] {
        assert!(err.contains(says), "{err}");
    }
}

#[test]
fn unknown_providers_damage_and_losses_are_counted() {
    let full = trace(0)
        .lost(7, 0)
        .manifest(0, Guid([9; 16]))
        .update(0, 1, 2, "Misc", "read")
        .record(&[8, 0, 0xEE, 0xC0, 0, 0, 0, 0])
        .finish();
    let folder = folder(&[("hurt.etl", &full), ("none.etl", b"not a trace")]);
    let (out, err, code) = decode(folder.path(), &["."]);
    assert_eq!((out.lines().count(), code), (1, 0));
    for says in [
        "1 trace with 2 events: 1 line",
        "Windows itself lost 7 events",
        "{09090909-0909-0909-0909-090909090909}: 1 event",
        "none.etl: no event trace",
        "hurt.etl: record at bytes ",
    ] {
        assert!(err.contains(says), "no {says:?} in {err}");
    }
}

#[test]
fn an_empty_trace_is_no_failure() {
    let folder = folder(&[("a.etl", &trace(0).finish())]);
    assert_eq!(decode(folder.path(), &["a.etl"]).2, 0);
}

#[test]
fn what_cannot_be_done_says_why() {
    let folder = folder(&[("a.log", b"text"), ("a.etl", &trace(0).finish())]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    for (args, says) in [
        (&["a.log"][..], "a.log is no event trace (.etl)"),
        (&["gone.etl"], "could not read gone.etl"),
        (&["empty"], "there is no event trace (.etl) in empty"),
        (&["a.etl", "-o", "a.etl"], "a.etl is one of the traces"),
        (&["a.etl", "-o", "gone/out.log"], "could not write to"),
    ] {
        let (out, err, code) = decode(folder.path(), args);
        assert_eq!((out.as_str(), code), ("", 2), "{err}");
        assert!(err.contains(says), "{err}");
    }
    assert!(fs::read(folder.path().join("a.etl")).unwrap().len() > 100);
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let lines = |it: EtlBuilder, n: u64| it.update(n, 1, 2, "Misc", &"x".repeat(500));
    let folder = folder(&[("a.etl", &(0..2000).fold(trace(0), lines).finish())]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_unwedge"))
        .current_dir(folder.path())
        .args(["decode", "a.etl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}
