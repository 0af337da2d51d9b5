//! Event traces: what is written comes back, nothing makes the reader fall over, and what it says
//! is what Windows says.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::civil::date;
use proptest::prelude::*;
use unwedge_formats::GapReason;
use unwedge_formats::etl::write::EtlBuilder;
use unwedge_formats::etl::{Guid, Text, Trace, Zone, decode, is_etl, ticks_at};

const MEDIC: (Guid, &str) = (Guid([7; 16]), "Microsoft.Windows.WaaSMedic.Local");

fn builder() -> EtlBuilder {
    EtlBuilder::new(ticks_at(date(2025, 3, 17).at(15, 43, 15, 0)))
}

fn text(trace: &Trace<'_>) -> String {
    String::from_utf8(trace.to_log(&trace.session.zone)).unwrap()
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    let trace = decode(bytes);
    assert_eq!((text(&trace).as_str(), &trace.gaps[..]), (expected, &[][..]));
}

#[test]
fn lines_come_back_in_the_order_of_their_time() {
    let trace = builder().update(20_000_000, 5812, 22340, "Agent", "* END *").update(
        5,
        18348,
        7716,
        "Misc",
        "says \"ü\"",
    );
    let expected = "\
2025/03/17 15:43:15.0000005 18348 7716  Misc            says \"ü\"
2025/03/17 15:43:17.0000000 5812  22340 Agent           * END *
";
    check(&trace.finish(), expected);
    check(&trace.clone().narrow().finish(), expected);
}

#[test]
fn every_clock_is_understood() {
    let expected = "2025/03/17 15:43:17.0000000 4     8     Misc            a\n";
    for (kind, frequency) in [(1, 10_000_000), (1, 3_579_545), (2, 10_000_000), (3, 2_000_000_000)]
    {
        let trace = builder().clock(kind, frequency).update(20_000_000, 4, 8, "Misc", "a");
        check(&trace.finish(), expected);
    }
}

#[test]
fn the_clock_on_the_wall_is_that_of_the_trace() {
    let bytes = builder().bias(480).update(0, 4, 8, "Misc", "a").finish();
    check(&bytes, "2025/03/17 07:43:15.0000000 4     8     Misc            a\n");
    let in_utc = decode(&bytes).to_log(&Zone::UTC);
    assert!(in_utc.starts_with(b"2025/03/17 15:43:15"));
}

#[test]
fn events_of_others_are_told_with_their_names() {
    let payload = [&0x8007_0021_u32.to_le_bytes()[..], b"a\0 \0b\0\0\0"].concat();
    let trace = builder().trace_logging(0, MEDIC, "Error", b"hr\0\x87\x0fm\0\x01", &payload);
    check(
        &trace.finish(),
        "2025/03/17 15:43:15.0000000 4     8     Microsoft.Windows.WaaSMedic.Local Error: \
         hr=0x80070021 m=\"a b\"\n",
    );
}

#[test]
fn what_does_not_describe_itself_is_counted_and_not_guessed() {
    let bytes = builder()
        .lost(3, 1)
        .message(0)
        .message(1)
        .manifest(2, Guid([9; 16]))
        .record(&[&[0, 0, 0x14, 0xC0][..], &[0; 20], &[8; 16], &[0; 8]].concat())
        .record(&[0, 0, 0x15, 0xC0, 0, 0, 0, 0])
        .record(&[2, 0, 0x11, 0xC0, 8, 0, 0x40, 0])
        .update(0, 1, 2, "Misc", "behind")
        .finish();
    let trace = decode(&bytes);
    assert_eq!((trace.needs_symbols, trace.lines.len(), trace.events()), (2, 1, 5));
    // The head of the trace is a record of the system, too.
    assert_eq!(trace.system, 3);
    assert_eq!(trace.other, BTreeMap::from([(Guid([8; 16]), 1), (Guid([9; 16]), 1)]));
    assert_eq!((trace.session.events_lost, trace.session.buffers_lost), (3, 1));
    assert_eq!(trace.session.name, "WindowsUpdate_trace_log");
    assert_eq!((trace.session.version, trace.session.build), ((10, 0), 20_348));
    assert_eq!(trace.gaps, []);
}

