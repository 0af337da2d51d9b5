//! One line as `Get-WindowsUpdateLog` prints it.
//!
//! ```text
//! 2025/03/17 15:43:15.1571414 18348 7716  Misc            text
//! ```
//!
//! Local date and time, process and thread in decimal padded to 5, the component padded to 15, the
//! text as it is. Windows drops double quotes from the text on its way through a table of comma
//! separated values; they are kept here.

use super::bytes::Guid;
use super::field::Fields;
use super::zone::{TICKS_A_SECOND, Zone, civil, unix_seconds};

/// One event that says what it has to say.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// When, in FILETIME ticks (100 ns since 1601, UTC).
    pub time: u64,
    /// Number of the process.
    pub process: u32,
    /// Number of the thread.
    pub thread: u32,
    /// 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 always.
    pub level: u8,
    /// Who provided it.
    pub provider: Guid,
    /// Part of Windows Update, such as `Agent`; of other providers their name.
    pub component: &'a [u8],
    /// What it says.
    pub text: Text<'a>,
}

/// What an event says.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// UTF-16 up to a zero or the end.
    Info(&'a [u8]),
    /// Values, described by the event itself.
    Fields(Fields<'a>),
}

/// Writes lines by the clock of one zone.
#[derive(Debug)]
pub struct Printer<'z> {
    zone: &'z Zone,
    /// The quarter of an hour for which `offset` holds.
    quarter: u64,
    offset: i64,
    /// The day, counted from 1970, whose date is `date`.
    day: i64,
    /// As it is printed: `2025/03/17`.
    date: [u8; 10],
}

impl<'z> Printer<'z> {
    /// A printer for a zone, mostly that of the trace itself.
    #[must_use]
    pub fn new(zone: &'z Zone) -> Self {
        Printer { zone, quarter: u64::MAX, offset: 0, day: i64::MIN, date: *b"0000/00/00" }
    }

    /// Appends a line and its line end (`\n`).
    pub fn line(&mut self, line: &Line<'_>, to: &mut Vec<u8>) {
        self.time(line.time, to);
        number(line.process, to);
        number(line.thread, to);
        let at = to.len();
        component(line.component, to);
        to.resize(to.len().max(at + 15), b' ');
        to.push(b' ');
        match line.text {
            Text::Info(text) => wide_text(text, to),
            Text::Fields(fields) => fields.write(to),
        }
        to.push(b'\n');
    }

    fn time(&mut self, ticks: u64, to: &mut Vec<u8>) {
        const QUARTER: u64 = 900 * TICKS_A_SECOND;
        if ticks / QUARTER != self.quarter {
            self.quarter = ticks / QUARTER;
            self.offset = self.zone.offset_seconds(ticks);
        }
        // Before 1601 there is no time; only one that is damaged is carried there by its zone.
        let seconds = (unix_seconds(ticks) + self.offset).max(unix_seconds(0));
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32);
        if day != self.day {
            self.day = day;
            self.date = date(seconds);
        }
        to.extend_from_slice(&self.date);
        let mut clock = *b" 00:00:00.0000000 ";
        digits(&mut clock[1..3], second / 3_600);
        digits(&mut clock[4..6], second / 60 % 60);
        digits(&mut clock[7..9], second % 60);
        digits(&mut clock[10..17], (ticks % TICKS_A_SECOND) as u32);
        to.extend_from_slice(&clock);
    }
}

/// The date as it is printed; a time beyond year 9999 has none.
fn date(seconds: i64) -> [u8; 10] {
    let mut text = *b"9999/12/31";
    if let Some(time) = civil(seconds) {
        digits(&mut text[..4], u32::from(time.year().unsigned_abs()));
        digits(&mut text[5..7], u32::from(time.month().unsigned_abs()));
        digits(&mut text[8..], u32::from(time.day().unsigned_abs()));
    }
    text
}

