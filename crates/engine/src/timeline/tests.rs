//! Timelines of small logs.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use unwedge_host::{About, Evidence, Host, ReadSeek};

use super::*;
use crate::evidence::Listing;

/// Logs in memory.
struct Logs(About, Vec<(&'static str, String)>);

impl Host for Logs {
    fn about(&self) -> &About {
        &self.0
    }
    fn evidence(&self) -> unwedge_host::Result<Vec<Evidence>> {
        let one = |(name, log): &(&str, String)| Evidence {
            source: (*name).to_owned(),
            size_bytes: log.len() as u64,
            modified: None,
        };
        Ok(self.1.iter().map(one).collect())
    }
    fn open_evidence(&self, evidence: &Evidence) -> unwedge_host::Result<Box<dyn ReadSeek + '_>> {
        let found = self.1.iter().find(|(name, _)| *name == evidence.source);
        Ok(Box::new(Cursor::new(found.expect("it was listed").1.as_bytes())))
    }
}

fn told_of(logs: &[(&'static str, &str)], filter: &Filter) -> (Vec<Entry>, Summary) {
    let logs = logs.iter().map(|(name, log)| (*name, (*log).to_owned())).collect();
    let host = Logs(About::default(), logs);
    let listing = Listing::of(&host);
    let mut entries = Vec::new();
    let summary = tell(&host, listing.logs, filter, &mut |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    });
    assert_eq!(summary.shown, entries.len() as u64);
    (entries, summary)
}

fn times(entries: &[Entry]) -> Vec<(String, &str)> {
    let time = |entry: &Entry| entry.time.map_or(String::new(), |time| time.to_string());
    entries.iter().map(|entry| (time(entry), entry.text.as_str())).collect()
}

fn cbs(time: &str, text: &str) -> String {
    format!("{time}, Info                  CBS    {text}\r\n")
}

/// A record that shows the offset: `utc` as `2026/1/2:09:00:00`.
fn csi(time: &str, utc: &str) -> String {
    format!("{time}, Info                  CSI    00000001@{utc}.000 stamp\r\n")
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_str()).collect()
}

#[test]
fn two_logs_of_two_zones_come_in_the_order_of_utc() {
    let east = csi("2026-01-02 10:00:00", "2026/1/2:09:00:00") + &cbs("2026-01-02 10:00:02", "b");
    let west = csi("2026-01-02 01:00:01", "2026/1/2:09:00:01") + &cbs("2026-01-02 01:00:03", "d");
    let (entries, summary) =
        told_of(&[("west.log", &west), ("east.log", &east)], &Filter::default());
    let told: Vec<String> = times(&entries).into_iter().map(|(time, _)| time).collect();
    assert_eq!(
        told,
        [
            "2026-01-02T09:00:00Z",
            "2026-01-02T09:00:01Z",
            "2026-01-02T09:00:02Z",
            "2026-01-02T09:00:03Z"
        ]
    );
    assert_eq!((summary.records, summary.gaps), (4, vec![]));
}

#[test]
fn a_log_of_unknown_zone_says_so() {
    let (entries, _) =
        told_of(&[("CBS.log", &cbs("2026-01-02 10:00:00", "x"))], &Filter::default());
    assert!(!entries[0].utc);
    assert_eq!(entries[0].time.unwrap().to_string(), "2026-01-02T10:00:00");
}

#[test]
fn the_zone_may_be_shown_far_behind_the_head() {
    let head: String = (0..2_000).map(|_| cbs("2026-01-02 10:00:00", "no zone yet")).collect();
    let log = head + &csi("2026-01-02 10:00:01", "2026/1/2:17:00:01");
    let (entries, summary) = told_of(&[("CBS.log", &log)], &Filter::default());
    assert_eq!(entries[0].time.unwrap().to_string(), "2026-01-02T17:00:00Z");
    assert_eq!((entries.len(), summary.gaps), (2_001, vec![]));
}

#[test]
fn records_of_the_same_time_come_by_source_and_line() {
    let log = |name: &str| -> String {
        (0..300).map(|i| cbs("2026-01-02 10:00:00", &format!("{name}{i}"))).collect()
    };
    let (entries, _) = told_of(&[("b.log", &log("b")), ("a.log", &log("a"))], &Filter::default());
    let places: Vec<_> = entries.iter().map(|entry| (entry.source.clone(), entry.line)).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!((places.len(), &places), (600, &sorted));
}

#[test]
fn the_end_of_summer_time_is_no_step_back() {
    let log = [
        csi("2025-10-26 02:59:00", "2025/10/26:00:59:00"),
        cbs("2025-10-26 02:59:59", "summer"),
        cbs("2025-10-26 02:00:05", "winter"),
        csi("2025-10-26 02:01:00", "2025/10/26:01:01:00"),
    ]
    .concat();
    let (entries, summary) = told_of(&[("CBS.log", &log)], &Filter::default());
    let told = times(&entries);
    assert_eq!(told[1], ("2025-10-26T00:59:59Z".to_owned(), "summer"));
    assert_eq!(told[2], ("2025-10-26T01:00:05Z".to_owned(), "winter"));
    assert_eq!(summary.gaps, []);
}

#[test]
fn the_begin_of_summer_time_is_seen_behind_the_step() {
    let log = [
        csi("2025-03-30 01:58:00", "2025/3/30:00:58:00"),
        cbs("2025-03-30 01:59:59", "winter"),
        cbs("2025-03-30 03:00:01", "summer"),
        csi("2025-03-30 03:01:00", "2025/3/30:01:01:00"),
    ]
    .concat();
    let (entries, _) = told_of(&[("CBS.log", &log)], &Filter::default());
    assert_eq!(times(&entries)[2], ("2025-03-30T01:00:01Z".to_owned(), "summer"));
}

#[test]
fn a_clock_that_went_back_keeps_the_order_of_its_log_and_is_told() {
    let jumping = [
        cbs("2026-01-02 10:00:00", "1"),
        cbs("2026-01-02 12:00:00", "2"),
        cbs("1601-01-01 00:00:00", "3"),
        cbs("2026-01-02 10:30:00", "4"),
    ]
    .concat();
    let other = cbs("2026-01-02 11:00:00", "between");
    let (entries, summary) = told_of(&[("a.log", &jumping), ("b.log", &other)], &Filter::default());
    assert_eq!(texts(&entries), ["1", "between", "2", "3", "4"]);
    assert_eq!(entries[3].time.unwrap().to_string(), "1601-01-01T00:00:00");
    let [gap] = &summary.gaps[..] else { panic!("{:?}", summary.gaps) };
    assert_eq!((gap.source.as_str(), gap.line, gap.what.as_str()), ("a.log", Some(3), "the clock"));
    assert!(gap.why.contains("155"), "{}", gap.why);
}

#[test]
fn a_log_that_begins_in_1601_comes_first() {
    let old = cbs("1601-01-01 00:00:00", "old") + &cbs("2026-01-02 10:00:01", "new");
    let other = cbs("2026-01-02 10:00:00", "other");
    let (entries, summary) = told_of(&[("a.log", &old), ("b.log", &other)], &Filter::default());
    assert_eq!(texts(&entries), ["old", "other", "new"]);
    assert_eq!(summary.gaps, []);
}

const SESSION: &str = "\
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)\r
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441\r
2026-01-02 10:00:03, Warning               CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION while executing\r
  more of it\r
\r
2026-01-02 10:00:04, Error                 CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0, Identifier: KB5034441 [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]\r
2026-01-02 10:00:06, Info                  DPX    idle\r
";

#[track_caller]
fn lines(change: impl FnOnce(&mut Filter)) -> Vec<u64> {
    let mut filter = Filter::default();
    change(&mut filter);
    let (entries, summary) = told_of(&[("CBS.log", SESSION)], &filter);
    assert_eq!(summary.records, 6);
    entries.iter().map(|entry| entry.line).collect()
}

#[test]
fn a_record_is_told_with_what_was_worked_on() {
    let (entries, _) = told_of(&[("CBS.log", SESSION)], &Filter::default());
    let csi = &entries[2];
    assert_eq!(
        (csi.kb.as_deref(), csi.session.as_deref()),
        (Some("KB5034441"), Some("31100000_1"))
    );
    assert!(csi.text.ends_with("executing\n  more of it"), "{}", csi.text);
    let idle = entries.last().unwrap();
    assert_eq!((&idle.kb, &idle.session), (&None, &None));
    let json = serde_json::to_value(&entries[3]).unwrap();
    assert_eq!(json["time"], "2026-01-02T09:00:04Z");
    assert_eq!((&json["kind"], &json["level"]), (&"cbs".into(), &"error".into()));
    assert_eq!(json["codes"], serde_json::json!(["0x80070020"]));
}

#[test]
fn each_filter_keeps_what_it_asks_for() {
    assert_eq!(lines(|_| {}), [1, 2, 3, 6, 7, 8]);
    assert_eq!(lines(|it| it.from = Some(parse_from("2026-01-02T09:00:05").unwrap())), [7, 8]);
    assert_eq!(lines(|it| it.to = Some(parse_to("2026-01-02T10:00:02+01:00").unwrap())), [1]);
    assert_eq!(lines(|it| it.to = Some(parse_to("2026-01-02").unwrap())).len(), 6);
    assert_eq!(lines(|it| it.last_seconds = Some(2)), [6, 7, 8]);
    assert_eq!(lines(|it| it.kbs = vec!["KB5034441".parse().unwrap()]), [2, 3, 6]);
    assert_eq!(lines(|it| it.sessions = vec!["31100000_1".parse().unwrap()]), [1, 2, 3, 6, 7]);
    assert_eq!(lines(|it| it.codes = vec!["-2147024864".parse().unwrap()]), [3, 6, 7]);
    assert_eq!(lines(|it| it.codes = vec!["32".parse().unwrap()]), [3, 6, 7]);
    assert_eq!(lines(|it| it.components = vec!["csi".parse().unwrap()]), [3]);
    assert_eq!(lines(|it| it.levels = vec![unwedge_formats::log::Level::Error]), [6]);
    assert_eq!(lines(|it| it.texts = vec!["MORE of".parse().unwrap()]), [3]);
    // Values of one filter add up, filters narrow each other down.
    let both = |it: &mut Filter| {
        it.components = vec!["CSI".parse().unwrap(), "DPX".parse().unwrap()];
        it.texts = vec!["idle".parse().unwrap()];
    };
    assert_eq!(lines(both), [8]);
}

#[test]
fn what_cannot_be_read_is_a_gap_and_the_rest_is_told() {
    let log = cbs("2026-01-02 10:00:00", &"x".repeat(2 << 20)) + &cbs("2026-01-02 10:00:01", "y");
    let (_, summary) =
        told_of(&[("a.log", &(cbs("2026-01-02 09:00:00", "0") + &log))], &Filter::default());
    assert_eq!(summary.records, 2);
    assert_eq!((summary.gaps[0].line, summary.gaps[0].what.as_str()), (Some(2), "a line"));
}

/// A log of many megabytes that is made as it is read, and how much of it was.
struct Endless {
    about: About,
    bytes: u64,
    made: AtomicU64,
}

struct Making<'e>(&'e Endless, u64, Vec<u8>);

