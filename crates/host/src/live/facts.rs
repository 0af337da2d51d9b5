//! Which part of Windows answers which question.

use super::{
    disk, event, filter, management, pending, power, process, restart, restore_point, security,
    server, store, task, update_agent,
};
use crate::probe::{Probe, ProbeOutput};
use crate::system::services;
use crate::{Host, Result};

/// Answers a question; `None` if it is not one of these.
pub(super) fn answer(host: &dyn Host, probe: &Probe) -> Option<Result<ProbeOutput>> {
    Some(match probe {
        Probe::Pending => Ok(ProbeOutput::Pending(pending::read(host))),
        Probe::Updates => update_agent::updates().map(ProbeOutput::Updates),
        Probe::Filters => filter::loaded().map(ProbeOutput::Filters),
        Probe::UpdateAgent => Ok(ProbeOutput::UpdateAgent(Box::new(update_agent::tell()))),
        Probe::ServiceNames => services::listed(host).map(ProbeOutput::ServiceNames),
        Probe::Boot => restart::boot().map(ProbeOutput::Boot),
        Probe::Tasks => task::list().map(ProbeOutput::Tasks),
        Probe::Security => Ok(ProbeOutput::Security(security::tell())),
        Probe::Disks => Ok(ProbeOutput::Disks(disk::tell())),
        Probe::RestorePoints => restore_point::list().map(ProbeOutput::RestorePoints),
        Probe::Power => power::tell().map(ProbeOutput::Power),
        Probe::Membership => management::membership().map(ProbeOutput::Membership),
        Probe::Servers { urls } => server::ask(urls).map(ProbeOutput::Servers),
        Probe::Events(query) => event::ask(query).map(ProbeOutput::Events),
        Probe::Processes => process::all().map(ProbeOutput::Processes),
        Probe::Usage => process::usage().map(ProbeOutput::Usage),
        Probe::Store => store::health().map(ProbeOutput::Store),
        Probe::FreeSpace
        | Probe::Holders { .. }
        | Probe::RepairSource { .. }
        | Probe::Access { .. }
        | Probe::Signature { .. } => return None,
    })
}
