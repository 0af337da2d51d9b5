//! Event logs: real ones when they are there, made-up ones, and damaged ones. Every record as another
//! reader sees it; never a panic, never silence.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use unwedge_formats::evtx::{CHUNK_BYTES, Event, EvtxBuilder, FILE_HEAD_BYTES, FileHead, Reader};
use unwedge_formats::evtx::{Wanted, events, is_evtx, is_old_evt};
use unwedge_formats::{GapReason, Parsed};

const UPDATE_CLIENT: &str = "Microsoft-Windows-WindowsUpdateClient";
const SERVICES: &str = "Service Control Manager";
const SERVICING: &str = "Microsoft-Windows-Servicing";

/// Logs of real PCs, which belong to others and are not part of this repository.
fn real_logs() -> BTreeMap<String, Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("UNWEDGE_EVIDENCE").map_or(root, Into::into);
    let folder = root.join("evtx");
    let mut logs = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let output = Command::new("xz").args(["-d", "-k", "-c"]).arg(&path).output();
        if let (Some(name), Ok(output)) = (path.file_stem(), output)
            && output.status.success()
        {
            logs.insert(name.to_string_lossy().into_owned(), output.stdout);
        }
    }
    if logs.is_empty() {
        let why = "SKIPPED: no real event logs, or no xz to open them, in";
        say(&format!("{why} {}", folder.display()));
    }
    logs
}

/// Past the test runner, which would keep it to itself.
fn say(what: &str) {
    let mut stderr = std::io::stderr();
    stderr.write_all(format!("{what}\n").as_bytes()).unwrap();
}

/// What rules ask for, about.
fn wanted() -> Wanted {
    let mut wanted = Wanted::nothing();
    wanted.add(UPDATE_CLIENT, 19..=20);
    wanted.add(SERVICES, 7000..=7035);
    wanted.add(SERVICES, 7041..=7999);
    wanted.add_all(SERVICING);
    wanted
}

fn value<'a>(event: &'a Event, name: &str) -> &'a str {
    event.data.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

