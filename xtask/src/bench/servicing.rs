//! One CBS.log of any size to a verdict, beside the tools that people search and read it with.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use unwedge_formats::log::{Records, Statement, statement};

use super::made::Shelf;
use super::process::{executable, finished, peak_of};
use super::table::{Row, median, memory, told};
use super::turn::{Contender, in_turn};
use super::{MIB, Options, Tools, log};

/// Sixty strings a person would search such a log for: codes, names of codes, phrases.
const LITERALS: &str = include_str!("literals.txt");
/// Beside a search that only counts.
const MOST_OF_RIPGREP: f64 = 1.5;
const LEAST_OF_CMTRACE: f64 = 40.0;
const MOST_MEMORY_BYTES: u64 = 64_000_000;
const LEAST_PARSED_MB: f64 = 300.0;

/// The log and what it is searched for.
struct Searched<'t> {
    tools: &'t Tools,
    literals: PathBuf,
    log: PathBuf,
    written: log::Written,
}

/// Measures.
pub(super) fn rows(tools: &Tools, options: &Options) -> anyhow::Result<Vec<Row>> {
    let literals = tools.shelf.join("literals.txt");
    fs::write(&literals, LITERALS)?;
    let size = if options.quick { 32 * MIB } else { 256 * MIB };
    let (log, written) = log_of(&tools.shelf, size)?;
    let searched = Searched { tools, literals, log, written };
    searched.same_results()?;
    let small = log_of(&tools.shelf, 16 * MIB)?.0;
    let small = peak_of(&|| searched.unwedge(&small))?;
    let large = peak_of(&|| searched.unwedge(&searched.log))?;
    let mut rows = searched.beside_peers(options.rounds, large)?;
    rows.push(memory_row(small, large));
    rows.push(searched.parse_row(options.rounds)?);
    Ok(rows)
}

impl Searched<'_> {
    fn unwedge(&self, log: &Path) -> Command {
        let mut command = Command::new(&self.tools.unwedge);
        command.args(["diagnose", "--json"]).arg(log);
        command
    }

    fn ripgrep(&self) -> Command {
        let mut command = Command::new("rg");
        command.args(["-c", "-F", "-f"]).arg(&self.literals).arg(&self.log);
        command
    }

    fn cmtrace(&self) -> Result<Command, String> {
        let mut command = Command::new(self.tools.peers.as_ref()?.join(executable("cmtrace")));
        command.arg(&self.log);
        Ok(command)
    }

    /// Speed at a wrong answer is worth nothing.
    fn same_results(&self) -> anyhow::Result<()> {
        let said = finished(&mut self.unwedge(&self.log))?.stdout;
        let said: serde_json::Value = serde_json::from_slice(&said)?;
        ensure!(said["verdict"] == "failing", "the verdict is {}", said["verdict"]);
        ensure!(said["sources"][0]["lines"] == self.written.lines, "lines were lost");
        let findings = said["findings"].as_array().context("there are no findings")?;
        let lock = findings.iter().find(|finding| finding["rule"] == "file-locked");
        let lock = lock.context("the lock was not found")?.to_string();
        let file = serde_json::to_string(log::LOCKED_FILE)?;
        ensure!(lock.contains(&file), "the locked file is not named: {lock}");
        let line = format!("\"line\":{},", self.written.lock_line);
        ensure!(lock.contains(&line), "line {} is not cited: {lock}", self.written.lock_line);
        if self.tools.ripgrep.is_ok() {
            let mut command = Command::new("rg");
            command.args(["-n", "-F", log::LOCKED_FILE]).arg(&self.log);
            let hits = String::from_utf8_lossy(&finished(&mut command)?.stdout).into_owned();
            let wanted = format!("{}:", self.written.lock_line);
            ensure!(hits.starts_with(&wanted), "rg finds the file elsewhere");
        }
        if let Ok(mut cmtrace) = self.cmtrace() {
            let said = finished(&mut cmtrace)?.stdout;
            let said = String::from_utf8_lossy(&said).into_owned();
            let wanted = format!("{} ", self.written.lines);
            ensure!(said.starts_with(&wanted), "cmtrace reads other lines: {said}");
        }
        Ok(())
    }

    fn beside_peers(&self, rounds: usize, peak: Option<u64>) -> anyhow::Result<Vec<Row>> {
        /// A slow peer need not run as often for a ratio of forty.
        const ROUNDS_OF_CMTRACE: usize = 3;
        let megabytes = fs::metadata(&self.log)?.len() / 1_000_000;
        let work = format!("CBS.log to a verdict, {megabytes} MB");
        let ours = || self.unwedge(&self.log);
        let mut rows = Vec::new();
        let peer = "rg -c -F, 60 literals";
        rows.push(match &self.tools.ripgrep {
            Err(why) => Row::alone(&work, &ours, rounds, peer, why)?,
            Ok(()) => {
                let theirs = || self.ripgrep();
                let turns = in_turn(rounds, &[Contender::new(&ours), Contender::new(&theirs)])?;
                Row::within(&work, &turns, peer, MOST_OF_RIPGREP, peak)?
            }
        });
        let peer = "cmtraceopen-parser 0.1.1";
        rows.push(match self.cmtrace() {
            Err(why) => Row::alone(&work, &ours, rounds, peer, &why)?,
            Ok(_) => {
                let theirs = || self.cmtrace().expect("it was there a moment ago");
                let slow = Contender::slow(&theirs, ROUNDS_OF_CMTRACE);
                let turns = in_turn(rounds, &[Contender::new(&ours), slow])?;
                Row::faster(&work, &turns, 1, peer, LEAST_OF_CMTRACE, peak)
            }
        });
        Ok(rows)
    }

    /// Every record with what it says, in this process and on one core.
    fn parse_row(&self, rounds: usize) -> anyhow::Result<Row> {
        let bytes = fs::read(&self.log)?;
        let mut times = Vec::new();
        for _ in 0..rounds.max(1) {
            let start = Instant::now();
            let read = parsed(&bytes);
            times.push(start.elapsed().as_secs_f64());
            ensure!(read.gaps == 0 && read.statements > 0, "the parser gave {read:?}");
        }
        let speed = bytes.len() as f64 / 1e6 / median(&times);
        let (time, speed_told) = (told(median(&times)), format!("{speed:.0} MB/s"));
        let goal = format!("at least {LEAST_PARSED_MB} MB/s");
        let cells = ["every record parsed, one core", &time, "-", "-", &speed_told, &goal];
        Ok(Row::of(cells, Some(speed >= LEAST_PARSED_MB)))
    }
}

