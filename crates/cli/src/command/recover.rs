//! `unwedge recover`: after a crash or a power cut in the middle of a repair.

use std::path::PathBuf;

use clap::Args;
use unwedge_engine::report::Verdict;
use unwedge_engine::resume::Resumed;
use unwedge_engine::shelf::Volume;
use unwedge_engine::{guard, resume};

use super::fix::{Consent, ended, finish, lock, reopened};
use super::{isolate, undo};
use crate::exit::Exit;
use crate::machine::{Chart, Patient, diagnosed, named};
use crate::render::{self, progress::Teller};

/// Ends a repair that was interrupted by a crash or a power cut: takes it back, or completes it
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    /// Complete it instead of taking it back
    #[arg(long)]
    pub(crate) complete: bool,
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

/// Runs the command.
pub(crate) fn run(args: &RecoverArgs) -> anyhow::Result<Exit> {
    if args.silent {
        render::be_silent();
    }
    let named = named(args.pc.as_deref())?;
    let chart = named.chart()?;
    let nothing = || {
        // What stood by for a repair that ended otherwise is not needed any more.
        let mut teller = Teller::new();
        guard::stand_down(named.patient()?.host_mut(), &mut |it| teller.tell(it));
        render::say(&format!("No repair of {} was interrupted.", chart.name));
        Ok(Exit::Ok)
    };
    if !chart.shelf.exists() {
        return nothing();
    }
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let consent = Consent { is_given: args.yes || args.silent, json: args.json };
    let volume = match chart.shelf.volumes()?.pop() {
        Some(volume) if resume::waits(&volume.replay) => {
            return looked_again(consent, &mut named.patient()?, &chart, volume);
        }
        // What stands by goes on with a search, within its limits; a person who says recover wants it
        // to end, unless he says otherwise.
        Some(volume) if volume.replay.closed.is_none() && volume.replay.is_search() => {
            let mut patient = named.patient()?;
            return match args.silent || args.complete {
                true => isolate::taken_up(consent, &mut patient, &chart, volume),
                false => isolate::put_back(consent, &mut patient, &chart, volume),
            };
        }
        Some(volume) if volume.replay.closed.is_none() => volume,
        Some(_) | None => return nothing(),
    };
    let mut patient = named.patient()?;
    match args.complete {
        true => finish(consent, &mut patient, &chart, volume),
        false => undo::whole(consent, &mut patient, &volume),
    }
}

/// After the restart a repair waited for: says whether the update is in.
fn looked_again(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    volume: Volume,
) -> anyhow::Result<Exit> {
    let path = volume.path.clone();
    let resumed = reopened(volume, |journal, teller| {
        let host = patient.host_mut();
        Ok(resume::after_restart(host, journal, &diagnosed, &mut |it| teller.tell(it))?)
    })?;
    match resumed {
        Resumed::StillWaits => {
            render::say(&format!("The repair of {} waits for a restart of Windows.", chart.name));
            Ok(Exit::NeedsRestart)
        }
        // It failed when the repair began, or there would have been none.
        Resumed::Ended(repair) => ended(consent, *repair, chart, &path, Verdict::Failing),
    }
}
