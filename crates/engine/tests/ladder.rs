//! The ladder: the gentlest repair that can be made, a stronger one only after a failure, and an
//! end.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io;
use std::ops::ControlFlow;

use support::{
    DENIED, LOCKED, SCANNED, SCANNED_ELSEWHERE, STORE, damaged_catalogues, damaged_elsewhere,
    diagnose,
};
use unwedge_engine::clean::{discard, kept};
use unwedge_engine::execute::Progress;
use unwedge_engine::gate::CheckId;
use unwedge_engine::journal::{Journal, Outcome, StepState, Store};
use unwedge_engine::ladder::Ladder;
use unwedge_engine::plan::{Plan, Policy, Step};
use unwedge_engine::repair::{Ended, Repair, carry_out, take_back};
use unwedge_engine::restore_point::RestorePoint;
use unwedge_engine::shelf::Shelf;
use unwedge_host::testing::{Fault, Faulty, Power};
use unwedge_host::{
    Change, Fixture, Host as _, HostMut as _, RepairSource, Securable, ServiceName, Setting, Tool,
    WinPath, probe,
};

const DATABASE: &str = r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb";

struct Memory(Vec<u8>);

impl Store for Memory {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(line);
        Ok(())
    }
}

fn carried_out(pc: &mut Fixture, plan: &Plan) -> Repair {
    let before = diagnose(pc);
    let mut store = Memory(Vec::new());
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    carry_out(pc, &mut journal, &before, &diagnose, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// Climbs to the end; gives the repairs of each rung and how it ended.
fn climbed(pc: &mut Fixture, policy: Policy) -> Vec<(Vec<String>, Outcome)> {
    let mut ladder = Ladder::new(policy);
    let mut all = Vec::new();
    for rung in 1..=20 {
        let plan = ladder.plan(&diagnose(pc), pc, format!("{rung:04}"));
        if plan.steps.is_empty() {
            return all;
        }
        let repair = carried_out(pc, &plan);
        let recipes = plan.choices.iter().map(|it| it.recipe.clone()).collect();
        let goes_on = ladder.climb(&plan, &repair);
        all.push((recipes, repair.outcome));
        if !goes_on {
            return all;
        }
    }
    panic!("the ladder has no end: {all:?}");
}

fn with(text: &str, more: &str) -> Fixture {
    Fixture::parse(&format!("{text}{more}")).unwrap()
}

/// The PC with the lock, but it is the compiler of .NET that holds the file.
fn compiler(ends: &str) -> Fixture {
    let text = LOCKED
        .lines()
        .filter(|line| !line.starts_with("//- holder") && !line.starts_with("//- service Vault"))
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    with(
        &text,
        &format!(
            "//- process 900 mscorsvw.exe {ends}\n//- holder process=900 path={DATABASE} share=none\n"
        ),
    )
}

#[test]
fn who_is_done_soon_is_waited_for_and_nothing_is_changed() {
    let mut pc = compiler("ends=2026-01-02T12:10:00");
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    let changes: Vec<String> = plan.steps.iter().map(|it| it.change.to_string()).collect();
    assert_eq!(
        changes,
        ["wait for mscorsvw.exe (process 900) to end", "let Windows Update try KB5034441 again"]
    );
    assert_eq!(carried_out(&mut pc, &plan).outcome, Outcome::Repaired);
}

#[test]
fn who_does_not_end_is_not_waited_for_for_ever_and_asked_next() {
    let mut pc = compiler("");
    let rungs = climbed(&mut pc, Policy::default());
    assert_eq!(rungs[0], (vec!["wait-for-holder".to_owned()], Outcome::RolledBack));
    assert_eq!(rungs[1], (vec!["stop-holder".to_owned()], Outcome::Repaired));
    assert_eq!(rungs.len(), 2);
}

#[test]
fn pitfall_25_who_refuses_to_close_is_never_killed() {
    let mut pc = compiler("close=refuses");
    let rungs = climbed(&mut pc, Policy::default());
    assert!(rungs.iter().all(|(_, outcome)| *outcome == Outcome::RolledBack), "{rungs:?}");
    let alive = Change::Run(Tool::AskToClose { pid: 900, image: "mscorsvw.exe".to_owned() });
    assert!(!alive.holds(&pc).unwrap(), "the program still runs");
}

#[test]
fn what_is_damaged_beside_the_downloads_takes_the_whole_folder() {
    let mut pc = Fixture::parse(&damaged_elsewhere()).unwrap();
    let rungs = climbed(&mut pc, Policy::default());
    let recipes: Vec<&str> = rungs.iter().flat_map(|(it, _)| it).map(String::as_str).collect();
    assert_eq!(recipes.last(), Some(&"reset-update-store"), "{rungs:?}");
    assert_eq!(rungs.last().unwrap().1, Outcome::Repaired);
}

#[test]
fn pitfall_02_no_two_rungs_share_a_name_and_nothing_kept_is_overwritten() {
    let mut pc = Fixture::parse(&damaged_elsewhere()).unwrap();
    climbed(&mut pc, Policy::default());
    let kept = pc.text_without_clock();
    assert!(kept.contains("SoftwareDistribution.unwedge-000"), "{kept}");
}

#[test]
fn a_ladder_ends_where_the_user_said() {
    let mut pc = compiler("");
    let policy = Policy { until: Some(1), ..Policy::default() };
    let rungs = climbed(&mut pc, policy);
    assert_eq!(rungs, [(vec!["wait-for-holder".to_owned()], Outcome::RolledBack)]);
}

#[test]
fn what_did_not_help_is_not_tried_twice() {
    let hidden = format!(
        "//- process 77 ghost.exe\n//- holder process=77 path={DATABASE} share=none hidden\n"
    );
    let mut pc = with(LOCKED, &hidden);
    let before = pc.text_without_clock();
    let rungs = climbed(&mut pc, Policy::default());
    let mut seen = Vec::new();
    for (recipes, outcome) in &rungs {
        assert_eq!(*outcome, Outcome::RolledBack);
        assert!(!seen.contains(&recipes), "{rungs:?}");
        seen.push(recipes);
    }
    let without_log =
        |text: &str| text.split("//- file C:\\Windows\\Logs").next().unwrap().to_owned();
    assert_eq!(without_log(&pc.text_without_clock()), without_log(&before));
}

#[test]
fn a_stop_by_the_user_takes_back_and_climbs_no_further() {
    let mut pc = with(LOCKED, "");
    let mut ladder = Ladder::new(Policy::default());
    let before = diagnose(&pc);
    let plan = ladder.plan(&before, &pc, "0001".to_owned());
    let mut store = Memory(Vec::new());
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    let repair = carry_out(&mut pc, &mut journal, &before, &diagnose, &mut |it| match it {
        Progress::Doing { step: 2, .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .unwrap();
    assert!(repair.is_cancelled);
    assert_eq!(repair.outcome, Outcome::RolledBack);
    let ends: Vec<Ended> = repair.steps.iter().map(|it| it.ended).collect();
    let (back, unneeded) = (Ended::TakenBack, Ended::NotNeeded);
    assert_eq!(ends, [back, back, Ended::Failed, unneeded, unneeded]);
    for name in ["VaultAgent", "VaultWatch"] {
        let service = ServiceName::new(name);
        let runs = Change::Assign(Setting::Running { service, running: true });
        assert!(runs.holds(&pc).unwrap(), "{name}");
    }
    assert!(!ladder.climb(&plan, &repair));
}

#[test]
fn a_bad_moment_stops_a_repair_and_only_some_can_be_forced() {
    let battery = "//- power battery percent=9\n";
    let plan = |more: &str, forced: Vec<CheckId>| {
        let pc = with(LOCKED, more);
        let policy = Policy { forced, ..Policy::default() };
        Ladder::new(policy).plan(&diagnose(&pc), &pc, "0001".to_owned())
    };
    let stopped = plan(battery, Vec::new());
    assert!(stopped.steps.is_empty());
    assert!(stopped.notes[0].contains("plug it in"), "{:?}", stopped.notes);
    assert!(!plan(battery, vec![CheckId::Power]).steps.is_empty());
    let pended = "//- service TrustedInstaller stopped automatic\n";
    assert!(plan(pended, CheckId::ALL.to_vec()).steps.is_empty());
}

#[test]
fn a_damaged_database_of_signatures_is_made_anew_with_its_service_stopped_meanwhile() {
    let mut pc = Fixture::parse(&damaged_catalogues()).unwrap();
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    let changes: Vec<String> = plan.steps.iter().map(|it| it.change.to_string()).collect();
    let stopped = changes.iter().position(|it| it == "stop service CryptSvc").unwrap();
    let moved = changes.iter().position(|it| it.contains("catroot2 aside")).unwrap();
    let started = changes.iter().position(|it| it == "start service CryptSvc").unwrap();
    assert!(stopped < moved && moved < started, "{changes:?}");
    assert_eq!(carried_out(&mut pc, &plan).outcome, Outcome::Repaired);
}

#[test]
fn what_was_kept_is_thrown_away_only_by_its_own_name_and_its_journal_says_so() {
    let mut pc = Fixture::parse(&damaged_elsewhere()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let before = diagnose(&pc);
    let plan = Ladder::new(Policy::default()).plan(&before, &pc, "0001".to_owned());
    let (_, mut store) = shelf.create(1).unwrap();
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    carry_out(&mut pc, &mut journal, &before, &diagnose, go_on).unwrap();
    let all = kept(&pc, &shelf.volumes().unwrap()).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].size_bytes.is_some_and(|it| it > 0), "{all:?}");

    let other = Change::Run(Tool::Discard { path: all[0].from.clone() });
    assert!(pc.apply(&other).is_err(), "a folder of Windows is never thrown away");

    let volume = shelf.volumes().unwrap().remove(0);
    let mut store = volume.store().unwrap();
    let mut journal = Journal::resume(&mut store, volume.replay.clone());
    discard(&mut pc, &mut journal, &all[0]).unwrap();
    assert!(!pc.exists(&all[0].at).unwrap() && pc.exists(&all[0].from).unwrap());
    let volumes = shelf.volumes().unwrap();
    assert!(kept(&pc, &volumes).unwrap().is_empty());
    assert_eq!(volumes[0].replay.closed, Some(Outcome::Repaired));
    assert_eq!(volumes[0].replay.state(all[0].step), StepState::Kept);
    // What is left of the repair can still be taken back.
    let mut store = volumes[0].store().unwrap();
    let mut journal = Journal::resume(&mut store, volumes[0].replay.clone());
    let back = take_back(&mut pc, &mut journal, go_on).unwrap();
    assert!(matches!(back.outcome, Outcome::Kept { .. }), "{:?}", back.outcome);
}

/// What describes the image, in the form of a file of images that holds nothing else.
const IMAGE: &str = "//- file D:\\sources\\install.wim utf16\n<WIM><IMAGE INDEX=\"1\"><NAME>Windows 11 \
    Pro</NAME><WINDOWS><EDITIONID>Professional</EDITIONID><VERSION><BUILD>26100</BUILD></VERSION>\
    </WINDOWS></IMAGE></WIM>\n";

fn from_image(index: Option<u32>) -> Policy {
    let source = Some(RepairSource { path: WinPath::new(r"D:\sources\install.wim"), index });
    Policy { source, ..Policy::default() }
}

fn planned(pc: &Fixture, policy: Policy) -> Plan {
    Ladder::new(policy).plan(&diagnose(pc), pc, "0001".to_owned())
}

fn sentences(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|it| it.change.to_string()).collect()
}

#[test]
fn pitfall_18_a_damaged_store_is_searched_repaired_and_only_then_are_files_checked() {
    let mut pc = with(STORE, "");
    let plan = planned(&pc, Policy::default());
    assert_eq!(
        sentences(&plan),
        [
            "let Windows search its component store for damage",
            "let Windows repair its component store",
            "let Windows check its own files",
            "let Windows Update try KB5034441 again",
        ]
    );
    let repair = carried_out(&mut pc, &plan);
    assert_eq!(repair.outcome, Outcome::Repaired);
    let ends: Vec<Ended> = repair.steps.iter().map(|it| it.ended).collect();
    assert_eq!(ends, [Ended::Done, Ended::Done, Ended::Unverified, Ended::Done]);
}

#[test]
fn damage_that_is_noted_already_is_not_searched_for_again() {
    let pc = with(&STORE.replace(" unscanned", ""), "");
    assert!(sentences(&planned(&pc, Policy::default()))[0].contains("repair"));
}

#[test]
fn a_store_in_which_a_search_finds_nothing_is_not_repaired() {
    let mut pc = with(&STORE.replace("repairable unscanned", "healthy"), "");
    let plan = planned(&pc, Policy::default());
    let ends: Vec<Ended> = carried_out(&mut pc, &plan).steps.iter().map(|it| it.ended).collect();
    assert_eq!(ends, [Ended::Unverified, Ended::AlreadySo, Ended::Unverified, Ended::Done]);
}

#[test]
fn a_store_beyond_repair_is_left_alone_with_words_for_a_person() {
    let plan = planned(
        &with(&STORE.replace("repairable unscanned", "unrepairable"), ""),
        Policy::default(),
    );
    assert!(plan.steps.is_empty());
    assert!(plan.refused[0].advice.contains("keeps programs and files"), "{:?}", plan.refused);
}

#[test]
fn without_its_source_a_repair_fails_and_with_it_goes_through() {
    let text = STORE.replace("unscanned", r"source=D:\sources\install.wim");
    let mut pc = with(&text, IMAGE);
    let rungs = climbed(&mut pc, Policy::default());
    assert_eq!(rungs, [(vec!["repair-store".to_owned()], Outcome::RolledBack)]);
    let plan = planned(&pc, from_image(None));
    let repair = r"let Windows repair its component store from wim:D:\sources\install.wim:1";
    assert_eq!(sentences(&plan)[0], repair);
    assert_eq!(carried_out(&mut pc, &plan).outcome, Outcome::Repaired);
}

#[test]
fn a_repair_of_windows_files_that_failed_warns_that_some_may_be_replaced() {
    let text = STORE.replace("unscanned", r"source=D:\sources\install.wim");
    let mut pc = with(&text, IMAGE);
    let plan = planned(&pc, Policy::default());
    let repair = carried_out(&mut pc, &plan);
    assert_eq!(repair.outcome, Outcome::RolledBack);
    assert_eq!(repair.warnings.len(), 1, "{:?}", repair.warnings);
    assert!(repair.warnings[0].contains("may have replaced"), "{:?}", repair.warnings);
    // One that goes through has nothing to warn of.
    let plan = planned(&pc, from_image(None));
    assert_eq!(carried_out(&mut pc, &plan).warnings, [""; 0]);
}

#[test]
fn a_source_of_another_windows_is_refused_before_anything_is_made() {
    let refusal = |image: &str, index| {
        let plan = planned(&with(STORE, image), from_image(index));
        assert!(plan.steps.is_empty(), "{:?}", plan.steps);
        plan.refused[0].why.clone()
    };
    assert!(refusal(&IMAGE.replace("26100", "22621"), None).contains("build 22621"));
    assert!(refusal(&IMAGE.replace("Professional", "Core"), Some(1)).contains("edition Core"));
    assert!(refusal(IMAGE, Some(4)).contains("no image 4"));
    let text = "//- file D:\\sources\\install.wim\ntext\n";
    assert!(refusal(text, None).contains("not a file of Windows images"));
    assert!(refusal("//- absent D:\\sources\\install.wim\n", None).contains("there is no"));
}

#[test]
fn nothing_is_installed_on_top_of_a_repair_that_waits_for_a_restart() {
    let mut pc = with(&STORE.replace("unscanned", "restart"), "");
    let plan = planned(&pc, Policy::default());
    let repair = carried_out(&mut pc, &plan);
    assert_eq!(repair.outcome, Outcome::NeedsReboot);
    let ends: Vec<Ended> = repair.steps.iter().map(|it| it.ended).collect();
    assert_eq!(ends, [Ended::Done, Ended::NotNeeded, Ended::NotNeeded]);
    // Until then nothing is planned.
    assert!(planned(&pc, Policy::default()).needs_restart);
    pc.restart();
    let plan = planned(&pc, Policy::default());
    assert_eq!(carried_out(&mut pc, &plan).outcome, Outcome::Repaired);
}

#[test]
fn pitfall_30_nobody_is_kept_from_signing_in() {
    for name in ["NgcSvc", "NgcCtnrSvc", "WbioSrvc", "SCardSvr", "KeyIso", "VaultSvc", "SamSs"] {
        let pc = with(&LOCKED.replace("VaultAgent", name), "");
        let (_, refused) = answered(&pc);
        assert!(!refusal(&refused, "stop-holder").is_empty(), "{name}");
        let plan = planned(&pc, Policy::default());
        let stops = |it: &Step| match &it.change {
            Change::Assign(Setting::Running { service, .. } | Setting::Start { service, .. }) => {
                *service == ServiceName::new(name)
            }
            _ => false,
        };
        assert!(!plan.steps.iter().any(stops), "{name}: {:?}", sentences(&plan));
    }
}

/// Repairs of a plan, and the reasons for those that are refused.
fn answered(pc: &Fixture) -> (Vec<String>, Vec<(String, String)>) {
    let plan = Ladder::new(Policy::default()).plan(&diagnose(pc), pc, "0001".to_owned());
    let recipes = plan.choices.iter().map(|it| it.recipe.clone()).collect();
    (recipes, plan.refused.into_iter().map(|it| (it.recipe, it.why + " " + &it.advice)).collect())
}

fn refusal<'r>(refused: &'r [(String, String)], recipe: &str) -> &'r str {
    &refused.iter().find(|(id, _)| id == recipe).unwrap().1
}

#[test]
fn the_scanner_of_windows_leaves_the_update_alone_for_a_while_only() {
    let mut pc = with(SCANNED, "");
    let before = probe::security(&pc).unwrap();
    let rungs = climbed(&mut pc, Policy::default());
    assert_eq!(rungs, [(vec!["exclude-update-files".to_owned()], Outcome::Repaired)]);
    assert_eq!(probe::security(&pc).unwrap(), before, "nothing that was lent is kept");
}

#[test]
fn protection_is_paused_only_where_an_exclusion_cannot_help() {
    let mut pc = with(SCANNED_ELSEWHERE, "");
    let before = probe::security(&pc).unwrap();
    let rungs = climbed(&mut pc, Policy::default());
    assert_eq!(rungs, [(vec!["pause-protection".to_owned()], Outcome::Repaired)]);
    assert_eq!(probe::security(&pc).unwrap(), before, "it is on again");
}

#[test]
fn pitfall_26_tamper_protection_is_seen_through_and_never_worked_around() {
    let protected = |text: &str| with(&text.replace("protected=no", "protected=yes"), "");
    let mut pc = protected(SCANNED);
    let before = pc.text_without_clock();
    let rungs = climbed(&mut pc, Policy::default());
    assert_eq!(rungs, [(vec!["exclude-update-files".to_owned()], Outcome::RolledBack)]);
    assert_eq!(pc.text_without_clock(), before);
    let (recipes, refused) = answered(&protected(SCANNED_ELSEWHERE));
    assert!(recipes.is_empty(), "{recipes:?}");
    assert!(refusal(&refused, "pause-protection").contains("Tamper Protection"), "{refused:?}");
}

#[test]
fn what_an_organisation_decides_about_the_scanner_is_left_alone() {
    let onboarded = "//- reg \"HKLM\\SOFTWARE\\Microsoft\\Windows Advanced Threat Protection\\Status\"\n\
                     OnboardingState = dword:1\n";
    let policy = "//- reg \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\Real-Time Protection\"\n\
                  DisableRealtimeMonitoring = dword:0\n";
    for more in [onboarded, policy] {
        for pc in [SCANNED, SCANNED_ELSEWHERE] {
            let (recipes, refused) = answered(&with(pc, more));
            assert!(recipes.is_empty(), "{recipes:?}");
            assert!(refusal(&refused, "pause-protection").contains("whoever manages"));
        }
    }
}

#[test]
fn a_scanner_of_another_maker_is_never_touched_and_its_own_way_is_told() {
    for text in [SCANNED, SCANNED_ELSEWHERE] {
        let pc = with(&text.replace("WinDefend", "ekrn"), "");
        let (recipes, refused) = answered(&pc);
        assert!(recipes.is_empty(), "{recipes:?}");
        assert!(refusal(&refused, "pause-protection").contains("Its maker's way"), "{refused:?}");
        let excluded = refused.iter().any(|(id, it)| {
            id == "exclude-update-files" && it.contains("DataStore.edb") && it.contains("maker's")
        });
        assert_eq!(excluded, text == SCANNED);
    }
}

#[test]
fn a_passive_scanner_is_not_in_the_way() {
    let passive = with(&SCANNED_ELSEWHERE.replace("mode=Normal", "mode=\"Passive Mode\""), "");
    let (recipes, refused) = answered(&passive);
    assert!(recipes.is_empty() && refusal(&refused, "pause-protection").contains("passive"));
}

#[test]
fn pitfall_10_no_descriptor_is_imposed_only_what_is_in_the_way_goes() {
    let mut pc = with(DENIED, "");
    let before = pc.text_without_clock();
    let access = |pc: &Fixture, path: &str| {
        let of = Securable::Path(WinPath::new(path));
        probe::access(pc, &of).unwrap().unwrap().to_string()
    };
    let folder = r"C:\Windows\SoftwareDistribution\Download";
    let denied = access(&pc, folder);
    let plan = planned(&pc, Policy::default());
    assert_eq!(plan.choices[0].recipe, "restore-permissions");
    assert!(plan.steps[0].why.contains("SYSTEM is denied"), "{}", plan.steps[0].why);
    // The folder above and the service are as they should be.
    assert_eq!(plan.steps.iter().filter(|it| it.recipe == "restore-permissions").count(), 2);
    let diagnosed = diagnose(&pc);
    let mut store = Memory(Vec::new());
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    let repair = carry_out(&mut pc, &mut journal, &diagnosed, &diagnose, go_on).unwrap();
    assert_eq!(repair.outcome, Outcome::Repaired);
    let given = access(&pc, folder);
    assert!(given.contains("S-1-5-21-1-2-3-1001") && !given.contains("(D;"), "{given}");
    assert!(given.contains("O:S-1-5-18"), "the owner stays: {given}");
    take_back(&mut pc, &mut journal, go_on).unwrap();
    assert_eq!(access(&pc, folder), denied, "the old list is back, in its order");
    let without_log = |text: &str| text.split("//- file").next().unwrap().to_owned();
    let text = pc.text_without_clock().replace("status=installed", "status=pending");
    assert_eq!(without_log(&text), without_log(&before));
}

#[test]
fn who_may_do_what_is_not_guessed_where_it_is_not_known() {
    let lines = DENIED.lines().filter(|it| !it.starts_with("//- access"));
    let pc = with(&lines.map(|it| format!("{it}\n")).collect::<String>(), "");
    let (recipes, refused) = answered(&pc);
    assert!(recipes.is_empty(), "{recipes:?}");
    assert!(refusal(&refused, "restore-permissions").contains("not part of the evidence"));
}

const RESTORE: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore";

fn restoring(interval: u32, more: &str) -> Fixture {
    with(
        LOCKED,
        &format!(
            "//- reg \"{RESTORE}\"\nRPSessionInterval = dword:{interval}\n\
             //- restore_point 7 Today time=2026-01-02T08:00:00Z\n{more}"
        ),
    )
}

#[test]
fn a_restore_point_is_made_first_also_on_a_day_that_has_one() {
    let mut pc = restoring(1, "");
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    assert!(plan.steps[1].undo.contains("0xC000021A"), "{}", plan.steps[1].undo);
    assert_eq!(carried_out(&mut pc, &plan).outcome, Outcome::Repaired);
    let names: Vec<String> =
        probe::restore_points(&pc).unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["Today", "unwedge, before repair 0001"]);
    let key = pc.key(&unwedge_host::KeyPath::new(RESTORE)).unwrap().unwrap();
    assert_eq!(key.values.len(), 1, "the frequency is as it was: {:?}", key.values);
}

