//! Follows an update while it is installed: what begins and ends, what fails, who holds the files,
//! and whether anything goes on at all.
//!
//! Everything is read again from what was written since the watch began, so that what is said here
//! is what a diagnosis says of the same lines. No clock: the caller says how late it is.

mod ending;
mod since;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use unwedge_host::Host;

use crate::diagnose::{citation, diagnose};
use crate::fact::{self, Facts, HolderFact, Operation, OperationKind, Outcome};
use crate::report::{Citation, Diagnosis, OperationOutcome, Role, Subject};
use crate::rule::RuleSet;

pub use ending::{End, Ending};
use since::{Marks, Since};
pub use work::Work;

/// Version of the lines that `unwedge watch --json` writes.
pub const SCHEMA: u32 = 1;

/// After how long without news something is taken to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After its last record an attempt is over: servicing goes on about a failure for a while.
    pub settled: Duration,
    /// Without any record for so long, what was begun has stalled.
    pub stalled: Duration,
}

impl Default for Limits {
    /// Windows gives what it does at start-up three hours (`BlockTime: 10800000ms` in CBS.log)
    /// before it gives up; nothing is called stalled before that.
    fn default() -> Self {
        Limits { settled: Duration::from_secs(30), stalled: Duration::from_secs(3 * 3_600) }
    }
}

/// Something that was seen since the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Step {
    /// An attempt began, or ended.
    Operation {
        /// What is tried, in words.
        what: &'static str,
        /// On what.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<Subject>,
        /// How it stands.
        outcome: OperationOutcome,
        /// The code it ended with.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The line that says so.
        citation: Citation,
    },
    /// A rule saw something wrong.
    Finding {
        /// The rule.
        rule: String,
        /// In one line.
        title: String,
        /// Its part in the failure.
        role: Role,
        /// The first line that shows it.
        #[serde(skip_serializing_if = "Option::is_none")]
        citation: Option<Citation>,
    },
    /// Somebody holds a file that updating needs.
    HolderCame(Held),
    /// Somebody holds a file no longer.
    HolderLeft(Held),
    /// What processes that update and protect did since the last look, the busiest first.
    Work {
        /// Those that did anything.
        processes: Vec<Work>,
    },
    /// What processes do cannot be told.
    WorkUnknown {
        /// Why.
        why: String,
    },
    /// Nothing was written for so many seconds, for the first time or again twice as long.
    Quiet {
        /// Since the last record.
        seconds: u64,
    },
    /// It is over.
    Ended(End),
}

/// Somebody who holds a file that updating needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The file.
    pub path: String,
    /// Image name of the process.
    pub image: String,
    /// The process.
    pub pid: u32,
    /// The service that runs in it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How it keeps others out, in words.
    pub how: String,
}

/// How far an update is, for a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was begun yet.
    Waiting,
    /// Windows looks for updates.
    Looking,
    /// An update is downloaded.
    Downloading,
    /// An update is installed.
    Installing,
    /// The rest comes with a restart.
    Restart,
    /// All that was begun has ended.
    Done,
}

/// A watch over one PC.
pub struct Watch<'r> {
    rules: &'r RuleSet,
    kb: Option<String>,
    limits: Limits,
    marks: Marks,
    /// When it began, in seconds of UTC.
    begun_utc: i64,
    operations: BTreeMap<String, Outcome>,
    findings: BTreeSet<String>,
    holders: BTreeMap<String, Held>,
    works: work::Works,
    /// How much was written by the last look, and when that was.
    written: (u64, Duration),
    told_quiet: Duration,
    stage: Stage,
}

/// The first word about quiet comes so long after the last record.
const QUIET: Duration = Duration::from_secs(5 * 60);

