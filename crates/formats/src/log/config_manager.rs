//! Logs of the Configuration Manager client, in the form that CMTrace shows.
//!
//! ```text
//! <![LOG[text, maybe of several lines]LOG]!><time="08:52:44.338+240" date="07-14-2021"
//!  component="WUAHandler" context="" type="1" thread="10472" file="cwuahandler.cpp:3276">
//! ```
//!
//! The number behind the time is the bias of Windows: minutes to add to come to UTC (+240 is
//! US Eastern summer time), the reverse of an offset. A text of several lines has its time on the
//! last one.

use memchr::memmem;

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::update::{NamedUpdate, UpdateAction, UpdateEnd, UpdateStep, bare_guid, hex_code};

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &[
    "Complete - Failed",
    "Scan failed with error",
    "Failed to Add Update Source for WUAgent",
    "searching of updates using WUAgent started",
    "Successfully completed scan.",
    "installation of updates started",
    "Failed to get final installation result",
    " installation result = ",
    "Update (Missing): ",
    "Update (Installed): ",
    "Queried Update (",
    " finished installing (",
    "scan completion received, result = ",
    "Installation job encountered some failures",
    "Failed to download updates to the WUAgent datastore",
    "Progress: Status = ciState",
];

const START: &[u8] = b"<![LOG[";
const END: &[u8] = b"]LOG]!>";

/// Reads the head in the line that ends a record; the text begins behind `<![LOG[`, or at the
/// start of the line when the record began on an earlier one.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let (time, _, attributes) = stamp(line)?;
    let component = attribute(attributes, b"component=\"").unwrap_or(b"");
    let level = match attribute(attributes, b"type=\"") {
        Some(b"3") => Level::Error,
        Some(b"2") => Level::Warning,
        _ => Level::Info,
    };
    let text_at = if line.starts_with(START) { START.len() } else { 0 };
    Some(Header { time, level, component, text_at })
}

/// Minutes by which the times are ahead of UTC.
pub(super) fn zone(line: &[u8]) -> Option<i32> {
    stamp(line)?.1
}

/// Whether the line is of this form.
pub(super) fn is_record(line: &[u8]) -> bool {
    stamp(line).is_some()
}

fn stamp(line: &[u8]) -> Option<(super::LocalTime, Option<i32>, &[u8])> {
    let at = memmem::rfind(line, END)?;
    let attributes = &line[at + END.len()..];
    let mut cursor = Cursor::new(attribute(attributes, b"time=\"")?);
    let clock = cursor.clock(b":")?;
    let ticks = match cursor.any(b".") {
        Some(_) => cursor.ticks()?,
        None => 0,
    };
    let offset = match cursor.any(b"+-") {
        Some(sign) => {
            let bias = i32::try_from(cursor.number(1, 3)?).ok().filter(|&bias| bias <= 14 * 60)?;
            Some(if sign == b'-' { bias } else { -bias })
        }
        None => None,
    };
    let mut cursor = Cursor::new(attribute(attributes, b"date=\"")?);
    let (month, _, day) = (cursor.number(1, 2)?, cursor.exactly(b"-")?, cursor.number(1, 2)?);
    cursor.exactly(b"-")?;
    let year = cursor.number(4, 4)?;
    let small = |number: u32| u8::try_from(number).ok();
    let time = time_of((u16::try_from(year).ok()?, small(month)?, small(day)?), clock, ticks)?;
    Some((time, offset, attributes))
}

fn attribute<'a>(attributes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(attributes, name)? + name.len();
    let length = attributes[at..].iter().position(|&b| b == b'"')?;
    Some(&attributes[at..at + length])
}

/// Reads what a record says of an update; `text` may still have its end mark.
pub(super) fn step<'a>(component: &[u8], text: &'a str) -> Option<UpdateStep<'a>> {
    let text = text.strip_prefix("<![LOG[").unwrap_or(text);
    let text = text.split("]LOG]!>").next().unwrap_or(text).trim();
    match component {
        b"WUAHandler" => handler(text),
        b"UpdatesHandler" => updates_handler(text),
        b"UpdatesDeploymentAgent" | b"UpdatesDeployment" => deployment(text),
        _ => None,
    }
}

