//! When a watch is over, and what is said then.

use std::time::Duration;

use serde::Serialize;

use super::{Stage, Watch, is_update};
use crate::diagnose::citation;
use crate::fact::{Facts, Operation, Outcome};
use crate::report::{Citation, Diagnosis, Role};

/// How a watched update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It is installed.
    Succeeded,
    /// It is installed but for a restart.
    NeedsRestart,
    /// It failed.
    Failed,
    /// Nothing goes on although something was begun.
    Stalled,
}

/// The last word of a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// In one word.
    pub ending: Ending,
    /// In one paragraph.
    pub paragraph: String,
    /// The line that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Citation>,
}

/// The end, if it is reached; `quiet` is the time since the last news.
pub(super) fn of(
    watch: &Watch<'_>,
    facts: &Facts,
    diagnosis: &Diagnosis,
    quiet: Duration,
) -> Option<End> {
    let of_it = |operation: &&Operation| is_update(operation) && is_wanted(watch, operation);
    let mine: Vec<&Operation> = facts.operations.iter().filter(of_it).collect();
    let is_open = |operation: &Operation| {
        // The log of one may miss the end that another log tells of.
        operation.outcome == Outcome::Unfinished && !is_settled_elsewhere(operation, &mine)
    };
    let open = facts.operations.iter().find(|operation| is_open(operation));
    if let (Some(last), None) = (mine.last(), open) {
        return (quiet >= watch.limits.settled)
            .then(|| ended(watch, facts, diagnosis, &mine, last));
    }
    let begun = watch.stage != Stage::Waiting && !facts.operations.is_empty();
    (begun && open.is_some() && quiet >= watch.limits.stalled)
        .then(|| stalled(watch, facts, open, quiet))
}

fn is_wanted(watch: &Watch<'_>, operation: &Operation) -> bool {
    let Some(kb) = &watch.kb else { return true };
    let named = |text: &str| text.to_lowercase().contains(&kb.to_lowercase());
    operation.kb.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kb))
        || operation.subject.as_ref().is_some_and(|subject| named(&subject.name))
}

/// Whether a later operation that tries the same came to an end.
fn is_settled_elsewhere(open: &Operation, all: &[&Operation]) -> bool {
    let keys = open.keys();
    all.iter().any(|other| {
        other.outcome != Outcome::Unfinished
            && other.ended_seconds() >= open.ended_seconds()
            && other.keys().iter().any(|key| keys.contains(key))
    })
}

fn ended(
    watch: &Watch<'_>,
    facts: &Facts,
    diagnosis: &Diagnosis,
    mine: &[&Operation],
    last: &Operation,
) -> End {
    let name = watch.kb.clone().or_else(|| last.kb.clone()).unwrap_or_else(|| "the update".into());
    let name = capital(&name);
    // A part that failed for good counts, whatever came behind it.
    let failed = mine.iter().rev().find(|operation| {
        operation.outcome == Outcome::Failed && !is_settled_elsewhere_well(operation, mine)
    });
    let (ending, deciding, paragraph) = match (failed, last.outcome) {
        (Some(failed), _) => (Ending::Failed, *failed, failure(&name, watch, diagnosis, failed)),
        (None, Outcome::NeedsRestart) => {
            let text = format!("{name} is installed; Windows must restart to complete it.");
            (Ending::NeedsRestart, last, text)
        }
        (None, _) => (Ending::Succeeded, last, format!("{name} was installed.")),
    };
    End { ending, paragraph, proof: Some(citation(facts, &deciding.place)) }
}

fn is_settled_elsewhere_well(failed: &Operation, all: &[&Operation]) -> bool {
    let keys = failed.keys();
    all.iter().any(|other| {
        matches!(other.outcome, Outcome::Succeeded | Outcome::NeedsRestart)
            && other.ended_seconds() > failed.ended_seconds()
            && other.keys().iter().any(|key| keys.contains(key))
    })
}

fn failure(name: &str, watch: &Watch<'_>, diagnosis: &Diagnosis, failed: &Operation) -> String {
    let code = failed.code.map(|code| format!(" with {code}")).unwrap_or_default();
    let mut text = format!("{name} failed{code}.");
    let root = diagnosis.findings.iter().find(|it| it.role == Role::Root && !it.resolved);
    match root {
        Some(root) => {
            text.push_str(&format!(" {}.", root.title.trim_end_matches('.')));
            if let Some(culprit) = &root.culprit {
                text.push_str(&format!(" In the way: {} ({}).", culprit.name, culprit.because));
            }
        }
        None => text.push_str(" The logs written meanwhile do not say why."),
    }
    text.push_str(&present(watch));
    text
}

fn stalled(watch: &Watch<'_>, facts: &Facts, open: Option<&Operation>, quiet: Duration) -> End {
    let what = open.map_or("something", |operation| operation.kind.in_words());
    let paragraph = format!(
        "Nothing was written for {} minutes, although Windows had begun to {what}. It has \
         stalled: that is longer than Windows itself waits.{}",
        quiet.as_secs() / 60,
        present(watch)
    );
    let proof = open.map(|operation| citation(facts, &operation.place));
    End { ending: Ending::Stalled, paragraph, proof }
}

/// Who holds files of updating at this moment.
fn present(watch: &Watch<'_>) -> String {
    const MOST: usize = 3;
    let held: Vec<String> = watch.present().take(MOST).map(ToString::to_string).collect();
    if held.is_empty() {
        return String::new();
    }
    format!(" At this moment {}.", held.join("; "))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
