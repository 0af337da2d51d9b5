//! Events as a table: Event Viewer's *Save as CSV* and *Save as Text*.
//!
//! Columns: level, date and time, source, number, task, and the message in a column of its own.

use super::super::LocalTime;
use super::super::cursor::time_of;
use super::{Event, EventLine, gap};
use crate::Parsed;

/// Longest row that is read, in bytes.
const ROW_BYTES: usize = 64 << 10;

/// Whether the line is a row of such a table: its second column is a date, its third a provider
/// of Windows, its fourth a number.
pub(super) fn is_row(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    [',', '\t'].into_iter().any(|separator| {
        let mut cells = line.split(separator).skip(1).map(|cell| cell.trim_matches('"'));
        let (date, source, number) = (cells.next(), cells.next(), cells.next());
        date.is_some_and(|date| numbers_in(date).is_some())
            && source.is_some_and(|source| source.starts_with("Microsoft-Windows-"))
            && number.is_some_and(|number| number.parse::<u16>().is_ok())
    })
}

pub(super) fn read(text: &str) -> Parsed<EventLine> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let separator =
        if text.lines().take(60).any(|line| line.matches('\t').count() >= 4) { '\t' } else { ',' };
    let rows = rows(text, separator);
    let order = order_of(rows.iter().filter_map(|row| row.cells.get(1).map(String::as_str)));
    for row in &rows {
        match order.and_then(|order| event(&row.cells, order)) {
            Some(event) => parsed.items.push(event),
            // The first row holds the names of the columns.
            None if row.line == 1 => {}
            None => parsed.gaps.push(gap(row.from, row.to, row.line)),
        }
    }
    parsed
}

fn event(cells: &[String], order: DateOrder) -> Option<EventLine> {
    let [level, date, source, number, ..] = cells else { return None };
    let event = Event {
        time: time_in(date, order),
        level: match level.as_str() {
            "Critical" | "Error" => Some(2),
            "Warning" => Some(3),
            _ => None,
        },
        provider: source,
        number: number.parse().ok(),
        message: cells.get(5).cloned().unwrap_or_default(),
        ..Event::default()
    };
    event.line()
}

struct Row {
    cells: Vec<String>,
    from: usize,
    to: usize,
    line: u64,
}

/// Divides the table; a cell in double quotes may hold line ends and separators.
fn rows(text: &str, separator: char) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut quoted, mut from, mut line, mut first) = (false, 0, 1, 1);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        line += u64::from(letter == '\n');
        let too_long = at - from > ROW_BYTES;
        match letter {
            '"' if quoted && letters.peek().is_some_and(|next| next.1 == '"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            '\n' if !quoted || too_long => {
                cells.push(std::mem::take(&mut cell).trim().to_owned());
                rows.push(Row { cells: std::mem::take(&mut cells), from, to: at, line: first });
                (from, first, quoted) = (at + 1, line, false);
            }
            other if other == separator && !quoted => {
                cells.push(std::mem::take(&mut cell).trim().to_owned());
            }
            other if !too_long => cell.push(other),
            _ => {}
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell.trim().to_owned());
        rows.push(Row { cells, from, to: text.len(), line: first });
    }
    rows
}

/// What a language writes first in a date; month and day stand beside each other, the year at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateOrder {
    Year,
    Day,
    Month,
}

/// The order that all dates of a file allow; where several do, a clock of twelve hours speaks for
/// the month first, any other for the day.
pub(super) fn order_of<'d>(dates: impl Iterator<Item = &'d str>) -> Option<DateOrder> {
    let (mut day_fits, mut month_fits, mut twelve, mut seen) = (true, true, false, false);
    for date in dates {
        let Some(numbers) = numbers_in(date) else { continue };
        if numbers[0] > 31 {
            return Some(DateOrder::Year);
        }
        seen = true;
        day_fits &= numbers[1] <= 12;
        month_fits &= numbers[0] <= 12;
        twelve |= date.ends_with('M');
    }
    match (seen, day_fits, month_fits) {
        (true, true, true) => Some(if twelve { DateOrder::Month } else { DateOrder::Day }),
        (true, true, false) => Some(DateOrder::Day),
        (true, false, true) => Some(DateOrder::Month),
        _ => None,
    }
}

/// Reads `7/23/2017 10:11:12 AM`, `23.07.2017 10:11:12`, `2017-07-23 10:11:12`.
pub(super) fn time_in(text: &str, order: DateOrder) -> Option<LocalTime> {
    let numbers = numbers_in(text)?;
    let (year, month, day) = match order {
        DateOrder::Year => (numbers[0], numbers[1], numbers[2]),
        DateOrder::Day => (numbers[2], numbers[1], numbers[0]),
        DateOrder::Month => (numbers[2], numbers[0], numbers[1]),
    };
    let hour = match (text.ends_with("PM"), text.ends_with("AM"), numbers[3]) {
        (true, _, hour) if hour < 12 => hour + 12,
        (_, true, 12) => 0,
        (_, _, hour) => hour,
    };
    let small = |number: u32| u8::try_from(number).ok();
    time_of(
        (u16::try_from(year).ok()?, small(month)?, small(day)?),
        (small(hour)?, small(numbers[4])?, small(numbers[5])?),
        0,
    )
}

/// The six numbers of a date and time; one of the first three has four digits.
fn numbers_in(text: &str) -> Option<[u32; 6]> {
    let mut numbers = [0; 6];
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut year = false;
    for (index, slot) in numbers.iter_mut().enumerate() {
        let part = parts.next()?;
        year |= index < 3 && part.len() == 4;
        if part.len() > 4 {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    (year && parts.next().is_none() && text.len() <= 40).then_some(numbers)
}
