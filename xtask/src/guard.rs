//! Counts instructions of the hot paths, which are the same on a busy machine and on an idle one,
//! and compares them with ceilings that stand in `guard.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use unwedge_formats::etl::ticks_at;
use unwedge_formats::etl::write::EtlBuilder;
use unwedge_formats::evtx::{Event, EvtxBuilder};
use unwedge_formats::regf::Data;
use unwedge_formats::regf::write::HiveBuilder;

use crate::bench::log;

/// Large enough that starting up does not matter, small enough for a minute under valgrind.
const LOG_BYTES: u64 = 4 << 20;
const EVENTS: u64 = 3_000;
const TRACE_LINES: u64 = 20_000;
const SERVICES: u32 = 2_000;
/// The chore whose count is taken off all others: reading the rules and a log of one line.
const START: &str = "start";

/// The most instructions that each chore may take, as `guard.toml` has them.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ceilings {
    ceilings: BTreeMap<String, u64>,
}

/// Counts, prints one row a chore, and fails where a ceiling is broken.
pub(crate) fn run(project: &Path) -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: there is no valgrind here (apt-get install valgrind)");
        return Ok(());
    }
    let file = project.join("xtask/guard.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
    let Ceilings { ceilings } = toml::from_str(&text)?;
    let program = built(project)?;
    let folder = program.with_file_name("guard-inputs");
    let chores = chores(&folder)?;
    let names: Vec<&str> = chores.iter().map(|(name, _)| *name).collect();
    ensure!(ceilings.keys().all(|name| names.contains(&name.as_str())), "guard.toml: {names:?}");
    let (mut start, mut broken) = (0, Vec::new());
    println!("{:<12} {:>14} {:>14} {:>6}", "chore", "instructions", "ceiling", "room");
    for (name, args) in &chores {
        let counted = instructions(&program, args)?;
        let own = if *name == START { counted } else { counted.saturating_sub(start) };
        if *name == START {
            start = counted;
        }
        let ceiling = *ceilings.get(*name).with_context(|| format!("no ceiling for {name}"))?;
        let room = 100.0 * (1.0 - own as f64 / ceiling as f64);
        println!("{name:<12} {own:>14} {ceiling:>14} {room:>5.0}%");
        if own > ceiling {
            broken.push(*name);
        }
    }
    ensure!(
        broken.is_empty(),
        "more instructions than guard.toml allows: {}; make it quicker, or raise the ceiling to \
         15 % above the count and say why",
        broken.join(", ")
    );
    Ok(())
}

/// The program, optimised.
fn built(project: &Path) -> anyhow::Result<PathBuf> {
    let target = std::env::current_exe()?
        .ancestors()
        .nth(2)
        .context("this program does not lie in a target folder")?
        .to_path_buf();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", "guard", "--package", "unwedge", "--target-dir"]);
    let done = cargo.arg(&target).current_dir(project).status()?;
    ensure!(done.success(), "cargo build failed");
    Ok(target.join("guard").join(format!("unwedge{}", std::env::consts::EXE_SUFFIX)))
}

type Chore = (&'static str, Vec<String>);

/// What is counted, [`START`] first; the inputs are made anew in `folder`.
fn chores(folder: &Path) -> anyhow::Result<Vec<Chore>> {
    let config = folder.join("hive/Windows/System32/config");
    fs::create_dir_all(&config)?;
    let path = |name: &str| folder.join(name);
    fs::write(path("start.log"), "2026-01-02 03:04:05, Info                  CBS    one\r\n")?;
    let mut log = Vec::new();
    log::write(&mut log, LOG_BYTES)?;
    fs::write(path("CBS.log"), log)?;
    fs::write(path("System.evtx"), event_log())?;
    fs::write(path("WindowsUpdate.etl"), trace())?;
    fs::write(config.join("SYSTEM"), hive())?;
    let with = |words: &[&str], name: &str| -> Vec<String> {
        let words = words.iter().map(|&word| word.to_owned());
        words.chain([path(name).display().to_string()]).collect()
    };
    Ok(vec![
        (START, with(&["diagnose", "--json"], "start.log")),
        ("log", with(&["diagnose", "--json"], "CBS.log")),
        ("events", with(&["diagnose", "--json"], "System.evtx")),
        ("timeline", with(&["timeline", "--json"], "System.evtx")),
        ("trace", with(&["decode"], "WindowsUpdate.etl")),
        ("hive", with(&["diagnose", "--json"], "hive")),
    ])
}

fn event_log() -> Vec<u8> {
    (1..=EVENTS)
        .fold(EvtxBuilder::new(), |log, record| {
            let (provider, id, data) = match record % 4 {
                0 => (
                    "Microsoft-Windows-WindowsUpdateClient",
                    20,
                    [("errorCode", "0x80070020"), ("updateTitle", "2026-01 Update (KB5034441)")],
                ),
                1 => (
                    "Service Control Manager",
                    7036,
                    [("param1", "A service"), ("param2", "stopped")],
                ),
                2 => ("Microsoft-Windows-Kernel-General", 16, [("HiveName", "a"), ("Keys", "12")]),
                _ => ("Microsoft-Windows-Ntfs", 98, [("DriveName", "C:"), ("State", "0")]),
            };
            log.event(&Event {
                record,
                time: 134_000_000_000_000_000 + record * 10_000_000,
                provider: provider.to_owned(),
                id,
                level: 4,
                channel: "System".to_owned(),
                computer: "PC".to_owned(),
                data: data.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            })
        })
        .build()
}

fn trace() -> Vec<u8> {
    let start = ticks_at(jiff::civil::date(2026, 1, 2).at(3, 4, 5, 0));
    let text = "Update {e3766677-0000-4000-8000-00000000000a}.200 is pruned out due to potential \
                supersedence";
    (0..TRACE_LINES)
        .fold(EtlBuilder::new(start), |trace, line| {
            trace.update(line * 1_000, 1234, 5678, "Agent", text)
        })
        .finish()
}

fn hive() -> Vec<u8> {
    let mut hive = HiveBuilder::new();
    hive.value("Select", "Current", &Data::Dword(1));
    for number in 0..SERVICES {
        let key = format!(r"ControlSet001\Services\service{number:04}");
        hive.value(&key, "Start", &Data::Dword(number % 5));
        let image = format!(r"%SystemRoot%\System32\drivers\service{number:04}.sys");
        hive.value(&key, "ImagePath", &Data::ExpandSz(image));
    }
    hive.hive()
}

/// How many instructions the program takes for `args`, on all its threads together.
fn instructions(program: &Path, args: &[String]) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).args(args).stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    // Ends differ: a diagnosis of a failing PC is no success.
    ensure!(!output.stdout.is_empty(), "nothing was said for {args:?}:\n{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.with_context(|| format!("valgrind counted nothing:\n{told}"))?;
    count.trim().parse().with_context(|| format!("no number: {count}"))
}
