//! The ladder: gentle repairs first, a stronger one only after the update failed again.
//!
//! Every rung is a repair of its own: planned from what is found at that moment, written to its own
//! journal, and taken back before the next one, so that nothing that did not help stays.

use unwedge_host::Host;

use crate::gate::Snapshots;
use crate::journal::Outcome;
use crate::plan::{Plan, Policy, plan};
use crate::repair::Repair;
use crate::report::Diagnosis;
use crate::restore_point::{self, RestorePoint};
use crate::verify::Proven;

/// Where one stands on the ladder.
#[derive(Debug, Clone)]
pub struct Ladder {
    policy: Policy,
}

impl Ladder {
    /// At its foot.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Ladder { policy }
    }

    /// What to do from here; `mark` goes into the names of what is moved aside.
    #[must_use]
    pub fn plan(&mut self, diagnosis: &Diagnosis, host: &dyn Host, mark: String) -> Plan {
        self.policy.mark = mark;
        plan(diagnosis, host, &self.policy)
    }

    /// What is allowed, and what was tried.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes note of how a plan ended. Whether a stronger one may help.
    pub fn climb(&mut self, plan: &Plan, repair: &Repair) -> bool {
        let failed_again = match &repair.outcome {
            Outcome::RolledBack | Outcome::Kept { .. } => true,
            // Nothing was changed that could be taken back, and the update failed again.
            Outcome::Repaired => matches!(
                repair.verification.as_ref().map(|it| it.result),
                Some(Proven::StillFailing)
            ),
            Outcome::NeedsReboot | Outcome::Stuck { .. } => false,
        };
        if !failed_again || repair.is_cancelled {
            return false;
        }
        // One is enough for the whole ladder.
        if plan.steps.iter().any(|it| it.recipe == restore_point::ID) {
            self.policy.restore_point = RestorePoint::Never;
            self.policy.snapshots = Snapshots::MayBeOurs;
        }
        for choice in &plan.choices {
            if !self.policy.tried.contains(choice) {
                self.policy.tried.push(choice.clone());
            }
        }
        !plan.further.is_empty()
    }
}
