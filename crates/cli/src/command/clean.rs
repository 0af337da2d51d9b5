//! `unwedge clean`: throws away what finished repairs moved aside, once the update went through.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use serde::Serialize;
use unwedge_engine::clean::{Kept, discard, kept};
use unwedge_engine::journal::Journal;
use unwedge_engine::report::Verdict;

use super::fix::{agreed, lock};
use crate::exit::Exit;
use crate::machine::{diagnosed, named};
use crate::render::{self, heading, item, json};

/// Lists what repairs moved aside and kept, and throws it away when you say so
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    /// Only list it
    #[arg(long)]
    pub(crate) list: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct CleanReport<'a> {
    schema: u32,
    unwedge: &'static str,
    kept: Vec<Line<'a>>,
    exit: u8,
}

#[derive(Serialize)]
struct Line<'a> {
    repair: u32,
    from: &'a str,
    at: &'a str,
    size_bytes: Option<u64>,
    discarded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Runs the command.
pub(crate) fn run(args: &CleanArgs) -> anyhow::Result<Exit> {
    let named = named(args.pc.as_deref())?;
    let chart = named.chart()?;
    let volumes = match chart.shelf.exists() {
        true => chart.shelf.volumes()?,
        false => Vec::new(),
    };
    let mut patient = named.patient()?;
    let all = kept(patient.host(), &volumes)?;
    if all.is_empty() {
        if args.json {
            report(&all, &BTreeMap::new(), Exit::Ok)?;
        } else {
            render::say(&format!("Nothing that a repair moved aside is left on {}.", chart.name));
        }
        return Ok(Exit::Ok);
    }
    if !args.json {
        render::show(&listed(&all));
    }
    let exit = match args.list {
        true => Some(Exit::Ok),
        false => refusal(patient.host(), args)?,
    };
    if let Some(exit) = exit {
        if args.json {
            report(&all, &BTreeMap::new(), exit)?;
        }
        return Ok(exit);
    }
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let mut ends = BTreeMap::new();
    // Under the lock the journals are read again: they may have grown since.
    for volume in chart.shelf.volumes()? {
        for it in all.iter().filter(|it| it.repair == volume.number) {
            let mut store = volume.store()?;
            let mut journal = Journal::resume(&mut store, volume.replay.clone());
            let done = discard(patient.host_mut(), &mut journal, it);
            ends.insert(it.at.to_string(), done.err().map(|error| error.to_string()));
        }
    }
    let failed = ends.values().flatten().count();
    let exit = if failed == 0 { Exit::Ok } else { Exit::Error };
    if args.json {
        report(&all, &ends, exit)?;
        return Ok(exit);
    }
    for (at, error) in &ends {
        match error {
            None => render::say(&format!("Removed {at}.")),
            Some(error) => render::say(&format!("Not removed: {error}.")),
        }
    }
    Ok(exit)
}

/// Why nothing is thrown away now, if so.
fn refusal(host: &dyn unwedge_host::Host, args: &CleanArgs) -> anyhow::Result<Option<Exit>> {
    match diagnosed(host).verdict {
        Verdict::Healthy | Verdict::Recovered => {}
        Verdict::Failing | Verdict::NotAssessed => {
            render::say(
                "Nothing is thrown away as long as it is not shown that updates go through: what was \
                 kept may still be needed.",
            );
            return Ok(Some(Exit::Refused));
        }
    }
    let question = "Remove all of it for good? The repairs can then no longer be taken back whole.";
    match args.yes || agreed(question)? {
        true => Ok(None),
        false => Ok(Some(Exit::Refused)),
    }
}

fn listed(all: &[Kept]) -> String {
    let mut out = heading("Moved aside by repairs, and kept");
    for it in all {
        let size =
            it.size_bytes.map_or("size not known".to_owned(), |it| HumanBytes(it).to_string());
        out.push_str(&item(
            &format!("  {:04}  ", it.repair),
            "        ",
            &format!("{} ({size})", it.at),
        ));
        out.push_str(&item("        ", "        ", &format!("was {}", it.from)));
    }
    out.push('\n');
    out
}

fn report(all: &[Kept], ends: &BTreeMap<String, Option<String>>, exit: Exit) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for it in all {
        let end = ends.get(it.at.as_str());
        lines.push(Line {
            repair: it.repair,
            from: it.from.as_str(),
            at: it.at.as_str(),
            size_bytes: it.size_bytes,
            discarded: end.is_some_and(Option::is_none),
            error: end.and_then(Option::as_deref),
        });
    }
    json(&CleanReport {
        schema: unwedge_engine::plan::SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION"),
        kept: lines,
        exit: exit as u8,
    })
}
