//! Findings to a plan: reversible steps first, then the boundary, then what is put back.
//!
//! Planning only reads. It shares nothing with the executor but the type of a change.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;
use unwedge_host::probe::{self, UpdateState};
use unwedge_host::{Change, Host, HostMut, Overlay, RepairSource, Tool};

use crate::execute::{Interrupted, execute};
use crate::gate::{self, Answer, Check, CheckId, Snapshots};
use crate::guard;
use crate::journal::{Journal, JournalStep, Outcome, Store};
use crate::recipe::{self, Proposal, Request};
use crate::report::{Category, Diagnosis, Finding, OperationOutcome, Role, Verdict};
use crate::restore_point::{self, RestorePoint};
use crate::verify::kb_of;

/// The number of the public form of a plan.
pub const SCHEMA: u32 = 1;

/// What is going to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The update that is to go through, such as `KB5034441`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kb: Option<String>,
    /// Whether this is a good moment.
    pub checks: Vec<Check>,
    /// The steps. Empty if there is nothing this program can or should do.
    pub steps: Vec<Step>,
    /// Which repair answers which finding.
    pub choices: Vec<Choice>,
    /// Stronger repairs that are left if the update still fails after these steps.
    pub further: Vec<Choice>,
    /// Whether Windows has to restart before anything can be repaired.
    pub needs_restart: bool,
    /// Repairs that were considered and are not made.
    pub refused: Vec<Refusal>,
    /// What could not be looked up and was assumed, and other things worth knowing.
    pub notes: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is changed.
    pub change: Change,
    /// One plain sentence.
    pub says: String,
    /// Why.
    pub why: String,
    /// What it touches.
    pub touches: Vec<String>,
    /// How it is undone, or that it cannot be.
    pub undo: String,
    /// Whether it can be undone.
    pub reversible: bool,
    /// The repair it belongs to, such as `stop-holder`.
    pub recipe: String,
    /// The rule whose finding it answers.
    pub finding: String,
    /// Its place in the plan.
    pub phase: Phase,
}

/// The part of a plan a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reversible: clears the way.
    Prepare,
    /// Cannot be taken back.
    Boundary,
    /// Puts back what was changed for a while only.
    Restore,
}

/// A repair that is not made, and what a person can do instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The repair.
    pub recipe: String,
    /// The rule whose finding it would have answered.
    pub finding: String,
    /// Why not.
    pub why: String,
    /// What to do about it.
    pub advice: String,
}

/// A repair for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The rule whose finding it answers.
    pub finding: String,
    /// The repair.
    pub recipe: String,
    /// How strong it is, from 1.
    pub rung: u8,
}

/// What the user allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Repairs to consider, by id; `None` leaves the choice to the findings.
    pub only: Option<Vec<String>>,
    /// The strongest rung that is allowed; `None` is all.
    pub until: Option<u8>,
    /// Looks of the gate over which the user decided to go on.
    pub forced: Vec<CheckId>,
    /// Repairs after which the update still failed.
    pub tried: Vec<Choice>,
    /// Where a repair of the component store may take its files from.
    pub source: Option<RepairSource>,
    /// Whether such a repair must not ask Windows Update for them.
    pub limit_access: bool,
    /// Whether a restore point is made first.
    pub restore_point: RestorePoint,
    /// Whose a snapshot is that is being made.
    pub snapshots: Snapshots,
    /// Part of the names of what is moved aside, so that no two repairs share one.
    pub mark: String,
}

/// What the machine would look like after a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// How the plan would end, if the update goes through.
    pub outcome: Outcome,
    /// Before and after of everything that would be different, in plain words.
    pub differences: Vec<String>,
    /// What would still stand in the way of the update.
    pub still_held: Vec<String>,
}

