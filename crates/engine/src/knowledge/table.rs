//! Reading the tables: rows, lists in a field, and names that are found however they are spelled.

use std::collections::HashMap;
use std::io::Read as _;

use serde::Serialize;

/// How sure a line of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// General knowledge, or one source that may be wrong.
    Low,
    /// One good source, or several that are not independent.
    Medium,
    /// Several sources that agree, or Microsoft's own.
    High,
}

impl Confidence {
    pub(super) fn of(letter: &str) -> Self {
        match letter {
            "H" => Confidence::High,
            "M" => Confidence::Medium,
            _ => Confidence::Low,
        }
    }
}

/// A table as it is embedded: packed, because together they would be a tenth of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table(pub(super) &'static [u8]);

/// The table of this name under `knowledge/`.
macro_rules! table {
    ($name:literal) => {
        Table(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".tsv.zz")))
    };
}
pub(super) use table;

impl Table {
    /// Its text, which stays in memory: to be asked for once.
    pub(super) fn text(self) -> &'static str {
        let mut text = String::new();
        let mut reader = flate2::read::ZlibDecoder::new(self.0);
        reader.read_to_string(&mut text).expect("the build packed it");
        text.leak()
    }
}

/// The lines of a table below its heading, cut into fields.
pub(super) fn rows<const N: usize>(table: Table) -> impl Iterator<Item = [&'static str; N]> {
    table.text().lines().skip(1).map(|line| {
        let mut fields = line.split('\t');
        let row = std::array::from_fn(|_| fields.next().expect("a test counts the fields"));
        assert!(fields.next().is_none(), "too many fields: {line}");
        row
    })
}

/// What a field says; nothing where it is empty or a dash.
pub(super) fn given(field: &'static str) -> Option<&'static str> {
    (!field.is_empty() && field != "-").then_some(field)
}

/// The parts of a field that lists several, divided by semicolons.
pub(super) fn list(field: &'static str) -> Vec<&'static str> {
    given(field).map_or_else(Vec::new, |field| field.split(';').map(str::trim).collect())
}

/// The last part of a path, in small letters, without quotes and without this ending.
///
/// `"C:\Windows\System32\drivers\MFEHIDK.SYS"` and `mfehidk` give the same.
pub(super) fn file_key(name: &str, ending: &str) -> String {
    let name = name.trim().trim_matches('"');
    let name = name.rsplit(['\\', '/']).next().unwrap_or(name);
    let mut key = name.to_lowercase();
    if key.ends_with(ending) {
        key.truncate(key.len() - ending.len());
    }
    key
}

/// Finds what belongs to a name: names as they are by their hash, and the few with `*` and `?` by
/// trying each.
#[derive(Debug)]
pub(super) struct Names<T> {
    whole: HashMap<String, Vec<T>>,
    patterns: Vec<(String, Vec<T>)>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names { whole: HashMap::new(), patterns: Vec::new() }
    }
}

impl<T> Names<T> {
    pub(super) fn add(&mut self, key: String, value: T) {
        if !key.contains(['*', '?']) {
            self.whole.entry(key).or_default().push(value);
            return;
        }
        match self.patterns.iter_mut().find(|(pattern, _)| *pattern == key) {
            Some((_, values)) => values.push(value),
            None => self.patterns.push((key, vec![value])),
        }
    }

    pub(super) fn get(&self, key: &str) -> &[T] {
        if let Some(values) = self.whole.get(key) {
            return values;
        }
        let mut patterns = self.patterns.iter();
        patterns.find(|(pattern, _)| matches(pattern, key)).map_or(&[], |(_, values)| values)
    }
}

/// Whether a name fits a pattern with `*` (anything) and `?` (one letter); case counts.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut of) = (0, 0);
    // Where to go on when what was tried after the last `*` does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, of));
                at += 1;
            }
            Some(&letter) if letter == b'?' || letter == name[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                at = star + 1;
                of = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|&letter| letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_a_question_mark_for_one_letter() {
        for (pattern, name, fits) in [
            ("klupd_klif_*", "klupd_klif_arkmon", true),
            ("klupd_klif_*", "klif", false),
            ("pfmfs_???", "pfmfs_64a", true),
            ("pfmfs_???", "pfmfs_64", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_file_is_known_with_and_without_its_folder_and_ending() {
        for name in ["mfehidk", "MFEHIDK.SYS", r#""C:\Windows\System32\drivers\mfehidk.sys""#] {
            assert_eq!(file_key(name, ".sys"), "mfehidk");
        }
        assert_eq!(file_key(".sys", ".sys"), "");
    }
}
