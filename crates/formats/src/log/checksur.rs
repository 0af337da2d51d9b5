//! CheckSUR.log and CheckSUR.persist.log: the System Update Readiness Tool of Windows 7.
//!
//! ```text
//! Checking System Update Readiness.
//! Binary Version 6.1.7601.22471
//! 2014-03-02 09:06
//!
//! (f)<TAB>CSI Payload File Missing<TAB>0x00000000<TAB>a.dll<TAB>component
//! Summary:
//! Seconds executed: 264
//!  Found 1 errors
//! ```
//!
//! A report has no last line: it ends with the file, or where the next begins.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::servicing::{Statement, readiness_row, statement};

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &[
    "(p)\t",
    "(p) ",
    "(f)\t",
    "(f) ",
    "(fix)\t",
    "(fix) ",
    "Found ",
    "Fixed ",
    "No errors detected",
    "Checking System Update Readiness",
];

/// Reads the line with the date; it has no text.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(line);
    let date = cursor.date(b"-")?;
    cursor.exactly(b" ")?;
    let (hour, _, minute) = (cursor.number(2, 2)?, cursor.exactly(b":")?, cursor.number(2, 2)?);
    if !cursor.rest().trim_ascii().is_empty() {
        return None;
    }
    let clock = (u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0);
    let time = time_of(date, clock, 0)?;
    Some(Header { time, level: Level::Info, component: b"", text_at: line.len() })
}

/// Whether only this log holds such a line at the start of it.
pub(super) fn is_mark(line: &[u8]) -> bool {
    line == b"Checking System Update Readiness."
}

/// Reads a row or a number of the report.
pub(super) fn statement_of(text: &str) -> Option<Statement<'_>> {
    if text.starts_with("(f)") || text.starts_with("(p)") {
        return statement(b"CBS", text);
    }
    // The tool says in a row of its own that it put right what an earlier row found.
    if let Some(row) = text.strip_prefix("(fix)") {
        return Some(match readiness_row(row.trim_start()) {
            Statement::ReadinessRow { problem, object, .. } => {
                Statement::ReadinessRow { problem, object, fixed: true }
            }
            other => other,
        });
    }
    let text = text.trim();
    let count = |rest: &str| rest.strip_suffix(" errors").and_then(|count| count.parse().ok());
    if text == "Checking System Update Readiness." {
        return Some(Statement::ReadinessEnded);
    }
    if text == "No errors detected" {
        return Some(Statement::ReadinessDetected(0));
    }
    if let Some(rest) = text.strip_prefix("Found ") {
        return count(rest).map(Statement::ReadinessDetected);
    }
    count(text.strip_prefix("Fixed ")?).map(Statement::ReadinessRepaired)
}
