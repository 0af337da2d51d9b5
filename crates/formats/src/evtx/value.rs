//! Values of binary XML as text, the way Windows shows them.

use std::fmt::Write as _;

use super::binxml::{Value, kind, push_characters};
use super::time;

/// Writes one value; an array becomes its items with commas between. What has not the size of its
/// type is written as bytes.
pub(super) fn write_value(text: &mut String, value: Value<'_>) {
    if value.kind & kind::ARRAY == 0 {
        return write_single(text, value.kind, value.bytes);
    }
    let mut first = true;
    for item in items(value) {
        if !first {
            text.push(',');
        }
        first = false;
        write_single(text, value.kind & !kind::ARRAY, item);
    }
}

/// Writes the bytes of one value of a type that is no array.
pub(super) fn write_single(text: &mut String, kind: u8, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let written = match kind {
        kind::NULL => Some(()),
        kind::STRING => {
            push_characters(text, bytes);
            Some(())
        }
        0x02 => {
            push_narrow(text, bytes);
            Some(())
        }
        0x0f => write_guid(text, bytes),
        0x12 => bytes.try_into().ok().map(|bytes| time::write_system_time(text, bytes)),
        0x13 => write_sid(text, bytes),
        _ => write_number(text, kind, bytes),
    };
    if written.is_none() {
        for &byte in bytes {
            push_hexadecimal(text, byte, b"0123456789ABCDEF");
        }
    }
}

/// The items of an array, the value itself when it is none.
pub(super) fn items(value: Value<'_>) -> Vec<&[u8]> {
    let bytes = value.bytes;
    if value.kind & kind::ARRAY == 0 {
        return vec![bytes];
    }
    let size = match value.kind & !kind::ARRAY {
        kind::STRING => return ended_by_zero(bytes, 2),
        0x02 => return ended_by_zero(bytes, 1),
        0x03 | 0x04 => 1,
        0x05 | 0x06 => 2,
        0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
        0x09 | 0x0a | 0x0c | 0x11 | 0x15 => 8,
        0x0f | 0x12 => 16,
        0x13 => return sids(bytes),
        _ => return vec![bytes],
    };
    bytes.chunks(size).collect()
}

/// Strings one after the other, each ended by a zero; the last may lack it.
fn ended_by_zero(bytes: &[u8], unit: usize) -> Vec<&[u8]> {
    let mut items = Vec::new();
    let mut start = 0;
    for (index, character) in bytes.chunks(unit).enumerate() {
        if character.iter().all(|&byte| byte == 0) {
            items.push(&bytes[start..index * unit]);
            start = (index + 1) * unit;
        }
    }
    if start < bytes.len() {
        items.push(&bytes[start..]);
    }
    items
}

/// Security identifiers one after the other; each says itself how long it is.
fn sids(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut items = Vec::new();
    while let Some(&count) = bytes.get(1) {
        let length = (8 + 4 * usize::from(count)).min(bytes.len());
        let (item, rest) = bytes.split_at(length);
        items.push(item);
        bytes = rest;
    }
    items
}

/// Numbers, times and truth; `None` when the size is not that of the type, or the type another.
fn write_number(text: &mut String, kind: u8, bytes: &[u8]) -> Option<()> {
    let _ = match kind {
        0x03 => write!(text, "{}", i8::from_le_bytes(bytes.try_into().ok()?)),
        0x04 => write!(text, "{}", u8::from_le_bytes(bytes.try_into().ok()?)),
        0x05 => write!(text, "{}", i16::from_le_bytes(bytes.try_into().ok()?)),
        0x06 => write!(text, "{}", u16::from_le_bytes(bytes.try_into().ok()?)),
        0x07 => write!(text, "{}", i32::from_le_bytes(bytes.try_into().ok()?)),
        0x08 => write!(text, "{}", u32::from_le_bytes(bytes.try_into().ok()?)),
        0x09 => write!(text, "{}", i64::from_le_bytes(bytes.try_into().ok()?)),
        0x0a => write!(text, "{}", u64::from_le_bytes(bytes.try_into().ok()?)),
        0x0b => write!(text, "{}", f32::from_le_bytes(bytes.try_into().ok()?)),
        0x0c => write!(text, "{}", f64::from_le_bytes(bytes.try_into().ok()?)),
        0x0d => match i32::from_le_bytes(bytes.try_into().ok()?) {
            0 => write!(text, "false"),
            1 => write!(text, "true"),
            other => write!(text, "{other}"),
        },
        // A size is as wide as a pointer of the system that wrote it.
        0x10 | 0x14 if bytes.len() == 4 => {
            write!(text, "0x{:x}", u32::from_le_bytes(bytes.try_into().ok()?))
        }
        0x10 | 0x15 => write!(text, "0x{:x}", u64::from_le_bytes(bytes.try_into().ok()?)),
        0x11 => {
            time::write_file_time(text, u64::from_le_bytes(bytes.try_into().ok()?));
            Ok(())
        }
        _ => return None,
    };
    Some(())
}

