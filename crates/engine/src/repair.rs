//! The whole of a repair once it is agreed: carry out, look again, keep it or take it back.

use serde::Serialize;
use unwedge_host::{Change, Host, HostMut, Tool, WinPath};

use crate::execute::{Interrupted, Watcher, execute, rollback};
use crate::journal::{Event, Journal, JournalError, Outcome};
use crate::report::Diagnosis;
use crate::verify::{Proven, Verification, sharpened, verify};

/// How a repair ended, and what is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// How the steps ended.
    pub outcome: Outcome,
    /// What failed on the way, in plain words.
    pub failures: Vec<String>,
    /// Before and after, if every step was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// Carries out what the journal says, looks again, and takes everything back if the update still
/// fails. Also finishes a repair that was interrupted.
pub fn carry_out(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    before: &Diagnosis,
    diagnose: &dyn Fn(&dyn Host) -> Diagnosis,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    let mut outcome = execute(host, journal, watch)?;
    let mut verification = None;
    if matches!(outcome, Outcome::Repaired | Outcome::NeedsReboot) {
        let kb = retried(journal);
        let mut seen = verify(before, &diagnose(host), kb.as_deref());
        outcome = match (outcome, seen.result) {
            (_, Proven::StillFailing) => rollback(host, journal, watch)?,
            (_, Proven::AfterRestart) => Outcome::NeedsReboot,
            (outcome, Proven::Fixed | Proven::OtherFailure | Proven::NotShown) => outcome,
        };
        if let (Some(kb), Some(proof)) = (&kb, &seen.proof) {
            // A log that cannot be read again leaves the proof as it is.
            let content = host.read(&WinPath::new(&proof.source)).ok().flatten();
            seen.proof = content.and_then(|it| sharpened(proof, kb, &it)).or(seen.proof);
        }
        verification = Some(seen);
    }
    close(journal, outcome, verification)
}

/// Takes back whatever a journal says was made.
pub fn take_back(
    host: &mut dyn HostMut,
    journal: &mut Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Repair, Interrupted> {
    let outcome = rollback(host, journal, watch)?;
    close(journal, outcome, None)
}

fn close(
    journal: &mut Journal<'_>,
    outcome: Outcome,
    verification: Option<Verification>,
) -> Result<Repair, Interrupted> {
    let failures = journal.replay().failures.iter().map(|(_, error)| error.clone()).collect();
    journal.record(Event::Closed { outcome: outcome.clone() }).map_err(unfinished)?;
    Ok(Repair { outcome, failures, verification })
}

/// Nothing was left to change, so nothing has to be taken back.
fn unfinished(source: JournalError) -> Interrupted {
    Interrupted::Journal { source, left: Vec::new() }
}

fn retried(journal: &Journal<'_>) -> Option<String> {
    journal.replay().steps.iter().find_map(|it| match &it.change {
        Change::Run(Tool::RetryUpdate { kb }) => kb.clone(),
        _ => None,
    })
}
