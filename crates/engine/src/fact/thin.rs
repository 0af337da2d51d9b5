//! Keeps what is remembered of a log within its share of the memory.
//!
//! A log of a PC tells of some hundred operations. Where there are many thousands they repeat each
//! other: the first and the last of those that are alike are kept, the others are counted.

use std::collections::HashMap;

use unwedge_formats::code::Code;

use super::operation::{Key, Operation, Outcome};
use super::{Place, Series};

/// So many operations of all logs together are kept one by one.
const MOST_OPERATIONS: u64 = 40_000;
/// So many sightings of one rule at the beginning and at the end of all logs together.
const MOST_SIGHTINGS: u64 = 4_000;
/// Less evidence than this never has to share.
const LEAST_SHARED_BYTES: u64 = 32 << 20;
/// What a log may keep however small it is.
const LEAST_OPERATIONS: usize = 8;
const LEAST_SIGHTINGS: usize = 2;
/// So few are never thinned while their log is being read.
const GATHERED: usize = 32;

/// What one log may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Operations one by one.
    pub(super) operations: usize,
    /// Sightings of a rule, at the beginning and at the end each.
    pub(super) sightings: usize,
}

impl Share {
    /// What a log of `size_bytes` as stored may keep among `logs` logs of `total_bytes`.
    ///
    /// By its size; but some of it is shared alike, for what is small may be packed.
    pub(super) fn of(size_bytes: u64, total_bytes: u64, logs: usize) -> Share {
        let total = total_bytes.max(LEAST_SHARED_BYTES).max(size_bytes);
        let of = |most: u64| {
            let by_size = u128::from(most) * u128::from(size_bytes) / u128::from(total);
            let alike = usize::try_from(most / 4).unwrap_or(usize::MAX) / logs.max(1);
            usize::try_from(by_size).unwrap_or(usize::MAX).max(alike)
        };
        Share {
            operations: of(MOST_OPERATIONS).max(LEAST_OPERATIONS),
            sightings: of(MOST_SIGHTINGS).max(LEAST_SIGHTINGS),
        }
    }

    /// Whether so many operations are more than may gather.
    pub(super) fn is_exceeded_by(&self, operations: usize) -> bool {
        operations >= 2 * self.while_read()
    }

    /// How many operations are left when there are more while the log is being read.
    pub(super) fn while_read(&self) -> usize {
        self.operations.max(GATHERED)
    }
}

/// What was left out.
#[derive(Debug)]
pub(super) struct Thinned {
    /// Where each operation is now.
    pub(super) now_at: Vec<Option<usize>>,
    /// Failures of which nothing alike is kept.
    pub(super) lost: u64,
    dropped: Spans,
    kept: Spans,
}

impl Thinned {
    /// Leaves out what was seen within operations that were left out, and counts it.
    pub(super) fn thin<T>(&self, series: &mut Series<T>, place: impl Fn(&T) -> &Place) {
        series.thin(|item| {
            let at = place(item).line;
            self.kept.contains(at) || !self.dropped.contains(at)
        });
    }
}

/// Leaves so many of `operations`, which are those of one log in their order: the newest and the
/// oldest of those that are alike, and then the newest. What `is_open` may still change.
pub(super) fn thin(
    operations: &mut Vec<Operation>,
    most: usize,
    is_open: impl Fn(usize) -> bool,
) -> Thinned {
    let groups: Vec<Group> = operations.iter().map(Group::of).collect();
    let mut keep: Vec<bool> = (0..operations.len()).map(is_open).collect();
    let mut room = most.saturating_sub(keep.iter().filter(|kept| **kept).count());
    let mut newest: HashMap<&Group, usize> = HashMap::new();
    let mut oldest: HashMap<&Group, usize> = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        newest.insert(group, index);
        oldest.entry(group).or_insert(index);
    }
    let mut wanted: Vec<usize> = newest.values().copied().collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    let mut first: Vec<usize> = oldest.into_values().collect();
    first.sort_unstable();
    wanted.extend(first);
    wanted.extend((0..operations.len()).rev());
    for index in wanted {
        if room > 0 && !keep[index] {
            keep[index] = true;
            room -= 1;
        }
    }
    let mut lost = 0;
    for index in (0..operations.len()).filter(|&index| !keep[index]) {
        if operations[index].outcome != Outcome::Failed {
            continue;
        }
        let times = 1 + operations[index].alike;
        match newest[&groups[index]] {
            alike if keep[alike] => operations[alike].alike += times,
            _ => lost += times,
        }
    }
    let spans = |kept: bool| {
        let those = operations.iter().zip(&keep).filter(|(_, keep)| **keep == kept);
        Spans::of(those.map(|(operation, _)| (operation.first_line, operation.last_line)))
    };
    let (kept, dropped) = (spans(true), spans(false));
    let mut places = 0..;
    let now_at = keep.iter().map(|&kept| kept.then(|| places.next()).flatten()).collect();
    let mut keep = keep.into_iter();
    operations.retain(|_| keep.next().unwrap_or(true));
    Thinned { now_at, lost, dropped, kept }
}