#[test]
fn a_restore_point_that_is_not_made_is_said_and_stops_nothing() {
    let mut pc = restoring(1, "//- refused restore_point code=31\n");
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    let repair = carried_out(&mut pc, &plan);
    assert_eq!(repair.outcome, Outcome::Repaired);
    assert!(repair.failures[0].contains("restore_point"), "{:?}", repair.failures);
    assert_eq!(repair.steps[1].ended, Ended::Failed);
    let key = pc.key(&unwedge_host::KeyPath::new(RESTORE)).unwrap().unwrap();
    assert_eq!(key.values.len(), 1, "{:?}", key.values);
}

/// Within a day of the last one Windows says that it made a restore point, and makes none.
#[test]
fn pitfall_27_a_restore_point_that_windows_only_says_it_made_is_told_as_failed() {
    let mut pc = restoring(1, "");
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    let makes = |it: &&Step| matches!(it.change, Change::Run(Tool::RestorePoint { .. }));
    let making = plan.steps.iter().find(makes).unwrap().change.clone();
    let before = diagnose(&pc);
    let mut store = Memory(Vec::new());
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    let (power, faults) = (Power::endless(), vec![(making, Fault::Lies)]);
    let mut host = Faulty { below: &mut pc, power, faults };
    let go_on = &mut |_| ControlFlow::Continue(());
    let repair = carry_out(&mut host, &mut journal, &before, &diagnose, go_on).unwrap();
    assert_eq!(repair.steps[1].ended, Ended::Failed, "{:?}", repair.steps);
    assert!(repair.failures[0].contains("it is not so"), "{:?}", repair.failures);
    assert_eq!(repair.outcome, Outcome::Repaired, "the repair itself needs none");
    assert_eq!(probe::restore_points(&pc).unwrap().len(), 1);
}

