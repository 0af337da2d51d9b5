//! The clock on the wall of the PC that wrote a trace.
//!
//! A trace carries the zone of its PC as `TIME_ZONE_INFORMATION`: the distance from UTC and the
//! rules by which summer time begins and ends
//! (learn.microsoft.com, `timezoneapi.h`, TIME_ZONE_INFORMATION).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;

use super::bytes::{array, u16_at};

/// Ticks of 100 ns in a second, the unit of FILETIME.
pub(super) const TICKS_A_SECOND: u64 = 10_000_000;
/// Seconds from 1601, where FILETIME begins, to 1970.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// A time zone with its rules for summer time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds east of UTC.
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    /// Seconds east of UTC.
    offset: i64,
    begins: Change,
    ends: Change,
}

/// When the clock is changed, by the clock as it stood before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    month: i8,
    /// The n-th such day of the month, 5 being the last; `None` when a date was given.
    weekday: Option<Weekday>,
    day: i8,
    hour: i8,
    minute: i8,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone { standard: 0, summer: None };

    /// A clock that is always so many minutes ahead of UTC.
    #[must_use]
    pub const fn fixed(offset_minutes: i32) -> Zone {
        Zone { standard: offset_minutes as i64 * 60, summer: None }
    }

    /// Reads the 172 bytes of `TIME_ZONE_INFORMATION`; what makes no sense in it is left out.
    pub(super) fn read(bytes: &[u8]) -> Option<Zone> {
        let minutes = |at| Some(i32::from_le_bytes(array(bytes, at)?));
        let seconds = |bias: i32, more: i32| {
            let sum = i64::from(bias) + i64::from(more);
            (sum.abs() <= 26 * 60).then_some(-sum * 60)
        };
        let (bias, standard_bias, daylight_bias) = (minutes(0)?, minutes(84)?, minutes(168)?);
        let summer = || {
            Some(Summer {
                offset: seconds(bias, daylight_bias)?,
                begins: Change::read(bytes, 152)?,
                ends: Change::read(bytes, 68)?,
            })
        };
        Some(Zone { standard: seconds(bias, standard_bias).unwrap_or(0), summer: summer() })
    }

    /// Seconds east of UTC at a time given in FILETIME ticks.
    #[must_use]
    pub fn offset_seconds(&self, ticks: u64) -> i64 {
        self.summer_offset(ticks).unwrap_or(self.standard)
    }

    /// The offset while it is summer.
    fn summer_offset(&self, ticks: u64) -> Option<i64> {
        let summer = self.summer.as_ref()?;
        let utc = unix_seconds(ticks);
        let year = civil(utc + self.standard)?.year();
        let begins = summer.begins.at(year)? - self.standard;
        let ends = summer.ends.at(year)? - summer.offset;
        // South of the equator summer goes over the turn of the year.
        let is_summer =
            if begins < ends { begins <= utc && utc < ends } else { utc < ends || begins <= utc };
        is_summer.then_some(summer.offset)
    }
}

impl Change {
    /// Reads a SYSTEMTIME; a month of 0 says that the zone has no summer time.
    fn read(bytes: &[u8], at: usize) -> Option<Change> {
        let part = |index: usize| u16_at(bytes, at + 2 * index);
        let within = |index, least: u16, most: u16| {
            part(index).filter(|it| (least..=most).contains(it)).map(|it| it as i8)
        };
        let by_weekday = part(0)? == 0;
        let weekday = Weekday::from_sunday_zero_offset(within(2, 0, 6)?).ok()?;
        Some(Change {
            month: within(1, 1, 12)?,
            weekday: by_weekday.then_some(weekday),
            day: within(3, 1, if by_weekday { 5 } else { 31 })?,
            hour: within(4, 0, 23)?,
            minute: within(5, 0, 59)?,
        })
    }