impl Read for Making<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.1 >= self.0.bytes && self.2.is_empty() {
            return Ok(0);
        }
        while self.2.len() < into.len() && self.1 < self.0.bytes {
            let second = self.1 / 5_000;
            let (hour, minute) = (second / 3_600, second / 60 % 60);
            let time = format!("2026-01-02 {hour:02}:{minute:02}:{:02}", second % 60);
            let record = match self.1 {
                0 => csi("2026-01-02 00:00:00", "2026/1/2:00:00:00"),
                _ => cbs(&time, "Appl: something as long as such a record usually is in a log"),
            };
            self.2.extend_from_slice(record.as_bytes());
            self.1 += record.len() as u64;
        }
        let count = into.len().min(self.2.len());
        into[..count].copy_from_slice(&self.2[..count]);
        self.2.drain(..count);
        self.0.made.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Its size is asked for, then it is read from the start.
impl Seek for Making<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(0) => 0,
            SeekFrom::End(0) => self.0.bytes,
            SeekFrom::Current(0) => self.1 - self.2.len() as u64,
            _ => return Err(io::Error::other("only to the start and to the end")),
        };
        if !matches!(to, SeekFrom::Current(_)) {
            *self = Making(self.0, place, Vec::new());
        }
        Ok(place)
    }
}

