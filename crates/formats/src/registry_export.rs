//! Text exports of the registry (`.reg`): "Windows Registry Editor Version 5.00" and `REGEDIT4`.

mod write;

use crate::regf::Data;
use crate::{Gap, GapReason, Parsed};

pub use write::{begin, write_key, write_standing, write_values};

/// What a comment that tells of a key begins with; only exports of our own making have such.
const NOT_THERE: &str = "; not there: ";
const NOT_EXPORTED: &str = "; not exported: ";

/// A key as an export writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportedKey {
    /// Its path with its root as spelled, such as `HKEY_LOCAL_MACHINE\SOFTWARE`.
    pub path: String,
    /// What the text says of the key itself.
    pub standing: Standing,
    /// Its values in order; the empty name is the default value, no data asks to delete it.
    pub values: Vec<(String, Option<Data>)>,
}

/// What an export says of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Its values follow.
    #[default]
    Exported,
    /// It is to be deleted: the text is a script, not a picture of a registry.
    ToDelete,
    /// It was looked for, and there was none.
    NotThere,
    /// It is there, but what is in it is not told.
    NotExported,
}

/// How strings of type 2 and 7 are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Bytes of an old code page.
    Four,
    /// UTF-16.
    Five,
}

/// Whether a text that begins so is an export.
#[must_use]
pub fn is_export(head: &[u8]) -> bool {
    version(&decoded(&head[..head.len().min(128)])).is_some()
}

/// Reads an export; `None` if the text is none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Parsed<ExportedKey>> {
    let text = decoded(bytes);
    let version = version(&text)?;
    let mut export = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut lines = Lines { text: &text, at: 0, number: 0 };
    lines.next();
    while let Some((at, number, line)) = lines.next() {
        let bare = line.trim();
        if let Some(key) = told_in_comment(bare) {
            export.items.push(key);
            continue;
        }
        if bare.is_empty() || bare.starts_with(';') {
            continue;
        }
        if let Some(path) = bare.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            let bare = path.strip_prefix('-');
            export.items.push(ExportedKey {
                path: bare.unwrap_or(path).to_owned(),
                standing: bare.map_or(Standing::Exported, |_| Standing::ToDelete),
                values: Vec::new(),
            });
            continue;
        }
        let whole = lines.whole(at, bare);
        match (value(&whole, version), export.items.last_mut()) {
            (Some(value), Some(key)) => key.values.push(value),
            _ => export.gaps.push(Gap {
                at: at as u64..lines.at as u64,
                line: number,
                what: "value",
                why: GapReason::Foreign,
            }),
        }
    }
    Some(export)
}

fn told_in_comment(line: &str) -> Option<ExportedKey> {
    let standings = [(NOT_THERE, Standing::NotThere), (NOT_EXPORTED, Standing::NotExported)];
    standings.into_iter().find_map(|(mark, standing)| {
        let path = line.strip_prefix(mark)?.strip_prefix('[')?.strip_suffix(']')?;
        Some(ExportedKey { path: path.to_owned(), standing, values: Vec::new() })
    })
}

fn version(text: &str) -> Option<Version> {
    match text.lines().next()?.trim() {
        "REGEDIT4" => Some(Version::Four),
        "Windows Registry Editor Version 5.00" => Some(Version::Five),
        _ => None,
    }
}

fn decoded(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8]| {
        let units = bytes.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]]));
        char::decode_utf16(units).map(|it| it.unwrap_or('\u{fffd}')).collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest),
        [b'W', 0, ..] => wide(bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // Old exports are in the code page of the PC; of those only ASCII is sure.
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

struct Lines<'t> {
    text: &'t str,
    at: usize,
    number: u64,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<(usize, u64, &'t str)> {
        let rest = self.text.get(self.at..).filter(|it| !it.is_empty())?;
        let end = rest.find('\n').map_or(rest.len(), |it| it + 1);
        let at = self.at;
        self.at += end;
        self.number += 1;
        Some((at, self.number, rest[..end].trim_end_matches(['\n', '\r'])))
    }

    /// The value that begins with `first` at `at`, with the lines it goes on in: behind a backslash,
    /// or inside of quotes.
    fn whole(&mut self, at: usize, first: &str) -> String {
        let mut whole = first.to_owned();
        if is_open(first) {
            let from = at + self.text[at..].find(first).unwrap_or(0);
            let text = &self.text[from..];
            if let Some(end) = closed(text) {
                while self.at < from + end && self.next().is_some() {}
                return text[..end].to_owned();
            }
        }
        while whole.ends_with('\\') && !first.ends_with('"') {
            whole.pop();
            let Some((_, _, more)) = self.next() else { break };
            whole.push_str(more.trim());
        }
        whole
    }
}

/// Whether a string that stands in quotes behind a name does not end in its line.
fn is_open(line: &str) -> bool {
    let Some(behind) = behind_name(line) else { return false };
    behind.starts_with('"') && quoted(behind).is_none()
}

