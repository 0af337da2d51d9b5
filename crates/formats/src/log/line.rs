//! The head of a servicing record: time, level, component, and where the text begins.

use super::time::LocalTime;

/// How loud the writer was. Of little use: roots are often `Info`, errors are often noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `Info`, and `Perf`, which old builds write.
    Info,
    /// `Warning`.
    Warning,
    /// `Error`, in any case; also `FatalError`.
    Error,
}

/// The head of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// When, by the local clock.
    pub time: LocalTime,
    /// How loud.
    pub level: Level,
    /// Who wrote it, such as `CBS`; empty where the record names nobody (setup-time records).
    pub component: &'a [u8],
    /// Offset of the text in the line.
    pub text_at: usize,
}

/// Column at which the text stands when the component is blank.
const TEXT_COLUMN: usize = 50;

/// Reads the head of a record; `None` when the line does not begin one.
///
/// Columns are those of Windows, but copies with other spacing (pasted into a mail, wrapped in a
/// tool's output) are read as well, as long as the component is one of the known ones.
#[must_use]
pub fn header(line: &[u8]) -> Option<Header<'_>> {
    // The first byte and the comma reject nearly every continuation line at once.
    if line.len() < 27 || line[4] != b'-' || line[19] != b',' || line[20] != b' ' {
        return None;
    }
    let time = local_time(line)?;
    let level_end = 21 + line[21..].iter().take(12).position(|&b| b == b' ')?;
    let level = match &line[21..level_end] {
        b"Info" | b"Perf" => Level::Info,
        b"Error" | b"ERROR" | b"FatalError" => Level::Error,
        b"Warning" | b"WARNING" => Level::Warning,
        _ => return None,
    };
    let mut component_at = level_end + line[level_end..].iter().position(|&b| b != b' ')?;
    // An event code may stand between: `Error      [0x018005] CSI    0000002b (F) …`.
    if line[component_at..].starts_with(b"[0x")
        && let Some(close) = line[component_at..].iter().take(14).position(|&b| b == b']')
    {
        let behind = component_at + close + 1;
        let blanks = line[behind..].iter().position(|&b| b != b' ')?;
        if matches!(line[behind + blanks..].get(..4), Some(b"CSI " | b"CBS ")) {
            component_at = behind + blanks;
        }
    }
    let (component, text_at) = component(line, component_at);
    Some(Header { time, level, component, text_at })
}

/// The component at `at` and the offset of the text behind it.
fn component(line: &[u8], at: usize) -> (&[u8], usize) {
    if at >= TEXT_COLUMN {
        return (b"", at);
    }
    let length = line[at..].iter().position(|&b| b == b' ').unwrap_or(line.len() - at);
    let word = &line[at..at + length];
    // At its own column every short word is a component; elsewhere only a known one is.
    let in_column = at == 43 && length <= 12 && word.iter().all(u8::is_ascii_alphanumeric);
    let known = matches!(
        word,
        b"CBS" | b"CSI" | b"SXS" | b"DPX" | b"DEPLOY" | b"DISM" | b"UpdateAgent" | b"WIM"
    );
    if !in_column && !known {
        return (b"", at);
    }
    let rest = &line[at + length..];
    let blanks = rest.iter().position(|&b| b != b' ').unwrap_or(rest.len());
    // Text may itself begin with blanks: those behind the column belong to it.
    let text_at = at + length + blanks;
    (word, if at == 43 && text_at > TEXT_COLUMN && length < 7 { TEXT_COLUMN } else { text_at })
}

fn local_time(line: &[u8]) -> Option<LocalTime> {
    if line[7] != b'-' || line[10] != b' ' || line[13] != b':' || line[16] != b':' {
        return None;
    }
    let time = LocalTime {
        year: u16::from(two(line, 0)?) * 100 + u16::from(two(line, 2)?),
        month: two(line, 5)?,
        day: two(line, 8)?,
        hour: two(line, 11)?,
        minute: two(line, 14)?,
        second: two(line, 17)?,
        ticks: 0,
    };
    let sane = time.year >= 1601
        && (1..=12).contains(&time.month)
        && (1..=31).contains(&time.day)
        && time.hour < 24
        && time.minute < 60
        && time.second <= 60;
    sane.then_some(time)
}