/// Fills `to` with the last digits of a number.
fn digits(to: &mut [u8], mut number: u32) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A number padded to 5, and a blank.
fn number(number: u32, to: &mut Vec<u8>) {
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut text = *b"           ";
    digits(&mut text[..length], number);
    to.extend_from_slice(&text[..length.max(5) + 1]);
}

/// A component is one word, so that the line can be taken apart again.
fn component(name: &[u8], to: &mut Vec<u8>) {
    if name.is_empty() {
        // A line without one would be taken for the rest of the line before.
        to.extend_from_slice(b"Unnamed");
    } else if name.is_ascii() {
        to.extend(name.iter().map(|&b| if b <= b' ' { b'_' } else { b }));
    } else {
        let name = String::from_utf8_lossy(name);
        let word = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
        to.extend_from_slice(name.chars().map(word).collect::<String>().as_bytes());
    }
}

/// Appends UTF-16 as UTF-8 up to the first zero; what is not Unicode becomes U+FFFD, and a carriage
/// return before a line feed is left out.
pub(super) fn wide_text(bytes: &[u8], to: &mut Vec<u8>) {
    const BLOCK: usize = 16;
    let mut rest = bytes;
    // Nearly all is plain text: a block at a time, without a branch for each letter.
    while let Some(block) = rest.first_chunk::<{ 2 * BLOCK }>() {
        let mut narrow = [0; BLOCK];
        let mut plain = true;
        for (to, pair) in narrow.iter_mut().zip(block.chunks_exact(2)) {
            *to = pair[0];
            plain &= pair[1] == 0 && pair[0] >= b' ' && pair[0] < 0x80;
        }
        if !plain {
            break;
        }
        to.extend_from_slice(&narrow);
        rest = &rest[2 * BLOCK..];
    }
    let mut units = rest
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0)
        .peekable();
    while let Some(unit) = units.next() {
        match unit {
            0x0D if units.peek() == Some(&0x0A) => {}
            0x01..0x80 => to.push(unit as u8),
            _ => {
                let low = units.next_if(|low| {
                    (0xD800..0xDC00).contains(&unit) && (0xDC00..0xE000).contains(low)
                });
                for c in char::decode_utf16([unit].into_iter().chain(low)) {
                    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                    to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::zone::ticks_at;
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    #[track_caller]
    fn check(process: u32, component: &[u8], text: &str, expected: &str) {
        let line = Line {
            time: ticks_at(date(2025, 3, 17).at(15, 43, 15, 157_141_400)),
            process,
            thread: 7716,
            level: 4,
            provider: Guid([0; 16]),
            component,
            text: Text::Info(&wide(text)),
        };
        let mut out = Vec::new();
        Printer::new(&Zone::UTC).line(&line, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_line_stands_in_the_columns_of_windows() {
        check(
            18348,
            b"Misc",
            "text",
            "2025/03/17 15:43:15.1571414 18348 7716  Misc            text\n",
        );
        check(
            1_234_567,
            b"ALongComponentOfWindows",
            "  a \"b\" ",
            "2025/03/17 15:43:15.1571414 1234567 7716  ALongComponentOfWindows   a \"b\" \n",
        );
        check(0, b"", "x", "2025/03/17 15:43:15.1571414 0     7716  Unnamed         x\n");
        check(0, b"a b", "", "2025/03/17 15:43:15.1571414 0     7716  a_b             \n");
    }

    #[test]
    fn text_of_any_script_and_of_several_lines_is_kept() {
        for text in
            ["Grüße, 世界 😀 and enough letters behind it to fill a block", "one\ntwo\tthree"]
        {
            let mut out = Vec::new();
            wide_text(&wide(text), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        wide_text(&wide("one\r\ntwo\rthree"), &mut out);
        assert_eq!(out, b"one\ntwo\rthree");
    }

    #[test]
    fn half_a_letter_is_not_lost_in_silence() {
        let mut out = Vec::new();
        wide_text(&[0x3D, 0xD8, b'a', 0, 0x00, 0xDE, b'b', 0, b'c'], &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\u{fffd}a\u{fffd}b");
    }
}
