//! After the restart that a repair waited for: whether the update is in now.
//!
//! A repair whose update is complete only after a restart ends with that outcome, with everything given
//! back that was lent, and what stands by at the next start stays registered. It comes here. Only looking,
//! unless the update did fail: then the repair is taken back as it would have been at once.

use unwedge_host::probe::{self, UpdateState};
use unwedge_host::{Change, Host, HostMut, Tool};

use crate::execute::{Interrupted, Watcher, rollback};
use crate::guard;
use crate::journal::{Journal, Outcome, Replay};
use crate::repair::{Repair, close, retried, was_retried};
use crate::report::Diagnosis;
use crate::verify::{Proven, verify};

/// Where a repair stands that waited for a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumed {
    /// Windows has not restarted yet, or has more to do at the next start.
    StillWaits,
    /// It is over.
    Ended(Box<Repair>),
}

/// Whether a repair waits for a restart.
#[must_use]
pub fn waits(replay: &Replay) -> bool {
    replay.closed == Some(Outcome::NeedsReboot)
}

/// Looks again, and puts on record how the repair ended. One that is cut off while it is taken back is an
/// interrupted repair like any other.
pub fn after_restart(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    diagnose: &dyn Fn(&dyn Host) -> Diagnosis,
    watch: &mut Watcher<'_>,
) -> Result<Resumed, Interrupted> {
    let is_due = probe::pending(host).ok().and_then(|it| it.restart);
    if is_due == Some(true) {
        return Ok(Resumed::StillWaits);
    }
    let now = diagnose(host);
    let kb = retried(journal);
    let mut seen = verify(&now, &now, kb.as_deref());
    if !was_retried(journal) {
        seen.result = Proven::NotShown;
    }
    if seen.result == Proven::AfterRestart && is_due == Some(false) && is_in(host, kb.as_deref()) {
        seen.result = Proven::Fixed;
    }
    let outcome = match seen.result {
        Proven::AfterRestart => return Ok(Resumed::StillWaits),
        Proven::StillFailing => rollback(host, journal, watch)?,
        Proven::Fixed | Proven::OtherFailure | Proven::NotShown => Outcome::Repaired,
    };
    let repair = close(journal, outcome, Some(seen))?;
    guard::stand_down(host, watch);
    Ok(Resumed::Ended(Box::new(repair)))
}

/// Whether Windows itself lists the update as installed, with nothing left to do.
fn is_in(host: &dyn Host, kb: Option<&str>) -> bool {
    let retry = Change::Run(Tool::RetryUpdate { kb: kb.map(str::to_owned) });
    let waits = |it: &probe::Update| it.state == UpdateState::InstalledAfterRestart;
    retry.holds(host).unwrap_or(false)
        && probe::updates(host).is_ok_and(|all| !all.iter().any(waits))
}
