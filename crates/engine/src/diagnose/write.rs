//! Puts conclusions into the words and order of a report.

use std::collections::BTreeMap;

use unwedge_formats::code::Code;

use super::culprit::culprit;
use super::moment;
use super::{Case, Standing, UNEXPLAINED};
use crate::fact::{self, DamagedFile, Facts, OperationKind, Outcome, Place, StoreReport};
use crate::knowledge::setup_diag;
use crate::report::{
    Category, Citation, Finding, Ignored, Operation, OperationOutcome, Role, Severity, Subject,
    SubjectKind, Verdict,
};
use crate::rule::{Rule, RuleIndex, RuleSet, Weight};

/// At most so many places are cited for one finding; all are counted.
const MOST_CITATIONS: usize = 12;
/// At most so many places are cited for what is ignored.
const MOST_IGNORED_CITATIONS: usize = 3;
/// At most so many further subjects are named.
const MOST_SUBJECTS: usize = 50;
/// Logs tell the end of one upgrade within so many seconds.
const SAME_END_SECONDS: i64 = 600;
/// At most so many operations are listed.
const MOST_OPERATIONS: usize = 200;

/// Findings, roots first, the one that explains the others at the top.
pub(super) fn findings(
    facts: &Facts,
    rules: &RuleSet,
    cases: &mut BTreeMap<RuleIndex, Case>,
) -> Vec<Finding> {
    let failed: BTreeMap<RuleIndex, bool> = cases
        .iter()
        .filter(|(_, case)| case.failed)
        .map(|(&rule, case)| (rule, case.resolved))
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for (&index, case) in cases.iter_mut() {
        let rule = &rules.rules[index];
        let role = role_of(rule, case, &failed, rules);
        case.places.sort_by_key(|place| (place.source, place.line));
        findings.push(finding(facts, rule, case, role));
    }
    findings.sort_by_key(|finding| {
        (finding.role, finding.resolved, finding.severity, order_of(rules, finding))
    });
    findings
}

/// What a repair lacks comes before what it should repair; what explains others comes before them.
fn order_of(rules: &RuleSet, finding: &Finding) -> u32 {
    let explains = rules.get(&finding.rule).map_or(0, |rule| rule.explains.len() as u32);
    match finding.category {
        _ if finding.rule == UNEXPLAINED => 9,
        Category::StoreCorruption => 5,
        _ => 4 - explains.min(3),
    }
}

/// `failed` says of each rule that something failed of whether that is over.
fn role_of(rule: &Rule, case: &Case, failed: &BTreeMap<RuleIndex, bool>, rules: &RuleSet) -> Role {
    if rule.weight != Weight::Root || !case.failed {
        return Role::Note;
    }
    // What is over cannot be the reason of what goes on.
    let explained = failed.iter().any(|(&other, &over)| {
        rules.rules[other].explains.contains(&rule.id) && (!over || case.resolved)
    });
    if explained {
        return Role::Consequence;
    }
    // A cancelled try that was repeated is history; what the later try met is what matters.
    if rule.category == Category::Cancelled && case.superseded {
        return Role::Note;
    }
    Role::Root
}

fn finding(facts: &Facts, rule: &Rule, case: &mut Case, role: Role) -> Finding {
    let culprit = culprit(facts, rule, case);
    let codes = codes_of(facts, rule, case);
    let mut subjects = case.subjects.clone();
    subjects.sort_by_key(|subject| tells_less(subject.kind));
    let mut subjects = subjects.into_iter();
    let advice = match rule.advice.is_empty() {
        true => String::new(),
        false => rule.advice.clone(),
    };
    Finding {
        rule: rule.id.clone(),
        title: rule.title.clone(),
        category: category_of(rule, case),
        role,
        severity: if role == Role::Note {
            rule.severity.max(Severity::Warning)
        } else {
            rule.severity
        },
        resolved: case.resolved,
        codes,
        subject: subjects.next(),
        other_subjects: subjects.take(MOST_SUBJECTS).collect(),
        culprit,
        citations: cited(facts, case),
        times_seen: case.times,
        text: text_of(facts, rule, case),
        advice,
        repairs: rule.repairs.clone(),
        explains: rule.explains.clone(),
    }
}

