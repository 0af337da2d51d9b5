//! A long series in bounded memory: its beginning and its end are kept, the middle is counted.

use std::collections::VecDeque;

/// How many of the first, and as many of the last, are kept.
const KEPT: usize = 300;

/// The first and the last items of a series of any length.
#[derive(Debug, Clone)]
pub struct Series<T> {
    first: Vec<T>,
    last: VecDeque<T>,
    length: u64,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Series { first: Vec::new(), last: VecDeque::new(), length: 0 }
    }
}

impl<T> Series<T> {
    /// Adds an item to the end.
    pub fn push(&mut self, item: T) {
        self.length += 1;
        if self.first.len() < KEPT && self.last.is_empty() {
            self.first.push(item);
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(item);
    }

    /// Adds a later series to the end.
    pub fn append(&mut self, later: Series<T>) {
        let dropped = later.length - (later.first.len() + later.last.len()) as u64;
        for item in later.first.into_iter().chain(later.last) {
            self.push(item);
        }
        self.length += dropped;
    }

    /// How many items there were, kept or not.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Leaves out what `is_kept` refuses, and goes on counting it.
    pub(super) fn thin(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.first.retain(&is_kept);
        self.last.retain(&is_kept);
    }

    /// Keeps at most so many of the first, and as many of the last.
    pub(super) fn shorten(&mut self, most: usize) {
        if self.last.is_empty() {
            let from = self.first.len().saturating_sub(most).max(most).min(self.first.len());
            self.last = self.first.split_off(from).into();
        }
        self.first.truncate(most);
        self.first.shrink_to_fit();
        self.last.drain(..self.last.len().saturating_sub(most));
        self.last.shrink_to_fit();
    }

    /// Leaves out what `is_kept` refuses; afterwards only what is kept counts.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.first.retain(&is_kept);
        self.last.retain(&is_kept);
        self.length = (self.first.len() + self.last.len()) as u64;
    }

    /// The kept items in their order, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.last)
    }

    /// The kept items in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_series_is_counted_only() {
        let mut series = Series::default();
        for i in 0..10_000 {
            series.push(i);
        }
        assert_eq!(series.length(), 10_000);
        let kept: Vec<i32> = series.iter().copied().collect();
        assert_eq!(kept.len(), 2 * KEPT);
        assert_eq!(
            (kept[0], kept[KEPT - 1], kept[KEPT], kept[2 * KEPT - 1]),
            (0, 299, 9_700, 9_999)
        );
    }
}
