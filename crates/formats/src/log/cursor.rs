//! A place in one line that moves on while numbers and marks are read off.

use super::time::LocalTime;

/// Reads one line from left to right; each step gives `None` where the line is otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Cursor { line, at: 0 }
    }

    /// Offset in the line.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.line[self.at..]
    }

    /// Takes the next byte when it is one of `marks`.
    pub(super) fn any(&mut self, marks: &[u8]) -> Option<u8> {
        let next = *self.line.get(self.at)?;
        marks.contains(&next).then(|| {
            self.at += 1;
            next
        })
    }

    /// Takes exactly `mark`.
    pub(super) fn exactly(&mut self, mark: &[u8]) -> Option<()> {
        self.rest().starts_with(mark).then(|| self.at += mark.len())
    }

    /// Takes blanks and tabs; gives how many.
    pub(super) fn blanks(&mut self) -> usize {
        let count = self.rest().iter().take_while(|&&b| b == b' ' || b == b'\t').count();
        self.at += count;
        count
    }

    /// Takes a decimal number of `least` to `most` digits, followed by another byte than a digit.
    pub(super) fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.digits(least, most)?;
        digits.iter().try_fold(0_u32, |number, digit| {
            number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        })
    }

    /// Takes the digits behind a decimal point as units of 100 ns.
    pub(super) fn ticks(&mut self) -> Option<u32> {
        let digits = self.digits(1, 9)?;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(7);
        Some(padded.fold(0, |ticks, digit| ticks * 10 + u32::from(digit - b'0')))
    }

    /// Takes what stands before the next blank, tab or end; never nothing.
    pub(super) fn word(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = rest.iter().position(|&b| b == b' ' || b == b'\t').unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    /// Takes `YYYY-MM-DD` with any of the given separators, the same one twice.
    pub(super) fn date(&mut self, separators: &[u8]) -> Option<(u16, u8, u8)> {
        let year = self.number(4, 4)?;
        let separator = self.any(separators)?;
        let month = self.number(2, 2)?;
        self.any(&[separator])?;
        let day = self.number(2, 2)?;
        Some((u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
    }

    /// Takes `HH:MM:SS` with any of the given separators, the same one twice.
    pub(super) fn clock(&mut self, separators: &[u8]) -> Option<(u8, u8, u8)> {
        let hour = self.number(2, 2)?;
        let separator = self.any(separators)?;
        let minute = self.number(2, 2)?;
        self.any(&[separator])?;
        let second = self.number(2, 2)?;
        Some((u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, u8::try_from(second).ok()?))
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<&'a [u8]> {
        let rest = self.rest();
        let count = rest.iter().take(most + 1).take_while(|b| b.is_ascii_digit()).count();
        if !(least..=most).contains(&count) {
            return None;
        }
        self.at += count;
        Some(&rest[..count])
    }
}

/// The time that date, time of day and parts of a second make; `None` when there is no such time.
pub(super) fn time_of(
    (year, month, day): (u16, u8, u8),
    (hour, minute, second): (u8, u8, u8),
    ticks: u32,
) -> Option<LocalTime> {
    LocalTime { year, month, day, hour, minute, second, ticks }.sane()
}
