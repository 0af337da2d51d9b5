//! Events as blocks of lines: `wevtutil /f:text` and `Format-List`.

use super::super::LocalTime;
use super::table::{DateOrder, order_of, time_in};
use super::xml::utc;
use super::{Event, EventLine, gap};
use crate::Parsed;

/// Longest message that is kept, in bytes.
const MESSAGE_BYTES: usize = 8 << 10;

/// Whether the line is `Event[12]:` (older) or `Event[12]` of wevtutil.
pub(super) fn begins_block(line: &[u8]) -> bool {
    let line = line.strip_suffix(b":").unwrap_or(line);
    let number = line.strip_prefix(b"Event[").and_then(|rest| rest.strip_suffix(b"]"));
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Name and value of a line `ProviderName : value` of `Format-List`.
pub(super) fn property(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = line.iter().take(40).take_while(|b| b.is_ascii_alphanumeric()).count();
    let rest = line[length..].trim_ascii_start();
    let value = rest.strip_prefix(b":")?;
    (length > 0).then(|| (&line[..length], value.trim_ascii()))
}

/// Reads the blocks of wevtutil, whose labels are translated but stand in one order: log, source,
/// date, number, task, level, opcode, keyword, user, name of the user, computer, description.
pub(super) fn read_blocks(text: &str) -> Parsed<EventLine> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut block: Vec<&str> = Vec::new();
    let (mut from, mut at, mut begun) = (0, 0, (0, 1));
    let mut finish = |block: &mut Vec<&str>, from: usize, to: usize, line: u64| {
        if from != to && !block.is_empty() {
            match wevtutil(block) {
                Some(event) => parsed.items.push(event),
                None => parsed.gaps.push(gap(from, to, line)),
            }
        }
        block.clear();
    };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if begins_block(line.trim_end().as_bytes()) {
            finish(&mut block, from, at, begun.1);
            (from, begun) = (at, (at, index as u64 + 1));
        } else if begun.0 != at || index > 0 {
            block.push(line.trim_end_matches(['\r', '\n']));
        }
        at += line.len();
    }
    finish(&mut block, from, at, begun.1);
    parsed
}

fn wevtutil(block: &[&str]) -> Option<EventLine> {
    let value = |index: usize| block.get(index)?.split_once(": ").map(|(_, value)| value.trim());
    let date = value(2)?;
    let mut message = String::new();
    for line in block.get(12..).unwrap_or_default() {
        if message.len() < MESSAGE_BYTES {
            message.push_str(line);
            message.push('\n');
        }
    }
    let event = Event {
        time: Some(utc(date)?),
        is_utc: date.ends_with('Z'),
        level: value(5).and_then(level),
        provider: value(1)?,
        number: value(3)?.parse().ok(),
        channel: value(0)?,
        data: Vec::new(),
        message: message.trim().to_owned(),
    };
    event.line()
}

/// The level by its English word; other languages have none.
fn level(word: &str) -> Option<u8> {
    Some(match word {
        "Critical" => 1,
        "Error" => 2,
        "Warning" => 3,
        "Information" => 4,
        _ => return None,
    })
}

/// Reads the list of PowerShell; the times are local, in the order of the PC's language.
pub(super) fn read_list(text: &str) -> Parsed<EventLine> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let dates = text.lines().filter_map(|line| property(line.as_bytes()));
    let dates = dates.filter(|(name, _)| *name == b"TimeCreated").map(|(_, value)| value);
    let order = order_of(dates.filter_map(|value| std::str::from_utf8(value).ok()));
    let (mut from, mut first, mut at) = (0, 1, 0);
    let mut block = Vec::new();
    let mut finish = |block: &mut Vec<&str>, from: usize, to: usize, line: u64| {
        if block.iter().any(|line| !line.trim().is_empty()) {
            match listed(block, order) {
                Some(event) => parsed.items.push(event),
                None => parsed.gaps.push(gap(from, to, line)),
            }
        }
        block.clear();
    };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end_matches(['\r', '\n']);
        if bare.is_empty() && begins_list(&text[at + line.len()..]) {
            finish(&mut block, from, at, first);
            (from, first) = (at + line.len(), index as u64 + 2);
        } else {
            block.push(bare);
        }
        at += line.len();
    }
    finish(&mut block, from, at, first);
    parsed
}

/// Whether a list of properties begins here: messages have empty lines of their own.
fn begins_list(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or("");
    line.trim().is_empty() || property(line.as_bytes()).is_some()
}

fn listed(block: &[&str], order: Option<DateOrder>) -> Option<EventLine> {
    let mut event = Event::default();
    let mut time: Option<LocalTime> = None;
    let mut in_message = false;
    for line in block {
        let found = property(line.as_bytes());
        let Some((name, _)) = found.filter(|_| !line.starts_with(' ')) else {
            if in_message && event.message.len() < MESSAGE_BYTES {
                event.message.push('\n');
                event.message.push_str(line.trim());
            }
            continue;
        };
        let value = line.split_once(':').map_or("", |(_, value)| value.trim());
        in_message = name == b"Message";
        match name {
            b"TimeCreated" => time = time_in(value, order?),
            b"ProviderName" => event.provider = value,
            b"Id" => event.number = value.parse().ok(),
            b"LogName" => event.channel = value,
            b"Level" => event.level = value.parse().ok(),
            b"Message" => value.clone_into(&mut event.message),
            _ => {}
        }
    }
    Event { time, ..event }.line()
}
