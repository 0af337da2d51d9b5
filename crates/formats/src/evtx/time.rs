//! Times of Windows as text in UTC.

use std::fmt::Write as _;

/// 100 ns ticks in a second.
const TICKS_PER_SECOND: u64 = 10_000_000;
/// Days from 1601-01-01 to 9999-12-31, the last day that has a year of four digits.
const LAST_DAY: u64 = 3_067_670;

/// Writes a FILETIME (100 ns since 1601-01-01, UTC) as `2017-07-23T10:11:12.1234567Z`; a time
/// behind the year 9999 becomes the last moment of it.
pub(super) fn write_file_time(text: &mut String, ticks: u64) {
    let last = (LAST_DAY + 1) * 86_400 * TICKS_PER_SECOND - 1;
    let ticks = ticks.min(last);
    let (seconds, fraction) = (ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND);
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    // By hand: this is written for every event, and formatting would take longer than the rest.
    let mut bytes = *b"0000-00-00T00:00:00.0000000Z";
    put_digits(&mut bytes[0..4], year);
    put_digits(&mut bytes[5..7], month);
    put_digits(&mut bytes[8..10], day);
    put_digits(&mut bytes[11..13], hour);
    put_digits(&mut bytes[14..16], minute);
    put_digits(&mut bytes[17..19], second);
    put_digits(&mut bytes[20..27], fraction);
    text.push_str(str::from_utf8(&bytes).expect("digits are text"));
}

/// Writes a SYSTEMTIME: eight 16-bit numbers, year, month, day of week, day, hour, minute, second
/// and milliseconds.
pub(super) fn write_system_time(text: &mut String, bytes: &[u8; 16]) {
    let part = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}0000Z",
        part(0),
        part(2),
        part(6),
        part(8),
        part(10),
        part(12),
        part(14)
    );
}

/// Fills the place with the last digits of a number.
fn put_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a count of days since 1601-01-01, after Howard Hinnant's public-domain
/// date algorithms.
fn civil(days: u64) -> (u64, u64, u64) {
    // His eras begin on the first of March of a year that 400 divides; 1600-03-01 is 306 days
    // before 1601-01-01.
    let shifted = days + 306;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 1600 + era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ticks: u64) -> String {
        let mut text = String::new();
        write_file_time(&mut text, ticks);
        text
    }

    #[test]
    fn file_times_count_from_1601() {
        assert_eq!(text(0), "1601-01-01T00:00:00.0000000Z");
        assert_eq!(text(116_444_736_000_000_000), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(text(131_452_782_721_234_567), "2017-07-23T10:11:12.1234567Z");
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59.9999999Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        for days in 1..=LAST_DAY {
            let ((y0, m0, d0), (y1, m1, d1)) = (civil(days - 1), civil(days));
            let next = (y1, m1, d1) == (y0, m0, d0 + 1)
                || (y1, m1, d1) == (y0, m0 + 1, 1)
                || (y1, m1, d1) == (y0 + 1, 1, 1) && m0 == 12;
            assert!(next, "{y0}-{m0}-{d0} then {y1}-{m1}-{d1}");
        }
        assert_eq!(civil(LAST_DAY), (9999, 12, 31));
    }

    #[test]
    fn system_times_are_written_the_same_way() {
        let mut bytes = [0; 16];
        for (at, part) in [2017_u16, 7, 0, 23, 10, 11, 12, 123].into_iter().enumerate() {
            bytes[2 * at..2 * at + 2].copy_from_slice(&part.to_le_bytes());
        }
        let mut text = String::new();
        write_system_time(&mut text, &bytes);
        assert_eq!(text, "2017-07-23T10:11:12.1230000Z");
    }
}
