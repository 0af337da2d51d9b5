//! The event service as far as programs query it; this library, put into the folder of Windows under the name
//! `wevtapi.dll`, plays it. The events of a log are the lines of a file in `C:\lab\events`, such as
//! `System.xml`, the oldest first and each as XML; a log without a file is not there. What was asked is
//! written to `events.log`.
//!
//! ```text
//! code = 5           in place of the first event: the log is refused with this
//! ```
//!
//! As in Windows, a query that tolerates errors gives an empty answer in place of a refusal.

use core::ffi::c_void;
use std::fs;

use windows::Win32::Foundation::{
    ERROR_EVT_CHANNEL_NOT_FOUND, ERROR_EVT_INVALID_QUERY, ERROR_INSUFFICIENT_BUFFER,
    ERROR_INVALID_PARAMETER, ERROR_NO_MORE_ITEMS, SetLastError, WIN32_ERROR,
};
use windows::Win32::System::EventLog::{
    EvtQueryChannelPath, EvtQueryReverseDirection, EvtQueryTolerateQueryErrors, EvtRenderEventXml,
};
use windows::core::PCWSTR;

use crate::told::{note, number, path};

const LOG: &str = "events.log";

/// What a handle stands for.
enum Given {
    /// Events that are still to be told.
    Query(Vec<String>),
    Event(String),
}

/// Which events a part of a query wants: a provider, and ranges of numbers; none is all.
struct Select {
    provider: Option<String>,
    ids: Vec<(u32, u32)>,
}

/// Asks for events.
///
/// # Safety
/// The texts end in a zero, or are null.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn EvtQuery(
    _session: isize,
    place: PCWSTR,
    query: PCWSTR,
    flags: u32,
) -> isize {
    let wanted = EvtQueryChannelPath.0 | EvtQueryReverseDirection.0;
    if !place.is_null() || query.is_null() || flags & wanted != wanted {
        return refuse(ERROR_INVALID_PARAMETER);
    }
    // SAFETY: as the caller promises.
    let query = unsafe { query.to_string() }.unwrap_or_default();
    let Some((channel, selects)) = parsed(&query) else { return refuse(ERROR_EVT_INVALID_QUERY) };
    note(LOG, &format!("query {channel}"));
    let events = match events(&channel) {
        Ok(events) => events,
        Err(_) if flags & EvtQueryTolerateQueryErrors.0 != 0 => Vec::new(),
        Err(code) => return refuse(code),
    };
    let fits = |event: &String| selects.iter().any(|it| it.fits(event));
    given(Given::Query(events.into_iter().filter(fits).collect()))
}

/// Gives the next few, the newest first.
///
/// # Safety
/// The handle is open, there is room for as many handles as is said, and the count can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn EvtNext(
    query: isize,
    room: u32,
    into: *mut isize,
    _timeout: u32,
    _flags: u32,
    count: *mut u32,
) -> i32 {
    // SAFETY: the handle is one that was given here.
    let Given::Query(left) = (unsafe { &mut *(query as *mut Given) }) else {
        return refuse(ERROR_INVALID_PARAMETER) as i32;
    };
    note(LOG, "next");
    if left.is_empty() {
        return refuse(ERROR_NO_MORE_ITEMS) as i32;
    }
    let mut told = 0;
    while told < room as usize
        && let Some(event) = left.pop()
    {
        // SAFETY: as the caller promises.
        unsafe { into.add(told).write(given(Given::Event(event))) };
        told += 1;
    }
    // SAFETY: as the caller promises.
    unsafe { count.write(told as u32) };
    1
}

/// Writes an event as XML.
///
/// # Safety
/// The handle is open, the buffer is as long as is said, and both numbers can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn EvtRender(
    _context: isize,
    event: isize,
    form: u32,
    bytes: u32,
    buffer: *mut c_void,
    used: *mut u32,
    properties: *mut u32,
) -> i32 {
    // SAFETY: the handle is one that was given here.
    let Given::Event(xml) = (unsafe { &*(event as *const Given) }) else {
        return refuse(ERROR_INVALID_PARAMETER) as i32;
    };
    if form != EvtRenderEventXml.0 {
        return refuse(ERROR_INVALID_PARAMETER) as i32;
    }
    let units: Vec<u16> = xml.encode_utf16().chain([0]).collect();
    let needed = units.len() * 2;
    // SAFETY: as the caller promises.
    unsafe { used.write(needed as u32) };
    // SAFETY: as the caller promises.
    unsafe { properties.write(0) };
    if needed > bytes as usize {
        return refuse(ERROR_INSUFFICIENT_BUFFER) as i32;
    }
    // SAFETY: the buffer is as long as is said, which is enough.
    unsafe { buffer.cast::<u8>().copy_from(units.as_ptr().cast(), needed) };
    1
}