/// Makes a plan for what `diagnosis` found, or says why there is none.
pub fn plan(diagnosis: &Diagnosis, host: &dyn Host, policy: &Policy) -> Plan {
    let kb = update_to_retry(diagnosis, host);
    let mut plan = Plan {
        schema: SCHEMA,
        kb: kb.clone(),
        checks: Vec::new(),
        steps: Vec::new(),
        choices: Vec::new(),
        further: Vec::new(),
        needs_restart: false,
        refused: Vec::new(),
        notes: Vec::new(),
    };
    match diagnosis.verdict {
        Verdict::Failing => {}
        // What went through after a failure may still come to nothing at the restart it waits for.
        Verdict::Recovered if probe::pending(host).is_ok_and(|it| it.restart == Some(true)) => {
            plan.needs_restart = true;
            let note = "no update is failing any more, but this PC waits for a restart: restart the PC, then \
                        look again";
            plan.notes.push(note.to_owned());
            return plan;
        }
        Verdict::Healthy | Verdict::Recovered => {
            plan.notes.push("no update is failing, so there is nothing to repair".to_owned());
            return plan;
        }
        Verdict::NotAssessed => {
            let note = "too little could be read to tell what is wrong, so nothing is changed";
            plan.notes.push(note.to_owned());
            return plan;
        }
    }
    plan.checks = gate::look(host, policy.snapshots);
    if let Some(check) = plan.stopped_by(policy) {
        // Whatever is changed now would be mixed up with earlier work at the restart.
        let note = check.advice.clone().unwrap_or_else(|| check.says.clone());
        plan.needs_restart = check.answer == Answer::RestartFirst;
        plan.notes.push(note);
        return plan;
    }
    if let Some(finding) = failing_hardware(diagnosis) {
        plan.notes.push(format!(
            "repairs are withheld: {} ({}); writing to a PC whose disk or memory fails makes things \
             worse. Save your data, then test the disk and the memory",
            finding.title, finding.rule
        ));
        return plan;
    }
    let mut is_cleared = false;
    for finding in diagnosis.findings.iter().filter(|it| !it.resolved) {
        is_cleared |= answer(finding, host, policy, &mut plan);
    }
    if !policy.tried.is_empty() && plan.choices.iter().all(|it| policy.tried.contains(it)) {
        plan.steps.clear();
        plan.notes.push("every repair that this version has for it was tried".to_owned());
        return plan;
    }
    in_order(&mut plan.steps);
    if is_cleared {
        let at = plan.steps.iter().position(|it| it.phase == Phase::Restore);
        plan.steps.insert(at.unwrap_or(plan.steps.len()), retry(kb));
        restore_point::add(&mut plan, host, policy);
        if guard::is_possible(host) {
            plan.notes.push(
                "while this is done Windows stands by (scheduled task \\unwedge\\recover): should \
                 this PC stop in the middle, it takes everything back"
                    .to_owned(),
            );
        }
    } else if plan.refused.is_empty() {
        let note = "none of the findings has a repair that this version can make";
        plan.notes.push(note.to_owned());
    }
    plan
}

/// The finding that shows hardware failing: as the reason itself, or beside damage of files, which
/// is what failing hardware looks like.
fn failing_hardware(diagnosis: &Diagnosis) -> Option<&Finding> {
    let open = || diagnosis.findings.iter().filter(|it| !it.resolved);
    let is_damage = |it: &Finding| {
        it.role == Role::Root
            && matches!(it.category, Category::StoreCorruption | Category::DownloadIntegrity)
    };
    let damaged = open().any(is_damage);
    open().find(|it| it.category == Category::Hardware && (it.role == Role::Root || damaged))
}

/// Tries the repairs of a finding, the gentlest first, and takes the first that can be made; one
/// that did not help before only if there is no other. Whether the way is clear then.
fn answer(finding: &Finding, host: &dyn Host, policy: &Policy, plan: &mut Plan) -> bool {
    let mut choices: Vec<Choice> = finding
        .repairs
        .iter()
        .filter(|id| policy.only.as_ref().is_none_or(|only| only.contains(*id)))
        .map(|id| Choice {
            finding: finding.rule.clone(),
            recipe: id.clone(),
            rung: recipe::rung(id),
        })
        .filter(|it| policy.until.is_none_or(|until| it.rung <= until))
        .collect();
    choices.sort_by_key(|it| (policy.tried.contains(it), it.rung));
    let mut choices = choices.into_iter();
    for choice in choices.by_ref() {
        if !take(&choice, finding, host, policy, plan) {
            continue;
        }
        plan.choices.push(choice);
        plan.further.extend(choices.filter(|it| !policy.tried.contains(it)));
        return true;
    }
    false
}

/// Whether the repair can be made; its steps are in the plan then.
fn take(
    choice: &Choice,
    finding: &Finding,
    host: &dyn Host,
    policy: &Policy,
    plan: &mut Plan,
) -> bool {
    let id = &choice.recipe;
    // A folder is moved aside once, whatever the number of findings about it.
    if recipe::is_made_once(id) && plan.steps.iter().any(|it| it.recipe == *id) {
        return true;
    }
    match recipe::propose(id, &Request { finding, host, policy }) {
        Proposal::Steps { steps, notes } => {
            plan.steps.extend(steps);
            plan.notes.extend(notes);
            true
        }
        Proposal::AlreadySo { note } => {
            plan.notes.push(note);
            true
        }
        Proposal::NotNeeded => false,
        Proposal::Refused { why, advice } => {
            plan.refused.push(Refusal {
                recipe: id.clone(),
                finding: finding.rule.clone(),
                why,
                advice,
            });
            false
        }
    }
}

/// Reversible steps first, each once; what is put back comes last and in reverse.
fn in_order(steps: &mut Vec<Step>) {
    let mut restore = Vec::new();
    let mut first: Vec<Step> = Vec::new();
    for step in steps.drain(..) {
        let list = if step.phase == Phase::Restore { &mut restore } else { &mut first };
        // Two findings may ask for the same.
        if !list.iter().any(|it| it.change == step.change) {
            list.push(step);
        }
    }
    first.sort_by_key(|it| it.phase);
    steps.extend(first);
    steps.extend(restore);
}

