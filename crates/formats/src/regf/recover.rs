//! Keys found by their own mark, for where the list that should name them is damaged.

use super::Hive;
use super::base::BASE_BYTES;
use super::data::{u16_at, u32_at};
use super::key::HIVE_ENTRY;

const WINDOW_BYTES: usize = 1 << 20;
/// What is looked at of a cell: its size, and a key node up to its name.
const SEEN_BYTES: usize = 80;

/// Every key of a hive that is in use, with the key it names as its parent.
pub(super) struct Scan {
    /// Parent and child, sorted.
    pairs: Vec<(u32, u32)>,
    /// The first key that says it is the root.
    pub(super) entry: Option<u32>,
}

impl Scan {
    /// Looks at every place where a cell may begin, once.
    pub(super) fn of(hive: &Hive<'_>) -> Scan {
        let mut scan = Scan { pairs: Vec::new(), entry: None };
        let length = WINDOW_BYTES.min(hive.bins_bytes as usize) + SEEN_BYTES;
        let mut window = vec![0; length];
        let mut start = 0_u64;
        while start < u64::from(hive.bins_bytes) {
            let count = hive.image.read_through(BASE_BYTES as u64 + start, &mut window);
            let mut at = 0;
            while at < WINDOW_BYTES && at + SEEN_BYTES <= count {
                if &window[at + 4..at + 6] == b"nk" {
                    scan.cell((start + at as u64) as u32, &window[at..at + SEEN_BYTES]);
                }
                at += 8;
            }
            start += WINDOW_BYTES as u64;
        }
        scan.pairs.sort_unstable();
        scan
    }

    fn cell(&mut self, at: u32, bytes: &[u8]) {
        let is_used = u32_at(bytes, 0).is_some_and(|size| size.cast_signed() < 0);
        let (Some(flags), Some(parent)) = (u16_at(bytes, 6), u32_at(bytes, 20)) else { return };
        if !is_used {
            return;
        }
        if flags & HIVE_ENTRY != 0 {
            self.entry = self.entry.or(Some(at));
        } else {
            self.pairs.push((parent, at));
        }
    }

    /// Cells of the keys that name `parent`.
    pub(super) fn below(&self, parent: u32) -> impl Iterator<Item = u32> {
        let from = self.pairs.partition_point(|(it, _)| *it < parent);
        self.pairs[from..].iter().take_while(move |(it, _)| *it == parent).map(|(_, at)| *at)
    }
}
