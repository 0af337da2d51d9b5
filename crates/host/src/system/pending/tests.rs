use super::*;
use crate::Fixture;

/// Everything that is looked at, absent.
const QUIET: &str = r#"//- absent key "CBS\RebootPending"
//- absent key "CBS\RebootInProgress"
//- absent key "CBS\PackagesPending"
//- absent key "CBS\SessionsPending"
//- absent C:\Windows\WinSxS\pending.xml
//- absent key "WU\Auto Update\RebootRequired"
//- absent key "WU\Auto Update\PostRebootReporting"
//- absent key "WU\Services\Pending"
//- absent key HKLM\SOFTWARE\Microsoft\Updates
//- absent key HKLM\SOFTWARE\Microsoft\Updates\UpdateExeVolatile
//- reg "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
BootExecute = multi:"autocheck autochk *"
//- absent key HKLM\SOFTWARE\Microsoft\ServerManager
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Netlogon
//- reg HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName
ComputerName = sz:DESK-7
//- reg HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName
ComputerName = sz:DESK-7
//- reg HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce
"#;

fn check(changes: &[(&str, &str)]) -> Reading<Pending> {
    let mut text = QUIET.to_owned();
    for (quiet, loud) in changes {
        assert!(text.contains(quiet), "{quiet}");
        text = text.replace(quiet, loud);
    }
    let text =
        text.replace("CBS\\", &format!("{CBS}\\")).replace("WU\\", &format!("{WINDOWS_UPDATE}\\"));
    read(&Fixture::parse(&text).unwrap())
}

#[test]
fn a_pc_without_any_trace_needs_no_restart() {
    let read = check(&[]);
    assert_eq!(read.found, Pending::default());
    assert_eq!(read.needs_restart(), Some(false), "{:?}", read.unknown);
}

#[test]
fn a_place_that_was_not_looked_at_leaves_the_answer_open() {
    let read = check(&[("//- absent key \"CBS\\RebootPending\"\n", "")]);
    assert_eq!(read.needs_restart(), None);
}

#[test]
fn every_trace_is_found_and_worth_what_it_is_worth() {
    const MANAGER: &str = "BootExecute = multi:\"autocheck autochk *\"";
    const NETLOGON: &str = r"//- reg HKLM\SYSTEM\CurrentControlSet\Services\Netlogon";
    let netlogon = format!("{NETLOGON}\nJoinDomain = sz:example");
    for (quiet, loud, kind) in [
        (
            "absent key \"CBS\\RebootPending\"",
            "reg \"CBS\\RebootPending\"",
            SignKind::ServicingRestart,
        ),
        (
            "absent key \"CBS\\RebootInProgress\"",
            "reg \"CBS\\RebootInProgress\"",
            SignKind::ServicingInProgress,
        ),
        (
            "absent key \"CBS\\PackagesPending\"",
            "reg \"CBS\\PackagesPending\"",
            SignKind::PackagesPending,
        ),
        (
            "absent key \"CBS\\SessionsPending\"",
            "reg \"CBS\\SessionsPending\"\nExclusive = dword:3",
            SignKind::ExclusiveSession,
        ),
        (
            r"absent C:\Windows\WinSxS\pending.xml",
            r"file C:\Windows\WinSxS\pending.xml",
            SignKind::StoreTransaction,
        ),
        (
            "absent key \"WU\\Auto Update\\RebootRequired\"",
            "reg \"WU\\Auto Update\\RebootRequired\"",
            SignKind::UpdateRestart,
        ),
        (
            "absent key \"WU\\Auto Update\\PostRebootReporting\"",
            "reg \"WU\\Auto Update\\PostRebootReporting\"",
            SignKind::UpdateReport,
        ),
        (
            "absent key \"WU\\Services\\Pending\"",
            "reg \"WU\\Services\\Pending\"\n//- reg \"WU\\Services\\Pending\\{1}\"",
            SignKind::UpdateServicePending,
        ),
        (
            "absent key HKLM\\SOFTWARE\\Microsoft\\Updates\n",
            "reg HKLM\\SOFTWARE\\Microsoft\\Updates\nUpdateExeVolatile = dword:1\n",
            SignKind::UpdateInstaller,
        ),
        (
            "absent key HKLM\\SOFTWARE\\Microsoft\\ServerManager",
            "reg HKLM\\SOFTWARE\\Microsoft\\ServerManager\nCurrentRebootAttempts = dword:1",
            SignKind::ServerManager,
        ),
        (MANAGER, "SetupExecute = multi:\"poqexec.exe /x\"", SignKind::StoreTransactionAtStart),
        (MANAGER, "BootExecute = multi:\"autocheck autochk /r \\??\\C:\"", SignKind::BootProgram),
        (NETLOGON, netlogon.as_str(), SignKind::DomainJoin),
        (
            "ComputerName\\ComputerName\nComputerName = sz:DESK-7",
            "ComputerName\\ComputerName\nComputerName = sz:DESK-8",
            SignKind::ComputerName,
        ),
        (
            r"//- reg HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce",
            "//- reg HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\RunOnce\nDVDRebootSignal = dword:1",
            SignKind::InstallerSignal,
        ),
    ] {
        let read = check(&[(quiet, loud)]);
        let kinds: Vec<SignKind> = read.found.signs.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [kind]);
        assert_eq!(read.needs_restart(), Some(kind.worth() == Worth::Restart), "{kind:?}");
    }
}

