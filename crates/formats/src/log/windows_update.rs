//! WindowsUpdate.log, in the old form (Windows 8.1 and before) and in the new one.
//!
//! ```text
//! 2021-08-28<TAB>03:07:48:216<TAB> 648<TAB>13bc<TAB>Agent<TAB>text
//! 2025/03/17 15:43:15.1571414 18348 7716  Misc            text
//! ```
//!
//! The new form is printed from traces, with the separators of date and time that the PC's
//! language has; it has seven decimals always, by which it differs from logs of other programs.
//! Its lines `*FAILED* [80248007] …` are written on healthy PCs by the hundred and say nothing of
//! an update; those that end a call or name an update do.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::reporting_events;
use super::update::{NamedUpdate, UpdateAction, UpdateEnd, UpdateStep, bare_guid, hex_code};
use crate::code::Code;

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] = &[
    "Finding updates",
    "Installing updates",
    "resultMapped=",
    "Begin Downloading Updates",
    "ed, updateId = ",
    "fully, updateId = ",
    " call complete (",
    "with code Call complete",
    "Search callback failed",
    "Failed to find updates",
    "REPORT EVENT: ",
    "nstall failed, error = ",
    "ownload failed, error = ",
    "Install call completed",
    "while downloading update",
    "AU: Installing update [",
    "AU: Download update [",
    " Title = ",
    " UpdateId = ",
    "ServiceID = {",
    "Online = No",
    " categories in search; evaluated",
    ", tz: ",
];

/// Column width of the component in the new form.
const COMPONENT_WIDTH: usize = 16;
/// `WU_E_ALL_UPDATES_FAILED`, which the agent itself gives for a call of which nothing succeeded.
const ALL_UPDATES_FAILED: Code = Code(0x8024_0022);
/// `WU_E_CALL_CANCELLED`.
const CALL_CANCELLED: Code = Code(0x8024_000B);

/// Reads the head of a record in either form.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    // Two digits and a digit or separator reject most continuation lines at once.
    if line.len() < 30 || !line[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    old_head(line).or_else(|| new_head(line))
}

