//! `unwedge undo`: takes a repair back.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use unwedge_engine::journal::{Journal, Outcome};
use unwedge_engine::repair::{Repair, step_undo, take_back, take_back_step};
use unwedge_engine::shelf::Volume;
use unwedge_host::live::state;

use super::fix::{Consent, agreed, lock};
use crate::exit::Exit;
use crate::machine::{Named, Patient, named};
use crate::render::progress::Teller;
use crate::render::{self, json};

/// Takes the last repair back, finished or interrupted
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// A .host machine or one of its journals; on Windows none means this PC
    #[arg(value_name = "PC|JOURNAL")]
    pub(crate) what: Option<PathBuf>,
    /// Take only this step back, by its number in `unwedge history`
    #[arg(long, value_name = "N")]
    pub(crate) step: Option<u32>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Do not ask, and print nothing but errors
    #[arg(long, conflicts_with = "json")]
    pub(crate) silent: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct UndoReport<'a> {
    schema: u32,
    unwedge: &'static str,
    journal: String,
    repair: &'a Repair,
    exit: u8,
}

/// Runs the command.
pub(crate) fn run(args: &UndoArgs) -> anyhow::Result<Exit> {
    if args.silent {
        render::be_silent();
    }
    let (named, wanted) = target(args.what.as_deref())?;
    let chart = named.chart_to_read()?;
    if !chart.shelf.exists() {
        render::say(&format!("No repair was ever made on {}.", chart.name));
        return Ok(Exit::Ok);
    }
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let mut patient = named.patient()?;
    let mut volumes = chart.shelf.volumes()?;
    // One that was cut off before its first step has nothing to take back, but is to be ended.
    volumes.retain(|it| it.replay.can_be_undone() || it.replay.closed.is_none());
    let Some(volume) = volumes.pop() else {
        render::say(&format!("No repair of {} is left to be taken back.", chart.name));
        return Ok(Exit::Ok);
    };
    if let Some(wanted) = wanted
        && wanted != volume.number
    {
        render::say(&format!(
            "Repair {wanted:04} is not the last one, and later ones build on it. Take back {} \
             first.",
            volume.path.display()
        ));
        return Ok(Exit::Refused);
    }
    let consent = Consent { is_given: args.yes || args.silent, json: args.json };
    match args.step {
        Some(step) => one(consent, &mut patient, &volume, step),
        None => whole(consent, &mut patient, &volume),
    }
}

/// Takes a whole repair back.
pub(crate) fn whole(
    consent: Consent,
    patient: &mut Patient,
    volume: &Volume,
) -> anyhow::Result<Exit> {
    if !consent.json {
        render::show(&render::repair::undo_plan(volume));
    }
    if !consent.is_given && !agreed("Take it back?")? {
        return Ok(Exit::Refused);
    }
    let repair = undo(patient, volume)?;
    let exit = match &repair.outcome {
        // What cannot be undone was named before anyone agreed to it.
        Outcome::RolledBack | Outcome::Kept { .. } => Exit::Ok,
        Outcome::Stuck { .. } => Exit::Stuck,
        Outcome::Repaired | Outcome::NeedsReboot => unreachable!("an undo repairs nothing"),
    };
    if consent.json {
        json(&UndoReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            journal: volume.path.display().to_string(),
            repair: &repair,
            exit: exit as u8,
        })?;
    } else {
        render::show(&render::repair::undone(&repair, &volume.path));
    }
    Ok(exit)
}

/// Takes one step back, and leaves the others as they are.
fn one(
    consent: Consent,
    patient: &mut Patient,
    volume: &Volume,
    number: u32,
) -> anyhow::Result<Exit> {
    let step = number.checked_sub(1).context("steps are counted from 1")?;
    let undo = match step_undo(&volume.replay, step) {
        Ok(undo) => undo,
        Err(why) => {
            render::say(&format!("Step {number} cannot be taken back by itself: {why}."));
            return Ok(Exit::Refused);
        }
    };
    render::say(&format!("Step {number} is going to be taken back: {undo}."));
    if !consent.is_given && !agreed("Take it back?")? {
        return Ok(Exit::Refused);
    }
    let mut store = volume.store()?;
    let mut journal = Journal::resume(&mut store, volume.replay.clone());
    let mut teller = Teller::new();
    let repair = take_back_step(patient.host_mut(), &mut journal, step, &mut |it| teller.tell(it))?;
    let exit = match &repair.outcome {
        Outcome::Stuck { .. } => Exit::Stuck,
        _ => Exit::Ok,
    };
    if consent.json {
        json(&UndoReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            journal: volume.path.display().to_string(),
            repair: &repair,
            exit: exit as u8,
        })?;
    } else if exit == Exit::Ok {
        render::say(&format!("Step {number} has been taken back; the others stay as they are."));
    } else {
        render::show(&render::repair::undone(&repair, &volume.path));
    }
    Ok(exit)
}

fn undo(patient: &mut Patient, volume: &Volume) -> anyhow::Result<Repair> {
    let mut store = volume.store()?;
    let mut journal = Journal::resume(&mut store, volume.replay.clone());
    let mut teller = Teller::new();
    Ok(take_back(patient.host_mut(), &mut journal, &mut |it| teller.tell(it))?)
}

/// The PC, and the number of the journal if one was named.
fn target(what: Option<&Path>) -> anyhow::Result<(Named, Option<u32>)> {
    let journal = what.filter(|it| it.extension().is_some_and(|it| it == "journal"));
    let Some(journal) = journal else { return Ok((named(what)?, None)) };
    let volume = unwedge_engine::shelf::open(journal)?;
    let folder = journal.canonicalize()?;
    let folder = folder.parent().context("a journal lies in a folder")?;
    let beside = folder.to_str().and_then(|it| it.strip_suffix(".unwedge"));
    let named = match beside {
        Some(pc) => Named::Fixture(PathBuf::from(pc)),
        None if is_this_pc(folder) => Named::This,
        None => bail!("this journal does not lie where those of a PC are kept"),
    };
    Ok((named, Some(volume.number)))
}

/// Whether a journal lies where those of this PC are kept, by its path alone: only an administrator
/// may look there.
pub(crate) fn is_kept_here(journal: &Path) -> bool {
    let lower = |path: &Path| path.to_string_lossy().to_lowercase();
    let own = state::place().ok();
    journal.parent().zip(own).is_some_and(|(folder, own)| lower(folder) == lower(&own))
}

fn is_this_pc(folder: &Path) -> bool {
    let own = unwedge_host::live::Live::open().ok().and_then(|_| state::place().ok());
    own.and_then(|own| own.canonicalize().ok()).is_some_and(|own| own == folder)
}
