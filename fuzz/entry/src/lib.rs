//! One entry a parser: takes any bytes and checks what must hold for all of them.
//!
//! The targets of `cargo fuzz` and the replay in `cargo test` call the same functions. They panic
//! when something does not hold that must: items and gaps cover the input or lie in it, what was
//! read can be written and read again, and nothing else panics.

mod code;
mod container;
mod database;
mod event_log;
mod event_text;
mod export;
mod fixture;
mod hive;
mod image_file;
mod registry_export;
mod text_log;
mod trace;

pub use code::code;
pub use container::container;
pub use database::database;
pub use event_log::event_log;
pub use event_text::event_text;
pub use export::export;
pub use fixture::fixture;
pub use hive::hive;
pub use image_file::image_file;
pub use registry_export::registry_export;
pub use text_log::{servicing_log, text_log};
pub use trace::trace;

use std::ops::Range;

use unwedge_formats::Gap;

/// A parser under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the fuzz target, and of its folders of seeds and regressions.
    pub name: &'static str,
    /// Runs it on any bytes.
    pub run: fn(&[u8]),
    /// How much memory it may hold.
    pub memory: Memory,
}

/// The most memory that a parser holds at a time, and the entry with it.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// For each byte of input.
    pub multiple: u64,
    /// For any input, in bytes.
    pub fixed_bytes: u64,
}

impl Memory {
    /// The bound for an input of this length.
    #[must_use]
    pub const fn for_input(self, length_bytes: usize) -> u64 {
        self.fixed_bytes + self.multiple * length_bytes as u64
    }
}

/// All parsers.
pub const TARGETS: [Target; 13] = [
    target("code", code, 16, 16 << 10),
    target("container", container, 16, 8 << 20),
    target("database", database, 1, 4 << 10),
    target("event_log", event_log, 64, 4 << 20),
    target("event_text", event_text, 64, 16 << 10),
    target("export", export, 64, 16 << 10),
    target("fixture", fixture, 64, 64 << 10),
    target("hive", hive, 64, 256 << 10),
    target("image_file", image_file, 16, 16 << 10),
    target("registry_export", registry_export, 64, 16 << 10),
    target("servicing_log", servicing_log, 16, 16 << 10),
    target("text_log", text_log, 16, 16 << 10),
    target("trace", trace, 64, 64 << 10),
];

const fn target(name: &'static str, run: fn(&[u8]), multiple: u64, fixed_bytes: u64) -> Target {
    Target { name, run, memory: Memory { multiple, fixed_bytes } }
}

/// Gaps lie in the input, where that is of a known length.
#[track_caller]
fn gaps_lie_in(whole: Range<u64>, gaps: &[Gap]) {
    for gap in gaps {
        let Range { start, end } = gap.at;
        assert!(whole.start <= start && start <= end && end <= whole.end, "{gap:?} in {whole:?}");
        assert!(!gap.what.is_empty());
        assert!(!gap.why.to_string().is_empty());
    }
}
