//! See `unwedge_fuzz_entry::servicing_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unwedge_fuzz_entry::servicing_log(bytes));
