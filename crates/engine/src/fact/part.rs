//! What one log gave, before all are put together.

use std::collections::BTreeMap;

use unwedge_formats::code::Code;

use super::operation::Operation;
use super::{Facts, Place, Series, Sighting, StoreReport, SuspectFact, offset_name};
use crate::report::GapNote;
use crate::rule::RuleIndex;

/// What one log gave; its places already point to its source.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Bytes after decoding.
    pub(super) size_bytes: u64,
    /// Lines, or records where there are no lines.
    pub(super) lines: u64,
    /// What could not be read.
    pub(super) gaps: Vec<GapNote>,
    pub(super) operations: Vec<Operation>,
    pub(super) sightings: BTreeMap<RuleIndex, Series<Sighting>>,
    pub(super) unknown: BTreeMap<Code, Series<Place>>,
    pub(super) store: Vec<StoreReport>,
    /// Failures too many to be told apart, and unlike those that are.
    pub(super) failures_lost: u64,
    pub(super) sessions_opened: u64,
    pub(super) is_excerpt: bool,
    pub(super) records_seen: bool,
    /// Version of the servicing stack, which is the build.
    pub(super) stack: Option<String>,
    /// The first offset from UTC that the log shows.
    pub(super) offset_minutes: Option<i32>,
    /// When its last record was written that was worth reading, in seconds of UTC.
    pub(super) last_seconds: Option<i64>,
    /// The computer that wrote it, as the log says last.
    pub(super) computer: Option<String>,
    /// Whom its events name.
    pub(super) suspects: Series<SuspectFact>,
}

impl Facts {
    /// Adds what the next log gave.
    pub(super) fn take(&mut self, part: Part) {
        self.gaps.extend(part.gaps);
        self.operations.extend(part.operations);
        for (rule, series) in part.sightings {
            self.sightings.entry(rule).or_default().append(series);
        }
        for (code, series) in part.unknown {
            self.unknown.entry(code).or_default().append(series);
        }
        self.store.extend(part.store);
        self.suspects.append(part.suspects);
        self.sessions_opened += part.sessions_opened;
        self.is_excerpt |= part.is_excerpt;
        self.records_seen |= part.records_seen;
        // The servicing stack that was loaded last is that of the build that runs.
        self.stack = part.stack.or(self.stack.take());
        if self.about.utc_offset.is_none() {
            self.about.utc_offset = part.offset_minutes.map(offset_name);
        }
    }
}