fn memory_row(small: Option<u64>, large: Option<u64>) -> Row {
    let work = "memory for a CBS.log of any size";
    let (Some(small), Some(large)) = (small, large) else {
        return Row::of([work, "-", "-", "16 MiB", "-", "skipped: told on Linux only"], None);
    };
    let ratio = large as f64 / small as f64;
    let met = large < MOST_MEMORY_BYTES && ratio < 1.25;
    let beside = format!("a log of 16 MiB: {}", memory(Some(small)));
    let goal = format!("< {} MB, the same", MOST_MEMORY_BYTES / 1_000_000);
    Row::of([work, "-", &memory(Some(large)), &beside, &format!("{ratio:.2} x"), &goal], Some(met))
}

/// What the full parse of a log gave.
#[derive(Debug, Default)]
struct Read {
    records: u64,
    statements: u64,
    sessions: u64,
    gaps: u64,
}

/// Reads every record with what it says, on one core.
fn parsed(log: &[u8]) -> Read {
    let mut read = Read::default();
    for record in Records::new(log, 1) {
        let Ok(record) = record else {
            read.gaps += 1;
            continue;
        };
        read.records += 1;
        let text = String::from_utf8_lossy(record.text);
        if let Some(said) = statement(record.header.component, &text) {
            read.statements += 1;
            read.sessions += u64::from(matches!(said, Statement::SessionOpened { .. }));
        }
    }
    read
}

/// The log of that size, made if it is not there, and what stands in it.
fn log_of(folder: &Shelf, size_bytes: u64) -> anyhow::Result<(PathBuf, log::Written)> {
    let name = format!("cbs-{}-{}", log::VERSION, size_bytes / MIB);
    let (path, about) = (folder.join(&format!("{name}.log")), folder.join(&format!("{name}.txt")));
    if let Ok(told) = fs::read_to_string(&about)
        && path.exists()
    {
        let mut numbers = told.split_whitespace().map(str::parse);
        let mut number = || numbers.next().context("a number is missing")?.context("no number");
        return Ok((path, log::Written { lines: number()?, lock_line: number()? }));
    }
    let mut file = BufWriter::new(fs::File::create(&path)?);
    let written = log::write(&mut file, size_bytes)?;
    file.flush()?;
    // Written last: a log that was cut short has none.
    fs::write(about, format!("{} {}\n", written.lines, written.lock_line))?;
    Ok((path, written))
}