/// The codes that tell of this rule: those that operations ended with first, each as it is printed,
/// and beside an NTSTATUS the HRESULT that people know.
fn codes_of(facts: &Facts, rule: &Rule, case: &Case) -> Vec<String> {
    let own = |code: &Code| {
        code.means_failure() && (rule.codes.is_empty() || rule.codes.contains(&code.canonical()))
    };
    let outcomes = case.operations.iter().filter_map(|&index| facts.operations[index].code);
    let mut codes: Vec<String> = Vec::new();
    for code in outcomes.chain(case.codes.iter().copied()).filter(own) {
        let wrapped = code.0 & 0xf000_0000 != 0x8000_0000;
        for form in wrapped.then(|| code.canonical()).into_iter().chain([code]) {
            let form = form.to_string();
            if !codes.contains(&form) {
                codes.push(form);
            }
        }
    }
    codes
}

/// A file tells more than the package it is in.
fn tells_less(kind: SubjectKind) -> u8 {
    match kind {
        SubjectKind::File | SubjectKind::Service | SubjectKind::Driver => 0,
        SubjectKind::Folder | SubjectKind::RegistryKey | SubjectKind::Url => 1,
        SubjectKind::Component | SubjectKind::Capability | SubjectKind::Process => 2,
        SubjectKind::Kb | SubjectKind::Package | SubjectKind::Update => 3,
        SubjectKind::Command => 4,
    }
}

fn category_of(rule: &Rule, case: &Case) -> Category {
    if rule.id != UNEXPLAINED {
        return rule.category;
    }
    let known = case.codes.iter().find_map(|code| crate::knowledge::category_of(*code));
    known.map_or(rule.category, |advice| advice.category)
}

/// The first places, the last ones and those of the outcome: enough to check, not the whole log.
fn cited(facts: &Facts, case: &Case) -> Vec<Citation> {
    let outcomes: Vec<&Place> =
        case.operations.iter().map(|&index| &facts.operations[index].place).collect();
    let (told, causes): (Vec<&Place>, Vec<&Place>) =
        case.places.iter().partition(|place| outcomes.contains(place));
    let mut chosen: Vec<&Place> = Vec::new();
    let room = MOST_CITATIONS - told.len().min(MOST_CITATIONS / 3);
    chosen.extend(causes.iter().take(room));
    let left = MOST_CITATIONS - chosen.len();
    // The last outcome is how it stands now.
    let skip = told.len().saturating_sub(left);
    chosen.extend(told.iter().skip(skip));
    chosen.sort_by_key(|place| (place.source, place.line));
    chosen.into_iter().map(|place| citation(facts, place)).collect()
}

pub(crate) fn citation(facts: &Facts, place: &Place) -> Citation {
    let time = place.time_told();
    match facts.sources.get(place.source) {
        Some(source) => Citation {
            source: source.source.clone(),
            line: Some(place.line),
            time,
            excerpt: place.excerpt.clone(),
        },
        None => Citation {
            source: "this PC".to_owned(),
            line: None,
            time,
            excerpt: place.excerpt.clone(),
        },
    }
}

/// What happened here, then what it means in general.
fn text_of(facts: &Facts, rule: &Rule, case: &Case) -> String {
    let mut text = String::new();
    if let Some(&last) = case.operations.last() {
        let operation = &facts.operations[last];
        let times = attempts(facts, case);
        let on = operation.subject.as_ref().map_or(String::new(), |s| format!(" ({})", s.name));
        let code = operation.code.map_or(String::new(), |code| format!(" with {code}"));
        let what = operation.kind.in_words();
        text = match times {
            1 => format!("The attempt to {what}{on} failed{code}. "),
            n => {
                let last =
                    if code.is_empty() { String::new() } else { format!(", the last{code}") };
                format!("{n} attempts to {what}{on} failed{last}. ")
            }
        };
    }
    let extend = case.operations.iter().rev().map(|&at| facts.operations[at].extend);
    if let Some(told) = extend.into_iter().find(|&extend| extend != 0).and_then(moment::sentence) {
        text.push_str(&told);
        text.push(' ');
    }
    for told in verdicts_of_setup_diag(case) {
        text.push_str(told);
        text.push(' ');
    }
    if let Some(remark) = &case.remark {
        text.push_str(remark);
        text.push(' ');
    }
    if rule.id == UNEXPLAINED
        && let Some(advice) =
            case.codes.iter().find_map(|code| crate::knowledge::category_of(*code))
    {
        text.push_str(advice.cause);
        text.push(' ');
    }
    text.push_str(&rule.prose);
    if case.resolved && case.waits_for_restart {
        text.push_str(
            " It is over so far: the same thing later went through, and waits for a restart.",
        );
    } else if case.resolved {
        text.push_str(" It is over: the same thing later went through.");
    }
    text
}

