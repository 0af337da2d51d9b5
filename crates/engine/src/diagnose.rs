//! From facts to findings: a function, so that the same facts and rules give the same bytes.
//!
//! The unit of failure is the *operation*: what somebody tried, and how it ended. A line that looks
//! like an error matters when an operation failed around it; the last state of the same operation
//! decides whether the failure is over.

mod blame;
mod culprit;
mod moment;
mod write;

pub(crate) use write::{citation, told};

use std::collections::{BTreeMap, BTreeSet};

use unwedge_formats::code::Code;

use crate::fact::{self, Facts, Operation, OperationKind, Outcome, Place, StoreReport};
use crate::report::{Diagnosis, GapNote, Role, SCHEMA, Verdict};
use crate::rule::{Predicate, RegistryWorth, RuleIndex, RuleSet, StoreState, Weight};

use blame::{Blame, blame, blame_extract};

/// Rule that stands for a failed operation whose cause no rule knows.
pub(crate) const UNEXPLAINED: &str = "operation-failed";

/// Rule that stands for apps that were not updated, which is no failure of Windows Update.
pub(crate) const APPS: &str = "app-update-failed";

/// At most so many codes are named of evidence that shows no attempt to update.
const MOST_CODES: usize = 5;

/// What one rule explains, gathered over all evidence.
#[derive(Debug, Default)]
pub(crate) struct Case {
    /// Lines that show it, in order of time.
    pub(crate) places: Vec<Place>,
    /// How often it was seen in all.
    pub(crate) times: u64,
    /// Codes, the most telling first.
    pub(crate) codes: Vec<Code>,
    /// What it happened to, the most telling first.
    pub(crate) subjects: Vec<crate::report::Subject>,
    /// Operations that failed of it.
    pub(crate) operations: Vec<usize>,
    /// Whether something failed of it, rather than that it was only seen.
    pub(crate) failed: bool,
    /// Whether all of that is over.
    pub(crate) resolved: bool,
    /// Whether it is over but for a restart that is still to come.
    pub(crate) waits_for_restart: bool,
    /// Whether every operation that failed of it was tried again and ended otherwise.
    pub(crate) superseded: bool,
    /// What the evidence says beyond the rule.
    pub(crate) remark: Option<String>,
}

/// Draws the conclusion from `facts`.
#[must_use]
pub fn diagnose(facts: &Facts, rules: &RuleSet) -> Diagnosis {
    if !facts.apart.is_empty() {
        return of_many_pcs(facts, rules);
    }
    let standing = Standing::of(&facts.operations);
    let Blame { mut cases, seen } = blame(facts, rules, &standing);
    store_cases(facts, rules, &mut cases);
    service_cases(facts, rules, &mut cases);
    registry_cases(facts, rules, &standing, &mut cases);
    system_cases(facts, rules, &mut cases);
    blame_extract(facts, rules, &mut cases);
    let findings = write::findings(facts, rules, &mut cases);
    let ignored = write::ignored(facts, rules, &seen);
    let verdict = verdict(facts, &findings, &standing);
    let mut gaps = facts.gaps.clone();
    if verdict == Verdict::NotAssessed {
        gaps.push(missing(facts));
    }
    Diagnosis {
        schema: SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION").to_owned(),
        verdict,
        summary: write::summary(verdict, &findings, facts),
        about: facts.about.clone(),
        this_pc: facts.this_pc.clone(),
        findings,
        ignored,
        operations: write::operations(facts, &standing),
        sources: facts.sources.clone(),
        gaps,
    }
}

