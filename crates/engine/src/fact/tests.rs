//! However a log is cut, encoded or damaged, what can be read of it is found, and the rest is told.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use unwedge_formats::evtx::{Event, EvtxBuilder};
use unwedge_host::{About, Evidence, Fixture, Host, HostError, ReadSeek};

use super::{Facts, observe, observe_in_blocks, read};
use crate::diagnose::diagnose;
use crate::report::{Diagnosis, GapNote};
use crate::rule::{Rule, RuleSet};

/// Evidence in memory, whole or not.
struct Memory {
    about: About,
    files: Option<Vec<(&'static str, Content)>>,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    /// Gives these bytes and then an error.
    Breaks(Vec<u8>),
    Closed,
}

impl Memory {
    fn of(content: Content) -> Memory {
        Memory { about: About::default(), files: Some(vec![("CBS.log", content)]) }
    }
}

impl Host for Memory {
    fn about(&self) -> &About {
        &self.about
    }

    fn evidence(&self) -> unwedge_host::Result<Vec<Evidence>> {
        let files = self.files.as_ref().ok_or(HostError::not_collected("list", "evidence"))?;
        let listed = |(name, content): &(&str, Content)| Evidence {
            source: (*name).into(),
            size_bytes: match content {
                Content::Bytes(bytes) | Content::Breaks(bytes) => bytes.len() as u64,
                Content::Closed => 0,
            },
            modified: None,
        };
        Ok(files.iter().map(listed).collect())
    }

    fn open_evidence(&self, wanted: &Evidence) -> unwedge_host::Result<Box<dyn ReadSeek + '_>> {
        let mut files = self.files.iter().flatten();
        match files.find(|(name, _)| *name == wanted.source) {
            Some((_, Content::Bytes(bytes))) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Some((_, Content::Breaks(bytes))) => Ok(Box::new(Breaks(Cursor::new(bytes.clone())))),
            _ => Err(HostError::win32("read", &wanted.source, 32)),
        }
    }
}

struct Breaks(Cursor<Vec<u8>>);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is bad here")),
            read => Ok(read),
        }
    }
}

impl Seek for Breaks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn rules() -> RuleSet {
    let text = "title = 'Held'\ncategory = 'lock'\nseverity = 'blocking'\nweight = 'root'\n\
         prose = 'x'\ncodes = ['0x80070020']\n[[source]]\nurl = 'x'\nsays = 'x'\n\
         [[when]]\ncontains = ['ailed']\npattern = 'file (?<file>\\S+)'\ncoded = true\nstrong = true\n\
         [[when]]\nevent = ['Microsoft-Windows-WindowsUpdateClient 20']\ncoded = true\n\
         [[when]]\noutcome = true";
    RuleSet { rules: vec![Rule::parse("file-locked", text).expect("the rule is right")] }
}

fn seen(content: Content, block_bytes: usize) -> (Facts, Diagnosis) {
    let rules = rules();
    let facts = observe_in_blocks(&Memory::of(content), &rules, block_bytes);
    let diagnosis = diagnose(&facts, &rules);
    (facts, diagnosis)
}

fn facts(bytes: &[u8]) -> Facts {
    seen(Content::Bytes(bytes.to_vec()), read::BLOCK_BYTES).0
}

/// Lines on which a failure was seen.
fn sighted(facts: &Facts) -> Vec<u64> {
    facts.sightings.values().flat_map(|seen| seen.iter().map(|s| s.place.line)).collect()
}

fn gap(facts: &Facts) -> (Option<u64>, &str, &str) {
    let [GapNote { line, what, why, .. }] = &facts.gaps[..] else { panic!("{:?}", facts.gaps) };
    (*line, what, why)
}

/// A record of its own second, so that no two are alike.
fn record(second: usize, text: &str) -> String {
    format!(
        "2020-02-04 17:{:02}:{:02}, Info                  CBS    {text}",
        second / 60 % 60,
        second % 60
    )
}

const FAILED: &str =
    r"Failed to open file C:\a.dll [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]";

/// Lines of a log: sessions, failures, CSI records with gaps in their numbers, what continues them.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        Just("Session: 1_2 initialized by client WindowsUpdateAgent.".to_owned()),
        Just(FAILED.to_owned()),
        Just("Exec: Processing complete.  Session: 1_2, Package: p~1, Identifier: KB1 [HRESULT = 0x80070020 - X]".to_owned()),
        Just("Appl: nothing of note, é and 漢".to_owned()),
    ];
    let line = (0..6, 0..50_u32, text).prop_map(|(form, number, text)| (form, number, text));
    prop::collection::vec(line, 1..40).prop_map(|lines| {
        let numbered = lines.into_iter().enumerate();
        numbered
            .map(|(second, (form, number, text))| match form {
                0 => format!("  a line that continues: hr = 0x8007000{}", number % 10),
                1 => record(second, "x").replace(
                    "CBS    x",
                    &format!(
                        "CSI    {number:08x}@2020/2/5:00:{:02}:{:02}.192 y",
                        second / 60,
                        second % 60
                    ),
                ),
                _ => record(second, &text),
            })
            .collect()
    })
}

