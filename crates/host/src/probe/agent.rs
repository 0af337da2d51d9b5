//! What the Windows Update Agent knows: its history, its state, and the services it asks.

use super::Part;

/// All of it; every part may be missing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAgent {
    /// The version of its program, such as `1325.2504.2042.0`.
    pub version: Part<String>,
    /// Whether it needs a restart before it can go on.
    pub restart_required: Part<bool>,
    /// How many entries its history has.
    pub history_count: Part<u32>,
    /// The newest of them, newest first.
    pub history: Part<Vec<HistoryEntry>>,
    /// Its own schedule.
    pub automatic: Part<AutomaticUpdates>,
    /// The services it can ask for updates.
    pub services: Part<Vec<UpdateService>>,
}

impl UpdateAgent {
    /// An answer of which every part is missing for one reason.
    #[must_use]
    pub fn unknown(why: &crate::HostErrorKind) -> Self {
        UpdateAgent {
            version: Err(why.clone()),
            restart_required: Err(why.clone()),
            history_count: Err(why.clone()),
            history: Err(why.clone()),
            automatic: Err(why.clone()),
            services: Err(why.clone()),
        }
    }
}

/// One thing that was installed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When, in UTC, as `2026-01-02T10:11:12Z`; `None` where the agent does not know.
    pub time: Option<String>,
    /// What was done.
    pub deed: Deed,
    /// How it ended.
    pub result: Result,
    /// With which code: 0 without one.
    pub code: u32,
    /// The name of the update, in the language of the PC.
    pub title: String,
    /// Identity of the update.
    pub update: String,
    /// Its revision.
    pub revision: u32,
    /// Who asked for it, such as `UpdateOrchestrator`.
    pub client: String,
}

/// What was done, from `UpdateOperation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Deed {
    Installation,
    Removal,
    Other(i32),
}

/// How it ended, from `OperationResultCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Result {
    NotStarted,
    InProgress,
    Succeeded,
    SucceededWithErrors,
    Failed,
    Aborted,
    Other(i32),
}

/// The schedule of the agent itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticUpdates {
    /// Whether its service can run.
    pub enabled: Part<bool>,
    /// When it last found out what there is, in UTC; `None` is never.
    pub last_search: Part<Option<String>>,
    /// When it last installed something, in UTC; `None` is never.
    pub last_installation: Part<Option<String>>,
}

/// A service the agent can ask for updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateService {
    /// Its identity.
    pub id: String,
    /// Its name, in the language of the PC.
    pub name: String,
    /// Whether an organisation runs it (WSUS).
    pub is_managed: bool,
    /// Whether automatic updates ask it.
    pub is_default: bool,
}

impl Deed {
    /// Reads `UpdateOperation`.
    #[must_use]
    pub fn of(number: i32) -> Self {
        match number {
            1 => Deed::Installation,
            2 => Deed::Removal,
            other => Deed::Other(other),
        }
    }
}

impl Result {
    /// Reads `OperationResultCode`.
    #[must_use]
    pub fn of(number: i32) -> Self {
        match number {
            0 => Result::NotStarted,
            1 => Result::InProgress,
            2 => Result::Succeeded,
            3 => Result::SucceededWithErrors,
            4 => Result::Failed,
            5 => Result::Aborted,
            other => Result::Other(other),
        }
    }
}

/// The KB number in the name of an update, such as `KB5034441`.
#[must_use]
pub fn kb_in(title: &str) -> Option<String> {
    let bytes = title.as_bytes();
    let mut at = 0;
    while let Some(found) =
        bytes.get(at..)?.windows(2).position(|it| it.eq_ignore_ascii_case(b"KB"))
    {
        let from = at + found + 2;
        let digits = bytes[from..].iter().take_while(|it| it.is_ascii_digit()).count();
        let begins_a_word = (at + found == 0) || !bytes[at + found - 1].is_ascii_alphanumeric();
        if begins_a_word && (6..=8).contains(&digits) {
            return Some(format!("KB{}", &title[from..from + digits]));
        }
        at = from;
    }
    None
}

/// A time in days since 1899-12-30, in UTC, as `2026-01-02T10:11:12Z`; `None` for "never", which
/// is 0, and for what no calendar has.
#[must_use]
pub fn moment_of_days(days: f64) -> Option<String> {
    const FROM_1899_TO_1970_DAYS: f64 = 25_569.0;
    const DAY_SECONDS: f64 = 86_400.0;
    // A year has some 366 days: nothing that Windows tells is after 9999.
    if !(1.0..3_000_000.0).contains(&days) {
        return None;
    }
    let seconds = ((days - FROM_1899_TO_1970_DAYS) * DAY_SECONDS).round();
    #[expect(clippy::cast_possible_truncation, reason = "it was bounded above")]
    let moment = jiff::Timestamp::from_second(seconds as i64).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_a_time_and_never_is_none() {
        assert_eq!(moment_of_days(46_000.5).as_deref(), Some("2025-12-09T12:00:00Z"));
        assert_eq!(moment_of_days(0.0), None);
        assert_eq!(moment_of_days(f64::NAN), None);
        assert_eq!(moment_of_days(1e300), None);
    }

    #[test]
    fn the_number_is_found_in_names_of_any_language() {
        assert_eq!(kb_in("2026-01 Kumulatives Update (KB5034441)").as_deref(), Some("KB5034441"));
        assert_eq!(kb_in("更新 kb890830 月").as_deref(), Some("KB890830"));
        assert_eq!(kb_in("512KB1234567"), None);
        assert_eq!(kb_in("KB"), None);
        assert_eq!(kb_in(""), None);
    }
}