/// What the rules of SetupDiag that matched mean.
fn verdicts_of_setup_diag(case: &Case) -> Vec<&'static str> {
    let mut told = Vec::new();
    let of_setup_diag = |place: &&Place| {
        ["ProfileName", "Profile found"].iter().any(|mark| place.excerpt.contains(mark))
    };
    for place in case.places.iter().filter(of_setup_diag) {
        for word in place.excerpt.split(|c: char| !c.is_ascii_alphanumeric()) {
            for profile in setup_diag::get(word) {
                if !told.contains(&profile.detects) {
                    told.push(profile.detects);
                }
            }
        }
    }
    told
}

/// How often something was tried: several logs tell of the same upgrade.
fn attempts(facts: &Facts, case: &Case) -> u64 {
    let of_upgrade = |index: &&usize| facts.operations[**index].kind == OperationKind::Upgrade;
    let upgrades: Vec<usize> = case.operations.iter().filter(of_upgrade).copied().collect();
    let again = |at: usize| {
        let ended = facts.operations[upgrades[at]].ended_seconds();
        upgrades[..at].iter().any(|&before| {
            match (facts.operations[before].ended_seconds(), ended) {
                (Some(before), Some(ended)) => (ended - before).abs() <= SAME_END_SECONDS,
                _ => true,
            }
        })
    };
    let told_again = (0..upgrades.len()).filter(|&at| again(at)).count();
    let alike: u64 = case.operations.iter().map(|&index| facts.operations[index].alike).sum();
    (case.operations.len() - told_again) as u64 + alike
}

pub(super) fn store_remark(report: &StoreReport) -> String {
    let by = if report.by_file_checker { "sfc" } else { "The scan of the component store" };
    let fixed = report.damaged.iter().filter(|file| file.fixed).count() as u64;
    let fixed = match fixed.max(report.repaired_count) {
        0 => "none of them".to_owned(),
        n if n >= report.damaged_count => "all of them".to_owned(),
        n => format!("{n} of them"),
    };
    let files = if report.damaged_count == 1 { "file" } else { "files" };
    format!("{by} found {} damaged {files} and put {fixed} right.", report.damaged_count)
}

pub(super) fn damaged_subject(file: &DamagedFile) -> Subject {
    Subject { kind: SubjectKind::File, name: file.name.clone() }
}

