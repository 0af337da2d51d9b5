//! Events from the event service: a second way to them where a log file cannot be opened.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use unwedge_formats::log::event_lines;
use windows::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NO_MORE_ITEMS, GetLastError};
use windows::core::HSTRING;

use super::library::{Address, Library};
use super::limit;
use crate::probe::{EventQuery, Events, query_text};
use crate::{HostError, HostErrorKind, Result};

const LIMIT: Duration = Duration::from_secs(60);
/// Events that are fetched in one call.
const AT_ONCE: usize = 64;
/// No event is larger when rendered; the service itself stops at 64 KiB of data.
const MOST_BYTES: usize = 1 << 20;

/// `EvtQueryChannelPath` and newest first. Errors are not tolerated (0x1000): a log that is refused, or is not
/// there, would then give an answer without events, which reads as if nothing had happened.
const FLAGS: u32 = 0x1 | 0x200;
/// `EvtRenderEventXml`.
const AS_XML: u32 = 1;

type Query = unsafe extern "system" fn(isize, *const u16, *const u16, u32) -> isize;
type Next = unsafe extern "system" fn(isize, u32, *mut isize, u32, u32, *mut u32) -> i32;
type Render =
    unsafe extern "system" fn(isize, isize, u32, u32, *mut c_void, *mut u32, *mut u32) -> i32;
type Close = unsafe extern "system" fn(isize) -> i32;

/// Asks for events.
pub(super) fn ask(query: &EventQuery) -> Result<Events> {
    let wanted = query.clone();
    let limit = LIMIT;
    limit::ask("query", &query.channel, limit, move || {
        let until = Instant::now() + limit;
        Service::load()?.events(&wanted, until)
    })
    .wait()
}

struct Service {
    query: Query,
    next: Next,
    render: Render,
    close: Close,
}

/// Something the service gave; closed when dropped.
struct Given<'s> {
    service: &'s Service,
    handle: isize,
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is open and is not used again. There is nothing to do if it fails.
        unsafe { (self.service.close)(self.handle) };
    }
}

impl Service {
    fn load() -> Result<Service> {
        let library = Library::system("wevtapi.dll")?;
        let query = library.function(c"EvtQuery")?;
        let next = library.function(c"EvtNext")?;
        let render = library.function(c"EvtRender")?;
        let close = library.function(c"EvtClose")?;
        Ok(Service {
            // SAFETY: this is the form of `EvtQuery` in `winevt.h`.
            query: unsafe { std::mem::transmute::<Address, Query>(query) },
            // SAFETY: this is the form of `EvtNext` in `winevt.h`.
            next: unsafe { std::mem::transmute::<Address, Next>(next) },
            // SAFETY: this is the form of `EvtRender` in `winevt.h`.
            render: unsafe { std::mem::transmute::<Address, Render>(render) },
            // SAFETY: this is the form of `EvtClose` in `winevt.h`.
            close: unsafe { std::mem::transmute::<Address, Close>(close) },
        })
    }

    fn events(&self, query: &EventQuery, until: Instant) -> Result<Events> {
        let text = HSTRING::from(query_text(query));
        // SAFETY: a structured query names its log itself; the text lives as long as the call.
        let handle = unsafe { (self.query)(0, std::ptr::null(), text.as_ptr(), FLAGS) };
        if handle == 0 {
            return Err(last_error(&query.channel));
        }
        let search = Given { service: self, handle };
        let mut found = Events::default();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(batch) = self.batch(&search, &query.channel, left)? else {
                found.is_complete = true;
                break;
            };
            for event in &batch {
                if found.lines.len() >= query.most {
                    break;
                }
                let line = self.rendered(event).and_then(|xml| {
                    event_lines(&xml).items.into_iter().next().map(|line| line.text)
                });
                match line {
                    Some(line) => found.lines.push(line),
                    None => found.unreadable += 1,
                }
            }
            if found.lines.len() >= query.most || left.is_zero() {
                break;
            }
        }
        // They came newest first.
        found.lines.reverse();
        Ok(found)
    }

    /// The next few events; `None` at the end.
    fn batch<'s>(
        &'s self,
        search: &Given<'_>,
        channel: &str,
        left: Duration,
    ) -> Result<Option<Vec<Given<'s>>>> {
        let (mut handles, mut count) = ([0_isize; AT_ONCE], 0);
        let wait = u32::try_from(left.as_millis()).unwrap_or(u32::MAX - 1);
        let room = AT_ONCE as u32;
        // SAFETY: the search is open, and there is room for as many handles as is said.
        let answer =
            unsafe { (self.next)(search.handle, room, handles.as_mut_ptr(), wait, 0, &mut count) };
        if answer == 0 {
            let error = last_error(channel);
            return match error.kind {
                HostErrorKind::Win32(code) if code == ERROR_NO_MORE_ITEMS.0 => Ok(None),
                _ => Err(error),
            };
        }
        let given = handles.iter().take(count as usize);
        Ok(Some(given.map(|handle| Given { service: self, handle: *handle }).collect()))
    }

    /// An event as XML; `None` if the service cannot write it.
    fn rendered(&self, event: &Given<'_>) -> Option<String> {
        let mut buffer = vec![0_u16; 4 << 10];
        // The first call may tell that more room is needed, the second has it.
        for _ in 0..2 {
            let size = u32::try_from(buffer.len() * 2).ok()?;
            let (mut used, mut count) = (0_u32, 0_u32);
            let place = buffer.as_mut_ptr().cast();
            // SAFETY: the event is open, and the buffer has the size that is said.
            let answer = unsafe {
                (self.render)(0, event.handle, AS_XML, size, place, &mut used, &mut count)
            };
            let used = used as usize;
            if answer != 0 {
                let units = buffer.get(..used / 2)?;
                return Some(String::from_utf16_lossy(units).trim_end_matches('\0').to_owned());
            }
            // SAFETY: nothing is given to the call.
            if unsafe { GetLastError() } != ERROR_INSUFFICIENT_BUFFER || used > MOST_BYTES {
                return None;
            }
            buffer = vec![0; used / 2 + 1];
        }
        None
    }
}

fn last_error(channel: &str) -> HostError {
    // SAFETY: nothing is given to the call.
    let code = unsafe { GetLastError() };
    let kind = match code.0 {
        0 => HostErrorKind::Io("the event service gave nothing and no reason".to_owned()),
        code => HostErrorKind::Win32(code),
    };
    HostError { op: "query", subject: channel.to_owned(), kind }
}
