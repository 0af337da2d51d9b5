//! See `unwedge_fuzz_entry::container`.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // The libraries for these two ask for as much memory as a file says it needs, in its index (xz)
    // or in its list of coders (7z); until they do not, nothing behind that would be found.
    let holds = |mark: &[u8]| bytes.windows(mark.len()).any(|it| it == mark);
    if holds(b"\xfd7zXZ") || holds(b"7z\xbc\xaf\x27\x1c") {
        return Corpus::Reject;
    }
    unwedge_fuzz_entry::container(bytes);
    Corpus::Keep
});
