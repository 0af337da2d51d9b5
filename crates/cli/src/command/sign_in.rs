//! `unwedge sign-in`: what the scheduled task shows to an administrator who signs in while a search is under
//! way or a repair is not over: what is going on, and how to stop it.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use unwedge_engine::isolate::note::Test;
use unwedge_engine::isolate::under_way;
use unwedge_engine::resume;
use unwedge_engine::shelf::{Lock, Shelf, ShelfError};

use super::fix::Consent;
use super::isolate;
use crate::exit::Exit;
use crate::machine::{Chart, Named, named};
use crate::render;

/// What goes on with the start of Windows may be at work for so long before anybody can be asked.
const MOST_WAITS: u32 = 150;
const BETWEEN: Duration = Duration::from_secs(2);
/// Nobody is at it now, and nobody is asked for a consent that was given when the search began.
const CONSENT: Consent = Consent { is_given: true, json: false };

/// Tells what unwedge is at, and lets it be stopped
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &SignInArgs) -> anyhow::Result<Exit> {
    let named = named(args.pc.as_deref())?;
    let chart = named.chart_to_read()?;
    if !chart.shelf.exists() {
        return Ok(Exit::Ok);
    }
    let Some(last) = chart.shelf.volumes()?.pop() else { return Ok(Exit::Ok) };
    if let Some(it) = under_way(&last.replay) {
        render::show(&render::isolate::under_way(&it));
        return match it.test {
            Test::Question => answers(&named, &chart),
            Test::Update { .. } | Test::Command { .. } => may_stop(&named, &chart),
        };
    }
    if resume::waits(&last.replay) || last.replay.closed.is_none() {
        render::say(&format!(
            "A repair or search of {} is not over; it goes on, or is taken back, by itself. `unwedge \
             history` tells how it ended.",
            chart.name
        ));
        asked("Press Enter to close this window. ")?;
    }
    Ok(Exit::Ok)
}

/// Lets whoever signed in say whether it works now.
fn answers(named: &Named, chart: &Chart) -> anyhow::Result<Exit> {
    let Some(_lock) = patient_lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    // What went on with it meanwhile may have come to its end.
    match chart.shelf.volumes()?.pop() {
        Some(volume) if under_way(&volume.replay).is_some() => {
            isolate::taken_up(CONSENT, &mut named.patient()?, chart, volume)
        }
        Some(_) | None => Ok(Exit::Ok),
    }
}

fn may_stop(named: &Named, chart: &Chart) -> anyhow::Result<Exit> {
    let answer =
        asked("Type stop to end it and put everything back, or press Enter to leave it: ")?;
    match answer.trim().eq_ignore_ascii_case("stop") {
        true => isolate::stopped(CONSENT, named, chart),
        false => Ok(Exit::Ok),
    }
}

/// The lock, after whoever is at work right now.
fn patient_lock(shelf: &Shelf) -> anyhow::Result<Option<Lock>> {
    for waits in 0..MOST_WAITS {
        match shelf.lock() {
            Ok(lock) => return Ok(Some(lock)),
            Err(ShelfError::Busy { .. }) if waits == 0 => {
                render::say("It is at work right now; you are asked as soon as that is done.");
            }
            Err(ShelfError::Busy { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        thread::sleep(BETWEEN);
    }
    render::say("It is still at work; run `unwedge isolate` later to answer.");
    Ok(None)
}

/// One line of whoever is there; nothing if nobody is.
fn asked(question: &str) -> anyhow::Result<String> {
    let mut talk = anstream::stderr();
    write!(talk, "{question}")?;
    talk.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
