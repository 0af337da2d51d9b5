//! Who holds files, on Windows in the lab: beside a library that finds the processes, and beside opening
//! each file.
//!
//! Each row has a PC of its own, on which a service of the lab holds what the row says. Programs take
//! turns, and are timed by a program beside them, so that nothing of this system is counted. Under
//! Wine most time goes into calls of its server: ratios of programs that make the same calls hold.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use unwedge_lab::{Lab, Pc, lab_folder};

use super::table::{Row, told};
use super::turn::Turns;
use crate::test::{TARGET, set_up};

const FOLDER: &str = r"C:\held";
const FOLDERS: usize = 16;
const FILES_OF_A_FOLDER: usize = 128;
const FILES: usize = FOLDERS * FILES_OF_A_FOLDER;
/// We name the file, the kind of conflict, the process, the service and the product beside.
const MOST: f64 = 1.0;
/// A hundred paths are answered from one look.
const MOST_OF_MANY: f64 = 1.5;
const LOCKSMITH: &str = "filelocksmith 2.1.0 (process numbers)";
const OPENER: &str = "opening each file (how many)";

struct Bench {
    lab: Lab,
    service: PathBuf,
    peers: PathBuf,
    rounds: usize,
}

/// Measures.
pub(super) fn rows(project: &Path, rounds: usize, is_quick: bool) -> anyhow::Result<Vec<Row>> {
    let bench = Bench::prepare(project, rounds)?;
    let mut rows = Vec::new();
    for held in [0, 8, 128, FILES] {
        rows.extend(bench.held(held)?);
    }
    rows.push(bench.many_paths()?);
    let handles: &[usize] = if is_quick { &[1_000] } else { &[1_000, 10_000, 50_000] };
    for handles in handles {
        rows.push(bench.handles(*handles)?);
    }
    Ok(rows)
}

impl Bench {
    fn prepare(project: &Path, rounds: usize) -> anyhow::Result<Bench> {
        set_up(project)?;
        let own = std::env::current_exe()?;
        let target =
            own.ancestors().nth(2).context("this program does not lie in a target folder")?;
        let built = |arguments: &[&str], manifest: &Path, target: &Path| -> anyhow::Result<()> {
            let mut cargo = Command::new(lab_folder()?.join("cargo"));
            cargo.args(["build", "--quiet", "--target", TARGET]).args(arguments);
            cargo.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target);
            ensure!(cargo.current_dir(project).status()?.success(), "cargo build failed");
            Ok(())
        };
        let manifest = project.join("Cargo.toml");
        built(&["--release", "--package=unwedge"], &manifest, target)?;
        // How fast it is does not matter: the one that tests use will do.
        built(&["--package=unwedge-lab-programs"], &manifest, target)?;
        let peers = target.join("bench-peers-holders");
        built(&["--release"], &project.join("xtask/bench-peers/holders/Cargo.toml"), &peers)?;
        Ok(Bench {
            lab: Lab::with_programs(target.join(TARGET).join("release"))?,
            service: target.join(TARGET).join("debug/lab-service.exe"),
            peers: peers.join(TARGET).join("release"),
            rounds,
        })
    }

    /// A PC with the folder, and a service that does as told.
    fn pc(&self, name: &str, deeds: &str) -> Pc {
        let pc = self.lab.pc(name);
        pc.copy_in(&self.service, r"C:\lab\lab-service.exe");
        for peer in ["locksmith", "opener", "turns"] {
            pc.copy_in(&self.peers.join(format!("{peer}.exe")), &format!(r"C:\lab\{peer}.exe"));
        }
        pc.program("unwedge.exe");
        for file in 0..FILES {
            pc.write(&path(file), "x");
        }
        pc.start_service("holder", deeds);
        pc
    }

    /// Some of the files are held.
    fn held(&self, held: usize) -> anyhow::Result<[Row; 2]> {
        let pc = self.pc(&format!("held-{held}"), &format!("some:{held}:{FOLDER}"));
        let pid = agreed(&pc, held)?;
        let turns = self.turns(&pc, &[&OURS, &[r"C:\lab\locksmith.exe", FOLDER], &OPENS])?;
        let named = match pid {
            Some(_) => "file, conflict, process, service",
            None => "nobody",
        };
        let work = format!("who of {FILES} files, {held} held: {named}");
        let (ratio, least, most) = turns.ratio(2);
        let beside = Row::new(
            "  the same",
            (turns.seconds(0), None),
            &format!("{OPENER} {}", told(turns.seconds(2))),
            &format!("{ratio:.2} x its time ({least:.2} to {most:.2})"),
            "-",
            None,
        );
        Ok([Row::within(&work, &turns, LOCKSMITH, MOST, None)?, beside])
    }

    /// A hundred files by name, beside one.
    fn many_paths(&self) -> anyhow::Result<Row> {
        let pc = self.pc("paths", &format!("some:128:{FOLDER}"));
        let paths: Vec<String> = (0..100).map(|number| path(number * FILES / 128)).collect();
        let mut ours = vec![OURS[0], "who", "--json"];
        ours.extend(paths.iter().map(String::as_str));
        let told = holders(&pc, &ours[3..])?;
        ensure!(told.len() == paths.len(), "{} of 100 holders were found", told.len());
        let turns = self.turns(&pc, &[&ours, &ours[..4]])?;
        Row::within(
            "who of 100 files by name, all held",
            &turns,
            "of one of them",
            MOST_OF_MANY,
            None,
        )
    }

    /// Nobody holds a file, but much else is open: one handle in ten is of a file.
    fn handles(&self, handles: usize) -> anyhow::Result<Row> {
        let (files, others) = (handles / 10, handles - handles / 10);
        let deeds = format!(r"open:{files}:C:\lab\lab-service.exe events:{others}");
        let pc = self.pc(&format!("open-{handles}"), &deeds);
        ensure!(holders(&pc, &[FOLDER])?.is_empty(), "somebody holds a file");
        let turns = self.turns(&pc, &[&OURS, &[r"C:\lab\locksmith.exe", FOLDER]])?;
        let work = format!("who of {FILES} files, {handles} handles of others, {files} of files");
        Row::within(&work, &turns, LOCKSMITH, MOST, None)
    }

    /// Runs programs in turn, so many rounds, after one that does not count.
    fn turns(&self, pc: &Pc, contenders: &[&[&str]]) -> anyhow::Result<Turns> {
        let mut times = vec![Vec::new(); contenders.len()];
        let commands = contenders.join(&"--");
        for round in 0..=self.rounds.max(1) {
            let done = pc.run_program("turns.exe", &commands);
            let seconds: Vec<f64> =
                done.stdout.lines().map(str::parse).collect::<Result<_, _>>()?;
            ensure!(seconds.len() == contenders.len(), "a program did not run: {done:?}");
            if round > 0 {
                times.iter_mut().zip(seconds).for_each(|(times, seconds)| times.push(seconds));
            }
        }
        Ok(Turns::of(times))
    }
}