/// What looks like an error and is none, with the reason.
pub(super) fn ignored(
    facts: &Facts,
    rules: &RuleSet,
    seen: &BTreeMap<RuleIndex, Vec<Place>>,
) -> Vec<Ignored> {
    let mut ignored = Vec::new();
    let mut add = |rule: &str, reason: &str, codes: Vec<String>, times: u64, places: &[&Place]| {
        if times > 0 {
            let first = places.iter().take(MOST_IGNORED_CITATIONS);
            ignored.push(Ignored {
                rule: rule.to_owned(),
                reason: reason.to_owned(),
                codes,
                times_seen: times,
                citations: first.map(|place| citation(facts, place)).collect(),
            });
        }
    };
    for (&index, series) in &facts.sightings {
        let rule = &rules.rules[index];
        if rule.weight != Weight::Harmless {
            continue;
        }
        let mut codes: Vec<String> = Vec::new();
        for code in series.iter().flat_map(|sighting| &sighting.codes) {
            let code = code.to_string();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let places: Vec<&Place> = series.iter().map(|sighting| &sighting.place).collect();
        add(&rule.id, &rule.prose, codes, series.length(), &places);
    }
    for (&index, places) in seen {
        let reason = "The operation around it went through all the same, or nothing failed because \
                      of it.";
        let places: Vec<&Place> = places.iter().collect();
        add(&rules.rules[index].id, reason, Vec::new(), places.len() as u64, &places);
    }
    for (code, series) in &facts.unknown {
        let (after, alone): (Vec<&Place>, Vec<&Place>) =
            series.iter().partition(|place| follows_a_failure(facts, *code, place));
        for (places, rule, reason) in [
            (after, "echo-of-a-failure", "These lines only repeat a failure, or follow from it."),
            (alone, "without-consequence", "No failure is tied to these lines."),
        ] {
            add(rule, reason, vec![code.to_string()], places.len() as u64, &places);
        }
    }
    ignored.sort_by(|a, b| b.times_seen.cmp(&a.times_seen).then_with(|| a.rule.cmp(&b.rule)));
    ignored
}

/// Whether a line lies in a failed operation, or carries the code of one in the same file.
fn follows_a_failure(facts: &Facts, code: Code, place: &Place) -> bool {
    facts.operations.iter().any(|operation| {
        operation.outcome == Outcome::Failed
            && operation.place.source == place.source
            && ((operation.first_line..=operation.last_line).contains(&place.line)
                || operation.code.is_some_and(|own| own.same_cause_as(code)))
    })
}

/// Failures, and the last success of each thing that was tried.
pub(super) fn operations(facts: &Facts, standing: &Standing) -> Vec<Operation> {
    let worth = facts.operations.iter().enumerate().filter(|&(index, operation)| {
        operation.outcome != Outcome::Succeeded || !standing.tried_later[index]
    });
    let all: Vec<_> = worth.collect();
    let skip = all.len().saturating_sub(MOST_OPERATIONS);
    all.into_iter().skip(skip).map(|(_, operation)| told(facts, operation)).collect()
}

/// One operation as it is told to the world.
pub(crate) fn told(facts: &Facts, operation: &fact::Operation) -> Operation {
    let cancelled = operation.code.is_some_and(|code| {
        crate::knowledge::category_of(code)
            .is_some_and(|advice| advice.category == Category::Cancelled)
    });
    Operation {
        what: operation.kind.in_words().to_owned(),
        subject: operation.subject.clone(),
        client: operation.client.clone(),
        outcome: match operation.outcome {
            Outcome::Succeeded => OperationOutcome::Succeeded,
            Outcome::Failed if cancelled => OperationOutcome::Cancelled,
            Outcome::Failed => OperationOutcome::Failed,
            Outcome::NeedsRestart => OperationOutcome::NeedsRestart,
            Outcome::Unfinished => OperationOutcome::Unfinished,
        },
        code: operation.code.map(|code| code.to_string()),
        citation: citation(facts, &operation.place),
    }
}

/// The answer in a sentence or two.
pub(super) fn summary(verdict: Verdict, findings: &[Finding], facts: &Facts) -> String {
    let root = findings.iter().find(|finding| finding.role == Role::Root);
    let named = |finding: &Finding| {
        let code = finding.codes.first().map_or(String::new(), |code| format!(" ({code})"));
        let subject =
            finding.subject.as_ref().map_or(String::new(), |subject| format!(": {}", subject.name));
        format!("{}{code}{subject}", finding.title)
    };
    match (verdict, root) {
        (Verdict::Failing, Some(root)) => format!("{}.", named(root)),
        (Verdict::Recovered, Some(root)) => {
            format!("It failed and later went through. What was in the way: {}.", named(root))
        }
        (Verdict::Failing, None) => "Something failed.".to_owned(),
        (Verdict::Recovered, None) => "It failed and later went through.".to_owned(),
        (Verdict::Healthy, _) => match findings.first() {
            Some(note) => format!("No failure. Worth knowing: {}.", note.title),
            None => "No failure in the evidence.".to_owned(),
        },
        (Verdict::NotAssessed, _) if facts.records_seen => {
            "The evidence is too little to tell whether updates go through.".to_owned()
        }
        (Verdict::NotAssessed, _) => "Nothing that could be read tells about updates.".to_owned(),
    }
}
