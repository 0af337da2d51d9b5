//! Events as XML, one document or many.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};

use super::super::LocalTime;
use super::super::cursor::{Cursor, time_of};
use super::{Event, EventLine, gap};
use crate::{Gap, GapReason, Parsed};

/// More data than any event of Windows has.
const MOST_DATA: usize = 256;

/// What is being read inside an event.
#[derive(Debug, Default)]
struct Open {
    event: Event<'static>,
    /// Where it begins.
    from: usize,
    provider: String,
    channel: String,
    /// Names of the elements around the present place, below `Event`.
    path: Vec<String>,
    /// Value of `Name` of the present `Data`.
    name: Option<String>,
    text: String,
}

pub(super) fn read(text: &str) -> Parsed<EventLine> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut reader = Reader::from_str(text);
    // Exports are often pasted together or cut off.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut open: Option<Open> = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        match reader.read_event() {
            Ok(Xml::Eof) => break,
            Ok(Xml::Start(tag)) => {
                let cut_off = start(&tag, &mut open, at);
                parsed.gaps.extend(cut_off.map(|from| gap(from, at, 0)));
            }
            Ok(Xml::Empty(tag)) => {
                let cut_off = start(&tag, &mut open, at);
                parsed.gaps.extend(cut_off.map(|from| gap(from, at, 0)));
                end(tag.local_name().as_ref(), &mut open, &mut parsed, at);
            }
            Ok(Xml::End(tag)) => end(tag.local_name().as_ref(), &mut open, &mut parsed, at),
            Ok(Xml::Text(piece)) => {
                if let (Some(open), Ok(piece)) = (&mut open, piece.decode()) {
                    open.text.push_str(&piece);
                }
            }
            Ok(Xml::CData(piece)) => {
                if let Some(open) = &mut open {
                    open.text.push_str(&String::from_utf8_lossy(&piece));
                }
            }
            Ok(Xml::GeneralRef(name)) => {
                if let Some(open) = &mut open {
                    open.text.push_str(&reference(&name));
                }
            }
            Ok(_) => {}
            Err(why) => {
                let why = GapReason::Unreadable(why.to_string());
                parsed.gaps.push(Gap { why, ..gap(at, text.len(), 0) });
                break;
            }
        }
    }
    if open.is_some() {
        let at = text.len();
        parsed.gaps.push(Gap { why: GapReason::Truncated, ..gap(at, at, 0) });
    }
    parsed
}

/// The character that `&name;` stands for.
fn reference(name: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(letter)) = name.resolve_char_ref() {
        return letter.to_string();
    }
    match name.as_ref() {
        b"lt" => "<",
        b"gt" => ">",
        b"amp" => "&",
        b"quot" => "\"",
        b"apos" => "'",
        _ => "",
    }
    .to_owned()
}

/// Gives where an event begins that this one cuts off.
fn start(tag: &BytesStart<'_>, open: &mut Option<Open>, at: usize) -> Option<usize> {
    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
    if name == "Event" {
        return open.replace(Open { from: at, ..Open::default() }).map(|cut_off| cut_off.from);
    }
    let open = open.as_mut()?;
    let attribute = |wanted: &[u8]| {
        let mut attributes = tag.attributes();
        let mut all = attributes.with_checks(false).filter_map(Result::ok);
        let found = all.find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
        Some(found.unescape_value().ok()?.into_owned())
    };
    match name.as_str() {
        "Provider" => open.provider = attribute(b"Name").unwrap_or_default(),
        "TimeCreated" => {
            open.event.time = attribute(b"SystemTime").and_then(|time| utc(&time));
            open.event.is_utc = true;
        }
        "Data" => open.name = attribute(b"Name"),
        _ => {}
    }
    open.text.clear();
    if open.path.len() < MOST_DATA {
        open.path.push(name);
    }
    None
}

fn end(name: &[u8], open: &mut Option<Open>, parsed: &mut Parsed<EventLine>, to: usize) {
    if name == b"Event" {
        if let Some(done) = open.take() {
            let Open { event, provider, channel, from, .. } = done;
            let event = Event { provider: &provider, channel: &channel, ..event };
            match event.line() {
                Some(line) => parsed.items.push(line),
                // Without a provider, a number or a time it is no line.
                None => parsed.gaps.push(gap(from, to, 0)),
            }
        }
        return;
    }
    let Some(open) = open else { return };
    let text = std::mem::take(&mut open.text);
    let in_data = open.path.iter().any(|name| name == "EventData" || name == "UserData");
    let is_leaf = open.path.last().is_some_and(|last| last.as_bytes() == name);
    match name {
        b"EventID" => open.event.number = text.trim().parse().ok(),
        b"Level" if open.path.iter().any(|name| name == "System") => {
            open.event.level = text.trim().parse().ok();
        }
        b"Channel" => open.channel = text.trim().to_owned(),
        b"Message" => open.event.message = text.trim().to_owned(),
        b"EventData" | b"UserData" => {}
        _ if in_data && is_leaf && open.event.data.len() < MOST_DATA => {
            let unnamed = name == b"Data" && open.name.is_none();
            let named = open.name.take().unwrap_or_else(|| String::from_utf8_lossy(name).into());
            let named = if unnamed { format!("param{}", open.event.data.len() + 1) } else { named };
            // An element around elements has only the blanks between them.
            if name == b"Data" || !text.trim().is_empty() {
                open.event.data.push((named, text.trim().to_owned()));
            }
        }
        _ => {}
    }
    if is_leaf {
        open.path.pop();
    }
}

/// `2017-07-23T10:11:12.1234567Z`, with any number of decimals.
pub(super) fn utc(text: &str) -> Option<LocalTime> {
    let mut cursor = Cursor::new(text.as_bytes());
    let date = cursor.date(b"-")?;
    cursor.any(b"T ")?;
    let clock = cursor.clock(b":")?;
    let ticks = match cursor.any(b".") {
        Some(_) => cursor.ticks()?,
        None => 0,
    };
    time_of(date, clock, ticks)
}
