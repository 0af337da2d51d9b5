//! Follows what logs say of the state of the component store: searches, reports and runs of sfc.

use std::collections::BTreeMap;

use unwedge_formats::code::Code;
use unwedge_formats::log::{LogKind, Statement, SystemFileCheck};

use super::Place;
use super::operation::{Operation, OperationKind, Outcome};

/// At most so many damaged files are kept a report; the rest is counted.
const MOST_DAMAGED: usize = 1_000;

/// A report on the state of the component store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// Damaged things, as component and file.
    pub damaged: Vec<DamagedFile>,
    /// How many damaged things there were in all; the list may be shorter.
    pub damaged_count: u64,
    /// How many of them were put right.
    pub repaired_count: u64,
    /// The code of the run, if it says one.
    pub result: Option<Code>,
    /// Where the report ended.
    pub place: Place,
    /// Whether it is a report of sfc.
    pub by_file_checker: bool,
}

impl StoreReport {
    /// Whether damage is left.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        // Counters can be 0 although rows stand there, so the larger of the two counts.
        let open = self.damaged.iter().filter(|file| !file.fixed).count() as u64;
        open > 0 || (self.damaged.is_empty() && self.damaged_count > self.repaired_count)
    }

    /// Whether damage was found at all.
    #[must_use]
    pub fn found_damage(&self) -> bool {
        !self.damaged.is_empty() || self.damaged_count > 0
    }
}

/// A damaged file or package of the component store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// Component and file.
    pub name: String,
    /// Such as `CSI Payload Corrupt` or `hash mismatch`.
    pub problem: String,
    /// Whether it was put right.
    pub fixed: bool,
    /// Where it says so.
    pub place: Place,
}

/// The reports of scans of which each found other things damaged than the one before it, where those of
/// before were sound again though nobody repaired them: what is read changes by itself.
///
/// One file that differs between two scans says little, for an update between them may have replaced it. So
/// it takes two of them each way, or a third scan in which it happens again.
pub(crate) fn moving(reports: &[StoreReport]) -> Vec<&StoreReport> {
    const SEVERAL: usize = 2;
    let mut all: Vec<&StoreReport> = Vec::new();
    for by_file_checker in [true, false] {
        let own: Vec<&StoreReport> =
            reports.iter().filter(|it| it.by_file_checker == by_file_checker).collect();
        let moved: Vec<usize> = own
            .windows(2)
            .map(|pair| match was_repaired_between(reports, pair[0], pair[1]) {
                true => 0,
                false => moved(pair[0], pair[1]),
            })
            .collect();
        for (at, files) in moved.iter().enumerate() {
            let again = [at.checked_sub(1), Some(at + 1)]
                .into_iter()
                .flatten()
                .any(|it| moved.get(it).is_some_and(|files| *files > 0));
            if *files >= SEVERAL || (*files > 0 && again) {
                all.extend(&own[at..at + 2]);
            }
        }
    }
    all
}

/// How many things are damaged in the second report alone, or were in the first alone and not put right,
/// whichever is less; 0 if a list is not whole.
fn moved(before: &StoreReport, after: &StoreReport) -> usize {
    let is_whole = |it: &StoreReport| it.damaged_count == it.damaged.len() as u64;
    if !is_whole(before) || !is_whole(after) {
        return 0;
    }
    let has = |it: &StoreReport, name: &str| {
        it.damaged.iter().any(|file| file.name.eq_ignore_ascii_case(name))
    };
    let gone = before.damaged.iter().filter(|it| !it.fixed && !has(after, &it.name)).count();
    let new = after.damaged.iter().filter(|it| !has(before, &it.name)).count();
    gone.min(new)
}

/// Whether anything was put right after the first report and not after the second.
fn was_repaired_between(
    reports: &[StoreReport],
    before: &StoreReport,
    after: &StoreReport,
) -> bool {
    reports.iter().any(|it| {
        it.repaired_count > 0
            && it.place.is_after(&before.place)
            && !it.place.is_after(&after.place)
    })
}

/// Follows the store through one file after the other.
#[derive(Debug, Default)]
pub(super) struct StoreWatch {
    readiness: Option<OpenReadiness>,
    checker: Option<OpenChecker>,
    corruptions: Option<(u64, Place)>,
    /// What was reported so far.
    pub(super) reports: Vec<StoreReport>,
}

#[derive(Debug)]
struct OpenReadiness {
    damaged: Vec<DamagedFile>,
    detected: u64,
    repaired: u64,
    result: Option<Code>,
}

#[derive(Debug)]
struct OpenChecker {
    /// Number of its last record.
    sequence: u32,
    first_line: u64,
    damaged: BTreeMap<String, DamagedFile>,
    in_use: Option<Place>,
    last: Place,
}

