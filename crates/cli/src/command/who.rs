//! `unwedge who`: who holds a file, in which way, and what may be done about it.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use jiff::Timestamp;
use serde::Serialize;
use unwedge_engine::timeline;
use unwedge_engine::who::{Answer, SCHEMA, Told, Turn, Turns, ask, update_paths};
use unwedge_host::{Host, WinPath};

use crate::exit::Exit;
use crate::machine::{Named, named, open};
use crate::render::who::{Shown, line, text};
use crate::render::{self, json, show};

const EXAMPLES: &str = "\
It only looks: nothing is closed, stopped or changed. Started as administrator it sees more.

Examples:
  unwedge who C:\\Windows\\SoftwareDistribution\\DataStore\\DataStore.edb
  unwedge who D:\\Projects .\\report.docx
  unwedge who --update
  unwedge who --update --watch --for 2h

Ends with 0 when nobody holds it, 1 when somebody does, 3 when nobody was found but not everyone
could be looked at, 2 when it is not there. docs/who.md describes what is told.";

/// Tells who holds a file or folder, how, and what may be done about it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WhoArgs {
    /// Files, or folders with all that lies in them
    #[arg(value_name = "PATH", required_unless_present = "update")]
    paths: Vec<PathBuf>,

    /// All that Windows Update and servicing write to
    #[arg(long)]
    update: bool,

    /// Ask about another PC than this one: one written down as a .host file
    #[arg(long, value_name = "FILE")]
    pc: Option<PathBuf>,

    /// Show also who keeps nobody out
    #[arg(long)]
    all: bool,

    /// Print JSON; with --watch one object a line
    #[arg(long)]
    json: bool,

    /// Go on looking, and tell who comes and who goes until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// Watch no longer than this, such as 30m or 2h
    #[arg(long = "for", value_name = "LENGTH", requires = "watch", value_parser = timeline::parse_duration)]
    at_most: Option<i64>,

    /// Look so often
    #[arg(long, value_name = "LENGTH", default_value = "2s", requires = "watch", value_parser = timeline::parse_duration)]
    every: i64,
}

/// A line of `--watch --json`.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    at: Timestamp,
    turn: &'a Turn,
}

/// Runs the command.
pub(crate) fn run(args: &WhoArgs) -> anyhow::Result<Exit> {
    let pc = named(args.pc.as_deref())?;
    let host = open(&pc)?;
    let paths = asked(args, &pc, &*host)?;
    if args.watch {
        drop(host);
        return watch(args, &pc, &paths);
    }
    let answer = ask(&*host, &paths);
    if !args.update && answer.absent.len() == paths.len() {
        bail!("there is no {}", answer.absent.join(", no "));
    }
    if args.json {
        json(&answer)?;
    } else {
        let shown = if args.all { Shown::All } else { Shown::WhatCounts };
        show(&text(&answer, host.about(), shown));
    }
    Ok(exit(answer.told))
}

fn exit(told: Told) -> Exit {
    match told {
        Told::Nobody => Exit::Ok,
        Told::Somebody => Exit::Failing,
        Told::CouldNotTell => Exit::NotAssessed,
    }
}

/// What is asked about, as Windows spells it.
fn asked(args: &WhoArgs, pc: &Named, host: &dyn Host) -> anyhow::Result<Vec<WinPath>> {
    let mut paths = Vec::new();
    for path in &args.paths {
        let path = match pc {
            // From the folder in which the user is.
            Named::This => std::path::absolute(path)?,
            Named::Fixture(_) | Named::Collected(_) => path.clone(),
        };
        let path = WinPath::new(&path.to_string_lossy());
        if !is_whole(path.as_str()) {
            bail!("{path} is not a whole path of Windows, such as C:\\Windows\\WinSxS");
        }
        paths.push(path);
    }
    if args.update {
        paths.extend(update_paths(host));
    }
    Ok(paths)
}

fn is_whole(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':'] | [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic())
        || path.starts_with(r"\\")
}

fn watch(args: &WhoArgs, pc: &Named, paths: &[WinPath]) -> anyhow::Result<Exit> {
    render::say("Watching who comes and who goes; Ctrl-C ends it.");
    let begun = Instant::now();
    let mut turns = Turns::default();
    let mut worst = Told::Nobody;
    loop {
        let host = open(pc)?;
        let answer: Answer = ask(&*host, paths);
        worst = match (worst, answer.told) {
            (Told::Somebody, _) | (_, Told::Somebody) => Told::Somebody,
            (Told::CouldNotTell, _) | (_, Told::CouldNotTell) => Told::CouldNotTell,
            (Told::Nobody, Told::Nobody) => Told::Nobody,
        };
        let at = now();
        for turn in &turns.turn(&answer) {
            if args.json {
                let line = Line { schema: SCHEMA, at, turn };
                show(&format!("{}\n", serde_json::to_string(&line)?));
            } else {
                show(&line(turn, at, host.about().utc_offset_minutes));
            }
        }
        let most = args.at_most.map(seconds);
        if most.is_some_and(|most| begun.elapsed() + seconds(args.every) > most) {
            return Ok(exit(worst));
        }
        thread::sleep(seconds(args.every));
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// To the second: what happened between two looks has no finer time.
fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH)
}
