//! `unwedge recover`: after a crash or a power cut in the middle of a repair.

use std::path::PathBuf;

use clap::Args;
use unwedge_engine::guard;

use super::fix::{Consent, finish, lock};
use super::undo;
use crate::exit::Exit;
use crate::machine::named;
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
    let interrupted = chart.shelf.volumes()?.pop().filter(|it| it.replay.closed.is_none());
    let Some(volume) = interrupted else { return nothing() };
    let mut patient = named.patient()?;
    let consent = Consent { is_given: args.yes || args.silent, json: args.json };
    match args.complete {
        true => finish(consent, &mut patient, &chart, volume),
        false => undo::whole(consent, &mut patient, &volume),
    }
}
