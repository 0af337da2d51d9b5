//! What a plan proposes and refuses, and how a repair ends when something goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io;

use std::ops::ControlFlow;

use support::{DAMAGED, DISABLED, LOCKED, diagnose};
use unwedge_engine::execute::Interrupted;
use unwedge_engine::journal::{Journal, Outcome, Replay, Store};
use unwedge_engine::plan::{Plan, Policy, forecast, plan};
use unwedge_engine::recipe::RECIPES;
use unwedge_engine::repair::{Repair, carry_out, take_back};
use unwedge_engine::report::{Category, Role, Verdict};
use unwedge_engine::verify::Proven;
use unwedge_host::{Change, Fixture, Host, KeyPath, ServiceName, Setting, WinPath};

fn pc(text: &str) -> Fixture {
    Fixture::parse(text).unwrap()
}

fn planned(pc: &Fixture) -> Plan {
    plan(&diagnose(pc), pc, &anything())
}

fn anything() -> Policy {
    Policy { mark: "0001".to_owned(), ..Policy::default() }
}

fn says(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|it| it.change.to_string()).collect()
}

/// Keeps so many lines, then the disk is full.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Store for Disk {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.room == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.room -= 1;
        self.bytes.extend_from_slice(line);
        Ok(())
    }
}

fn repair(pc: &mut Fixture, disk: &mut Disk) -> Result<Repair, Interrupted> {
    let steps = planned(pc).journal_steps();
    let before = diagnose(pc);
    Journal::create(disk, "now", steps)
        .map_err(|source| Interrupted::Journal { source, left: Vec::new() })
        .and_then(|mut it| {
            carry_out(pc, &mut it, &before, &diagnose, &mut |_| ControlFlow::Continue(()))
        })
}

fn endless() -> Disk {
    Disk { bytes: Vec::new(), room: usize::MAX }
}

#[test]
fn pitfall_25_a_holder_is_stopped_with_its_dependents_first_and_never_killed() {
    assert_eq!(
        says(&planned(&pc(LOCKED))),
        [
            "stop service VaultWatch",
            "stop service VaultAgent",
            "let Windows Update try KB5034441 again",
            "start service VaultAgent",
            "start service VaultWatch",
        ]
    );
}

#[test]
fn pitfall_20_what_restarts_the_others_is_stopped_before_them() {
    assert_eq!(
        says(&planned(&pc(DAMAGED))),
        [
            "stop service UsoSvc",
            "stop service wuauserv",
            "stop service TransferHelper",
            "stop service BITS",
            r"move C:\Windows\SoftwareDistribution\Download aside to C:\Windows\SoftwareDistribution\Download.unwedge-0001",
            "start service BITS",
            "start service TransferHelper",
            "start service wuauserv",
            "start service UsoSvc",
            "let Windows Update try KB5034441 again",
        ]
    );
}

#[test]
fn pitfall_09_a_disabled_service_gets_the_start_type_windows_ships_and_no_other_is_touched() {
    assert_eq!(
        says(&planned(&pc(DISABLED))),
        [
            "set the start type of service wuauserv to manual",
            "let Windows Update try KB5034441 again",
        ]
    );
}

#[test]
fn every_repair_is_proven_by_the_line_of_the_retry() {
    for text in [LOCKED, DAMAGED, DISABLED] {
        let mut pc = pc(text);
        let repair = repair(&mut pc, &mut endless()).unwrap();
        assert_eq!(repair.outcome, Outcome::Repaired);
        let seen = repair.verification.unwrap();
        assert_eq!((seen.before, seen.after), (Verdict::Failing, Verdict::Recovered));
        assert_eq!(seen.result, Proven::Fixed);
        assert!(seen.proof.unwrap().excerpt.ends_with("[HRESULT = 0x00000000 - S_OK]"));
    }
}

#[test]
fn pitfall_02_an_earlier_backup_is_never_overwritten() {
    for taken in ["Download.unwedge-0001", "Download.unwedge-0001-after"] {
        let text = format!("{DAMAGED}//- folder C:\\Windows\\SoftwareDistribution\\{taken}\n");
        let plan = planned(&pc(&text));
        let to = plan.steps.iter().find_map(|it| match &it.change {
            Change::Move { to, .. } => Some(to.name().to_owned()),
            _ => None,
        });
        assert_eq!(to.unwrap(), "Download.unwedge-0001-2");
    }
}