fn event(provider: &str, id: u32, data: &[(&str, &str)]) -> Event {
    Event {
        record: 0,
        time: 131_452_782_721_234_567,
        provider: provider.to_owned(),
        id,
        level: 2,
        channel: "System".to_owned(),
        computer: "PC-1".to_owned(),
        data: data.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

/// A log of three chunks and five kinds of events.
fn sample() -> (Vec<u8>, Vec<Event>) {
    let kinds = [
        event(
            UPDATE_CLIENT,
            20,
            &[("errorCode", "0x80248007"), ("updateTitle", "2017-07 Ä \u{1f980}")],
        ),
        event(SERVICES, 7000, &[("param1", "Update <Orchestrator> & Co"), ("param2", "%%1053")]),
        event(SERVICES, 7036, &[("name", "")]),
        event(SERVICING, 3, &[("PackageIdentifier", "KB4025342"), ("ErrorCode", "0x800f0984")]),
        event("Old Program", 1, &[("param1", ""), ("param2", "b"), ("param3", "")]),
    ];
    let (mut log, mut all) = (EvtxBuilder::new(), Vec::new());
    for record in 1..=60 {
        let event = Event { record, ..kinds[record as usize % kinds.len()].clone() };
        if record == 20 || record == 40 {
            log = log.next_chunk();
        }
        log = match event.provider.as_str() {
            SERVICING => log.user_event("CbsPackageChangeState", &event),
            _ => log.event(&event),
        };
        all.push(event);
    }
    (log.build(), all)
}

#[test]
fn what_is_written_reads_back() {
    let (log, all) = sample();
    assert_eq!(log.len(), FILE_HEAD_BYTES + 3 * CHUNK_BYTES);
    let Parsed { items, gaps } = events(&log, &Wanted::everything());
    assert_eq!((items, gaps), (all.clone(), vec![]));
    let chosen: Vec<Event> =
        all.into_iter().filter(|event| wanted().wants(&event.provider, event.id)).collect();
    assert_eq!(chosen.len(), 36);
    assert_eq!(events(&log, &wanted()).items, chosen);
    assert_eq!(events(&log, &Wanted::nothing()).items, []);
}

#[test]
fn what_is_written_reads_the_same_elsewhere() {
    let (log, _) = sample();
    assert_eq!(compare("made up", &log), 60);
}

#[test]
fn many_events_go_on_in_further_chunks() {
    let text = "x".repeat(1_000);
    let one = event(UPDATE_CLIENT, 19, &[("updateTitle", &text)]);
    let log = (0..100).fold(EvtxBuilder::new(), |log, _| log.event(&one)).build();
    assert!(log.len() > FILE_HEAD_BYTES + 2 * CHUNK_BYTES);
    let parsed = events(&log, &wanted());
    assert_eq!(parsed.gaps, []);
    let numbers: Vec<u64> = parsed.items.iter().map(|event| event.record).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert_eq!(compare("many", &log), 100);
}

#[test]
fn files_are_told_apart_by_their_head() {
    let log = EvtxBuilder::new().build();
    assert!(is_evtx(&log) && !is_old_evt(&log));
    let mut damaged = log;
    damaged[..8].fill(0);
    assert!(is_evtx(&damaged), "a chunk stands where it must");
    assert!(!is_evtx(b"") && !is_evtx(b"ElfChnk\0") && !is_evtx(&[0; 5_000]));
    let old = b"\x30\0\0\0LfLe\x01\0\0\0\x01\0\0\0";
    assert!(is_old_evt(old) && !is_evtx(old));
    let refused = events(old, &Wanted::everything());
    assert_eq!(refused.items, []);
    assert!(refused.gaps[0].why.to_string().contains("Windows XP"), "{:?}", refused.gaps);
    assert_eq!(events(b"MZ", &Wanted::everything()).gaps[0].why, GapReason::Foreign);
}

/// What is left of the sample after `damage`: events, and gaps as offset, length and what.
fn after(damage: impl FnOnce(&mut Vec<u8>)) -> (usize, Vec<(u64, u64, &'static str)>) {
    let (mut log, _) = sample();
    damage(&mut log);
    let parsed = events(&log, &Wanted::everything());
    let gaps = parsed.gaps.iter().map(|gap| (gap.at.start, gap.at.end - gap.at.start, gap.what));
    (parsed.items.len(), gaps.collect())
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    const SECOND: usize = FILE_HEAD_BYTES + CHUNK_BYTES;
    let second = SECOND as u64;
    // The head of the file.
    assert_eq!(after(|log| log[0] = b'x'), (60, vec![(0, 4_096, "head of the file")]));
    // The mark of a chunk: nothing is lost but the trust in its head.
    assert_eq!(after(|log| log[SECOND] = 0), (60, vec![(second, 512, "head of a chunk")]));
    // A checksum.
    assert_eq!(
        after(|log| log[SECOND + 52] ^= 1),
        (60, vec![(second + 124, 4, "head of a chunk"), (second + 52, 4, "records of a chunk"),])
    );
    // The mark of its first record, which holds the templates of others.
    let (left, gaps) = after(|log| log[SECOND + 512] = 0);
    assert!((40..60).contains(&left) && gaps.iter().any(|gap| gap.2 == "event record"), "{gaps:?}");
    // A size that leads nowhere.
    let (left, gaps) = after(|log| log[SECOND + 516..SECOND + 520].fill(0xff));
    assert!((40..60).contains(&left) && gaps.iter().any(|gap| gap.2 == "event record"), "{gaps:?}");
    // A chunk that was never written.
    assert_eq!(after(|log| log[SECOND..SECOND + CHUNK_BYTES].fill(0)), (40, vec![]));
    // Cut off between chunks, within a chunk, and within its head.
    let cut = |length: usize| after(|log| log.truncate(length));
    assert_eq!(cut(SECOND), (19, vec![(second, 2 * CHUNK_BYTES as u64, "chunks")]));
    let (left, gaps) = cut(SECOND + 3_000);
    assert!((20..39).contains(&left), "{left}");
    assert_eq!(gaps.last().unwrap().2, "chunks");
    assert!(gaps.contains(&(second + 3_000, CHUNK_BYTES as u64 - 3_000, "chunk")), "{gaps:?}");
    let (left, gaps) = cut(SECOND + 100);
    assert_eq!((left, gaps[0]), (19, (second + 100, CHUNK_BYTES as u64 - 100, "chunk")));
    assert_eq!(cut(100).1, vec![(0, 4_096, "head of the file")]);
}

#[test]
fn a_log_copied_while_open_has_no_gaps() {
    let (mut log, all) = sample();
    // The head knows of one chunk, and says that it may not know all.
    log[42..44].copy_from_slice(&1_u16.to_le_bytes());
    log[120] = 1;
    assert_eq!(FileHead::read(&log).unwrap(), FileHead { chunks: 1, is_dirty: true });
    let parsed = events(&log, &Wanted::everything());
    assert_eq!((parsed.items, parsed.gaps), (all, vec![]));
}

#[test]
fn chunks_are_read_in_any_order_by_any_reader() {
    let (log, all) = sample();
    let wanted = Wanted::everything();
    let mut reader = Reader::new(&wanted);
    let mut read = Vec::new();
    for chunk in log[FILE_HEAD_BYTES..].chunks(CHUNK_BYTES).rev() {
        assert_eq!(reader.chunk(chunk, 0, &mut |event| read.push(event)), []);
    }
    read.sort_by_key(|event| event.record);
    assert_eq!(read, all);
    assert_eq!(reader.records(), 60);
}

#[test]
fn impossible_times_are_written_all_the_same() {
    let early = Event { time: 0, ..event(UPDATE_CLIENT, 19, &[]) };
    let late = Event { time: u64::MAX, ..early.clone() };
    let log = EvtxBuilder::new().event(&early).event(&late).build();
    let lines: Vec<String> = events(&log, &wanted()).items.iter().map(Event::line).collect();
    assert!(lines[0].starts_with("1601-01-01T00:00:00.0000000Z Error "), "{}", lines[0]);
    assert!(lines[1].starts_with("9999-12-31T23:59:59.9999999Z Error "), "{}", lines[1]);
}

/// A chunk with one record of this content and no checksums.
fn chunk_of(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut chunk = vec![0; 512];
    chunk[..8].copy_from_slice(b"ElfChnk\0");
    chunk[120] = 4;
    for content in contents {
        let size = (content.len() as u32 + 28).to_le_bytes();
        chunk.extend(b"**\0\0");
        chunk.extend(size);
        chunk.extend([1; 16]);
        chunk.extend(content);
        chunk.extend(size);
    }
    let end = (chunk.len() as u32).to_le_bytes();
    chunk[48..52].copy_from_slice(&end);
    chunk.resize(CHUNK_BYTES, 0);
    chunk
}

#[test]
fn nesting_without_end_is_a_gap() {
    let wanted = Wanted::everything();
    // An element within an element 5,000 times; each has its name at the same place.
    let deep = [1, 0, 0, 0, 0, 0, 0, 0, 0, 2].repeat(5_000);
    // A template that holds itself, twice: its definition stands behind the instance.
    let at = 512 + 24 + 10;
    let instance = |at: u32| [&[0x0c, 1, 0, 0, 0, 0][..], &at.to_le_bytes(), &[0; 4]].concat();
    let tokens = instance(at).repeat(2);
    let mut own = vec![0x0c, 1, 0, 0, 0, 0];
    own.extend(at.to_le_bytes());
    own.extend([0; 20]);
    own.extend((tokens.len() as u32).to_le_bytes());
    own.extend(tokens);
    own.extend([0; 4]);
    for content in [deep, own] {
        let mut read = 0;
        let gaps = Reader::new(&wanted).chunk(&chunk_of(&[content]), 0, &mut |_| read += 1);
        assert_eq!((read, gaps.len()), (0, 1), "{gaps:?}");
        assert!(gaps[0].why.to_string().contains("nested"), "{gaps:?}");
    }
}

#[test]
fn a_chunk_cannot_describe_far_more_than_it_holds() {
    // One template with a name of 20,000 characters, and as many records that use it as fit in.
    let provider = "p".repeat(20_000);
    let log = EvtxBuilder::new().event(&event(&provider, 1, &[])).build();
    let chunk = &log[FILE_HEAD_BYTES..];
    let end = u32::from_le_bytes(chunk[48..52].try_into().unwrap()) as usize;
    // The second use of the template, from a log of two events.
    let twice =
        EvtxBuilder::new().event(&event(&provider, 1, &[])).event(&event(&provider, 1, &[]));
    let twice = &twice.build()[FILE_HEAD_BYTES..];
    let twice_end = u32::from_le_bytes(twice[48..52].try_into().unwrap()) as usize;
    let mut crafted = twice[..end].to_vec();
    while crafted.len() + twice_end - end <= CHUNK_BYTES {
        crafted.extend(&twice[end..twice_end]);
    }
    let crafted_end = (crafted.len() as u32).to_le_bytes();
    crafted[48..52].copy_from_slice(&crafted_end);
    crafted[120] = 4;
    crafted.resize(CHUNK_BYTES, 0);
    let (wanted, mut text_bytes) = (Wanted::everything(), 0);
    let gaps =
        Reader::new(&wanted).chunk(&crafted, 0, &mut |event| text_bytes += event.provider.len());
    assert!(text_bytes <= 40 * CHUNK_BYTES, "{text_bytes}");
    assert!(gaps.iter().any(|gap| gap.why.to_string().contains("far more")), "{gaps:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let wanted = wanted();
        let mut reader = Reader::new(&wanted);
        reader.chunk(&bytes, u64::MAX - 10, &mut |_| {});
        reader.chunk(&chunk_of(std::slice::from_ref(&bytes)), 0, &mut |event| drop(event.line()));
        let file = [&b"ElfFile\0"[..], &[0; 4_088], &bytes].concat();
        prop_assert!(!events(&file, &wanted).gaps.is_empty() || bytes.iter().all(|&byte| byte == 0));
        let _ = events(&bytes, &wanted);
    }

    #[test]
    fn tokens_in_any_order_make_no_panic(
        tokens in proptest::collection::vec(0_u8..16, 0..400),
    ) {
        let content = [&[0x0f, 1, 1, 0][..], &tokens].concat();
        let everything = Wanted::everything();
        Reader::new(&everything).chunk(&chunk_of(&[content]), 0, &mut |event| drop(event.line()));
    }

    #[test]
    fn damage_is_never_silent(
        places in proptest::collection::vec((0..FILE_HEAD_BYTES + 3 * CHUNK_BYTES, any::<u8>()), 1..12),
    ) {
        let (mut log, all) = sample();
        for &(at, byte) in &places {
            // Most of a chunk is empty: damage where something stands.
            let within = at.saturating_sub(FILE_HEAD_BYTES) % CHUNK_BYTES;
            let at = if at < FILE_HEAD_BYTES { at % 128 } else { at - within + within % 8_000 };
            let is_flag = at >= FILE_HEAD_BYTES && (120..124).contains(&(within % 8_000));
            if !is_flag {
                log[at] = byte;
            }
        }
        let parsed = events(&log, &Wanted::everything());
        if parsed.gaps.is_empty() {
            prop_assert_eq!(&parsed.items, &all);
        }
        prop_assert!(parsed.gaps.iter().all(|gap| gap.at.start < gap.at.end));
        // What is selected before it is built is what would be selected afterwards, where whole.
        let chosen = events(&log, &wanted());
        for event in &chosen.items {
            prop_assert!(wanted().wants(&event.provider, event.id));
            prop_assert!(parsed.items.contains(event));
        }
    }
}

#[test]
fn every_record_of_real_logs_reads_the_same_elsewhere() {
    for (name, bytes) in real_logs() {
        let compared = compare(&name, &bytes);
        say(&format!("{name}: {compared} records compared"));
    }
}

#[test]
fn what_is_known_of_real_logs_is_found() {
    let logs = real_logs();
    for (name, bytes) in &logs {
        let all = events(bytes, &Wanted::everything());
        let mut filtered = all.items.clone();
        filtered.retain(|event| wanted().wants(&event.provider, event.id));
        assert_eq!(events(bytes, &wanted()).items, filtered, "{name}");
        assert_eq!(all.gaps.is_empty(), !name.starts_with("corrupt"), "{name} {:?}", all.gaps);
    }
    if let Some(log) = logs.get("win10_1703_DESKTOP-2KGM189_System.evtx") {
        let chosen = events(log, &wanted()).items;
        let update = |id| chosen.iter().filter(move |e| e.provider == UPDATE_CLIENT && e.id == id);
        assert_eq!((update(19).count(), update(20).count()), (116, 5));
        let failed: Vec<_> = update(20)
            .filter(|event| value(event, "updateTitle").contains("KB4025342"))
            .map(|event| (event.record, value(event, "errorCode")))
            .collect();
        let code = "0x80248007";
        assert_eq!(failed, [(561, code), (807, code), (1008, code), (1182, code)]);
        assert_eq!(events(log, &Wanted::everything()).items.len(), 1_881);
    }
    if let Some(log) = logs.get("server2016_WIN-AIRSIL7JFQV_Setup.evtx") {
        let chosen = events(log, &wanted()).items;
        assert_eq!(chosen.len(), 2);
        assert!(chosen.iter().all(|event| value(event, "PackageIdentifier") == "KB3192137"));
        assert_eq!(value(&chosen[1], "ErrorCode"), "0x0");
    }
    if let Some(log) = logs.get("corrupt_bad_chunk_magic.evtx") {
        let parsed = events(log, &Wanted::everything());
        // Others count one more, of which the sectors with its provider are zero.
        assert_eq!(parsed.items.len(), 300);
        assert!(parsed.gaps.iter().filter(|gap| gap.what == "head of a chunk").count() >= 2);
    }
}

/// Compares every record with what the crate `evtx` makes of it; gives how many there were.
fn compare(name: &str, bytes: &[u8]) -> usize {
    let ours = events(bytes, &Wanted::everything()).items;
    let ours: BTreeMap<u64, Event> = ours.into_iter().map(|event| (event.record, event)).collect();
    let settings = evtx::ParserSettings::new().num_threads(1);
    let parser = evtx::EvtxParser::from_buffer(bytes.to_vec()).unwrap();
    let mut compared = 0;
    for record in parser.with_configuration(settings).records().flatten() {
        let expected = elsewhere::event(record.event_record_id, &record.data);
        if expected.provider.is_empty() {
            continue;
        }
        assert_eq!(ours.get(&expected.record), Some(&expected), "{name}: {}", record.data);
        compared += 1;
    }
    compared
}

/// Events from the XML that the crate `evtx` writes.
mod elsewhere {
    use super::Event;

    #[derive(Default)]
    struct Element {
        name: String,
        label: String,
        text: String,
        has_elements: bool,
    }

    pub(super) fn event(record: u64, xml: &str) -> Event {
        let mut event = Event { record, ..Event::default() };
        let mut path: Vec<Element> = Vec::new();
        let mut rest = xml.split_once("?>").unwrap().1;
        let mut unnamed = 0;
        while let Some((text, tail)) = rest.split_once('<') {
            let (tag, tail) = tail.split_once('>').unwrap();
            rest = tail;
            if let Some(top) = path.last_mut() {
                top.text.push_str(text);
            }
            if !tag.starts_with('/') {
                open(&mut event, &mut path, tag.trim_end_matches('/'));
            }
            if tag.starts_with('/') || tag.ends_with('/') {
                close(&mut event, &mut path, &mut unnamed);
            }
        }
        event
    }

    fn open(event: &mut Event, path: &mut Vec<Element>, tag: &str) {
        let (name, mut attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let mut element = Element { name: name.to_owned(), ..Element::default() };
        if let Some(top) = path.last_mut() {
            top.has_elements = true;
        }
        let in_data = path.get(1).is_some_and(|second| second.name != "System");
        let is_free = in_data && (path[1].name != "EventData" || path.len() > 2);
        while let Some((key, tail)) = attributes.split_once("=\"") {
            let (value, tail) = tail.split_once('"').unwrap();
            attributes = tail;
            let (key, value) = (key.trim(), plain(value));
            match (name, key) {
                ("Provider", "Name") => event.provider = value,
                ("TimeCreated", "SystemTime") => event.time = ticks(&value),
                (_, "Name") if !is_free => element.label = value,
                _ if is_free && !key.starts_with("xmlns") => {
                    event.data.push((key.to_owned(), value));
                }
                _ => {}
            }
        }
        path.push(element);
    }

    fn close(event: &mut Event, path: &mut Vec<Element>, unnamed: &mut u32) {
        let Element { name, label, text, has_elements } = path.pop().unwrap();
        let text = plain(&text);
        let names: Vec<&str> = path.iter().map(|element| element.name.as_str()).collect();
        match (names.as_slice(), name.as_str()) {
            (["Event", "System"], "EventID") => event.id = text.parse().unwrap(),
            (["Event", "System"], "Level") => event.level = text.parse().unwrap(),
            (["Event", "System"], "Channel") => event.channel = text,
            (["Event", "System"], "Computer") => event.computer = text,
            (["Event", "EventData"], "Data") if label.is_empty() => {
                *unnamed += 1;
                event.data.push((format!("param{unnamed}"), text));
            }
            (["Event", "EventData"], _) if !label.is_empty() => event.data.push((label, text)),
            (["Event", "EventData"], "Binary") if text.is_empty() => {}
            (["Event", second, ..], _) if *second != "System" && !has_elements => {
                event.data.push((name, text));
            }
            _ => {}
        }
    }

    fn plain(text: &str) -> String {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        text.replace("&apos;", "'").replace("&amp;", "&")
    }

    /// The FILETIME of `2017-07-23T10:11:12.1234567Z`.
    fn ticks(time: &str) -> u64 {
        let time: jiff::Timestamp = time.parse().unwrap();
        u64::try_from(time.as_nanosecond() / 100 + 116_444_736_000_000_000).unwrap()
    }
}
