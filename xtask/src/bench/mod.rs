//! Measures unwedge on one CBS.log beside the tools that people use, in turn and in one run.
//!
//! Whole processes are timed from outside, with the file in the page cache. Tools take turns
//! within a round, because a machine is faster in one minute than in the next: the ratios hold,
//! the seconds only on this machine.

mod log;
mod process;
mod table;

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use unwedge_formats::log::{Records, Statement, statement};

use process::{Finished, finished, peak_bytes};
use table::{Row, median, print};

const MIB: u64 = 1 << 20;
/// Sixty strings a person would search such a log for: codes, names of codes, phrases.
const LITERALS: &str = include_str!("literals.txt");

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Use a log of 32 MiB instead of 256, to try it out
    #[arg(long)]
    quick: bool,
    /// How often each tool runs
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// What there is to measure with.
struct Bench {
    unwedge: PathBuf,
    cmtrace: Result<PathBuf, String>,
    ripgrep: Result<(), String>,
    literals: PathBuf,
    log: PathBuf,
    written: log::Written,
}

/// Times of the rounds, in seconds.
#[derive(Default)]
struct Times {
    unwedge: Vec<f64>,
    ripgrep: Vec<f64>,
    cmtrace: Vec<f64>,
    parse: Vec<f64>,
}

/// Measures, and prints one table.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release(options);
    }
    let target = std::env::current_exe()?
        .ancestors()
        .nth(2)
        .context("this program does not lie in a target folder")?
        .to_path_buf();
    let bench = Bench::prepare(&target, if options.quick { 32 * MIB } else { 256 * MIB })?;
    bench.same_results()?;
    let times = bench.rounds(options.rounds.max(1))?;
    let small = log_of(&target.join("bench"), 16 * MIB)?.0;
    let peaks = (bench.peak(&small)?, bench.peak(&bench.log)?);
    print(&bench.log, fs::metadata(&bench.log)?.len(), &bench.rows(&times, peaks)?)
}

/// The parser is measured in this process, so this process has to be optimised too.
fn again_in_release(options: &Options) -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--", "bench"]);
    cargo.args(["--rounds", &options.rounds.to_string()]);
    if options.quick {
        cargo.arg("--quick");
    }
    ensure!(cargo.status()?.success(), "the optimised bench failed");
    Ok(())
}

impl Bench {
    fn prepare(target: &Path, size_bytes: u64) -> anyhow::Result<Bench> {
        let folder = target.join("bench");
        fs::create_dir_all(&folder)?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        build(Command::new(env!("CARGO")).args(["--package", "unwedge"]), target)?;
        let peers = target.join("bench-peers");
        let manifest = root.join("bench-peers/Cargo.toml");
        let cmtrace =
            build(Command::new(env!("CARGO")).arg("--manifest-path").arg(manifest), &peers)
                .map(|()| peers.join("release").join(process::executable("cmtrace")))
                .map_err(|error| format!("not built: {error}"));
        let ripgrep = match Command::new("rg").arg("--version").output() {
            Ok(_) => Ok(()),
            Err(_) => Err("install it: apt-get install ripgrep, or cargo install ripgrep".into()),
        };
        let literals = folder.join("literals.txt");
        fs::write(&literals, LITERALS)?;
        let (log, written) = log_of(&folder, size_bytes)?;
        let unwedge = target.join("release").join(process::executable("unwedge"));
        Ok(Bench { unwedge, cmtrace, ripgrep, literals, log, written })
    }

    fn unwedge(&self, log: &Path) -> Command {
        let mut command = Command::new(&self.unwedge);
        command.args(["diagnose", "--json"]).arg(log);
        command
    }

    fn ripgrep(&self) -> Command {
        let mut command = Command::new("rg");
        command.args(["-c", "-F", "-f"]).arg(&self.literals).arg(&self.log);
        command
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
        if self.ripgrep.is_ok() {
            let mut command = Command::new("rg");
            command.args(["-n", "-F", log::LOCKED_FILE]).arg(&self.log);
            let hits = String::from_utf8_lossy(&finished(&mut command)?.stdout).into_owned();
            let wanted = format!("{}:", self.written.lock_line);
            ensure!(hits.starts_with(&wanted), "rg finds the file elsewhere");
        }
        if let Ok(cmtrace) = &self.cmtrace {
            let said = finished(Command::new(cmtrace).arg(&self.log))?.stdout;
            let said = String::from_utf8_lossy(&said).into_owned();
            let wanted = format!("{} ", self.written.lines);
            ensure!(said.starts_with(&wanted), "cmtrace reads other lines: {said}");
        }
        Ok(())
    }

