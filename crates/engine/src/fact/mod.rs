//! Facts: what the evidence of one PC says, before anything is concluded from it.

mod cut;
mod mixed;
mod operation;
mod order;
mod part;
mod read;
mod scan;
mod search;
mod series;
pub(crate) mod state;
mod store;
pub(crate) mod suspects;
mod system;
#[cfg(test)]
mod tests;
mod thin;
mod this_pc;
mod update;
mod window;

use std::collections::BTreeMap;

use unwedge_formats::code::Code;
use unwedge_formats::log::LocalTime;
use unwedge_host::probe::Conflict;
use unwedge_host::{Host, WinPath};

use crate::evidence::Printed;
use crate::report::{AboutPc, GapNote, Source, StateNote, Subject};
use crate::rule::{RegistryWorth, RuleIndex, RuleSet};

pub(crate) use operation::PLACEHOLDER_KB;
pub use operation::{Key, Operation, OperationKind, Outcome};
pub use series::Series;
pub(crate) use state::ask;
pub(crate) use store::moving;
pub use store::{DamagedFile, StoreReport};
pub use suspects::{Deed, FilterFact, SuspectFact};

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
    /// Version of the servicing stack that was loaded last.
    pub(crate) stack: Option<String>,
    /// Sessions that were opened; a log without any says little.
    pub sessions_opened: u64,
    /// Whether records are missing between others in a log.
    pub is_excerpt: bool,
    /// Whether any log record was read.
    pub records_seen: bool,
    /// When the evidence is of more than one PC: the facts of each, judged by itself. These facts
    /// then hold only what is known of the evidence as a whole.
    pub apart: Vec<PcFacts>,
    /// Services whose state is known and that rules ask for.
    pub services: Vec<ServiceFact>,
    /// Lists that somebody printed on the PC.
    pub(crate) printed: Vec<Printed>,
    /// What the registry holds of what rules ask for.
    pub registry: Vec<RegistryFact>,
    /// Traits of the whole system that rules ask for.
    pub system: Vec<SystemFact>,
    /// How the PC itself stands now, as it tells.
    pub this_pc: Vec<StateNote>,
    /// Who holds the files that failed, and those of Windows Update.
    pub holders: Vec<HolderFact>,
    /// Whether all holders were found; `None` where the host cannot tell at all.
    pub holders_complete: Option<bool>,
    /// Whom events name who may have been in the way of something, at any time.
    pub suspects: Series<SuspectFact>,
    /// Filters of other makers that can hold files; looked for only when a file was held.
    pub filters: Vec<FilterFact>,
    /// Names, short and shown, of services that run outside of the folder of Windows; looked for
    /// only when a file was held.
    pub foreign_services: Vec<String>,
}

/// The facts of one PC among several.
#[derive(Debug)]
pub struct PcFacts {
    /// Its name, or what else is known of it.
    pub name: String,
    /// What its evidence says; [`Facts::sources`] are those of the whole.
    pub facts: Facts,
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
    /// What the PC itself told, rather than a file of the evidence.
    #[must_use]
    pub fn of_this_pc(told: String) -> Place {
        Place { source: usize::MAX, line: 0, time: None, offset_minutes: None, excerpt: told }
    }

    /// Its time in seconds of UTC; local time where the zone is not known.
    #[must_use]
    pub fn utc_seconds(&self) -> Option<i64> {
        let offset = i64::from(self.offset_minutes.unwrap_or(0)) * 60;
        self.time.map(|time| time.as_seconds() - offset)
    }

    /// Whether it comes after `other`: by line within a log, by time between logs.
    #[must_use]
    pub fn is_after(&self, other: &Place) -> bool {
        match (self.utc_seconds(), other.utc_seconds()) {
            _ if self.source == other.source => self.line > other.line,
            (Some(own), Some(theirs)) => own > theirs,
            _ => self.source > other.source,
        }
    }

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
    /// Whether it stands in a log of the servicing stack.
    pub of_servicing: bool,
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

/// Something in the registry that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryFact {
    /// The rule.
    pub rule: RuleIndex,
    /// The key of the first test.
    pub key: String,
    /// What stands there, for the citation.
    pub told: String,
    /// What that is worth.
    pub worth: RegistryWorth,
}

/// A trait of the whole system that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemFact {
    /// The trait.
    pub of: crate::rule::SystemTrait,
    /// What stands there, for the citation.
    pub told: String,
    /// What it is about.
    pub subject: Option<Subject>,
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

/// Reads all evidence of `host` that `rules` can use.
///
/// Never fails: what cannot be read is one of [`Facts::gaps`].
#[must_use]
pub fn observe(host: &dyn Host, rules: &RuleSet) -> Facts {
    observe_in_blocks(host, rules, read::BLOCK_BYTES)
}

/// Like [`observe`], with so many bytes read at a time.
fn observe_in_blocks(host: &dyn Host, rules: &RuleSet, block_bytes: usize) -> Facts {
    let mut facts = Facts { about: about(host), ..Facts::default() };
    read::logs(host, rules, block_bytes, &mut facts);
    if facts.apart.is_empty() {
        state::observe(host, rules, &mut facts);
        return facts;
    }
    // What the host tells of the PC itself is told of the one whose registry it has.
    let name = facts.about.name.take().map(|name| mixed::bare_name(&name)).unwrap_or_default();
    let own = facts.apart.iter().position(|pc| pc.name == name).unwrap_or_else(|| {
        let sources = facts.sources.clone();
        facts.apart.push(PcFacts {
            name: if name.is_empty() { "the PC of the registry".to_owned() } else { name },
            facts: Facts { sources, ..Facts::default() },
        });
        facts.apart.len() - 1
    });
    let own = &mut facts.apart[own].facts;
    own.printed = std::mem::take(&mut facts.printed);
    own.about = AboutPc { utc_offset: own.about.utc_offset.take(), ..about(host) };
    state::observe(host, rules, own);
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
