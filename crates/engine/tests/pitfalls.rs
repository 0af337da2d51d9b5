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
use unwedge_engine::rule::RuleSet;
use unwedge_engine::{diagnose, fact};
use unwedge_host::{Change, Data, Fixture, Setting, Tool};

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

#[test]
fn pitfall_32_the_program_of_a_service_is_not_borrowed() {
    never(|it| {
        touches(it, r"TrustedInstaller\ImagePath") || touches(it, "stop service TrustedInstaller")
    });
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
