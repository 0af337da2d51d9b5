//! `msinfo32`: the report on a whole PC, as XML (`/nfo`) or as text (`/report`).
//!
//! Categories, names and even the tags around values are in the language of the PC, so the report
//! is read to rows: category and cells. What stands in a row is told by its cells.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::numbered;
use crate::{Gap, GapReason, Parsed};

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The categories around it, outermost first, divided by ` / `.
    pub category: String,
    /// Its values, in the order of the columns.
    pub cells: Vec<String>,
}

/// More categories inside each other than msinfo32 has.
const MOST_CATEGORIES: usize = 16;
/// Longest name of a category that is kept, in characters: each row repeats it.
const CATEGORY_CHARACTERS: usize = 120;
/// More columns than any table of it has.
const MOST_CELLS: usize = 64;

/// Whether the text is such a report.
pub(super) fn is_report(head: &str) -> bool {
    if head.contains("<MsInfo") {
        return true;
    }
    // As text: sections in brackets, rows divided by tabs, and the version among them.
    let mut sections = head.lines().filter(|line| line.starts_with('[') && line.ends_with(']'));
    sections.next().is_some()
        && rows(head)
            .items
            .iter()
            .any(|row| row.cells.len() == 2 && version(&row.cells[1]).is_some())
}

/// Reads all rows of either form.
#[must_use]
pub fn rows(text: &str) -> Parsed<Row> {
    if text.contains("<MsInfo") { from_xml(text) } else { from_text(text) }
}

/// The version of Windows, such as `10.0.22631`: the first value of two cells that is one.
#[must_use]
pub fn windows_version(rows: &[Row]) -> Option<&str> {
    rows.iter().filter(|row| row.cells.len() == 2).find_map(|row| version(&row.cells[1]))
}

/// The version at the start of `10.0.22631 Build 22631`.
fn version(value: &str) -> Option<&str> {
    let word = value.split(' ').next()?;
    let mut parts = word.split('.');
    let known = matches!(
        (parts.next(), parts.next()),
        (Some("10"), Some("0")) | (Some("6"), Some("0" | "1" | "2" | "3"))
    );
    let build = parts.next()?;
    let digits = (4..=5).contains(&build.len()) && build.bytes().all(|b| b.is_ascii_digit());
    (known && digits && parts.next().is_none()).then_some(word)
}

fn from_xml(text: &str) -> Parsed<Row> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut categories: Vec<String> = Vec::new();
    let mut too_deep = 0_usize;
    let mut row: Option<Vec<String>> = None;
    let mut value = String::new();
    loop {
        let at = reader.buffer_position();
        let event = match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => event,
            Err(why) => {
                let why = GapReason::Unreadable(why.to_string());
                parsed.gaps.push(Gap { at: at..text.len() as u64, line: 0, what: "report", why });
                break;
            }
        };
        match event {
            Event::Start(tag) => match tag.local_name().as_ref() {
                b"Category" if categories.len() >= MOST_CATEGORIES => too_deep += 1,
                b"Category" => {
                    let mut attributes = tag.attributes();
                    let name = attributes.with_checks(false).filter_map(Result::ok).next();
                    let name = name.and_then(|name| name.unescape_value().ok());
                    categories.push(shortened(&name.unwrap_or_default()));
                }
                b"Data" => row = Some(Vec::new()),
                _ => value.clear(),
            },
            Event::Empty(_) => push_cell(&mut row, String::new()),
            Event::Text(piece) => value.push_str(&piece.decode().unwrap_or_default()),
            Event::CData(piece) => value.push_str(&String::from_utf8_lossy(&piece)),
            Event::GeneralRef(name) => value.push_str(reference(&name)),
            Event::End(tag) => match tag.local_name().as_ref() {
                b"Category" if too_deep > 0 => too_deep -= 1,
                b"Category" => drop(categories.pop()),
                b"Data" => {
                    if let Some(cells) = row.take().filter(|cells| !cells.is_empty()) {
                        parsed.items.push(Row { category: categories.join(" / "), cells });
                    }
                }
                _ => push_cell(&mut row, std::mem::take(&mut value)),
            },
            _ => {}
        }
    }
    parsed
}

fn shortened(name: &str) -> String {
    name.chars().take(CATEGORY_CHARACTERS).collect()
}

fn push_cell(row: &mut Option<Vec<String>>, value: String) {
    if let Some(cells) = row.as_mut().filter(|cells| cells.len() < MOST_CELLS) {
        cells.push(value.trim().to_owned());
    }
}

fn reference(name: &[u8]) -> &'static str {
    match name {
        b"lt" => "<",
        b"gt" => ">",
        b"amp" => "&",
        b"quot" => "\"",
        b"apos" => "'",
        _ => "",
    }
}

fn from_text(text: &str) -> Parsed<Row> {
    let mut items = Vec::new();
    let mut category = String::new();
    for (_, _, line) in numbered(text) {
        let section = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        if let Some(name) = section {
            category = shortened(name);
        } else if line.contains('\t') {
            let cells = line.split('\t').take(MOST_CELLS).map(|cell| cell.trim().to_owned());
            let mut cells: Vec<String> = cells.collect();
            // Every row ends with a tab.
            if cells.last().is_some_and(String::is_empty) {
                cells.pop();
            }
            items.push(Row { category: category.clone(), cells });
        }
    }
    Parsed { items, gaps: Vec::new() }
}
