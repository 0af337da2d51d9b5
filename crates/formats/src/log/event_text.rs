//! Events that other programs wrote as text: brought to the canonical lines of [`super::events`].
//!
//! Read are XML (`wevtutil /f:xml`, Event Viewer's *Save as XML*), the text of `wevtutil /f:text`,
//! the lists of PowerShell (`Get-WinEvent | Format-List`), and the tables of Event Viewer's *Save
//! as CSV* or *Text*. Their labels, levels and sentences are in the language of the PC, so blocks
//! are read by the order of their lines, tables by their columns, and sentences only for codes,
//! KB numbers and what stands behind their last colon.

mod block;
mod table;
mod xml;

use super::LocalTime;
use super::events::{push_value, push_word};
use super::reporting_events::title_in;
use crate::code::codes_in;
use crate::{Gap, GapReason, Parsed};

/// An event as a canonical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// The line, without its end.
    pub text: String,
    /// Whether the time in it is truly UTC; else it is that of the PC's clock, whose zone the
    /// export does not tell.
    pub is_utc: bool,
}

/// Turns exported events to canonical lines; what is no event is a gap.
#[must_use]
pub fn event_lines(text: &str) -> Parsed<EventLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parsed = match form(text.as_bytes()) {
        Some(Form::Xml) => xml::read(text),
        Some(Form::Blocks) => block::read_blocks(text),
        Some(Form::List) => block::read_list(text),
        Some(Form::Table) => table::read(text),
        None => Parsed { items: Vec::new(), gaps: Vec::new() },
    };
    if parsed.items.is_empty() && parsed.gaps.is_empty() {
        parsed.gaps.push(gap(0, text.len(), 1));
    }
    oldest_first(&mut parsed.items);
    parsed
}

/// Event Viewer and PowerShell list the newest event first, and people sort by any column; what
/// came last counts, so the order must be that of time. A clock that was set back now and then does
/// not change the order of a log.
fn oldest_first(events: &mut [EventLine]) {
    fn time(event: &EventLine) -> &str {
        event.text.split(' ').next().unwrap_or("")
    }
    let steps_back = |events: &[EventLine]| {
        events.windows(2).filter(|pair| time(&pair[1]) < time(&pair[0])).count()
    };
    let steps_on = events.windows(2).filter(|pair| time(&pair[1]) > time(&pair[0])).count();
    if steps_back(events) > steps_on {
        events.reverse();
    }
    if steps_back(events) * 10 > events.len() {
        events.sort_by(|a, b| time(a).cmp(time(b)));
    }
}

/// Whether a file that begins so holds exported events.
pub(super) fn is_export(head: &[u8]) -> bool {
    form(head).is_some()
}

enum Form {
    Xml,
    Blocks,
    List,
    Table,
}

/// How many lines are looked at for the form.
const LINES_LOOKED_AT: usize = 60;

fn form(head: &[u8]) -> Option<Form> {
    let holds = |needle: &[u8]| memchr::memmem::find(head, needle).is_some();
    if holds(b"http://schemas.microsoft.com/win/2004/08/events/event") {
        return Some(Form::Xml);
    }
    let lines = || head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end).take(LINES_LOOKED_AT);
    if lines().any(block::begins_block) {
        return Some(Form::Blocks);
    }
    // The names of properties are not translated.
    let named =
        |name: &[u8]| lines().any(|line| block::property(line).is_some_and(|it| it.0 == name));
    if named(b"ProviderName") && named(b"Id") && named(b"TimeCreated") {
        return Some(Form::List);
    }
    lines().any(table::is_row).then_some(Form::Table)
}

/// What an export tells of one event.
#[derive(Debug, Default)]
struct Event<'a> {
    time: Option<LocalTime>,
    is_utc: bool,
    level: Option<u8>,
    provider: &'a str,
    number: Option<u32>,
    channel: &'a str,
    /// Names and values, where the export has them.
    data: Vec<(String, String)>,
    /// The sentence, in the language of the PC.
    message: String,
}

impl Event<'_> {
    /// The canonical line; `None` when the event has no time, provider or number of 16 bits.
    fn line(&self) -> Option<EventLine> {
        use std::fmt::Write;
        let (time, number) = (self.time?, u16::try_from(self.number?).ok()?);
        if self.provider.is_empty() {
            return None;
        }
        let whole = LocalTime { ticks: 0, ..time };
        // Level 0 is "always" and stands for what has no level.
        let level = match self.level {
            Some(1 | 2) => "Error",
            Some(3) => "Warning",
            _ => "Info",
        };
        let mut text = format!("{whole}.{:07}Z {level} ", time.ticks);
        push_word(&mut text, self.provider);
        write!(text, " {number} ").expect("a string takes everything");
        push_word(&mut text, self.channel);
        for (name, value) in &self.data {
            push_value(&mut text, name, value);
        }
        if self.data.is_empty() {
            self.push_told(&mut text);
        }
        Some(EventLine { text, is_utc: self.is_utc })
    }

    /// Data that the sentence tells, under the names they have in the event.
    fn push_told(&self, text: &mut String) {
        let code =
            codes_in(self.message.as_bytes()).map(|found| found.code).find(|code| code.0 != 0);
        let first_line = self.message.lines().next().unwrap_or("");
        if self.provider.ends_with("WindowsUpdateClient") {
            if let Some(code) = code {
                push_value(text, "errorCode", &code.to_string());
            }
            let title = title_in(first_line);
            if !title.is_empty() {
                push_value(text, "updateTitle", title);
            }
        } else if self.provider.ends_with("-Servicing") {
            if let Some(code) = code {
                push_value(text, "ErrorCode", &code.to_string());
            }
            let package = self.message.split([' ', '\u{a0}']).find(|word| is_package(word));
            if let Some(package) = package {
                push_value(text, "PackageIdentifier", package);
            }
        }
        if !self.message.is_empty() {
            push_value(text, "message", &self.message);
        }
    }
}

/// `KB5034441`, `Package_for_RollupFix…`.
fn is_package(word: &str) -> bool {
    let is_kb = word.strip_prefix("KB").is_some_and(|number| {
        number.len() >= 6 && number.bytes().take(6).all(|b| b.is_ascii_digit())
    });
    is_kb || word.starts_with("Package_")
}

fn gap(from: usize, to: usize, line: u64) -> Gap {
    Gap { at: from as u64..to as u64, line, what: "event", why: GapReason::Foreign }
}
