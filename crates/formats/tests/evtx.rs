//! Event logs of real PCs, when they are there: every record as another reader sees it, and what is
//! known of the logs. Damaged and made-up logs: never a panic, never silence.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use unwedge_formats::Parsed;
use unwedge_formats::evtx::{Event, Wanted, events};

/// Logs of real PCs, which belong to others and are not part of this repository.
fn real_logs() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evtx");
    let folder = std::env::var_os("UNWEDGE_EVIDENCE")
        .map_or(folder, |root| PathBuf::from(root).join("evtx"));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "xz"));
    paths.sort();
    let logs: Vec<_> = paths
        .iter()
        .filter_map(|path| {
            let output = Command::new("xz").args(["-d", "-k", "-c"]).arg(path).output().ok()?;
            let name = path.file_stem()?.to_str()?.to_owned();
            output.status.success().then_some((name, output.stdout))
        })
        .collect();
    if logs.is_empty() {
        writeln!(
            std::io::stderr(),
            "SKIPPED: no real event logs in {}, or no xz",
            folder.display()
        )
        .unwrap();
    }
    logs
}

#[test]
fn every_record_reads_as_another_reader_reads_it() {
    for (name, bytes) in real_logs() {
        let ours = events(&bytes, &Wanted::everything());
        let ours: BTreeMap<u64, &Event> = ours.items.iter().map(|e| (e.record, e)).collect();
        let settings = evtx::ParserSettings::new().num_threads(1);
        let mut parser =
            evtx::EvtxParser::from_buffer(bytes.clone()).unwrap().with_configuration(settings);
        let (mut compared, mut wrong) = (0, 0);
        for record in parser.records().flatten() {
            let expected = from_xml(record.event_record_id, &record.data);
            let event = ours.get(&record.event_record_id);
            compared += 1;
            if event.map(|e| shown(e)) != Some(expected.clone()) {
                wrong += 1;
                if wrong < 4 {
                    writeln!(
                        std::io::stderr(),
                        "{name}\n{:#?}\n{expected:#?}\n{}",
                        event.map(|e| shown(e)),
                        record.data
                    )
                    .unwrap();
                }
            }
        }
        writeln!(std::io::stderr(), "{name}: {compared} compared, {} ours", ours.len()).unwrap();
        assert_eq!(wrong, 0, "{name}");
    }
}
type Shown = (u64, String, u32, String, String, String, String, Vec<(String, String)>);
fn shown(e: &Event) -> Shown {
    let time = e.line().split(' ').next().unwrap().to_owned();
    (
        e.record,
        e.provider.clone(),
        e.id,
        e.level.to_string(),
        time,
        e.channel.clone(),
        e.computer.clone(),
        e.data.clone(),
    )
}

/// The same fields from XML.
fn from_xml(record: u64, xml: &str) -> Shown {
    let mut shown: Shown = (
        record,
        String::new(),
        0,
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        Vec::new(),
    );
    let mut path: Vec<(String, String, String, bool)> = Vec::new(); // name, label, text, children
    let mut unnamed = 0;
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        if let Some(top) = path.last_mut() {
            top.2.push_str(&rest[..at]);
        }
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('?') {
            continue;
        }
        let empty = tag.ends_with('/');
        let body = tag.trim_end_matches('/');
        if !tag.starts_with('/') {
            let (name, attributes) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
            let mut label = String::new();
            if let Some(top) = path.last_mut() {
                top.3 = true;
            }
            let user = path.len() >= 2 && path[1].0 != "System" && path[1].0 != "EventData"
                || path.len() > 2 && path[1].0 == "EventData";
            let mut left = attributes;
            while let Some((key, tail)) = left.split_once("=\"") {
                let (value, tail) = tail.split_once('"').unwrap();
                left = tail;
                let (key, value) = (key.trim(), plain(value));
                match (name, key) {
                    ("Provider", "Name") => shown.1 = value,
                    ("TimeCreated", "SystemTime") => shown.4 = value,
                    (_, "Name") if !user => label = value,
                    _ if user && key != "xmlns" && !key.starts_with("xmlns:") => {
                        shown.7.push((key.to_owned(), value))
                    }
                    _ => {}
                }
            }
            path.push((name.to_owned(), label, String::new(), false));
        }
        if tag.starts_with('/') || empty {
            let (name, label, text, children) = path.pop().unwrap();
            let text = plain(&text);
            let names: Vec<&str> = path.iter().map(|p| p.0.as_str()).collect();
            match (names.as_slice(), name.as_str()) {
                (["Event", "System"], "EventID") => shown.2 = text.parse().unwrap(),
                (["Event", "System"], "Level") => shown.3 = text,
                (["Event", "System"], "Channel") => shown.5 = text,
                (["Event", "System"], "Computer") => shown.6 = text,
                (["Event", "EventData"], "Data") => {
                    let name = if label.is_empty() {
                        unnamed += 1;
                        format!("param{unnamed}")
                    } else {
                        label
                    };
                    shown.7.push((name, text));
                }
                (["Event", "EventData"], "Binary") if text.is_empty() => {}
                (["Event", second, ..], _) if *second != "System" && !children => {
                    shown.7.push((name, text))
                }
                _ => {}
            }
        }
    }
    shown
}

fn plain(text: &str) -> String {
    text.trim_matches(|c| c == '\n')
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
#[allow(unused)]
fn x(_: Parsed<Event>) {}
