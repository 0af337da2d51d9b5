//! Registry hives as large as those of a PC that is in use, and how fast rows are read from them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use unwedge_formats::regf::Data;
use unwedge_formats::regf::write::HiveBuilder;
use unwedge_host::system::packages::PackageState;

use super::Tools;
use super::made::{Shelf, made};
use super::process::{finished, peak_of};
use super::random::Random;
use super::table::Row;
use super::turn::{Contender, in_turn};

const GOAL: f64 = 0.5;
const SERVICES: usize = 740;
const FILTERS: usize = 22;
/// What is made at the same time lies together in a hive.
const TOGETHER: usize = 10;
const PACKAGES: usize = 1_250;
const PROGRAMS: usize = 81;

/// A SYSTEM hive of about 15 MB.
pub(super) fn made_system(shelf: &Shelf) -> anyhow::Result<PathBuf> {
    made(shelf, "hive-2-SYSTEM", || {
        let mut hive = HiveBuilder::new();
        hive.value("Select", "Current", &Data::Dword(1));
        let name = "BENCH-1".to_owned();
        let computer = r"ControlSet001\Control\ComputerName\ComputerName";
        hive.value(computer, "ComputerName", &Data::Sz(name));
        for number in 0..SERVICES {
            service(&mut hive, number);
            if number % TOGETHER == 0 {
                pad(&mut hive, r"ControlSet001\Enum\ROOT", number, 24 * TOGETHER);
            }
        }
        Ok(hive.hive())
    })
}

fn service(hive: &mut HiveBuilder, number: usize) {
    // Some of them are filters of file systems, spread over the list.
    let is_filter =
        number.is_multiple_of(SERVICES / FILTERS) && number / (SERVICES / FILTERS) < FILTERS;
    let path = format!(r"ControlSet001\Services\svc{number:03}");
    let kind = if is_filter { 2 } else { [0x20, 0x10, 1][number % 3] };
    hive.value(&path, "Type", &Data::Dword(kind));
    hive.value(&path, "Start", &Data::Dword([3, 2, 4, 1, 3, 0][number % 6]));
    hive.value(&path, "ErrorControl", &Data::Dword(1));
    hive.value(&path, "DisplayName", &Data::Sz(format!("Service number {number}")));
    let image = match kind {
        0x20 => r"%SystemRoot%\system32\svchost.exe -k netsvcs -p".to_owned(),
        0x10 => format!(r"C:\Program Files\Contoso\svc{number:03}.exe"),
        _ => format!(r"\SystemRoot\System32\drivers\svc{number:03}.sys"),
    };
    hive.value(&path, "ImagePath", &Data::ExpandSz(image));
    let dll = format!(r"%SystemRoot%\System32\svc{number:03}.dll");
    hive.value(&format!(r"{path}\Parameters"), "ServiceDll", &Data::ExpandSz(dll));
    hive.value(&format!(r"{path}\Security"), "Security", &Data::Binary(vec![1; 160]));
    if is_filter {
        hive.value(&path, "Group", &Data::Sz("FSFilter Activity Monitor".into()));
        let instance = format!("svc{number:03} Instance");
        let instances = format!(r"{path}\Instances");
        hive.value(&instances, "DefaultInstance", &Data::Sz(instance.clone()));
        let altitude = Data::Sz(format!("{}", 360_000 + number));
        hive.value(&format!(r"{instances}\{instance}"), "Altitude", &altitude);
    }
}