fn old_head(line: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(line);
    let date = cursor.date(b"-")?;
    // Tabs become blanks when a log is pasted somewhere.
    cursor.any(b"\t ")?;
    let clock = cursor.clock(b":")?;
    cursor.exactly(b":")?;
    let milliseconds = cursor.number(3, 3)?;
    let time = time_of(date, clock, milliseconds * 10_000)?;
    for longest in [6, 8] {
        cursor.any(b"\t ")?;
        cursor.blanks();
        let number = cursor.word()?;
        if number.len() > longest || !number.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    cursor.any(b"\t ")?;
    cursor.blanks();
    let component = cursor.word()?;
    let text = cursor.any(b"\t ").map_or(line.len(), |_| cursor.at());
    let named = component.iter().all(u8::is_ascii_alphanumeric);
    named.then(|| Header { time, level: level_of(&line[text..]), component, text_at: text })
}

fn new_head(line: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(line);
    let date = cursor.date(b"/-.")?;
    cursor.exactly(b" ")?;
    let clock = cursor.clock(b":.")?;
    cursor.any(b".,")?;
    let before = cursor.at();
    let ticks = cursor.ticks()?;
    if cursor.at() - before != 7 {
        return None;
    }
    let time = time_of(date, clock, ticks)?;
    for _ in 0..2 {
        if cursor.blanks() == 0 {
            return None;
        }
        cursor.number(1, 10)?;
    }
    if cursor.blanks() == 0 {
        return None;
    }
    let component_at = cursor.at();
    let component = cursor.word()?;
    if !component[0].is_ascii_alphabetic() {
        return None;
    }
    let column = component_at + COMPONENT_WIDTH;
    let behind = cursor.at();
    let padded = line.get(behind..column).is_some_and(|pad| pad.iter().all(|&b| b == b' '));
    let text_at = if padded { column } else { behind + usize::from(behind < line.len()) };
    Some(Header { time, level: level_of(&line[text_at..]), component, text_at })
}

fn level_of(text: &[u8]) -> Level {
    let start = text.trim_ascii_start();
    let start = start.strip_prefix(b"* ").or(start.strip_prefix(b"# ")).unwrap_or(start);
    let start = start.strip_prefix(b"- ").unwrap_or(start);
    if start.starts_with(b"FATAL: ") {
        Level::Error
    } else if start.starts_with(b"WARNING: ") || start.starts_with(b"*FAILED*") {
        Level::Warning
    } else {
        Level::Info
    }
}

/// The offset in the banner `Logging initialized (build: 7.6.7600.256, tz: +0530)`.
pub(super) fn zone(line: &[u8]) -> Option<i32> {
    let at = memchr::memmem::find(line, b", tz: ")?;
    offset(&line[at + 6..])
}

/// Minutes of an offset such as `+0530` or `-0800`.
pub(super) fn offset(text: &[u8]) -> Option<i32> {
    let mut cursor = Cursor::new(text);
    let sign = cursor.any(b"+-")?;
    let number = i32::try_from(cursor.number(4, 4)?).ok()?;
    let minutes = number / 100 * 60 + number % 100;
    let sane = number % 100 < 60 && minutes <= 14 * 60;
    sane.then_some(if sign == b'-' { -minutes } else { minutes })
}

/// Reads what a record says of an update.
pub(super) fn step<'a>(component: &[u8], text: &'a str) -> Option<UpdateStep<'a>> {
    let text = text.trim();
    match component {
        b"Report" => reporting_events::reported(text),
        b"AU" => automatic(text),
        b"DnldMgr" => {
            let (before, _) = text.split_once(" occurred while downloading update")?;
            let (_, code) = before.rsplit_once("rror ")?;
            Some(UpdateStep::new(UpdateAction::Download, UpdateEnd::of(hex_code(code)?)))
        }
        b"Agent" => call(text)
            .or_else(|| history(text))
            .or_else(|| called_back(text))
            .or_else(|| asked_service(text))
            .or_else(|| offline(text))
            .or_else(|| found(text)),
        b"DownloadManager" => downloading(text).or_else(|| job(text)),
        b"ComApi" | b"COMAPI" => counted(text),
        _ => None,
    }
}

/// Reads a line of the list of updates that a call is about: `Title = …`, and behind it
/// `UpdateId = {GUID}.200`.
pub(super) fn named<'a>(component: &[u8], text: &'a str) -> Option<NamedUpdate<'a>> {
    if component != b"Agent" {
        return None;
    }
    let text = text.trim_start_matches(['*', ' ']).trim_end();
    if let Some(title) = text.strip_prefix("Title = ") {
        return Some(NamedUpdate { title, id: "" });
    }
    let id = bare_guid(text.strip_prefix("UpdateId = ")?);
    (!id.is_empty()).then_some(NamedUpdate { title: "", id })
}

/// `* START * Finding updates CallerId = X  Id = 3`, `* END * Finding updates CallerId = X, Id = 3,
/// Exit code = 0x00000000 (cV = …)`; old: `** START **  Agent: Finding updates [CallerId = X]`.
fn call(text: &str) -> Option<UpdateStep<'_>> {
    let (mark, rest) = marked(text)?;
    let rest = rest.strip_prefix("Agent: ").unwrap_or(rest);
    let (action, rest) = if let Some(rest) = rest.strip_prefix("Finding updates") {
        (UpdateAction::Scan, rest)
    } else {
        (UpdateAction::Install, rest.strip_prefix("Installing updates")?)
    };
    let end = match mark {
        Mark::Start => UpdateEnd::Started,
        // The old form tells the result elsewhere.
        Mark::End => UpdateEnd::of(hex_code(behind(rest, "Exit code = ")?)?),
    };
    Some(UpdateStep::new(action, end).asked_by(caller(rest)))
}

/// `ServiceID = {9482F4B4-…} Windows Update`, below the start of the scan that asks this service.
fn asked_service(text: &str) -> Option<UpdateStep<'_>> {
    let rest = text.trim_start_matches(['*', ' ']).strip_prefix("ServiceID = ")?;
    let id = bare_guid(rest);
    let step = UpdateStep::new(UpdateAction::Scan, UpdateEnd::Started);
    (!id.is_empty()).then_some(UpdateStep { id, ..step })
}

