//! An update by its KB number: what the evidence of a PC says about it. Nothing else is known
//! offline.

use serde::Serialize;

use super::{Details, Explanation, Kind, blank};
use crate::diagnose::{citation, told};
use crate::fact::{self, Facts};
use crate::report::{Citation, Operation};
use crate::rule::{RuleSet, Weight};

/// More lines than this are counted only.
const MOST_LINES: usize = 20;

/// What evidence says about one update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KbDetails {
    /// Whether evidence was given; without it nothing is known.
    pub searched: bool,
    /// Files that were read.
    pub files_read: usize,
    /// Questions and files that could not be read.
    pub gaps: usize,
    /// Operations on it, oldest first.
    pub operations: Vec<Operation>,
    /// Further lines that name it and tell of a failure; the first ones.
    pub lines: Vec<Citation>,
    /// How many there were in all.
    pub lines_seen: usize,
    /// Lines that name it, look like a failure and are none.
    pub harmless_lines: usize,
}

/// The number in `KB5034441`, `kb 5034441` or, with a space or not, any spelling of it.
#[must_use]
pub fn kb_number(text: &str) -> Option<&str> {
    let text = text.trim();
    let prefix = text.get(..2).filter(|prefix| prefix.eq_ignore_ascii_case("kb"))?;
    let digits = text[prefix.len()..].trim_start();
    ((6..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
        .then_some(digits)
}

/// Explains an update without evidence: that nothing is known.
pub(super) fn explain(asked: &str) -> Option<Explanation> {
    let number = kb_number(asked)?;
    let nothing = KbDetails {
        searched: false,
        files_read: 0,
        gaps: 0,
        operations: Vec::new(),
        lines: Vec::new(),
        lines_seen: 0,
        harmless_lines: 0,
    };
    Some(told_about(asked, number, nothing))
}

/// Explains an update with what is known from the evidence of one PC; `None` when `asked` is no KB
/// number.
#[must_use]
pub fn kb_in_evidence(asked: &str, facts: &Facts, rules: &RuleSet) -> Option<Explanation> {
    let number = kb_number(asked)?;
    let operations = facts.operations.iter().filter(|operation| is_about(operation, number));
    let (harmless, telling): (Vec<_>, Vec<_>) = facts
        .sightings
        .iter()
        .flat_map(|(&rule, series)| series.iter().map(move |it| (rule, &it.place)))
        .filter(|(_, place)| names(&place.excerpt, number))
        .partition(|&(rule, _)| rules.rules[rule].weight == Weight::Harmless);
    let unknown = facts.unknown.values().flat_map(|series| series.iter());
    let unknown = unknown.filter(|place| names(&place.excerpt, number));
    let mut places: Vec<_> = telling.into_iter().map(|(_, place)| place).chain(unknown).collect();
    places.sort_by_key(|place| (place.source, place.line));
    places.dedup_by_key(|place| (place.source, place.line));
    let details = KbDetails {
        searched: true,
        files_read: facts.sources.len(),
        gaps: facts.gaps.len(),
        operations: operations.map(|operation| told(facts, operation)).collect(),
        lines_seen: places.len(),
        harmless_lines: harmless.len(),
        lines: places.into_iter().take(MOST_LINES).map(|place| citation(facts, place)).collect(),
    };
    Some(told_about(asked, number, details))
}

fn told_about(asked: &str, number: &str, details: KbDetails) -> Explanation {
    Explanation {
        kind: Kind::Kb,
        id: format!("KB{number}"),
        name: "an update of Windows or of another Microsoft product".to_owned(),
        meaning: "What an update holds is in no table of this program".to_owned(),
        details: Some(Details::Kb(details)),
        ..blank(asked)
    }
}

fn is_about(operation: &fact::Operation, number: &str) -> bool {
    let subjects = operation.subject.iter().chain(&operation.package);
    let mut named = subjects.map(|subject| subject.name.as_str()).chain(operation.kb.as_deref());
    named.any(|name| names(name, number))
}

/// Whether a text names the update: `KB5034441`, but not `KB50344412`.
fn names(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = &text.as_bytes()[..at];
        let after = text.as_bytes().get(at + number.len());
        let is_kb = before.len() >= 2 && before[before.len() - 2..].eq_ignore_ascii_case(b"kb");
        is_kb && !after.is_some_and(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kb_number_is_known_by_its_letters() {
        assert_eq!(kb_number("KB5034441"), Some("5034441"));
        assert_eq!(kb_number(" kb 890830 "), Some("890830"));
        for other in ["5034441", "KB", "KB12", "KB5034441x", "KBé", "kb50344410123"] {
            assert_eq!(kb_number(other), None, "{other}");
        }
    }

    #[test]
    fn an_update_is_named_only_by_its_whole_number() {
        assert!(names("Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0", "5034441"));
        assert!(names("identifier: kb5034441", "5034441"));
        assert!(!names("Package_for_KB50344412~", "5034441"));
        assert!(!names("size 5034441", "5034441"));
    }
}
