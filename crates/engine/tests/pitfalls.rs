//! What others did wrong, and no plan of ours may ever do: looked for in the plans for every example,
//! every case of every rule and every healthy PC, on all rungs of the ladder.
//!
//! The numbers are those of the list of pitfalls that the design names. Those that are about one
//! function have their test beside it, under the same number.

#![expect(clippy::unwrap_used, reason = "all of this file is a test, its small functions too")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io, io::Write as _};

use unwedge_engine::ladder::Ladder;
use unwedge_engine::plan::{Plan, Policy};
use unwedge_engine::report::{Finding, Role};
use unwedge_engine::rule::RuleSet;
use unwedge_engine::{diagnose, fact};
use unwedge_host::{Change, Data, Fixture, Setting, StartType, Tool};

/// A plan, and the machine it is for.
struct Planned {
    source: PathBuf,
    plan: Plan,
}

/// All plans there can be for the machines of the project.
fn plans() -> &'static [Planned] {
    static ALL: OnceLock<Vec<Planned>> = OnceLock::new();
    ALL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        for folder in ["examples", "rules", "corpus/healthy"] {
            machines(&root.join(folder), &mut files);
        }
        assert!(files.len() > 300, "only {} machines were found", files.len());
        let rules = RuleSet::built_in();
        let all: Vec<Planned> = files.into_iter().flat_map(|it| climbed(it, &rules)).collect();
        let steps: usize = all.iter().map(|it| it.plan.steps.len()).sum();
        let line = format!("pitfalls: {} plans with {steps} steps", all.len());
        let _ = writeln!(io::stderr().lock(), "{line}");
        assert!(steps > 100, "{line}");
        all
    })
}

fn machines(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && path.extension().is_none() {
            machines(&path, found);
        } else if path.extension().is_some_and(|it| it == "host") {
            found.push(path);
        }
    }
}

/// The plans of all rungs, as if none of them had helped.
fn climbed(source: PathBuf, rules: &RuleSet) -> Vec<Planned> {
    let text = fs::read_to_string(&source).unwrap();
    // The first lines of a case say what is expected of it.
    let text: String =
        text.lines().filter(|it| !it.starts_with("//?")).map(|it| format!("{it}\n")).collect();
    let pc = Fixture::parse(&text).unwrap_or_else(|err| panic!("{}: {err}", source.display()));
    let diagnosis = diagnose::diagnose(&fact::observe(&pc, rules), rules);
    let mut tried = Vec::new();
    let mut all = Vec::new();
    for rung in 1..=20 {
        let policy = Policy { tried: tried.clone(), ..Policy::default() };
        let plan = Ladder::new(policy).plan(&diagnosis, &pc, format!("{rung:04}"));
        let is_last = plan.steps.is_empty() || plan.further.is_empty();
        tried.extend(plan.choices.iter().cloned());
        all.push(Planned { source: source.clone(), plan });
        if is_last {
            return all;
        }
    }
    panic!("{}: the ladder has no end", source.display());
}

/// Every change of every plan holds this.
#[track_caller]
fn never(wrong: impl Fn(&Change) -> bool) {
    for planned in plans() {
        for step in &planned.plan.steps {
            assert!(!wrong(&step.change), "{}: {}", planned.source.display(), step.change);
        }
    }
}

/// Whether a change names a path or key that contains this.
fn touches(change: &Change, what: &str) -> bool {
    let text = match change {
        Change::Assign(Setting::Value { key, name, .. }) => format!(r"{key}\{name}"),
        Change::Move { from, to } | Change::PutBack { from, to, .. } => format!("{from}|{to}"),
        other => other.to_string(),
    };
    text.to_lowercase().contains(&what.to_lowercase())
}

#[test]
fn pitfall_04_and_05_what_marks_pended_work_is_never_touched() {
    for what in ["pending.xml", "Component Based Servicing", "RebootRequired", "PoqexecCmdline"] {
        never(|it| touches(it, what));
    }
}

#[test]
fn pitfall_08_no_policy_is_changed() {
    for what in [r"\Policies\", "PolicyManager"] {
        never(|it| touches(it, what));
    }
}