/// What is true of two PCs together is true of neither: each is judged by itself.
fn of_many_pcs(facts: &Facts, rules: &RuleSet) -> Diagnosis {
    let mut whole = Diagnosis {
        schema: SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION").to_owned(),
        verdict: Verdict::NotAssessed,
        summary: String::new(),
        about: crate::report::AboutPc::default(),
        this_pc: Vec::new(),
        findings: Vec::new(),
        ignored: Vec::new(),
        operations: Vec::new(),
        sources: facts.sources.clone(),
        gaps: facts.gaps.clone(),
    };
    let mut failing = Vec::new();
    for pc in &facts.apart {
        let mut own = diagnose(&pc.facts, rules);
        for finding in &mut own.findings {
            finding.text = format!("On {}: {}", pc.name, finding.text);
        }
        // Failing counts before recovered; that one of several is healthy says nothing of them all.
        match (own.verdict, whole.verdict) {
            (Verdict::Failing, _) => {
                whole.verdict = Verdict::Failing;
                failing.push(format!("{}: {}", pc.name, own.summary));
            }
            (Verdict::Recovered, Verdict::NotAssessed) => whole.verdict = Verdict::Recovered,
            _ => {}
        }
        whole.findings.append(&mut own.findings);
        whole.ignored.append(&mut own.ignored);
        whole.operations.append(&mut own.operations);
        if own.gaps.len() > pc.facts.gaps.len() {
            let more = own.gaps.split_off(pc.facts.gaps.len());
            whole
                .gaps
                .extend(more.into_iter().map(|gap| GapNote { source: pc.name.clone(), ..gap }));
        }
    }
    whole.findings.sort_by_key(|finding| (finding.role, finding.resolved, finding.severity));
    let count = facts.apart.len();
    whole.gaps.push(GapNote {
        source: "evidence".to_owned(),
        line: None,
        what: "the evidence of one PC".to_owned(),
        why: format!("it is of more than one; what belongs together was judged in {count} parts"),
    });
    whole.summary = match failing.first() {
        Some(first) => format!("The evidence is of more than one PC. {first}"),
        None => {
            "The evidence is of more than one PC. Give the files of each by themselves.".to_owned()
        }
    };
    whole
}

/// How each operation stands, seen from the end of the evidence.
#[derive(Debug)]
pub(crate) struct Standing {
    /// By operation: whether the same thing later succeeded.
    pub(crate) succeeded_later: Vec<bool>,
    /// Of these, what went through as far as it can without a restart that is still to come.
    pub(crate) waits_for_restart: Vec<bool>,
    /// By operation: whether the same thing was later tried again, and that try ended.
    pub(crate) tried_later: Vec<bool>,
}

impl Standing {
    fn of(operations: &[Operation]) -> Standing {
        let mut standing = Standing {
            succeeded_later: vec![false; operations.len()],
            waits_for_restart: vec![false; operations.len()],
            tried_later: vec![false; operations.len()],
        };
        // What came as far as the restart before and failed all the same proves nothing by coming as
        // far again.
        let mut came_so_far = BTreeSet::new();
        let mut new_ground = vec![false; operations.len()];
        for (index, operation) in operations.iter().enumerate() {
            let keys = operation.keys();
            new_ground[index] = operation.kind != OperationKind::Startup
                && !keys.iter().any(|key| came_so_far.contains(key));
            if operation.outcome == Outcome::NeedsRestart {
                came_so_far.extend(keys);
            }
        }
        // From the end, so that what came later is known when an operation is reached.
        let mut later: BTreeMap<_, (bool, bool, bool)> = BTreeMap::new();
        for (index, operation) in operations.iter().enumerate().rev() {
            for key in operation.keys() {
                let (succeeded, waits, tried) = later.entry(key).or_default();
                let waits_now = *waits && !*succeeded && new_ground[index];
                standing.succeeded_later[index] |= *succeeded || waits_now;
                standing.waits_for_restart[index] |= waits_now;
                standing.tried_later[index] |= *tried;
                *succeeded |= operation.outcome == Outcome::Succeeded;
                *waits |= operation.outcome == Outcome::NeedsRestart;
                // A try that was not seen to its end tells nothing of how it stands.
                *tried |= operation.outcome != Outcome::Unfinished;
            }
        }
        standing
    }
}

