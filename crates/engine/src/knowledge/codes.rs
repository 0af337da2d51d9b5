//! What is known about codes, and what they mean for updating.
//!
//! Tables: `knowledge/error_codes.tsv`, `code_categories.tsv`, `facility_categories.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use unwedge_formats::code::Code;

use super::table::{Table, rows, table};
use crate::report::Category;

/// One meaning of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeFact {
    /// The value.
    pub code: Code,
    /// Its name in the header files, or a description in brackets where it has none.
    pub symbol: &'static str,
    /// Which part of Windows gives it out, such as `WindowsUpdate/Protocol`.
    pub facility: &'static str,
    /// What it means, in a few words.
    pub meaning: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

/// What a code means for updating, in words for a person at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeAdvice {
    /// The code the line is about; `None` when it is about a whole facility.
    pub code: Option<Code>,
    /// Kind of cause.
    pub category: Category,
    /// Whether something failed.
    pub failure: Failure,
    /// What usually is the cause.
    pub cause: &'static str,
    /// What usually helps.
    pub help: &'static str,
    /// What one should know beside that.
    pub note: Option<&'static str>,
}

/// Whether a code stands for something that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It does.
    Yes,
    /// It looks so and does not, such as `0x80070bc2` (restart needed).
    No,
    /// Windows prints it also when it only tried something; alone it proves nothing.
    Probe,
}

/// All facts about exactly this value; empty when there are none. Constant time.
///
/// Wrappings are not taken off: ask for [`Code::canonical`] too.
#[must_use]
pub fn code(code: Code) -> &'static [CodeFact] {
    let tables = tables();
    tables.by_code.get(&code).map_or(&[], |at| &tables.facts[at.clone()])
}

/// The value of a name, however it is capitalised.
///
/// `ERROR_LOCK_VIOLATION` gives `0x80070021`. The few names with two values give the first.
#[must_use]
pub fn symbol(name: &str) -> Option<Code> {
    let upper = name.trim().to_ascii_uppercase();
    tables().by_symbol.get(&upper).copied().or_else(|| Code::named(&upper))
}

/// All names, in no particular order; for "did you mean".
pub fn symbols() -> impl Iterator<Item = &'static str> {
    tables().facts.iter().map(|fact| plain_symbol(fact.symbol)).filter(|name| !name.is_empty())
}

/// What a code usually means for updating: the line of the code itself, else of its canonical
/// form, else of its facility.
#[must_use]
pub fn category_of(wanted: Code) -> Option<&'static CodeAdvice> {
    let tables = tables();
    let canonical = wanted.canonical();
    let own = tables.advice.get(&wanted).or_else(|| tables.advice.get(&canonical));
    own.or_else(|| {
        let facts = code(wanted).iter().chain(code(canonical));
        facts.filter_map(|fact| tables.facility_advice.get(fact.facility)).next()
    })
}

/// What the phase (first digit) of the second half of a setup pair means.
#[must_use]
pub fn setup_phase(phase: u32) -> Option<&'static CodeFact> {
    tables().setup.get(&("SetupExtendPhase", phase << 16))
}

/// What the operation (last digits) of the second half of a setup pair means.
#[must_use]
pub fn setup_operation(operation: u32) -> Option<&'static CodeFact> {
    tables().setup.get(&("SetupExtendOperation", operation))
}

/// What is documented about the whole second half of a setup pair, such as `0x20017`.
#[must_use]
pub fn setup_combination(extend: u32) -> Option<&'static CodeFact> {
    tables().setup.get(&("SetupExtendCombination", extend))
}

struct Tables {
    /// Sorted by code, so that the facts of one code stand together.
    facts: Vec<CodeFact>,
    by_code: HashMap<Code, std::ops::Range<usize>>,
    by_symbol: HashMap<String, Code>,
    setup: HashMap<(&'static str, u32), CodeFact>,
    advice: HashMap<Code, CodeAdvice>,
    facility_advice: HashMap<&'static str, CodeAdvice>,
}

pub(super) const CODES: Table = table!("error_codes");
pub(super) const CATEGORIES: Table = table!("code_categories");
pub(super) const FACILITIES: Table = table!("facility_categories");

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(read_tables)
}