#[test]
fn pitfall_03_a_move_that_windows_refuses_is_no_success() {
    // Something nobody told of holds the folder.
    let text = DAMAGED.replace(
        "//- absent service",
        "//- process 77 ghost.exe\n//- holder process=77 path=C:\\Windows\\SoftwareDistribution\\Download\\a1\\a.cab share=read-write hidden\n//- absent service",
    );
    let mut pc = pc(&text);
    let before = pc.text_without_clock();
    let repair = repair(&mut pc, &mut endless()).unwrap();
    assert_eq!(repair.outcome, Outcome::RolledBack);
    assert!(repair.failures[0].contains("error 5"), "{:?}", repair.failures);
    assert_eq!(pc.text_without_clock(), before);
}

#[test]
fn pitfall_04_and_05_a_pending_restart_is_waited_for_and_never_cleared() {
    let key =
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending";
    let marked = [
        LOCKED.replace(&format!("//- absent key \"{key}\""), &format!("//- reg \"{key}\"")),
        format!("{LOCKED}//- file C:\\Windows\\WinSxS\\pending.xml\n<Poq/>\n"),
    ];
    for text in marked {
        let plan = planned(&pc(&text));
        assert!(plan.steps.is_empty());
        assert!(plan.needs_restart && plan.notes[0].contains("restart"), "{:?}", plan.notes);
    }
}

#[test]
fn pitfall_06_and_07_a_retry_that_fails_is_reported_as_failed_and_everything_taken_back() {
    let text = format!(
        "{LOCKED}//- process 77 ghost.exe\n//- holder process=77 path=C:\\Windows\\SoftwareDistribution\\DataStore\\DataStore.edb share=none hidden\n"
    );
    let mut pc = pc(&text);
    let repair = repair(&mut pc, &mut endless()).unwrap();
    assert_eq!(repair.outcome, Outcome::RolledBack);
    assert!(repair.failures[0].contains("0x80070020"), "{:?}", repair.failures);
    for service in ["VaultAgent", "VaultWatch"] {
        let setting = Setting::Running { service: ServiceName::new(service), running: true };
        assert!(Change::Assign(setting).holds(&pc).unwrap(), "{service} runs again");
    }
}

#[test]
fn repairs_are_withheld_while_a_disk_reports_errors_and_files_are_damaged() {
    let of_pc = pc(LOCKED);
    let mut diagnosis = diagnose(&of_pc);
    assert!(!plan(&diagnosis, &of_pc, &anything()).steps.is_empty());
    // A disk that reports errors beside damaged files withholds what would write to it.
    let mut disk = diagnosis.findings[0].clone();
    disk.rule = "disk-reports-errors".to_owned();
    disk.category = Category::Hardware;
    disk.role = Role::Note;
    diagnosis.findings.push(disk);
    assert!(!plan(&diagnosis, &of_pc, &anything()).steps.is_empty(), "a lock is no damage");
    diagnosis.findings[0].category = Category::StoreCorruption;
    let withheld = plan(&diagnosis, &of_pc, &anything());
    assert!(withheld.steps.is_empty() && withheld.notes[0].contains("withheld"), "{withheld:?}");
    diagnosis.findings.retain(|it| it.rule == "disk-reports-errors");
    diagnosis.findings[0].role = Role::Root;
    assert!(plan(&diagnosis, &of_pc, &anything()).steps.is_empty());
}

#[test]
fn pitfall_16_what_if_changes_nothing_and_tells_what_would_be() {
    for text in [LOCKED, DAMAGED, DISABLED] {
        let pc = pc(text);
        let before = pc.text();
        let plan = planned(&pc);
        let seen = forecast(&plan, &pc).unwrap();
        assert_eq!(seen.outcome, Outcome::Repaired);
        assert!(seen.still_held.is_empty(), "{:?}", seen.still_held);
        assert_eq!(pc.text(), before);
    }
    let seen = forecast(&planned(&pc(DISABLED)), &pc(DISABLED)).unwrap();
    assert_eq!(
        seen.differences,
        [
            "set the start type of service wuauserv to manual",
            "let Windows Update try KB5034441 again: taken to succeed",
        ]
    );
}

