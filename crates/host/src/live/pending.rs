//! What Windows still has to finish: its traces, and what the Windows Update Agent says beside
//! them.

use super::update_agent;
use crate::Host;
use crate::probe::{PendingWork, pending_from_traces};

/// Traces first; the agent is asked where they do not settle it.
pub(super) fn read(host: &dyn Host) -> PendingWork {
    let mut pending = pending_from_traces(host);
    if pending.restart != Some(true)
        && let Ok(needed) = update_agent::needs_restart()
    {
        // That the agent needs none does not make a place known that could not be looked at.
        pending.restart = if needed { Some(true) } else { pending.restart };
    }
    pending
}