/// Operations of one group are alike: the same was tried, and it ended in the same way.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Group {
    keys: Vec<Key>,
    outcome: Outcome,
    code: Option<Code>,
}

impl Group {
    fn of(operation: &Operation) -> Group {
        Group { keys: operation.keys(), outcome: operation.outcome, code: operation.code }
    }
}

/// Lines, as ranges that do not meet.
#[derive(Debug)]
struct Spans(Vec<(u64, u64)>);

impl Spans {
    fn of(spans: impl Iterator<Item = (u64, u64)>) -> Spans {
        let mut spans: Vec<(u64, u64)> = spans.collect();
        spans.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in spans {
            match joined.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Spans(joined)
    }

    fn contains(&self, line: u64) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= line);
        after > 0 && line <= self.0[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::OperationKind;
    use crate::report::{Subject, SubjectKind};
    use unwedge_formats::log::LogKind;

    fn operation(line: u64, name: &str, outcome: Outcome) -> Operation {
        Operation {
            kind: OperationKind::Install,
            subject: Some(Subject { kind: SubjectKind::Update, name: name.to_owned() }),
            kb: None,
            client: None,
            outcome,
            code: None,
            extend: 0,
            package: None,
            id: None,
            log: LogKind::WindowsUpdate,
            first_line: line,
            begun_seconds: None,
            last_line: line + 5,
            alike: 0,
            place: Place {
                source: 0,
                line: line + 5,
                time: None,
                offset_minutes: None,
                excerpt: String::new(),
            },
        }
    }

    #[test]
    fn of_many_alike_the_first_and_the_last_stay_and_the_others_are_counted() {
        let mut all: Vec<Operation> =
            (0..10_000).map(|at| operation(at * 10, "A", Outcome::Failed)).collect();
        all[3] = operation(30, "B", Outcome::Failed);
        all[4] = operation(40, "B", Outcome::Succeeded);
        let thinned = thin(&mut all, 100, |index| index == 77);
        assert_eq!(all.len(), 100);
        assert_eq!(thinned.lost, 0);
        assert_eq!(thinned.now_at.iter().flatten().count(), 100);
        assert_eq!(thinned.now_at[77], Some(3), "the first, both of B, then the open one");
        assert_eq!((all[0].first_line, all[99].first_line), (0, 99_990));
        assert_eq!(all.iter().filter(|it| it.outcome == Outcome::Succeeded).count(), 1);
        let told: u64 =
            all.iter().filter(|it| it.outcome == Outcome::Failed).map(|it| 1 + it.alike).sum();
        assert_eq!(told, 9_999);
    }

    #[test]
    fn what_was_seen_in_what_is_left_out_goes_with_it() {
        let mut all: Vec<Operation> =
            (0..1_000).map(|at| operation(at * 10, "A", Outcome::Succeeded)).collect();
        let thinned = thin(&mut all, 32, |_| false);
        let mut seen = Series::default();
        let place = |line| Place { line, ..all[0].place.clone() };
        for line in [2, 3_000, 3_007, 9_992] {
            seen.push(place(line));
        }
        thinned.thin(&mut seen, |place| place);
        let lines: Vec<u64> = seen.iter().map(|place| place.line).collect();
        assert_eq!(lines, [2, 3_007, 9_992], "between two operations it is of none");
        assert_eq!(seen.length(), 4);
    }

    #[test]
    fn when_too_many_differ_the_lost_failures_are_counted() {
        let mut all: Vec<Operation> =
            (0..500).map(|at| operation(at * 10, &format!("name{at}x"), Outcome::Failed)).collect();
        let thinned = thin(&mut all, 100, |_| false);
        assert_eq!((all.len(), thinned.lost), (100, 400));
        assert_eq!(all[0].first_line, 4_000, "the newest tell how it stands");
    }

    #[test]
    fn shares_follow_the_size_and_small_evidence_need_not_share() {
        assert_eq!(Share::of(1 << 10, 1 << 10, 1).operations, 10_000);
        assert_eq!(Share::of(1 << 20, 1 << 20, 1_000).operations, 1_250);
        let among = Share::of(1 << 20, 5 << 30, 10_000);
        assert_eq!(among, Share { operations: LEAST_OPERATIONS, sightings: LEAST_SIGHTINGS });
        assert_eq!(Share::of(5 << 30, 5 << 30, 1).operations, 40_000);
        assert_eq!(Share::of(u64::MAX, 0, 0).operations, 40_000);
    }
}
