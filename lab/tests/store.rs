//! The repair of the component store by the real program on a running PC of the lab, where a library
//! plays DISM and a program the check of system files.
#![cfg(target_os = "linux")]

use std::fs;

use serde_json::Value;
use unwedge_lab::{Lab, Output, PLAYER, Pc, UPDATE_AGENT};

const KB: &str = "KB5099999";
const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
const IMAGES: &str = r"C:\media\sources\install.wim";

/// In the shape of a CBS.log in which damage of the store stops the update.
const FAILED: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999
2026-01-02 10:00:03, Info                  CBS    Failed to resolve execution chain. [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999 [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]
";

const SOUND: &str = "0
00000006 [SR] Verifying 100 components
00000007 [SR] Beginning Verify and Repair transaction
00000008 [SR] Verify complete
";

/// A PC with a damaged store, on which the update goes through once that is repaired.
fn damaged_pc(lab: &Lab, name: &str, store: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(LOG, FAILED);
    pc.write(r"C:\lab\store.txt", format!("{store}\nfrees = {KB}"));
    pc.write(r"C:\lab\sfc.txt", SOUND);
    pc.write(r"C:\lab\update_agent.txt", format!("[{KB}]\nlog = {LOG}\ncode = 0x80073712\n"));
    let library = pc.program(PLAYER);
    pc.copy_in(&pc.path(&library), r"C:\windows\system32\dismapi.dll");
    let check = pc.program("sfc.exe");
    pc.copy_in(&pc.path(&check), r"C:\windows\system32\sfc.exe");
    pc.play(PLAYER, &UPDATE_AGENT);
    pc
}

fn fix(pc: &Pc, more: &[&str]) -> (Output, Value) {
    let arguments = ["fix", "--yes", "--json", "--repair", "repair-store"];
    let told = pc.run(&[&arguments, more].concat());
    let value = serde_json::from_str(&told.stdout).unwrap_or(Value::Null);
    (told, value)
}

fn ends(value: &Value) -> Vec<&str> {
    let steps = value["attempts"][0]["repair"]["steps"].as_array();
    steps.into_iter().flatten().filter_map(|it| it["ended"].as_str()).collect()
}

/// What DISM was asked for.
fn asked(pc: &Pc) -> Vec<String> {
    let log = fs::read_to_string(pc.path(r"C:\lab\store.log")).unwrap_or_default();
    log.lines().filter(|it| *it != "shutdown").map(str::to_owned).collect()
}

#[test]
fn a_damaged_store_is_searched_and_repaired_files_are_checked_and_the_update_goes_through() {
    let Some(lab) = Lab::open() else { return };
    let pc = damaged_pc(&lab, "store", "repairable\nunscanned");
    let (told, value) = fix(&pc, &[]);
    assert_eq!(ends(&value), ["done", "done", "unverified", "done"], "{told:?}");
    assert_eq!(value["attempts"][0]["repair"]["outcome"]["outcome"], "repaired", "{told:?}");
    assert_eq!(asked(&pc), ["scan", "repair from [] limited false"]);
    let called = fs::read_to_string(pc.path(r"C:\lab\sfc.log")).unwrap_or_default();
    assert_eq!(called, "/scannow");
    assert!(told.stderr.is_empty() || !told.stderr.contains("panicked"), "{told:?}");
}

#[test]
fn a_check_that_could_not_be_made_stops_the_repair() {
    let Some(lab) = Lab::open() else { return };
    let pc = damaged_pc(&lab, "nocheck", "repairable");
    pc.write(r"C:\lab\sfc.txt", "1\n");
    let (told, value) = fix(&pc, &[]);
    assert_eq!(ends(&value)[..2], ["stays", "failed"], "{told:?}");
}

#[test]
fn a_repair_takes_its_files_from_the_image_that_fits_and_from_no_other() {
    let Some(lab) = Lab::open() else { return };
    let store = format!("repairable\nsource = wim:{IMAGES}:1");
    let pc = damaged_pc(&lab, "source", &store);
    let (told, value) = fix(&pc, &[]);
    assert_eq!(ends(&value)[0], "failed", "{told:?}");
    assert!(told.stdout.contains("0x800F081F"), "{told:?}");
    pc.write(IMAGES, image("19043", "Core"));
    let (told, _) = fix(&pc, &["--source", IMAGES]);
    assert!(told.stdout.contains("has no image of this Windows"), "{told:?}");
    pc.write(IMAGES, image("19041", "Professional"));
    let (told, value) = fix(&pc, &["--source", IMAGES, "--limit-access"]);
    assert_eq!(ends(&value), ["done", "unverified", "done"], "{told:?}");
    let last = format!("repair from [wim:{IMAGES}:1] limited true");
    assert_eq!(asked(&pc).last(), Some(&last));
}

#[test]
fn a_store_that_windows_calls_beyond_repair_is_left_alone() {
    let Some(lab) = Lab::open() else { return };
    let pc = damaged_pc(&lab, "beyond", "unrepairable");
    let (told, _) = fix(&pc, &[]);
    assert!(told.stdout.contains("cannot be repaired"), "{told:?}");
    assert_eq!(asked(&pc), [""; 0]);
}

/// A file of images with nothing but its head and its description.
fn image(build: &str, edition: &str) -> Vec<u8> {
    let xml = format!(
        "<WIM><IMAGE INDEX=\"1\"><NAME>Windows</NAME><WINDOWS><EDITIONID>{edition}</EDITIONID>\
         <VERSION><BUILD>{build}</BUILD></VERSION></WINDOWS></IMAGE></WIM>"
    );
    let xml: Vec<u8> =
        std::iter::once(0xfeff).chain(xml.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut file = vec![0; 208];
    file[..8].copy_from_slice(b"MSWIM\0\0\0");
    file[72..80].copy_from_slice(&(xml.len() as u64 | 0x0200_0000_0000_0000).to_le_bytes());
    file[80..88].copy_from_slice(&208_u64.to_le_bytes());
    file.extend(xml);
    file
}
