//! See `unwedge_fuzz_entry::container`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unwedge_fuzz_entry::container(bytes));