#[test]
fn pitfall_09_what_is_stopped_is_started_again_and_nothing_else_is() {
    for planned in plans() {
        let steps = &planned.plan.steps;
        let all = |wanted: bool| {
            steps.iter().filter_map(move |it| match &it.change {
                Change::Assign(Setting::Running { service, running }) if *running == wanted => {
                    Some(service.clone())
                }
                _ => None,
            })
        };
        let (mut stopped, mut started): (Vec<_>, Vec<_>) =
            (all(false).collect(), all(true).collect());
        stopped.sort();
        started.sort();
        assert_eq!(stopped, started, "{}", planned.source.display());
    }
}

#[test]
fn pitfall_10_no_security_descriptor_is_set_to_a_constant() {
    never(|it| touches(it, r"\Security\") || touches(it, "sdset"));
}

/// A plan can only hold tools that are named here: no regsvr32, no reset of the network, no deletion of
/// transfers, no script. A new tool has to be looked at before it is let through.
#[test]
fn pitfalls_11_12_13_19_41_only_known_tools_are_run() {
    let is_known = |it: &Change| match it {
        Change::Run(tool) => matches!(
            tool,
            Tool::RetryUpdate { .. }
                | Tool::AskToClose { .. }
                | Tool::WaitForExit { .. }
                | Tool::ScanStore
                | Tool::RepairStore { .. }
                | Tool::CheckFiles
        ),
        Change::Assign(_) | Change::Move { .. } | Change::PutBack { .. } => true,
    };
    never(|it| !is_known(it));
    for what in ["regsvr32", "netsh", "winsock", "advfirewall", "bitsadmin", "/ResetBase", ".ps1"] {
        never(|it| touches(it, what));
    }
}

#[test]
fn pitfall_17_nothing_is_planned_for_a_healthy_pc() {
    let healthy = plans().iter().filter(|it| it.source.to_string_lossy().contains("healthy"));
    let mut count = 0;
    for planned in healthy {
        assert!(planned.plan.steps.is_empty(), "{}", planned.source.display());
        count += 1;
    }
    assert!(count >= 10, "{count} healthy machines");
}

/// The text of all source files of the product, without their tests at the end.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut folders, mut found) = (Vec::new(), Vec::new());
    for name in ["formats", "host", "engine", "cli"] {
        folders.push(crates.join(name).join("src"));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.push((path, code.to_owned()));
            }
        }
    }
    assert!(found.len() > 200, "{} sources", found.len());
    found
}

/// A thread that is ended leaves its locks shut for ever: a question that may hang is asked by a process
/// of our own, which is ended as a whole.
#[test]
fn pitfall_22_no_thread_is_ended_and_only_our_own_processes_are() {
    let mut ends = Vec::new();
    for (path, code) in sources() {
        let path = path.to_string_lossy().replace('\\', "/");
        for never in ["TerminateThread", "TerminateProcess", "TerminateJob"] {
            assert!(!code.to_lowercase().contains(&never.to_lowercase()), "{path}: {never}");
        }
        if code.contains(".kill()") {
            ends.push(path);
        }
    }
    // `Child::kill` of what was started there: the helper that answers about handles, and a test command
    // of a search that hangs.
    const OWN: [&str; 2] = ["live/holder/ask.rs", "command/isolate.rs"];
    let is_own = |it: &String| OWN.iter().any(|own| it.ends_with(own));
    assert!(ends.len() == OWN.len() && ends.iter().all(is_own), "{ends:?}");
}

/// A look at a file must not break an oplock, wait for one, or fetch what is kept in a cloud.
#[test]
fn pitfall_24_a_file_that_is_tried_is_neither_fetched_nor_waited_for() {
    let mut count = 0;
    for (path, code) in sources() {
        for (at, _) in code.match_indices("NtCreateFile(") {
            let call = code[at..].split(")\n").next().unwrap();
            for flag in ["FILE_OPEN_NO_RECALL", "FILE_COMPLETE_IF_OPLOCKED"] {
                assert!(call.contains(flag), "{}: without {flag}: {call}", path.display());
            }
            assert!(!call.contains("FILE_OVERWRITE") && !call.contains("FILE_SUPERSEDE"));
            count += 1;
        }
    }
    assert!(count >= 1, "nothing is tried any more; look for the new way");
}

