//! The Filter Manager as far as programs can ask it for filters; this library, put into the folder of
//! Windows under the name `fltlib.dll`, plays it. Which filters are loaded says `C:\lab\filters.txt`,
//! and what was asked is written to `filters.log` beside it.
//!
//! ```text
//! code = 0x80070005                  asking fails with this, as it does for who may not
//! later = 0x80070005                 it does for all filters but the first
//! mini = klif 320401 0 3             a filter: name, altitude, frame, number of instances
//! legacy = OldWatch                  a filter of the old kind
//! together                           one answer tells all of them
//! ```

use core::ffi::c_void;

use windows::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_PARAMETER, ERROR_NO_MORE_ITEMS, HANDLE, S_OK,
};
use windows::Win32::Storage::InstallableFileSystems::{
    FILTER_AGGREGATE_STANDARD_INFORMATION as INFORMATION,
    FILTER_AGGREGATE_STANDARD_INFORMATION_0_0 as MINIFILTER,
    FILTER_AGGREGATE_STANDARD_INFORMATION_0_1 as LEGACY_FILTER, FLTFL_ASI_IS_LEGACYFILTER,
    FLTFL_ASI_IS_MINIFILTER, FilterAggregateStandardInformation,
};
use windows::core::HRESULT;

use crate::told::{Told, note};

const FILE: &str = "filters.txt";
const LOG: &str = "filters.log";

/// A search: the answers that are still to be given.
struct Search {
    answers: Vec<Vec<u8>>,
    given: usize,
}

/// Begins to tell the filters.
///
/// # Safety
/// The buffer is as long as is said, and the count and the handle can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn FilterFindFirst(
    class: i32,
    buffer: *mut c_void,
    bytes: u32,
    returned: *mut u32,
    handle: *mut HANDLE,
) -> HRESULT {
    note(LOG, "first");
    let told = Told::by(FILE);
    if let Some(code) = told.number("code") {
        return HRESULT(code.cast_signed());
    }
    let mut search = Box::new(Search { answers: answers(&told), given: 0 });
    // SAFETY: as the caller promises.
    let answer = unsafe { search.next(class, buffer, bytes, returned) };
    if answer == S_OK {
        // SAFETY: as the caller promises.
        unsafe { handle.write(HANDLE(Box::into_raw(search).cast())) };
    }
    answer
}

/// Tells the next filter.
///
/// # Safety
/// The handle is open, the buffer as long as is said, and the count can be written.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn FilterFindNext(
    handle: HANDLE,
    class: i32,
    buffer: *mut c_void,
    bytes: u32,
    returned: *mut u32,
) -> HRESULT {
    note(LOG, "next");
    if let Some(code) = Told::by(FILE).number("later") {
        return HRESULT(code.cast_signed());
    }
    // SAFETY: the handle is one that `FilterFindFirst` gave.
    let search = unsafe { &mut *handle.0.cast::<Search>() };
    // SAFETY: as the caller promises.
    unsafe { search.next(class, buffer, bytes, returned) }
}

/// Ends the search.
///
/// # Safety
/// The handle is open, and not used again.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn FilterFindClose(handle: HANDLE) -> HRESULT {
    note(LOG, "close");
    // SAFETY: the handle is one that `FilterFindFirst` gave, and it is closed once.
    drop(unsafe { Box::from_raw(handle.0.cast::<Search>()) });
    S_OK
}

impl Search {
    /// # Safety
    /// The buffer is as long as is said, and the count can be written.
    unsafe fn next(
        &mut self,
        class: i32,
        buffer: *mut c_void,
        bytes: u32,
        returned: *mut u32,
    ) -> HRESULT {
        if class != FilterAggregateStandardInformation.0 {
            return ERROR_INVALID_PARAMETER.to_hresult();
        }
        let Some(answer) = self.answers.get(self.given) else {
            return ERROR_NO_MORE_ITEMS.to_hresult();
        };
        // SAFETY: as the caller promises.
        unsafe { returned.write(answer.len() as u32) };
        // It is told again to who comes with more room.
        if answer.len() > bytes as usize {
            return ERROR_INSUFFICIENT_BUFFER.to_hresult();
        }
        // SAFETY: the buffer is as long as is said, and that is long enough.
        unsafe { buffer.cast::<u8>().copy_from(answer.as_ptr(), answer.len()) };
        self.given += 1;
        S_OK
    }
}

/// As many answers as there are filters, or one.
fn answers(told: &Told) -> Vec<Vec<u8>> {
    let minifilter = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [name, altitude, frame, instances] = words[..] else { panic!("filter {text}") };
        let number = |text: &str| text.parse().expect("a number of a filter");
        information(name, altitude, Some((number(frame), number(instances))))
    };
    let minifilters = told.all("mini").map(minifilter);
    let legacy = told.all("legacy").map(|name| information(name, "", None));
    let mut all: Vec<Vec<u8>> = minifilters.chain(legacy).collect();
    if !told.has("together") {
        return all;
    }
    let last = all.len().saturating_sub(1);
    for one in &mut all[..last] {
        // Each begins where numbers may stand.
        one.resize(one.len().next_multiple_of(8), 0);
        let next = (one.len() as u32).to_le_bytes();
        one[..4].copy_from_slice(&next);
    }
    vec![all.concat()]
}

/// The structure with the names behind it.
fn information(name: &str, altitude: &str, minifilter: Option<(u32, u32)>) -> Vec<u8> {
    let wide = |it: &str| it.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (name, altitude) = (wide(name), wide(altitude));
    let name_at = size_of::<INFORMATION>() as u16;
    let (name_bytes, altitude_bytes) = (name.len() as u16, altitude.len() as u16);
    let altitude_at = if altitude.is_empty() { 0 } else { name_at + name_bytes };
    let mut it = INFORMATION::default();
    match minifilter {
        Some((frame, instances)) => {
            it.Flags = FLTFL_ASI_IS_MINIFILTER;
            it.Type.MiniFilter = MINIFILTER {
                Flags: 0,
                FrameID: frame,
                NumberOfInstances: instances,
                FilterNameLength: name_bytes,
                FilterNameBufferOffset: name_at,
                FilterAltitudeLength: altitude_bytes,
                FilterAltitudeBufferOffset: altitude_at,
            };
        }
        None => {
            it.Flags = FLTFL_ASI_IS_LEGACYFILTER;
            it.Type.LegacyFilter = LEGACY_FILTER {
                Flags: 0,
                FilterNameLength: name_bytes,
                FilterNameBufferOffset: name_at,
                FilterAltitudeLength: altitude_bytes,
                FilterAltitudeBufferOffset: altitude_at,
            };
        }
    }
    // SAFETY: the structure is plain data without gaps, made of zeros and then filled in.
    let head = unsafe {
        core::slice::from_raw_parts((&raw const it).cast::<u8>(), size_of::<INFORMATION>())
    };
    [head, &name, &altitude].concat()
}
