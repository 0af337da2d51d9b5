//! What all logs of a PC say, merged by time.

mod clock;
mod entry;
mod filter;
mod lines;
mod merge;
mod named;
mod records;
mod stamp;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use unwedge_host::Host;

use crate::evidence::{Log, side_by_side};
use crate::report::GapNote;

pub use entry::{Entry, name_of};
pub use filter::{
    BadFilter, ComponentPattern, Filter, Kb, Session, SourcePattern, Text, parse_duration,
    parse_from, parse_level, parse_to,
};
pub use stamp::{Fraction, Moment, Stamp};

/// What was read to tell a timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records read, wanted or not.
    pub records: u64,
    /// Records handed over.
    pub shown: u64,
    /// What could not be read or trusted, in the order of the logs.
    pub gaps: Vec<GapNote>,
}

/// Hands the records of `logs` that `filter` wants to `visit`, in the order of their time, until
/// that breaks.
///
/// `logs` are those of [`crate::evidence::Listing`], or some of them. Within one log its own order holds, even when the clock of the PC went
/// back, which is told as a gap. Records of the same time come in the order of the logs and lines.
pub fn tell(
    host: &dyn Host,
    mut logs: Vec<Log>,
    filter: &Filter,
    visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Summary {
    learn_zones(host, &mut logs);
    let mut filter = filter.clone();
    if let Some(last) = filter.last_seconds
        && let Some(latest) = latest(host, &logs)
    {
        let from = Moment { seconds: latest.seconds.saturating_sub(last), ..latest };
        filter.from = filter.from.max(Some(from));
    }
    let mut summary = Summary::default();
    let reads = merge::merge(host, &logs, &filter, &mut |entry| {
        summary.shown += 1;
        visit(entry)
    });
    for read in reads {
        summary.records += read.records;
        summary.gaps.extend(read.gaps);
    }
    summary
}

/// Looks for the first offset from UTC that each log shows: a log of a servicing stack may show it
/// far behind its head, and its own is better than that of another. Puts the oldest log first.
fn learn_zones(host: &dyn Host, logs: &mut [Log]) {
    let zones = side_by_side(logs, |_, log| {
        let (records, mut zone) = (records::Records::new(log.kind), None);
        if clock::is_seldom_shown(log.kind) {
            let read = lines::lines_of(host, log, &mut |_, line| {
                if let lines::Line::Whole(line) = line {
                    zone = records.offset(line);
                }
                if zone.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            // What cannot be read is told when the records themselves are.
            drop(read);
        }
        zone
    });
    let of_any = zones.iter().find_map(|zone| *zone);
    for (log, zone) in logs.iter_mut().zip(zones) {
        log.offset_minutes = zone.or(log.offset_minutes).or(of_any);
    }
    logs.sort_by(|a, b| (a.first_seconds(), &a.source).cmp(&(b.first_seconds(), &b.source)));
}

/// The time of the latest of all records.
fn latest(host: &dyn Host, logs: &[Log]) -> Option<Moment> {
    let never = AtomicBool::new(false);
    let of_each = side_by_side(logs, |_, log| {
        let mut latest = None;
        let read = merge::records_of(host, log, &never, &mut |_| {}, &mut |record, offset| {
            let time = record.head.map(|head| Stamp::new(head.time, head.fraction, offset));
            latest = latest.max(time.map(|time| time.moment()));
            ControlFlow::Continue(())
        });
        // What cannot be read is told when the records themselves are.
        drop(read);
        latest
    });
    of_each.into_iter().flatten().max()
}
