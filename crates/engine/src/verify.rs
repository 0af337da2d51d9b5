//! Before and after: what a repair has proven.

use std::cmp::Ordering;

use serde::Serialize;

use crate::report::{
    Citation, Diagnosis, Finding, Operation, OperationOutcome, Role, SubjectKind, Verdict,
};

/// What is proven about the update that was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// In one word.
    pub result: Proven,
    /// Verdict before.
    pub before: Verdict,
    /// Verdict after.
    pub after: Verdict,
    /// The line that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Citation>,
    /// What became of each finding, those of before first.
    pub findings: Vec<Changed>,
}

/// What became of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// What it is about, if it names something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// In one word.
    pub became: Became,
}

/// What became of a finding, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It is over.
    Fixed,
    /// It is still there, but stands less in the way.
    Better,
    /// It is as before.
    Same,
    /// It is new, or stands more in the way.
    Worse,
}

/// What is proven, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proven {
    /// The update went through, and nothing else fails.
    Fixed,
    /// The update went through, but the evidence shows another failure.
    OtherFailure,
    /// The update goes through with the next restart.
    AfterRestart,
    /// The update still fails.
    StillFailing,
    /// The evidence after does not show how it ended.
    NotShown,
}

/// Compares two diagnoses of the same machine, before and after `kb` was tried again.
#[must_use]
pub fn verify(before: &Diagnosis, after: &Diagnosis, kb: Option<&str>) -> Verification {
    // The logs name the update here by its number and there by its package.
    let names: Vec<&str> = before
        .operations
        .iter()
        .chain(&after.operations)
        .filter(|it| kb.is_some_and(|kb| names_it(it, kb)))
        .filter_map(|it| it.subject.as_ref().map(|it| it.name.as_str()))
        .collect();
    let about_it = |it: &&Operation| match (kb, &it.subject) {
        (Some(kb), _) if names_it(it, kb) => true,
        (Some(_), Some(subject)) => names.contains(&subject.name.as_str()),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let last = after.operations.iter().rev().find(about_it);
    let result = match (last.map(|it| it.outcome), after.verdict) {
        (Some(OperationOutcome::Succeeded), Verdict::Failing) => Proven::OtherFailure,
        (Some(OperationOutcome::Succeeded), _) => Proven::Fixed,
        (Some(OperationOutcome::NeedsRestart), _) => Proven::AfterRestart,
        (Some(OperationOutcome::Failed | OperationOutcome::Cancelled), _) => Proven::StillFailing,
        (Some(OperationOutcome::Unfinished), _) => Proven::NotShown,
        (None, Verdict::Failing) => Proven::StillFailing,
        (None, Verdict::Healthy | Verdict::Recovered) => Proven::Fixed,
        (None, Verdict::NotAssessed) => Proven::NotShown,
    };
    Verification {
        result,
        before: before.verdict,
        after: after.verdict,
        proof: last.map(|it| it.citation.clone()),
        findings: changed(before, after),
    }
}

/// What became of the findings that were open before, and those that came.
fn changed(before: &Diagnosis, after: &Diagnosis) -> Vec<Changed> {
    fn open(of: &Diagnosis) -> Vec<&Finding> {
        of.findings.iter().filter(|it| !it.resolved && it.role != Role::Note).collect()
    }
    let same = |a: &Finding, b: &Finding| a.rule == b.rule && a.subject == b.subject;
    // How much it stands in the way; the order of the kinds is from the worst on.
    let weight = |it: &Finding| (it.role, it.severity);
    let told = |it: &Finding, became: Became| Changed {
        rule: it.rule.clone(),
        title: it.title.clone(),
        subject: it.subject.as_ref().map(|it| it.name.clone()),
        became,
    };
    let (old, new) = (open(before), open(after));
    let mut all: Vec<Changed> = old
        .iter()
        .map(|was| match new.iter().find(|it| same(was, it)) {
            None => told(was, Became::Fixed),
            Some(now) => told(
                now,
                match weight(now).cmp(&weight(was)) {
                    Ordering::Less => Became::Worse,
                    Ordering::Equal => Became::Same,
                    Ordering::Greater => Became::Better,
                },
            ),
        })
        .collect();
    let came = new.iter().filter(|it| !old.iter().any(|was| same(was, it)));
    all.extend(came.map(|it| told(it, Became::Worse)));
    all
}

fn names_it(operation: &Operation, kb: &str) -> bool {
    kb_of(operation).is_some_and(|it| it.eq_ignore_ascii_case(kb))
}

/// The number of the update an operation is about, such as `KB5034441`, where its line says it.
#[must_use]
pub fn kb_of(operation: &Operation) -> Option<&str> {
    let subject = operation.subject.as_ref().filter(|it| it.kind == SubjectKind::Kb);
    subject.map(|it| it.name.as_str()).or_else(|| {
        let (_, rest) = operation.citation.excerpt.split_once("Identifier: KB")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let start = operation.citation.excerpt.len() - rest.len() - 2;
        (digits > 0).then(|| &operation.citation.excerpt[start..start + 2 + digits])
    })
}

/// The line that names the update and its result, if it stands just above the proof: the end of
/// a servicing session alone does not say which update it was.
#[must_use]
pub fn sharpened(proof: &Citation, kb: &str, content: &[u8]) -> Option<Citation> {
    const ABOVE: usize = 6;
    let at = usize::try_from(proof.line?).ok()?;
    let lines = content.split(|&byte| byte == b'\n').take(at).enumerate();
    let last = lines.skip(at.saturating_sub(ABOVE)).filter_map(|(number, line)| {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        let is_it = line.contains("Exec: Processing complete.") && line.contains(kb);
        is_it.then_some((number as u64 + 1, line))
    });
    let (number, excerpt) = last.last()?;
    Some(Citation { line: Some(number), excerpt, ..proof.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &str, role: Role) -> Finding {
        Finding {
            rule: rule.to_owned(),
            title: rule.to_owned(),
            category: crate::report::Category::Lock,
            role,
            severity: crate::report::Severity::Blocking,
            resolved: false,
            codes: Vec::new(),
            subject: None,
            other_subjects: Vec::new(),
            culprit: None,
            citations: Vec::new(),
            times_seen: 1,
            text: String::new(),
            advice: String::new(),
            repairs: Vec::new(),
            explains: Vec::new(),
        }
    }

    fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
        Diagnosis {
            schema: crate::report::SCHEMA,
            unwedge: String::new(),
            verdict: Verdict::Failing,
            summary: String::new(),
            about: crate::report::AboutPc::default(),
            this_pc: Vec::new(),
            findings,
            ignored: Vec::new(),
            operations: Vec::new(),
            sources: Vec::new(),
            gaps: Vec::new(),
        }
    }

    #[test]
    fn each_finding_is_told_as_fixed_better_same_or_worse() {
        let (root, follows, note) = (Role::Root, Role::Consequence, Role::Note);
        let mut over = finding("over", root);
        let before = diagnosis(vec![
            over.clone(),
            finding("gone", root),
            finding("milder", root),
            finding("stays", root),
            finding("harder", follows),
            finding("noted", note),
        ]);
        over.resolved = true;
        let after = diagnosis(vec![
            over,
            finding("milder", follows),
            finding("stays", root),
            finding("harder", root),
            finding("new", root),
            finding("noted too", note),
        ]);
        let changed = verify(&before, &after, None).findings;
        let told: Vec<(&str, Became)> =
            changed.iter().map(|it| (it.rule.as_str(), it.became)).collect();
        assert_eq!(
            told,
            [
                ("over", Became::Fixed),
                ("gone", Became::Fixed),
                ("milder", Became::Better),
                ("stays", Became::Same),
                ("harder", Became::Worse),
                ("new", Became::Worse),
            ]
        );
    }

    #[test]
    fn the_proof_names_the_update() {
        let log = "a\r\nx Exec: Processing complete.  Session: 1, Identifier: KB7 [0]\r\nend\r\n";
        let proof = Citation {
            source: "CBS.log".to_owned(),
            line: Some(3),
            time: None,
            excerpt: "end".to_owned(),
        };
        let seen = sharpened(&proof, "KB7", log.as_bytes()).unwrap();
        assert_eq!(seen.line, Some(2));
        assert!(seen.excerpt.ends_with("KB7 [0]"));
        assert_eq!(sharpened(&proof, "KB8", log.as_bytes()), None);
    }
}