impl Host for Endless {
    fn about(&self) -> &About {
        &self.about
    }
    fn evidence(&self) -> unwedge_host::Result<Vec<Evidence>> {
        let one = |name: &str| Evidence {
            source: name.to_owned(),
            size_bytes: self.bytes,
            modified: None,
        };
        Ok(vec![one("a.log"), one("b.log")])
    }
    fn open_evidence(&self, _: &Evidence) -> unwedge_host::Result<Box<dyn ReadSeek + '_>> {
        Ok(Box::new(Making(self, 0, Vec::new())))
    }
}

#[test]
fn a_large_log_is_never_held_in_memory() {
    let host = Endless { about: About::default(), bytes: 15 << 20, made: AtomicU64::new(0) };
    let listing = Listing::of(&host);
    host.made.store(0, Ordering::Relaxed);
    let (mut told, mut most_ahead, mut latest) = (0, 0, None);
    let summary = tell(&host, listing.logs, &Filter::default(), &mut |entry| {
        // Head and line end are no text.
        told += entry.text.len() as u64 + 52;
        most_ahead = most_ahead.max(host.made.load(Ordering::Relaxed).saturating_sub(told));
        let now = entry.time.map(|time| time.moment());
        assert!(latest <= now);
        latest = now;
        ControlFlow::Continue(())
    });
    assert_eq!((summary.shown, summary.records), (summary.records, summary.shown));
    assert!(told > 29 << 20, "{told}");
    assert!(most_ahead < 2 << 20, "{most_ahead} bytes were read and not told yet");
}

#[test]
fn reading_ends_when_no_more_is_wanted() {
    let host = Endless { about: About::default(), bytes: 300 << 20, made: AtomicU64::new(0) };
    let listing = Listing::of(&host);
    let summary = tell(&host, listing.logs, &Filter::default(), &mut |_| ControlFlow::Break(()));
    assert_eq!(summary.shown, 1);
    assert!(host.made.load(Ordering::Relaxed) < 4 << 20);
}
