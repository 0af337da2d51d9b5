//! See `unwedge_fuzz_entry::image_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unwedge_fuzz_entry::image_file(bytes));
