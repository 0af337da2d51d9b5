//! setupapi.dev.log and setupapi.setup.log: how devices and drivers were installed.
//!
//! ```text
//! >>>  [Device Install (Hardware initiated) - USB\VID_0000&PID_0000\1]
//! >>>  Section start 2023/11/22 17:59:28.110
//!      dvi: {Build Driver List} 17:59:28.176
//! !!!  dvi: Device not started, CM_PROB_FAILED_INSTALL
//! <<<  Section end 2023/11/22 17:59:31.203
//! <<<  [Exit status: FAILURE(0x000005b4)]
//! ```
//!
//! Only the lines around a section have a date; those between belong to the time before them. The
//! last line of a section does not repeat its title: a step that ends one has no update, and is
//! that of the section that began last.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::update::{UpdateAction, UpdateEnd, UpdateStep, hex_code};
use crate::code::Code;

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &[">>>  [", "<<<  [Exit status: "];

/// What stands before a date.
const DATED: [&[u8]; 4] =
    [b">>>  Section start ", b"<<<  Section end ", b"[Boot Session: ", b"[Setup Session: "];

/// `ERROR_NO_MORE_ITEMS`: no device wants the driver, or it has a better one already (as the
/// return codes of PnPUtil are documented).
const NOTHING_TO_DO: Code = Code(259);

/// Reads the head of a line with a date; the text is the whole line.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    // Sections that were pasted somewhere are indented.
    let bare = line.trim_ascii_start();
    let mark = DATED.into_iter().find(|mark| bare.starts_with(mark))?;
    let mut cursor = Cursor::new(&bare[mark.len()..]);
    let date = cursor.date(b"/-.")?;
    cursor.exactly(b" ")?;
    let clock = cursor.clock(b":.")?;
    let ticks = match cursor.any(b".,") {
        Some(_) => cursor.ticks()?,
        None => 0,
    };
    let time = time_of(date, clock, ticks)?;
    Some(Header { time, level: Level::Info, component: b"", text_at: 0 })
}

/// Whether only these logs hold such a line.
pub(super) fn is_mark(line: &[u8]) -> bool {
    line == b"[Device Install Log]"
        || line.trim_ascii_start().starts_with(b"<<<  [Exit status: ")
        || head(line).is_some()
}

/// Reads the title of a section, or how it ended.
pub(super) fn step(text: &str) -> Option<UpdateStep<'_>> {
    let text = text.trim();
    if let Some(title) = text.strip_prefix(">>>  [") {
        let title = title.strip_suffix(']')?;
        let step = UpdateStep::new(UpdateAction::DriverInstall, UpdateEnd::Started);
        return Some(step.about(title, ""));
    }
    let status = text.strip_prefix("<<<  [Exit status: ")?;
    let end = match status.strip_prefix("FAILURE") {
        Some(code) => {
            let code = hex_code(code.strip_prefix('(')?)?;
            match UpdateEnd::of(code) {
                _ if code == NOTHING_TO_DO => UpdateEnd::Succeeded,
                UpdateEnd::Succeeded => UpdateEnd::Failed(code),
                end => end,
            }
        }
        None if !status.starts_with("SUCCESS") => return None,
        None if status.contains("REBOOT") => UpdateEnd::NeedsRestart,
        None => UpdateEnd::Succeeded,
    };
    Some(UpdateStep::new(UpdateAction::DriverInstall, end))
}
