//! Every log in the shape that Windows writes: heads, zones, and what the lines say of updates.

use proptest::prelude::*;
use unwedge_formats::log::{
    Decoder, Encoding, EventLine, Level, LogKind, Statement, event_lines, event_value, head,
    recognise, statement_of, structure, update_named, zone_of,
};

const GUID: &str = "e3766677-0000-4000-8000-00000000000a";

/// What a whole line says, as `Action End | update | id | client`; empty when it says nothing.
fn said(kind: LogKind, line: &str) -> String {
    let (component, text) = match head(kind, line.as_bytes()) {
        Some(head) => (head.component, &line[head.text_at..]),
        None => (&b""[..], line),
    };
    match statement_of(kind, component, text) {
        Some(Statement::Update(step)) => {
            let marked = structure(kind).iter().any(|literal| line.contains(literal));
            assert!(marked, "no literal of the kind stands in {line}");
            let said = format!(
                "{:?} {:?} | {} | {} | {}",
                step.action, step.end, step.update, step.id, step.client
            );
            said.trim_end_matches([' ', '|']).to_owned()
        }
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn new_form(component: &str, text: &str) -> String {
    format!("2025/03/17 15:43:15.1571414 18348 7716  {component:<16}{text}")
}

fn old_form(component: &str, text: &str) -> String {
    format!("2014-08-28\t03:07:48:216\t 648\t13bc\t{component}\t{text}")
}

#[test]
fn the_new_form_of_the_agents_log_tells_its_calls() {
    for (component, text, want) in [
        (
            "Agent",
            "* START * Finding updates CallerId = MoUpdateOrchestrator  Id = 3 (cV = a.1.0)",
            "Scan Started |  |  | MoUpdateOrchestrator",
        ),
        (
            "Agent",
            "* END * Finding updates CallerId = MoUpdateOrchestrator, Id = 3, Exit code = 0x8024402C (cV = a)",
            "Scan Failed(Code(0x8024402c)) |  |  | MoUpdateOrchestrator",
        ),
        (
            "Agent",
            "* END * Finding updates CallerId = <<PROCESS>>: a.exe, Id = 3, Exit code = 0x00000000",
            "Scan Succeeded |  |  | <<PROCESS>>: a.exe",
        ),
        (
            "Agent",
            "ServiceID = {9482F4B4-E343-43B6-B170-9A65BC822C77} Windows Update",
            "Scan Started |  | 9482F4B4-E343-43B6-B170-9A65BC822C77",
        ),
        (
            "Agent",
            "* START * Queueing Finding updates [CallerId = MoUpdateOrchestrator  Id = 3]",
            "",
        ),
        (
            "Agent",
            "* START *  Installing updates CallerId = CcmExec",
            "Install Started |  |  | CcmExec",
        ),
        (
            "Agent",
            "* END *  Installing updates CallerId = CcmExec, Exit code = 0x8024000B",
            "Install Cancelled(Code(0x8024000b)) |  |  | CcmExec",
        ),
        (
            "Agent",
            "LogHistory called for Caller=UpdateOrchestrator, idUpdate={e3766677-0000-4000-8000-00000000000a}.200, operation = Install, resultMapped=80070643, resultUnMapped=80070643",
            "Install Failed(Code(0x80070643)) | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a | UpdateOrchestrator",
        ),
        (
            "Agent",
            "LogHistory called. idUpdate={e3766677-0000-4000-8000-00000000000a}.1, resultMapped=80242014, resultUnMapped=0",
            "Install NeedsRestart | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "Agent",
            "LogHistory called. idUpdate={e3766677-0000-4000-8000-00000000000a}.1, resultMapped=240006, resultUnMapped=0",
            "Install Succeeded | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "Agent",
            "WU client calls back to install call {11111111-0000-4000-8000-00000000000a} with code Call complete and error 0x80240022",
            "Install Failed(Code(0x80240022))",
        ),
        (
            "Agent",
            "WU client calls back to search call {11111111-0000-4000-8000-00000000000a} with code Call complete and error 0",
            "",
        ),
        (
            "DownloadManager",
            "* START * Begin Downloading Updates [CallerId = UpdateOrchestrator] [Call ID = {11111111-0000-4000-8000-00000000000a}]",
            "Download Started |  |  | UpdateOrchestrator",
        ),
        (
            "DownloadManager",
            "* END * Begin Downloading Updates [CallerId = X] [Call ID = {}] [hr = 0x00000000]",
            "",
        ),
        (
            "DownloadManager",
            "DO job {11111111-0000-4000-8000-00000000000a} failed, updateId = e3766677-0000-4000-8000-00000000000a.1, hr = 0x80D05001. File URL = http://x",
            "Download Failed(Code(0x80d05001)) | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "DownloadManager",
            "DO job {11111111-0000-4000-8000-00000000000a} hit a transient error, updateId = e3766677-0000-4000-8000-00000000000a.1, error = 0x80190193",
            "",
        ),
        (
            "DownloadManager",
            "BITS job {11111111-0000-4000-8000-00000000000a} completed successfully, updateId = e3766677-0000-4000-8000-00000000000a.1",
            "Download Succeeded | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "ComApi",
            "Download call complete (succeeded = 0, succeeded with errors = 0, failed = 1, cancelled = 0, unaccounted = 0)",
            "",
        ),
        (
            "ComApi",
            "Install call complete (succeeded = 0, succeeded with errors = 0, failed = 2, cancelled = 0, unaccounted = 0)",
            "Install Failed(Code(0x80240022))",
        ),
        (
            "ComApi",
            "Install call complete (succeeded = 1, succeeded with errors = 0, failed = 0, cancelled = 0, unaccounted = 0",
            "Install Succeeded",
        ),
        (
            "ComApi",
            "Install call complete (succeeded = 1, succeeded with errors = 0, failed = 1, cancelled = 0, unaccounted = 0",
            "",
        ),
        ("Misc", "*FAILED* [80248007] Method failed [CDataStore::Get:1]", ""),
    ] {
        assert_eq!(said(LogKind::WindowsUpdate, &new_form(component, text)), want, "{text}");
    }
}

#[test]
fn the_old_form_of_the_agents_log_tells_the_same() {
    let event = format!(
        "REPORT EVENT: {{11111111-0000-4000-8000-00000000000A}}\t2014-08-28 03:07:43:101+0530\t1\t182\t101\
         \t{{{GUID}}}\t200\t80070020\tAutomaticUpdates\tFailure\tContent Install\t\
         Installation Failure: Windows failed to install the following update with error \
         0x80070020: Update for Windows 7 (KB2999226)."
    );
    for (component, text, want) in [
        (
            "Agent",
            "** START **  Agent: Finding updates [CallerId = AutomaticUpdates]",
            "Scan Started |  |  | AutomaticUpdates",
        ),
        ("Agent", "**  END  **  Agent: Finding updates [CallerId = AutomaticUpdates]", ""),
        (
            "Agent",
            "  * Found 3 updates and 62 categories in search; evaluated appl. rules of 9 out of 12 deployed entities",
            "Scan Succeeded",
        ),
        (
            "AU",
            "  # WARNING: Search callback failed, result = 0x8024402C",
            "Scan Failed(Code(0x8024402c))",
        ),
        (
            "AU",
            "  # WARNING: Failed to find updates with error code 8024402C",
            "Scan Failed(Code(0x8024402c))",
        ),
        (
            "AU",
            "  # WARNING: Install failed, error = 0x80070643 / 0x00000643",
            "Install Failed(Code(0x80070643))",
        ),
        (
            "AU",
            "Install call completed, reboot required = Yes, error = 0x00000000",
            "Install NeedsRestart",
        ),
        (
            "AU",
            ">>##  RESUMED  ## AU: Installing update [UpdateId = {e3766677-0000-4000-8000-00000000000a}, succeeded]",
            "Install Succeeded | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "DnldMgr",
            "Error 0x80246013 occurred while downloading update; notifying dependent calls.",
            "Download Failed(Code(0x80246013))",
        ),
        (
            "Report",
            &event,
            "Install Failed(Code(0x80070020)) | Update for Windows 7 (KB2999226) | e3766677-0000-4000-8000-00000000000a | AutomaticUpdates",
        ),
    ] {
        assert_eq!(said(LogKind::WindowsUpdate, &old_form(component, text)), want, "{text}");
    }
}

#[test]
fn pitfall_14_heads_of_both_forms_are_read_in_all_languages() {
    let line = new_form("DownloadManager", "x");
    let found = head(LogKind::WindowsUpdate, line.as_bytes()).unwrap();
    assert_eq!(found.time.to_string(), "2025-03-17T15:43:15.1571414");
    assert_eq!(found.component, b"DownloadManager");
    assert_eq!(&line[found.text_at..], "x");
    for line in [
        "2020-09-20 17:02:22.4950000 1 2     Agent           x",
        "2020.09.20 17:02:22.4950000 1 2     Agent           x",
        "2020/09/20 17.02.22,4950000 1 2     Agent x",
    ] {
        let found = head(LogKind::WindowsUpdate, line.as_bytes()).unwrap();
        assert_eq!(found.time.to_string(), "2020-09-20T17:02:22.495");
        assert_eq!((found.component, &line[found.text_at..]), (&b"Agent"[..], "x"));
    }
    let line = old_form("AU", "# WARNING: x");
    let found = head(LogKind::WindowsUpdate, line.as_bytes()).unwrap();
    assert_eq!(found.time.to_string(), "2014-08-28T03:07:48.216");
    assert_eq!((found.component, found.level), (&b"AU"[..], Level::Warning));
    let banner = old_form("Misc", "===  Logging initialized (build: 7.6.7600.256, tz: -0800)  ===");
    assert_eq!(zone_of(LogKind::WindowsUpdate, banner.as_bytes()), Some(-480));
}

fn event(number: &str, result: &str, outcome: &str, sentence: &str) -> String {
    format!(
        "{{11111111-0000-4000-8000-00000000000A}}\t2023-06-17 20:20:23:087+0300\t1\t{number}\t101\
         \t{{{GUID}}}\t1\t{result}\tMoUpdateOrchestrator\t{outcome}\tContent Install\t{sentence}"
    )
}

#[test]
fn reported_events_tell_title_code_and_zone() {
    let about = format!("| 2024-01 Update (KB5034123) | {GUID} | MoUpdateOrchestrator");
    let none = format!("| {GUID} | {GUID} | MoUpdateOrchestrator");
    let failure = "Installation Failure: Windows failed to install the following update with \
                   error 0x80070020: 2024-01 Update (KB5034123).";
    let german = "Installationsfehler: Die Installation des folgenden Updates ist mit Fehler \
                  0x80070020 fehlgeschlagen: 2024-01 Update (KB5034123).";
    for (number, result, sentence, want) in [
        (
            "182 [AGENT_INSTALLING_FAILED]",
            "80070020",
            failure,
            format!("Install Failed(Code(0x80070020)) {about}"),
        ),
        ("182", "80070020", german, format!("Install Failed(Code(0x80070020)) {about}")),
        (
            "183 [AGENT_INSTALLING_SUCCEEDED]",
            "0",
            "Installation Successful: Windows successfully installed the following update: 2024-01 Update (KB5034123)",
            format!("Install Succeeded {about}"),
        ),
        (
            "182 [AGENT_INSTALLING_FAILED]",
            "8024000b",
            "",
            format!("Install Cancelled(Code(0x8024000b)) {none}"),
        ),
        (
            "162 [AGENT_DOWNLOAD_SUCCEEDED]",
            "0",
            "Download succeeded.",
            format!("Download Succeeded {none}"),
        ),
        (
            "163 [AGENT_DOWNLOAD_CANCELED]",
            "8024000b",
            "",
            format!("Download Cancelled(Code(0x8024000b)) {none}"),
        ),
        (
            "184 [AGENT_INSTALLING_SUCCEEDED_REBOOT]",
            "240005",
            "",
            format!("Install NeedsRestart {none}"),
        ),
        (
            "148 [AGENT_DETECTION_FAILED]",
            "8024402c",
            "",
            "Scan Failed(Code(0x8024402c)) |  | e3766677-0000-4000-8000-00000000000a | MoUpdateOrchestrator".to_owned(),
        ),
        (
            "147 [AGENT_DETECTION_FINISHED]",
            "0",
            "",
            "Scan Succeeded |  | e3766677-0000-4000-8000-00000000000a | MoUpdateOrchestrator".to_owned(),
        ),
        ("168 [(null)]", "0", "Download queued.", String::new()),
    ] {
        let line = event(number, result, "Success", sentence);
        assert_eq!(said(LogKind::ReportingEvents, &line), want);
        assert_eq!(said(LogKind::ReportingEvents, &format!("{line}\tcV.1.2")), want);
        assert_eq!(zone_of(LogKind::ReportingEvents, line.as_bytes()), Some(180));
        assert_eq!(recognise(line.as_bytes()), Some(LogKind::ReportingEvents));
    }
    let uncategorised = event("182", "80070020", "Failure", "").replace("\t101\t", "\t");
    assert_eq!(said(LogKind::ReportingEvents, &uncategorised), "");
    let line = event("182", "80070020", "Failure", "");
    let found = head(LogKind::ReportingEvents, line.as_bytes()).unwrap();
    assert_eq!(
        (found.level, found.time.to_string().as_str()),
        (Level::Error, "2023-06-17T20:20:23.087")
    );
}

fn cmtrace(component: &str, text: &str) -> String {
    format!(
        "<![LOG[{text}]LOG]!><time=\"08:52:44.338+240\" date=\"07-14-2021\" \
         component=\"{component}\" context=\"\" type=\"3\" thread=\"1\" file=\"a.cpp:3\">"
    )
}

#[test]
fn records_of_configuration_manager_have_their_time_at_the_end() {
    let line = cmtrace("WUAHandler", "x");
    let found = head(LogKind::ConfigMgr, line.as_bytes()).unwrap();
    assert_eq!(found.time.to_string(), "2021-07-14T08:52:44.338");
    assert_eq!((found.component, found.level), (&b"WUAHandler"[..], Level::Error));
    // The bias is added to come to UTC: this is US Eastern summer time.
    assert_eq!(zone_of(LogKind::ConfigMgr, line.as_bytes()), Some(-240));
    let east = line.replace("+240", "-330");
    assert_eq!(zone_of(LogKind::ConfigMgr, east.as_bytes()), Some(330));
    assert_eq!(head(LogKind::ConfigMgr, b"<![LOG[first line of several"), None);
    let last = line.replace("<![LOG[x", "instance of x {};");
    assert_eq!(head(LogKind::ConfigMgr, last.as_bytes()).unwrap().text_at, 0);
    assert_eq!(recognise(last.as_bytes()), Some(LogKind::ConfigMgr));
}

#[test]
fn configuration_manager_tells_scans_and_installations() {
    for (component, text, want) in [
        (
            "WUAHandler",
            "OnSearchComplete - Failed to end search job. Error = 0x8024402c.",
            "Scan Failed(Code(0x8024402c))",
        ),
        ("WUAHandler", "Scan failed with error = 0x8024402c.", "Scan Failed(Code(0x8024402c))"),
        ("WUAHandler", "Async searching of updates using WUAgent started.", "Scan Started"),
        ("WUAHandler", "Successfully completed scan.", "Scan Succeeded"),
        ("WUAHandler", "Installation of updates completed.", ""),
        (
            "WUAHandler",
            "Installation job encountered some failures. Job Result = 0x80240022.",
            "Install Failed(Code(0x80240022))",
        ),
        (
            "WUAHandler",
            "Failed to get final installation result of updates. Error = 0x80004002",
            "Install Failed(Code(0x80004002))",
        ),
        (
            "UpdatesHandler",
            "WSUS update (e3766677-0000-4000-8000-00000000000a) installation result = 0x80004002, Reboot State = NoReboot",
            "Install Failed(Code(0x80004002)) | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "WUAHandler",
            "Update 1 (e3766677-0000-4000-8000-00000000000a) finished installing (0x80070020), Reboot Required? No",
            "Install Failed(Code(0x80070020)) | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        (
            "WUAHandler",
            "Update 1 (e3766677-0000-4000-8000-00000000000a) finished installing (0x00000000), Reboot Required? Yes",
            "Install NeedsRestart | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        ("UpdatesHandler", "Updates scan completion received, result = 0x0.", "Scan Succeeded"),
        (
            "UpdatesHandler",
            "Installation job encountered some failures. Error = 0x80240022. Commit Result = 0x00000001.",
            "Install Failed(Code(0x80240022))",
        ),
        (
            "UpdatesDeploymentAgent",
            "Update (Site_A/SUM_e3766677-0000-4000-8000-00000000000a) Progress: Status = ciStateError, PercentComplete = 0, DownloadSize = 0, Result = 0x80070643",
            "Install Failed(Code(0x80070643)) | e3766677-0000-4000-8000-00000000000a | e3766677-0000-4000-8000-00000000000a",
        ),
        ("UpdatesStore", "Querying update status completed successfully.", ""),
        ("AppEnforce", "Scan failed with error = 0x8024402c.", ""),
    ] {
        assert_eq!(said(LogKind::ConfigMgr, &cmtrace(component, text)), want, "{text}");
    }
}

#[test]
fn setup_tells_how_an_upgrade_ended_by_its_leading_program_alone() {
    for (line, want) in [
        (
            "2022-07-06 08:18:24, Error                 MOUPG  CSetupHost::Execute(433): Result = 0x80070032",
            "Upgrade Failed(Code(0x80070032))",
        ),
        (
            "2022-07-06 08:18:24, Error                 MOUPG  CSetupHost::Execute(433): Result = 0x800704C7",
            "Upgrade Cancelled(Code(0x800704c7))",
        ),
        (
            "2022-07-06 08:18:24, Info                  MOUPG  SetupHost: Reporting error event -> [0xC1900101, 0x30018]",
            "Upgrade Failed(Code(0xc1900101))",
        ),
        (
            "2022-07-06 08:18:24, Info                  MOUPG  SetupHost::Initialize: CmdLine                = [/Install]",
            "Upgrade Started",
        ),
        (
            "2022-07-06 08:18:24, Error                 MOUPG  CSetupHost::ExecuteDiagnosticAnalysis(1541): Result = 0x80070003",
            "",
        ),
        (
            "2022-07-06 08:18:24, Error                 MOUPG  CDlpTask::Execute(1631): Result = 0x80070032",
            "",
        ),
        (
            "2022-07-06 08:18:24, Error                 SP     Operation failed: Set boot command. Error: 0x800700B7[gle=0x000000b7]",
            "",
        ),
        (
            "2019-03-29 00:35:57, Info       [0x0605e1] IBS    InstallWindows:First boot phase of setup done!!!!",
            "Upgrade Succeeded",
        ),
        (
            "2022-07-06 08:18:24, Info                  CBS    Loaded Servicing Stack v10.0.19041.1 with Core: x",
            "StackLoaded { version: \"10.0.19041.1\" }",
        ),
    ] {
        assert_eq!(said(LogKind::Setup, line), want, "{line}");
    }
    let line = "2019-03-29 00:32:48, Error      [0x0606ae] IBS    [SetupCl library] x";
    let found = head(LogKind::Setup, line.as_bytes()).unwrap();
    assert_eq!((found.component, &line[found.text_at..]), (&b"IBS"[..], "[SetupCl library] x"));
}

#[test]
fn a_section_of_driver_installation_has_a_title_a_time_and_an_end() {
    for (line, want) in [
        (
            r">>>  [Device Install (Hardware initiated) - USB\VID_1\2]",
            r"DriverInstall Started | Device Install (Hardware initiated) - USB\VID_1\2",
        ),
        (">>>  Section start 2023/11/22 17:59:28.110", ""),
        ("<<<  [Exit status: SUCCESS]", "DriverInstall Succeeded"),
        ("<<<  [Exit status: SUCCESS (REBOOT_REQUIRED)]", "DriverInstall NeedsRestart"),
        ("<<<  [Exit status: FAILURE(0x000005b4)]", "DriverInstall Failed(Code(0x000005b4))"),
        ("    <<<  [Exit status: FAILURE(0x00000103)]", "DriverInstall Succeeded"),
        ("!!!  dvi: Device not started", ""),
    ] {
        assert_eq!(said(LogKind::SetupApi, line), want, "{line}");
    }
    for line in [
        "<<<  Section end 2023/11/22 17:59:31.203",
        "    [Boot Session: 2023/11/22 17:59:31.203]",
        ">>>  Section start 2023.11.22 17.59.31,203",
    ] {
        let found = head(LogKind::SetupApi, line.as_bytes()).unwrap();
        assert_eq!(found.time.to_string(), "2023-11-22T17:59:31.203");
        assert_eq!(recognise(line.as_bytes()), Some(LogKind::SetupApi));
    }
}

#[test]
fn events_are_read_from_their_canonical_line() {
    let line = |provider: &str, rest: &str| {
        format!("2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-{provider} {rest}")
    };
    let title = r#"updateTitle="2017-07 Update ""x"" (KB4025342)" updateGuid={e3766677-0000-4000-8000-00000000000a}"#;
    let about = r#"| 2017-07 Update ""x"" (KB4025342) | e3766677-0000-4000-8000-00000000000a"#;
    for (provider, rest, want) in [
        ("WindowsUpdateClient", format!("19 System {title}"), format!("Install Succeeded {about}")),
        (
            "WindowsUpdateClient",
            format!("20 System errorCode=0x80248007 {title}"),
            format!("Install Failed(Code(0x80248007)) {about}"),
        ),
        ("WindowsUpdateClient", format!("43 System {title}"), format!("Install Started {about}")),
        ("WindowsUpdateClient", format!("44 System {title}"), format!("Download Started {about}")),
        (
            "WindowsUpdateClient",
            format!("31 System {title} errorCode=0x80246013"),
            format!("Download Failed(Code(0x80246013)) {about}"),
        ),
        (
            "WindowsUpdateClient",
            "25 System errorCode=0x8024402c serviceGuid={x}".to_owned(),
            "Scan Failed(Code(0x8024402c))".to_owned(),
        ),
        ("WindowsUpdateClient", "26 System updateCount=0".to_owned(), "Scan Succeeded".to_owned()),
        (
            "WindowsUpdateClient",
            r#"22 System restarttime=a updatelist="- A (KB1)""#.to_owned(),
            "Install NeedsRestart | - A (KB1)".to_owned(),
        ),
        ("WindowsUpdateClient", "27 System".to_owned(), String::new()),
        (
            "Servicing",
            "3 Setup PackageIdentifier=KB5034441 IntendedPackageState=5112 \
          IntendedPackageStateTextized=Installed ErrorCode=0x800f0922 Client=WindowsUpdateAgent"
                .to_owned(),
            "Install Failed(Code(0x800f0922)) | KB5034441 |  | WindowsUpdateAgent".to_owned(),
        ),
        (
            "Servicing",
            "2 Setup PackageIdentifier=KB1 IntendedPackageStateTextized=Installed \
          ErrorCode=0x0 Client=x"
                .to_owned(),
            "Install Succeeded | KB1 |  | x".to_owned(),
        ),
        (
            "Servicing",
            "2 Setup PackageIdentifier=KB1 IntendedPackageStateTextized=Absent \
          ErrorCode=0x0 Client=x"
                .to_owned(),
            "Uninstall Succeeded | KB1 |  | x".to_owned(),
        ),
        (
            "Servicing",
            "2 Setup PackageIdentifier=KB1 IntendedPackageStateTextized=Staged \
          ErrorCode=0x0 Client=x"
                .to_owned(),
            String::new(),
        ),
        (
            "Servicing",
            "4 Setup PackageIdentifier=KB1 IntendedPackageStateTextized=Installed \
          ErrorCode=0x0 Client=x"
                .to_owned(),
            "Install NeedsRestart | KB1 |  | x".to_owned(),
        ),
        (
            "Servicing",
            "10 Setup UpdateName=Hyper-V PackageIdentifier=p ErrorCode=0x0 Client=x".to_owned(),
            String::new(),
        ),
        (
            "Servicing",
            "10 Setup UpdateName=Hyper-V PackageIdentifier=p ErrorCode=0x800f0922 Client=x"
                .to_owned(),
            "Install Failed(Code(0x800f0922)) | Hyper-V |  | x".to_owned(),
        ),
        (
            "WUSA",
            r#"3 Setup UpdateTitle="Update (KB1)" ErrorCode=2149842967 CommandLine="""#.to_owned(),
            "Install Failed(Code(0x80240017)) | Update (KB1) |  | wusa".to_owned(),
        ),
        ("Kernel-General", "20 System errorCode=0x80248007".to_owned(), String::new()),
    ] {
        let line = line(provider, &rest);
        assert_eq!(said(LogKind::Events, &line), want, "{line}");
        assert_eq!(recognise(line.as_bytes()), Some(LogKind::Events));
        assert_eq!(zone_of(LogKind::Events, line.as_bytes()), Some(0));
    }
    let found = line("WUSA", "3 Setup a=b");
    let found = head(LogKind::Events, found.as_bytes()).unwrap();
    assert_eq!(found.time.to_string(), "2017-07-23T10:11:12.1234567");
    assert_eq!((found.component, found.level), (&b"Microsoft-Windows-WUSA"[..], Level::Error));
}

#[test]
fn the_smaller_logs_are_read() {
    for (kind, line, want) in [
        (
            LogKind::AzureExtension,
            "2024-05-14T09:12:18.1234567Z [Info] Patch install operation completed with success. [DurationInSeconds=24]",
            "Install Succeeded |  |  | WindowsPatchExtension",
        ),
        (
            LogKind::AzureExtension,
            "2024-05-14 09:12:18.123 [Error]  Patch install operation failed. HResult: 0x80240438",
            "Install Failed(Code(0x80240438)) |  |  | WindowsPatchExtension",
        ),
        (
            LogKind::AzureExtension,
            "2024-05-14T09:12:18Z [Info] Patch install operation successfully started.",
            "Install Started |  |  | WindowsPatchExtension",
        ),
        (
            LogKind::PoqExec,
            r"1d9a3f0c8b2e4d1: 2f,c0000043: MoveFile \??\C:\Windows\a.dll",
            r"Install Failed(Code(0xc0000043)) | MoveFile \??\C:\Windows\a.dll |  | poqexec",
        ),
        (LogKind::PoqExec, r"1d9a3f0c8b2e4d1: 30,0: CreateFile \??\C:\Windows\b.dll", ""),
        (LogKind::PoqExec, r"1d9a3f0c8b2e4d1: 2f,C: a number that no operation ends with", ""),
        (
            LogKind::SetupDiag,
            "Error: SetupDiag reports abrupt down-level failure. Last Operation: x, Error: 0x80070032",
            "Upgrade Failed(Code(0x80070032))",
        ),
        (
            LogKind::SetupDiag,
            "  <FailureData>Error: SetupDiag reports rollback failure found. Error: 0xC1900101 - 0x30018</FailureData>",
            "Upgrade Failed(Code(0xc1900101))",
        ),
        (
            LogKind::SetupDiag,
            "  <FailureData>0x800736cc-0x20003 Error: SetupDiag reports rollback failure found.Last Operation = x, Error = 0x800736CC-0x20003</FailureData>",
            "Upgrade Failed(Code(0x800736cc))",
        ),
        (
            LogKind::SetupDiag,
            "Error: SetupDiag reports abrupt down-level failure. Last Operation: Finalize, Error: 0xC1900208 - 0x4000C",
            "Upgrade Failed(Code(0xc1900208))",
        ),
        (LogKind::SetupDiag, "SetupDiag: processing rule: FindSuccessfulUpgrade.", ""),
        (LogKind::SetupDiag, "  <FailureData>LogEntry: x [gle=0x80070057]</FailureData>", ""),
        (LogKind::SetupDiag, "Error = 0xC1900101-0x20017", "Upgrade Failed(Code(0xc1900101))"),
        (
            LogKind::SetupDiag,
            "Matching Profile found: FindSuccessfulUpgrade - 8A0824C8-A56D-4C55-95A0-22751AB62F3E",
            "Upgrade Succeeded",
        ),
        (
            LogKind::CheckSur,
            "(f)\tCSI Payload File Missing\t0x00000000\ta.dll\tx86_b",
            r#"ReadinessRow { problem: "CSI Payload File Missing", object: "a.dll", fixed: false }"#,
        ),
        (LogKind::CheckSur, " Found 12 errors", "ReadinessDetected(12)"),
        (LogKind::CheckSur, "Fixed 2 errors", "ReadinessRepaired(2)"),
        (LogKind::CheckSur, "Checking System Update Readiness.", "ReadinessEnded"),
    ] {
        assert_eq!(said(kind, line), want, "{line}");
    }
    let line = b"1d9a3f0c8b2e4d1: 2f,c0000043: MoveFile x";
    assert_eq!(head(LogKind::PoqExec, line).unwrap().level, Level::Error);
    assert_eq!(zone_of(LogKind::PoqExec, line), Some(0));
    let date = head(LogKind::CheckSur, b"2014-03-02 09:06").unwrap();
    assert_eq!(date.time.to_string(), "2014-03-02T09:06:00");
}

#[test]
fn each_log_is_recognised_and_taken_for_no_other() {
    for (head, want) in [
        (r"2021/03/30 15:14:28.156  1234  5678 G1   Logger started.", None),
        ("2021/03/30 15:14:28.1560000 1234 5678  Renderer        another program", None),
        ("2021-03-30 15:14:28,156 INFO something", None),
        ("{\"json\": 1}", None),
        ("{11111111-0000-4000-8000-00000000000A}\tnot an event", None),
        ("<?xml version=\"1.0\"?><root/>", None),
        ("deadbeefdeadbee: 1,0: CreateFile", None),
        ("[Info] no date", None),
        ("Level,Date,Source\nInfo,1/2/2020,x", None),
        ("2014-03-02 09:06", None),
        ("100%\r\n50%", None),
        (
            "pasted:\r\n2025/03/17 15:43:15.1571414 1 7  Misc            x",
            Some(LogKind::WindowsUpdate),
        ),
        ("\u{feff}2014-08-28\t03:07:48:216\t 648\t13bc\tAU\tx", Some(LogKind::WindowsUpdate)),
        ("1d9a3f0c8b2e4d1: 2f,0: MoveFile x", Some(LogKind::PoqExec)),
        (
            "=====\r\nChecking System Update Readiness.\r\nBinary Version 6.1",
            Some(LogKind::CheckSur),
        ),
        ("\r\nMatching Profile found: X - Y", Some(LogKind::SetupDiag)),
        ("[Device Install Log]\r\n     OS Version = 10.0.19045", Some(LogKind::SetupApi)),
        ("2024-05-14T09:12:18Z [Info] Core patch process starting", Some(LogKind::AzureExtension)),
        ("2024-05-14T09:12:18Z [Info] another program of this form", None),
        (
            "2026-02-19 10:38:42, Info                         [windeploy.exe] x",
            Some(LogKind::Setup),
        ),
        ("2019-03-29 00:32:48, Error      [0x0606ae] IBS    x", Some(LogKind::Setup)),
        (
            "2025-05-02 15:17:34, Error                        Failed to delete x, hr = 0x80070005",
            Some(LogKind::Setup),
        ),
        (
            "2025-05-02 15:17:34, Info                  CBS    x\n2025-05-02 15:17:34, Info                  SP     x",
            Some(LogKind::Setup),
        ),
        (
            "Windows Resource Protection found corrupt files\r\nC:\\Windows\\Logs\\CBS\\CBS.log",
            Some(LogKind::SfcConsole),
        ),
        (
            "Pr\u{fc}fung 1 %\rPr\u{fc}fung 2 %\rPr\u{fc}fung 3 %\rPr\u{fc}fung 4 %\rPr\u{fc}fung 100 %\r\nsiehe windir\\Logs\\CBS\\CBS.log",
            Some(LogKind::SfcConsole),
        ),
        ("Event[0]:\n  Log Name: System\n  Source: x", Some(LogKind::EventText)),
    ] {
        assert_eq!(recognise(head.as_bytes()), want, "{head}");
    }
    // A whole head of nothing but device lines of a foreign log, in lines that end with CR LF.
    let dism = "2025-05-02 15:17:34, Info                  DISM   x\r\n".repeat(300);
    let setup = "2025-05-02 15:17:34, Info                  MIG    x\r\n".repeat(60);
    assert_eq!(recognise(format!("{dism}{setup}").as_bytes()), Some(LogKind::Setup));
}

/// sfc writes UTF-16, without a mark, whatever the code page of the console is.
#[test]
fn pitfall_15_what_sfc_prints_is_read_in_every_encoding() {
    let text = "\r\nBeginning system scan.  This process will take some time.\r\n\r\n\
                \rVerification 1% complete.\rVerification 100% complete.\r\n\
                Windows Resource Protection found corrupt files but was unable to fix some of them.\r\n\
                For online repairs, details are included in the CBS log file located at\r\n\
                windir\\Logs\\CBS\\CBS.log.\r\n";
    let wide = |mark: &str| -> Vec<u8> {
        format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    for bytes in [text.as_bytes().to_vec(), wide(""), wide("\u{feff}")] {
        let mut read = Vec::new();
        match Decoder::new(Encoding::of(&bytes)) {
            // Pieces end anywhere.
            Some(mut decoder) => bytes.chunks(7).for_each(|it| decoder.decode(it, &mut read)),
            None => read = bytes,
        }
        assert_eq!(
            recognise(&read),
            Some(LogKind::SfcConsole),
            "{}",
            String::from_utf8_lossy(&read)
        );
        assert!(!read.contains(&0));
    }
}

fn lines_of(text: &str) -> Vec<String> {
    let parsed = event_lines(text);
    assert_eq!(parsed.gaps, [], "{text}");
    parsed.items.into_iter().map(|EventLine { text, .. }| text).collect()
}

#[test]
fn exported_events_become_canonical_lines() {
    let xml = "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
        <Provider Name='Microsoft-Windows-WindowsUpdateClient' Guid='{x}'/><EventID>20</EventID>\
        <Level>2</Level><TimeCreated SystemTime='2017-07-23T10:11:12.123456700Z'/>\
        <Channel>System</Channel></System><EventData><Data Name='errorCode'>0x80248007</Data>\
        <Data Name='updateTitle'>Update A&amp;B (KB1)</Data><Data Name='updateGuid'/></EventData></Event></Events>";
    assert_eq!(recognise(xml.as_bytes()), Some(LogKind::EventText));
    assert_eq!(
        lines_of(xml),
        ["2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-WindowsUpdateClient 20 System \
          errorCode=0x80248007 updateTitle=\"Update A&B (KB1)\" updateGuid=\"\""]
    );
    let servicing = "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System>\
        <Provider Name=\"Microsoft-Windows-Servicing\"/><EventID>3</EventID><Level>0</Level>\
        <TimeCreated SystemTime=\"2024-01-02T03:04:05.0Z\"/><Channel>Setup</Channel></System>\
        <UserData><CbsPackageChangeState xmlns=\"x\"><PackageIdentifier>KB5034441</PackageIdentifier>\
        <ErrorCode>0x800f0922</ErrorCode></CbsPackageChangeState></UserData></Event>";
    assert_eq!(
        lines_of(servicing),
        ["2024-01-02T03:04:05.0000000Z Info Microsoft-Windows-Servicing 3 Setup \
          PackageIdentifier=KB5034441 ErrorCode=0x800f0922"]
    );
}

#[test]
fn pitfall_14_blocks_of_wevtutil_are_read_in_any_language() {
    let text = "Event[0]:\r\n  Protokollname: System\r\n  Quelle: Microsoft-Windows-WindowsUpdateClient\r\n  \
        Datum: 2017-07-23T10:11:12.123\r\n  Ereignis-ID: 20\r\n  Aufgabe: Agent\r\n  Ebene: Fehler\r\n  \
        Opcode: Installation\r\n  Stichwort: Fehler\r\n  Benutzer: S-1-5-18\r\n  Benutzername: SYSTEM\r\n  \
        Computer: PC\r\n  Beschreibung: \r\nInstallationsfehler: Fehler 0x80248007 beim Installieren: 2017-07 Update (KB4025342)\r\n\r\n";
    assert_eq!(recognise(text.as_bytes()), Some(LogKind::EventText));
    let parsed = event_lines(text);
    assert_eq!(parsed.gaps, []);
    let [line] = &parsed.items[..] else { panic!("{parsed:?}") };
    assert!(!line.is_utc);
    assert!(
        line.text.starts_with(
            "2017-07-23T10:11:12.1230000Z Info Microsoft-Windows-WindowsUpdateClient 20 System \
         errorCode=0x80248007 updateTitle=\"2017-07 Update (KB4025342)\" message="
        ),
        "{}",
        line.text
    );
    assert_eq!(
        said(LogKind::Events, &line.text),
        "Install Failed(Code(0x80248007)) | 2017-07 Update (KB4025342)"
    );
}

#[test]
fn lists_and_tables_tell_the_order_of_their_dates() {
    let list = "\r\nTimeCreated  : 23.07.2017 10:11:12\r\nProviderName : Microsoft-Windows-WindowsUpdateClient\r\n\
        Id           : 19\r\nMessage      : Installation Successful: Windows successfully installed the following update: A\r\n               (KB1)\r\n\r\n\
        TimeCreated  : 01.02.2017 01:02:03\r\nProviderName : Service Control Manager\r\nId           : 7036\r\nMessage      : x\r\n\r\n";
    assert_eq!(recognise(list.as_bytes()), Some(LogKind::EventText));
    let lines = lines_of(list);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("2017-07-23T10:11:12"), "{}", lines[1]);
    assert!(
        lines[0].starts_with(
            "2017-02-01T01:02:03.0000000Z Info Service_Control_Manager 7036 - message=x"
        )
    );
    let table = "Level,Date and Time,Source,Event ID,Task Category\r\n\
        Error,7/23/2017 10:11:12 PM,Microsoft-Windows-WindowsUpdateClient,20,Agent,\"Installation Failure: Windows failed to install the following update with error 0x80248007: A (KB1).\r\nmore\"\r\n\
        Information,7/3/2017 12:11:12 AM,Microsoft-Windows-WindowsUpdateClient,19,Agent,\"a: b: C (KB2)\"\r\n";
    assert_eq!(recognise(table.as_bytes()), Some(LogKind::EventText));
    let lines = lines_of(table);
    assert_eq!(said(LogKind::Events, &lines[1]), "Install Failed(Code(0x80248007)) | A (KB1)");
    assert!(lines[1].starts_with("2017-07-23T22:11:12.0000000Z Error "), "{}", lines[1]);
    assert!(lines[0].starts_with("2017-07-03T00:11:12"), "{}", lines[0]);
}

#[test]
fn a_cut_off_export_keeps_what_was_whole() {
    let parsed = event_lines("Event[0]:\n  a: b\n");
    assert_eq!((parsed.items.len(), parsed.gaps.len()), (0, 1));
    let parsed = event_lines(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>",
    );
    assert_eq!((parsed.items.len(), parsed.gaps.len()), (0, 1));
    let nameless = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'></Event>";
    assert_eq!(event_lines(nameless).gaps.len(), 1);
    assert_eq!(event_lines("nothing of the kind").gaps.len(), 1);
}

#[test]
fn an_event_stays_one_line_whatever_its_names_hold() {
    let list = |provider: &str, number: &str| {
        format!("TimeCreated  : 23.07.2017 10:11:12\nProviderName : {provider}\nId : {number}\n\n")
    };
    assert_eq!(
        lines_of(&list("A B\rC=\"d\"", "19")),
        ["2017-07-23T10:11:12.0000000Z Info A_B_C__d_ 19 -"]
    );
    // Numbers of events have 16 bits.
    let parsed = event_lines(&list("A", "123456"));
    assert_eq!((parsed.items.len(), parsed.gaps.len()), (0, 1));
}

#[test]
fn titles_of_updates_are_told_beside_their_steps() {
    let named = |kind, line: &str| {
        let found = head(kind, line.as_bytes()).unwrap();
        assert!(structure(kind).iter().any(|literal| line.contains(literal)), "{line}");
        update_named(kind, found.component, &line[found.text_at..])
            .map(|it| (it.title.to_owned(), it.id.to_owned()))
    };
    let told = |title: &str, id: &str| Some((title.to_owned(), id.to_owned()));
    let kind = LogKind::WindowsUpdate;
    let line = new_form("Agent", "  Title = 2024-01 Update (KB5034123)");
    assert_eq!(named(kind, &line), told("2024-01 Update (KB5034123)", ""));
    let line = new_form("Agent", &format!("  UpdateId = {GUID}.200"));
    assert_eq!(named(kind, &line), told("", GUID));
    let line = old_form("Agent", &format!("  *   UpdateId = {{{GUID}}}.101"));
    assert_eq!(named(kind, &line), told("", GUID));
    let kind = LogKind::ConfigMgr;
    let line = cmtrace("WUAHandler", &format!("1. Update (Missing): A (x) (KB1) ({GUID}, 200)"));
    assert_eq!(named(kind, &line), told("A (x) (KB1)", GUID));
    let line = cmtrace(
        "UpdatesStore",
        &format!("Queried Update ({GUID}): Status=Missing, Title=A, b (KB1), BulletinID=, x"),
    );
    assert_eq!(named(kind, &line), told("A, b (KB1)", GUID));
}

#[test]
fn data_of_an_event_are_found_by_name() {
    let text = r#"20 System a=1 b="x ""y"" = z" c="" d=last"#;
    assert_eq!(event_value(text, "A"), Some("1"));
    assert_eq!(event_value(text, "b"), Some(r#"x ""y"" = z"#));
    assert_eq!(event_value(text, "c"), Some(""));
    assert_eq!(event_value(text, "d"), Some("last"));
    assert_eq!(event_value(text, "x"), None);
}

#[test]
fn literals_of_a_kind_are_long_enough_to_search_for() {
    for kind in LogKind::ALL {
        assert!(structure(kind).iter().all(|literal| literal.len() >= 4), "{}", kind.name());
    }
}

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            Just("2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-WUSA 3 ".to_owned()),
            Just("2025/03/17 15:43:15.1571414 18348 7716  Agent           ".to_owned()),
            Just("{11111111-0000-4000-8000-00000000000A}\t2023-06-17 20:20:23:087+0300\t1\t182\t101\t".to_owned()),
            Just("2022-07-06 08:18:24, Error      [0x0606ae] ".to_owned()),
            Just("<![LOG[".to_owned()),
            Just("]LOG]!><time=\"08:52:44.338+240\" date=\"07-14-2021\" component=\"".to_owned()),
            Just(">>>  Section start 2023/11/22 17:59:28.1".to_owned()),
            Just("<<<  [Exit status: FAILURE(0x".to_owned()),
            Just("1d9a3f0c8b2e4d1: 2f,c0000043: ".to_owned()),
            Just("Event[0]:\n".to_owned()),
            Just("TimeCreated : 1/1/2020 1:2:3\nProviderName : x\nId : 1\n\n".to_owned()),
            Just("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><".to_owned()),
            Just("resultMapped=8".to_owned()),
            Just(" a=\"\"\"".to_owned()),
            ".{0,12}",
        ],
        0..6,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (recognise(&bytes), Encoding::of(&bytes), event_lines(&text));
        for kind in LogKind::ALL {
            let _ = zone_of(kind, &bytes);
            let head = head(kind, &bytes);
            prop_assert!(head.is_none_or(|head| head.text_at <= bytes.len()));
            let _ = statement_of(kind, b"", &text);
        }
    }

    #[test]
    fn no_line_of_a_known_shape_panics(line in pieces()) {
        let _ = (recognise(line.as_bytes()), event_lines(&line));
        for kind in LogKind::ALL {
            let _ = zone_of(kind, line.as_bytes());
            let _ = said(kind, &line);
        }
    }
}

#[test]
fn an_export_that_lists_the_newest_event_first_is_read_from_its_end() {
    let row = |hour: u8| {
        format!("Information,3/14/2026 {hour}:00:10 AM,Microsoft-Windows-A,{hour},None,text")
    };
    let numbers = |hours: &[u8]| -> Vec<String> {
        let text: Vec<String> = hours.iter().map(|&hour| row(hour)).collect();
        let lines = event_lines(&text.join("\r\n")).items;
        lines.iter().map(|line| line.text.split(' ').nth(3).unwrap_or("").to_owned()).collect()
    };
    assert_eq!(numbers(&[9, 8, 7]), ["7", "8", "9"]);
    assert_eq!(numbers(&[7, 8, 9]), ["7", "8", "9"]);
    // Sorted by another column.
    assert_eq!(numbers(&[8, 7, 9]), ["7", "8", "9"]);
    // A clock that was set back once.
    let log: Vec<u8> = vec![1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10, 11];
    let kept: Vec<String> = log.iter().map(u8::to_string).collect();
    assert_eq!(numbers(&log), kept);
}
