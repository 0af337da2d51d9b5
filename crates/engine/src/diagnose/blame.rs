//! Ties what was seen to the operations that failed around it.

use std::collections::{BTreeMap, BTreeSet};

use unwedge_formats::code::Code;
use unwedge_formats::log::LogKind;

use super::{APPS, Case, Standing, UNEXPLAINED};
use crate::fact::{Facts, Operation, OperationKind, Outcome, PLACEHOLDER_KB, Place, Sighting};
use crate::report::{Category, Subject, SubjectKind};
use crate::rule::{Predicate, Rule, RuleIndex, RuleSet, StoreState, Weight};

/// What other logs tell so many seconds before an operation began, or after it ended, belongs to it.
const AROUND_SECONDS: std::ops::RangeInclusive<i64> = -120..=60;
/// An operation of which only the end is known may have taken so many seconds.
const UNKNOWN_LENGTH_SECONDS: i64 = 600;

/// `WU_E_ALL_UPDATES_FAILED`: the sum of a call, not the reason.
const ALL_UPDATES_FAILED: Code = Code(0x8024_0022);

/// DISM ends so many seconds behind the session that it asked for, at most.
const ECHO_SECONDS: i64 = 60;

/// Of so many lines at most is what somebody copied out of a log because it looks like the failure.
const EXTRACT_LINES: u64 = 300;
/// What is not known of such an extract.
const OF_AN_EXTRACT: &str =
    "The evidence is an extract of a log: it shows neither what was tried nor how that ended.";

/// Rules to blame, and what is left over.
pub(super) struct Blame {
    /// What each rule explains.
    pub(super) cases: BTreeMap<RuleIndex, Case>,
    /// Places of known roots that turned out to matter to nobody: something went through anyway.
    pub(super) seen: BTreeMap<RuleIndex, Vec<Place>>,
}

/// Goes through the failed operations first, then through what stands outside of any.
pub(super) fn blame(facts: &Facts, rules: &RuleSet, standing: &Standing) -> Blame {
    let mut cases: BTreeMap<RuleIndex, Case> = BTreeMap::new();
    for (index, operation) in facts.operations.iter().enumerate() {
        if operation.outcome == Outcome::Failed {
            blame_operation(facts, rules, standing, index, &mut cases);
        }
    }
    let mut seen = BTreeMap::new();
    for (&rule, series) in &facts.sightings {
        match rules.rules[rule].weight {
            Weight::Harmless => {}
            Weight::Note => {
                let case = cases.entry(rule).or_default();
                for sighting in series.iter() {
                    case.see(&sighting.place, &sighting.codes, &sighting.subjects, 1);
                }
                case.times = series.length();
            }
            Weight::Root => {
                for sighting in series.iter() {
                    outside(facts, rules, standing, (rule, sighting), &mut cases, &mut seen);
                }
            }
        }
    }
    Blame { cases, seen }
}

/// Blames what a few lines of a log tell that show neither an attempt nor a proof of failure:
/// somebody copied them out because they look like the failure.
pub(super) fn blame_extract(facts: &Facts, rules: &RuleSet, cases: &mut BTreeMap<RuleIndex, Case>) {
    let of_failures = [LogKind::Cbs, LogKind::Dism, LogKind::WindowsUpdate, LogKind::Setup];
    let is_short = |place: &Place| {
        facts.sources.get(place.source).is_some_and(|it| {
            // Nobody copies lines out of a trace, which is not text.
            let is_trace = it.source.to_lowercase().ends_with(".etl");
            let tells = of_failures.iter().any(|kind| kind.name() == it.kind);
            it.lines <= EXTRACT_LINES && tells && !is_trace
        })
    };
    let shows_none =
        facts.operations.is_empty() && facts.sessions_opened == 0 && facts.store.is_empty();
    if !shows_none || cases.values().any(|case| case.failed) {
        return;
    }
    for (&rule, series) in &facts.sightings {
        for sighting in series.iter().filter(|it| is_short(&it.place)) {
            if rules.rules[rule].weight == Weight::Root {
                add_outside(cases, rule, sighting, false);
                let remark = &mut cases.entry(rule).or_default().remark;
                remark.get_or_insert_with(|| OF_AN_EXTRACT.to_owned());
            }
        }
    }
}