fn read_tables() -> Tables {
    let (setup, mut facts): (Vec<_>, Vec<_>) = rows(CODES)
        .map(|[code, symbol, facility, meaning, source]| CodeFact {
            code: value(code),
            symbol,
            facility,
            meaning,
            source,
        })
        .partition(|fact| fact.facility.starts_with("SetupExtend"));
    facts.sort_by_key(|fact| fact.code);
    let mut by_code: HashMap<Code, std::ops::Range<usize>> = HashMap::new();
    let mut by_symbol = HashMap::new();
    for (at, fact) in facts.iter().enumerate() {
        by_code.entry(fact.code).or_insert(at..at).end = at + 1;
        by_symbol.entry(plain_symbol(fact.symbol).to_ascii_uppercase()).or_insert(fact.code);
    }
    by_symbol.remove("");
    let advice = rows(CATEGORIES).map(|[code, kind, failure, cause, help, note]| {
        let code = value(code);
        let note = (!note.is_empty()).then_some(note);
        let (category, failure) = (category(kind), failure_of(failure));
        (code, CodeAdvice { code: Some(code), category, failure, cause, help, note })
    });
    let facility_advice = rows(FACILITIES).map(|[facility, kind, cause, help]| {
        let (category, failure) = (category(kind), Failure::Yes);
        (facility, CodeAdvice { code: None, category, failure, cause, help, note: None })
    });
    Tables {
        by_code,
        by_symbol,
        setup: setup.into_iter().map(|fact| ((fact.facility, fact.code.0), fact)).collect(),
        advice: advice.collect(),
        facility_advice: facility_advice.collect(),
        facts,
    }
}

fn value(spelling: &str) -> Code {
    Code::parse(spelling).expect("a test reads every code of the tables")
}

