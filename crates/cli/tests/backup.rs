//! `unwedge backup` starts the program beside it and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// The program in a folder where no other one lies.
fn alone() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join(format!("unwedge{EXE_SUFFIX}"));
    fs::copy(env!("CARGO_BIN_EXE_unwedge"), &program).unwrap();
    (folder, program)
}

#[test]
fn a_missing_program_is_told_with_where_it_belongs() {
    let (folder, program) = alone();
    // One in the current folder is somebody else's.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join(format!("unwedge-backup{EXE_SUFFIX}")), "x").unwrap();
    let mut command = Command::new(program);
    let output = command.args(["backup", "list"]).current_dir(&elsewhere).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let wanted = folder.path().file_name().unwrap().to_str().unwrap();
    assert!(said.contains(wanted) && said.contains("cargo build"), "{said}");
}

#[cfg(unix)]
#[test]
fn arguments_and_the_exit_code_are_passed_on() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, program) = alone();
    let helper = folder.path().join("unwedge-backup");
    fs::write(&helper, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n").unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = ["--to", "a b", "--help", "restore", "--", "-x"];
    let output = Command::new(&program).arg("backup").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let given = String::from_utf8(output.stdout).unwrap();
    assert_eq!(given.lines().collect::<Vec<_>>(), arguments);
    // A code that unwedge has not is no answer.
    fs::write(&helper, "#!/bin/sh\nexit 101\n").unwrap();
    let output = Command::new(&program).arg("backup").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
