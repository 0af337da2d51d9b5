//! See `unwedge_fuzz_entry::event_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unwedge_fuzz_entry::event_log(bytes));
