//! `wait-for-holder`: whoever holds the file is known to be done soon, so he is left to it.
//!
//! The gentlest repair there is: nothing is changed. Only programs of Windows whose work ends by
//! itself are waited for, and not without end.

use unwedge_host::probe::Holder;
use unwedge_host::{Change, Tool};

use super::stop_holder::{strangers, usual_or_named};
use super::{Proposal, Recipe, Request};
use crate::plan::{Phase, Step};

pub(super) const RECIPE: Recipe = Recipe {
    id: "wait-for-holder",
    title: "Waits until a program of Windows that holds the file for a while has done its work.",
    rung: 1,
    is_made_once: false,
    propose,
};

/// Programs whose work ends by itself, what they do, and how long they may take.
///
/// Sources: Microsoft support Japan (native images of .NET race the update), the components table
/// (dismhost, tiworker belong to servicing), `MpSigStub` installs signatures of Defender.
const TRANSIENT: [(&str, &str, u32); 7] = [
    ("mscorsvw.exe", "it compiles .NET programs after an update", 900),
    ("ngen.exe", "it compiles .NET programs after an update", 900),
    ("ngentask.exe", "it compiles .NET programs after an update", 900),
    ("dism.exe", "it services Windows, and ends when that is done", 1800),
    ("dismhost.exe", "it services Windows for another program", 1800),
    ("mpsigstub.exe", "it installs what Microsoft Defender knows of new threats", 600),
    ("wusa.exe", "it installs an update that somebody opened by hand", 1800),
];

fn propose(request: &Request<'_>) -> Proposal {
    let Ok(found) = unwedge_host::probe::holders(request.host, &usual_or_named(request.finding))
    else {
        return Proposal::NotNeeded;
    };
    let strangers = strangers(&found);
    // To wait for one is of no use while another stays.
    let waits: Option<Vec<Step>> = strangers.iter().map(|it| wait(request, it)).collect();
    match waits {
        Some(steps) if !steps.is_empty() => Proposal::Steps { steps, notes: Vec::new() },
        Some(_) | None => Proposal::NotNeeded,
    }
}

fn wait(request: &Request<'_>, holder: &Holder) -> Option<Step> {
    let image = holder.image();
    let (_, what, seconds) =
        TRANSIENT.iter().find(|(name, ..)| name.eq_ignore_ascii_case(image))?;
    let pid = holder.pid();
    Some(Step {
        change: Change::Run(Tool::WaitForExit { pid, image: image.to_owned(), seconds: *seconds }),
        says: format!(
            "Wait until {image} (process {pid}) has ended, {} minutes at most.",
            seconds / 60
        ),
        why: format!("{holder}; {what}"),
        touches: vec![format!("program {image}"), holder.path.to_string()],
        undo: "nothing to undo: it only waits".to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Prepare,
    })
}
