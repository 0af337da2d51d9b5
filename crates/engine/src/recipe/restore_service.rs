//! `restore-service`: a disabled update service gets the start type Windows ships it with.
//!
//! Only what is disabled is touched, and only its start type; whether it is set up otherwise in a
//! way the owner wants is not ours to judge.

use unwedge_host::{Change, HostErrorKind, ServiceName, Setting, StartType};

use super::{Proposal, Recipe, Request, refused};
use crate::plan::{Phase, Step};
use crate::report::SubjectKind;
use crate::services::known;

pub(super) const RECIPE: Recipe = Recipe {
    id: "restore-service",
    title: "Gives a disabled update service the start type back that Windows ships it with.",
    rung: 5,
    is_made_once: false,
    propose,
};

fn propose(request: &Request<'_>) -> Proposal {
    let finding = request.finding;
    let names = finding
        .subject
        .iter()
        .chain(&finding.other_subjects)
        .filter(|it| it.kind == SubjectKind::Service)
        .map(|it| ServiceName::new(&it.name));
    let (mut steps, mut notes, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match one(request, &name) {
            One::Step(step, note) => {
                steps.push(*step);
                notes.extend(note);
            }
            One::Settled => settled.push(name.to_string()),
            One::Refused(proposal) => return proposal,
        }
    }
    if steps.is_empty() && settled.is_empty() {
        return refused(
            "which service is disabled is not known",
            "run `unwedge diagnose` on the PC itself, which looks at every update service",
        );
    }
    if steps.is_empty() {
        let note = format!("service {} is not disabled any more", settled.join(", "));
        return Proposal::AlreadySo { note };
    }
    Proposal::Steps { steps, notes }
}

enum One {
    Step(Box<Step>, Option<String>),
    Settled,
    Refused(Proposal),
}

fn one(request: &Request<'_>, name: &ServiceName) -> One {
    let refuse = |why: &str, advice: &str| One::Refused(refused(why, advice));
    let Some(row) = known(name).filter(|it| it.is_core_of_updating()) else {
        return refuse(
            &format!("service {name} is not one of those that install updates"),
            "look up who disabled it, and why, before it is enabled again",
        );
    };
    let Some(start) = row.default_start(request.host.about().build.as_deref()) else {
        return refuse(
            &format!("the start type of {name} differs between versions, and the build is unknown"),
            "look at the service on the PC itself (services.msc)",
        );
    };
    let note = match request.host.service(name) {
        Ok(Some(service)) if service.start != StartType::Disabled => return One::Settled,
        Ok(Some(service)) if service.protected => {
            return refuse(
                &format!("Windows protects the settings of service {name}"),
                "an in-place repair of Windows restores it",
            );
        }
        Ok(Some(_)) => None,
        Ok(None) => {
            return refuse(
                &format!("service {name} does not exist"),
                "an in-place repair of Windows restores it",
            );
        }
        Err(err) if err.kind == HostErrorKind::NotCollected => Some(format!(
            "how service {name} is set up now is not part of the evidence; on the PC itself it is \
             recorded first"
        )),
        Err(err) => return refuse(&err.to_string(), "run as administrator and try again"),
    };
    let step = Step {
        change: Change::Assign(Setting::Start { service: name.clone(), start }),
        says: format!(
            "Set the start type of the service {} ({name}) to {start}.",
            row.display_name
        ),
        why: format!("it is disabled; Windows ships it as {start}, and updates need it"),
        touches: vec![format!("service {name}")],
        undo: "it is set back to what it was".to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Prepare,
    };
    One::Step(Box::new(step), note)
}
