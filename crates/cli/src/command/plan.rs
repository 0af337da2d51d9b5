//! `unwedge plan`: what would be done, and what the PC would look like after. Only reads.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use unwedge_engine::plan::{Forecast, Plan, Policy, forecast, plan};
use unwedge_engine::report::Verdict;
use unwedge_engine::shelf::Shelf;
use unwedge_host::fixture::state_folder;

use super::allowed::Allowed;
use crate::exit::Exit;
use crate::machine::{Named, diagnosed, named, open};
use crate::render::{self, json};

/// Shows what a repair would do, why, and how each step is undone; changes nothing
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A .host machine, or evidence collected from a PC; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allowed: Allowed,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct PlanReport<'a> {
    schema: u32,
    unwedge: &'static str,
    verdict: Verdict,
    plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<&'a Forecast>,
}

/// Runs the command.
pub(crate) fn run(args: PlanArgs) -> anyhow::Result<Exit> {
    let named = named(args.pc.as_deref())?;
    let host = open(&named)?;
    let diagnosis = diagnosed(&*host);
    let policy = Policy { mark: format!("{:04}", next_number(&named)?), ..args.allowed.policy()? };
    let plan = plan(&diagnosis, &*host, &policy);
    // On evidence alone the simulation would mostly tell what the evidence lacks.
    let forecast = match &named {
        Named::This | Named::Fixture(_) if !plan.steps.is_empty() => Some(forecast(&plan, &*host)?),
        Named::This | Named::Fixture(_) | Named::Collected(_) => None,
    };
    if args.json {
        json(&PlanReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            verdict: diagnosis.verdict,
            plan: &plan,
            forecast: forecast.as_ref(),
        })?;
    } else {
        render::show(&render::diagnosis::short(&diagnosis));
        render::show(&render::plan::text(&plan, host.about(), forecast.as_ref()));
        if let (Named::Collected(_), false) = (&named, plan.steps.is_empty()) {
            render::show(&render::paragraph(
                "This is evidence from a PC, so nothing can be changed here. `unwedge fix` on that \
                 PC makes a plan from what it finds there.",
            ));
        }
    }
    Ok(match (diagnosis.verdict, plan.steps.is_empty()) {
        (Verdict::Failing, false) => Exit::Ok,
        (_, _) => exit_without_repair(diagnosis.verdict, &plan),
    })
}

/// The number a repair would have.
fn next_number(named: &Named) -> anyhow::Result<u32> {
    match named {
        Named::Fixture(path) => Ok(Shelf::new(&state_folder(path)).next_number()?),
        // Only an administrator may look there, and anybody may ask for a plan.
        Named::This | Named::Collected(_) => Ok(1),
    }
}

/// The exit code where nothing is going to be changed.
pub(crate) fn exit_without_repair(verdict: Verdict, plan: &Plan) -> Exit {
    match verdict {
        Verdict::Recovered if plan.needs_restart => Exit::NeedsRestart,
        Verdict::Healthy | Verdict::Recovered => Exit::Ok,
        Verdict::NotAssessed => Exit::NotAssessed,
        Verdict::Failing if plan.needs_restart => Exit::NeedsRestart,
        Verdict::Failing => Exit::Failing,
    }
}