/// Text of a code page that the record does not name: UTF-8 if it is, else Latin-1.
fn push_narrow(text: &mut String, bytes: &[u8]) {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(plain) => text.push_str(plain),
        Err(_) => text.extend(bytes.iter().copied().map(char::from)),
    }
}

fn write_guid(text: &mut String, bytes: &[u8]) -> Option<()> {
    let guid: &[u8; 16] = bytes.try_into().ok()?;
    // A number of four bytes, two of two, then eight bytes as they stand.
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    text.reserve(38);
    text.push('{');
    for (index, &at) in ORDER.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hexadecimal(text, guid[at], b"0123456789abcdef");
    }
    text.push('}');
    Some(())
}

fn push_hexadecimal(text: &mut String, byte: u8, digits: &[u8; 16]) {
    text.push(char::from(digits[usize::from(byte >> 4)]));
    text.push(char::from(digits[usize::from(byte & 15)]));
}

/// `S-1-5-18`: revision, authority (six bytes, the highest first), then numbers of four bytes.
fn write_sid(text: &mut String, bytes: &[u8]) -> Option<()> {
    let (&[revision, count, a, b, c, d, e, f], rest) = bytes.split_first_chunk()?;
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let _ = write!(text, "S-{revision}-{authority}");
    for part in rest.chunks_exact(4).take(usize::from(count)) {
        let _ = write!(text, "-{}", u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, bytes: &[u8]) -> String {
        let mut text = String::new();
        write_value(&mut text, Value { kind, at: 0, bytes });
        text
    }

    #[test]
    fn values_read_as_windows_shows_them() {
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let guid: Vec<u8> = (0..16).collect();
        for (kind, bytes, expected) in [
            (0x00, &b"\x01\x02"[..], ""),
            (0x01, b"a\0b\0\0\0c\0", "ab"),
            (0x01, b"\x00\xd8", "\u{fffd}"),
            (0x02, b"ab\0c", "ab"),
            (0x02, b"\xe4", "ä"),
            (0x03, b"\xff", "-1"),
            (0x06, b"\x14\0", "20"),
            (0x0d, b"\x01\0\0\0", "true"),
            (0x0e, b"\x01\xab", "01AB"),
            (0x0f, &guid, "{03020100-0504-0706-0809-0a0b0c0d0e0f}"),
            (0x10, b"\x0a\0\0\0", "0xa"),
            (0x11, b"\0\0\0\0\0\0\0\0", "1601-01-01T00:00:00.0000000Z"),
            (0x13, &sid, "S-1-5-32-544"),
            (0x14, b"\x07\x40\x24\x80", "0x80244007"),
            (0x08, b"\x01\x02", "0102"),
            (0x08, b"", ""),
            (0x77, b"\x01", "01"),
            (0x81, b"a\0\0\0\0\0b\0", "a,,b"),
            (0x86, b"\x01\0\x02\0", "1,2"),
            (0x88, b"\x01\0\0\0\x02", "1,02"),
        ] {
            assert_eq!(text(kind, bytes), expected, "type {kind:#x} {bytes:?}");
        }
    }

    #[test]
    fn identifiers_in_a_row_are_told_apart() {
        let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        let twice = [system, system].concat();
        assert_eq!(text(0x93, &twice), "S-1-5-18,S-1-5-18");
    }
}