    /// Seconds since 1970 by the clock as it stood before the change.
    fn at(self, year: i16) -> Option<i64> {
        let date = match self.weekday {
            Some(weekday) => {
                let nth = if self.day == 5 { -1 } else { self.day };
                Date::new(year, self.month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok()?
            }
            None => Date::new(year, self.month, self.day).ok()?,
        };
        let time = date.to_datetime(jiff::civil::time(self.hour, self.minute, 0, 0));
        Some(Offset::UTC.to_timestamp(time).ok()?.as_second())
    }
}

/// Whole seconds since 1970.
pub(super) fn unix_seconds(ticks: u64) -> i64 {
    (ticks / TICKS_A_SECOND) as i64 - SECONDS_TO_1970
}

/// Date and time of so many seconds since 1970.
pub(super) fn civil(seconds: i64) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(Timestamp::from_second(seconds).ok()?))
}

/// The other way: FILETIME ticks of a time in UTC. For fixtures.
#[must_use]
pub fn ticks_at(time: DateTime) -> u64 {
    let seconds = Offset::UTC.to_timestamp(time).map_or(0, Timestamp::as_second);
    u64::try_from(seconds + SECONDS_TO_1970).unwrap_or(0) * TICKS_A_SECOND
        + u64::from(time.subsec_nanosecond().unsigned_abs()) / 100
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Bias, and the days on which summer ends and begins: month, weekday, n-th, hour.
    fn zone(bias: i32, ends: [u16; 4], begins: [u16; 4]) -> Zone {
        let mut bytes = vec![0; 172];
        bytes[..4].copy_from_slice(&bias.to_le_bytes());
        bytes[168..].copy_from_slice(&(-60_i32).to_le_bytes());
        for (at, change) in [(68, ends), (152, begins)] {
            for (index, value) in change.into_iter().enumerate() {
                let to = at + 2 + 2 * index;
                bytes[to..to + 2].copy_from_slice(&value.to_le_bytes());
            }
        }
        Zone::read(&bytes).unwrap()
    }

    #[track_caller]
    fn check(zone: &Zone, utc: DateTime, hours: i64) {
        assert_eq!(zone.offset_seconds(ticks_at(utc)), hours * 3600, "{utc}");
    }

    #[test]
    fn summer_time_begins_and_ends_by_the_rule_of_the_zone() {
        let pacific = zone(480, [11, 0, 1, 2], [3, 0, 2, 2]);
        check(&pacific, date(2025, 3, 9).at(9, 59, 59, 0), -8);
        check(&pacific, date(2025, 3, 9).at(10, 0, 0, 0), -7);
        check(&pacific, date(2025, 11, 2).at(8, 59, 59, 0), -7);
        check(&pacific, date(2025, 11, 2).at(9, 0, 0, 0), -8);
        let berlin = zone(-60, [10, 0, 5, 3], [3, 0, 5, 2]);
        check(&berlin, date(2025, 3, 30).at(0, 59, 59, 0), 1);
        check(&berlin, date(2025, 3, 30).at(1, 0, 0, 0), 2);
        check(&berlin, date(2025, 10, 26).at(0, 59, 59, 0), 2);
        check(&berlin, date(2025, 10, 26).at(1, 0, 0, 0), 1);
    }

    #[test]
    fn in_the_south_summer_lasts_over_the_turn_of_the_year() {
        let sydney = zone(-600, [4, 0, 1, 3], [10, 0, 1, 2]);
        check(&sydney, date(2025, 1, 1).at(0, 0, 0, 0), 11);
        check(&sydney, date(2025, 7, 1).at(0, 0, 0, 0), 10);
        check(&sydney, date(2025, 12, 31).at(20, 0, 0, 0), 11);
    }

    #[test]
    fn a_zone_without_summer_time_has_one_offset() {
        let india = zone(-330, [0; 4], [0; 4]);
        assert_eq!(india.offset_seconds(ticks_at(date(2025, 7, 1).at(0, 0, 0, 0))), 19_800);
        assert_eq!(Zone::read(&[0; 172]), Some(Zone::UTC));
    }
}
