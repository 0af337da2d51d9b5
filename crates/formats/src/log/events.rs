//! Events of event logs, one canonical line each.
//!
//! ```text
//! 2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-WindowsUpdateClient 20 System
//!  errorCode=0x80248007 updateTitle="2017-07 Cumulative Update (KB4025342)" updateGuid={GUID}
//! ```
//!
//! On one line: time in UTC, level, provider, number, channel, then `name=value` pairs. A value
//! with blanks, quotes or an equals sign, or an empty one, stands in double quotes, and double
//! quotes in it are doubled. Blanks in the names of provider and channel are underscores. The text
//! of the record begins at the number of the event.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::update::{UpdateAction, UpdateEnd, UpdateStep, bare_guid, hex_code};
use crate::code::Code;

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &[
    "Microsoft-Windows-WindowsUpdateClient ",
    "Microsoft-Windows-Servicing ",
    "Microsoft-Windows-WUSA ",
];

/// Reads the head of an event; the component is its provider.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    if line.len() < 30 || line[10] != b'T' {
        return None;
    }
    let mut cursor = Cursor::new(line);
    let date = cursor.date(b"-")?;
    cursor.exactly(b"T")?;
    let clock = cursor.clock(b":")?;
    cursor.exactly(b".")?;
    let ticks = cursor.ticks()?;
    cursor.exactly(b"Z ")?;
    let level = match cursor.word()? {
        b"Info" => Level::Info,
        b"Warning" => Level::Warning,
        b"Error" => Level::Error,
        _ => return None,
    };
    cursor.exactly(b" ")?;
    let component = cursor.word()?;
    cursor.exactly(b" ")?;
    let text_at = cursor.at();
    cursor.number(1, 5)?;
    cursor.exactly(b" ")?;
    Some(Header { time: time_of(date, clock, ticks)?, level, component, text_at })
}

/// The value of the datum `name`, whatever the case of its letters; double quotes in it stay
/// doubled.
#[must_use]
pub fn event_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    event_values(text).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The `name=value` pairs of an event's text, in their order; see [`event_value`].
pub fn event_values(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(' ');
            let word = rest.find([' ', '='])?;
            if rest.as_bytes()[word] == b' ' {
                // Number and channel are words without a value.
                rest = &rest[word..];
                continue;
            }
            let name = &rest[..word];
            let value = &rest[word + 1..];
            let length = value_length(value);
            rest = &value[length..];
            let value = &value[..length];
            let bare =
                value.strip_prefix('"').map(|value| value.strip_suffix('"').unwrap_or(value));
            return Some((name, bare.unwrap_or(value)));
        }
    })
}

/// Writes a datum behind an event's line, as this form has it.
pub fn push_value(line: &mut String, name: &str, value: &str) {
    line.push(' ');
    push_word(line, name);
    line.push('=');
    let plain = |c: char| !c.is_control() && !matches!(c, ' ' | '"' | '=');
    if !value.is_empty() && value.chars().all(plain) {
        line.push_str(value);
        return;
    }
    line.push('"');
    let mut was_blank = false;
    for letter in value.chars() {
        let is_blank = letter.is_control();
        match letter {
            // A line end of two characters becomes one blank.
            _ if is_blank && was_blank => {}
            _ if is_blank => line.push(' '),
            '"' => line.push_str("\"\""),
            _ => line.push(letter),
        }
        was_blank = is_blank;
    }
    line.push('"');
}

/// Writes a name so that it stays one word of the line; nothing at all becomes `-`.
pub(super) fn push_word(line: &mut String, word: &str) {
    if word.is_empty() {
        line.push('-');
    }
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=');
    line.extend(word.chars().map(|c| if is_plain(c) { c } else { '_' }));
}

/// How long the value at the start of `text` is, with its quotes.
fn value_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return text.find(' ').unwrap_or(text.len());
    }
    let mut at = 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Reads what an event of `provider` says of an update.
pub(super) fn step<'a>(provider: &[u8], text: &'a str) -> Option<UpdateStep<'a>> {
    let number = text.split(' ').next()?.parse().ok()?;
    match provider {
        b"Microsoft-Windows-WindowsUpdateClient" => agent(number, text),
        b"Microsoft-Windows-Servicing" => servicing(number, text),
        b"Microsoft-Windows-WUSA" => stand_alone(number, text),
        _ => None,
    }
}

