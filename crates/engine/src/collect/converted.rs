//! What is no text, as the text that it stands for: so that private values in it can be replaced.

use std::io::{self, Read};

use unwedge_formats::evtx::Wanted;
use unwedge_host::{Host, container};

use super::Item;
use super::kind::Kind;
use crate::evidence::{EventLines, Listing, Rendered};
use crate::rule::RuleSet;

/// How files of evidence are read.
pub(super) enum Conversion {
    /// As they are stored.
    None,
    /// As text.
    ToText {
        /// The events that unwedge knows; others are left out, whatever may be in them.
        wanted: Box<Wanted>,
        /// Offset of the PC's clock from UTC in minutes, if any of the evidence shows it.
        offset_minutes: Option<i32>,
    },
}

impl Conversion {
    /// To text.
    pub(super) fn to_text(host: &dyn Host) -> Conversion {
        let wanted = Box::new(RuleSet::built_in().wanted_events());
        let offset_minutes = Listing::of(host).clock_offset_minutes(host);
        Conversion::ToText { wanted, offset_minutes }
    }

    /// Opens a file as it goes into the bundle.
    pub(super) fn read<T>(
        &self,
        host: &dyn Host,
        item: &Item,
        visit: impl FnOnce(&mut dyn Read) -> T,
    ) -> io::Result<T> {
        let open = || host.open_evidence(&item.evidence);
        container::read(&open, &item.member, |reader| match (self, item.kind) {
            (Conversion::ToText { wanted, .. }, Kind::EventLog) => {
                Ok(visit(&mut EventLines::new(reader, wanted)))
            }
            (Conversion::ToText { offset_minutes, .. }, Kind::Trace) => {
                let text = Rendered::of_trace_at(reader, *offset_minutes)?;
                Ok(visit(&mut text.text.as_slice()))
            }
            _ => Ok(visit(reader)),
        })?
    }

    /// Whether a file of this kind becomes another.
    pub(super) fn changes(&self, kind: Kind) -> bool {
        matches!((self, kind), (Conversion::ToText { .. }, Kind::EventLog | Kind::Trace))
    }

    /// The kind and the ending that a file has in the bundle.
    pub(super) fn becomes(&self, kind: Kind) -> (&'static str, &'static str) {
        match (self.changes(kind), kind) {
            (true, Kind::EventLog) => ("events", ".txt"),
            (true, Kind::Trace) => ("windows_update", ".log"),
            _ => (kind.name(), ""),
        }
    }
}

/// By this ending it is known that a log is one of a series, as the trace was.
pub(crate) const TRACE_ENDING: &str = ".etl.log";
