//! `unwedge fix`: makes the plan true, proves it, or takes everything back.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use unwedge_engine::journal::{Journal, Outcome};
use unwedge_engine::plan::{Plan, plan};
use unwedge_engine::repair::{Repair, carry_out};
use unwedge_engine::report::Verdict;
use unwedge_engine::shelf::{Lock, Shelf, ShelfError, Volume};
use unwedge_engine::verify::Proven;

use super::plan::{exit_without_repair, policy};
use crate::exit::Exit;
use crate::machine::{Chart, Named, Patient, diagnosed, named};
use crate::render::progress::Teller;
use crate::render::{self, json};

/// Repairs the PC: shows the plan, asks once, takes everything back if the update still fails
#[derive(Debug, Args)]
pub(crate) struct FixArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Consider only this repair (may be given more than once)
    #[arg(long = "repair", value_name = "ID")]
    pub(crate) repairs: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct FixReport<'a> {
    schema: u32,
    unwedge: &'static str,
    verdict_before: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<&'a Repair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    exit: u8,
}

/// Runs the command.
pub(crate) fn run(args: FixArgs) -> anyhow::Result<Exit> {
    let named = named(args.pc.as_deref())?;
    if let Named::Collected(path) = &named {
        render::say(&format!(
            "{} is evidence from a PC and cannot be repaired. `unwedge plan {0}` shows what \
             would be done, as far as the evidence tells.",
            path.display()
        ));
        return Ok(Exit::Refused);
    }
    let chart = named.chart()?;
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let mut patient = named.patient()?;
    match chart.shelf.volumes()?.pop() {
        Some(last) if last.replay.closed.is_none() => finish(&args, &mut patient, &chart, last),
        Some(Volume { replay, path: journal, .. })
            if matches!(replay.closed, Some(Outcome::Stuck { .. })) =>
        {
            render::say(&format!(
                "An earlier repair could not be taken back whole. Look at `unwedge history{}`, \
                 mend what it names, and run `unwedge undo {}` before anything else is repaired.",
                chart.argument,
                journal.display()
            ));
            Ok(Exit::Stuck)
        }
        Some(_) | None => begin(args, &mut patient, &chart),
    }
}

/// The lock, or `None` after saying who has it.
pub(crate) fn lock(shelf: &Shelf) -> anyhow::Result<Option<Lock>> {
    match shelf.lock() {
        Ok(lock) => Ok(Some(lock)),
        Err(err @ ShelfError::Busy { .. }) => {
            render::say(&format!("{err}. Wait until it is done, then run this again."));
            Ok(None)
        }
        Err(err) => Err(err.into()),
    }
}

fn begin(args: FixArgs, patient: &mut Patient, chart: &Chart) -> anyhow::Result<Exit> {
    let before = diagnosed(patient.host());
    let number = chart.shelf.next_number()?;
    let plan = plan(&before, patient.host(), &policy(number, args.repairs)?);
    if !args.json {
        render::show(&render::diagnosis::short(&before));
        render::show(&render::plan::text(&plan, patient.host().about(), None));
    }
    if plan.steps.is_empty() {
        let exit = match exit_without_repair(before.verdict, &plan) {
            // A repair there is, but it cannot be made safely.
            Exit::Failing if !plan.refused.is_empty() => Exit::Refused,
            exit => exit,
        };
        if args.json {
            report(before.verdict, Some(&plan), None, None, exit)?;
        }
        return Ok(exit);
    }
    if !args.yes && !agreed("Go ahead?")? {
        return Ok(Exit::Refused);
    }
    let (journal_path, mut store) = chart.shelf.create(number)?;
    let mut journal = Journal::create(&mut store, &patient.now(), plan.journal_steps())?;
    let mut teller = Teller::new();
    let repair = carry_out(patient.host_mut(), &mut journal, &before, &diagnosed, &mut |it| {
        teller.tell(it)
    })?;
    let exit = exit(&repair);
    if args.json {
        report(before.verdict, Some(&plan), Some(&repair), Some(&journal_path), exit)?;
    } else {
        render::show(&render::repair::text(&repair, &chart.argument, &journal_path));
    }
    Ok(exit)
}

/// Finishes a repair that was interrupted: goes on, or goes on taking back.
fn finish(
    args: &FixArgs,
    patient: &mut Patient,
    chart: &Chart,
    volume: Volume,
) -> anyhow::Result<Exit> {
    let doing = if volume.replay.unwinding { "taken back" } else { "completed" };
    render::say(&format!(
        "An earlier repair ({}) was interrupted. It is going to be {doing} first; `unwedge undo` \
         would take it back instead.",
        volume.path.display()
    ));
    if !args.yes && !agreed("Go ahead?")? {
        return Ok(Exit::Refused);
    }
    let before = diagnosed(patient.host());
    let mut store = volume.store()?;
    let mut journal = Journal::resume(&mut store, volume.replay);
    let mut teller = Teller::new();
    let repair = carry_out(patient.host_mut(), &mut journal, &before, &diagnosed, &mut |it| {
        teller.tell(it)
    })?;
    let exit = exit(&repair);
    if args.json {
        report(before.verdict, None, Some(&repair), Some(&volume.path), exit)?;
    } else {
        render::show(&render::repair::text(&repair, &chart.argument, &volume.path));
    }
    Ok(exit)
}

/// Asks once. Without a terminal there is nobody to ask, and no is the answer.
pub(crate) fn agreed(question: &str) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        render::say(
            "Nothing was changed: there is no terminal to ask on. Give --yes to go ahead without \
             being asked.",
        );
        return Ok(false);
    }
    let mut talk = anstream::stderr();
    write!(talk, "{question} [y/N] ")?;
    talk.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        render::say("Nothing was changed.");
    }
    Ok(agreed)
}

fn report(
    verdict_before: Verdict,
    plan: Option<&Plan>,
    repair: Option<&Repair>,
    journal: Option<&Path>,
    exit: Exit,
) -> anyhow::Result<()> {
    json(&FixReport {
        schema: unwedge_engine::plan::SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION"),
        verdict_before,
        plan,
        repair,
        journal: journal.map(|it| it.display().to_string()),
        exit: exit as u8,
    })
}

fn exit(repair: &Repair) -> Exit {
    match &repair.outcome {
        Outcome::NeedsReboot => Exit::NeedsRestart,
        Outcome::RolledBack => Exit::Failing,
        Outcome::Kept { .. } => Exit::Kept,
        Outcome::Stuck { .. } => Exit::Stuck,
        Outcome::Repaired => match repair.verification.as_ref().map(|it| it.result) {
            Some(Proven::Fixed) => Exit::Ok,
            Some(Proven::AfterRestart) => Exit::NeedsRestart,
            Some(Proven::OtherFailure | Proven::StillFailing) => Exit::Failing,
            Some(Proven::NotShown) | None => Exit::NotAssessed,
        },
    }
}