/// Damage of the component store, as the last report on it says.
fn store_cases(facts: &Facts, rules: &RuleSet, cases: &mut BTreeMap<RuleIndex, Case>) {
    let last = |by_file_checker: bool| {
        facts.store.iter().rev().find(|report| report.by_file_checker == by_file_checker)
    };
    let repaired_by_dism =
        last(false).filter(|report| report.found_damage() && !report.is_damaged());
    let moving = fact::moving(&facts.store);
    let is_in = |report: &StoreReport, wanted: StoreState| match wanted {
        StoreState::Damaged => report.is_damaged(),
        StoreState::Repaired => report.found_damage() && !report.is_damaged(),
        StoreState::Moving => moving.iter().any(|it| std::ptr::eq(*it, report)),
    };
    for (index, rule) in rules.rules.iter().enumerate() {
        let wanted = rule.when.iter().find_map(|when| match when {
            Predicate::Store(state) => Some(*state),
            _ => None,
        });
        let Some(wanted) = wanted else { continue };
        for report in facts.store.iter().filter(|report| is_in(report, wanted)) {
            let later_clean = facts.store.iter().any(|other| {
                other.place.is_after(&report.place)
                    && other.by_file_checker == report.by_file_checker
                    && !other.is_damaged()
                    && other.result.is_none_or(|code| !code.is_failure())
            });
            // What sfc could not repair for want of a sound store may be sound after DISM.
            let mended = report.by_file_checker
                && repaired_by_dism.is_some_and(|other| other.place.is_after(&report.place));
            let case = cases.entry(index).or_default();
            let over = later_clean || mended;
            case.resolved = if case.failed { case.resolved && over } else { over };
            case.failed |= wanted != StoreState::Repaired;
            if wanted != StoreState::Moving {
                case.remark = Some(write::store_remark(report));
            }
            for file in report.damaged.iter().filter(|f| wanted == StoreState::Repaired || !f.fixed)
            {
                case.see(&file.place, &[], &[write::damaged_subject(file)], 1);
            }
            case.see(&report.place, report.result.as_slice(), &[], 1);
        }
    }
}

/// Services whose configuration the host tells.
fn service_cases(facts: &Facts, rules: &RuleSet, cases: &mut BTreeMap<RuleIndex, Case>) {
    for (index, rule) in rules.rules.iter().enumerate() {
        for when in &rule.when {
            let Predicate::Service(wanted) = when else { continue };
            let fits = |name: &str| wanted.names.iter().any(|want| want.eq_ignore_ascii_case(name));
            for service in
                facts.services.iter().filter(|s| fits(&s.name) && s.disabled == wanted.disabled)
            {
                let case = cases.entry(index).or_default();
                case.failed |= rule.weight == Weight::Root;
                // What is disabled now stays in the way, whatever the logs say of yesterday.
                case.resolved = false;
                case.superseded = false;
                let place = Place::of_this_pc(service.told.clone());
                let subject = crate::report::Subject {
                    kind: crate::report::SubjectKind::Service,
                    name: service.name.clone(),
                };
                case.subjects.insert(0, subject);
                case.see(&place, &[], &[], 1);
            }
        }
    }
}

/// Traits of the whole system: worth knowing, and a reason only of the upgrade they are of.
fn system_cases(facts: &Facts, rules: &RuleSet, cases: &mut BTreeMap<RuleIndex, Case>) {
    for (index, rule) in rules.rules.iter().enumerate() {
        for when in &rule.when {
            let Predicate::System(wanted) = when else { continue };
            let upgrade = last_upgrade(facts).filter(|(_, outcome)| *outcome == Outcome::Failed);
            if wanted.is_of_an_upgrade() && upgrade.is_none() {
                continue;
            }
            for fact in facts.system.iter().filter(|fact| fact.of == *wanted) {
                let case = cases.entry(index).or_default();
                let place = Place::of_this_pc(fact.told.clone());
                case.see(&place, &[], fact.subject.as_slice(), 1);
                let of_upgrade = upgrade.filter(|_| wanted.is_of_an_upgrade());
                if let Some((index, _)) = of_upgrade {
                    case.failed |= rule.weight == Weight::Root;
                    case.superseded = false;
                    case.operations.extend((!case.operations.contains(&index)).then_some(index));
                }
            }
        }
    }
}

