//! ReportingEvents.log: one event of the update agent a line, with KB, code and zone.
//!
//! ```text
//! {GUID}<TAB>2023-06-17 20:20:23:087+0300<TAB>1<TAB>182 [AGENT_INSTALLING_FAILED]<TAB>101<TAB>
//! {update GUID}<TAB>1<TAB>80070643<TAB>client<TAB>Failure<TAB>Content Install<TAB>sentence<TAB>cV
//! ```
//!
//! Before about 2018 the last field is missing. The sentence is in the language of the PC, the
//! number of the event is not; numbers and symbols are those of the agent's own table.

use super::cursor::{Cursor, time_of};
use super::line::{Header, Level};
use super::update::{UpdateAction, UpdateEnd, UpdateStep, bare_guid, hex_code};
use super::windows_update::offset;
use crate::code::Code;

/// See [`super::structure`]: each event names its second constant between tabs.
pub(super) const STRUCTURE: &[&str] = &["\t101\t"];

/// Reads the head of an event; the text begins at its number.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let (time, _, text_at) = start(line)?;
    let level = if memchr::memmem::find(&line[text_at..], b"\tFailure\t").is_some() {
        Level::Error
    } else {
        Level::Info
    };
    Some(Header { time, level, component: b"", text_at })
}

/// Minutes by which the local time of the event is ahead of UTC.
pub(super) fn zone(line: &[u8]) -> Option<i32> {
    start(line).map(|(_, offset, _)| offset)
}

fn start(line: &[u8]) -> Option<(super::LocalTime, i32, usize)> {
    let guid = line.get(..38).and_then(|guid| std::str::from_utf8(guid).ok())?;
    if !guid.starts_with('{') || !guid.ends_with('}') || bare_guid(guid).is_empty() {
        return None;
    }
    let mut cursor = Cursor::new(line);
    cursor.exactly(guid.as_bytes())?;
    cursor.exactly(b"\t")?;
    let date = cursor.date(b"-")?;
    cursor.exactly(b" ")?;
    let clock = cursor.clock(b":")?;
    cursor.exactly(b":")?;
    let milliseconds = cursor.number(3, 3)?;
    let time = time_of(date, clock, milliseconds * 10_000)?;
    let minutes = offset(cursor.rest())?;
    cursor.any(b"+-")?;
    cursor.number(4, 4)?;
    cursor.exactly(b"\t")?;
    cursor.number(1, 3)?;
    cursor.exactly(b"\t")?;
    Some((time, minutes, cursor.at()))
}

/// Reads `REPORT EVENT: {GUID}<TAB>…` of an old WindowsUpdate.log, the same fields once more.
pub(super) fn reported(text: &str) -> Option<UpdateStep<'_>> {
    let event = text.strip_prefix("REPORT EVENT: ")?;
    let text_at = start(event.as_bytes())?.2;
    step(event.get(text_at..)?)
}

/// Reads what an event says; `text` begins at its number.
pub(super) fn step(text: &str) -> Option<UpdateStep<'_>> {
    let mut fields = text.split('\t');
    let event = fields.next()?;
    let number = event.split(' ').next()?.parse().ok()?;
    // The category is the same for all events.
    fields.next().filter(|category| *category == "101")?;
    let (update, _, result, client) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let sentence = fields.nth(2).unwrap_or("");
    let code = hex_code(result).unwrap_or(Code(0));
    let (action, outcome) = meaning(number)?;
    let end = match outcome {
        Outcome::Started => UpdateEnd::Started,
        Outcome::Succeeded => UpdateEnd::Succeeded,
        Outcome::Restart => UpdateEnd::NeedsRestart,
        Outcome::Cancelled => UpdateEnd::Cancelled(code),
        Outcome::Failed => match UpdateEnd::of(code) {
            UpdateEnd::Succeeded | UpdateEnd::Started => UpdateEnd::Failed(code),
            end => end,
        },
    };
    let step = UpdateStep::new(action, end).asked_by(client);
    // A search names the service it asked, which is no update.
    Some(match action {
        UpdateAction::Scan => UpdateStep { id: bare_guid(update), ..step },
        _ => step.about(title_in(sentence), update),
    })
}

enum Outcome {
    Started,
    Succeeded,
    Failed,
    Restart,
    Cancelled,
}

/// What the number of an event stands for; numbers of no interest here are `None`.
fn meaning(event: u32) -> Option<(UpdateAction, Outcome)> {
    use Outcome::{Cancelled, Failed, Restart, Started, Succeeded};
    use UpdateAction::{Download, Install, Scan, Uninstall};
    Some(match event {
        147 => (Scan, Succeeded),
        148 | 149 => (Scan, Failed),
        161 | 172 => (Download, Failed),
        162 | 164 | 173 => (Download, Succeeded),
        163 | 174 => (Download, Cancelled),
        167 | 171 => (Download, Started),
        181 | 521 => (Install, Started),
        182 | 195 | 198 | 204 | 522 => (Install, Failed),
        183 | 190 | 197 | 203 | 523 => (Install, Succeeded),
        184 | 191 | 199 => (Install, Restart),
        186 | 187 | 192 | 200 | 524 | 525 => (Install, Cancelled),
        226 | 546 => (Uninstall, Started),
        221 | 541 => (Uninstall, Failed),
        222 | 542 => (Uninstall, Succeeded),
        224 | 544 => (Uninstall, Restart),
        223 | 225 | 543 | 545 => (Uninstall, Cancelled),
        _ => return None,
    })
}

/// The title in `Installation Failure: Windows failed to install the following update with error
/// 0x80070643: 2024-01 Update (KB5034123).`, whatever the language: it stands behind the second
/// colon.
pub(super) fn title_in(sentence: &str) -> &str {
    let title = sentence.splitn(3, ": ").nth(2).unwrap_or("");
    title.trim().trim_end_matches('.')
}