#[test]
fn a_trace_of_many_buffers_is_read_to_its_end() {
    let long = "x".repeat(1000);
    let lines = |trace: EtlBuilder, n: u64| trace.update(n, 4, 8, "Misc", &format!("{n} {long}"));
    let bytes = (0..100).fold(builder(), lines).finish();
    let trace = decode(&bytes);
    assert_eq!((trace.lines.len(), &trace.gaps[..]), (100, &[][..]));
    assert!(bytes.len() / 4096 > 40);
}

fn gap(bytes: &[u8]) -> (&'static str, GapReason, usize) {
    let trace = decode(bytes);
    let [gap] = &trace.gaps[..] else { panic!("{:?}", trace.gaps) };
    (gap.what, gap.why.clone(), trace.lines.len())
}

#[test]
fn what_is_damaged_is_said_and_the_rest_is_read() {
    let lines = |trace: EtlBuilder, n: u64| trace.update(n, 4, 8, "Misc", &"x".repeat(800));
    let bytes = (0..6).fold(builder(), lines).finish();
    assert_eq!(bytes.len(), 4 * 4096);
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };

    assert_eq!(gap(&bytes[..4096 * 3 + 500]), ("record", GapReason::Truncated, 4));
    assert_eq!(gap(&bytes[..4096 * 3 + 50]), ("buffer", GapReason::Truncated, 4));
    assert_eq!(gap(&bytes[..4096 * 3]), ("buffers at the end", GapReason::Truncated, 4));
    assert_eq!(gap(&bytes[..200]), ("head of an event trace", GapReason::Truncated, 0));
    assert_eq!(gap(b"MZ"), ("head of an event trace", GapReason::Foreign, 0));
    assert_eq!(gap(&changed(4096 + 72 + 2, &[0xEE])), ("record", GapReason::Foreign, 4));
    assert_eq!(gap(&changed(4096 + 72, &[1, 0])), ("record", GapReason::Foreign, 4));
    assert_eq!(gap(&changed(4096 + 0x30, &[0xFF, 0xFF])).0, "end of a buffer");
    let (what, why, lines) = gap(&changed(4096 + 0x34, &[0x60]));
    assert!(matches!(why, GapReason::Unreadable(_)));
    assert_eq!((what, lines), ("buffer", 4));
    // The size of a buffer stands in two places.
    assert_eq!(decode(&changed(0, &[0; 4])).lines.len(), 6);
    let mut no_size = changed(0, &[0; 4]);
    no_size[104..108].copy_from_slice(&[0; 4]);
    assert_eq!(gap(&no_size), ("size of a buffer", GapReason::Foreign, 0));
}

#[test]
fn a_clock_that_does_not_tell_its_rate_is_a_gap() {
    let (what, why, lines) = gap(&builder().clock(1, 0).update(5, 4, 8, "Misc", "a").finish());
    assert!(matches!(why, GapReason::Unreadable(_)));
    assert_eq!((what, lines), ("time", 1));
}

/// A trace with something of everything.
fn mixed() -> Vec<u8> {
    let fields =
        b"a\0\x01b\0\x02c\0\x84\x03d\0\x44e\0\x24\x02\0f\0\x0eg\0\x13h\0\x0ci\0\x98\x01j\0\x12";
    let payload = [3_u8; 90];
    (0..12)
        .fold(builder(), |trace, n| {
            trace.update(n, 4, 8, "Agent", "a line of some length, \u{1F600} and more").message(n)
        })
        .trace_logging(7, MEDIC, "Mixed", fields, &payload)
        .manifest(9, Guid([9; 16]))
        .finish()
}

