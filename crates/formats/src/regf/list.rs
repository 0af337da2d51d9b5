//! Lists of the keys below a key: `li`, `lf`, `lh`, and `ri`, a list of those.

use std::borrow::Cow;

use super::Hive;
use super::data::{u16_at, u32_at};
use crate::Gap;

/// Damage of one list beyond this is not told one by one.
pub(super) const MOST_GAPS: usize = 64;

/// What a list says about a key without looking at it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hint {
    None,
    /// The first four letters of its name.
    Beginning([u8; 4]),
    /// The hash of its name in upper case.
    Hash(u32),
}

/// One list that names keys.
pub(super) struct Leaf<'h> {
    kind: [u8; 2],
    entries: Cow<'h, [u8]>,
}

impl<'h> Leaf<'h> {
    /// The leaves of the list at `at`: itself, or those it names until there are `wanted` entries.
    /// Damage goes to `gaps`.
    pub(super) fn all(
        hive: &'h Hive<'h>,
        at: u32,
        wanted: u32,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Leaf<'h>> {
        let first = match Leaf::read(hive, at) {
            Ok(leaf) => leaf,
            Err(gap) => {
                gaps.push(gap);
                return Vec::new();
            }
        };
        if &first.kind != b"ri" {
            return vec![first];
        }
        let mut all = Vec::new();
        let mut left = wanted as usize;
        for entry in first.entries.chunks_exact(4) {
            // A list may be shared by many keys: what is damaged in it is not told without end.
            if left == 0 || gaps.len() >= MOST_GAPS {
                break;
            }
            let below = u32_at(entry, 0).unwrap_or_default();
            match Leaf::read(hive, below) {
                Ok(leaf) if &leaf.kind == b"ri" => {
                    gaps.push(hive.unreadable(below, "list of keys", "lists in a circle"));
                }
                Ok(leaf) if leaf.entries.is_empty() => {
                    gaps.push(hive.unreadable(below, "list of keys", "empty"));
                }
                Ok(leaf) => {
                    left = left.saturating_sub(leaf.entries().count());
                    all.push(leaf);
                }
                Err(gap) => gaps.push(gap),
            }
        }
        all
    }

    fn read(hive: &'h Hive<'h>, at: u32) -> Result<Leaf<'h>, Gap> {
        let (from, length) = hive.cell(at, "list of keys")?;
        let wrong = |why| hive.unreadable(at, "list of keys", why);
        let head = hive.image.bytes(from, 4).ok_or_else(|| wrong("cannot be read"))?;
        let kind = [head[0], head[1]];
        let entry_bytes = match &kind {
            b"li" | b"ri" => 4,
            b"lf" | b"lh" => 8,
            _ => return Err(wrong("not a list")),
        };
        let count = usize::from(u16_at(&head, 2).unwrap_or_default());
        // A list that is cut short leaves its key with fewer below than it says, which is noticed.
        let count = count.min((length - 4) / entry_bytes);
        let entries = hive.image.bytes(from + 4, count * entry_bytes);
        Ok(Leaf { kind, entries: entries.ok_or_else(|| wrong("cannot be read"))? })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, Hint)> {
        let entry_bytes = if &self.kind == b"li" { 4 } else { 8 };
        self.entries.chunks_exact(entry_bytes).map(|entry| {
            let at = u32_at(entry, 0).unwrap_or_default();
            let hint = match &self.kind {
                b"lh" => Hint::Hash(u32_at(entry, 4).unwrap_or_default()),
                b"lf" => Hint::Beginning([entry[4], entry[5], entry[6], entry[7]]),
                _ => Hint::None,
            };
            (at, hint)
        })
    }
}
