//! All keys of a hive, one after the other.

use super::{Hive, Key};
use crate::Gap;

/// Damage beyond this is not told one by one.
const MOST_GAPS: usize = 1_000;

impl Hive<'_> {
    /// Shows every key that can be reached to `visit`, each once and parents first, and tells
    /// what could not be read.
    pub fn walk<'h>(&'h self, mut visit: impl FnMut(&Key<'h>)) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut open = match self.root() {
            Ok(root) => vec![root],
            Err(gap) => return vec![gap],
        };
        // Cells begin at multiples of 8: a bit for each that was seen.
        let mut seen = vec![0_u64; self.bins_bytes as usize / 512 + 1];
        // Lists that are shared would be read again and again.
        let mut left = u64::from(self.bins_bytes) / 4 + 1;
        while let Some(key) = open.pop() {
            let (word, bit) = (key.at as usize / 512, 1 << (key.at / 8 % 64));
            if seen[word] & bit != 0 {
                gaps.push(self.unreadable(key.at, "key", "named more than once"));
                continue;
            }
            seen[word] |= bit;
            visit(&key);
            let entries = u64::from(key.most_below());
            if entries > left {
                gaps.push(self.unreadable(
                    key.at,
                    "list of keys",
                    "more keys than the hive can hold",
                ));
                continue;
            }
            left -= entries;
            let below = key.subkeys();
            gaps.extend(below.gaps);
            gaps.truncate(MOST_GAPS);
            open.extend(below.items.into_iter().rev());
        }
        gaps
    }

    /// How many keys can be reached.
    #[must_use]
    pub fn key_count(&self) -> u64 {
        let mut count = 0;
        self.walk(|_| count += 1);
        count
    }
}