#[track_caller]
fn is_sane(bytes: &[u8]) {
    let trace = decode(bytes);
    let log = trace.to_log(&trace.session.zone);
    assert!(trace.lines.is_sorted_by_key(|line| line.time));
    assert!(trace.lines.len() * 80 <= bytes.len());
    // Columns cost up to a hundred bytes a line, values a few times what they take.
    assert!(log.len() <= trace.lines.len() * 200 + 12 * bytes.len(), "{}", log.len());
    assert!(std::str::from_utf8(&log).is_ok());
    for gap in &trace.gaps {
        assert!(gap.at.start <= gap.at.end, "{gap:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = is_etl(&bytes);
        is_sane(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(
        places in proptest::collection::vec((0..20_000_usize, any::<u8>()), 1..40),
        keep in 0..30_000_usize,
    ) {
        let mut bytes = mixed();
        for (at, byte) in places {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(keep);
        is_sane(&bytes);
    }

    #[test]
    fn no_schema_makes_it_panic(
        fields in proptest::collection::vec(any::<u8>(), 0..200),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        is_sane(&builder().trace_logging(0, MEDIC, "Any", &fields, &payload).finish());
    }

    #[test]
    fn any_text_comes_back(text in "[^\0\r]{0,300}", component in "[A-Za-z]{1,20}") {
        let bytes = builder().update(0, 4, 8, &component, &text).finish();
        let log = decode(&bytes).to_log(&Zone::UTC);
        let expected = format!(
            "2025/03/17 15:43:15.0000000 4     8     {component:<15} {text}\n"
        );
        prop_assert_eq!(String::from_utf8(log).unwrap(), expected);
    }
}

/// Files of `archive`, unpacked by the programs of the system.
fn unpacked(archive: &Path, to: &Path) -> Option<Vec<PathBuf>> {
    let status = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(to).status().ok()?;
    let entries = status.success().then(|| fs::read_dir(to).ok()).flatten()?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Some(files)
}

/// Real traces beside Windows' own decode of them, where there are some.
#[test]
fn it_says_what_windows_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/etl");
    let archives: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|it| it.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    let mut compared = 0;
    for archive in archives.iter().filter(|path| path.to_string_lossy().ends_with(".tar.xz")) {
        let to = tempfile::tempdir().unwrap();
        let Some(files) = unpacked(archive, to.path()) else { continue };
        let Some(golden) = files.iter().find(|path| path.to_string_lossy().ends_with(".log"))
        else {
            continue;
        };
        compared += compare(&files, &fs::read_to_string(golden).unwrap());
    }
    let note = match compared {
        0 => "skipped: no traces beside Windows' own decode, or no tar to unpack them".to_owned(),
        lines => format!("compared: {lines} lines with Windows' own decode"),
    };
    writeln!(std::io::stderr(), "{note}").unwrap();
}

/// Each line of Windows but for its double quotes, in the same order, and about the same time.
fn compare(files: &[PathBuf], golden: &str) -> usize {
    let mut lines = Vec::new();
    for file in files.iter().filter(|path| path.extension().is_some_and(|it| it == "etl")) {
        let bytes = fs::read(file).unwrap();
        let trace = decode(&bytes);
        assert_eq!((&trace.gaps[..], trace.needs_symbols), (&[][..], 0), "{}", file.display());
        assert!(trace.lines.iter().all(|line| matches!(line.text, Text::Info(_))));
        let log = text(&trace);
        assert_eq!(log.lines().count(), trace.lines.len());
        lines.extend(trace.lines.iter().map(|line| line.time).zip(log.lines().map(str::to_owned)));
    }
    lines.sort_by_key(|line| line.0);
    let windows: Vec<&str> = golden.lines().collect();
    assert_eq!(lines.len(), windows.len());
    for ((_, ours), windows) in lines.iter().zip(&windows) {
        let plain = |line: &str| line[27..].replace('"', "");
        assert_eq!(plain(ours), plain(windows));
        let seconds = |line: &str| {
            let part = |at: usize, to: usize| line[at..to].parse::<f64>().unwrap();
            part(11, 13) * 3600.0 + part(14, 16) * 60.0 + part(17, 27)
        };
        assert_eq!(ours[..10], windows[..10]);
        // Windows counts all files of one batch from the clock of the first.
        assert!((seconds(ours) - seconds(windows)).abs() < 0.5, "{ours}");
    }
    windows.len()
}
