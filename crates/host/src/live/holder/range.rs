//! Finds the ranges of bytes that others have locked, by trying to lock.

use crate::probe::ByteRange;

/// Byte offsets are signed numbers of 64 bits in most of Windows.
pub(super) const WHOLE: ByteRange = ByteRange { from: 0, to: i64::MAX as u64 };

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) ranges: Vec<ByteRange>,
    /// Whether every locked byte is in one of them.
    pub(super) is_complete: bool,
}

/// Finds all locked ranges in `within`. `try_lock` tells whether nobody has any byte of a range
/// locked, and leaves nothing locked behind. At most `most` tries are made.
///
/// Each range takes as many tries as a bisection. Its first byte is exact; its end is that of a
/// locked stretch. A gap that is shorter than the stretch before it may be told as locked too:
/// nothing but a try for each byte would tell it.
pub(super) fn locked(
    within: ByteRange,
    most: usize,
    mut try_lock: impl FnMut(ByteRange) -> bool,
) -> Locked {
    let mut left = most;
    let mut found = Locked { ranges: Vec::new(), is_complete: true };
    let mut from = within.from;
    let mut is_free = |from: u64, to: u64| {
        left = left.checked_sub(1)?;
        Some(try_lock(ByteRange { from, to }))
    };
    while from < within.to {
        match next(from, within.to, &mut is_free) {
            Some(Some(range)) => {
                found.ranges.push(range);
                from = range.to;
            }
            Some(None) => return found,
            None => {
                found.is_complete = false;
                return found;
            }
        }
    }
    found
}

/// The next locked range; `None` if no try is left.
fn next(
    from: u64,
    to: u64,
    is_free: &mut impl FnMut(u64, u64) -> Option<bool>,
) -> Option<Option<ByteRange>> {
    if is_free(from, to)? {
        return Some(None);
    }
    // All before `free` is free; something before `taken` is not.
    let (mut free, mut taken) = (from, to);
    while taken - free > 1 {
        let middle = free + (taken - free) / 2;
        if is_free(free, middle)? { free = middle } else { taken = middle }
    }
    let first = free;
    // The byte before `inside` is locked; that at `outside` is not, or is the end.
    let (mut inside, mut step) = (first + 1, 1);
    let mut outside = loop {
        let at = first.saturating_add(step);
        if at >= to {
            break to;
        }
        if is_free(at, at + 1)? {
            break at;
        }
        inside = at + 1;
        step = step.saturating_mul(2);
    };
    while outside > inside {
        let middle = inside + (outside - inside) / 2;
        if is_free(middle, middle + 1)? { outside = middle } else { inside = middle + 1 }
    }
    Some(Some(ByteRange { from: first, to: inside }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(locks: &[ByteRange], within: ByteRange) -> (Locked, usize) {
        let mut tries = 0;
        let found = locked(within, 100_000, |range| {
            tries += 1;
            assert!(range.from < range.to);
            locks.iter().all(|it| it.to <= range.from || range.to <= it.from)
        });
        (found, tries)
    }

    fn range(from: u64, to: u64) -> ByteRange {
        ByteRange { from, to }
    }

    #[test]
    fn nothing_locked_takes_one_try() {
        assert_eq!(find(&[], WHOLE), (Locked { ranges: Vec::new(), is_complete: true }, 1));
    }

    #[test]
    fn ranges_at_both_ends_and_far_away_are_found() {
        // Databases lock far behind their content: SQLite at 1 GiB, others at the very end.
        let locks = [
            range(0, 10),
            range(4096, 8192),
            range(0x4000_0000, 0x4000_0200),
            range(WHOLE.to - 1, WHOLE.to),
        ];
        let (found, tries) = find(&locks, WHOLE);
        assert_eq!(found.ranges, locks);
        assert!(found.is_complete && tries < 4 * 130 + 1, "{tries}");
        assert_eq!(find(&[WHOLE], WHOLE).0.ranges, [WHOLE]);
        // To the end of what Windows can lock: told as far as one looks.
        assert_eq!(find(&[range(5, u64::MAX)], WHOLE).0.ranges, [range(5, WHOLE.to)]);
    }

    #[test]
    fn tries_are_bounded() {
        let found = locked(WHOLE, 70, |range| range.from >= 10);
        assert!(!found.is_complete);
    }

    proptest! {
        #[test]
        fn every_locked_byte_is_found_and_ends_are_exact(
            parts in prop::collection::vec((0_u64..300, 1_u64..200), 0..12),
        ) {
            let mut locks = Vec::new();
            let mut at = 0;
            for (gap, length) in parts {
                locks.push(range(at + gap, at + gap + length));
                at += gap + length;
            }
            let (found, tries) = find(&locks, range(0, 10_000));
            prop_assert!(found.is_complete);
            prop_assert!(tries <= 1 + (locks.len() + 1) * 50, "{}", tries);
            let is_locked = |byte: u64| locks.iter().any(|it| it.from <= byte && byte < it.to);
            let is_told = |byte: u64| found.ranges.iter().any(|it| it.from <= byte && byte < it.to);
            for byte in 0..10_000 {
                prop_assert!(!is_locked(byte) || is_told(byte), "{}", byte);
            }
            for it in &found.ranges {
                prop_assert!(is_locked(it.from) && is_locked(it.to - 1) && !is_locked(it.to));
                prop_assert!(it.from == 0 || !is_locked(it.from - 1));
            }
        }

        #[test]
        fn ranges_with_wide_gaps_are_exact(
            parts in prop::collection::vec((0_u64..300, 1_u64..200), 0..12),
        ) {
            let mut locks: Vec<ByteRange> = Vec::new();
            let (mut at, mut last) = (0, 0);
            for (gap, length) in parts {
                let from = at + last + 1 + gap;
                locks.push(range(from, from + length));
                (at, last) = (from + length, length);
            }
            prop_assert_eq!(find(&locks, range(0, 10_000)).0.ranges, locks);
        }
    }
}