/// Finds the rules that explain one failed operation.
fn blame_operation(
    facts: &Facts,
    rules: &RuleSet,
    standing: &Standing,
    index: usize,
    cases: &mut BTreeMap<RuleIndex, Case>,
) {
    let operation = &facts.operations[index];
    let mut guilty: BTreeMap<RuleIndex, Vec<&Sighting>> = BTreeMap::new();
    for (&rule, series) in &facts.sightings {
        if rules.rules[rule].weight == Weight::Root {
            let belongs = |sighting: &&Sighting| {
                concerns(facts, operation, sighting)
                    && decides(facts, &rules.rules[rule], operation, sighting)
            };
            let around: Vec<&Sighting> = series.iter().filter(belongs).collect();
            if !around.is_empty() {
                guilty.insert(rule, around);
            }
        }
    }
    let cause = operation.code.map(Code::canonical);
    let by_outcome: BTreeSet<RuleIndex> = rules
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| {
            rule.when.iter().any(|when| matches!(when, Predicate::Outcome))
                && cause.is_some_and(|cause| rule.codes.contains(&cause))
        })
        .map(|(index, _)| index)
        .collect();
    let mut told: BTreeSet<RuleIndex> =
        guilty.keys().copied().chain(by_outcome.iter().copied()).collect();
    // That it failed is no reason beside one.
    if let Some(unexplained) = rules.index(UNEXPLAINED).filter(|_| told.len() > 1) {
        told.remove(&unexplained);
    }
    let guilty_rules: Vec<RuleIndex> = match told.is_empty() {
        // Apps come from the Store by a way of their own.
        _ if operation.is_of_app() => rules.index(APPS).into_iter().collect(),
        _ if only_counts_others(facts, operation) => return,
        false => told.into_iter().collect(),
        // DISM only says that it failed; what the servicing stack did for it failed just before.
        true if repeats_another(facts, operation) => return,
        // What sfc could not put right is damage of the store, and its report tells the files.
        true if operation.kind == OperationKind::SystemFileCheck => store_damage(rules),
        true => rules.index(UNEXPLAINED).into_iter().collect(),
    };
    for rule in guilty_rules {
        let case = cases.entry(rule).or_default();
        let over = standing.succeeded_later[index];
        case.resolved = if case.failed { case.resolved && over } else { over };
        case.superseded = if case.failed {
            case.superseded && standing.tried_later[index]
        } else {
            standing.tried_later[index]
        };
        case.waits_for_restart |= standing.waits_for_restart[index];
        case.failed = true;
        case.operations.push(index);
        for sighting in guilty.get(&rule).into_iter().flatten() {
            case.see(&sighting.place, &sighting.codes, &sighting.subjects, 1);
        }
        if rules.rules[rule].id == UNEXPLAINED {
            first_with_code(facts, operation, case);
        }
        // The outcome is proof too, and the only one when no line tells more.
        let own_code = cause.is_some_and(|c| rules.rules[rule].codes.contains(&c))
            || rules.rules[rule].id == UNEXPLAINED;
        let codes: &[Code] = if own_code { operation.code.as_slice() } else { &[] };
        case.see(&operation.place, codes, &[], 1);
        let kb = operation.kb.iter().filter(|kb| kb.starts_with("KB") && *kb != PLACEHOLDER_KB);
        let kb = kb.map(|kb| Subject { kind: SubjectKind::Kb, name: kb.clone() });
        let subjects = operation.subject.iter().chain(&operation.package).cloned().chain(kb);
        case.see(&operation.place, &[], &subjects.collect::<Vec<_>>(), 0);
    }
}

