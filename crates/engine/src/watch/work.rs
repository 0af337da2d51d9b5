//! How hard the processes that update and protect work between two looks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use unwedge_host::probe::{self, Spent, Usage};
use unwedge_host::{Host, HostErrorKind};

use super::Step;
use crate::fact::suspects::is_of_updates;
use crate::knowledge::products;

/// Processes that look for updates, download or install them.
const OF_UPDATES: [&str; 12] = [
    "tiworker.exe",
    "trustedinstaller.exe",
    "mousocoreworker.exe",
    "usoclient.exe",
    "wuauclt.exe",
    "wusa.exe",
    "poqexec.exe",
    "dism.exe",
    "dismhost.exe",
    "msiexec.exe",
    "setuphost.exe",
    "setupprep.exe",
];
const UNITS_OF_100_NS: u64 = 10_000_000;

/// What one process did since the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Image name.
    pub image: String,
    /// The process.
    pub pid: u32,
    /// Its services that belong to updating or to the product, if it runs any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// The product it belongs to; none for a part of Windows, or where its names do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<&'static str>,
    /// Over how long, in milliseconds.
    pub over_ms: u64,
    /// Time it ran, on all processors together, in milliseconds.
    pub processor_ms: u64,
    /// The same as a share of one processor, in percent; 200 are two processors.
    pub processor_percent: u64,
    /// Bytes it read, also where Windows had them in memory.
    pub read_bytes: u64,
    /// Bytes it wrote.
    pub written_bytes: u64,
}

/// What processes had used by the last look.
#[derive(Debug, Default)]
pub(super) struct Works {
    known: BTreeMap<(u32, u64), Spent>,
    looked: Option<Duration>,
    /// Whether it was told that nothing can be told.
    is_blind: bool,
}

impl Works {
    /// What was done since the last look, by those who did anything; the first look only counts from
    /// where they stand. `elapsed` counts from the beginning of the watch.
    pub(super) fn look(&mut self, host: &dyn Host, elapsed: Duration) -> Option<Step> {
        let all = match probe::usage(host) {
            Ok(all) => all,
            // Logs alone never tell; a PC that refuses does so once.
            Err(error) => {
                self.looked = None;
                let is_news = error.kind != HostErrorKind::NotCollected && !self.is_blind;
                self.is_blind |= is_news;
                return is_news.then(|| Step::WorkUnknown { why: error.to_string() });
            }
        };
        self.is_blind = false;
        let over = self.looked.and_then(|last| elapsed.checked_sub(last));
        self.looked = Some(elapsed);
        let now: Vec<(Usage, Kind)> =
            all.into_iter().filter_map(|it| Kind::of(&it).map(|kind| (it, kind))).collect();
        let known = std::mem::take(&mut self.known);
        self.known = now.iter().map(|(it, _)| ((it.pid, it.began), it.spent)).collect();
        let over_ms = u64::try_from(over?.as_millis()).ok().filter(|it| *it > 0)?;
        let mut works: Vec<Work> = now
            .into_iter()
            .map(|(it, kind)| {
                // One that was not there began since: all it used counts.
                let earlier = known.get(&(it.pid, it.began)).copied().unwrap_or_default();
                work(it.spent.since(&earlier), it, kind, over_ms)
            })
            .filter(|it| it.processor_ms > 0 || it.read_bytes > 0 || it.written_bytes > 0)
            .collect();
        works.sort_by_key(|it| {
            let bytes = it.read_bytes.saturating_add(it.written_bytes);
            std::cmp::Reverse((it.processor_ms, bytes))
        });
        (!works.is_empty()).then_some(Step::Work { processes: works })
    }
}

/// Why a process is looked at.
struct Kind {
    services: Vec<String>,
    product: Option<&'static str>,
}

impl Kind {
    fn of(it: &Usage) -> Option<Kind> {
        let image = it.image.to_lowercase();
        let names = || it.services.iter().map(|it| it.as_str());
        let mut found = products::of_process(&it.image).to_vec();
        let mut services = Vec::new();
        for name in names() {
            let brought = products::of_service(name);
            found.extend_from_slice(brought);
            if is_of_updates(name) || !brought.is_empty() {
                services.push(name.to_owned());
            }
        }
        if services.is_empty() && found.is_empty() && !OF_UPDATES.contains(&image.as_str()) {
            return None;
        }
        // Several products share names: then the name does not say which it is.
        let first = found.first().map(|it| it.name);
        let product = first.filter(|first| found.iter().all(|it| it.name == *first));
        Some(Kind { services, product })
    }
}