/// To go back to a point before an update may end in stop 0xC000021A, so what is taken back is taken
/// back by the journal, and the point lies there untouched.
#[test]
fn pitfall_28_after_an_update_the_journal_takes_back_and_no_restore_point_does() {
    let mut pc = restoring(1, "");
    let services = |pc: &Fixture| {
        ["VaultAgent", "VaultWatch", "wuauserv"]
            .map(|it| pc.service(&ServiceName::new(it)).unwrap().unwrap().state)
    };
    let before = services(&pc);
    let plan = Ladder::new(Policy::default()).plan(&diagnose(&pc), &pc, "0001".to_owned());
    let makes = |it: &&Step| matches!(it.change, Change::Run(Tool::RestorePoint { .. }));
    assert!(plan.steps.iter().find(makes).unwrap().undo.contains("0xC000021A"));
    let diagnosed = diagnose(&pc);
    let mut store = Memory(Vec::new());
    let mut journal = Journal::create(&mut store, "now", plan.journal_steps()).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    carry_out(&mut pc, &mut journal, &diagnosed, &diagnose, go_on).unwrap();
    let back = take_back(&mut pc, &mut journal, go_on).unwrap();
    assert!(matches!(back.outcome, Outcome::Kept { .. }), "{:?}", back.outcome);
    assert_eq!(services(&pc), before);
    assert_eq!(probe::restore_points(&pc).unwrap().len(), 2, "it lies there, and was not used");
    let key = pc.key(&unwedge_host::KeyPath::new(RESTORE)).unwrap().unwrap();
    assert_eq!(key.values.len(), 1, "{:?}", key.values);
}

#[test]
fn pitfall_42_system_protection_that_is_off_is_said_and_never_switched_on() {
    let pc = restoring(0, "");
    for wanted in [RestorePoint::WhereOn, RestorePoint::Wanted] {
        let policy = Policy { restore_point: wanted, ..Policy::default() };
        let plan = Ladder::new(policy).plan(&diagnose(&pc), &pc, "0001".to_owned());
        assert!(plan.steps.iter().all(|it| it.recipe != "restore-point"));
        assert!(plan.notes.iter().any(|it| it.contains("System Protection is off")));
    }
}
