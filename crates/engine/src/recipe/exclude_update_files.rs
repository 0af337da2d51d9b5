//! `exclude-update-files`: Microsoft Defender leaves the database of Windows Update alone while the
//! update is installed.
//!
//! Gentler than switching protection off: these are the files that Microsoft itself names as better
//! not scanned, because a scan of them keeps Windows Update out. Nothing else is excluded, and what
//! was excluded before stays so.

use unwedge_host::{Change, Setting, WinPath};

use super::scanner::{own_defender, suspected};
use super::{Proposal, Recipe, Request, files, refused};
use crate::plan::{Phase, Step};

pub(super) const RECIPE: Recipe = Recipe {
    id: "exclude-update-files",
    title: "Lets Microsoft Defender leave the database of Windows Update alone while the update is \
            installed.",
    rung: 3,
    is_made_once: true,
    propose,
};

/// Source: Microsoft support 822158, virus scanning recommendations (files of Windows Update).
const FILES: [&str; 5] = [
    r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb",
    r"C:\Windows\SoftwareDistribution\DataStore\Logs\Edb*.log",
    r"C:\Windows\SoftwareDistribution\DataStore\Logs\Edbres*.jrs",
    r"C:\Windows\SoftwareDistribution\DataStore\Logs\Edb.chk",
    r"C:\Windows\SoftwareDistribution\DataStore\Logs\Tmp.edb",
];

const FOLDER: &str = r"C:\Windows\SoftwareDistribution\DataStore";

fn propose(request: &Request<'_>) -> Proposal {
    let Some(scanner) = suspected(request) else { return Proposal::NotNeeded };
    let folder = WinPath::new(FOLDER);
    let held =
        if scanner.holds.is_empty() { files(request.finding) } else { scanner.holds.clone() };
    if !held.is_empty() && !held.iter().any(|it| it.is_within(&folder)) {
        return Proposal::NotNeeded;
    }
    if !scanner.is_defender() {
        return scanner.of_another_maker(&format!(
            "let it leave these files alone, which Microsoft names for that: {}",
            FILES.join(", ")
        ));
    }
    let defender = match own_defender(request) {
        Ok(defender) => defender,
        Err(refusal) => return refusal,
    };
    let mut notes = Vec::new();
    let known = match defender.map(|it| (it.tamper_protected, it.exclusions)) {
        Some((tamper_protected, Ok(known))) => {
            if tamper_protected == Some(true) {
                notes.push(
                    "Tamper Protection may take the exclusions and ignore them; they are read back"
                        .to_owned(),
                );
            }
            known
        }
        Some((_, Err(why))) if why != unwedge_host::HostErrorKind::NotCollected => {
            let why = format!("what Microsoft Defender leaves alone cannot be read: {why}");
            return refused(&why, "run as administrator and try again");
        }
        Some((_, Err(_))) | None => {
            notes.push(
                "what Microsoft Defender leaves alone already is not part of the evidence"
                    .to_owned(),
            );
            Vec::new()
        }
    };
    let is_new = |it: &WinPath| !known.iter().any(|known| WinPath::new(known) == *it);
    let new: Vec<WinPath> = FILES.map(WinPath::new).into_iter().filter(is_new).collect();
    if new.is_empty() {
        return refused(
            "Microsoft Defender leaves the files of Windows Update alone already",
            "see what stands with `pause-protection`",
        );
    }
    let lend = new.iter().map(|it| step(request, it, true, &scanner.because));
    let give_back = new.iter().rev().map(|it| step(request, it, false, "it was looked at before"));
    Proposal::Steps { steps: lend.chain(give_back).collect(), notes }
}

fn step(request: &Request<'_>, path: &WinPath, present: bool, why: &str) -> Step {
    let (says, undo, phase) = match present {
        true => (
            format!("Let Microsoft Defender leave {path} alone for a while."),
            "the exclusion is taken away again",
            Phase::Prepare,
        ),
        false => (
            format!("Let Microsoft Defender look at {path} again."),
            "nothing to undo: it did so before",
            Phase::Restore,
        ),
    };
    Step {
        change: Change::Assign(Setting::Exclusion { path: path.clone(), present }),
        says,
        why: why.to_owned(),
        touches: vec![path.to_string()],
        undo: undo.to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase,
    }
}