fn work(spent: Spent, it: Usage, kind: Kind, over_ms: u64) -> Work {
    let processor_ms = spent.processor_100ns / (UNITS_OF_100_NS / 1_000);
    Work {
        image: it.image,
        pid: it.pid,
        services: kind.services,
        product: kind.product,
        over_ms,
        processor_ms,
        processor_percent: processor_ms.saturating_mul(100) / over_ms,
        read_bytes: spent.read_bytes,
        written_bytes: spent.written_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unwedge_host::Fixture;

    /// TiWorker with so much used, and a program that is nobody's concern.
    fn pc(pid: u32, processor_ms: u64, written: u64) -> Fixture {
        let text = format!(
            "//- process {pid} TiWorker.exe processor_ms={processor_ms} read_bytes=0 \
             written_bytes={written}\n\
             //- process 9 game.exe processor_ms={processor_ms} read_bytes=9 written_bytes=9\n"
        );
        Fixture::parse(&text).unwrap()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_was_done_since_the_last_look_is_told() {
        let mut works = Works::default();
        assert_eq!(
            works.look(&pc(7, 60_000, 5_000), seconds(1)),
            None,
            "it began before the watch"
        );
        let Some(Step::Work { processes: told }) = works.look(&pc(7, 61_500, 6_000), seconds(3))
        else {
            panic!("nothing was told")
        };
        let [only] = &told[..] else { panic!("{told:?}") };
        assert_eq!((only.image.as_str(), only.over_ms), ("TiWorker.exe", 2_000));
        assert_eq!((only.processor_ms, only.processor_percent), (1_500, 75));
        assert_eq!((only.read_bytes, only.written_bytes), (0, 1_000));
        assert_eq!(works.look(&pc(7, 61_500, 6_000), seconds(5)), None, "it rested");
        let Some(Step::Work { processes: told }) = works.look(&pc(8, 400, 0), seconds(7)) else {
            panic!("nothing was told")
        };
        assert_eq!((told[0].pid, told[0].processor_ms), (8, 400), "another process began");
    }

    #[test]
    fn a_process_of_a_service_is_named_by_what_concerns_updates() {
        let at = |processor_ms: u32| {
            let text = format!(
                "//- service wuauserv running manual pid=5\n//- service Themes running automatic \
                 pid=5\n//- process 5 svchost.exe processor_ms={processor_ms}\n\
                 //- process 6 MsMpEng.exe processor_ms={processor_ms}\n"
            );
            Fixture::parse(&text).unwrap()
        };
        let mut works = Works::default();
        works.look(&at(0), seconds(0));
        let Some(Step::Work { processes: told }) = works.look(&at(50), seconds(1)) else {
            panic!("nothing")
        };
        let named = |image: &str| told.iter().find(|it| it.image == image).unwrap();
        assert_eq!(named("svchost.exe").services, ["wuauserv"]);
        assert_eq!(named("svchost.exe").product, None);
        assert_eq!(named("MsMpEng.exe").product, Some("Microsoft Defender Antivirus"));
    }

    #[test]
    fn what_cannot_be_told_is_no_rest() {
        let dark = Fixture::parse("//- process 7 TiWorker.exe\n").unwrap();
        let mut works = Works::default();
        works.look(&pc(7, 1_000, 0), seconds(0));
        assert_eq!(works.look(&dark, seconds(2)), None);
        let told = works.look(&pc(7, 9_000, 0), seconds(4));
        assert_eq!(told, None, "how long it took is not known: it counts from here again");
    }

    proptest! {
        #[test]
        fn any_numbers_give_an_answer(first: (u64, u64), second: (u64, u64), at: u64, later: u64) {
            let usage = |(processor, bytes): (u64, u64)| Usage {
                pid: 7,
                began: 1,
                image: "TiWorker.exe".to_owned(),
                services: Vec::new(),
                spent: Spent {
                    processor_100ns: processor,
                    read_bytes: bytes,
                    written_bytes: bytes,
                },
            };
            let spent = usage(second).spent.since(&usage(first).spent);
            let over = later.saturating_sub(at).max(1);
            let told = work(spent, usage(second), Kind { services: vec![], product: None }, over);
            prop_assert!(told.written_bytes <= second.1);
            prop_assert!(told.processor_ms <= second.0 / 10_000);
        }
    }
}