/// What the part that calls the update agent says.
fn handler(text: &str) -> Option<UpdateStep<'_>> {
    use UpdateAction::{Download, Install, Scan};
    let failed = |action, phrase: &str| {
        let (_, code) = text.split_once(phrase)?;
        Some(UpdateStep::new(action, failure(code)?))
    };
    if let Some(rest) = text.strip_prefix("On") {
        let action = match rest.split("Complete - Failed").next()? {
            "Search" => Scan,
            "Install" | "Installation" => Install,
            "Download" => Download,
            _ => return None,
        };
        return failed(action, "rror = ");
    }
    if text.starts_with("Installation job encountered some failures")
        || text.starts_with("Failed to get final installation result")
    {
        return failed(Install, " = ");
    }
    if text.starts_with("Scan failed with error") {
        return failed(Scan, "= ");
    }
    // Without a source nothing is searched.
    if text.starts_with("Failed to Add Update Source for WUAgent") {
        return failed(Scan, "rror = ");
    }
    if text.starts_with("Failed to download updates to the WUAgent datastore") {
        return failed(Download, "rror = ");
    }
    if let Some((update, rest)) = text.split_once(" finished installing (") {
        let code = hex_code(rest)?;
        let end = match UpdateEnd::of(code) {
            UpdateEnd::Succeeded if rest.contains("Reboot Required? Yes") => {
                UpdateEnd::NeedsRestart
            }
            end => end,
        };
        let id = update.rsplit_once('(').map_or("", |(_, id)| id);
        return Some(UpdateStep::new(Install, end).about("", id));
    }
    let (action, end) = match text {
        "Async searching of updates using WUAgent started." => (Scan, UpdateEnd::Started),
        "Successfully completed scan." => (Scan, UpdateEnd::Succeeded),
        // That it is completed is also said when all updates failed.
        "Async installation of updates started." => (Install, UpdateEnd::Started),
        _ => return None,
    };
    Some(UpdateStep::new(action, end))
}

fn updates_handler(text: &str) -> Option<UpdateStep<'_>> {
    if let Some((_, code)) = text.split_once("scan completion received, result = ") {
        return Some(UpdateStep::new(UpdateAction::Scan, UpdateEnd::of(hex_code(code)?)));
    }
    if let Some((update, code)) = text.split_once(" installation result = ") {
        let id = update.rsplit_once('(').map_or("", |(_, id)| id);
        let end = UpdateEnd::of(hex_code(code)?);
        return Some(UpdateStep::new(UpdateAction::Install, end).about("", id));
    }
    let rest = text.strip_prefix("Installation job encountered some failures")?;
    let (_, code) = rest.split_once(" = ")?;
    Some(UpdateStep::new(UpdateAction::Install, failure(code)?))
}

/// Reads `1. Update (Missing): title (GUID, 200)` and `Queried Update (GUID): Status=Missing,
/// Title=…, BulletinID=…`.
pub(super) fn named(text: &str) -> Option<NamedUpdate<'_>> {
    let text = text.strip_prefix("<![LOG[").unwrap_or(text);
    let text = text.split("]LOG]!>").next().unwrap_or(text).trim();
    if let Some(rest) = text.strip_prefix("Queried Update (") {
        let title = rest.split_once("Title=")?.1;
        let title = title.split(", BulletinID=").next()?;
        return Some(NamedUpdate { title, id: bare_guid(rest) });
    }
    let (_, rest) = text
        .split_once("Update (Missing): ")
        .or_else(|| text.split_once("Update (Installed): "))?;
    let (title, id) = rest.rsplit_once(" (")?;
    Some(NamedUpdate { title, id: bare_guid(id) })
}

/// `Update (Site_GUID/SUM_GUID) Progress: Status = ciStateError, PercentComplete = 0, … Result =
/// 0x80070643`.
fn deployment(text: &str) -> Option<UpdateStep<'_>> {
    let (update, rest) = text.split_once("Progress: Status = ciState")?;
    let id = update.split_once("/SUM_").map_or("", |(_, id)| id);
    let (_, code) = rest.rsplit_once("Result = ")?;
    let end = match rest.split([',', ' ']).next()? {
        "Error" => failure(code)?,
        "Installed" | "InstallComplete" => UpdateEnd::Succeeded,
        "PendingSoftReboot" | "PendingHardReboot" => UpdateEnd::NeedsRestart,
        _ => return None,
    };
    Some(UpdateStep::new(UpdateAction::Install, end).about("", id))
}

/// The end of a step that the log itself calls failed.
fn failure(code: &str) -> Option<UpdateEnd> {
    let code = hex_code(code)?;
    Some(match UpdateEnd::of(code) {
        UpdateEnd::Succeeded | UpdateEnd::Started => UpdateEnd::Failed(code),
        end => end,
    })
}
