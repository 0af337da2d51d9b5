//! The fields of an event that describes itself (TraceLogging).
//!
//! The schema names each field and gives it an in-type (how it lies in the payload) and perhaps an
//! out-type (how it is meant): `TraceLoggingProvider.h` of the Windows SDK.

use super::bytes::{Guid, array, u16_at, u32_at, u64_at, until_zero};
use super::line::wide_text;
use super::zone::{TICKS_A_SECOND, civil, unix_seconds};

/// Named values, not yet taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// Name of the event; empty when it is said elsewhere.
    pub(super) name: &'a [u8],
    /// The schema behind the name of the event.
    pub(super) fields: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// One field of a schema.
struct Field<'a> {
    name: &'a [u8],
    kind: u8,
    meaning: u8,
    count: Count,
}

/// How often the value of a field stands in the payload.
enum Count {
    One,
    /// As often as the schema says.
    Fixed(u16),
    /// As often as the payload says.
    Told,
    /// By rules of the writer's own.
    Custom,
}

/// A struct: the fields that follow are its members.
const STRUCT: u8 = 24;
/// Written where the rest of an event cannot be taken apart.
const UNREAD: &[u8] = b"(unread)";

impl Fields<'_> {
    /// Appends `Name: field=value field=value`, a value in double quotes where it needs them.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        if !self.name.is_empty() {
            word(self.name, to);
            to.push(b':');
        }
        let (mut schema, mut payload, mut value) = (self.fields, self.payload, Vec::new());
        let mut is_first = self.name.is_empty();
        // Each field takes 2 bytes of the schema or more, so that this ends.
        while let Some(field) = Field::take(&mut schema) {
            let is_struct = field.kind == STRUCT;
            if is_struct && matches!(field.count, Count::One) {
                continue;
            }
            if !is_first {
                to.push(b' ');
            }
            is_first = false;
            word(field.name, to);
            to.push(b'=');
            value.clear();
            if is_struct || field.values(&mut payload, &mut value).is_none() {
                to.extend_from_slice(UNREAD);
                return;
            }
            quoted(&value, to);
        }
    }
}

impl<'a> Field<'a> {
    /// Takes the next field off a schema; `None` at its end or where it makes no sense.
    fn take(schema: &mut &'a [u8]) -> Option<Field<'a>> {
        let (name, rest) = until_zero(schema)?;
        let (&kind, mut rest) = rest.split_first()?;
        let mut meaning = 0;
        if kind & 0x80 != 0 {
            let (&byte, behind) = rest.split_first()?;
            (meaning, rest) = (byte & 0x7F, behind);
            let mut more = byte & 0x80 != 0;
            while more {
                let (&tag, behind) = rest.split_first()?;
                (more, rest) = (tag & 0x80 != 0, behind);
            }
        }
        let count = match kind & 0x60 {
            0x20 => Count::Fixed(u16_at(rest, 0)?),
            0x40 => Count::Told,
            0x60 => Count::Custom,
            _ => Count::One,
        };
        *schema = if matches!(count, Count::Fixed(_)) { &rest[2..] } else { rest };
        Some(Field { name, kind: kind & 0x1F, meaning, count })
    }

    /// Takes the value or the values off a payload; `None` when they cannot be read.
    fn values(&self, payload: &mut &[u8], to: &mut Vec<u8>) -> Option<()> {
        let count = match self.count {
            Count::One => return self.value(payload, to),
            Count::Fixed(count) => count,
            Count::Told => u16_at(take(payload, 2)?, 0)?,
            Count::Custom => return None,
        };
        to.push(b'[');
        for index in 0..count {
            let before = payload.len();
            to.extend_from_slice(if index > 0 { b"," } else { b"" });
            self.value(payload, to)?;
            // What takes no space would be written as often as a damaged count says.
            if payload.len() == before {
                return None;
            }
        }
        to.push(b']');
        Some(())
    }

    fn value(&self, payload: &mut &[u8], to: &mut Vec<u8>) -> Option<()> {
        let meaning = self.meaning;
        match self.kind {
            0 => {}
            1 => {
                let zero = payload.chunks_exact(2).position(|pair| pair == [0, 0]);
                let text = take(payload, zero.map_or(payload.len(), |units| 2 * units + 2))?;
                wide_text(text, to);
            }
            2 => {
                let zero = memchr::memchr(0, payload);
                let text = take(payload, zero.map_or(payload.len(), |at| at + 1))?;
                narrow_text(until_zero(text).map_or(text, |it| it.0), to);
            }
            3 | 4 => {
                let byte = array::<1>(take(payload, 1)?, 0)?[0];
                let signed = i64::from(byte as i8);
                integer(u64::from(byte), signed, self.kind == 3, meaning, to);
            }
            5 | 6 => {
                let bytes: [u8; 2] = array(take(payload, 2)?, 0)?;
                // Ports lie in the order of the network.
                let port = if meaning == 7 { u16::from_be_bytes } else { u16::from_le_bytes };
                let number = port(bytes);
                integer(number.into(), (number as i16).into(), self.kind == 5, meaning, to);
            }
            7 | 8 | 13 | 20 => {
                let number = u32_at(take(payload, 4)?, 0)?;
                let meaning = self.meaning_of_number();
                integer(number.into(), (number as i32).into(), self.kind == 7, meaning, to);
            }
            9 | 10 | 21 => {
                let number = u64_at(take(payload, 8)?, 0)?;
                let meaning = self.meaning_of_number();
                integer(number, number as i64, self.kind == 9, meaning, to);
            }
            11 => real(f32::from_le_bytes(array(take(payload, 4)?, 0)?).into(), to),
            12 => real(f64::from_le_bytes(array(take(payload, 8)?, 0)?), to),
            14 | 25 => {
                let size = u16_at(take(payload, 2)?, 0)?;
                binary(take(payload, size.into())?, meaning, to);
            }
            15 => append(Guid(array(take(payload, 16)?, 0)?), to),
            17 => file_time(u64_at(take(payload, 8)?, 0)?, to),
            18 => system_time(take(payload, 16)?, to)?,
            19 => sid(payload, to)?,
            22 => {
                let size = u16_at(take(payload, 2)?, 0)?;
                wide_text(take(payload, size.into())?, to);
            }
            23 => {
                let size = u16_at(take(payload, 2)?, 0)?;
                narrow_text(take(payload, size.into())?, to);
            }
            _ => return None,
        }
        Some(())
    }

    /// The in-types for truth and hexadecimal numbers bring their meaning along.
    fn meaning_of_number(&self) -> u8 {
        match (self.meaning, self.kind) {
            (0, 13) => 3,
            (0, 20 | 21) => 4,
            (meaning, _) => meaning,
        }
    }
}

/// Takes so many bytes off the payload.
fn take<'a>(payload: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = payload.split_at_checked(size)?;
    *payload = rest;
    Some(taken)
}

