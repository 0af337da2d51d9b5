//! A point in time as it is told: in UTC as far as the zone is known, with the decimals of the log.

use std::fmt;

use serde::{Serialize, Serializer};
use unwedge_formats::log::LocalTime;

/// When something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970-01-01.
    pub seconds: i64,
    /// Decimals of the second.
    pub fraction: Fraction,
    /// Whether it is in UTC; else it is local time and nobody knows of which zone.
    pub utc: bool,
}

/// Decimals of a second, as many as the log writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fraction {
    /// In nanoseconds.
    pub nanoseconds: u32,
    /// How many decimals are known, 0 to 9.
    pub digits: u8,
}

impl Stamp {
    /// The time `local` of a log whose clock is `offset_minutes` before UTC, if that is known.
    #[must_use]
    pub fn new(local: LocalTime, fraction: Fraction, offset_minutes: Option<i32>) -> Stamp {
        let offset = i64::from(offset_minutes.unwrap_or(0)) * 60;
        Stamp { seconds: local.as_seconds() - offset, fraction, utc: offset_minutes.is_some() }
    }

    /// What it is ordered by.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { seconds: self.seconds, nanoseconds: self.fraction.nanoseconds }
    }
}

/// Seconds and nanoseconds since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Whole seconds.
    pub seconds: i64,
    /// The rest.
    pub nanoseconds: u32,
}

impl Moment {
    /// Before everything.
    pub const FIRST: Moment = Moment { seconds: i64::MIN, nanoseconds: 0 };
}

/// RFC 3339 with `Z`; without it, when the zone is not known.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds.clamp(MIN_SECONDS, MAX_SECONDS);
        let at = jiff::Timestamp::from_second(seconds).expect("the years 1600 to 9999 are known");
        let at = jiff::tz::Offset::UTC.to_datetime(at);
        let (year, month, day) = (at.year(), at.month(), at.day());
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        write!(f, "T{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
        if let digits @ 1..=9 = usize::from(self.fraction.digits) {
            let decimals = self.fraction.nanoseconds / 10_u32.pow(9 - digits as u32);
            write!(f, ".{decimals:0digits$}")?;
        }
        f.write_str(if self.utc { "Z" } else { "" })
    }
}

/// 1600-01-01 and 9999-12-30T22:00, the last that any offset can be taken from.
const MIN_SECONDS: i64 = -11_676_096_000;
const MAX_SECONDS: i64 = 253_402_207_200;

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the head of a record shows beside the time to the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) fraction: Fraction,
    /// Offset from UTC in minutes.
    pub(super) offset_minutes: Option<i32>,
}

/// Reads what stands behind the seconds of the first time of day in the head of a record:
/// `:216`, `.1571414`, `:087+0300` or `.1234567Z`.
pub(super) fn clock_in(head: &[u8]) -> Clock {
    let is_time = |w: &[u8]| {
        w[2] == b':' && w[5] == b':' && [0, 1, 3, 4, 6, 7].iter().all(|&i| w[i].is_ascii_digit())
    };
    let Some(at) = head.windows(8).position(is_time) else { return Clock::default() };
    let mut rest = &head[at + 8..];
    let mut fraction = Fraction::default();
    if let [b'.' | b':' | b',', decimals @ ..] = rest {
        let digits = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
        for decimal in decimals[..digits].iter().chain([b'0'; 9].iter()).take(9) {
            fraction.nanoseconds = fraction.nanoseconds * 10 + u32::from(decimal - b'0');
        }
        fraction.digits = digits.min(9) as u8;
        rest = &decimals[digits..];
    }
    Clock { fraction, offset_minutes: zone(rest) }
}

/// `Z`, `+0300` or `+03:00` at the beginning of `text`.
fn zone(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'Z', ..] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let digits = match digits {
        [a, b, b':', c, d, ..] | [a, b, c, d, ..] => [*a, *b, *c, *d],
        _ => return None,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let [a, b, c, d] = digits.map(|digit| i32::from(digit - b'0'));
    let minutes = (a * 10 + b) * 60 + c * 10 + d;
    (minutes <= 14 * 60).then_some(sign * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_zones_of_all_heads_are_read() {
        let read = |head: &str| {
            let clock = clock_in(head.as_bytes());
            (clock.fraction.nanoseconds, clock.fraction.digits, clock.offset_minutes)
        };
        assert_eq!(read("2020-02-04 17:17:12, Error    "), (0, 0, None));
        assert_eq!(read("2021-08-28\t03:07:48:216\t 648\t13bc\t"), (216_000_000, 3, None));
        assert_eq!(read("2025/03/17 15:43:15.1571414 18348 7716  "), (157_141_400, 7, None));
        assert_eq!(read("2023-06-17 20:20:23:087+0300\t1\t"), (87_000_000, 3, Some(180)));
        assert_eq!(read("2023-06-17 20:20:23:087-0730\t1\t"), (87_000_000, 3, Some(-450)));
        assert_eq!(read("2017-07-23T10:11:12.1234567Z Error "), (123_456_700, 7, Some(0)));
        assert_eq!(read("no time"), (0, 0, None));
    }

    #[test]
    fn a_time_is_told_in_utc_with_its_decimals() {
        let local =
            LocalTime { year: 2025, month: 3, day: 30, hour: 0, minute: 30, second: 5, ticks: 0 };
        let fraction = Fraction { nanoseconds: 7_000_000, digits: 3 };
        let told = |offset| Stamp::new(local, fraction, offset).to_string();
        assert_eq!(told(Some(60)), "2025-03-29T23:30:05.007Z");
        assert_eq!(told(None), "2025-03-30T00:30:05.007");
        let old =
            LocalTime { year: 1601, month: 1, day: 1, hour: 0, minute: 0, second: 0, ticks: 0 };
        let told = Stamp::new(old, Fraction::default(), Some(840)).to_string();
        assert_eq!(told, "1600-12-31T10:00:00Z");
        let late = LocalTime {
            year: 9999,
            month: 12,
            day: 31,
            hour: 23,
            minute: 59,
            second: 60,
            ticks: 0,
        };
        assert!(Stamp::new(late, Fraction::default(), Some(-840)).to_string().starts_with("9999"));
    }

    proptest::proptest! {
        #[test]
        fn no_head_is_too_strange(head in "[0-9:.,+Z -]{0,40}") {
            let _ = clock_in(head.as_bytes());
        }
    }
}