#[test]
fn pitfall_21_a_holder_that_cannot_be_named_is_not_nobody() {
    let text = LOCKED.replace("range=0..4096", "range=0..4096 hidden");
    let plan = planned(&pc(&text));
    assert!(plan.refused[0].why.contains("does not tell who"), "{:?}", plan.refused);
}

#[test]
fn the_services_of_windows_update_are_no_strangers_in_their_own_files() {
    for own in ["CryptSvc", "TrustedInstaller", "BITS"] {
        let text = LOCKED.replace("VaultAgent", own);
        let plan = planned(&pc(&text));
        assert!(!says(&plan).contains(&format!("stop service {own}")), "{:?}", says(&plan));
    }
}

#[test]
fn pitfall_26_a_protected_security_service_is_refused_with_advice_and_nothing_is_changed() {
    let text = LOCKED.replace("display=\"Vault Backup\"", "protected");
    let plan = planned(&pc(&text));
    assert!(plan.steps.is_empty(), "{:?}", says(&plan));
    assert!(plan.refused[0].why.contains("protected security service"));
    assert!(plan.refused[0].advice.contains("exclusion"));
}

#[test]
fn a_service_windows_needs_or_that_takes_no_stop_is_refused() {
    let needed = LOCKED.replace("VaultAgent", "RpcSs");
    assert!(planned(&pc(&needed)).refused[0].why.contains("Windows needs service RpcSs"));
    let deaf = LOCKED.replace("display=\"Vault Backup\"", "stop=refuses");
    assert!(planned(&pc(&deaf)).refused[0].why.contains("does not take requests to stop"));
}

const HELD_BY_A_PROGRAM: &str = "//- process 88 notes.exe close=agrees\n//- holder process=88 path=C:\\Windows\\SoftwareDistribution\\DataStore\\DataStore.edb range=0..1\n";

fn held_by_a_program(manner: &str) -> String {
    let without = LOCKED.lines().filter(|it| !it.starts_with("//- holder"));
    let text: Vec<&str> = without.collect();
    let lines = HELD_BY_A_PROGRAM.replace("agrees", manner);
    format!("{}\n{lines}", text.join("\n"))
}

#[test]
fn a_program_is_asked_to_close_after_the_boundary_and_stays_closed() {
    let mut pc = pc(&held_by_a_program("agrees"));
    let plan = planned(&pc);
    assert_eq!(
        says(&plan),
        ["ask notes.exe (process 88) to close", "let Windows Update try KB5034441 again"]
    );
    assert!(plan.steps.iter().all(|it| !it.reversible));
    let mut disk = endless();
    assert_eq!(repair(&mut pc, &mut disk).unwrap().outcome, Outcome::Repaired);
    let (replay, _) = Replay::read(&disk.bytes).unwrap();
    let mut journal = Journal::resume(&mut disk, replay);
    let undone = take_back(&mut pc, &mut journal, &mut |_| ControlFlow::Continue(())).unwrap();
    let Outcome::Kept { irreversible } = undone.outcome else { panic!("{undone:?}") };
    assert!(irreversible[0].contains("notes.exe stays closed"), "{irreversible:?}");
    assert!(irreversible[1].contains("KB5034441 stays installed"), "{irreversible:?}");
}

#[test]
fn a_program_that_refuses_to_close_ends_the_repair_and_part_of_windows_is_never_asked() {
    let mut stubborn = pc(&held_by_a_program("refuses"));
    let before = stubborn.text_without_clock();
    assert_eq!(repair(&mut stubborn, &mut endless()).unwrap().outcome, Outcome::RolledBack);
    assert_eq!(stubborn.text_without_clock(), before);
    let text = held_by_a_program("agrees").replace("notes.exe", "lsass.exe");
    assert!(planned(&pc(&text)).refused[0].why.contains("lsass.exe is part of Windows"));
}