/// Events of the update agent, in the System log and in its own.
fn agent(number: u32, text: &str) -> Option<UpdateStep<'_>> {
    use UpdateAction::{Download, Install, Scan, Uninstall};
    use UpdateEnd::{NeedsRestart, Started, Succeeded};
    let failed = || failure(text);
    let (action, end) = match number {
        19 | 216 => (Install, Succeeded),
        20 | 217 => (Install, failed()),
        43 | 218 => (Install, Started),
        21 | 22 => (Install, NeedsRestart),
        23 | 212 => (Uninstall, Succeeded),
        24 | 213 => (Uninstall, failed()),
        214 | 215 => (Uninstall, Started),
        25 => (Scan, failed()),
        26 => (Scan, Succeeded),
        31 => (Download, failed()),
        41 => (Download, Succeeded),
        44 => (Download, Started),
        _ => return None,
    };
    let title =
        event_value(text, "updateTitle").or_else(|| event_value(text, "updatelist")).unwrap_or("");
    let step = UpdateStep::new(action, end);
    Some(match action {
        Scan => {
            UpdateStep { id: bare_guid(event_value(text, "serviceGuid").unwrap_or("")), ..step }
        }
        _ => step.about(title.trim(), event_value(text, "updateGuid").unwrap_or("")),
    })
}

/// Events of component servicing, in the Setup log. The numbers from 7 on, for features, have
/// changed their meaning between versions: there only the code is believed.
fn servicing(number: u32, text: &str) -> Option<UpdateStep<'_>> {
    let value = |name| event_value(text, name);
    let package = value("PackageIdentifier").or_else(|| value("identifier")).unwrap_or("");
    let client = value("Client").unwrap_or("");
    let given = value("ErrorCode").and_then(code).unwrap_or(Code(0));
    if (7..=15).contains(&number) {
        let end = UpdateEnd::of(given);
        let name = value("UpdateName").filter(|name| !name.is_empty()).unwrap_or(package);
        let step = UpdateStep::new(UpdateAction::Install, end);
        return matches!(end, UpdateEnd::Failed(_) | UpdateEnd::Cancelled(_))
            .then(|| UpdateStep { update: name, ..step }.asked_by(client));
    }
    let target = value("IntendedPackageStateTextized")
        .or_else(|| value("targetPackageStateTextized"))
        .or_else(|| value("IntendedPackageState"))
        .unwrap_or("");
    let action = match target {
        "Absent" | "Uninstall Requested" | "Uninstalled" => UpdateAction::Uninstall,
        // What only stands ready is neither installed nor removed.
        "Staged" | "Resolved" if number <= 2 => return None,
        _ => UpdateAction::Install,
    };
    let end = match number {
        1 => UpdateEnd::Started,
        2 => UpdateEnd::of(given),
        3 | 6 => failure(text),
        4 => UpdateEnd::NeedsRestart,
        5 => UpdateEnd::Cancelled(given),
        _ => return None,
    };
    Some(UpdateStep { update: package, ..UpdateStep::new(action, end) }.asked_by(client))
}

/// Events of wusa.exe, which prints codes as decimal numbers.
fn stand_alone(number: u32, text: &str) -> Option<UpdateStep<'_>> {
    let end = match number {
        2 => UpdateEnd::Succeeded,
        3 => failure(text),
        4 => UpdateEnd::NeedsRestart,
        _ => return None,
    };
    let title = event_value(text, "UpdateTitle").or_else(|| event_value(text, "param1"));
    let step = UpdateStep::new(UpdateAction::Install, end);
    Some(UpdateStep { update: title.unwrap_or(""), ..step }.asked_by("wusa"))
}

/// The end of an event that stands for a failure.
fn failure(text: &str) -> UpdateEnd {
    let given = event_value(text, "errorCode").or_else(|| event_value(text, "param2"));
    let code = given.and_then(code).unwrap_or(Code(0));
    match UpdateEnd::of(code) {
        UpdateEnd::Succeeded | UpdateEnd::Started => UpdateEnd::Failed(code),
        end => end,
    }
}

/// A code as events print it: `0x80248007`, `2149842967` or `-2145124329`.
fn code(value: &str) -> Option<Code> {
    if value.starts_with("0x") || value.starts_with("0X") {
        return hex_code(value);
    }
    let number: i64 = value.parse().ok()?;
    let bits = u32::try_from(number).ok();
    bits.or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned)).map(Code)
}
