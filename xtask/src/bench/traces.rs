//! Traces of Windows Update, and how fast they become text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use unwedge_formats::etl::write::EtlBuilder;

use super::Tools;
use super::made::{Shelf, write_whole};
use super::process::{finished, peak_of};
use super::random::Random;
use super::table::Row;
use super::turn::{Contender, in_turn};

const GOAL: f64 = 300.0;
const SCRIPT: &str = include_str!("../../bench-peers/src/etl.py");
/// 2025-03-17T15:43:15Z.
const START: u64 = 133_866_997_950_000_000;
/// So many events a file.
const EVENTS: u64 = 198;
const COMPONENTS: [&str; 8] =
    ["Agent", "ProtocolTalker", "Misc", "SLS", "DownloadManager", "Handler", "ComApi", "IdleTimer"];
const TEXTS: [&str; 8] = [
    "* START * Finding updates CallerId = Update;taskhostw  Id = 1",
    "Online = Yes; Interactive = No; AllowCachedResults = No; Ignore download priority = No",
    "ServiceID = {855E8A7C-ECB4-4CA3-B045-1DFA50104289} Third party service",
    "Search Scope = {Machine}, caller SID for applicability: S-1-5-18",
    "Got ServiceID 9482F4B4-E343-43B6-B170-9A65BC822C77 data, endpoint https://update.contoso.example/v6/ClientWebService/client.asmx",
    "SyncUpdates round trips: 4, evaluated applicable updates: 63, deployed: 63, found 0",
    "*FAILED* [80240438] Method failed [AgentProtocolTalker::GetCookie_WithRecovery:431]",
    "* END * Finding updates CallerId = Update;taskhostw  Id = 1, exit code = 0x00000000, updates found = 3",
];

/// One trace; `number` tells it from others and is when it was written.
pub(super) fn trace(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut after = 0;
    let mut trace = EtlBuilder::new(START + number * 3_600 * 10_000_000);
    for event in 0..EVENTS {
        after += random.below(20_000_000);
        let text = format!("{} (step {number}.{event})", random.of(&TEXTS));
        let thread = 4_000 + random.below(40) as u32 * 4;
        trace = trace.update(after, 18_348, thread, random.of(&COMPONENTS), &text);
    }
    trace.finish()
}

/// Writes so many traces into a folder, the first with this number.
pub(super) fn write_traces(folder: &Path, first: u64, count: u64) -> anyhow::Result<()> {
    for number in first..first + count {
        let path = folder.join(format!("WindowsUpdate.{number:06}.etl"));
        if !path.exists() {
            write_whole(&path, &trace(number))?;
        }
    }
    Ok(())
}

fn made_traces(shelf: &Shelf, count: u64) -> anyhow::Result<PathBuf> {
    let folder = shelf.join(&format!("traces-1-{count}"));
    write_traces(&folder, 0, count)?;
    Ok(folder)
}

/// Measures.
pub(super) fn rows(tools: &Tools, rounds: usize, quick: bool) -> anyhow::Result<Vec<Row>> {
    let count = if quick { 42 } else { 420 };
    let mut rows = vec![row(tools, "made", &made_traces(&tools.shelf, count)?, rounds)?];
    if let Some(real) = tools.real.traces(&tools.shelf, count / 42)? {
        rows.push(row(tools, "real", &real, rounds)?);
    }
    Ok(rows)
}

fn row(tools: &Tools, which: &str, folder: &Path, rounds: usize) -> anyhow::Result<Row> {
    let ours = || {
        let mut command = Command::new(&tools.unwedge);
        command.args(["decode", "--utc"]).arg(folder);
        command
    };
    let files = files_in(folder)?;
    let work = format!("{} traces of Windows Update to text, {which}", files.len());
    let peer = "dissect.etl 3.14";
    let script = tools.shelf.join("etl.py");
    let python = match python(&tools.shelf) {
        Ok(python) => python,
        Err(why) => return Row::alone(&work, &ours, rounds, peer, &why),
    };
    fs::write(&script, SCRIPT)?;
    let theirs = || {
        let mut command = Command::new(&python);
        command.arg(&script).args(&files);
        command
    };
    same(&finished(&mut ours())?.stdout, &finished(&mut theirs())?.stdout)
        .with_context(|| format!("not the same texts of {}", folder.display()))?;
    // Seconds beside milliseconds: three rounds say enough.
    let turns = in_turn(rounds.max(4), &[Contender::new(&ours), Contender::slow(&theirs, 3)])?;
    Ok(Row::faster(&work, &turns, 1, peer, GOAL, peak_of(&ours)?))
}

/// Python with the package; a virtual environment beside the inputs is used when it is there.
fn python(shelf: &Shelf) -> Result<PathBuf, String> {
    let own = shelf.join("venv/bin/python");
    let python = if own.exists() { own } else { PathBuf::from("python3") };
    let asked = Command::new(&python).args(["-c", "import dissect.etl"]).output();
    match asked {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) | Err(_) => {
            let venv = shelf.join("venv");
            let venv = venv.display();
            Err(format!("needs python3 -m venv {venv} && {venv}/bin/pip install dissect.etl==3.14"))
        }
    }
}

fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => open.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Fails unless both give the same texts, as often.
fn same(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    /// In a line of WindowsUpdate.log: date, time, process, thread and component.
    const WORDS_BEFORE: usize = 5;
    let ours = String::from_utf8_lossy(ours);
    let mut ours: Vec<String> = ours.lines().map(|line| words(line, WORDS_BEFORE)).collect();
    let theirs = String::from_utf8_lossy(theirs);
    let mut theirs: Vec<String> = theirs.lines().map(|line| words(line, 0)).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    ensure!(!ours.is_empty(), "nothing was decoded");
    ensure!(ours.len() == theirs.len(), "{} texts, for the peer {}", ours.len(), theirs.len());
    let differs = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    ensure!(differs.is_none(), "the texts differ: {differs:?}");
    Ok(())
}

/// What is said behind so many words, without how it is laid out: long names move the text.
fn words(line: &str, behind: usize) -> String {
    line.split_whitespace().skip(behind).collect::<Vec<_>>().join(" ")
}
