//! `unwedge watch`: what happens while an update is installed.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use unwedge_engine::rule::RuleSet;
use unwedge_engine::timeline;
use unwedge_engine::watch::{Ending, Limits, SCHEMA, Stage, Step, Watch};

use crate::exit::Exit;
use crate::machine::open_all;
use crate::render::watch::{Bar, line};
use crate::render::{self, show};

const EXAMPLES: &str = "\
Start it, then install the update as always (Settings, Windows Update). It only looks; Ctrl-C ends it.

Examples:
  unwedge watch
  unwedge watch --kb KB5034441 --for 2h
  unwedge watch D:\\logs-that-grow --json > watch.jsonl

Ends with 0 when the update was installed, 1 when it failed or stalled, 5 when only a restart is
missing, 3 when nothing came to an end in the time given. docs/watch.md describes the lines.";

/// Follows an update while it is installed, until it succeeds, fails or stalls
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// A folder of logs that grow; on Windows none means this PC
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Only this update ends the watch
    #[arg(long, value_name = "KB", value_parser = kb)]
    kb: Option<String>,

    /// Watch no longer than this, such as 30m or 2h
    #[arg(long = "for", value_name = "LENGTH", value_parser = timeline::parse_duration)]
    at_most: Option<i64>,

    /// Look so often
    #[arg(long, value_name = "LENGTH", default_value = "2s", value_parser = timeline::parse_duration)]
    every: i64,

    /// Call it stalled when nothing was written for so long; Windows itself waits 3 hours
    #[arg(long, value_name = "LENGTH", default_value = "3h", value_parser = timeline::parse_duration)]
    stall: i64,

    /// Call it over when its log was quiet for so long
    #[arg(long, value_name = "LENGTH", default_value = "30s", value_parser = timeline::parse_duration)]
    settle: i64,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    at: Timestamp,
    stage: Stage,
    step: &'a Step,
}

/// Looks until there is an end.
pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let rules = RuleSet::built_in();
    let limits = Limits { settled: length(args.settle), stalled: length(args.stall) };
    let begun = Instant::now();
    let mut watch = {
        let host = open_all(&args.paths)?;
        let now = Timestamp::now().as_second();
        Watch::begin(&*host, &rules, args.kb.clone(), limits, now)?
    };
    render::say("Watching. Install the update now, as always; Ctrl-C ends the watch.");
    let bar = Bar::new(args.json);
    loop {
        thread::sleep(length(args.every));
        // A folder is listed when it is opened, and what it holds grows.
        let host = open_all(&args.paths)?;
        let elapsed = begun.elapsed();
        let steps = watch.look(&*host, elapsed);
        bar.show(watch.stage(), elapsed, &steps);
        for step in &steps {
            if args.json {
                let line = Line { schema: SCHEMA, at: now(), stage: watch.stage(), step };
                show(&format!("{}\n", serde_json::to_string(&line)?));
            } else if !bar.shows(step) {
                bar.above(|| show(&line(step, elapsed)));
            }
            if let Step::Ended(end) = step {
                bar.end();
                return Ok(match end.ending {
                    Ending::Succeeded => Exit::Ok,
                    Ending::NeedsRestart => Exit::NeedsRestart,
                    Ending::Failed | Ending::Stalled => Exit::Failing,
                });
            }
        }
        if args.at_most.is_some_and(|most| elapsed >= length(most)) {
            bar.end();
            render::say(match watch.stage() {
                Stage::Waiting => "Nothing was installed in that time.",
                Stage::Looking | Stage::Done => "No update came to an end in that time.",
                Stage::Downloading | Stage::Installing | Stage::Restart => {
                    "The update had not come to its end in that time."
                }
            });
            return Ok(Exit::NotAssessed);
        }
    }
}

fn length(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// To the second: what was written between two looks has no finer time.
fn now() -> Timestamp {
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn kb(given: &str) -> Result<String, String> {
    let digits = given.trim().trim_start_matches(['k', 'K']).trim_start_matches(['b', 'B']);
    if digits.len() < 6 || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("not the number of an update, such as KB5034441".to_owned());
    }
    Ok(format!("KB{digits}"))
}
