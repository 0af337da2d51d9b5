//! `stop-holder`: whoever has the file open lets go of it while the update is installed.
//!
//! A service is stopped through the service manager, a program is asked to close. Nothing is ever
//! killed: a backup or a database in the middle of a write would be damaged.

use unwedge_host::probe::{self, Holder, Holders};
use unwedge_host::{Change, HostErrorKind, ServiceName, Tool, WinPath};

use super::{CannotStop, Halt, Proposal, Recipe, Request, files, is_update_service, refused};
use crate::plan::{Phase, Step};
use crate::report::{Certainty, CulpritKind, Finding};

pub(super) const RECIPE: Recipe = Recipe {
    id: "stop-holder",
    title: "Stops the service, or asks the program to close, that keeps the file to itself, and \
            starts the service again afterwards.",
    rung: 2,
    is_made_once: false,
    propose,
};

/// Processes without which Windows or its protection does not run.
const NEVER_ASKED: [&str; 16] = [
    "csrss.exe",
    "dwm.exe",
    "explorer.exe",
    "lsass.exe",
    "msmpeng.exe",
    "mssense.exe",
    "nissrv.exe",
    "registry",
    "services.exe",
    "smss.exe",
    "svchost.exe",
    "system",
    "tiworker.exe",
    "trustedinstaller.exe",
    "wininit.exe",
    "winlogon.exe",
];

/// Where the update services keep what others tend to hold.
const USUAL: [&str; 4] = [
    r"C:\Windows\SoftwareDistribution",
    r"C:\Windows\System32\catroot2",
    r"C:\Windows\servicing",
    r"C:\Windows\WinSxS",
];

/// Who is in the way.
enum Who {
    Service(ServiceName),
    Process { pid: u32, image: String },
}

fn propose(request: &Request<'_>) -> Proposal {
    let named = files(request.finding);
    let paths = usual_or_named(request.finding);
    let found = match probe::holders(request.host, &paths) {
        Ok(found) => found,
        Err(err) if err.kind == HostErrorKind::NotCollected => {
            return by_culprit(request, "the evidence does not show who has the file open");
        }
        Err(err) => return refused(&err.to_string(), "run as administrator and try again"),
    };
    let strangers = strangers(&found);
    let notes = match found.complete {
        true => Vec::new(),
        false => vec!["somebody else may hold it too; the system does not tell who".to_owned()],
    };
    if strangers.is_empty() && !found.complete {
        return refused(
            "somebody has the file open, and the system does not tell who",
            "restart the PC and try the update before other programs are started",
        );
    }
    if strangers.is_empty() && named.is_empty() {
        return refused(
            "no file is named, and nobody holds anything in the folders of the update services",
            "restart the PC and try the update before other programs are started",
        );
    }
    if strangers.is_empty() {
        let names: Vec<&str> = paths.iter().map(WinPath::as_str).collect();
        return Proposal::AlreadySo { note: format!("nobody holds {} any more", names.join(", ")) };
    }
    let all = strangers.iter().map(|it| {
        let why = it.to_string();
        let who = match it.service() {
            Some(name) => Who::Service(name.clone()),
            None => Who::Process { pid: it.pid(), image: it.image().to_owned() },
        };
        (who, why)
    });
    let mut held: Vec<WinPath> = strangers.iter().map(|it| it.path.clone()).collect();
    held.dedup();
    release(request, &held, all.collect(), notes)
}

/// A stranger that is seen to hold what the finding is about, in plain words.
pub(super) fn known_stranger(request: &Request<'_>) -> Option<String> {
    let found = probe::holders(request.host, &usual_or_named(request.finding)).ok()?;
    strangers(&found).first().map(ToString::to_string)
}

/// The files a finding names, or the folders where such a file is likely to lie.
pub(super) fn usual_or_named(finding: &Finding) -> Vec<WinPath> {
    let named = files(finding);
    // A locked range is met through a handle, so the log may not name the file.
    if named.is_empty() { USUAL.map(WinPath::new).to_vec() } else { named }
}

/// Those who keep the update out.
pub(super) fn strangers(found: &Holders) -> Vec<&Holder> {
    found.holders.iter().filter(|it| is_in_the_way(it)).collect()
}

/// Whether a holder keeps the update out; its own services are no strangers in their files.
fn is_in_the_way(holder: &Holder) -> bool {
    let is_own = holder.services().iter().any(is_update_service);
    holder.is_seen() && holder.process.is_some() && holder.excludes() && !is_own
}

/// Without a look at the PC, the finding's own culprit has to do.
fn by_culprit(request: &Request<'_>, missing: &str) -> Proposal {
    let Some(culprit) = &request.finding.culprit else {
        return refused(
            missing,
            "look on the PC itself who holds the file: `unwedge who --update` there",
        );
    };
    let who = match (culprit.kind, culprit.certainty) {
        (CulpritKind::Service, Certainty::Confirmed | Certainty::Likely) => {
            Who::Service(ServiceName::new(&culprit.name))
        }
        _ => {
            return refused(
                &format!("that {} is in the way is not certain enough to act on", culprit.name),
                "look on the PC itself who holds the file: `unwedge who --update` there",
            );
        }
    };
    let note = format!("{missing}; the plan relies on the finding: {}", culprit.because);
    release(request, &files(request.finding), vec![(who, culprit.because.clone())], vec![note])
}

fn release(
    request: &Request<'_>,
    paths: &[WinPath],
    all: Vec<(Who, String)>,
    notes: Vec<String>,
) -> Proposal {
    let mut halt = Halt::default();
    let mut asks = Vec::new();
    for (who, why) in all {
        let done = match who {
            Who::Service(name) => halt.add(request, &RECIPE, &name, &why, Phase::Restore),
            Who::Process { pid, image } => {
                ask_to_close(request, pid, &image, why).map(|step| asks.push(step))
            }
        };
        if let Err(CannotStop { why, advice }) = done {
            return Proposal::Refused { why, advice };
        }
    }
    for step in halt.stops.iter_mut().chain(&mut asks) {
        step.touches.extend(paths.iter().map(ToString::to_string));
    }
    let (steps, more) = halt.around(asks);
    Proposal::Steps { steps, notes: notes.into_iter().chain(more).collect() }
}

fn ask_to_close(
    request: &Request<'_>,
    pid: u32,
    image: &str,
    why: String,
) -> Result<Step, CannotStop> {
    if NEVER_ASKED.contains(&image.to_lowercase().as_str()) {
        return Err(CannotStop {
            why: format!("{image} is part of Windows or of its protection and is not closed"),
            advice: "restart the PC and try the update again".to_owned(),
        });
    }
    Ok(Step {
        change: Change::Run(Tool::AskToClose { pid, image: image.to_owned() }),
        says: format!("Ask the program {image} (process {pid}) to close; it may refuse."),
        why,
        touches: vec![format!("program {image}")],
        undo: "cannot be undone here: start the program again yourself".to_owned(),
        reversible: false,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Boundary,
    })
}
