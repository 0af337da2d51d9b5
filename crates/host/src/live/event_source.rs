//! A word in the Application log of this PC, for whoever looks after many of them.

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};
use windows::core::{HSTRING, PCWSTR};

use super::refusal::refused;
use super::said::{Said, Weight};
use crate::Result;

const OP: &str = "write to";
const SUBJECT: &str = "the Application log";
const SOURCE: &str = "unwedge";

/// An open source; closed when it goes out of scope.
struct Source(HANDLE);

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by us and is closed once.
        let _ = unsafe { DeregisterEventSource(self.0) };
    }
}

/// Writes one event. Nothing is registered for it, so that the text stands in it as it is.
pub(super) fn write(said: &Said) -> Result<()> {
    let name = HSTRING::from(SOURCE);
    // SAFETY: the name lives as long as the call; no server means this PC.
    let opened = unsafe { RegisterEventSourceW(PCWSTR::null(), &name) };
    let source = Source(opened.map_err(|error| refused(OP, SUBJECT, &error))?);
    let kind = match said.weight {
        Weight::Information => EVENTLOG_INFORMATION_TYPE,
        Weight::Warning => EVENTLOG_WARNING_TYPE,
        Weight::Error => EVENTLOG_ERROR_TYPE,
    };
    let text = HSTRING::from(said.text.as_str());
    let texts = [PCWSTR(text.as_ptr())];
    // SAFETY: the source is open; the text ends in a zero and lives as long as the call.
    unsafe { ReportEventW(source.0, kind, 0, said.number, None, 0, Some(&texts), None) }
        .map_err(|error| refused(OP, SUBJECT, &error))
}
