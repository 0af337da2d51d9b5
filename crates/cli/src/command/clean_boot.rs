//! `unwedge clean-boot`: everything of other makers switched off, or put back, by hand.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use unwedge_engine::execute::execute;
use unwedge_engine::gate::{self, Snapshots};
use unwedge_engine::isolate::clean_boot::{self, Status, status};
use unwedge_engine::isolate::note::Note;
use unwedge_engine::isolate::suspect::suspects;
use unwedge_engine::journal::{Event, Journal, JournalStep, Outcome};
use unwedge_engine::registry_backup;
use unwedge_engine::shelf::Volume;
use unwedge_host::Host;

use super::fix::{Consent, agreed, lock};
use super::isolate::{Whom, says_unknown};
use super::undo;
use crate::exit::Exit;
use crate::machine::{Chart, Named, Patient, diagnosed, named, open};
use crate::render::progress::Teller;
use crate::render::{self, json};

/// Starts Windows without what other makers installed, or puts that back; tells how it stands
#[derive(Debug, Args)]
pub(crate) struct CleanBootArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Switches everything of other makers off, from the next restart on
    On {
        /// A .host machine; on Windows none means this PC
        pc: Option<PathBuf>,
        #[command(flatten)]
        whom: Whom,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Puts everything back: what we switched off, or what somebody's clean boot left behind
    Off {
        /// A .host machine; on Windows none means this PC
        pc: Option<PathBuf>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Tells what is switched off
    Status {
        /// A .host machine or evidence from a PC; on Windows none means this PC
        pc: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl CleanBootArgs {
    /// Whether the PC this runs on is to be changed.
    pub(crate) fn changes_this_pc(&self) -> bool {
        matches!(self.what, What::On { pc: None, .. } | What::Off { pc: None, .. })
    }
}

#[derive(Serialize)]
struct StatusReport {
    schema: u32,
    unwedge: &'static str,
    is_clean_boot: bool,
    #[serde(flatten)]
    status: Status,
}

/// Runs the command.
pub(crate) fn run(args: &CleanBootArgs) -> anyhow::Result<Exit> {
    match &args.what {
        What::On { pc, whom, yes } => {
            let named = named(pc.as_deref())?;
            let chart = named.chart()?;
            let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
            on(&mut named.patient()?, &chart, whom, *yes)
        }
        What::Off { pc, yes } => {
            let named = named(pc.as_deref())?;
            let chart = named.chart()?;
            let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
            off(&mut named.patient()?, &chart, *yes)
        }
        What::Status { pc, json: is_json } => {
            let named = named(pc.as_deref())?;
            let host = open(&named)?;
            let mut status = status(&*host);
            add_ours(&mut status, &*host, &named);
            if *is_json {
                json(&StatusReport {
                    schema: unwedge_engine::plan::SCHEMA,
                    unwedge: env!("CARGO_PKG_VERSION"),
                    is_clean_boot: status.is_clean_boot(),
                    status,
                })?;
            } else {
                render::show(&render::isolate::status(&status));
            }
            Ok(Exit::Ok)
        }
    }
}

/// Evidence from a PC has no journal beside it.
fn add_ours(status: &mut Status, host: &dyn Host, named: &Named) {
    if matches!(named, Named::Collected(_)) {
        return;
    }
    let volumes = named.chart_to_read().and_then(|it| Ok(it.shelf.volumes()?));
    match volumes {
        Ok(all) => {
            for it in all.iter().filter(|it| it.replay.is_clean_boot()) {
                status.add_ours(host, &it.replay);
            }
        }
        Err(error) => {
            status.unknown.push(format!("what a clean boot of ours switched off: {error:#}"));
        }
    }
}

fn on(patient: &mut Patient, chart: &Chart, whom: &Whom, yes: bool) -> anyhow::Result<Exit> {
    if unfinished(chart)? {
        return Ok(Exit::Refused);
    }
    if let Some(check) =
        gate::look(patient.host(), Snapshots::OfOthers).iter().find(|it| it.answer.stops())
    {
        render::say(&format!("Not now: {}.", check.says));
        return Ok(Exit::Refused);
    }
    let found = suspects(patient.host(), &diagnosed(patient.host()), &whom.scope(true));
    if says_unknown(&found) {
        return Ok(Exit::Refused);
    }
    render::show(&render::isolate::clean_boot(&found));
    let steps = clean_boot::on(patient.host(), &found.suspects);
    if found.suspects.is_empty() {
        return Ok(Exit::Refused);
    }
    if !yes && !agreed("Switch them off?")? {
        return Ok(Exit::Refused);
    }
    let exit = carried_out(patient, chart, steps)?;
    render::say(&format!(
        "Restart the PC, try the update, then put everything back: unwedge clean-boot off{}",
        chart.argument
    ));
    Ok(exit)
}

fn off(patient: &mut Patient, chart: &Chart, yes: bool) -> anyhow::Result<Exit> {
    let consent = Consent { is_given: yes, json: false };
    let volumes = chart.shelf.volumes()?;
    let ours = volumes
        .iter()
        .filter(|it| it.replay.is_clean_boot() && it.replay.can_be_undone())
        .max_by_key(|it| it.number);
    if let Some(volume) = ours {
        let exit = undo::whole(consent, patient, volume)?;
        if exit == Exit::Ok {
            render::say("Restart the PC, and everything runs as it did before.");
        }
        return Ok(exit);
    }
    if unfinished(chart)? {
        return Ok(Exit::Refused);
    }
    let status = status(patient.host());
    let steps = clean_boot::put_back(patient.host(), &status);
    render::show(&render::isolate::status(&status));
    if steps.is_empty() {
        render::say("There is nothing to put back.");
        return Ok(Exit::Ok);
    }
    if !yes && !agreed("Put that back?")? {
        return Ok(Exit::Refused);
    }
    let exit = carried_out(patient, chart, steps)?;
    render::say("Restart the PC, and it runs again.");
    Ok(exit)
}

fn unfinished(chart: &Chart) -> anyhow::Result<bool> {
    let last = chart.shelf.volumes()?.pop();
    let is_open = |it: &Volume| it.replay.closed.is_none();
    let is_unfinished = last.as_ref().is_some_and(is_open);
    if is_unfinished {
        render::say(&format!(
            "An earlier repair or search is unfinished. End it first: unwedge recover{}",
            chart.argument
        ));
    }
    Ok(is_unfinished)
}

fn carried_out(
    patient: &mut Patient,
    chart: &Chart,
    steps: Vec<JournalStep>,
) -> anyhow::Result<Exit> {
    let number = chart.shelf.next_number()?;
    if let Some(export) = registry_backup::before(patient.host(), &steps)? {
        chart.shelf.keep_registry(number, &export)?;
    }
    let (path, mut store) = chart.shelf.create(number)?;
    render::keep(&path.with_extension("log"))?;
    let mut journal = Journal::create(&mut store, &patient.now(), steps)?;
    journal.record(Event::Noted { note: Note::CleanBoot })?;
    let mut teller = Teller::new();
    let outcome = execute(patient.host_mut(), &mut journal, &mut |it| {
        let _ = teller.tell(it);
        ControlFlow::Continue(())
    })?;
    let failures: Vec<String> =
        journal.replay().failures.iter().map(|(_, error)| error.clone()).collect();
    // A restart that Windows wants for other reasons proves nothing about this.
    let outcome = match outcome {
        Outcome::NeedsReboot => Outcome::Repaired,
        outcome => outcome,
    };
    journal.record(Event::Closed { outcome: outcome.clone() })?;
    for failure in &failures {
        render::say_after("  - ", failure);
    }
    Ok(match outcome {
        Outcome::Stuck { .. } => Exit::Stuck,
        _ if !failures.is_empty() => Exit::Kept,
        _ => Exit::NeedsRestart,
    })
}
