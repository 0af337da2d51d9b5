//! Facts: what the evidence of one PC says, before anything is concluded from it.

mod cut;
mod operation;
mod read;
mod scan;
mod series;
mod state;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use unwedge_formats::code::Code;
use unwedge_formats::log::{LocalTime, LogKind};
use unwedge_host::probe::Conflict;
use unwedge_host::{Host, WinPath};

use crate::report::{AboutPc, GapNote, Source, Subject};
use crate::rule::{Matcher, RuleIndex, RuleSet};

pub use operation::{Operation, OperationKind, Outcome};
pub use series::Series;
pub use store::{DamagedFile, StoreReport};

/// Everything that was read from one PC, in the order of time.
#[derive(Debug, Default)]
pub struct Facts {
    /// The PC.
    pub about: AboutPc,
    /// Files that were read, oldest first; a [`Place`] points into them.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub gaps: Vec<GapNote>,
    /// Attempts to change the machine.
    pub operations: Vec<Operation>,
    /// Lines that a rule knows, by rule.
    pub sightings: BTreeMap<RuleIndex, Series<Sighting>>,
    /// Lines with the code of a failure that no rule knows, by their first code.
    pub unknown: BTreeMap<Code, Series<Place>>,
    /// Reports on the state of the component store.
    pub store: Vec<StoreReport>,
    /// Sessions that were opened; a log without any says little.
    pub sessions_opened: u64,
    /// Whether records are missing between others in a log.
    pub is_excerpt: bool,
    /// Whether any log record was read.
    pub records_seen: bool,
    /// Services whose state is known and that rules ask for.
    pub services: Vec<ServiceFact>,
    /// Who holds the files that failed, and those of Windows Update.
    pub holders: Vec<HolderFact>,
    /// Whether all holders were found; `None` where the host cannot tell at all.
    pub holders_complete: Option<bool>,
}

/// A place in the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of [`Facts::sources`].
    pub source: usize,
    /// Line, counted from 1.
    pub line: u64,
    /// Local time of the record, if it has one.
    pub time: Option<LocalTime>,
    /// Offset from UTC in minutes, if the evidence shows it.
    pub offset_minutes: Option<i32>,
    /// What stands there.
    pub excerpt: String,
}

impl Place {
    /// Its time, with the offset from UTC where the evidence shows it.
    #[must_use]
    pub fn time_told(&self) -> Option<String> {
        let offset = self.offset_minutes.map(offset_name).unwrap_or_default();
        self.time.map(|time| format!("{time}{offset}"))
    }
}

/// `-07:00` for -420.
fn offset_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A line that a rule knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where.
    pub place: Place,
    /// Codes of failures in the line, as they stand there.
    pub codes: Vec<Code>,
    /// What the line names.
    pub subjects: Vec<Subject>,
    /// Whether it proves a failure by itself.
    pub strong: bool,
}

/// The configuration of a service as the host tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFact {
    /// Short name.
    pub name: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// How it was learnt, for the citation.
    pub told: String,
}

/// Somebody who holds a file, as the host tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderFact {
    /// The file.
    pub path: WinPath,
    /// The service that runs in the process, if one does.
    pub service: Option<String>,
    /// Image name of the process.
    pub image: String,
    /// The process.
    pub pid: u32,
    /// How it keeps others out.
    pub conflict: Conflict,
    /// Whether it was seen in the act.
    pub confirmed: bool,
}

/// Kinds of log whose records are searched for causes.
pub(crate) const SEARCHED: [LogKind; 2] = [LogKind::Cbs, LogKind::Dism];

/// Reads all evidence of `host` that `rules` can use.
///
/// Never fails: what cannot be read is one of [`Facts::gaps`].
#[must_use]
pub fn observe(host: &dyn Host, rules: &RuleSet) -> Facts {
    observe_in_blocks(host, rules, read::BLOCK_BYTES)
}

/// Like [`observe`], with so many bytes read at a time.
fn observe_in_blocks(host: &dyn Host, rules: &RuleSet, block_bytes: usize) -> Facts {
    let matcher = Matcher::new(rules);
    let mut facts = Facts { about: about(host), ..Facts::default() };
    read::logs(host, &matcher, block_bytes, &mut facts);
    state::observe(host, rules, &mut facts);
    facts
}

fn about(host: &dyn Host) -> AboutPc {
    let about = host.about();
    AboutPc {
        name: about.name.clone(),
        build: about.build.clone(),
        edition: about.edition.clone(),
        utc_offset: None,
    }
}
