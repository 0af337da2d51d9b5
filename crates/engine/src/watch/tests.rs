//! A watch over logs that grow.

use std::io::Cursor;
use std::time::Duration;

use unwedge_formats::evtx::{Event, EvtxBuilder};
use unwedge_host::probe::{
    Certainty, Conflict, Hold, Holder, Holders, Probe, ProbeOutput, Process, Share, Witness,
};
use unwedge_host::{About, Evidence, Host, HostError, ReadSeek, Result, WinPath};

use super::{Ending, Limits, Stage, Step, Watch};
use crate::report::OperationOutcome;
use crate::rule::RuleSet;

const LOG: &str = r"C:\Windows\Logs\CBS\CBS.log";
const BEGUN: i64 = 1_768_382_000;

#[derive(Default)]
struct Growing {
    about: About,
    files: Vec<(String, Vec<u8>)>,
    holders: Vec<Holder>,
}

impl Growing {
    fn with(name: &str, text: &str) -> Growing {
        Growing { files: vec![(name.to_owned(), text.into())], ..Growing::default() }
    }

    fn write(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        match self.files.iter_mut().find(|(own, _)| own == name) {
            Some((_, content)) => content.extend_from_slice(bytes.as_ref()),
            None => self.files.push((name.to_owned(), bytes.as_ref().into())),
        }
    }
}

impl Host for Growing {
    fn about(&self) -> &About {
        &self.about
    }
    fn evidence(&self) -> Result<Vec<Evidence>> {
        let listed = self.files.iter().map(|(name, content)| Evidence {
            source: name.clone(),
            size_bytes: content.len() as u64,
            modified: None,
        });
        Ok(listed.collect())
    }
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        let found = self.files.iter().find(|(name, _)| *name == evidence.source);
        let (_, content) = found.ok_or(HostError::win32("open", &evidence.source, 2))?;
        Ok(Box::new(Cursor::new(content.as_slice())))
    }
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        match probe {
            Probe::Holders { .. } => Ok(ProbeOutput::Holders(Holders {
                holders: self.holders.clone(),
                complete: true,
                ..Holders::default()
            })),
            other => Err(HostError::not_collected("ask for", &format!("{other:?}"))),
        }
    }
}

const OLD: &str = "2026-01-13 08:07:54, Info                  CBS    Session: 1_1 initialized by \
    client WindowsUpdateAgent, external staging directory: (null)\r\n\
    2026-01-13 08:07:55, Info                  CBS    Exec: Processing started.  Client: \
    WindowsUpdateAgent, Session: 1_1, Package: Package_for_A~31bf3856ad364e35~amd64~~1.0, \
    Identifier: KB1\r\n\
    2026-01-13 08:07:59, Info                  CBS    Exec: Processing complete.  Session: 1_1, \
    Package: Package_for_A~31bf3856ad364e35~amd64~~1.0, Identifier: KB1 [HRESULT = 0x80070020 - \
    ERROR_SHARING_VIOLATION]\r\n";

fn started() -> String {
    "2026-01-14 09:30:01, Info                  CBS    Session: 2_2 initialized by client \
     WindowsUpdateAgent, external staging directory: (null)\r\n\
     2026-01-14 09:30:02, Info                  CBS    Exec: Processing started.  Client: \
     WindowsUpdateAgent, Session: 2_2, Package: Package_for_B~31bf3856ad364e35~amd64~~1.0, \
     Identifier: KB2\r\n"
        .to_owned()
}

fn completed(result: &str) -> String {
    format!(
        "2026-01-14 09:31:09, Info                  CBS    Exec: Processing complete.  Session: \
         2_2, Package: Package_for_B~31bf3856ad364e35~amd64~~1.0, Identifier: KB2 [HRESULT = \
         {result}]\r\n"
    )
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn watch<'r>(pc: &Growing, rules: &'r RuleSet) -> Watch<'r> {
    Watch::begin(pc, rules, None, Limits::default(), BEGUN).unwrap()
}

fn end(steps: &[Step]) -> Option<&super::End> {
    steps.iter().find_map(|step| match step {
        Step::Ended(end) => Some(end),
        _ => None,
    })
}

#[test]
fn what_stood_there_before_is_no_news() {
    let (pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    assert_eq!(watch.look(&pc, seconds(2)), []);
    assert_eq!(watch.stage(), Stage::Waiting);
    assert_eq!(watch.look(&pc, seconds(86_400)), [], "nothing was begun, so nothing stalls");
}

#[test]
fn an_update_is_followed_to_its_success_and_proven_by_its_line() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    pc.write(LOG, started());
    let steps = watch.look(&pc, seconds(2));
    assert!(
        matches!(&steps[..], [Step::Operation { outcome: OperationOutcome::Unfinished, .. }]),
        "{steps:?}"
    );
    assert_eq!(watch.stage(), Stage::Installing);
    pc.write(LOG, completed("0x00000000 - S_OK"));
    let steps = watch.look(&pc, seconds(70));
    assert!(end(&steps).is_none(), "it may still be gone on about");
    let steps = watch.look(&pc, seconds(101));
    let end = end(&steps).unwrap();
    assert_eq!((end.ending, end.paragraph.as_str()), (Ending::Succeeded, "KB2 was installed."));
    assert_eq!(end.proof.as_ref().unwrap().line, Some(6), "lines count from the top of the file");
}