/// Where the string behind the name at the beginning of `text` ends.
fn closed(text: &str) -> Option<usize> {
    let behind = behind_name(text)?;
    let (_, rest) = quoted(behind)?;
    Some(text.len() - rest.len())
}

fn behind_name(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix('@') {
        Some(rest) => rest,
        None => quoted(line)?.1,
    };
    rest.trim_start_matches([' ', '\t'])
        .strip_prefix('=')
        .map(|it| it.trim_start_matches([' ', '\t']))
}

fn value(text: &str, version: Version) -> Option<(String, Option<Data>)> {
    let name = match text.strip_prefix('@') {
        Some(_) => String::new(),
        None => quoted(text)?.0,
    };
    let typed = behind_name(text)?;
    if typed == "-" {
        return Some((name, None));
    }
    if typed.starts_with('"') {
        return Some((name, Some(Data::Sz(quoted(typed)?.0))));
    }
    let (kind, digits) = typed.split_once(':')?;
    let digits = digits.split(';').next().unwrap_or(digits).trim();
    if kind == "dword" {
        return Some((name, Some(Data::Dword(u32::from_str_radix(digits, 16).ok()?))));
    }
    let kind = match kind.strip_prefix("hex")? {
        "" => 3,
        kind => u32::from_str_radix(kind.strip_prefix('(')?.strip_suffix(')')?, 16).ok()?,
    };
    let pairs = digits.split(',').map(str::trim).filter(|it| !it.is_empty());
    let mut bytes =
        pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect::<Option<Vec<u8>>>()?;
    if version == Version::Four && matches!(kind, 1 | 2 | 7) {
        bytes = bytes.into_iter().flat_map(|byte| [byte, 0]).collect();
    }
    Some((name, Some(Data::read(kind, &bytes))))
}

/// A string in quotes at the beginning, its escapes taken out, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut string = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((string, &text[at + 2..])),
            '\\' => string.push(letters.next()?.1),
            letter => string.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPORT: &str = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Vault]\r\n; a comment\r\n\
        @=\"default\"\r\n\"Path\"=\"C:\\\\Vault\\\\\\\"v\\\"\"\r\n\"Count\"=dword:0000001f\r\n\
        \"Multi\"=hex(7):61,00,00,00,\\\r\n  62,00,00,00,00,00\r\n\
        \"Expand\"=hex(2):25,00,00,00\r\n\"Big\"=hex(b):01,00,00,00,00,00,00,00\r\n\
        \"Lines\"=\"one\r\ntwo\"\r\n\"Gone\"=-\r\nnonsense\r\n\r\n[-HKEY_CURRENT_USER\\Old]\r\n";

    fn check(bytes: &[u8]) {
        let export = read(bytes).unwrap();
        let key = &export.items[0];
        assert_eq!(key.path, r"HKEY_LOCAL_MACHINE\SOFTWARE\Vault");
        let wanted = [
            ("", Some(Data::Sz("default".into()))),
            ("Path", Some(Data::Sz("C:\\Vault\\\"v\"".into()))),
            ("Count", Some(Data::Dword(31))),
            ("Multi", Some(Data::MultiSz(vec!["a".into(), "b".into()]))),
            ("Expand", Some(Data::ExpandSz("%".into()))),
            ("Big", Some(Data::Qword(1))),
            ("Lines", Some(Data::Sz("one\r\ntwo".into()))),
            ("Gone", None),
        ];
        let wanted: Vec<_> =
            wanted.into_iter().map(|(name, data)| (name.to_owned(), data)).collect();
        assert_eq!(key.values, wanted);
        assert!(
            export.items[1].standing == Standing::ToDelete
                && export.items[1].path == r"HKEY_CURRENT_USER\Old"
        );
        assert_eq!(export.gaps.len(), 1);
    }

    #[test]
    fn an_export_is_read_in_every_encoding() {
        check(EXPORT.as_bytes());
        check(&[&[0xef, 0xbb, 0xbf], EXPORT.as_bytes()].concat());
        let wide: Vec<u8> = EXPORT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&[&[0xff, 0xfe], wide.as_slice()].concat());
        assert!(is_export(&wide) && !is_export(b"2026-01-02 10:00:00, Info"));
    }

    #[test]
    fn an_old_export_has_strings_of_one_byte_a_letter() {
        let old = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n\"m\"=hex(7):61,00,62,00,00\n";
        let export = read(old.as_bytes()).unwrap();
        let wanted = Data::MultiSz(vec!["a".into(), "b".into()]);
        assert_eq!(export.items[0].values, [("m".to_owned(), Some(wanted))]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\[\\]\\\\\"=@a-f0-9:,;() \n-]{0,400}") {
            let text = format!("REGEDIT4\n[K]\n{text}");
            prop_assert!(read(text.as_bytes()).is_some());
        }
    }
}
