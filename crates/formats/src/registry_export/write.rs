//! Text exports of our own making, which also say what was looked for and not found.

use std::fmt::Write as _;

use super::{NOT_EXPORTED, NOT_THERE, Standing};
use crate::regf::Data;

/// Units of UTF-16 in a value, at most: what is longer is cut off.
const MOST_UNITS: usize = 1 << 20;

/// The first line of an export, and an empty one.
#[must_use]
pub fn begin() -> String {
    "Windows Registry Editor Version 5.00\r\n\r\n".to_owned()
}

/// Adds a key with its values; the empty name is the default value.
pub fn write_key<'v>(
    text: &mut String,
    path: &str,
    values: impl IntoIterator<Item = (&'v str, &'v Data)>,
) {
    write_values(text, path, values.into_iter().map(|(name, data)| (name, Some(data))));
}

/// Adds a key with its values; one without data is taken away when the export is imported.
pub fn write_values<'v>(
    text: &mut String,
    path: &str,
    values: impl IntoIterator<Item = (&'v str, Option<&'v Data>)>,
) {
    let _ = write!(text, "[{}]\r\n", one_line(path));
    for (name, data) in values {
        match name {
            "" => text.push('@'),
            name => quote(name, text),
        }
        text.push('=');
        match data {
            Some(data) => write_data(data, text),
            None => text.push('-'),
        }
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
}

/// Adds what is known of a key of which nothing is exported.
pub fn write_standing(text: &mut String, path: &str, standing: Standing) {
    let mark = match standing {
        Standing::NotThere => NOT_THERE,
        Standing::NotExported => NOT_EXPORTED,
        Standing::Exported | Standing::ToDelete => return,
    };
    let _ = write!(text, "{mark}[{}]\r\n", one_line(path));
}

fn write_data(data: &Data, text: &mut String) {
    match data {
        Data::Dword(number) => {
            let _ = write!(text, "dword:{number:08x}");
        }
        Data::Qword(number) => hex(11, number.to_le_bytes(), text),
        Data::Sz(string) => quote(string, text),
        Data::ExpandSz(string) => hex(2, units([string.as_str()]), text),
        Data::MultiSz(strings) => {
            hex(7, units(strings.iter().map(String::as_str)).into_iter().chain([0, 0]), text);
        }
        Data::Binary(bytes) => hex(3, bytes.iter().copied(), text),
    }
}

/// Strings of UTF-16, each with its zero.
fn units<'s>(strings: impl IntoIterator<Item = &'s str>) -> Vec<u8> {
    let all = strings.into_iter().flat_map(|string| string.encode_utf16().chain([0]));
    all.take(MOST_UNITS).flat_map(u16::to_le_bytes).collect()
}

fn hex(kind: u32, bytes: impl IntoIterator<Item = u8>, text: &mut String) {
    match kind {
        3 => text.push_str("hex:"),
        kind => {
            let _ = write!(text, "hex({kind:x}):");
        }
    }
    for (index, byte) in bytes.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{byte:02x}");
    }
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for letter in string.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

/// A key's name may hold anything but a backslash.
fn one_line(path: &str) -> String {
    path.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry_export::read;

    fn data() -> impl Strategy<Value = Data> {
        prop_oneof![
            any::<u32>().prop_map(Data::Dword),
            any::<u64>().prop_map(Data::Qword),
            "[ -~äß\\\\\"\n]{0,20}".prop_map(Data::Sz),
            "[ -~äß\\\\\"]{0,20}".prop_map(Data::ExpandSz),
            prop::collection::vec("[ -~äß]{1,9}", 1..4).prop_map(Data::MultiSz),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Data::Binary),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec(("[a-z\\\\\"]{0,9}", data()), 0..6)) {
            let mut text = begin();
            write_standing(&mut text, r"HKLM\Gone", Standing::NotThere);
            write_key(&mut text, r"HKLM\Key", values.iter().map(|(name, data)| (&name[..], data)));
            write_standing(&mut text, r"HKLM\Key\Below", Standing::NotExported);
            let export = read(text.as_bytes()).unwrap();
            let wanted: Vec<_> =
                values.into_iter().map(|(name, data)| (name, Some(data))).collect();
            prop_assert_eq!(&export.items[1].values, &wanted);
            let told: Vec<_> = export.items.iter().map(|key| (&key.path[..], key.standing)).collect();
            let wanted = [
                (r"HKLM\Gone", Standing::NotThere),
                (r"HKLM\Key", Standing::Exported),
                (r"HKLM\Key\Below", Standing::NotExported),
            ];
            prop_assert_eq!(told, wanted);
            prop_assert_eq!(export.gaps, vec![]);
        }
    }
}