#[test]
fn sessions_without_an_exclusive_one_mean_nothing() {
    let sessions =
        "reg \"CBS\\SessionsPending\"\nExclusive = dword:0\n//- reg \"CBS\\SessionsPending\\1\"";
    let read = check(&[("absent key \"CBS\\SessionsPending\"", sessions)]);
    assert_eq!(read.needs_restart(), Some(false));
}

#[test]
fn renames_are_pairs_and_only_some_matter() {
    let renames = r#"PendingFileRenameOperations = multi:"\??\C:\Config.Msi\1.rbf" "" "\??\C:\Windows\Temp\x" "" "*1\??\C:\Windows\System32\SETA.tmp" "!\??\C:\Windows\System32\drivers\v.sys" "\??\C:\Program Files\V\v.dll""#;
    let read = check(&[("BootExecute = multi:\"autocheck autochk *\"", renames)]);
    let purposes: Vec<Purpose> = read.found.renames.iter().map(|it| it.purpose).collect();
    let wanted = [Purpose::InstallerRollback, Purpose::CleanUp, Purpose::Driver, Purpose::Program];
    assert_eq!(purposes, wanted);
    let driver = &read.found.renames[2];
    assert_eq!(driver.from.as_str(), r"C:\Windows\System32\SETA.tmp");
    assert!(driver.replaces && driver.to.as_ref().unwrap().name() == "v.sys");
    assert_eq!(read.found.renames[3].to, None);
    assert_eq!(
        read.found.signs[0].detail.as_deref(),
        Some("2 of 4 files are of Windows, drivers or installers")
    );
}

#[test]
fn files_of_programs_and_temporary_ones_need_no_restart() {
    for (renames, kinds) in [
        (r#""\??\C:\Windows\Temp\x.dll" """#, &[][..]),
        (r#""\??\C:\Program Files\V\old" """#, &[SignKind::ProgramRenames][..]),
    ] {
        let renames = format!("PendingFileRenameOperations2 = multi:{renames}");
        let read = check(&[("BootExecute = multi:\"autocheck autochk *\"", &renames)]);
        let found: Vec<SignKind> = read.found.signs.iter().map(|it| it.kind).collect();
        assert_eq!((found.as_slice(), read.needs_restart()), (kinds, Some(false)));
        assert_eq!(read.found.renames.len(), 1);
    }
}
