//! Backups on a PC of the lab: the program beside `unwedge.exe`, and a file that others hold.
#![cfg(target_os = "linux")]

use std::fs;

use serde_json::Value;
use unwedge_lab::{Lab, Output};

const FILES: &str = r"C:\users\files";

fn answer(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_held_file_is_listed_and_the_rest_comes_back() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("backup");
    let missing = pc.run(&["backup", "list", "--to", r"C:\repository"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.stderr.contains("unwedge-backup"), "{missing:?}");
    pc.program("unwedge-backup.exe");

    let long = format!(r"{}\deep.txt", "x".repeat(200));
    let kept = ["a b.txt", "gr\u{fc}n\\\u{65e5}\u{672c}.txt", long.as_str()];
    for name in kept {
        pc.write(&format!(r"{FILES}\{name}"), name.repeat(5000));
    }
    for name in ["own.pst", "locked.ost"] {
        pc.write(&format!(r"{FILES}\{name}"), vec![7; 4096]);
    }
    pc.write(r"C:\password.txt", "secret\r\n");
    let own = format!(r"own:{FILES}\own.pst");
    let lock = format!(r"lock:{FILES}\locked.ost");
    let holder = pc.start_program("lab-service.exe", &["-", &own, &lock]);
    let place = ["--to", r"C:\repository", "--password-file", r"C:\password.txt"];
    let run =
        |command: &[&str], more: &[&str]| pc.run(&[&["backup"], command, &place, more].concat());

    let made = run(&[], &["--from", FILES, "--yes", "--json"]);
    assert_eq!(made.code, 3, "{made:?}");
    let told = answer(&made);
    let left_out = told["backup"]["left_out"].as_array().unwrap();
    // Wine reads over the locked range of the other file; Windows answers 33.
    let own = left_out.iter().find(|it| it["path"] == format!(r"{FILES}\own.pst"));
    assert_eq!(own.map(|it| &it["reason"]), Some(&Value::from("locked")), "{told:#}");
    assert_eq!(told["backup"]["held"]["files"], 5 - left_out.len(), "{told:#}");
    assert!(told["warnings"].to_string().contains("external drive"), "{told:#}");

    let verified = run(&["verify"], &[]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let back = run(&["restore"], &["--into", r"C:\back", "latest", FILES]);
    assert_eq!(back.code, 0, "{back:?}");
    for name in kept {
        let restored = pc.path(&format!(r"C:\back\{name}"));
        assert_eq!(fs::read_to_string(restored).unwrap(), name.repeat(5000));
    }
    assert!(!pc.path(r"C:\back\own.pst").exists());

    // What is let go is taken the next time, and nothing is stored twice.
    drop(holder);
    let again = run(&[], &["--from", FILES, "--yes", "--json"]);
    assert_eq!(again.code, 0, "{again:?}");
    let told = answer(&again);
    assert_eq!(told["backup"]["held"]["files"], 5, "{told:#}");
    assert!(told["backup"]["added_bytes"].as_u64().unwrap() < 20_000, "{told:#}");
}

#[test]
fn the_folders_and_settings_of_the_user_are_found() {
    let Some(lab) = Lab::open() else { return };
    let pc = lab.pc("folders");
    pc.program("unwedge-backup.exe");
    let profile = pc.run_windows("cmd", &["/c", "echo %USERPROFILE%"]);
    let profile = profile.stdout.trim();
    pc.write(&format!(r"{profile}\.gitconfig"), "[user]");
    pc.write(&format!(r"{profile}\Documents\letter.txt"), "Dear");
    let tried = pc.run(&["backup", "--to", r"C:\repository", "--dry-run", "--json"]);
    assert!(matches!(tried.code, 0 | 3), "{tried:?}");
    let told = answer(&tried);
    assert!(told["found"]["files"].as_u64().unwrap() >= 2, "{told:#}");
    let settings = told["settings"].as_array().unwrap();
    let git = settings.iter().find(|it| it["id"] == "git").unwrap();
    assert_eq!(git["exists"], true, "{told:#}");
    assert!(settings.iter().any(|it| it["id"] == "chrome" && it["exists"] == false));
    assert!(!pc.path(r"C:\repository").exists());
    let history = pc.run(&["backup", "file-history", "--json"]);
    assert_eq!(history.code, 0, "{history:?}");
    assert_eq!(answer(&history)["configuration"], Value::Null);
    let refused = pc.run(&["backup", "file-history", "--run"]);
    assert_eq!(refused.code, 4, "{refused:?}");
}