#[test]
fn a_failure_names_the_holder_that_is_there_at_that_moment() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    pc.write(LOG, started());
    pc.holders.push(Holder {
        path: WinPath::new(r"C:\Windows\WinSxS\a.dll"),
        asked: WinPath::new(r"C:\Windows\WinSxS"),
        hold: Hold::Handle { access: None },
        conflict: Conflict::Sharing { shared: Share { read: true, write: false, delete: false } },
        certainty: Certainty::Confirmed,
        witnesses: vec![Witness::Fixture],
        process: Some(Process::of(42, "vault.exe".to_owned())),
    });
    pc.write(LOG, completed("0x80070020 - ERROR_SHARING_VIOLATION"));
    let steps = watch.look(&pc, seconds(3));
    assert!(
        steps.iter().any(|it| matches!(it, Step::HolderCame(held) if held.image == "vault.exe")),
        "{steps:?}"
    );
    let steps = watch.look(&pc, seconds(40));
    let end = end(&steps).unwrap();
    assert_eq!(end.ending, Ending::Failed);
    assert!(end.paragraph.starts_with("KB2 failed with 0x80070020"), "{}", end.paragraph);
    assert!(end.paragraph.contains("vault.exe (process 42)"), "{}", end.paragraph);
    pc.holders.clear();
    let steps = watch.look(&pc, seconds(41));
    assert!(steps.iter().any(|it| matches!(it, Step::HolderLeft(held) if held.pid == 42)));
}

#[test]
fn what_was_begun_and_goes_on_no_more_has_stalled_after_the_limit_of_windows() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    pc.write(LOG, started());
    watch.look(&pc, seconds(1));
    assert_eq!(watch.look(&pc, seconds(400)), [Step::Quiet { seconds: 399 }]);
    assert_eq!(watch.look(&pc, seconds(500)), [], "told again after twice the time");
    assert!(end(&watch.look(&pc, seconds(10_700))).is_none());
    let steps = watch.look(&pc, seconds(10_801));
    assert_eq!(end(&steps).unwrap().ending, Ending::Stalled);
}

#[test]
fn another_update_does_not_end_the_watch_for_one() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let kb = Some("KB7".to_owned());
    let mut watch = Watch::begin(&pc, &rules, kb, Limits::default(), BEGUN).unwrap();
    pc.write(LOG, started() + &completed("0x00000000 - S_OK"));
    watch.look(&pc, seconds(1));
    assert!(end(&watch.look(&pc, seconds(400))).is_none());
}

#[test]
fn a_log_that_is_full_and_gets_another_name_is_no_news() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    pc.files[0].0 = r"C:\Windows\Logs\CBS\CbsPersist_20260114093000.log".to_owned();
    pc.write(LOG, started() + &completed("0x00000000 - S_OK"));
    let steps = watch.look(&pc, seconds(1));
    assert_eq!(steps.len(), 1, "{steps:?}");
    let Step::Operation { citation, .. } = &steps[0] else { panic!("{steps:?}") };
    assert_eq!((citation.source.as_str(), citation.line), (LOG, Some(3)), "a new file");
}

#[test]
fn a_half_written_line_waits_for_its_end() {
    let (mut pc, rules) = (Growing::with(LOG, OLD), RuleSet::built_in());
    let mut watch = watch(&pc, &rules);
    let text = started();
    let (half, rest) = text.split_at(200);
    pc.write(LOG, half);
    assert_eq!(watch.look(&pc, seconds(1)), []);
    pc.write(LOG, rest);
    assert_eq!(watch.look(&pc, seconds(2)).len(), 1);
}

#[test]
fn a_log_in_wide_letters_is_cut_between_them() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let (mut pc, rules) = (Growing::default(), RuleSet::built_in());
    pc.write(LOG, [b"\xff\xfe".as_slice(), &wide(OLD)].concat());
    let mut watch = watch(&pc, &rules);
    pc.write(LOG, wide(&started()));
    let steps = watch.look(&pc, seconds(1));
    let [Step::Operation { citation, .. }] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(citation.line, Some(5));
}

#[test]
fn of_an_event_log_only_later_events_count() {
    const NAME: &str = r"C:\Windows\System32\winevt\Logs\System.evtx";
    let event = |record: u64, seconds: i64, id: u32| Event {
        record,
        time: u64::try_from((seconds + 11_644_473_600) * 10_000_000).unwrap(),
        provider: "Microsoft-Windows-WindowsUpdateClient".into(),
        id,
        level: 4,
        channel: "System".into(),
        data: vec![
            ("updateTitle".into(), "2026-01 Update (KB2)".into()),
            ("updateGuid".into(), "{e3766677-0000-4000-8000-00000000000a}".into()),
            ("updateRevisionNumber".into(), "1".into()),
        ],
        ..Event::default()
    };
    let log = |events: &[Event]| {
        events.iter().fold(EvtxBuilder::new(), |log, event| log.event(event)).build()
    };
    let old = event(1, BEGUN - 86_400, 19);
    let (mut pc, rules) = (Growing::default(), RuleSet::built_in());
    pc.write(NAME, log(std::slice::from_ref(&old)));
    let mut watch = watch(&pc, &rules);
    assert_eq!(watch.look(&pc, seconds(1)), []);
    pc.files[0].1 = log(&[old, event(2, BEGUN + 5, 19)]);
    let steps = watch.look(&pc, seconds(9));
    assert!(
        matches!(&steps[..], [Step::Operation { outcome: OperationOutcome::Succeeded, .. }]),
        "{steps:?}"
    );
}