impl<'r> Watch<'r> {
    /// Marks how the logs of `host` stand; only what is written later counts.
    ///
    /// `now_utc` is the time in seconds since 1970; with `kb` only that update ends the watch.
    ///
    /// # Errors
    /// When the evidence cannot be listed.
    pub fn begin(
        host: &dyn Host,
        rules: &'r RuleSet,
        kb: Option<String>,
        limits: Limits,
        now_utc: i64,
    ) -> unwedge_host::Result<Watch<'r>> {
        Ok(Watch {
            rules,
            kb,
            limits,
            marks: Marks::of(host)?,
            begun_utc: now_utc,
            operations: BTreeMap::new(),
            findings: BTreeSet::new(),
            holders: BTreeMap::new(),
            works: work::Works::default(),
            written: (0, Duration::ZERO),
            told_quiet: Duration::ZERO,
            stage: Stage::Waiting,
        })
    }

    /// How far it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What happened since the last look; `elapsed` counts from the beginning of the watch.
    ///
    /// After a [`Step::Ended`] there is nothing more to look for.
    pub fn look(&mut self, host: &dyn Host, elapsed: Duration) -> Vec<Step> {
        let since = Since::new(host, &self.marks);
        let mut facts = fact::observe(&since, self.rules);
        facts.forget_before(self.begun_utc);
        facts.shift(|source| self.marks.lines_before(source));
        let diagnosis = diagnose(&facts, self.rules);
        let mut steps = self.operations(&facts);
        steps.extend(self.findings(&diagnosis));
        steps.extend(self.holders(&facts));
        let written: u64 = facts.sources.iter().map(|source| source.size_bytes).sum();
        if written != self.written.0 || !steps.is_empty() {
            self.written = (written, elapsed);
            self.told_quiet = Duration::ZERO;
        }
        // That something is at work is no record of it: a stalled installer may spin.
        steps.extend(self.works.look(host, elapsed));
        let quiet = elapsed.saturating_sub(self.written.1);
        self.stage = stage_of(&facts);
        if let Some(end) = ending::of(self, &facts, &diagnosis, quiet) {
            steps.push(Step::Ended(end));
        } else if quiet >= QUIET.max(self.told_quiet * 2) && self.stage != Stage::Waiting {
            self.told_quiet = quiet;
            steps.push(Step::Quiet { seconds: quiet.as_secs() });
        }
        steps
    }

    fn operations(&mut self, facts: &Facts) -> Vec<Step> {
        let mut steps = Vec::new();
        for operation in &facts.operations {
            let source = facts.sources.get(operation.place.source);
            let source = source.map_or("", |source| source.source.as_str());
            let name = format!("{source}:{}:{:?}", operation.first_line, operation.kind);
            if self.operations.insert(name, operation.outcome) == Some(operation.outcome) {
                continue;
            }
            steps.push(Step::Operation {
                what: operation.kind.in_words(),
                subject: operation.subject.clone(),
                outcome: outcome_of(operation),
                code: operation
                    .code
                    .filter(|code| code.means_failure())
                    .map(|code| code.to_string()),
                citation: citation(facts, &operation.place),
            });
        }
        steps
    }

    fn findings(&mut self, diagnosis: &Diagnosis) -> Vec<Step> {
        let news = diagnosis.findings.iter().filter(|it| self.findings.insert(it.rule.clone()));
        news.map(|finding| Step::Finding {
            rule: finding.rule.clone(),
            title: finding.title.clone(),
            role: finding.role,
            citation: finding.citations.first().cloned(),
        })
        .collect()
    }

    fn holders(&mut self, facts: &Facts) -> Vec<Step> {
        // Who could not be asked about may still be there.
        if facts.holders_complete.is_none() {
            return Vec::new();
        }
        let named = |holder: &HolderFact| format!("{}:{}", holder.pid, holder.path);
        let now: BTreeMap<String, Held> =
            facts.holders.iter().map(|holder| (named(holder), held(holder))).collect();
        let came = now.iter().filter(|(name, _)| !self.holders.contains_key(*name));
        let left = self.holders.iter().filter(|(name, _)| !now.contains_key(*name));
        let steps = came
            .map(|(_, holder)| Step::HolderCame(holder.clone()))
            .chain(left.map(|(_, holder)| Step::HolderLeft(holder.clone())))
            .collect();
        self.holders = now;
        steps
    }

    /// Those who hold files now.
    fn present(&self) -> impl Iterator<Item = &Held> {
        self.holders.values()
    }
}

fn held(holder: &HolderFact) -> Held {
    Held {
        path: holder.path.to_string(),
        image: holder.image.clone(),
        pid: holder.pid,
        service: holder.service.clone(),
        how: holder.conflict.to_string(),
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{} (service {service})", self.image)?,
            None => write!(f, "{} (process {})", self.image, self.pid)?,
        }
        write!(f, " {}: {}", self.how, self.path)
    }
}

/// Whether an operation is what a person means by "installing an update".
fn is_update(operation: &Operation) -> bool {
    matches!(
        operation.kind,
        OperationKind::Install
            | OperationKind::Package
            | OperationKind::Upgrade
            | OperationKind::DriverInstall
            | OperationKind::Startup
    )
}

fn stage_of(facts: &Facts) -> Stage {
    let open = |operation: &&Operation| operation.outcome == Outcome::Unfinished;
    let stage = |operation: &Operation| match operation.kind {
        OperationKind::Scan => Stage::Looking,
        OperationKind::Download => Stage::Downloading,
        _ => Stage::Installing,
    };
    if let Some(at_work) = facts.operations.iter().filter(open).map(stage).max() {
        return at_work;
    }
    let last = facts.operations.iter().rev().find(|operation| is_update(operation));
    match last.map(|operation| operation.outcome) {
        Some(Outcome::NeedsRestart) => Stage::Restart,
        Some(_) => Stage::Done,
        None if facts.operations.is_empty() => Stage::Waiting,
        None => Stage::Looking,
    }
}

fn outcome_of(operation: &Operation) -> OperationOutcome {
    match operation.outcome {
        Outcome::Succeeded => OperationOutcome::Succeeded,
        Outcome::Failed => OperationOutcome::Failed,
        Outcome::NeedsRestart => OperationOutcome::NeedsRestart,
        Outcome::Unfinished => OperationOutcome::Unfinished,
    }
}