/// What the registry holds: proof by itself, or the reason of what failed with a code of the rule.
fn registry_cases(
    facts: &Facts,
    rules: &RuleSet,
    standing: &Standing,
    cases: &mut BTreeMap<RuleIndex, Case>,
) {
    let mut told_by_setup = None;
    for fact in &facts.registry {
        let rule = &rules.rules[fact.rule];
        let failed: Vec<usize> = facts
            .operations
            .iter()
            .enumerate()
            .filter(|(index, operation)| {
                operation.outcome == Outcome::Failed
                    && !standing.succeeded_later[*index]
                    && operation.code.is_some_and(|code| rule.codes.contains(&code.canonical()))
            })
            .map(|(index, _)| index)
            .collect();
        if fact.worth == RegistryWorth::BesideItsCode && failed.is_empty() {
            continue;
        }
        let case = cases.entry(fact.rule).or_default();
        // What stands there now is in the way now, whatever the logs say of yesterday; but what was
        // stored after an upgrade is of yesterday itself.
        if fact.worth != RegistryWorth::BesideAnUpgrade {
            case.failed |= rule.weight == Weight::Root;
            case.resolved = false;
        } else if let Some((index, outcome)) = last_upgrade(facts) {
            case.failed |= rule.weight == Weight::Root;
            case.resolved = outcome == Outcome::Succeeded;
            told_by_setup = (outcome == Outcome::Failed).then_some(index);
        }
        case.superseded = false;
        let subject = crate::report::Subject {
            kind: crate::report::SubjectKind::RegistryKey,
            name: fact.key.clone(),
        };
        case.see(&Place::of_this_pc(fact.told.clone()), &[], &[subject], 1);
        for index in failed {
            let operation = &facts.operations[index];
            if !case.operations.contains(&index) {
                case.operations.push(index);
            }
            case.see(&operation.place, operation.code.as_slice(), &[], 1);
        }
    }
    // What was stored accounts for the upgrade that no rule explains otherwise.
    let unexplained = rules.index(UNEXPLAINED);
    if let (Some(rule), Some(index)) = (unexplained, told_by_setup)
        && cases.get(&rule).is_some_and(|case| case.operations == [index])
    {
        cases.remove(&rule);
    }
}

/// How the last upgrade ended that was tried.
fn last_upgrade(facts: &Facts) -> Option<(usize, Outcome)> {
    let upgrade = |tried: &Operation| tried.kind == OperationKind::Upgrade;
    let index = facts.operations.iter().rposition(upgrade)?;
    Some((index, facts.operations[index].outcome))
}

impl Case {
    /// Adds a place, with what stands there.
    pub(crate) fn see(
        &mut self,
        place: &Place,
        codes: &[Code],
        subjects: &[crate::report::Subject],
        times: u64,
    ) {
        self.times += times;
        if !self.places.contains(place) {
            self.places.push(place.clone());
        }
        for code in codes {
            if !self.codes.contains(code) {
                self.codes.push(*code);
            }
        }
        for subject in subjects {
            let known = |s: &crate::report::Subject| s.name.eq_ignore_ascii_case(&subject.name);
            if !self.subjects.iter().any(known) {
                self.subjects.push(subject.clone());
            }
        }
    }
}

fn verdict(facts: &Facts, findings: &[crate::report::Finding], standing: &Standing) -> Verdict {
    let roots = || findings.iter().filter(|finding| finding.role == Role::Root);
    if roots().any(|root| !root.resolved) {
        return Verdict::Failing;
    }
    if roots().next().is_some() {
        return Verdict::Recovered;
    }
    let failed_and_over =
        facts.operations.iter().zip(&standing.succeeded_later).any(|(operation, &over)| {
            operation.outcome == Outcome::Failed && over && !operation.is_of_app()
        });
    if failed_and_over {
        return Verdict::Recovered;
    }
    let assessed = facts.records_seen
        && !facts.is_excerpt
        && (facts.sessions_opened > 0
            || facts.operations.iter().any(|operation| !operation.is_of_app())
            || !facts.store.is_empty());
    if assessed { Verdict::Healthy } else { Verdict::NotAssessed }
}

/// Why nothing could be concluded, and what would help.
fn missing(facts: &Facts) -> GapNote {
    let why = if facts.sources.is_empty() && facts.gaps.is_empty() {
        "there is no file to read; give the folder C:\\Windows\\Logs, or what `unwedge collect` made"
    } else if !facts.records_seen {
        "no log that could be read tells of updates; copy C:\\Windows\\Logs and the event logs"
    } else if facts.is_excerpt {
        "the log is an extract: what is not in it cannot be called healthy; give the whole file"
    } else {
        "no attempt to update is in it; give C:\\Windows\\Logs\\CBS, older CbsPersist files too"
    };
    let codes: Vec<String> = facts.unknown.keys().take(MOST_CODES).map(Code::to_string).collect();
    let codes = match codes.is_empty() {
        true => String::new(),
        false => format!("; codes of failures stand in it: {}", codes.join(", ")),
    };
    GapNote {
        source: "evidence".to_owned(),
        line: None,
        what: "proof that updates went through".to_owned(),
        why: format!("{why}{codes}"),
    }
}