/// Lets a handle go.
///
/// # Safety
/// The handle is open and not used again.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn EvtClose(handle: isize) -> i32 {
    // SAFETY: the handle is one that was given here, and is closed once.
    if let Given::Query(_) = *unsafe { Box::from_raw(handle as *mut Given) } {
        note(LOG, "close");
    }
    1
}

fn given(it: Given) -> isize {
    Box::into_raw(Box::new(it)) as isize
}

fn refuse(code: WIN32_ERROR) -> isize {
    // SAFETY: no pointer is given.
    unsafe { SetLastError(code) };
    0
}

/// The events of a log, the oldest first.
fn events(channel: &str) -> Result<Vec<String>, WIN32_ERROR> {
    let file = format!(r"events\{}.xml", channel.replace('/', "%4"));
    let text = fs::read_to_string(path(&file)).map_err(|_| ERROR_EVT_CHANNEL_NOT_FOUND)?;
    let refusal = text.strip_prefix("code = ").and_then(|it| number(it.lines().next()?.trim()));
    match refusal {
        Some(code) => Err(WIN32_ERROR(code)),
        None => Ok(text.lines().map(str::to_owned).filter(|it| !it.is_empty()).collect()),
    }
}

/// The log and the parts of a structured query, in the one form that it is asked in.
fn parsed(query: &str) -> Option<(String, Vec<Select>)> {
    let inside = query.strip_prefix("<QueryList><Query Id=\"0\" Path=\"")?;
    let (channel, rest) = inside.split_once("\">")?;
    let rest = rest.strip_suffix("</Query></QueryList>")?;
    let parts = rest.split_inclusive("</Select>").map(|part| {
        let part = part.strip_suffix("</Select>")?;
        let part = part.strip_prefix("<Select Path=\"")?.strip_prefix(channel)?;
        select(&plain(part.strip_prefix("\">")?))
    });
    Some((plain(channel), parts.collect::<Option<Vec<Select>>>()?))
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

/// `*`, or `*[System[Provider[@Name='NAME'] and (EventID=1 or (EventID >= 2 and EventID <= 3))]]`
fn select(condition: &str) -> Option<Select> {
    if condition == "*" {
        return Some(Select { provider: None, ids: Vec::new() });
    }
    let inside = condition.strip_prefix("*[System[Provider[@Name='")?.strip_suffix("]]")?;
    let (provider, rest) = inside.split_once("']")?;
    let provider = Some(provider.to_owned());
    if rest.is_empty() {
        return Some(Select { provider, ids: Vec::new() });
    }
    let ranges = rest.strip_prefix(" and (")?.strip_suffix(')')?;
    let ids = ranges.split(" or ").map(|range| {
        if let Some(one) = range.strip_prefix("EventID=") {
            let one = one.parse().ok()?;
            return Some((one, one));
        }
        let range = range.strip_prefix("(EventID >= ")?.strip_suffix(')')?;
        let (from, to) = range.split_once(" and EventID <= ")?;
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    Some(Select { provider, ids: ids.collect::<Option<Vec<(u32, u32)>>>()? })
}

impl Select {
    fn fits(&self, event: &str) -> bool {
        let names = |it: &String| event.contains(&format!("<Provider Name='{it}'"));
        let is_of = self.provider.as_ref().is_none_or(names);
        let after = event.split_once("<EventID").and_then(|(_, rest)| rest.split_once('>'));
        let id = after.and_then(|(_, rest)| rest.split_once('<')?.0.parse::<u32>().ok());
        let is_in = |id: u32| self.ids.iter().any(|(from, to)| (*from..=*to).contains(&id));
        is_of && (self.ids.is_empty() || id.is_some_and(is_in))
    }
}