/// A number, by what it means.
fn integer(number: u64, as_signed: i64, is_signed: bool, meaning: u8, to: &mut Vec<u8>) {
    match meaning {
        2 => append(char::from_u32(number as u32).unwrap_or(char::REPLACEMENT_CHARACTER), to),
        3 => append(number != 0, to),
        4 | 37 => append(format_args!("0x{number:x}"), to),
        8 => append(std::net::Ipv4Addr::from((number as u32).to_le_bytes()), to),
        14 | 15 => append(format_args!("0x{:08x}", number as u32), to),
        16 | 38 => file_time(number, to),
        17 => append(as_signed, to),
        _ if is_signed => append(as_signed, to),
        _ => append(number, to),
    }
}

/// A real number; large and small ones with their power of ten, as they would fill the line.
fn real(number: f64, to: &mut Vec<u8>) {
    match number.abs() {
        size if size == 0.0 || (1e-4..1e15).contains(&size) => append(number, to),
        _ => append(format_args!("{number:e}"), to),
    }
}

fn binary(bytes: &[u8], meaning: u8, to: &mut Vec<u8>) {
    match (meaning, <[u8; 16]>::try_from(bytes)) {
        (9, Ok(address)) => append(std::net::Ipv6Addr::from(address), to),
        _ => bytes.iter().for_each(|byte| append(format_args!("{byte:02x}"), to)),
    }
}

fn file_time(ticks: u64, to: &mut Vec<u8>) {
    match civil(unix_seconds(ticks)) {
        Some(time) => append(format_args!("{time}.{:07}Z", ticks % TICKS_A_SECOND), to),
        None => append(ticks, to),
    }
}

fn system_time(bytes: &[u8], to: &mut Vec<u8>) -> Option<()> {
    let part = |index: usize| u16_at(bytes, 2 * index);
    let (year, month, day) = (part(0)?, part(1)?, part(3)?);
    let (hour, minute, second, milli) = (part(4)?, part(5)?, part(6)?, part(7)?);
    append(format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"), to);
    append(format_args!(".{milli:03}"), to);
    Some(())
}

/// A security identifier: revision, count, authority (most significant byte first), the rest.
fn sid(payload: &mut &[u8], to: &mut Vec<u8>) -> Option<()> {
    let [revision, count, a, b, c, d, e, f] = array(take(payload, 8)?, 0)?;
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    append(format_args!("S-{revision}-{authority}"), to);
    for part in take(payload, 4 * usize::from(count))?.chunks_exact(4) {
        append(format_args!("-{}", u32_at(part, 0)?), to);
    }
    Some(())
}

/// Text in UTF-8, or in the code page of the PC, which is taken for Latin-1.
fn narrow_text(bytes: &[u8], to: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => to.extend_from_slice(text.as_bytes()),
        Err(_) => bytes.iter().for_each(|&byte| append(char::from(byte), to)),
    }
}