fn two(line: &[u8], at: usize) -> Option<u8> {
    let (tens, ones) = (line[at].wrapping_sub(b'0'), line[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

/// The sequence number that opens the text of a CSI record; it counts from 1 since the servicing
/// stack was loaded, so a jump shows that records are missing.
#[must_use]
pub fn csi_sequence(text: &[u8]) -> Option<u32> {
    let digits = text.get(..8)?;
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    matches!(text.get(8), Some(b' ' | b'@') | None).then_some(number)
}

/// The UTC time that some CSI records carry beside their local one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsiStamp {
    /// The time in UTC, whole seconds.
    pub utc: LocalTime,
}

impl CsiStamp {
    /// Offset of local time from UTC in minutes, rounded to a quarter of an hour, when `local` is
    /// the time at the head of the same record; `None` when the two do not belong together.
    #[must_use]
    pub fn offset_minutes(&self, local: LocalTime) -> Option<i32> {
        let seconds = local.as_seconds() - self.utc.as_seconds();
        let quarters = (seconds as f64 / 900.0).round();
        let near = (seconds as f64 - quarters * 900.0).abs() <= 120.0;
        (near && quarters.abs() <= 14.0 * 4.0).then(|| quarters as i32 * 15)
    }
}

/// Reads `0000000f@2020/2/5:00:51:01.192` at the start of a CSI record's text.
#[must_use]
pub fn csi_stamp(text: &[u8]) -> Option<CsiStamp> {
    csi_sequence(text)?;
    let rest = text.get(8..)?.strip_prefix(b"@")?;
    let mut numbers = [0_u16; 6];
    let mut at = 0;
    for (slot, after) in numbers.iter_mut().zip([b'/', b'/', b':', b':', b':', b'.']) {
        let length = rest[at..].iter().take(5).position(|b| !b.is_ascii_digit())?;
        *slot = std::str::from_utf8(&rest[at..at + length]).ok()?.parse().ok()?;
        if rest[at + length] != after {
            return None;
        }
        at += length + 1;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let byte = |n: u16, max: u16| (n <= max).then_some(n as u8);
    let utc = LocalTime {
        year: (1601..=9999).contains(&year).then_some(year)?,
        month: byte(month, 12).filter(|&m| m > 0)?,
        day: byte(day, 31).filter(|&d| d > 0)?,
        hour: byte(hour, 23)?,
        minute: byte(minute, 59)?,
        second: byte(second, 60)?,
        ticks: 0,
    };
    Some(CsiStamp { utc })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_windows_are_read() {
        let line = b"2020-02-04 17:17:12, Error                 CBS    Session: 1_2 failed";
        let head = header(line).unwrap();
        assert_eq!(head.time.to_string(), "2020-02-04T17:17:12");
        assert_eq!((head.level, head.component), (Level::Error, &b"CBS"[..]));
        assert_eq!(&line[head.text_at..], b"Session: 1_2 failed");
    }

    #[test]
    fn leading_blanks_of_the_text_stay_with_it() {
        let line =
            b"2019-07-29 22:39:18, Info                  CBS    \tCBS Manifest Corruption:\t0";
        assert_eq!(&line[header(line).unwrap().text_at..][..4], b"\tCBS");
        let line = b"2019-07-29 22:39:18, Info                  CBS      two blanks";
        assert_eq!(&line[header(line).unwrap().text_at..], b"  two blanks");
    }

    #[test]
    fn a_record_may_name_no_component() {
        let line =
            b"2025-04-26 05:21:00, Info                         Feature: Language.Handwriting";
        let head = header(line).unwrap();
        assert_eq!(head.component, b"");
        assert_eq!(&line[head.text_at..], b"Feature: Language.Handwriting");
    }

    #[test]
    fn other_spacing_is_read_when_the_component_is_known() {
        let line = b"2024-01-02 03:04:05, Error CSI 00000032 (F) STATUS_SHARING_VIOLATION";
        let head = header(line).unwrap();
        assert_eq!(head.component, b"CSI");
        assert_eq!(&line[head.text_at..][..8], b"00000032");
    }

    #[test]
    fn an_event_code_may_stand_before_the_component() {
        let line = b"2014-10-01 22:11:50, Error      [0x018005] CSI    0000002b (F) Failed";
        let head = header(line).unwrap();
        assert_eq!(head.component, b"CSI");
        assert_eq!(&line[head.text_at..], b"0000002b (F) Failed");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for line in [
            &b""[..],
            b" Expected: {l:32}",
            b"2020-02-04 17:17:12 Info CBS no comma at all here",
            b"2020-13-04 17:17:12, Info                  CBS    month",
            b"2020-02-04 F7:17:12, Info                  CBS    what is no digit",
            b"2020-\xd0\xd0-04 17:17:12, Info                  CBS    what is no digit",
            b"2020-02-04 17:17:12, Whatever              CBS    level",
            b"CSIPERF:TXCOMMIT;21805",
        ] {
            assert_eq!(header(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn the_utc_offset_comes_from_a_stamp() {
        let line =
            b"2020-02-04 17:51:01, Info                  CSI    0000000f@2020/2/5:00:51:01.192 x";
        let head = header(line).unwrap();
        let stamp = csi_stamp(&line[head.text_at..]).unwrap();
        assert_eq!(stamp.offset_minutes(head.time), Some(-7 * 60));
        assert_eq!(csi_sequence(&line[head.text_at..]), Some(15));
    }
}
