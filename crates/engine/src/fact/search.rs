//! Finds what is worth reading in a block of whole lines, and on which line it stands.
//!
//! Nothing here depends on what was found before, so blocks can be searched side by side.

use std::ops::Range;

use unwedge_formats::log::{count_lines, line_around};

use crate::rule::Matcher;

/// A block of whole lines (but for the last of a file), searched.
#[derive(Debug)]
pub(super) struct Searched {
    /// The lines.
    pub(super) lines: Vec<u8>,
    /// What is worth reading in them, in their order.
    pub(super) hits: Vec<Hit>,
    /// How many lines end in the block.
    pub(super) line_count: u64,
    /// The damaged lines, each by how many end before it in the block.
    pub(super) damaged: Vec<u64>,
}

/// A place worth reading in a block; several may lie in one line.
#[derive(Debug)]
pub(super) struct Hit {
    /// The line around it, without its end.
    pub(super) line: Range<usize>,
    pub(super) found: Found,
}

/// What stands at a place worth reading.
#[derive(Debug)]
pub(super) enum Found {
    /// The stamp of a CSI record, which shows how far the clock is from UTC.
    Stamp,
    /// Something to read the line for.
    Line {
        /// How many lines end before it in the block.
        above: u64,
    },
}

/// Searches `lines`, which begin where a line begins.
pub(super) fn search(matcher: &Matcher<'_>, lines: Vec<u8>) -> Searched {
    let mut count = Count { lines: &lines, counted: 0, ends: 0 };
    let mut hits = Vec::new();
    let mut at = 0;
    while let Some(hit) = matcher.next_hit(&lines, at) {
        let (line, start, next) = line_around(&lines, hit);
        let line = start..start + line.len();
        // Behind a stamp another literal may make the same line worth reading.
        let (found, next) = match lines[hit] {
            b'@' => (Found::Stamp, hit + 1),
            _ => (Found::Line { above: count.up_to(start) }, next),
        };
        hits.push(Hit { line, found });
        at = next;
    }
    let line_count = count.up_to(lines.len());
    Searched { damaged: damaged(&lines), hits, line_count, lines }
}

/// The damaged lines of a block: text of these logs holds no zero bytes.
fn damaged(lines: &[u8]) -> Vec<u64> {
    let mut count = Count { lines, counted: 0, ends: 0 };
    let (mut damaged, mut from) = (Vec::new(), 0);
    while let Some(at) = memchr::memchr(0, &lines[from..]).map(|i| from + i) {
        damaged.push(count.up_to(at));
        from = memchr::memchr2(b'\n', b'\r', &lines[at..]).map_or(lines.len(), |i| at + i);
    }
    damaged
}

/// Counts line ends from one place to the next.
struct Count<'b> {
    lines: &'b [u8],
    counted: usize,
    ends: u64,
}

impl Count<'_> {
    fn up_to(&mut self, at: usize) -> u64 {
        self.ends += count_lines(&self.lines[self.counted..at]);
        self.counted = at;
        self.ends
    }
}
