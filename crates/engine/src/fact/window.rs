//! Facts of a while, out of those of a whole PC.

use std::collections::BTreeSet;

use super::{Facts, Place};

/// Kinds of sources of which only the whole can be read, in which times are in UTC.
const READ_WHOLE: [&str; 1] = ["events"];

impl Facts {
    /// Leaves out what event logs tell of before `since`, in seconds of UTC.
    pub(crate) fn forget_before(&mut self, since: i64) {
        let whole: BTreeSet<usize> = self
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| READ_WHOLE.contains(&source.kind.as_str()))
            .map(|(index, _)| index)
            .collect();
        let is_news = |place: &Place| {
            !whole.contains(&place.source) || place.utc_seconds().is_some_and(|at| at >= since)
        };
        self.operations.retain(|operation| is_news(&operation.place));
        self.sightings.retain(|_, series| {
            series.retain(|sighting| is_news(&sighting.place));
            series.length() > 0
        });
        self.unknown.retain(|_, series| {
            series.retain(is_news);
            series.length() > 0
        });
        self.suspects.retain(|suspect| is_news(&suspect.place));
    }

    /// Moves all places so many lines down as `before` says of their source: it was read from
    /// there on.
    pub(crate) fn shift(&mut self, before: impl Fn(&str) -> u64) {
        let before: Vec<u64> = self.sources.iter().map(|source| before(&source.source)).collect();
        let lines = |source: usize| before.get(source).copied().unwrap_or(0);
        for operation in &mut self.operations {
            let by = lines(operation.place.source);
            operation.first_line += by;
            operation.last_line += by;
            operation.place.line += by;
        }
        let places = self.sightings.values_mut().flat_map(|series| series.iter_mut());
        for place in places.map(|sighting| &mut sighting.place) {
            place.line += lines(place.source);
        }
        for place in self.unknown.values_mut().flat_map(|series| series.iter_mut()) {
            place.line += lines(place.source);
        }
        for report in &mut self.store {
            report.place.line += lines(report.place.source);
        }
        for gap in &mut self.gaps {
            let source = self.sources.iter().position(|source| source.source == gap.source);
            if let (Some(line), Some(source)) = (&mut gap.line, source) {
                *line += lines(source);
            }
        }
    }
}