fn retry(kb: Option<String>) -> Step {
    let what = kb.clone().unwrap_or_else(|| "the pending update".to_owned());
    Step {
        says: format!("Let Windows Update install {what} again."),
        why: "only an update that goes through proves that the way is clear".to_owned(),
        touches: vec![what],
        undo: "cannot be undone here: an installed update stays installed; Windows' own \
               uninstall takes it off"
            .to_owned(),
        reversible: false,
        recipe: "retry-update".to_owned(),
        finding: String::new(),
        phase: Phase::Boundary,
        change: Change::Run(Tool::RetryUpdate { kb }),
    }
}

/// The update whose failure is to be mended: the last one that failed and is still pending.
fn update_to_retry(diagnosis: &Diagnosis, host: &dyn Host) -> Option<String> {
    let failed = diagnosis.operations.iter().rev().find_map(|it| {
        let kb = kb_of(it).filter(|_| it.outcome == OperationOutcome::Failed)?;
        Some(kb.to_owned())
    });
    let Ok(updates) = probe::updates(host) else { return failed };
    let pending: Vec<String> =
        updates.into_iter().filter(|it| it.state == UpdateState::Pending).map(|it| it.kb).collect();
    match (failed, pending.as_slice()) {
        (Some(kb), all) if all.iter().any(|it| it.eq_ignore_ascii_case(&kb)) => Some(kb),
        (_, [only]) => Some(only.clone()),
        (_, _) => None,
    }
}

impl Plan {
    /// The look that says that nothing may be changed now.
    #[must_use]
    pub fn stopped_by(&self, policy: &Policy) -> Option<&Check> {
        let is_forced = |it: &Check| it.id.can_be_forced() && policy.forced.contains(&it.id);
        self.checks.iter().find(|it| it.answer.stops() && !is_forced(it))
    }

    /// The steps as the journal keeps them.
    #[must_use]
    pub fn journal_steps(&self) -> Vec<JournalStep> {
        let keep = |it: &Step| JournalStep {
            change: it.change.clone(),
            says: it.says.clone(),
            optional: restore_point::is_optional(it),
        };
        self.steps.iter().map(keep).collect()
    }
}

/// Lets the same executor run the plan on a view of the machine; the machine is not touched.
pub fn forecast(plan: &Plan, host: &dyn Host) -> Result<Forecast, Interrupted> {
    let mut view = Overlay::new(host);
    let mut nowhere = Nowhere;
    let mut journal = Journal::create(&mut nowhere, "", plan.journal_steps())
        .map_err(|source| Interrupted::Journal { source, left: Vec::new() })?;
    let outcome = execute(&mut view, &mut journal, &mut |_| ControlFlow::Continue(()))?;
    Ok(Forecast {
        outcome,
        differences: differences(plan, host, &view),
        still_held: still_held(plan, &mut Overlay::new(host)),
    })
}

fn differences(plan: &Plan, before: &dyn Host, after: &dyn Host) -> Vec<String> {
    let mut all = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let (subject, line) = match &step.change {
            Change::Assign(setting) => {
                let (Ok(old), Ok(new)) = (before.current(setting), after.current(setting)) else {
                    continue;
                };
                let same = old == new;
                let line =
                    if same { "as before".to_owned() } else { Change::Assign(new).to_string() };
                (setting.subject(), line)
            }
            Change::Move { from, to } | Change::PutBack { from, to, .. } => {
                (from.folded(), format!("{from} is kept as {to}"))
            }
            Change::Run(tool) => {
                (format!("{tool:?}"), format!("{}: taken to succeed", step.change))
            }
        };
        all.entry(subject).or_insert((at, line));
    }
    let mut all: Vec<(usize, String)> = all.into_values().collect();
    all.sort();
    all.into_iter().filter(|(_, line)| line != "as before").map(|(_, line)| line).collect()
}

/// Who would still hold what the findings are about, once the preparations are made.
fn still_held(plan: &Plan, view: &mut Overlay<&dyn Host>) -> Vec<String> {
    let prepare = plan.steps.iter().filter(|it| it.phase != Phase::Restore);
    for step in prepare.filter(|it| !matches!(it.change, Change::Run(Tool::RetryUpdate { .. }))) {
        // A step that would fail shows in the outcome of the forecast.
        let _ = view.apply(&step.change);
    }
    let held = plan.steps.iter().filter(|it| it.recipe == "stop-holder").flat_map(|it| &it.touches);
    let paths: Vec<_> = held
        .filter(|it| it.get(1..3) == Some(":\\"))
        .map(|it| unwedge_host::WinPath::new(it))
        .collect();
    let found = probe::holders(view, &paths).unwrap_or_default().holders;
    let is_own = |it: &&probe::Holder| !it.services().iter().any(recipe::is_update_service);
    found.iter().filter(is_own).map(ToString::to_string).collect()
}

struct Nowhere;

impl Store for Nowhere {
    fn append(&mut self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}
