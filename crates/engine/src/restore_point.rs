//! A restore point before a repair: a last resort for a person, never the way back of this program.
//!
//! Windows makes none within a day of the last one and says that it did, so the value that makes it
//! do so is set for the while and put back, and the list is looked at before and after. Should none
//! be made, the repair goes on and says so. Protection that is off is never switched on.

use unwedge_host::system::restore::{self, FREQUENCY, SETTINGS};
use unwedge_host::{Change, Data, Host, KeyPath, Setting, Tool, probe};

use crate::plan::{Phase, Plan, Policy, Step};

/// What its steps call the repair they belong to.
pub const ID: &str = "restore-point";

/// Whether a restore point is made first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestorePoint {
    /// Where Windows is known to make them.
    #[default]
    WhereOn,
    /// Also where that is not known.
    Wanted,
    /// Not.
    Never,
}

/// Puts its steps before those of `plan`, or says why there is none.
pub(crate) fn add(plan: &mut Plan, host: &dyn Host, policy: &Policy) {
    let only_waits = |it: &Step| {
        matches!(it.change, Change::Run(Tool::WaitForExit { .. } | Tool::RetryUpdate { .. }))
    };
    if policy.restore_point == RestorePoint::Never || plan.steps.iter().all(only_waits) {
        return;
    }
    let known = restore::read(host).found;
    if known.is_forbidden {
        plan.notes.push("a policy forbids restore points, so none is made".to_owned());
        return;
    }
    match (known.is_on, policy.restore_point) {
        (Some(true), _) | (None, RestorePoint::Wanted) => {}
        (None, _) => return,
        (Some(false), _) => {
            plan.notes.push(
                "no restore point is made: System Protection is off, and is not switched on from \
                 here (Control Panel, System, System Protection). What is done is taken back without \
                 one"
                    .to_owned(),
            );
            return;
        }
    }
    let points = probe::restore_points(host).unwrap_or_default();
    let after = points.iter().map(|it| it.number).max().unwrap_or(0);
    let point =
        Tool::RestorePoint { name: format!("unwedge, before repair {}", policy.mark), after };
    let mut steps = vec![step(
        Change::Run(point),
        "Make a restore point.",
        "a last resort, should Windows not start any more",
        "it stays until Windows drops it. Going back to it is a last resort: across an update it may \
         end in stop 0xC000021A; start it from the recovery environment then. `unwedge undo` does not \
         need it",
    )];
    if known.frequency_minutes != Some(0) {
        let set = |minutes: Option<u32>| {
            Change::Assign(Setting::Value {
                key: KeyPath::new(SETTINGS),
                name: FREQUENCY.to_owned(),
                data: minutes.map(Data::Dword),
            })
        };
        let (why, undo) = ("Windows makes only one a day otherwise", "it is set back");
        let says = "Let Windows make a restore point although there is one of today.";
        steps.insert(0, step(set(Some(0)), says, why, undo));
        let says = "Put back how often Windows makes restore points.";
        steps.push(step(set(known.frequency_minutes), says, "it was so before", undo));
    }
    plan.steps.splice(0..0, steps);
}

/// Whether a repair goes on without this step. What was set for the while must be put back.
pub(crate) fn is_optional(step: &Step) -> bool {
    let is_for_the_while = match &step.change {
        Change::Run(Tool::RestorePoint { .. }) => true,
        Change::Assign(Setting::Value { name, data, .. }) => {
            name == FREQUENCY && *data == Some(Data::Dword(0))
        }
        _ => false,
    };
    step.recipe == ID && is_for_the_while
}

fn step(change: Change, says: &str, why: &str, undo: &str) -> Step {
    let reversible = change.is_reversible();
    let touches = vec!["System Restore".to_owned()];
    Step {
        change,
        says: says.to_owned(),
        why: why.to_owned(),
        touches,
        undo: undo.to_owned(),
        reversible,
        recipe: ID.to_owned(),
        finding: String::new(),
        phase: Phase::Prepare,
    }
}