/// Names may hold anything; blanks and controls would break the line.
fn word(name: &[u8], to: &mut Vec<u8>) {
    let name = String::from_utf8_lossy(name);
    let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
    to.extend_from_slice(name.chars().map(plain).collect::<String>().as_bytes());
}

/// A value on one line: line ends and other controls become one blank; in double quotes when it is
/// empty or has blanks, quotes or `=`.
fn quoted(value: &[u8], to: &mut Vec<u8>) {
    let needs = |&b: &u8| b <= b' ' || matches!(b, b'"' | b'=' | 0x7F);
    if !value.is_empty() && !value.iter().any(needs) {
        return to.extend_from_slice(value);
    }
    to.push(b'"');
    let mut after_control = false;
    for &byte in value {
        let is_control = byte < b' ' || byte == 0x7F;
        match byte {
            _ if is_control && after_control => {}
            _ if is_control => to.push(b' '),
            b'"' => to.extend_from_slice(b"\"\""),
            _ => to.push(byte),
        }
        after_control = is_control;
    }
    to.push(b'"');
}

fn append(value: impl std::fmt::Display, to: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to memory cannot fail.
    let _ = write!(to, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &[u8], payload: &[u8], expected: &str) {
        let mut out = Vec::new();
        Fields { name: b"Event", fields, payload }.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn numbers_are_written_by_what_they_mean() {
        check(b"a\0\x03b\0\x04", &[0xFF, 0xFF], "Event: a=-1 b=255");
        check(b"hr\0\x87\x0f", &0x8007_0021_u32.to_le_bytes(), "Event: hr=0x80070021");
        check(b"n\0\x88\x04", &255_u32.to_le_bytes(), "Event: n=0xff");
        check(b"b\0\x0d", &[1, 0, 0, 0], "Event: b=true");
        check(b"b\0\x84\x03", &[0], "Event: b=false");
        check(b"p\0\x86\x07", &[0x01, 0xBB], "Event: p=443");
        check(b"a\0\x88\x08", &[10, 0, 0, 1], "Event: a=10.0.0.1");
        check(b"x\0\x15", &0x1_0000_0000_u64.to_le_bytes(), "Event: x=0x100000000");
        check(b"f\0\x0c", &1.5_f64.to_le_bytes(), "Event: f=1.5");
        check(b"f\0\x0c", &f64::MAX.to_le_bytes(), "Event: f=1.7976931348623157e308");
    }

    #[test]
    fn texts_stay_on_one_line_and_can_be_taken_apart_again() {
        check(b"m\0\x01", b"a\0b\0\0\0", "Event: m=ab");
        check(b"m\0\x02n\0\x02", b"a \"b\"\r\nc\0\0", "Event: m=\"a \"\"b\"\" c\" n=\"\"");
        check(b"m\0\x16n\0\x17", b"\x02\0a\0\x03\0a=b", "Event: m=a n=\"a=b\"");
        check(b"m\0\x02", b"M\xfcll\0", "Event: m=Müll");
        check(b"m\0\x02", b"no end", "Event: m=\"no end\"");
    }

    #[test]
    fn guids_times_and_identifiers_are_written_out() {
        let guid: Vec<u8> = (0..16).collect();
        check(b"g\0\x0f", &guid, "Event: g={03020100-0504-0706-0809-0a0b0c0d0e0f}");
        check(
            b"t\0\x11",
            &133_865_000_001_234_567_u64.to_le_bytes(),
            "Event: t=2025-03-15T08:13:20.1234567Z",
        );
        let time: Vec<u8> =
            [2025_u16, 3, 0, 2, 4, 5, 6, 7].into_iter().flat_map(u16::to_le_bytes).collect();
        check(b"t\0\x12", &time, "Event: t=2025-03-02T04:05:06.007");
        check(b"s\0\x13", &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], "Event: s=S-1-5-18");
        check(b"b\0\x0e", &[2, 0, 0xAB, 0x01], "Event: b=ab01");
    }

    #[test]
    fn lists_structs_and_tags_are_understood() {
        check(b"l\0\x44m\0\x24\x02\0", &[2, 0, 7, 8, 9, 10], "Event: l=[7,8] m=[9,10]");
        check(b"s\0\x98\x01a\0\x04", &[7], "Event: a=7");
        check(b"a\0\x84\x84\x81\x01b\0\x04", &[255, 8], "Event: a=0xff b=8");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        check(b"a\0\x08b\0\x04", &[1], "Event: a=(unread)");
        check(b"a\0\x1fb\0\x04", &[1], "Event: a=(unread)");
        check(b"s\0\xD8\x01a\0\x04", &[1, 0, 7], "Event: s=(unread)");
        check(b"n\0\x40", &[255, 255], "Event: n=(unread)");
        check(b"", &[], "Event:");
    }
}
