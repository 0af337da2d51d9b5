//! Before and after: what a repair has proven.

use serde::Serialize;

use crate::report::{Citation, Diagnosis, Operation, OperationOutcome, Verdict};

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
    let about_it = |it: &&Operation| match (kb, &it.subject) {
        (Some(kb), Some(subject)) => subject.name.eq_ignore_ascii_case(kb),
        (None, _) => true,
        (Some(_), None) => false,
    };
    let last = after.operations.iter().rev().find(about_it);
    let result = match (last.map(|it| it.outcome), after.verdict) {
        (Some(OperationOutcome::Succeeded), Verdict::Failing) => Proven::OtherFailure,
        (Some(OperationOutcome::Succeeded), _) => Proven::Fixed,
        (Some(OperationOutcome::NeedsRestart), _) => Proven::AfterRestart,
        (Some(OperationOutcome::Failed | OperationOutcome::Cancelled), _) => Proven::StillFailing,
        (None, Verdict::Failing) => Proven::StillFailing,
        (None, Verdict::Healthy | Verdict::Recovered) => Proven::Fixed,
        (Some(OperationOutcome::Unfinished), _) | (None, Verdict::NotAssessed) => Proven::NotShown,
    };
    Verification {
        result,
        before: before.verdict,
        after: after.verdict,
        proof: last.map(|it| it.citation.clone()),
    }
}
