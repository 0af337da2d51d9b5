//! A folder with evidence of all kinds, and how fast it comes to a verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::made::{Shelf, write_whole};
use super::process::{finished, peak_of};
use super::table::{Row, told};
use super::texts::TEXT_LOGS;
use super::turn::{Contender, Turns, in_turn};
use super::{MIB, Options, Tools, events, hives, log, traces};

const MOST_SECONDS: f64 = 0.3;
const MOST_MEMORY_BYTES: u64 = 100_000_000;
/// More logs may not take more time each; what is started once is shared by more of them.
const MOST_GROWTH: f64 = 1.1;
/// One set of logs spans about so many days.
const DAYS_OF_A_SET: u32 = 30;
const TRACES_OF_A_SET: u64 = 42;
const BESIDE: &str = "nothing comparable (dissect.target: 5.8 s for rows alone)";

/// Writes a folder with both hives and so many sets of logs of about 22 MB each.
fn made_folder(shelf: &Shelf, sets: u32) -> anyhow::Result<PathBuf> {
    let folder = shelf.join(&format!("folder-1-{sets}"));
    let windows = folder.join("Windows");
    let done = folder.join("complete.txt");
    if done.exists() {
        return Ok(windows);
    }
    let config = windows.join("System32/config");
    fs::create_dir_all(&config)?;
    fs::copy(hives::made_system(shelf)?, config.join("SYSTEM"))?;
    fs::copy(hives::made_software(shelf)?, config.join("SOFTWARE"))?;
    for set in 0..sets {
        let days = set * DAYS_OF_A_SET;
        let mut cbs = Vec::new();
        log::write_from(&mut cbs, 14 * MIB, days)?;
        let name = match set + 1 == sets {
            true => "CBS.log".to_owned(),
            false => format!("CbsPersist_{set:06}.log"),
        };
        write_whole(&windows.join("Logs/CBS").join(name), &cbs)?;
        let name = format!("System32/winevt/Logs/System-{set:06}.evtx");
        write_whole(&windows.join(name), &events::log_of(5_200, days))?;
        let first = u64::from(set) * TRACES_OF_A_SET;
        let folder = windows.join("Logs/WindowsUpdate");
        traces::write_traces(&folder, first, TRACES_OF_A_SET)?;
        for text in &TEXT_LOGS {
            let path = windows.join(format!("Logs/{set:06}")).join(text.name);
            write_whole(&path, &text.write(MIB as usize * 4 / 5, days))?;
        }
    }
    fs::write(done, "")?;
    Ok(windows)
}

/// Measures.
pub(super) fn rows(tools: &Tools, options: &Options) -> anyhow::Result<Vec<Row>> {
    let rounds = options.rounds;
    let small = made_folder(&tools.shelf, 1)?;
    assessed(&finished(&mut diagnose(tools, &small))?.stdout)?;
    let (row, small_seconds) = row(tools, "made", &small, rounds)?;
    let mut rows = vec![row];
    let mut sizes = Vec::new();
    if !options.quick {
        sizes.push(20);
    }
    if options.large {
        sizes.push(220);
    }
    for sets in sizes {
        let large = made_folder(&tools.shelf, sets)?;
        let rounds = if sets > 100 { 3 } else { rounds };
        rows.push(growth(tools, (&small, small_seconds), &large, rounds)?);
    }
    // That one is of several PCs, of which no verdict is possible; it is read all the same.
    if let Some(real) = tools.real.folder(&tools.shelf)? {
        rows.push(self::row(tools, "real", &real, rounds)?.0);
    }
    Ok(rows)
}

fn diagnose(tools: &Tools, folder: &Path) -> Command {
    let mut command = Command::new(&tools.unwedge);
    command.args(["diagnose", "--json"]).arg(folder);
    command
}

fn row(tools: &Tools, which: &str, folder: &Path, rounds: usize) -> anyhow::Result<(Row, f64)> {
    let ours = || diagnose(tools, folder);
    let turns = in_turn(rounds, &[Contender::new(&ours)])?;
    let (seconds, peak) = (turns.seconds(0), peak_of(&ours)?);
    let met = seconds <= MOST_SECONDS && peak.is_none_or(|peak| peak < MOST_MEMORY_BYTES);
    let work = format!("evidence of all kinds to a verdict, {which}, {} MB", megabytes(folder)?);
    let goal = format!("{}, < {} MB", told(MOST_SECONDS), MOST_MEMORY_BYTES / 1_000_000);
    Ok((Row::new(&work, (seconds, peak), BESIDE, "-", &goal, Some(met)), seconds))
}

/// How much longer a folder with more logs takes, beside how many more there are.
fn growth(tools: &Tools, small: (&Path, f64), large: &Path, rounds: usize) -> anyhow::Result<Row> {
    assessed(&finished(&mut diagnose(tools, large))?.stdout)?;
    let (ours, theirs) = (|| diagnose(tools, large), || diagnose(tools, small.0));
    let turns: Turns = in_turn(rounds, &[Contender::new(&ours), Contender::new(&theirs)])?;
    let hives = megabytes(&small.0.join("System32/config"))?;
    let more = (megabytes(large)? - hives) as f64 / (megabytes(small.0)? - hives) as f64;
    let (ratio, least, most) = turns.ratio(1);
    let peak = peak_of(&ours)?;
    let met = ratio <= more * MOST_GROWTH && peak.is_none_or(|peak| peak < MOST_MEMORY_BYTES);
    Ok(Row::new(
        &format!("the same with more logs, {} MB", megabytes(large)?),
        (turns.seconds(0), peak),
        &format!("{more:.1} x the logs of the small one"),
        &format!("{ratio:.1} x its time ({least:.1} to {most:.1})"),
        &format!("at most {:.1} x, < {} MB", more * MOST_GROWTH, MOST_MEMORY_BYTES / 1_000_000),
        Some(met),
    ))
}

/// Fails unless there is a verdict on all of it.
fn assessed(said: &[u8]) -> anyhow::Result<()> {
    let said: serde_json::Value = serde_json::from_slice(said)?;
    ensure!(said["verdict"] == "failing", "the verdict is {}", said["verdict"]);
    let sources = said["sources"].as_array().context("there are no sources")?;
    let unknown = sources.iter().find(|source| source["kind"] == "unknown");
    ensure!(unknown.is_none(), "not recognised: {unknown:?}");
    Ok(())
}

fn megabytes(folder: &Path) -> anyhow::Result<u64> {
    let (mut bytes, mut open) = (0, vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => open.push(entry.path()),
                false => bytes += entry.metadata()?.len(),
            }
        }
    }
    Ok(bytes / 1_000_000)
}
