//! `pause-protection`: the real-time protection of Microsoft Defender is off while the update is
//! installed, and on again after.
//!
//! The strongest thing that is done about a scanner, and only where it is the user's to decide:
//! Tamper Protection, an organisation and products of other makers are never worked around.

use unwedge_host::{Change, Setting};

use super::scanner::{own_defender, suspected};
use super::{Proposal, Recipe, Request, refused};
use crate::plan::{Phase, Step};

pub(super) const RECIPE: Recipe = Recipe {
    id: "pause-protection",
    title: "Switches the real-time protection of Microsoft Defender off while the update is \
            installed, and on again afterwards.",
    rung: 8,
    is_made_once: true,
    propose,
};

fn propose(request: &Request<'_>) -> Proposal {
    let Some(scanner) = suspected(request) else { return Proposal::NotNeeded };
    if !scanner.is_defender() {
        return scanner.of_another_maker("pause it yourself while the update installs");
    }
    let defender = match own_defender(request) {
        Ok(defender) => defender,
        Err(refusal) => return refusal,
    };
    let mut notes = vec![
        "while real-time protection is off, open nothing that you do not know; should this PC stop \
         in the middle, it is switched on again by itself"
            .to_owned(),
    ];
    match defender {
        None => notes.push(
            "how Microsoft Defender stands is not part of the evidence; on the PC itself it is \
             looked up first"
                .to_owned(),
        ),
        Some(it) if it.tamper_protected == Some(true) => {
            return refused(
                "Tamper Protection keeps programs from switching real-time protection off: it would \
                 be taken, and nothing would happen",
                "switch it off yourself for one try: Windows Security, Virus & threat protection, \
                 Manage settings; Windows switches it on again after a while",
            );
        }
        Some(it) if it.mode.as_deref().is_some_and(is_passive) => {
            return refused(
                "Microsoft Defender is passive here: another product protects this PC",
                "pause that product in its own settings while the update installs",
            );
        }
        Some(it) if it.real_time == Some(false) => return Proposal::NotNeeded,
        Some(_) => {}
    }
    let steps = vec![step(request, false, &scanner.because), step(request, true, "it was on")];
    Proposal::Steps { steps, notes }
}

/// What `AMRunningMode` says where others protect: `Passive Mode`, `SxS Passive Mode`, `EDR Block
/// Mode`.
fn is_passive(mode: &str) -> bool {
    ["passive", "edr block"].iter().any(|it| mode.to_lowercase().contains(it))
}

fn step(request: &Request<'_>, on: bool, why: &str) -> Step {
    let (says, undo, phase) = match on {
        false => (
            "Switch the real-time protection of Microsoft Defender off for a while.",
            "it is switched on again",
            Phase::Prepare,
        ),
        true => (
            "Switch the real-time protection of Microsoft Defender on again.",
            "nothing to undo: it was on before",
            Phase::Restore,
        ),
    };
    Step {
        change: Change::Assign(Setting::RealTimeProtection { on }),
        says: says.to_owned(),
        why: why.to_owned(),
        touches: vec!["Microsoft Defender".to_owned()],
        undo: undo.to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase,
    }
}