/// `Online = No; Interactive = No; …`, below the start of a scan; old: `* Online = No; …`.
fn offline(text: &str) -> Option<UpdateStep<'_>> {
    let rest = text.trim_start_matches(['*', ' ']).strip_prefix("Online = No")?;
    let is_whole = rest.is_empty() || rest.starts_with(';');
    is_whole.then(|| UpdateStep::new(UpdateAction::Scan, UpdateEnd::Offline))
}

/// Old: `* Found 3 updates and 62 categories in search; evaluated appl. rules of …`, which only a
/// search that went through says; its END has no code.
fn found(text: &str) -> Option<UpdateStep<'_>> {
    // The new form says it without a star, and has a code at its END.
    let rest = text.strip_prefix("* Found ")?;
    let whole = rest.contains(" updates and ") && rest.contains(" categories in search; evaluated");
    whole.then(|| UpdateStep::new(UpdateAction::Scan, UpdateEnd::Succeeded))
}

enum Mark {
    Start,
    End,
}

/// The stars around START and END are one or two, with or without blanks inside.
fn marked(text: &str) -> Option<(Mark, &str)> {
    let rest = text.trim_start_matches(['*', ' ']);
    let (mark, rest) = match rest.strip_prefix("START") {
        Some(rest) => (Mark::Start, rest),
        None => (Mark::End, rest.strip_prefix("END")?),
    };
    Some((mark, rest.trim_start_matches(['*', ' '])))
}

/// Who called: behind `CallerId = `, up to a comma, a bracket, two blanks or ` Id = `.
fn caller(text: &str) -> &str {
    let Some(rest) = behind(text, "CallerId = ") else { return "" };
    let ends = [", ", "]", "  ", " Id = "].into_iter().filter_map(|end| rest.find(end));
    &rest[..ends.min().unwrap_or(rest.len())]
}

/// `LogHistory called for Caller=X, idUpdate={GUID}.1, operation = Install, resultMapped=80070643,
/// resultUnMapped=80070643`; caller and operation are told by later versions only.
fn history(text: &str) -> Option<UpdateStep<'_>> {
    let code = hex_code(behind(text, "resultMapped=")?)?;
    let action = match behind(text, "operation = ") {
        Some(operation) if operation.starts_with("Uninstall") => UpdateAction::Uninstall,
        Some(operation) if operation.starts_with("Download") => UpdateAction::Download,
        _ => UpdateAction::Install,
    };
    let client = behind(text, "Caller=").and_then(|rest| rest.split(", ").next()).unwrap_or("");
    let id = behind(text, "idUpdate=").unwrap_or("");
    Some(UpdateStep::new(action, UpdateEnd::of(code)).about("", id).asked_by(client))
}

/// `WU client calls back to install call {GUID} with code Call complete and error 0x80240022`: the
/// GUID is that of the call.
fn called_back(text: &str) -> Option<UpdateStep<'_>> {
    let rest = text.strip_prefix("WU client calls back to ")?;
    let (call, rest) = rest.split_once(" with code Call complete and error ")?;
    let action = match call.split(' ').next()? {
        "install" => UpdateAction::Install,
        "download" => UpdateAction::Download,
        "uninstall" => UpdateAction::Uninstall,
        _ => return None,
    };
    Some(UpdateStep::new(action, UpdateEnd::of(hex_code(rest)?)))
}

/// `* START * Begin Downloading Updates [CallerId = X] [Call ID = {GUID}]`; its end only tells
/// whether the call was queued.
fn downloading(text: &str) -> Option<UpdateStep<'_>> {
    let (mark, rest) = marked(text)?;
    let rest = rest.strip_prefix("Begin Downloading Updates")?;
    let end = match mark {
        Mark::Start => UpdateEnd::Started,
        Mark::End => match UpdateEnd::of(hex_code(behind(rest, "[hr = ")?)?) {
            UpdateEnd::Succeeded | UpdateEnd::Started | UpdateEnd::Offline => return None,
            end => end,
        },
    };
    Some(UpdateStep::new(UpdateAction::Download, end).asked_by(caller(rest)))
}

