//! A diagnosis just good enough to drive repairs in tests: the last attempts in CBS.log.

#![allow(dead_code, reason = "each test file uses its part of it")]

use unwedge_engine::report::{
    AboutPc, Category, Citation, Culprit, Diagnosis, Finding, Operation, OperationOutcome, Role,
    SCHEMA, Severity, Subject, SubjectKind, Verdict,
};
use unwedge_host::{Host, ServiceName, StartType, WinPath};

/// The repairs of the rule for locked files.
const LOCK: [&str; 6] = [
    "wait-for-holder",
    "stop-holder",
    "exclude-update-files",
    "reset-download-cache",
    "reset-update-store",
    "pause-protection",
];

const CBS_LOG: &str = r"C:\Windows\Logs\CBS\CBS.log";

pub(crate) fn diagnose(host: &dyn Host) -> Diagnosis {
    let log = host.read(&WinPath::new(CBS_LOG)).ok().flatten().unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let operations: Vec<Operation> = (1..).zip(log.lines()).filter_map(operation).collect();
    let failed = |it: &Operation| it.outcome == OperationOutcome::Failed;
    let verdict = match operations.last() {
        None => Verdict::NotAssessed,
        Some(last) if failed(last) => Verdict::Failing,
        Some(_) if operations.iter().any(failed) => Verdict::Recovered,
        Some(_) => Verdict::Healthy,
    };
    let code = operations.last().and_then(|it| it.code.clone()).unwrap_or_default();
    let findings = match verdict {
        Verdict::Failing => finding(host, &log, &code).into_iter().collect(),
        _ => Vec::new(),
    };
    Diagnosis {
        schema: SCHEMA,
        unwedge: "test".to_owned(),
        verdict,
        summary: String::new(),
        about: AboutPc::default(),
        this_pc: Vec::new(),
        findings,
        ignored: Vec::new(),
        operations,
        sources: Vec::new(),
        gaps: Vec::new(),
    }
}

fn operation((number, line): (u64, &str)) -> Option<Operation> {
    let (_, rest) = line.split_once("Exec: Processing complete.")?;
    let kb = rest.split("Identifier: ").nth(1)?.split(' ').next()?;
    let code = rest.split("[HRESULT = ").nth(1)?.get(..10)?;
    let outcome = match code {
        "0x00000000" => OperationOutcome::Succeeded,
        _ => OperationOutcome::Failed,
    };
    Some(Operation {
        what: "install package".to_owned(),
        subject: Some(Subject { kind: SubjectKind::Kb, name: kb.to_owned() }),
        client: None,
        outcome,
        code: (outcome == OperationOutcome::Failed).then(|| code.to_owned()),
        citation: Citation {
            source: CBS_LOG.to_owned(),
            line: Some(number),
            time: None,
            excerpt: line.to_owned(),
        },
    })
}