    fn rounds(&self, rounds: usize) -> anyhow::Result<Times> {
        /// A slow peer need not run as often for a ratio of forty.
        const MOST_OF_CMTRACE: usize = 3;
        let mut times = Times::default();
        let bytes = fs::read(&self.log)?;
        for round in 0..rounds {
            times.unwedge.push(finished(&mut self.unwedge(&self.log))?.seconds);
            if self.ripgrep.is_ok() {
                times.ripgrep.push(finished(&mut self.ripgrep())?.seconds);
            }
            if let Ok(cmtrace) = &self.cmtrace
                && round < MOST_OF_CMTRACE
            {
                times.cmtrace.push(finished(Command::new(cmtrace).arg(&self.log))?.seconds);
            }
            let start = Instant::now();
            let read = parsed(&bytes);
            times.parse.push(start.elapsed().as_secs_f64());
            ensure!(read.gaps == 0 && read.statements > 0, "the parser gave {read:?}");
        }
        Ok(times)
    }

    /// The most memory that a diagnosis of `log` held; the largest of some runs.
    fn peak(&self, log: &Path) -> anyhow::Result<Option<u64>> {
        let mut most = None;
        for _ in 0..5 {
            most = most.max(peak_bytes(&mut self.unwedge(log))?);
        }
        Ok(most)
    }

    fn rows(&self, times: &Times, peaks: (Option<u64>, Option<u64>)) -> anyhow::Result<Vec<Row>> {
        let ours = median(&times.unwedge);
        let size_mb = fs::metadata(&self.log)?.len() as f64 / 1e6;
        let seconds = |s: f64| format!("{s:.3} s");
        let verdict = "log to verdict";
        let beside_ripgrep = match &self.ripgrep {
            Err(why) => Row::skipped(verdict, "rg -c -F -f 60 literals", why),
            Ok(()) => {
                let theirs = median(&times.ripgrep);
                let met = Some(ours <= 2.5 * theirs);
                let ratio = format!("{:.2} x its time", ours / theirs);
                Row::new(
                    verdict,
                    &seconds(ours),
                    &format!("rg 60 literals {}", seconds(theirs)),
                    &ratio,
                    "at most 2.5 x",
                    met,
                )
            }
        };
        let beside_cmtrace = match &self.cmtrace {
            Err(why) => Row::skipped(verdict, "cmtraceopen-parser 0.1.1", why),
            Ok(_) => {
                let theirs = median(&times.cmtrace);
                let ratio = format!("{:.0} x faster", theirs / ours);
                let peer = format!("cmtraceopen-parser {}", seconds(theirs));
                Row::new(
                    verdict,
                    &seconds(ours),
                    &peer,
                    &ratio,
                    "at least 40 x",
                    Some(theirs >= 40.0 * ours),
                )
            }
        };
        let memory = match peaks {
            (Some(small), Some(large)) => {
                let mb = |bytes: u64| bytes as f64 / 1e6;
                let met = large < 100_000_000 && mb(large) < mb(small) * 1.25 + 1.0;
                let peer = format!("a log of 16 MiB: {:.1} MB", mb(small));
                let ratio = format!("{:.2} x", mb(large) / mb(small));
                Row::new(
                    "peak memory",
                    &format!("{:.1} MB", mb(large)),
                    &peer,
                    &ratio,
                    "< 100 MB, the same",
                    Some(met),
                )
            }
            _ => Row::skipped("peak memory", "a log of 16 MiB", "told on Linux only"),
        };
        let speed = size_mb / median(&times.parse);
        let goal = "at least 300 MB/s";
        let parse = Row::new(
            "every record parsed",
            &format!("{speed:.0} MB/s"),
            "",
            "",
            goal,
            Some(speed >= 300.0),
        );
        Ok(vec![beside_ripgrep, beside_cmtrace, memory, parse])
    }
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
fn log_of(folder: &Path, size_bytes: u64) -> anyhow::Result<(PathBuf, log::Written)> {
    let name = format!("cbs-{}-{}", log::VERSION, size_bytes / MIB);
    let (path, about) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.txt")));
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

fn build(cargo: &mut Command, target: &Path) -> anyhow::Result<()> {
    let args: Vec<_> = cargo.get_args().map(ToOwned::to_owned).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release"]).args(args).arg("--target-dir").arg(target);
    let Finished { success, .. } = finished(&mut cargo)?;
    ensure!(success, "cargo build failed");
    Ok(())
}
