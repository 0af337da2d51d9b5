//! `reset-download-cache`, `reset-update-store`, `reset-catalogues`: a folder that Windows makes
//! anew by itself is moved aside, and kept.
//!
//! The services that work on the folder are stopped first, those that start the others again
//! before all. `catroot` (without the 2) and `pending.xml` are never touched.

use unwedge_host::{Change, HostErrorKind, ServiceName, WinPath};

use super::{CannotStop, Halt, Proposal, Recipe, Request, UPDATE_SERVICES, aside, refused};
use crate::plan::{Phase, Step};
use crate::report::Category;

pub(super) const DOWNLOAD: Recipe = Recipe {
    id: "reset-download-cache",
    title: "Moves the folder of downloaded updates aside, so that Windows downloads them anew.",
    rung: 4,
    is_made_once: true,
    propose: |request| download(request),
};

pub(super) const WHOLE: Recipe = Recipe {
    id: "reset-update-store",
    title: "Moves the whole working folder of Windows Update aside, with its database. Windows makes \
            it anew; the list of past updates in Settings starts afresh.",
    rung: 4,
    is_made_once: true,
    propose: |request| whole(request),
};

pub(super) const CATALOGUES: Recipe = Recipe {
    id: "reset-catalogues",
    title: "Moves the database of trusted signatures (catroot2) aside. Windows builds it anew.",
    rung: 4,
    is_made_once: true,
    propose: |request| catalogues(request),
};

/// A folder that Windows makes anew, and what to know about it.
struct Place {
    folder: WinPath,
    recipe: &'static Recipe,
    why: &'static str,
    undo: &'static str,
    /// The services that work in it, in the order in which they must be stopped.
    services: &'static [&'static str],
}

const UPDATE_FOLDER: &str = r"C:\Windows\SoftwareDistribution";
const DOWNLOAD_FOLDER: &str = r"C:\Windows\SoftwareDistribution\Download";
const CATALOGUE_FOLDER: &str = r"C:\Windows\System32\catroot2";

fn download(request: &Request<'_>) -> Proposal {
    let (whole, download) = (WinPath::new(UPDATE_FOLDER), WinPath::new(DOWNLOAD_FOLDER));
    let files = super::files(request.finding);
    if files.iter().any(|it| it.is_within(&whole) && !it.is_within(&download)) {
        return Proposal::NotNeeded;
    }
    let place = Place {
        folder: download,
        recipe: &DOWNLOAD,
        why: "what has been downloaded is damaged or locked; Windows downloads it anew",
        undo: "it is moved back; what has been downloaded since is kept beside it",
        services: &UPDATE_SERVICES,
    };
    if request.finding.category == Category::Lock
        && let Some(refusal) = does_not_help(request)
    {
        return refusal;
    }
    reset(request, &place)
}

fn whole(request: &Request<'_>) -> Proposal {
    let place = Place {
        folder: WinPath::new(UPDATE_FOLDER),
        recipe: &WHOLE,
        why: "the database or another file of Windows Update in it is damaged or locked; Windows \
              makes the folder anew. The list of past updates starts afresh; the old one is kept",
        undo: "it is moved back with its history; what has grown since is kept beside it",
        services: &UPDATE_SERVICES,
    };
    if request.finding.category == Category::Lock
        && let Some(refusal) = does_not_help(request)
    {
        return refusal;
    }
    reset(request, &place)
}

fn catalogues(request: &Request<'_>) -> Proposal {
    const SERVICES: [&str; 6] = ["UsoSvc", "WaaSMedicSvc", "wuauserv", "BITS", "DoSvc", "CryptSvc"];
    let place = Place {
        folder: WinPath::new(CATALOGUE_FOLDER),
        recipe: &CATALOGUES,
        why: "Windows could not enter or find signatures in it; it builds it anew from catroot, \
              which is not touched",
        undo: "it is moved back; what has grown since is kept beside it",
        services: &SERVICES,
    };
    reset(request, &place)
}

fn reset(request: &Request<'_>, place: &Place) -> Proposal {
    let folder = &place.folder;
    match request.host.exists(folder) {
        Ok(true) => {}
        Ok(false) => {
            let note = format!("{folder} does not exist; Windows makes it anew by itself");
            return Proposal::AlreadySo { note };
        }
        Err(err) if err.kind == HostErrorKind::NotCollected => {}
        Err(err) => return refused(&err.to_string(), "run as administrator and try again"),
    }
    let mut notes = Vec::new();
    let kept = match aside(request.host, folder, &request.policy.mark) {
        Ok(kept) => kept,
        Err(err) if err.kind == HostErrorKind::NotCollected => {
            notes.push(format!("which names beside {folder} are free is not part of the evidence"));
            WinPath::new(&format!("{folder}.unwedge-{}", request.policy.mark))
        }
        Err(err) => return refused(&err.to_string(), "look at the folder by hand"),
    };
    let halt = match halt(request, place) {
        Ok(halt) => halt,
        Err(CannotStop { why, advice }) => return Proposal::Refused { why, advice },
    };
    let step = Step {
        change: Change::Move { from: folder.clone(), to: kept.clone() },
        says: format!("Move the folder {folder} aside to {}.", kept.name()),
        why: place.why.to_owned(),
        touches: vec![folder.to_string(), kept.to_string()],
        undo: place.undo.to_owned(),
        reversible: true,
        recipe: place.recipe.id.to_owned(),
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
    let whole = WinPath::new(UPDATE_FOLDER);
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
            "look on the PC itself who holds the file: `unwedge who --update`",
        ),
    })
}

fn halt(request: &Request<'_>, place: &Place) -> Result<Halt, CannotStop> {
    let names: Vec<ServiceName> = place.services.iter().map(|it| ServiceName::new(it)).collect();
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
        let why = "it works in the folder, or starts what does";
        halt.add(request, place.recipe, name, why, Phase::Prepare)?;
    }
    Ok(halt)
}