#[test]
fn pitfall_38_a_full_disk_stops_before_any_change_that_is_not_on_record() {
    for text in [LOCKED, DAMAGED, DISABLED] {
        let before = pc(text).text_without_clock();
        for room in 0.. {
            let mut pc = pc(text);
            let mut disk = Disk { bytes: Vec::new(), room };
            let done = repair(&mut pc, &mut disk);
            let Err(err) = done else { break };
            let Interrupted::Journal { left, .. } = &err else { panic!("{err}") };
            assert!(left.is_empty(), "{left:?}");
            assert!(err.to_string().contains("the journal could not be written"));
            let (replay, _) = Replay::read(&disk.bytes).unwrap();
            let is_installed = pc.text().contains("status=installed");
            if !is_installed {
                assert_eq!(pc.text_without_clock(), before, "room for {room} lines");
            }
            // With room again, the next run completes what was begun, or sees that it cannot go on
            // from there and leaves everything as it was.
            if !replay.never_happened() {
                disk.room = usize::MAX;
                let seen = diagnose(&pc);
                let mut journal = Journal::resume(&mut disk, replay);
                let again = carry_out(&mut pc, &mut journal, &seen, &diagnose, &mut |_| {
                    ControlFlow::Continue(())
                })
                .unwrap();
                match again.outcome {
                    Outcome::Repaired => {}
                    Outcome::RolledBack => assert_eq!(pc.text_without_clock(), before),
                    Outcome::Kept { .. } => assert!(is_installed, "room for {room} lines"),
                    other => panic!("room for {room} lines: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn an_update_that_needs_a_restart_is_told_as_such() {
    let text = LOCKED.replace(" needs=wuauserv\n", " needs=wuauserv restart\n");
    let repair = repair(&mut pc(&text), &mut endless()).unwrap();
    assert_eq!(repair.outcome, Outcome::NeedsReboot);
}

#[test]
fn nothing_is_planned_where_nothing_is_known_to_fail() {
    let healthy = LOCKED.replace("0x80070021 - ERROR_LOCK_VIOLATION", "0x00000000 - S_OK");
    let unknown = "//- about name=X\n";
    for text in [healthy.as_str(), unknown] {
        let plan = planned(&pc(text));
        assert!(plan.steps.is_empty());
        assert_eq!(plan.notes.len(), 1);
    }
}

#[test]
fn a_repair_that_is_not_wished_for_is_not_made() {
    let host = pc(LOCKED);
    let only = Some(vec!["restore-service".to_owned()]);
    let plan = plan(
        &diagnose(&host),
        &host,
        &Policy { only, mark: "0001".to_owned(), ..Policy::default() },
    );
    assert!(plan.steps.is_empty());
    assert!(RECIPES.is_sorted_by_key(|it| it.rung), "the gentlest first");
}

#[test]
fn the_registry_page_of_a_service_is_restored_with_it() {
    let mut pc = pc(DISABLED);
    let page = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv");
    let mut disk = endless();
    repair(&mut pc, &mut disk).unwrap();
    let start = |pc: &Fixture| pc.key(&page).unwrap().unwrap().value("Start").cloned();
    assert_eq!(start(&pc), Some(unwedge_host::Data::Dword(3)));
    let (replay, _) = Replay::read(&disk.bytes).unwrap();
    take_back(&mut pc, &mut Journal::resume(&mut disk, replay), &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(start(&pc), Some(unwedge_host::Data::Dword(4)));
    assert!(pc.read(&WinPath::new(r"C:\Windows\Logs\CBS\CBS.log")).unwrap().is_some());
}

#[test]
fn pitfall_37_a_file_that_is_deleted_by_name_at_the_next_start_is_told() {
    let renames = |name: &str| {
        format!(
            "{DAMAGED}//- reg \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\"\n\
             PendingFileRenameOperations = \
             multi:\"\\??\\C:\\Windows\\SoftwareDistribution\\{name}\" \"\"\n"
        )
    };
    let mut host = pc(&renames(r"Download\a1\a.cab"));
    let policy = Policy {
        mark: "0001".to_owned(),
        forced: vec![unwedge_engine::gate::CheckId::Restart],
        ..Policy::default()
    };
    let warned = |host: &mut Fixture| {
        let before = diagnose(host);
        let plan = plan(&before, host, &policy);
        let mut disk = endless();
        let mut journal = Journal::create(&mut disk, "now", plan.journal_steps()).unwrap();
        let go_on = &mut |_| ControlFlow::Continue(());
        carry_out(host, &mut journal, &before, &diagnose, go_on).unwrap().warnings
    };
    let warnings = warned(&mut host);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(r"Download\a1\a.cab"), "{warnings:?}");
    assert!(warned(&mut pc(&renames(r"elsewhere.log"))).is_empty());
}