impl StoreWatch {
    /// Takes a statement of a search of the store, or of the report on it.
    pub(super) fn readiness(&mut self, statement: Statement<'_>, place: &Place) {
        if let Statement::CorruptionsCounted(count) = statement {
            self.corruptions = Some((count, place.clone()));
            return;
        }
        let open = self.readiness.get_or_insert_with(|| OpenReadiness {
            damaged: Vec::new(),
            detected: 0,
            repaired: 0,
            result: None,
        });
        match statement {
            Statement::ReadinessRow { problem, object, fixed } => {
                // A row of its own may say of the row before that it was fixed.
                let room = open.damaged.len() < MOST_DAMAGED;
                match open.damaged.iter_mut().find(|file| file.name == object) {
                    Some(known) => known.fixed |= fixed,
                    None if room => open.damaged.push(DamagedFile {
                        name: object.to_owned(),
                        problem: problem.to_owned(),
                        fixed,
                        place: place.clone(),
                    }),
                    None => {}
                }
            }
            Statement::ReadinessResult(code) => open.result = Some(code),
            Statement::ReadinessDetected(count) => open.detected = count,
            Statement::ReadinessRepaired(count) => open.repaired = count,
            Statement::ReadinessEnded => self.end_report(place),
            _ => {}
        }
    }

    fn end_report(&mut self, place: &Place) {
        let Some(open) = self.readiness.take() else { return };
        // The totals are 0 when the run broke off; what the search counted is the truth.
        let counted = self.corruptions.take().map_or(0, |(count, _)| count);
        self.reports.push(StoreReport {
            damaged_count: open.detected.max(open.damaged.len() as u64).max(counted),
            repaired_count: open.repaired,
            damaged: open.damaged,
            result: open.result,
            place: place.clone(),
            by_file_checker: false,
        });
    }

    /// Takes a record of sfc; gives the run before when this one begins another.
    pub(super) fn file_check(
        &mut self,
        sequence: u32,
        record: SystemFileCheck<'_>,
        place: &Place,
    ) -> Option<Operation> {
        // The numbers begin anew when the servicing stack is loaded anew, never within a run.
        let is_new = self.checker.as_ref().is_some_and(|open| sequence < open.sequence);
        let before = if is_new { self.end_file_check() } else { None };
        let open = self.checker.get_or_insert_with(|| OpenChecker {
            first_line: place.line,
            sequence,
            damaged: BTreeMap::new(),
            in_use: None,
            last: place.clone(),
        });
        open.last = place.clone();
        open.sequence = sequence;
        match record {
            SystemFileCheck::CannotRepair { file, component, why } => {
                let name = format!(r"{component}\{file}");
                if open.damaged.len() < MOST_DAMAGED {
                    open.damaged.entry(name.clone()).or_insert(DamagedFile {
                        name,
                        problem: why.to_owned(),
                        fixed: false,
                        place: place.clone(),
                    });
                }
            }
            SystemFileCheck::SourceDamaged { file } => {
                let known =
                    open.damaged.values().any(|damaged| ends_with_name(&damaged.name, file));
                if !known && open.damaged.len() < MOST_DAMAGED {
                    open.damaged.insert(
                        file.to_owned(),
                        DamagedFile {
                            name: file.to_owned(),
                            problem: "source in the store is damaged too".to_owned(),
                            fixed: false,
                            place: place.clone(),
                        },
                    );
                }
            }
            SystemFileCheck::Repaired { file } => {
                for damaged in open.damaged.values_mut() {
                    damaged.fixed |= ends_with_name(&damaged.name, file);
                }
            }
            SystemFileCheck::InUse => open.in_use = Some(place.clone()),
            SystemFileCheck::Verifying | SystemFileCheck::Completed | SystemFileCheck::Other => {}
        }
        before
    }

    /// A run of sfc ended, or the file did.
    pub(super) fn end_file_check(&mut self) -> Option<Operation> {
        let open = self.checker.take()?;
        let damaged: Vec<DamagedFile> = open.damaged.into_values().collect();
        let left = damaged.iter().filter(|file| !file.fixed).count() as u64;
        let operation = Operation {
            id: None,
            log: LogKind::Cbs,
            begun_seconds: None,
            kind: OperationKind::SystemFileCheck,
            subject: None,
            kb: None,
            client: Some("sfc".to_owned()),
            outcome: if left > 0 || open.in_use.is_some() {
                Outcome::Failed
            } else {
                Outcome::Succeeded
            },
            code: None,
            extend: 0,
            alike: 0,
            package: None,
            first_line: open.first_line,
            last_line: open.last.line,
            place: open.in_use.clone().unwrap_or_else(|| open.last.clone()),
        };
        let count = damaged.len() as u64;
        self.reports.push(StoreReport {
            damaged_count: count,
            repaired_count: count - left,
            damaged,
            result: None,
            place: open.last,
            by_file_checker: true,
        });
        Some(operation)
    }

    /// The file ends: a report that was cut off still says what it said.
    pub(super) fn end_of_file(&mut self) {
        if let Some(last) = self.readiness.as_ref().and_then(|open| open.damaged.last()) {
            let place = last.place.clone();
            self.end_report(&place);
        }
        self.readiness = None;
        // A search without a report: a run that broke off.
        if let Some((count, place)) = self.corruptions.take()
            && count > 0
        {
            self.reports.push(StoreReport {
                damaged: Vec::new(),
                damaged_count: count,
                repaired_count: 0,
                result: None,
                place,
                by_file_checker: false,
            });
        }
    }
}

fn ends_with_name(name: &str, file: &str) -> bool {
    let last = |path: &str| path.rsplit('\\').next().unwrap_or("").to_lowercase();
    last(name) == last(file)
}