/// The name without a remark in brackets; nothing where the whole symbol is a remark.
fn plain_symbol(symbol: &'static str) -> &'static str {
    symbol.split(" (").next().filter(|name| !name.starts_with('(')).unwrap_or_default()
}

fn failure_of(word: &str) -> Failure {
    match word {
        "no" => Failure::No,
        "probe" => Failure::Probe,
        _ => Failure::Yes,
    }
}

pub(super) fn category(word: &str) -> Category {
    let quoted = serde_json::Value::from(word);
    serde_json::from_value(quoted).expect("a test reads every category of the tables")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values with two names, each for a reason.
    const TWO_NAMES: [u32; 0] = [];

    #[test]
    fn no_code_has_two_names_that_contradict_each_other() {
        for (code, at) in &tables().by_code {
            let facts = &tables().facts[at.clone()];
            let first = plain_symbol(facts[0].symbol);
            let same = facts.iter().all(|fact| plain_symbol(fact.symbol) == first);
            assert!(same || TWO_NAMES.contains(&code.0), "{code}: {facts:?}");
        }
    }

    #[test]
    fn a_name_has_two_values_only_where_windows_gave_it_two() {
        // The value of the headers and the one that CbsCore uses under the same name; the older
        // value of the documentation and the one of the headers.
        let allowed = ["CBS_S_STACK_RESTART_REQUIRED", "WU_E_REDIRECTOR_UNEXPECTED"];
        let mut seen: HashMap<&str, Code> = HashMap::new();
        for fact in &tables().facts {
            let name = plain_symbol(fact.symbol);
            if name.is_empty() || allowed.contains(&name) {
                continue;
            }
            let before = seen.insert(name, fact.code);
            assert!(before.is_none_or(|before| before == fact.code), "{name}");
        }
    }

    #[test]
    fn every_line_of_advice_is_about_a_known_code_in_its_canonical_form() {
        assert!(tables().advice.len() >= 150);
        for code in tables().advice.keys() {
            assert!(tables().by_code.contains_key(code), "{code} is not in error_codes.tsv");
            assert_eq!(code.canonical(), *code, "write the canonical form instead");
        }
        assert_eq!(
            tables().advice.len(),
            CATEGORIES.text().lines().count() - 1,
            "a code stands twice"
        );
    }

    #[test]
    fn every_facility_with_advice_exists() {
        for facility in tables().facility_advice.keys() {
            assert!(tables().facts.iter().any(|fact| fact.facility == *facility), "{facility}");
        }
    }

    #[test]
    fn advice_is_written_in_whole_sentences() {
        let all = tables().advice.values().chain(tables().facility_advice.values());
        for advice in all {
            for sentence in [advice.cause, advice.help].into_iter().chain(advice.note) {
                let starts_well =
                    sentence.starts_with(|c: char| c.is_uppercase() || c.is_numeric());
                assert!(starts_well && sentence.ends_with('.'), "{sentence}");
            }
        }
    }

    #[test]
    fn failures_in_the_table_are_those_that_formats_knows() {
        for (code, advice) in &tables().advice {
            let looks_failed = code.means_failure();
            assert!(looks_failed || advice.failure == Failure::No, "{code}");
            if code.0 & 0x8000_0000 != 0 && advice.failure == Failure::No {
                let harmless_only_in_context = [0x8024_0063, 0xC142_011C];
                let known = !looks_failed || harmless_only_in_context.contains(&code.0);
                assert!(known, "{code} is a failure for formats");
            }
        }
    }

    #[test]
    fn names_that_formats_reads_in_logs_have_the_same_value_here() {
        for fact in &tables().facts {
            let Some(named) = Code::named(plain_symbol(fact.symbol)) else { continue };
            let value = if named.0 <= 0xFFFF { Code::from_win32(named.0) } else { named };
            assert_eq!(value, fact.code, "{}", fact.symbol);
        }
    }

    #[test]
    fn a_status_and_its_win32_error_are_both_known_under_matching_names() {
        for (status, win32) in [
            ("STATUS_SHARING_VIOLATION", "ERROR_SHARING_VIOLATION"),
            ("STATUS_FILE_LOCK_CONFLICT", "ERROR_LOCK_VIOLATION"),
            ("STATUS_SXS_COMPONENT_STORE_CORRUPT", "ERROR_SXS_COMPONENT_STORE_CORRUPT"),
            ("STATUS_USER_MAPPED_FILE", "ERROR_USER_MAPPED_FILE"),
            ("STATUS_DISK_FULL", "ERROR_DISK_FULL"),
        ] {
            assert!(symbol(status).unwrap().same_cause_as(symbol(win32).unwrap()), "{status}");
        }
        // Names that differ only in their first word must belong together everywhere, but where
        // RtlNtStatusToDosError answers something else: ERROR_OPERATION_ABORTED, ERROR_BADDB.
        let others = ["CANCELLED", "REGISTRY_CORRUPT"];
        let kernel = tables().facts.iter().filter(|fact| fact.facility == "NTSTATUS");
        for fact in kernel.filter(|fact| fact.code.is_failure()) {
            let Some(rest) = fact.symbol.strip_prefix("STATUS_") else { continue };
            let Some(twin) = symbol(&format!("ERROR_{rest}")) else { continue };
            let canonical = fact.code.canonical();
            let unmapped = canonical == fact.code;
            let fits = unmapped || canonical == twin.canonical() || others.contains(&rest);
            assert!(fits, "{} {canonical}", fact.symbol);
        }
    }

    #[test]
    fn a_hang_is_not_an_invalid_drive() {
        let [fact] = code(Code(0x800F_0920)) else { panic!("one fact") };
        assert_eq!(fact.symbol, "CBS_E_HANG_DETECTED");
    }

    #[test]
    fn a_plain_number_is_not_taken_for_a_setup_operation() {
        assert!(code(Code(0x20)).is_empty());
        assert_eq!(setup_operation(0x17).unwrap().symbol, "SP_EXECUTION_OP_BOOT");
        assert!(setup_phase(2).unwrap().symbol.contains("SAFE_OS"));
        assert_eq!(setup_combination(0x20017).unwrap().symbol, "SAFE_OS/BOOT");
    }

    #[test]
    fn advice_falls_back_from_code_to_cause_to_facility() {
        let kind = |code| category_of(Code(code)).map(|advice| advice.category);
        assert_eq!(kind(0x8007_0021), Some(Category::Lock));
        assert_eq!(kind(0xD000_0054), Some(Category::Lock));
        assert_eq!(kind(33), Some(Category::Lock));
        assert_eq!(kind(0xC800_0408), Some(Category::Lock));
        assert_eq!(kind(0x8024_402C), Some(Category::Network));
        assert_eq!(kind(0x8024_4035), Some(Category::Network), "by its facility");
        assert_eq!(kind(0x8007_0BC9), Some(Category::PendingRestart));
        assert_eq!(kind(0xD015_001A), Some(Category::StoreCorruption));
        assert_eq!(kind(0xC000_007F), Some(Category::DiskSpace));
        assert_eq!(kind(0xC000_0102), Some(Category::Hardware));
        assert_eq!(kind(0x1234_5678), None);
        assert_eq!(category_of(Code(3010)).unwrap().failure, Failure::No);
        assert_eq!(category_of(Code(0x800F_0805)).unwrap().failure, Failure::Probe);
    }

    #[test]
    fn names_are_found_however_they_are_capitalised() {
        assert_eq!(symbol("error_lock_violation"), Some(Code(0x8007_0021)));
        assert_eq!(symbol(" E_AccessDenied "), Some(Code(0x8007_0005)));
        assert_eq!(symbol("jet_errFileAccessDenied"), Some(Code(0xFFFF_FBF8)));
        assert_eq!(symbol("ERROR_CANTFETCHBACKWARDS"), Some(Code(0x8007_0302)));
        assert_eq!(symbol(""), None);
    }

    #[test]
    fn sources_name_no_place_outside_the_world() {
        for fact in tables().facts.iter().chain(tables().setup.values()) {
            assert!(!fact.source.is_empty() && !fact.meaning.is_empty(), "{fact:?}");
            assert!(!fact.source.starts_with('/') && !fact.source.contains(":\\"), "{fact:?}");
        }
    }
}