fn ended(lines: &[String], ends: &[&str]) -> String {
    let ends = ends.iter().cycle();
    let first = record(0, "the first record tells what the file is");
    let all = std::iter::once(&first).chain(lines);
    all.zip(ends).map(|(line, end)| format!("{line}{end}")).collect()
}

fn told(seen: &(Facts, Diagnosis)) -> String {
    format!("{:#?}\n{}", seen.0, serde_json::to_string_pretty(&seen.1).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn where_a_block_ends_does_not_show(
        lines in lines(),
        ends in prop::collection::vec(prop_oneof![Just("\r\n"), Just("\n"), Just("\r"), Just("\0\n")], 1..5),
        block_bytes in 1_usize..700,
        cut in 0_usize..60,
    ) {
        let log = ended(&lines, &ends).into_bytes();
        let log = log[..log.len() - cut.min(log.len())].to_vec();
        let whole = told(&seen(Content::Bytes(log.clone()), read::BLOCK_BYTES));
        prop_assert_eq!(told(&seen(Content::Bytes(log), block_bytes)), whole);
    }

    #[test]
    fn all_line_ends_give_the_same_findings(
        lines in lines(),
        ends in prop::collection::vec(prop_oneof![Just("\r\n"), Just("\n"), Just("\r")], 1..5),
    ) {
        let (mut plain, mut mixed) = (
            seen(Content::Bytes(ended(&lines, &["\n"]).into_bytes()), read::BLOCK_BYTES),
            seen(Content::Bytes(ended(&lines, &ends).into_bytes()), read::BLOCK_BYTES),
        );
        for seen in [&mut plain, &mut mixed] {
            seen.0.sources[0].size_bytes = 0;
            seen.1.sources[0].size_bytes = 0;
        }
        prop_assert_eq!(told(&mixed), told(&plain));
    }

    #[test]
    fn the_encoding_does_not_show(lines in lines(), block_bytes in 1_usize..700) {
        let text = ended(&lines, &["\r\n"]);
        let plain = told(&seen(Content::Bytes(text.clone().into_bytes()), read::BLOCK_BYTES));
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for wide in [little, big] {
            prop_assert_eq!(told(&seen(Content::Bytes(wide), block_bytes)), plain.clone());
        }
    }

    #[test]
    fn a_truncated_gzip_gives_what_was_readable_and_a_gap(cut in 1_usize..400) {
        let text: String = (0..900).map(|i| record(i, &format!("{FAILED} {}\r\n", i * 7919))).collect();
        let whole = gzip(text.as_bytes());
        let facts = facts(&whole[..whole.len() / 2 - cut]);
        prop_assert!(sighted(&facts).len() > 10);
        let last = facts.sources[0].lines;
        prop_assert_eq!(gap(&facts).0, Some(last + 1));
        prop_assert_eq!(gap(&facts).1, "the rest of the file");
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn cabinet(text: &[u8]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder.add_folder(cab::CompressionType::MsZip).add_file("CbsPersist_1.log");
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(text).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_truncated_cabinet_gives_what_was_readable_and_a_gap() {
    let text: String =
        (0..3_000).map(|i| record(i, &format!("{FAILED} {}\r\n", i * 7919))).collect();
    let whole = cabinet(text.as_bytes());
    let facts = facts(&whole[..whole.len() / 2]);
    assert!(sighted(&facts).len() > 10, "{:?}", facts.sources);
    let last = facts.sources[0].lines;
    assert_eq!((gap(&facts).0, gap(&facts).1), (Some(last + 1), "the rest of the file"));
}

#[test]
fn a_damaged_middle_costs_its_records_only() {
    let lines = [record(0, FAILED), "\0".repeat(5_000), record(2, FAILED), record(3, FAILED)];
    let facts = facts(lines.join("\r\n").as_bytes());
    assert_eq!(sighted(&facts), [1, 3, 4]);
    assert_eq!(gap(&facts), (Some(2), "a record", "not text: zero bytes stand in it"));
}

#[test]
fn a_line_of_three_megabytes_is_a_gap_and_what_follows_is_read() {
    for end in ["\n", "\r\n", "\r"] {
        let long = "x".repeat(3 << 20);
        let log = [record(0, FAILED), record(1, &long), record(2, FAILED)].join(end) + end;
        for block_bytes in [997, read::BLOCK_BYTES] {
            let facts = seen(Content::Bytes(log.clone().into_bytes()), block_bytes).0;
            assert_eq!(sighted(&facts), [1, 3]);
            assert_eq!((gap(&facts).0, gap(&facts).1), (Some(2), "a line"));
            assert_eq!(facts.sources[0].lines, 3);
        }
    }
}

#[test]
fn a_long_last_line_without_an_end_is_a_gap() {
    let log = record(0, FAILED) + "\n" + &"x".repeat(3 << 20) + "\r";
    let facts = facts(log.as_bytes());
    assert_eq!((gap(&facts).0, gap(&facts).1, facts.sources[0].lines), (Some(2), "a line", 2));
}

#[test]
fn further_damaged_places_are_counted() {
    let log = record(0, "a\n") + &"\0\n".repeat(50);
    let facts = facts(log.as_bytes());
    assert_eq!(facts.gaps.len(), 21);
    assert_eq!(facts.gaps[20].why, "30 further places could not be read");
}

#[test]
fn a_read_error_keeps_what_was_read_and_tells_the_line() {
    let log = [record(0, FAILED), record(1, FAILED), "2020-02-04 17".to_owned()].join("\r\n");
    let facts = seen(Content::Breaks(log.into_bytes()), 64).0;
    assert_eq!(sighted(&facts), [1, 2]);
    assert_eq!(gap(&facts), (Some(3), "the rest of the file", "the disk is bad here"));
}

#[test]
fn a_half_written_last_record_is_told() {
    let facts = facts((record(0, FAILED) + "\r\n2020-02-04 17").as_bytes());
    assert_eq!(gap(&facts), (Some(2), "the last record", "half-written: cut off in the middle"));
}

#[test]
fn missing_numbers_are_told_before_the_other_gaps_of_the_file() {
    let csi = |number: u32| record(0, "x").replace("CBS    x", &format!("CSI    {number:08x} y"));
    let lines =
        ["\0".to_owned(), csi(1), csi(2), csi(9), csi(30), csi(31), csi(40), record(9, "x")];
    let facts = facts((record(0, "x\n") + &lines.join("\n") + "\n").as_bytes());
    assert!(facts.is_excerpt);
    let whys: Vec<&str> = facts.gaps.iter().map(|gap| gap.why.as_str()).collect();
    let missing = "numbers are missing between them: an extract of a log";
    assert_eq!(whys, [missing, "not text: zero bytes stand in it"]);
}

#[test]
fn what_cannot_be_listed_or_opened_is_a_gap() {
    let nothing = Memory { about: About::default(), files: None };
    let facts = observe_in_blocks(&nothing, &rules(), 64);
    assert_eq!(gap(&facts), (None, "the list of logs", "list evidence: not part of the evidence"));
    let facts = seen(Content::Closed, 64).0;
    let why = "read CBS.log: refused by Windows with error 32";
    assert_eq!(gap(&facts), (None, "the file", why));
}

#[test]
fn a_file_that_breaks_at_once_is_a_gap() {
    let facts = seen(Content::Breaks(vec![0x1f, 0x8b, 8, 0]), 64).0;
    assert_eq!((gap(&facts).0, gap(&facts).1), (None, "the file"));
}

#[test]
fn what_is_no_log_is_listed_with_the_reason() {
    for (content, kind, why) in [
        (String::new(), "unknown", "the file is empty"),
        ("MZ".to_owned(), "unknown", "not in the form of any log known here"),
    ] {
        let facts = facts(content.as_bytes());
        assert_eq!((facts.sources[0].kind.as_str(), gap(&facts)), (kind, (None, "the file", why)));
    }
}

#[test]
fn all_events_of_a_log_that_is_read_on_two_threads_are_seen() {
    const CHUNKS: u64 = 70;
    let mut log = EvtxBuilder::new();
    for second in 0..CHUNKS {
        let event = Event {
            time: 134_118_144_000_000_000 + second * 10_000_000,
            provider: "Microsoft-Windows-WindowsUpdateClient".into(),
            id: 20,
            level: 2,
            channel: "System".into(),
            data: vec![
                ("errorCode".into(), "0x80070020".into()),
                ("updateTitle".into(), r"Failed on file C:\a.dll".into()),
            ],
            ..Event::default()
        };
        log = log.next_chunk().event(&event);
    }
    let mut bytes = log.build();
    assert!(bytes.len() as u64 >= read::LARGE_BYTES);
    bytes.truncate(bytes.len() - 30_000);
    let facts = facts(&bytes);
    assert_eq!(sighted(&facts), (1..=CHUNKS).collect::<Vec<_>>());
    assert_eq!((facts.sources[0].lines, facts.sources[0].size_bytes), (CHUNKS, bytes.len() as u64));
    assert_eq!(gap(&facts).2, "cut off in the middle");
}

#[test]
fn what_everyone_has_loaded_is_in_nobodys_way() {
    let host = Fixture::parse(
        "//- process 4 System\n//- process 600 shell.exe\n\
         //- holder process=600 path=C:\\Windows\\WinSxS\\part\\a.dll how=image\n\
         //- holder process=4 path=C:\\Windows\\System32\\config\\COMPONENTS \
         hive=\\REGISTRY\\MACHINE\\COMPONENTS\n\
         //- holder process=600 path=C:\\Windows\\WinSxS\\part\\b.dll share=none\n",
    );
    let facts = observe(&host.unwrap(), &RuleSet::built_in());
    let held: Vec<&str> = facts.holders.iter().map(|it| it.path.name()).collect();
    assert_eq!(held, ["b.dll"]);
}
