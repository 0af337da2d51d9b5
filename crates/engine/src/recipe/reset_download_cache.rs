//! `reset-download-cache`: Windows downloads the update anew; the old download is kept aside.
//!
//! The services that work on the folder are stopped first, those that start the others again
//! before all. `catroot2` and `pending.xml` are never touched.

use unwedge_host::{Change, HostErrorKind, ServiceName, WinPath};

use super::{CannotStop, Halt, Proposal, Recipe, Request, UPDATE_SERVICES, aside, refused};
use crate::plan::{Phase, Step};
use crate::report::Category;

pub(super) const RECIPE: Recipe = Recipe {
    id: "reset-download-cache",
    title: "Moves the folder of downloaded updates aside, so that Windows downloads them anew.",
    propose,
};

const WHOLE: &str = r"C:\Windows\SoftwareDistribution";
const DOWNLOAD: &str = r"C:\Windows\SoftwareDistribution\Download";

fn propose(request: &Request<'_>) -> Proposal {
    if request.finding.category == Category::Lock
        && let Some(refusal) = does_not_help(request)
    {
        return refusal;
    }
    let folder = folder(request);
    match request.host.exists(&folder) {
        Ok(true) => {}
        Ok(false) => {
            let note = format!("{folder} does not exist; Windows makes it anew by itself");
            return Proposal::AlreadySo { note };
        }
        Err(err) if err.kind == HostErrorKind::NotCollected => {}
        Err(err) => return refused(&err.to_string(), "run as administrator and try again"),
    }
    let mut notes = Vec::new();
    let kept = match aside(request.host, &folder, &request.policy.mark) {
        Ok(kept) => kept,
        Err(err) if err.kind == HostErrorKind::NotCollected => {
            notes.push(format!("which names beside {folder} are free is not part of the evidence"));
            WinPath::new(&format!("{folder}.unwedge-{}", request.policy.mark))
        }
        Err(err) => return refused(&err.to_string(), "look at the folder by hand"),
    };
    let halt = match halt(request) {
        Ok(halt) => halt,
        Err(CannotStop { why, advice }) => return Proposal::Refused { why, advice },
    };
    let step = Step {
        change: Change::Move { from: folder.clone(), to: kept.clone() },
        says: format!("Move the folder {folder} aside to {}.", kept.name()),
        why: "what has been downloaded is damaged or locked; Windows downloads it anew".to_owned(),
        touches: vec![folder.to_string(), kept.to_string()],
        undo: "it is moved back; what has been downloaded since is kept beside it".to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Prepare,
    };
    let (steps, more) = halt.around(vec![step]);
    Proposal::Steps { steps, notes: notes.into_iter().chain(more).collect() }
}

/// A locked file is freed by a new download only if it lies there and nobody holds it for good.
fn does_not_help(request: &Request<'_>) -> Option<Proposal> {
    if let Some(stranger) = super::stop_holder::known_stranger(request) {
        return Some(refused(
            &format!("{stranger}, which a new download would not change"),
            "see what stands with `stop-holder`",
        ));
    }
    let files = super::files(request.finding);
    let whole = WinPath::new(WHOLE);
    if files.iter().any(|it| it.is_within(&whole)) {
        return None;
    }
    Some(match files.first() {
        Some(file) => refused(
            &format!("{file} does not lie in the folder of downloaded updates"),
            "restart the PC and try the update again",
        ),
        None => refused(
            "which file is locked is not known, so a new download may well change nothing",
            "look on the PC itself who holds the file; this version of unwedge cannot ask a live PC yet",
        ),
    })
}

/// The download folder, unless what is wrong lies elsewhere in the update agent's folder.
fn folder(request: &Request<'_>) -> WinPath {
    let (whole, download) = (WinPath::new(WHOLE), WinPath::new(DOWNLOAD));
    let files = super::files(request.finding);
    let lies_elsewhere = files.iter().any(|it| it.is_within(&whole) && !it.is_within(&download));
    if lies_elsewhere { whole } else { download }
}

fn halt(request: &Request<'_>) -> Result<Halt, CannotStop> {
    let names = UPDATE_SERVICES.map(ServiceName::new);
    let told = |name: &ServiceName| match request.host.service(name) {
        Err(err) => err.kind != HostErrorKind::NotCollected,
        Ok(_) => true,
    };
    let anything_known = names.iter().any(told);
    let mut halt = Halt::default();
    for name in &names {
        if anything_known && !told(name) {
            halt.notes.push(format!("nothing is known about service {name}; it is left alone"));
            continue;
        }
        // The medic may be protected. Then it is left alone: should it start the others again,
        // that is seen before the folder is touched, and everything is taken back.
        let service = request.host.service(name).ok().flatten();
        if service.is_some_and(|it| it.protected) {
            halt.notes.push(format!("service {name} is protected and is left alone"));
            continue;
        }
        let why = "it works in the folder of downloaded updates, or starts what does";
        halt.add(request, &RECIPE, name, why, Phase::Prepare)?;
    }
    Ok(halt)
}
