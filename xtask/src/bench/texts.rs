//! Text logs beside CBS.log, in the shapes of the real ones: the agent's history, Windows Setup,
//! and the installation of devices.

use super::random::Random;

/// One of them.
pub(super) struct TextLog {
    /// Where it lies below the folder of Windows.
    pub(super) name: &'static str,
    line: fn(&mut Random, &str) -> String,
}

/// All of them.
pub(super) const TEXT_LOGS: [TextLog; 4] = [
    TextLog { name: "WindowsUpdate.log", line: agent },
    TextLog { name: "ReportingEvents.log", line: history },
    TextLog { name: "setupact.log", line: setup },
    TextLog { name: "setupapi.dev.log", line: devices },
];

impl TextLog {
    /// About so many bytes of it, the first record so many days later than that of others.
    pub(super) fn write(&self, size_bytes: usize, days_later: u32) -> Vec<u8> {
        let mut random = Random::new(size_bytes as u64);
        let mut log = Vec::with_capacity(size_bytes + 512);
        let mut seconds = i64::from(days_later) * 86_400;
        while log.len() < size_bytes {
            seconds += random.below(40) as i64;
            let start = jiff::civil::datetime(2024, 3, 12, 6, 0, 0, 0);
            let time = start.saturating_add(jiff::SignedDuration::from_secs(seconds));
            let time = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
            log.extend((self.line)(&mut random, &time).bytes());
            log.extend(b"\r\n");
        }
        log
    }
}

fn agent(random: &mut Random, time: &str) -> String {
    let component = random.of(&["Agent", "ProtocolTalker", "SLS", "Misc", "DownloadManager"]);
    let text = random.of(&[
        "* START * Finding updates CallerId = Update;taskhostw  Id = 1",
        "Search Scope = {Machine}, caller SID for applicability: S-1-5-18",
        "Performing service recovery for service, endpoint https://update.contoso.example/v6",
        "SyncUpdates round trips: 4, evaluated applicable updates: 63, found 0",
        "*FAILED* [80240438] Method failed [AgentProtocolTalker::GetCookie:431]",
    ]);
    let (fraction, thread) = (random.below(10_000_000), random.below(9_000));
    format!("{}.{fraction:07} 1244  {thread:<5} {component:<15} {text}", time.replace('-', "/"))
}

fn history(random: &mut Random, time: &str) -> String {
    let (id, number) = (random.below(1 << 32), random.below(1 << 16));
    let text = random.of(&[
        "Windows Update Client successfully detected 3 updates.",
        "Download succeeded.",
        "Installation Successful: Windows successfully installed the following update: Contoso",
        "Installation Started: Windows has started installing the following update: Contoso",
    ]);
    format!(
        "{{{id:08X}-7A1C-4F5B-9D0E-0A1B2C3D4E5F}}\t{time}:{:03}-0700\t1\t147 [AGENT_DETECTION_FINISHED]\t101\t{{{number:08X}-0000-0000-0000-000000000000}}\t0\t0\tUpdateOrchestrator\tSuccess\tSoftware Synchronization\t{text}",
        random.below(1_000)
    )
}

fn setup(random: &mut Random, time: &str) -> String {
    let (component, text) = match random.below(6) {
        0 => ("MIG", "Not migrating provider Contoso-Component, not present"),
        1 => ("SP", "Operation progress: 42"),
        2 => ("MOUPG", "SetupHost: Reporting progress event: 0x00001024"),
        3 => ("SP", "CSetupPlatform: no pending reboot was found"),
        4 => ("MIG", "Successfully gathered object File, C:\\Users\\Public\\Documents [a.txt]"),
        _ => ("CONX", "Windows::Compat::Shared: OS Version: 10.0.26100"),
    };
    format!("{time}, Info                  {component:<6} {text} {}", random.below(100_000))
}

fn devices(random: &mut Random, time: &str) -> String {
    let time = time.replace('-', "/");
    let device = random.below(100_000);
    match random.below(8) {
        0 => format!(
            ">>>  [Device Install (Hardware initiated) - USB\\VID_0000&PID_0001\\{device}]\r\n>>>  Section start {time}.{:03}",
            random.below(1_000)
        ),
        1 => format!(
            "<<<  Section end {time}.{:03}\r\n<<<  [Exit status: SUCCESS]",
            random.below(1_000)
        ),
        2 => "     dvi: Searching for compatible drivers in the store".to_owned(),
        3 => format!("     sto: Driver package contoso{device}.inf is already in the store"),
        _ => format!(
            "     inf: Opened PNF: 'C:\\Windows\\INF\\oem{}.inf' ([strings.0409])",
            device % 90
        ),
    }
}