/// A filter that is disabled but still named among the filters of its class stops Windows at its start
/// with 0x7B. Only services that install updates are given another start, and none is disabled.
#[test]
fn pitfall_29_no_driver_is_disabled() {
    for what in ["UpperFilters", "LowerFilters", r"\Control\Class\", r"\Start"] {
        never(|it| match it {
            Change::Assign(Setting::Value { .. }) => touches(it, what),
            _ => false,
        });
    }
    never(|it| match it {
        Change::Assign(Setting::Start { service, start }) => {
            let row = unwedge_engine::services::known(service);
            *start == StartType::Disabled || !row.is_some_and(|it| it.is_core_of_updating())
        }
        _ => false,
    });
}

#[test]
fn pitfall_32_the_program_of_a_service_is_not_borrowed() {
    never(|it| {
        touches(it, r"TrustedInstaller\ImagePath") || touches(it, "stop service TrustedInstaller")
    });
}

const LOCK_LOG: &str = r"//- file C:\Windows\Logs\CBS\CBS.log
2026-03-04 09:00:03, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 3_2, Package: P~1, Identifier: KB5033372
NOISE
REAL
2026-03-04 09:00:06, Info                  CBS    Exec: Processing complete.  Session: 3_2, Package: P~1, Identifier: KB5033372 [HRESULT = CODE]
";

/// Of real logs nearly every line with 0x80070020 is a harmless clean-up, and the one that tells of a lock
/// has the name of a status, no code, and the level Info.
#[test]
fn pitfall_36_neither_a_code_nor_a_level_makes_a_lock() {
    let noise = "2026-03-04 09:00:04, Info                  CBS    Failed moving directory: \
        \\\\?\\C:\\Windows\\CbsTemp\\31160001_22 to temp, will delete in-place instead \
        [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\n"
        .repeat(40);
    let real = "2026-03-04 09:00:05, Info                  CSI    0000011f Error \
        STATUS_SHARING_VIOLATION while executing operation CreateFile on \
        [l:33]'\\SystemRoot\\System32\\dnsapi.dll'\n";
    let rules = RuleSet::built_in();
    let found = |noise: &str, real: &str, code: &str| {
        let text = LOCK_LOG.replace("NOISE\n", noise).replace("REAL\n", real).replace("CODE", code);
        let pc = Fixture::parse(&text).unwrap();
        let diagnosis = diagnose::diagnose(&fact::observe(&pc, &rules), &rules);
        let roots = diagnosis.findings.into_iter().filter(|it| it.role == Role::Root);
        let file = |it: Finding| it.subject.map(|it| it.name).unwrap_or_default();
        roots.map(|it| (it.rule.clone(), file(it))).collect::<Vec<_>>()
    };
    let code = "0x80070020 - ERROR_SHARING_VIOLATION";
    let lock = [("file-locked".to_owned(), r"C:\Windows\System32\dnsapi.dll".to_owned())];
    assert_eq!(found(&noise, real, code), lock);
    // The update failed for a reason that is no lock, whatever the clean-up says.
    let elsewhere = found(&noise, "", "0x8024402c - WU_E_PT_WINHTTP_NAME_NOT_RESOLVED");
    assert!(elsewhere.iter().all(|(rule, _)| rule != "file-locked"), "{elsewhere:?}");
    assert_eq!(found(&noise, "", "0x00000000 - S_OK"), []);
}

#[test]
fn pitfall_39_no_path_of_a_user_is_written_into_the_system() {
    never(|it| match it {
        Change::Assign(Setting::Value {
            data: Some(Data::Sz(text) | Data::ExpandSz(text)),
            ..
        }) => text.to_lowercase().contains(r"\users\"),
        _ => false,
    });
}

#[test]
fn pitfall_40_nothing_is_left_to_run_at_sign_in() {
    for what in [r"CurrentVersion\Run", "RunOnce", "StartupApproved"] {
        never(|it| touches(it, what));
    }
}

#[test]
fn every_step_says_why_what_it_touches_and_how_it_is_undone() {
    for planned in plans() {
        for step in &planned.plan.steps {
            let told = [&step.says, &step.why, &step.undo];
            assert!(told.iter().all(|it| !it.is_empty()), "{}", planned.source.display());
            assert!(!step.touches.is_empty(), "{}: {}", planned.source.display(), step.says);
            let Change::Run(tool) = &step.change else { continue };
            assert_eq!(step.reversible, !tool.leaves_something(), "{}", step.says);
        }
    }
}