/// Whether it ended with nothing but "all updates failed", and the updates are told.
fn only_counts_others(facts: &Facts, operation: &Operation) -> bool {
    let Some(ended) = operation.ended_seconds() else { return false };
    operation.code == Some(ALL_UPDATES_FAILED)
        && facts.operations.iter().any(|other| {
            other.outcome == Outcome::Failed
                && other.is_of_update_agent()
                && other.code.is_some_and(|code| code != ALL_UPDATES_FAILED)
                && other
                    .ended_seconds()
                    .is_some_and(|at| (0..=UNKNOWN_LENGTH_SECONDS).contains(&(ended - at)))
        })
}

/// Whether another log tells more of the same failure.
///
/// DISM only says that it failed; what the servicing stack did for it failed just before. The
/// update agent passes on what the servicing stack met, and its reports and events pass that on.
fn repeats_another(facts: &Facts, operation: &Operation) -> bool {
    let Some(ended) = operation.ended_seconds() else { return false };
    let failed = |other: &&Operation| other.outcome == Outcome::Failed;
    let behind = |other: &Operation| other.ended_seconds().map(|seconds| ended - seconds);
    if operation.kind == OperationKind::DismCommand {
        return facts.operations.iter().filter(failed).any(|other| {
            other.kind != OperationKind::DismCommand
                && !other.is_of_update_agent()
                && behind(other).is_some_and(|seconds| (0..=ECHO_SECONDS).contains(&seconds))
        });
    }
    if !operation.is_of_update_agent() {
        return false;
    }
    let keys = operation.keys();
    facts.operations.iter().filter(failed).any(|other| {
        tells_more(other.log) < tells_more(operation.log)
            && behind(other).is_some_and(|seconds| seconds.abs() <= UNKNOWN_LENGTH_SECONDS)
            && (other.keys().iter().any(|key| keys.contains(key)) || operation.subject.is_none())
    })
}

/// Which log tells more of one failure; the lower, the more.
fn tells_more(log: LogKind) -> u8 {
    match log {
        LogKind::Cbs | LogKind::Dism => 0,
        LogKind::WindowsUpdate => 1,
        LogKind::ReportingEvents => 2,
        LogKind::Events => 3,
        _ => 4,
    }
}

/// Rules about damage of the component store.
fn store_damage(rules: &RuleSet) -> Vec<RuleIndex> {
    let damage = |when: &Predicate| matches!(when, Predicate::Store(StoreState::Damaged));
    let rules = rules.rules.iter().enumerate();
    rules.filter(|(_, rule)| rule.when.iter().any(damage)).map(|(index, _)| index).collect()
}

/// The first lines that carry the code an operation ended with lie nearest to its cause.
fn first_with_code(facts: &Facts, operation: &Operation, case: &mut Case) {
    let Some(code) = operation.code else { return };
    let same = facts.unknown.iter().filter(|(known, _)| known.canonical() == code.canonical());
    for (_, series) in same {
        for place in series.iter().filter(|place| covers(operation, place)).take(3) {
            case.see(place, &[], &[], 1);
        }
    }
}

/// A known root that no failed operation surrounds.
fn outside(
    facts: &Facts,
    rules: &RuleSet,
    standing: &Standing,
    (rule, sighting): (RuleIndex, &Sighting),
    cases: &mut BTreeMap<RuleIndex, Case>,
    seen: &mut BTreeMap<RuleIndex, Vec<Place>>,
) {
    let mut around = facts
        .operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| {
            let failed = operation.outcome == Outcome::Failed;
            covers(operation, &sighting.place) || (failed && concerns(facts, operation, sighting))
        })
        .peekable();
    if around.peek().is_some() {
        let failed = |&(_, operation): &(usize, &Operation)| operation.outcome == Outcome::Failed;
        let unfinished =
            |&(_, operation): &(usize, &Operation)| operation.outcome == Outcome::Unfinished;
        let around: Vec<_> = around.collect();
        if around.iter().any(failed) {
            let decided = |&(_, operation): &(usize, &Operation)| {
                decides(facts, &rules.rules[rule], operation, sighting)
            };
            if !around.iter().filter(|a| failed(a)).any(decided) {
                seen.entry(rule).or_default().push(sighting.place.clone());
            }
            return;
        }
        let Some(&(index, _)) = around.iter().find(|a| unfinished(a)) else {
            seen.entry(rule).or_default().push(sighting.place.clone());
            return;
        };
        // The log ends in the middle: what was seen so far is all that is known.
        add_outside(cases, rule, sighting, standing.succeeded_later[index]);
        return;
    }
    if !sighting.strong {
        let echo = facts.operations.iter().any(|operation| {
            operation.outcome == Outcome::Failed
                && operation.place.source == sighting.place.source
                && operation
                    .code
                    .is_some_and(|own| sighting.codes.iter().any(|c| c.same_cause_as(own)))
        });
        if echo {
            return;
        }
        seen.entry(rule).or_default().push(sighting.place.clone());
        return;
    }
    let later_success = facts.operations.iter().any(|operation| {
        let begun_after = match operation.place.source == sighting.place.source {
            true => operation.first_line > sighting.place.line,
            false => operation.place.is_after(&sighting.place),
        };
        operation.outcome == Outcome::Succeeded && begun_after
    });
    add_outside(cases, rule, sighting, later_success);
}

