//! WindowsUpdateExtension.log: what the patch extension of Azure says of its runs.
//!
//! ```text
//! 2024-05-14T09:12:18.1234567Z [Info] Patch install operation completed with success. [Dur…
//! ```
//!
//! Times are UTC. The log tells its runs, not the updates: those stand in the log of the update
//! agent. Its form is known from public excerpts only, so date and level are read leniently.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::update::{UpdateAction, UpdateEnd, UpdateStep};
use crate::code::{Code, codes_in};

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &["Patch install operation", "Patch assessment operation"];

/// Phrases that only this log has.
const OWN: [&[u8]; 5] = [
    b"Patch install operation ",
    b"Patch assessment operation ",
    b"Core patch process ",
    b"Handler configuration successfully deserialized",
    b"[Operation=Assessing]",
];

/// Reads the head of a record.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(line);
    cursor.any(b"[");
    let date = cursor.date(b"-/")?;
    cursor.any(b"T ")?;
    let clock = cursor.clock(b":")?;
    let ticks = match cursor.any(b".,:") {
        Some(_) => cursor.ticks()?,
        None => 0,
    };
    cursor.any(b"Z");
    cursor.any(b"]");
    cursor.blanks();
    cursor.exactly(b"[")?;
    let word = cursor.rest().iter().take(12).position(|&b| b == b']')?;
    let level = match &cursor.rest()[..word] {
        b"Error" | b"ERROR" | b"Critical" => Level::Error,
        b"Warning" | b"WARNING" | b"Warn" => Level::Warning,
        b"Info" | b"INFO" | b"Information" | b"Verbose" | b"Debug" => Level::Info,
        _ => return None,
    };
    let behind = cursor.at() + word + 1;
    let text_at = behind + line[behind..].iter().take_while(|&&b| b == b' ').count();
    Some(Header { time: time_of(date, clock, ticks)?, level, component: b"", text_at })
}

/// Whether the line is a record that only this log has.
pub(super) fn is_record(line: &[u8]) -> bool {
    head(line).is_some_and(|head| {
        let text = &line[head.text_at..];
        OWN.iter().any(|phrase| memchr::memmem::find(text, phrase).is_some())
    })
}

/// The times are UTC.
pub(super) fn zone(line: &[u8]) -> Option<i32> {
    head(line).map(|_| 0)
}

/// Reads what a record says of a run.
pub(super) fn step(text: &str) -> Option<UpdateStep<'_>> {
    let (action, rest) = match text.strip_prefix("Patch install operation ") {
        Some(rest) => (UpdateAction::Install, rest),
        None => (UpdateAction::Scan, text.strip_prefix("Patch assessment operation ")?),
    };
    let end = if rest.contains("successfully started") {
        UpdateEnd::Started
    } else if rest.starts_with("completed with success") {
        UpdateEnd::Succeeded
    } else if rest.contains("fail") || rest.starts_with("completed with error") {
        let mut codes = codes_in(rest.as_bytes()).map(|found| found.code);
        UpdateEnd::Failed(codes.find(|code| code.means_failure()).unwrap_or(Code(0)))
    } else {
        return None;
    };
    Some(UpdateStep::new(action, end).asked_by("WindowsPatchExtension"))
}