/// The file whose content is damaged, as the log names it last.
fn extracted(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|it| it.contains("Failed to extract file"))?;
    let path = line.split(r"\\?\").nth(1)?.split(" [").next()?;
    Some(path.to_owned())
}

fn finding(host: &dyn Host, log: &str, code: &str) -> Option<Finding> {
    let path = log.lines().rev().find_map(|line| {
        let path = line.split("CreateFile on [l:").nth(1)?.split('\'').nth(1)?;
        Some(WinPath::new(path).to_string())
    });
    let file = path.map(|name| Subject { kind: SubjectKind::File, name });
    let (rule, category, subject, repairs) = match code {
        "0x80070020" => ("file-locked", Category::Lock, file, LOCK.to_vec()),
        "0x80070021" => ("file-locked", Category::Lock, None, LOCK.to_vec()),
        "0x80070422" => {
            let is_disabled = |it: &&&str| {
                let service = host.service(&ServiceName::new(it)).ok().flatten();
                service.is_some_and(|it| it.start == StartType::Disabled)
            };
            let name = ["wuauserv", "UsoSvc", "BITS"].iter().find(is_disabled)?;
            let subject = Subject { kind: SubjectKind::Service, name: (*name).to_owned() };
            ("update-service-disabled", Category::Service, Some(subject), vec!["restore-service"])
        }
        "0x8007007e" => {
            ("update-service-replaced", Category::Service, None, vec!["restore-service-library"])
        }
        "0x80070005" => (
            "access-denied",
            Category::Permission,
            file,
            vec!["exclude-update-files", "restore-permissions", "pause-protection"],
        ),
        "0x80073712" => {
            ("component-store-damaged", Category::StoreCorruption, None, vec!["repair-store"])
        }
        "0x80070570" if extracted(log).is_some_and(|it| it.contains("catroot2")) => (
            "catalogue-database-damaged",
            Category::StoreCorruption,
            None,
            vec!["reset-catalogues"],
        ),
        "0x80070570" => (
            "download-damaged",
            Category::DownloadIntegrity,
            extracted(log).map(|name| Subject { kind: SubjectKind::File, name }),
            vec!["reset-download-cache", "reset-update-store"],
        ),
        _ => return None,
    };
    Some(Finding {
        rule: rule.to_owned(),
        title: rule.to_owned(),
        category,
        role: Role::Root,
        severity: Severity::Blocking,
        resolved: false,
        codes: vec![code.to_owned()],
        subject,
        other_subjects: Vec::new(),
        culprit: None::<Culprit>,
        citations: Vec::new(),
        times_seen: 1,
        text: String::new(),
        advice: String::new(),
        repairs: repairs.into_iter().map(str::to_owned).collect(),
        explains: Vec::new(),
    })
}

/// A PC on which a backup service locks part of the update database; a watcher depends on it.
pub(crate) const LOCKED: &str = r#"
//- about name=DESK-7 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 writes=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb needs=wuauserv
//- service wuauserv stopped manual
//- service VaultAgent running automatic image="C:\Program Files\Vault\vault.exe" display="Vault Backup"
//- service VaultWatch running automatic needs=VaultAgent
//- holder service=VaultAgent path=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb range=0..4096
//- absent key "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
//- absent key "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
//- folder C:\Windows\SoftwareDistribution
//- folder C:\Windows\SoftwareDistribution\Download
//- file C:\Windows\SoftwareDistribution\DataStore\DataStore.edb hex
00ff
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
"#;

/// A PC with a damaged download, and services that work on it and restart one another.
pub(crate) const DAMAGED: &str = r#"
//- about name=DESK-8 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 needs=wuauserv damaged=C:\Windows\SoftwareDistribution\Download\a1\a.cab
//- service wuauserv running manual
//- service UsoSvc running automatic-delayed restarts=wuauserv
//- service BITS running manual
//- service TransferHelper running automatic needs=BITS
//- service DoSvc stopped manual
//- holder service=BITS path=C:\Windows\SoftwareDistribution\Download\a1\a.cab share=read
//- absent service WaaSMedicSvc
//- folder C:\Windows\SoftwareDistribution
//- file C:\Windows\SoftwareDistribution\Download\a1\a.cab
damaged
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]
"#;

/// A PC on which somebody disabled Windows Update.
pub(crate) const DISABLED: &str = r#"
//- about name=DESK-9 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 needs=wuauserv
//- service wuauserv stopped disabled
//- reg HKLM\SYSTEM\CurrentControlSet\Services\wuauserv
Start = dword:4
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070422 - ERROR_SERVICE_DISABLED]
"#;

/// A PC on which somebody denied Windows its own folder of downloads, to keep updates away.
pub(crate) const DENIED: &str = r#"
//- about name=DESK-12 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 writes=C:\Windows\SoftwareDistribution\Download\a.cab needs=wuauserv
//- service wuauserv stopped manual
//- folder C:\Windows\SoftwareDistribution
//- folder C:\Windows\SoftwareDistribution\Download
//- access C:\Windows\SoftwareDistribution sddl="O:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)"
//- access C:\Windows\SoftwareDistribution\Download sddl="O:SYD:PAI(D;OICI;FA;;;SY)(D;OICI;FA;;;WD)(A;OICI;FA;;;S-1-5-21-1-2-3-1001)"
//- access key HKLM\SYSTEM\CurrentControlSet\Services\wuauserv sddl="O:SYD:(A;CI;KR;;;BA)(A;CI;KR;;;SY)"
//- access service wuauserv sddl="O:SYD:(A;;CCLCSWRPLORC;;;AU)(A;;0xf01ff;;;BA)(A;;0xf01ff;;;SY)"
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:11, Info                  CSI    00000123 Error STATUS_ACCESS_DENIED while executing operation CreateFile on [l:52]'\SystemRoot\SoftwareDistribution\Download\a.cab'
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070005 - E_ACCESSDENIED]
"#;