fn add_outside(
    cases: &mut BTreeMap<RuleIndex, Case>,
    rule: RuleIndex,
    sighting: &Sighting,
    over: bool,
) {
    let case = cases.entry(rule).or_default();
    case.resolved = if case.failed { case.resolved && over } else { over };
    case.superseded = false;
    case.failed = true;
    case.see(&sighting.place, &sighting.codes, &sighting.subjects, 1);
}

/// Whether a sighting belongs to `operation`: it lies within it, or another kind of log tells of it
/// while it went on.
fn concerns(facts: &Facts, operation: &Operation, sighting: &Sighting) -> bool {
    let is_event = operation.log == LogKind::Events;
    if operation.place.source == sighting.place.source {
        // An event log is of many programs at once: there the time tells more than the order.
        if !is_event || covers(operation, &sighting.place) {
            return covers(operation, &sighting.place);
        }
    }
    let kind = |source: usize| facts.sources.get(source).map(|source| source.kind.as_str());
    // Servicing writes its own log of each operation; another one of the same kind is of another.
    if (!is_event && kind(operation.place.source) == kind(sighting.place.source))
        || (!operation.is_of_update_agent() && sighting.of_servicing)
    {
        return false;
    }
    let (Some(ended), Some(at)) = (operation.ended_seconds(), sighting.place.utc_seconds()) else {
        return false;
    };
    let begun = operation.begun_seconds.unwrap_or(ended - UNKNOWN_LENGTH_SECONDS);
    let around = begun + AROUND_SECONDS.start()..=ended + AROUND_SECONDS.end();
    // A line that tells how another operation ended is about that one.
    around.contains(&at) && !facts.operations.iter().any(|other| other.place == sighting.place)
}

/// Whether a sighting within `operation` says something about how that ended.
///
/// Setup goes on after most errors, tries again and takes back. Of its lines only those count that
/// prove a failure, that carry the code it ended with, or that a rule about setup asked for.
fn decides(facts: &Facts, rule: &Rule, operation: &Operation, sighting: &Sighting) -> bool {
    let source = facts.sources.get(sighting.place.source);
    if source.is_none_or(|source| source.kind != LogKind::Setup.name()) || sighting.strong {
        return true;
    }
    // A part that was cancelled on the way is no reason for another end.
    let accounts = operation.code.is_some_and(|own| rule.codes.contains(&own.canonical()));
    if rule.category == Category::Cancelled {
        return accounts;
    }
    let about_setup = rule
        .when
        .iter()
        .any(|when| matches!(when, Predicate::Line(line) if line.logs.contains(&LogKind::Setup)));
    let ends_it = |own: Code| sighting.codes.iter().any(|code| code.same_cause_as(own));
    about_setup || operation.code.is_some_and(ends_it)
}

/// Whether `place` lies within `operation`.
fn covers(operation: &Operation, place: &Place) -> bool {
    operation.place.source == place.source
        && (operation.first_line..=operation.last_line).contains(&place.line)
}
