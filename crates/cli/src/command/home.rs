//! Started by a double click: looks, shows the plan, asks once, and stays until somebody has read it.

use std::ffi::OsString;

use unwedge_engine::ladder::Ladder;
use unwedge_engine::plan::{Plan, Policy};
use unwedge_engine::report::Verdict;
use unwedge_host::live::seat;

use super::fix::{self, FixArgs, agreed, fingerprint};
use super::noted::{Deed, noted};
use super::{elevate, plan::exit_without_repair};
use crate::exit::Exit;
use crate::machine::{Named, diagnosed, open};
use crate::render;

/// A repair has this number if it is the first. Where it is not, another plan is shown and asked for.
const FIRST: &str = "0001";

/// Whether this program was started without a command in a window of its own.
pub(crate) fn is_at_home(arguments: &[OsString]) -> bool {
    arguments.is_empty() && seat::look().is_some_and(|it| it.is_alone && it.is_at_desktop)
}

/// Does what a person at home came for.
pub(crate) fn run() -> anyhow::Result<Exit> {
    render::say("Looking at why updates fail on this PC. That takes a while, and changes nothing.");
    if seat::look().is_some_and(|it| it.is_elevated != Some(false)) {
        return noted(Deed::Fix, fix::run(FixArgs::default()));
    }
    let host = open(&Named::This)?;
    let diagnosis = diagnosed(&*host);
    let plan = Ladder::new(Policy::default()).plan(&diagnosis, &*host, FIRST.to_owned());
    render::show(&render::diagnosis::short(&diagnosis));
    render::show(&render::plan::text(&plan, host.about(), None));
    drop(host);
    let Some((question, arguments)) = next(diagnosis.verdict, &plan) else {
        return Ok(exit_without_repair(diagnosis.verdict, &plan));
    };
    match agreed(question)? {
        true => elevate::again(arguments),
        false => Ok(exit_without_repair(diagnosis.verdict, &plan)),
    }
}

/// What to ask, and what to be started with on a yes; `None` where nothing is left to do.
fn next(verdict: Verdict, plan: &Plan) -> Option<(&'static str, Vec<OsString>)> {
    let fix = |more: Option<String>| {
        let words = std::iter::once("fix".to_owned()).chain(more);
        words.map(OsString::from).collect()
    };
    match (verdict, plan.steps.is_empty()) {
        (Verdict::Healthy | Verdict::Recovered, _) => None,
        (_, true) if plan.needs_restart => None,
        // The same plan needs no second yes; another one does.
        (_, false) => Some(("Go ahead?", fix(Some(format!("--agreed={}", fingerprint(plan)))))),
        (_, true) => Some((
            "An administrator can see more, such as who holds a file. Look again so?",
            fix(None),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use unwedge_engine::plan::plan;
    use unwedge_host::Fixture;

    fn asked(pc: &str) -> Option<(&'static str, Vec<OsString>)> {
        let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let host = Fixture::open(&project.join("examples").join(pc)).unwrap();
        let diagnosis = diagnosed(&host);
        let plan = plan(&diagnosis, &host, &Policy::default());
        next(diagnosis.verdict, &plan)
    }

    #[test]
    fn a_healthy_pc_asks_for_nothing() {
        assert_eq!(asked("healthy.host"), None);
    }

    #[test]
    fn the_plan_that_was_agreed_to_is_named_and_no_other() {
        let (_, arguments) = asked("backup-agent-locks-datastore.host").unwrap();
        assert_eq!(arguments[0], "fix");
        assert!(arguments[1].to_str().unwrap().starts_with("--agreed="), "{arguments:?}");
    }
}