const OURS: [&str; 4] = [r"C:\lab\unwedge.exe", "who", "--json", FOLDER];
const OPENS: [&str; 2] = [r"C:\lab\opener.exe", FOLDER];

fn path(file: usize) -> String {
    let (folder, number) = (file / FILES_OF_A_FOLDER, file % FILES_OF_A_FOLDER);
    format!(r"{FOLDER}\{folder:02}\{number:03}.bin")
}

/// Fails unless all programs find the same; gives the process that holds the files.
fn agreed(pc: &Pc, held: usize) -> anyhow::Result<Option<u64>> {
    let ours = holders(pc, &[FOLDER])?;
    ensure!(ours.len() == held, "{} holders were found, not {held}", ours.len());
    let mut pids = Vec::new();
    for it in &ours {
        ensure!(it["services"][0]["name"] == "holder", "another service: {it}");
        ensure!(it["conflict"]["kind"] == "sharing", "another conflict: {it}");
        pids.push(it["process"]["pid"].as_u64().context("a holder has no process")?);
    }
    pids.dedup();
    let theirs = pc.run_program("locksmith.exe", &[FOLDER]).stdout;
    let theirs: Vec<u64> = theirs.lines().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(theirs == pids, "filelocksmith says {theirs:?}, unwedge {pids:?}");
    let kept = pc.run_program("opener.exe", &[FOLDER]).stdout;
    ensure!(kept.trim() == held.to_string(), "{kept} files are held for the opener");
    Ok(pids.first().copied())
}

/// Whom unwedge names.
fn holders(pc: &Pc, paths: &[&str]) -> anyhow::Result<Vec<serde_json::Value>> {
    let said = pc.run(&[&["who", "--json"], paths].concat());
    let told: serde_json::Value = serde_json::from_str(&said.stdout)?;
    told["holders"].as_array().cloned().with_context(|| format!("no answer: {said:?}"))
}