/// A SOFTWARE hive of about 54 MB.
pub(super) fn made_software(shelf: &Shelf) -> anyhow::Result<PathBuf> {
    made(shelf, "hive-2-SOFTWARE", || {
        let mut hive = HiveBuilder::new();
        let current = r"Microsoft\Windows NT\CurrentVersion";
        hive.value(current, "CurrentBuild", &Data::Sz("26100".into()));
        hive.value(current, "EditionID", &Data::Sz("Professional".into()));
        let windows = r"Microsoft\Windows\CurrentVersion";
        for number in 0..PACKAGES {
            let name = format!(
                "Package_for_KB{}~31bf3856ad364e35~amd64~~10.0.1.{number}",
                5_000_000 + number
            );
            let path = format!(r"{windows}\Component Based Servicing\Packages\{name}");
            hive.value(&path, "CurrentState", &Data::Dword([0x70, 0x40, 0x50, 0x70][number % 4]));
            hive.value(&path, "InstallClient", &Data::Sz("WindowsUpdateAgent".into()));
            hive.value(&path, "InstallTimeHigh", &Data::Dword(31_000_000));
            hive.value(&path, "InstallTimeLow", &Data::Dword(number as u32));
            hive.value(
                &path,
                "InstallLocation",
                &Data::Sz(format!(r"\\?\C:\Windows\CbsTemp\{number}")),
            );
            hive.key(&format!(r"{path}\Owners"));
            if number % TOGETHER == 0 {
                pad(&mut hive, r"Classes\CLSID", number, 52 * TOGETHER);
            }
        }
        for number in 0..PROGRAMS {
            let view = if number % 2 == 0 { "" } else { r"Wow6432Node\" };
            let path = format!(r"{view}{windows}\Uninstall\Program {number}");
            hive.value(&path, "DisplayName", &Data::Sz(format!("Contoso Program {number}")));
            hive.value(&path, "DisplayVersion", &Data::Sz(format!("{number}.1.4")));
            hive.value(&path, "Publisher", &Data::Sz("Contoso".into()));
        }
        Ok(hive.hive())
    })
}

/// Keys that nobody asks for, such as hives are full of.
fn pad(hive: &mut HiveBuilder, root: &str, group: usize, keys: usize) {
    let mut random = Random::new(group as u64);
    for number in 0..keys {
        let path = format!(r"{root}\{group:04}\{{{number:08x}-0000-4000-8000-{group:012x}}}");
        hive.value(&path, "", &Data::Sz("a class that somebody registered".into()));
        let bytes = (0..400 + random.below(200)).map(|_| random.below(256) as u8).collect();
        hive.value(&path, "Data", &Data::Binary(bytes));
    }
}

/// Measures.
pub(super) fn rows(tools: &Tools, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shelf = &tools.shelf;
    let mut rows = vec![
        row(tools, "services", "made", &made_system(shelf)?, rounds)?,
        row(tools, "packages", "made", &made_software(shelf)?, rounds)?,
    ];
    let reals = [
        ("services", "win10_1709_DESKTOP-2KGM189_SYSTEM"),
        ("packages", "win7x64_WKS-WIN764BITB_SOFTWARE"),
    ];
    for (what, name) in reals {
        if let Some(hive) = tools.real.hive(shelf, name)? {
            rows.push(row(tools, what, "real", &hive, rounds)?);
        }
    }
    Ok(rows)
}

fn row(tools: &Tools, what: &str, which: &str, hive: &Path, rounds: usize) -> anyhow::Result<Row> {
    let ours = || {
        let mut command = tools.work(what);
        command.arg(hive);
        command
    };
    let megabytes = std::fs::metadata(hive)?.len() / 1_000_000;
    let work = match what {
        "services" => format!("services and filters of SYSTEM, {which}, {megabytes} MB"),
        _ => format!("packages and programs of SOFTWARE, {which}, {megabytes} MB"),
    };
    let peer = "notatin 1.0.1";
    let program = match &tools.peers {
        Ok(peers) => peers.join(super::process::executable("hive")),
        Err(why) => return Row::alone(&work, &ours, rounds, peer, why),
    };
    let theirs = || {
        let mut command = Command::new(&program);
        command.arg(what).arg(hive);
        command
    };
    same(&finished(&mut ours())?.stdout, &finished(&mut theirs())?.stdout)
        .with_context(|| format!("not the same rows of {}", hive.display()))?;
    let turns = in_turn(rounds, &[Contender::new(&ours), Contender::new(&theirs)])?;
    Row::within(&work, &turns, peer, GOAL, peak_of(&ours)?)
}

/// Fails unless both say the same, in any order.
fn same(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let (ours, theirs) = (std::str::from_utf8(ours)?, std::str::from_utf8(theirs)?);
    // The peer prints the number of a state, ours what it stands for.
    let theirs: Vec<String> = theirs
        .lines()
        .map(|line| match line.strip_prefix("package\t").and_then(|rest| rest.rsplit_once('\t')) {
            Some((name, state)) => {
                let state = PackageState::of(state.parse().unwrap_or(u32::MAX));
                format!("package\t{name}\t{state}")
            }
            None => line.to_owned(),
        })
        .collect();
    let ours: BTreeSet<&str> = ours.lines().collect();
    let theirs: BTreeSet<&str> = theirs.iter().map(String::as_str).collect();
    let differs = ours.symmetric_difference(&theirs).next();
    ensure!(differs.is_none(), "only one of both says {differs:?}");
    ensure!(!ours.is_empty(), "nothing was read");
    Ok(())
}
