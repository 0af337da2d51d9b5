//! `fix`, `undo` and `history` of the real program on a running PC of the lab, from end to end: a
//! service holds what an update needs, and the update agent of the lab installs only if nobody does.
#![cfg(target_os = "linux")]

use std::fs;

use serde_json::Value;
use unwedge_lab::{Lab, Output, Pc};

const KB: &str = "KB5099999";
const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
const HELD: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";
const DOWNLOADED: &str = r"C:\windows\SoftwareDistribution\Download\5f3e\part.cab";

/// In the shape of a CBS.log in which a lock stops the update.
const FAILED: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_FILE_LOCK_CONFLICT while executing operation ReadFile on [l:61]'\\SystemRoot\\SoftwareDistribution\\DataStore\\DataStore.edb'
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
";

/// The classes of the agent that the lab's own takes over.
const CLASSES: [&str; 3] = [
    "{4CB43D7F-7EEE-4906-8698-60DA1C38F2FE}",
    "{13639463-00DB-4646-803D-528026140D88}",
    "{C01B9BA0-BEA7-41BA-B604-D0A36F469133}",
];

/// A PC on which the update fails because of a lock; the agent does what `script` says.
fn failing_pc(lab: &Lab, name: &str, script: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(LOG, FAILED);
    pc.write(HELD, vec![0; 4096]);
    pc.write(DOWNLOADED, "part of an update");
    pc.write(r"C:\lab\update_agent.txt", format!("[{KB}]\nlog = {LOG}\n{script}\n"));
    let library = pc.program("lab_update_agent.dll").replace('\\', r"\\");
    let class = |id: &str| {
        format!(
            "[HKEY_LOCAL_MACHINE\\Software\\Classes\\CLSID\\{id}\\InprocServer32]\n@=\"{library}\"\n\
             \"ThreadingModel\"=\"Both\"\n\n"
        )
    };
    pc.change_registry(&CLASSES.map(class).concat());
    pc
}

/// What the agent was asked for.
fn asked(pc: &Pc) -> String {
    fs::read_to_string(pc.path(r"C:\lab\update_agent.log")).unwrap_or_default()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn probe() {
    let Some(lab) = Lab::open() else { return };
    let pc = failing_pc(&lab, "probe", &format!("held = {HELD}"));
    pc.start_service("backup", &format!("lock:{HELD}"));
    let plan = pc.run(&["plan"]);
    println!("{}\n{}", plan.stdout, plan.stderr);
    let told = pc.run(&["fix", "--yes", "--json"]);
    println!("{}\n{}", told.stdout, told.stderr);
    println!("{}", asked(&pc));
    let told = pc.run(&["history"]);
    println!("{}\n{}", told.stdout, told.stderr);
    let _ = json;
}
