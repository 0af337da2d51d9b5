//! Rules of SetupDiag, Microsoft's tool that says why an upgrade of Windows failed.
//!
//! Its results name the rule that matched as `ProfileName` and `ProfileGuid`.
//! Table: `knowledge/setupdiag_rules.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Serialize;

use super::codes::category;
use super::table::{Table, rows, table};
use crate::report::Category;

/// One rule of SetupDiag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SetupRule {
    /// Its name, such as `FindSPFatalError`.
    pub name: &'static str,
    /// Its GUID, in capitals and without braces.
    pub guid: &'static str,
    /// When it looks.
    pub when: SetupTime,
    /// Kind of cause.
    pub category: Category,
    /// What it detects, in whole sentences.
    pub detects: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

/// When during an upgrade a rule of SetupDiag looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupTime {
    /// While the old Windows still runs ("down-level").
    BeforeRestart,
    /// In the recovery image or the new Windows.
    AfterRestart,
    /// While the upgrade is taken back.
    Rollback,
    /// Afterwards, in a memory dump.
    Dump,
    /// At any time.
    Any,
}

/// Rules by name, however it is capitalised, or by GUID with or without braces. The documentation
/// gives one GUID to two rules, so there may be two. Constant time.
#[must_use]
pub fn get(name_or_guid: &str) -> &'static [&'static SetupRule] {
    static INDEX: OnceLock<HashMap<String, Vec<&'static SetupRule>>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index: HashMap<String, Vec<&'static SetupRule>> = HashMap::new();
        for rule in all() {
            for name in [rule.name, rule.guid] {
                index.entry(name.to_lowercase()).or_default().push(rule);
            }
        }
        index
    });
    let key = name_or_guid.trim().trim_matches(['{', '}']).to_lowercase();
    index.get(&key).map_or(&[], Vec::as_slice)
}

/// All rules, in the order of the documentation.
#[must_use]
pub fn all() -> &'static [SetupRule] {
    static RULES: OnceLock<Vec<SetupRule>> = OnceLock::new();
    RULES.get_or_init(|| rows(TABLE).map(rule_in).collect())
}

pub(super) const TABLE: Table = table!("setupdiag_rules");

fn rule_in([name, guid, when, kind, detects, source]: [&'static str; 6]) -> SetupRule {
    let when = match when {
        "before_restart" => SetupTime::BeforeRestart,
        "after_restart" => SetupTime::AfterRestart,
        "rollback" => SetupTime::Rollback,
        "dump" => SetupTime::Dump,
        _ => SetupTime::Any,
    };
    SetupRule { name, guid, when, category: category(kind), detects, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_name_and_guid() {
        for name in [
            "FindSPFatalError",
            "findspfatalerror",
            "{a4028172-1b09-48f8-ad3b-86cdd7d55852}",
            "A4028172-1B09-48F8-AD3B-86CDD7D55852",
        ] {
            assert_eq!(get(name)[0].name, "FindSPFatalError", "{name}");
        }
        assert!(get("").is_empty());
    }
}
