//! poqexec.log: the operations on files and registry that were left for the restart.
//!
//! ```text
//! 1d9a3f0c8b2e4d1: 2f,c0000043: MoveFile (\??\C:\Windows\WinSxS\Temp\a, \??\C:\Windows\a.dll)
//! ```
//!
//! Time as a FILETIME in hexadecimal digits, number of the operation, NTSTATUS, operation. What
//! stands between is read leniently; the form is known from descriptions only.

use super::LocalTime;
use super::line::{Header, Level};
use super::update::{UpdateAction, UpdateEnd, UpdateStep};
use crate::code::Code;

/// See [`super::structure`]: a failed operation has an NTSTATUS of the error kind.
pub(super) const STRUCTURE: &[&str] = &["c0000", "C0000", "c0190", "C0190", "c0070", "C0070"];

/// Reads the head of a record; the text begins behind the colon.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let digits = line.iter().take(17).take_while(|b| b.is_ascii_hexdigit()).count();
    if !(15..=16).contains(&digits) || line.get(digits) != Some(&b':') {
        return None;
    }
    let filetime = u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
    let time = LocalTime::from_filetime(filetime)?;
    if !(2000..2100).contains(&time.year) {
        return None;
    }
    let behind = digits + 1;
    let text_at = behind + line[behind..].iter().take_while(|&&b| b == b' ').count();
    let text = std::str::from_utf8(&line[text_at..]).ok();
    let failed = text.and_then(status).is_some_and(|status| status.means_failure());
    let level = if failed { Level::Error } else { Level::Info };
    Some(Header { time, level, component: b"", text_at })
}

/// Reads an operation that failed.
pub(super) fn step(text: &str) -> Option<UpdateStep<'_>> {
    let code = status(text).filter(|status| is_error(*status))?;
    let operation = text.split_once(',')?.1.trim_start();
    let operation = operation.split_once([':', ' ']).map_or("", |(_, rest)| rest.trim());
    let step = UpdateStep::new(UpdateAction::Install, UpdateEnd::of(code));
    Some(UpdateStep { update: operation, client: "poqexec", ..step })
}

/// Whether an NTSTATUS of one of the kinds in [`STRUCTURE`] is meant.
fn is_error(status: Code) -> bool {
    matches!(status.0 >> 12, 0xC_0000 | 0xC_0190 | 0xC_0070)
}

/// The NTSTATUS behind the number of the operation.
fn status(text: &str) -> Option<Code> {
    let (number, rest) = text.split_once(',')?;
    let number = number.trim().trim_start_matches("0x");
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("0x").unwrap_or(rest);
    let length = rest.bytes().take(9).take_while(u8::is_ascii_hexdigit).count();
    let ends = matches!(rest.as_bytes().get(length), Some(b':' | b' ' | b',') | None);
    if length == 0 || length > 8 || !ends {
        return None;
    }
    u32::from_str_radix(&rest[..length], 16).ok().map(Code)
}
