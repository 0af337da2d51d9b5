//! What programs of Windows print as tables, lists or XML, read to typed items.
//!
//! Headings and most words are in the language of the PC; items are read by the structure of rows,
//! by numbers, by codes and by words that are constants.

pub mod compatibility;
pub mod driverquery;
pub mod fltmc;
pub mod hotfix;
pub mod msinfo;
pub mod pending;
pub mod services;
pub mod task;

pub use task::{TaskAction, TaskDefinition, TaskTrigger};

use crate::{Gap, GapReason};

/// What a file was recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExportKind {
    /// `fltmc` and `fltmc filters`.
    Filters,
    /// `fltmc instances`.
    FilterInstances,
    /// `fltmc volumes`.
    FilterVolumes,
    /// `sc query`, `sc queryex`, `sc qc`.
    Services,
    /// `driverquery`, also `/v`, `/si` and `/fo csv`.
    Drivers,
    /// `msinfo32 /nfo` and `/report`.
    SystemInformation,
    /// `Get-HotFix`, `wmic qfe`.
    Hotfixes,
    /// `CompatData_….xml` of Windows Setup.
    Compatibility,
    /// `WinSxS\pending.xml`: operations left for the restart.
    PendingOperations,
}

impl ExportKind {
    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ExportKind::Filters => "fltmc_filters",
            ExportKind::FilterInstances => "fltmc_instances",
            ExportKind::FilterVolumes => "fltmc_volumes",
            ExportKind::Services => "sc",
            ExportKind::Drivers => "driverquery",
            ExportKind::SystemInformation => "msinfo",
            ExportKind::Hotfixes => "hotfixes",
            ExportKind::Compatibility => "compatibility_report",
            ExportKind::PendingOperations => "pending_operations",
        }
    }
}

/// How many bytes of a file are looked at.
const HEAD_BYTES: usize = 64 << 10;

/// Recognises an export by its first decoded bytes; `None` is "none of these".
#[must_use]
pub fn recognise(head: &[u8]) -> Option<ExportKind> {
    let head = String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES)]);
    let head = head.strip_prefix('\u{feff}').unwrap_or(&head);
    if pending::is_pending(head) {
        return Some(ExportKind::PendingOperations);
    }
    if compatibility::is_report(head) {
        return Some(ExportKind::Compatibility);
    }
    if msinfo::is_report(head) {
        return Some(ExportKind::SystemInformation);
    }
    if hotfix::is_list(head) {
        return Some(ExportKind::Hotfixes);
    }
    if let Some(kind) = fltmc::kind_of(head) {
        return Some(kind);
    }
    if services::is_list(head) {
        return Some(ExportKind::Services);
    }
    driverquery::is_list(head).then_some(ExportKind::Drivers)
}

/// A line that is not in the form of its table.
fn foreign_line(at: usize, line: &str, number: u64, what: &'static str) -> Gap {
    Gap { at: at as u64..(at + line.len()) as u64, line: number, what, why: GapReason::Foreign }
}

/// The lines of a text with their offsets and their numbers, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, u64, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').enumerate().map(move |(index, line)| {
        let from = at;
        at += line.len();
        (from, index as u64 + 1, line.trim_end_matches(['\r', '\n']))
    })
}

/// Whether a line rules off the headings of a table: groups of one sign, divided by blanks.
fn is_ruler(line: &str, sign: char) -> bool {
    let mut groups = 0;
    for group in line.split_whitespace() {
        if group.len() < 3 || !group.chars().all(|c| c == sign) {
            return false;
        }
        groups += 1;
    }
    groups >= 3
}

/// Divides a row of comma-separated values, with double quotes around cells that need them.
fn cells(row: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut letters = row.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            other => cell.push(other),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// The part of a line between two columns, counted in characters.
fn column(line: &str, from: usize, to: usize) -> &str {
    let offset =
        |column: usize| line.char_indices().nth(column).map_or(line.len(), |(offset, _)| offset);
    line[offset(from)..offset(to.max(from))].trim()
}
