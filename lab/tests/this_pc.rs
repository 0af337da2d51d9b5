//! What the real program tells of the PC it runs on, where libraries of the lab play the update agent and
//! Windows Management Instrumentation: answers, refusals, and none in time.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use serde_json::Value;
use unwedge_lab::{Lab, MANAGEMENT, PLAYER, Pc, UPDATE_AGENT};

const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
const HEAD: &str = "2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r\n";

const OBJECTS: &str = r"[root\SecurityCenter2 AntiVirusProduct]
displayName = text Tide Guard
productState = u32 0x41010
pathToSignedProductExe = text C:\Tide\guard.exe
[root\SecurityCenter2 FirewallProduct]
displayName = text Tide Wall
productState = u32 0x40000
[root\Microsoft\Windows\Defender MSFT_MpComputerStatus]
AMServiceEnabled = bool true
RealTimeProtectionEnabled = bool true
IsTamperProtected = bool true
AMRunningMode = text Normal
AntivirusSignatureAge = u32 40
[root\Microsoft\Windows\Defender MSFT_MpPreference]
ExclusionPath = list N/A: Must be an administrator to view exclusions
[root\Microsoft\Windows\Storage MSFT_PhysicalDisk]
DeviceId = text 0
FriendlyName = text Tide SSD
HealthStatus = u32 0
[root\Microsoft\Windows\Storage MSFT_PhysicalDisk]
DeviceId = text 7
FriendlyName = text Old Disk
HealthStatus = u32 2
[root\CIMV2\Security\MicrosoftVolumeEncryption Win32_EncryptableVolume]
DriveLetter = text C:
ProtectionStatus = u32 0
ConversionStatus = u32 1
[root\default SystemRestore]
SequenceNumber = u32 9
Description = text Before
CreationTime = text 20260102080000.000000-060
";

fn pc(lab: &Lab, name: &str, objects: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(LOG, HEAD);
    pc.write(r"C:\lab\wmi.txt", objects);
    pc.write(
        r"C:\lab\update_agent.txt",
        "[KB5099998]\nstate = restart\n[KB5099999]\nhistory = 4\ncode = 0x80070021\n",
    );
    pc.program("unwedge.exe");
    pc.play(PLAYER, &UPDATE_AGENT);
    pc.play(PLAYER, &MANAGEMENT);
    pc
}

fn diagnosed(pc: &Pc) -> Value {
    let told = pc.run(&["diagnose", "--json"]);
    assert!((0..=3).contains(&told.code), "{told:?}");
    serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"))
}

/// What is said of the PC about a topic.
fn notes(json: &Value, topic: &str) -> Vec<String> {
    let all = json["this_pc"].as_array().into_iter().flatten();
    let of = all.filter(|it| it["topic"] == topic);
    of.map(|it| it["told"].as_str().unwrap_or_default().to_owned()).collect()
}

fn gap(json: &Value, what: &str) -> String {
    let all = json["gaps"].as_array().into_iter().flatten();
    let of: Vec<&Value> = all.filter(|it| it["what"] == what).collect();
    let [only] = of.as_slice() else { panic!("{what}: {json:#}") };
    only["why"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_the_agent_and_wmi_tell_is_told_and_nothing_is_changed() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "told", OBJECTS);
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let json = diagnosed(&pc);
    for (topic, expected) in [
        ("protection", "antivirus Tide Guard is on, does not know the newest threats"),
        ("protection", "firewall Tide Wall is off"),
        ("protection", "Microsoft Defender: real-time protection on, Normal, tamper protection on"),
        ("protection", "what Microsoft Defender knows of threats is 40 days old"),
        ("drive", "drive 7 (Old Disk) is unhealthy"),
        ("encryption", "C: is encrypted, and its protection is suspended (BitLocker)"),
        ("restore_points", "1 restore points, the last of 2026-01-02T09:00:00Z"),
        ("restart", "Windows Update says that it needs a restart"),
    ] {
        let told = notes(&json, topic);
        assert!(told.iter().any(|it| it == expected), "{expected}: {told:?}\n{json:#}");
    }
    let failed = notes(&json, "updates");
    assert!(failed.iter().any(|it| it.contains("(KB5099999) failed with 0x80070021")), "{json:#}");
    let drives = notes(&json, "drive");
    assert!(!drives.iter().any(|it| it.contains("Tide SSD")), "a sound one is no news: {drives:?}");
    let asked = pc.lines_of("update_agent.log");
    assert!(!asked.iter().any(|it| it.contains("online")), "nothing is searched for: {asked:?}");
    assert_eq!(pc.lines_of("wmi.log"), [""; 0], "no method is called");
    pc.assert_only_read(&files, &registry);
}

#[test]
fn what_is_refused_and_what_is_not_told_in_time_are_gaps() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(
        &lab,
        "gaps",
        r"[class root\SecurityCenter2 AntiVirusProduct]
silent = 300
[class root\SecurityCenter2 FirewallProduct]
[class root\Microsoft\Windows\Storage MSFT_PhysicalDisk]
code = 0x80041003
[class root\Microsoft\Windows\Defender MSFT_MpPreference]
",
    );
    let begun = Instant::now();
    let json = diagnosed(&pc);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(150), "who does not answer is not waited for: {took:?}");
    let late = gap(&json, "products in the Security Center");
    assert_eq!(late, "no answer within 20 seconds");
    // Then drives are asked one by one, which Wine refuses.
    let denied = gap(&json, "the health of drive 0");
    assert_eq!(denied, "refused by Windows with error 50");
    // One that has no such class, and one that lacks all of it.
    for what in ["the state of Microsoft Defender", "encryption of volumes", "restore points"] {
        assert!(!gap(&json, what).is_empty());
    }
    assert_eq!(notes(&json, "protection"), [""; 0], "{json:#}");
}