/// `DO job {GUID} failed, updateId = GUID.1, hr = 0x80D05011.`, `BITS job {GUID} completed
/// successfully, updateId = GUID.1`.
fn job(text: &str) -> Option<UpdateStep<'_>> {
    if !(text.starts_with("DO job ") || text.starts_with("BITS job ")) {
        return None;
    }
    let (before, rest) = text.split_once(", updateId = ")?;
    let end = if before.ends_with(" completed successfully") {
        UpdateEnd::Succeeded
    } else if before.ends_with(" failed") {
        UpdateEnd::of(hex_code(behind(rest, "hr = ")?)?)
    } else {
        return None;
    };
    Some(UpdateStep::new(UpdateAction::Download, end).about("", rest))
}

/// `Install call complete (succeeded = 0, succeeded with errors = 0, failed = 1, cancelled = 0,
/// unaccounted = 0)`; a call that did a part of its work is told by its updates alone.
///
/// A download call also counts as failed what could not begin, as on PCs whose updates of third
/// parties are not cached; what truly failed to download is told by its job.
fn counted(text: &str) -> Option<UpdateStep<'_>> {
    let (call, counts) = text.split_once(" call complete (")?;
    let action = match call.trim_start_matches(['-', ' ']) {
        "Install" => UpdateAction::Install,
        "Download" => UpdateAction::Download,
        "Uninstall" => UpdateAction::Uninstall,
        _ => return None,
    };
    let count = |name: &str| {
        let counts = counts.trim_end_matches(')').split(", ");
        let mut of_name =
            counts.filter_map(|count| count.split_once(" = ")).filter(|(key, _)| *key == name);
        of_name.next().and_then(|(_, count)| count.trim().parse::<u32>().ok()).unwrap_or(0)
    };
    let done = count("succeeded") > 0 || count("succeeded with errors") > 0;
    let end = match (done, count("failed") > 0, count("cancelled") > 0) {
        (false, true, _) if action == UpdateAction::Download => return None,
        (false, true, _) => UpdateEnd::Failed(ALL_UPDATES_FAILED),
        (false, false, true) => UpdateEnd::Cancelled(CALL_CANCELLED),
        (true, false, false) => UpdateEnd::Succeeded,
        _ => return None,
    };
    Some(UpdateStep::new(action, end))
}

/// The lines of the service behind automatic updates, in the old form.
fn automatic(text: &str) -> Option<UpdateStep<'_>> {
    let failures = [
        ("Search callback failed, result = ", UpdateAction::Scan),
        ("Failed to find updates with error code ", UpdateAction::Scan),
        ("Install failed, error = ", UpdateAction::Install),
        ("Download failed, error = ", UpdateAction::Download),
    ];
    for (phrase, action) in failures {
        if let Some(code) = behind(text, phrase) {
            return Some(UpdateStep::new(action, UpdateEnd::of(hex_code(code)?)));
        }
    }
    if let Some(rest) = behind(text, "Install call completed, reboot required = ") {
        let end = match UpdateEnd::of(hex_code(behind(rest, "error = ")?)?) {
            UpdateEnd::Succeeded if rest.starts_with("Yes") => UpdateEnd::NeedsRestart,
            end => end,
        };
        return Some(UpdateStep::new(UpdateAction::Install, end));
    }
    let (action, rest) = match behind(text, "AU: Installing update [") {
        Some(rest) => (UpdateAction::Install, rest),
        None => (UpdateAction::Download, behind(text, "AU: Download update [")?),
    };
    rest.contains(", succeeded]").then(|| {
        let id = behind(rest, "UpdateId = ").unwrap_or("");
        UpdateStep::new(action, UpdateEnd::Succeeded).about("", id)
    })
}

/// What stands behind `phrase`.
fn behind<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    text.split_once(phrase).map(|(_, rest)| rest)
}
