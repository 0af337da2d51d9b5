//! Events of the Windows event logs that tell something about updating.
//!
//! Table: `knowledge/events.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Serialize;

use super::table::{Confidence, Table, given, list, rows, table};

/// One event of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Name of the provider as event logs print it.
    pub provider: &'static str,
    /// Its GUID, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_guid: Option<&'static str>,
    /// The log in which it stands; several are divided by semicolons.
    pub channel: &'static str,
    /// Number of the event.
    pub id: u32,
    /// Level as its manifest gives it; some give none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<&'static str>,
    /// What happened.
    pub meaning: &'static str,
    /// Its data: names with their places where a manifest gives them, else what it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_fields: Option<&'static str>,
    /// What it tells about updating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_it_shows: Option<&'static str>,
    /// How sure that is.
    pub confidence: Confidence,
    /// Where that is known from.
    pub source: &'static str,
}

/// What an event means. Constant time.
///
/// The provider may be spelled with `_` for blanks, in any case, and without `Microsoft-Windows-`.
#[must_use]
pub fn get(provider: &str, id: u32) -> Option<&'static Event> {
    tables().by_provider.get(&provider_key(provider))?.get(&id).copied()
}

/// Events of all providers with this number, in the order of the table.
#[must_use]
pub fn with_id(id: u32) -> &'static [&'static Event] {
    tables().by_id.get(&id).map_or(&[], Vec::as_slice)
}

/// Whether anything is known about the events of a provider.
#[must_use]
pub fn knows_provider(provider: &str) -> bool {
    tables().by_provider.contains_key(&provider_key(provider))
}

/// All events of a provider, by their number.
#[must_use]
pub fn of_provider(provider: &str) -> Vec<&'static Event> {
    let events = tables().by_provider.get(&provider_key(provider));
    let mut events: Vec<_> = events.into_iter().flat_map(HashMap::values).copied().collect();
    events.sort_by_key(|event| event.id);
    events
}

/// All events, in the order of the table.
#[must_use]
pub fn all() -> &'static [Event] {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    EVENTS.get_or_init(|| rows(TABLE).flat_map(events_in).collect())
}

/// How a provider is looked up: without what varies between logs.
fn provider_key(provider: &str) -> String {
    let key = provider.trim().to_lowercase().replace('_', " ");
    key.strip_prefix("microsoft-windows-").map(str::to_owned).unwrap_or(key)
}

struct Tables {
    by_provider: HashMap<String, HashMap<u32, &'static Event>>,
    by_id: HashMap<u32, Vec<&'static Event>>,
}

pub(super) const TABLE: Table = table!("events");

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = Tables { by_provider: HashMap::new(), by_id: HashMap::new() };
        for event in all() {
            let events = tables.by_provider.entry(provider_key(event.provider)).or_default();
            events.entry(event.id).or_insert(event);
            let same_id = tables.by_id.entry(event.id).or_default();
            // A provider with two names is one.
            let named_twice = same_id.last().is_some_and(|it| it.meaning == event.meaning);
            if !named_twice {
                same_id.push(event);
            }
        }
        tables
    })
}

/// One event for each number and each name of the provider.
fn events_in(row: [&'static str; 10]) -> Vec<Event> {
    let [providers, guid, channel, ids, level, meaning, data, shows, confidence, source] = row;
    let mut events = Vec::new();
    for provider in list(providers) {
        for id in ids.split(',').flat_map(range) {
            events.push(Event {
                provider,
                provider_guid: given(guid),
                channel,
                id,
                level: given(level),
                meaning,
                data_fields: given(data),
                what_it_shows: given(shows),
                confidence: Confidence::of(confidence),
                source,
            });
        }
    }
    events
}

/// `20` is one number, `1001-1005` are five.
fn range(ids: &str) -> std::ops::RangeInclusive<u32> {
    let number = |text: &str| text.parse().expect("a test reads every number");
    match ids.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(ids)..=number(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_however_its_provider_is_spelled() {
        for provider in
            ["Microsoft-Windows-WindowsUpdateClient", "WindowsUpdateClient", "windowsupdateclient"]
        {
            assert!(get(provider, 20).unwrap().meaning.contains("failed to install"), "{provider}");
        }
        assert!(get("Service_Control_Manager", 7000).is_some());
        assert!(get("storahci", 129).is_some() && get("stornvme", 129).is_some());
        assert_eq!(get("WindowsUpdateClient", 65_000), None);
        assert_eq!(get("", 20), None);
    }

    #[test]
    fn a_line_may_stand_for_several_numbers() {
        for id in [1001, 1003, 1005] {
            assert_eq!(get("MsiInstaller", id).unwrap().id, id);
        }
        assert!(get("ESENT", 508).is_some() && get("ESENT", 533).is_some());
    }

    #[test]
    fn one_number_means_different_things() {
        assert!(with_id(8193).len() >= 2);
        assert_eq!(with_id(129).len(), 1, "three names of one driver are one line");
        assert!(with_id(65_000).is_empty());
    }
}
