//! Event logs of any size, and how fast the records that rules need are found in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use unwedge_formats::evtx::{Event, EvtxBuilder};

use super::made::{Shelf, made};
use super::process::finished;
use super::random::Random;
use super::table::Row;
use super::turn::{Contender, in_turn};
use super::{MIB, Tools};

const GOAL: f64 = 0.25;
/// 2026-01-02T12:00:00Z.
const START: u64 = 134_118_144_000_000_000;

/// A kind of event: how many of a thousand, who writes it, its number and level, names of its data.
struct Kind(u64, &'static str, u32, u8, &'static [&'static str]);

const SERVICES: &str = "Service Control Manager";
const UPDATES: &str = "Microsoft-Windows-WindowsUpdateClient";
/// As in the System log of a PC at home; 58 of a thousand are wanted.
const KINDS: [Kind; 19] = [
    Kind(360, SERVICES, 7_036, 4, &["param1", "param2"]),
    Kind(110, SERVICES, 7_040, 4, &["param1", "param2", "param3", "param4"]),
    Kind(
        110,
        "Microsoft-Windows-Kernel-General",
        16,
        4,
        &["HiveName", "KeysUpdated", "DirtyPages"],
    ),
    Kind(60, "Microsoft-Windows-Kernel-General", 1, 4, &["NewTime", "OldTime", "Reason"]),
    Kind(70, "Microsoft-Windows-Time-Service", 35, 4, &["TimeSource", "TimeSourceRefId"]),
    Kind(60, "Microsoft-Windows-DNS-Client", 1_014, 3, &["QueryName", "AddressLength", "Address"]),
    Kind(50, "Microsoft-Windows-Kernel-Power", 187, 4, &["ProcessPath", "ProcessPathLength"]),
    Kind(52, "Microsoft-Windows-GroupPolicy", 1_501, 4, &["SupportInfo1", "ProcessingMode"]),
    Kind(35, "Microsoft-Windows-Ntfs", 98, 4, &["DriveName", "DeviceName", "CorruptionState"]),
    Kind(20, UPDATES, 43, 4, &["updateTitle", "updateGuid", "updateRevisionNumber"]),
    Kind(15, "EventLog", 6_013, 4, &["param1", "param2", "param3"]),
    Kind(28, UPDATES, 19, 4, &["updateTitle", "updateGuid", "updateRevisionNumber"]),
    Kind(6, UPDATES, 20, 2, &["errorCode", "updateTitle", "updateGuid", "updateRevisionNumber"]),
    Kind(5, SERVICES, 7_000, 2, &["param1", "param2"]),
    Kind(4, SERVICES, 7_009, 2, &["param1", "param2"]),
    Kind(3, SERVICES, 7_011, 2, &["param1", "param2"]),
    Kind(4, SERVICES, 7_031, 2, &["param1", "param2", "param3", "param4", "param5"]),
    Kind(3, SERVICES, 7_034, 2, &["param1", "param2"]),
    Kind(5, SERVICES, 7_045, 4, &["ServiceName", "ImagePath", "ServiceType", "StartType"]),
];
const VALUES: [&str; 10] = [
    "Background Intelligent Transfer Service",
    "Windows Modules Installer",
    "running",
    "stopped",
    r"\SystemRoot\System32\drivers\contosoflt.sys",
    "demand start",
    "2026-01 Cumulative Update for Windows 11 (KB5034123)",
    "{1D9F4B4E-6A12-4F0C-9D2F-0A5B0C7E3A11}",
    "60000",
    "time.contoso.example,0x9 (ntp.m|0x9|0.0.0.0:123->192.0.2.17:123)",
];

/// A log of that many events, the first of them so many days later than that of other logs.
pub(super) fn log_of(events: usize, days_later: u32) -> Vec<u8> {
    const DAY: u64 = 24 * 60 * 60 * 10_000_000;
    let mut random = Random::new(0xE7E7);
    let mut time = START + u64::from(days_later) * DAY;
    let mut log = EvtxBuilder::new();
    for _ in 0..events {
        time += random.below(60) * 10_000_000 + random.below(10_000_000);
        log = log.event(&event(&mut random, time));
    }
    log.build()
}

fn event(random: &mut Random, time: u64) -> Event {
    let mut at = random.below(1_000);
    let kind = KINDS.iter().find(|kind| {
        let is_it = at < kind.0;
        at = at.saturating_sub(kind.0);
        is_it
    });
    let Kind(_, provider, id, level, names) = kind.unwrap_or(&KINDS[0]);
    let value = |name: &&str| {
        let value = match *name {
            "errorCode" => "0x80240017",
            _ => random.of(&VALUES),
        };
        ((*name).to_owned(), value.to_owned())
    };
    Event {
        record: 0,
        time,
        provider: (*provider).to_owned(),
        id: *id,
        level: *level,
        channel: "System".into(),
        computer: "BENCH-1".into(),
        data: names.iter().map(value).collect(),
    }
}

/// A made-up log of about `size_mib`.
pub(super) fn made_log(shelf: &Shelf, size_mib: u64) -> anyhow::Result<PathBuf> {
    /// About as large is an event with what belongs to it.
    const EVENT_BYTES: u64 = 350;
    let events = (size_mib * MIB / EVENT_BYTES) as usize;
    made(shelf, &format!("events-3-{size_mib}.evtx"), || Ok(log_of(events, 0)))
}

/// Measures.
pub(super) fn rows(tools: &Tools, rounds: usize, quick: bool) -> anyhow::Result<Vec<Row>> {
    let size_mib = if quick { 20 } else { 200 };
    let mut rows = vec![row(tools, "made", &made_log(&tools.shelf, size_mib)?, rounds)?];
    if let Some(real) = tools.real.event_log(&tools.shelf, size_mib)? {
        rows.push(row(tools, "real", &real, rounds)?);
    }
    Ok(rows)
}

fn row(tools: &Tools, which: &str, log: &Path, rounds: usize) -> anyhow::Result<Row> {
    let ours = || {
        let mut command = tools.work("events");
        command.arg(log);
        command
    };
    let megabytes = std::fs::metadata(log)?.len() / 1_000_000;
    let work = format!("wanted events of an EVTX, {which}, {megabytes} MB");
    let peer = "evtx 0.15 as a library, 2 threads";
    let program = match &tools.peers {
        Ok(peers) => peers.join(super::process::executable("evtx")),
        Err(why) => return Row::alone(&work, &ours, rounds, peer, why),
    };
    let theirs = || {
        let mut command = Command::new(&program);
        command.arg(log);
        command
    };
    same(&finished(&mut ours())?.stdout, &finished(&mut theirs())?.stdout)
        .with_context(|| format!("not the same events of {}", log.display()))?;
    let turns = in_turn(rounds, &[Contender::new(&ours), Contender::new(&theirs)])?;
    Row::within(&work, &turns, peer, GOAL, super::process::peak_of(&ours)?)
}

/// Fails unless both read the same events in the same order: by time, provider, id and data.
///
/// Numbers of records are not compared: an enlarged log has new ones in the heads of its records,
/// which are ours, and old ones within them, which are the peer's.
fn same(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let ours = String::from_utf8(ours.to_vec())?;
    let theirs: Vec<&[u8]> =
        theirs.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let count = ours.lines().count();
    ensure!(count > 0 && count == theirs.len(), "{} events, ours are {count}", theirs.len());
    for (line, json) in ours.lines().zip(theirs) {
        let event: serde_json::Value = serde_json::from_slice(json)?;
        let system = &event["Event"]["System"];
        let time = system["TimeCreated"]["#attributes"]["SystemTime"].as_str().unwrap_or_default();
        let id = &system["EventID"];
        let id = id.as_u64().or(id["#text"].as_u64()).context("an event without an id")?;
        let provider = system["Provider"]["#attributes"]["Name"].as_str().unwrap_or_default();
        let head = format!(" {} {id} ", provider.replace(' ', "_"));
        ensure!(line.contains(&head) && line.contains(time), "{line} is {time}{head} for the peer");
        let mut texts = Vec::new();
        texts_of(&event["Event"]["EventData"], &mut texts);
        for text in texts.iter().filter(|text| text.is_ascii() && !text.contains(['"', '\n'])) {
            ensure!(line.contains(*text), "{line} lacks {text}");
        }
    }
    Ok(())
}

/// The texts among the data, without names.
fn texts_of<'v>(data: &'v serde_json::Value, texts: &mut Vec<&'v str>) {
    let mut open = vec![data];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => texts.push(text.trim()),
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(fields) => {
                let named = fields
                    .iter()
                    .filter(|(name, _)| !name.starts_with("#attr") && *name != "Binary");
                open.extend(named.map(|(_, value)| value));
            }
            _ => {}
        }
    }
}
