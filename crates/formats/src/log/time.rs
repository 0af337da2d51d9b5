//! A time of day and date as a log prints it.

use std::fmt;

/// Ticks of 100 ns in a second.
const TICKS_PER_SECOND: u64 = 10_000_000;
/// Seconds from 1601-01-01, where FILETIME begins, to 1970-01-01.
const FILETIME_EPOCH_SECONDS: i64 = 11_644_473_600;

/// A time of day and date by the clock of the log, which most logs do not name a zone for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime {
    /// Year, 1601 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59 (60 in a leap second).
    pub second: u8,
    /// Parts of the second, in units of 100 ns; 0 where the log prints whole seconds.
    pub ticks: u32,
}

impl LocalTime {
    /// The time in UTC that a FILETIME (ticks of 100 ns since 1601-01-01) stands for; `None` behind
    /// the year 9999.
    #[must_use]
    pub fn from_filetime(filetime: u64) -> Option<LocalTime> {
        let seconds = i64::try_from(filetime / TICKS_PER_SECOND).ok()? - FILETIME_EPOCH_SECONDS;
        let ticks = u32::try_from(filetime % TICKS_PER_SECOND).ok()?;
        Some(LocalTime { ticks, ..LocalTime::from_seconds(seconds)? })
    }

    /// The reverse of [`LocalTime::as_seconds`]; `None` outside the years 1601 to 9999.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<LocalTime> {
        // Civil from days, after Howard Hinnant's public-domain date algorithms.
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let days = days.checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let day_of_era = days - era * 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u8::try_from(number).ok();
        Some(LocalTime {
            year: u16::try_from(year).ok().filter(|year| (1601..=9999).contains(year))?,
            month: small(month)?,
            day: small(day_of_year - (153 * shifted + 2) / 5 + 1)?,
            hour: small(rest / 3_600)?,
            minute: small(rest / 60 % 60)?,
            second: small(rest % 60)?,
            ticks: 0,
        })
    }

    /// Whole seconds since 1970-01-01 as if the time were UTC; differences of it are true
    /// durations as long as the zone does not change between.
    #[must_use]
    pub fn as_seconds(self) -> i64 {
        // Days from civil, after Howard Hinnant's public-domain date algorithms.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let day_of_year =
            (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * 86_400
            + i64::from(self.hour) * 3_600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }

    /// The time itself where every part is within its bounds.
    pub(super) fn sane(self) -> Option<LocalTime> {
        let sane = (1601..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60
            && u64::from(self.ticks) < TICKS_PER_SECOND;
        sane.then_some(self)
    }
}

/// `2017-07-23T10:11:12`, and `.1234567` without its last zeros where the log is that exact.
impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LocalTime { year, month, day, hour, minute, second, ticks } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if *ticks == 0 {
            return Ok(());
        }
        let (mut parts, mut digits) = (*ticks, 7);
        while parts % 10 == 0 {
            (parts, digits) = (parts / 10, digits - 1);
        }
        write!(f, ".{parts:0digits$}")
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seconds_count_from_1970() {
        let at = |year, month, day| LocalTime {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
            ticks: 0,
        };
        assert_eq!(at(1970, 1, 1).as_seconds(), 0);
        assert_eq!(at(2000, 3, 1).as_seconds(), 951_868_800);
        assert_eq!(at(1601, 1, 1).as_seconds(), -11_644_473_600);
    }

    #[test]
    fn parts_of_a_second_are_shown_only_where_known() {
        let time = LocalTime::from_filetime(132_223_104_000_000_000).unwrap();
        assert_eq!(time.to_string(), "2020-01-01T00:00:00");
        let time = LocalTime::from_filetime(132_223_104_000_000_000 + 1_230_000).unwrap();
        assert_eq!(time.to_string(), "2020-01-01T00:00:00.123");
        let later = LocalTime::from_filetime(132_223_104_000_000_000 + 1_230_001).unwrap();
        assert_eq!(later.to_string(), "2020-01-01T00:00:00.1230001");
        assert!(later > time);
        assert_eq!(LocalTime::from_filetime(u64::MAX), None);
        assert_eq!(LocalTime::from_filetime(0).unwrap().to_string(), "1601-01-01T00:00:00");
    }

    proptest! {
        #[test]
        fn seconds_go_both_ways(seconds in -11_644_473_600_i64..253_402_300_800) {
            prop_assert_eq!(LocalTime::from_seconds(seconds).unwrap().as_seconds(), seconds);
        }

        #[test]
        fn no_number_panics(filetime: u64, seconds: i64) {
            let _ = LocalTime::from_filetime(filetime);
            let _ = LocalTime::from_seconds(seconds);
        }
    }
}