/// A PC whose component store is damaged, which no scan has noted yet.
pub(crate) const STORE: &str = r#"
//- about name=DESK-11 build=26100.2314 edition=Professional now=2026-01-02T12:00:00
//- update KB5034441 needs=wuauserv
//- service wuauserv stopped manual
//- store repairable unscanned
//- absent key "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
//- absent key "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]
"#;

/// A PC on which the compiler of .NET holds the update database for some minutes.
pub(crate) const WAITING: &str = r#"
//- about name=DESK-10 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 writes=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb
//- process 900 mscorsvw.exe ends=2026-01-02T12:10:00
//- holder process=900 path=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb share=none
//- file C:\Windows\SoftwareDistribution\DataStore\DataStore.edb hex
00ff
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
"#;

/// A PC whose update service was made to run a file that is gone.
pub(crate) const REPLACED: &str = r#"
//- about name=DESK-11 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 needs=wuauserv
//- service wuauserv stopped manual
//- reg HKLM\SYSTEM\CurrentControlSet\Services\wuauserv\Parameters
ServiceDll = expand:C:\ProgramData\x\svc.dll
//- absent C:\ProgramData\x\svc.dll
//- file C:\Windows\System32\wuaueng.dll
x
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x8007007e - ERROR_MOD_NOT_FOUND]
"#;

/// The PC with the damaged download, but what is damaged lies beside the folder of downloads.
pub(crate) fn damaged_elsewhere() -> String {
    beside(r"C:\Windows\SoftwareDistribution\PostRebootEventCache\a.cab", "")
}

/// A PC whose database of signatures is damaged.
pub(crate) fn damaged_catalogues() -> String {
    let more = "//- service CryptSvc running automatic\n//- folder C:\\Windows\\System32\\catroot2\n\
                //- absent C:\\Windows\\System32\\catroot2.unwedge-*\n";
    beside(r"C:\Windows\System32\catroot2\a\catdb", more)
}

fn beside(damaged: &str, more: &str) -> String {
    let text = DAMAGED.replace(r"C:\Windows\SoftwareDistribution\Download\a1\a.cab", damaged);
    let line = format!(
        "2026-01-02 10:11:11, Info                  CBS    Failed to extract file from cabinet: \
         \\\\?\\{damaged} [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\n2026-01-02 10:11:12, "
    );
    let text = text.replacen("2026-01-02 10:11:12, ", &line, 1);
    let folder = WinPath::new(damaged).parent().expect("a file lies in a folder");
    format!(
        "{text}//- folder {folder}\n//- folder C:\\Windows\\SoftwareDistribution\\Download\n\
         //- absent C:\\Windows\\SoftwareDistribution.unwedge-*\n{more}"
    )
}

/// A PC on which Microsoft Defender keeps the update database to itself.
pub(crate) const SCANNED: &str = r#"
//- about name=DESK-9 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 writes=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb needs=wuauserv
//- service wuauserv stopped manual
//- service WinDefend running automatic pid=3000 image=C:\MsMpEng.exe protected
//- holder service=WinDefend path=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb share=none
//- defender real_time=yes tamper_protected=no mode=Normal exclusion=D:\Kept
//- watchdog none
//- file C:\Windows\SoftwareDistribution\DataStore\DataStore.edb hex
00ff
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:11, Info                  CSI    00000123 Error STATUS_SHARING_VIOLATION while executing operation CreateFile on [l:67]'\SystemRoot\SoftwareDistribution\DataStore\DataStore.edb'
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
"#;

/// The same scanner, but it holds a driver, which is none of the files that may be excluded.
pub(crate) const SCANNED_ELSEWHERE: &str = r#"
//- about name=DESK-9 build=26100.2314 now=2026-01-02T12:00:00
//- update KB5034441 writes=C:\Windows\System32\drivers\x.sys needs=wuauserv
//- service wuauserv stopped manual
//- service WinDefend running automatic pid=3000 image=C:\MsMpEng.exe protected
//- holder service=WinDefend path=C:\Windows\System32\drivers\x.sys share=none
//- defender real_time=yes tamper_protected=no mode=Normal exclusion=none
//- watchdog none
//- file C:\Windows\System32\drivers\x.sys hex
00ff
//- file C:\Windows\Logs\CBS\CBS.log
2026-01-02 10:11:11, Info                  CSI    00000123 Error STATUS_SHARING_VIOLATION while executing operation CreateFile on [l:35]'\SystemRoot\System32\drivers\x.sys'
2026-01-02 10:11:12, Info                  CBS    Exec: Processing complete.  Session: 1_1, Package: P, Identifier: KB5034441 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
"#;
