//! Reads a finished bundle again and looks for what should not be in it any more.

use std::fmt;
use std::io::{Read, Result, Seek};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use super::pattern::{find, is_common_account};
use super::{Private, Redactor, text};

/// A private value that is still in a bundle. It is not shown in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// In which file of the bundle.
    pub path: String,
    /// Line, counted from 1; 0 is the name of the file or a place without lines.
    pub line: u64,
    /// What it is.
    pub kind: Private,
    /// The value with all but its ends covered.
    pub covered: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leak { path, line, kind, covered } = self;
        write!(f, "a {} ({covered}) in {path}, line {line}", kind.name())
    }
}

/// Looks through a bundle; the first leak that is found, if any.
///
/// Every value that was replaced is looked for in all encodings, and so is what has the shape of
/// private values and is none of the stand-ins.
pub fn check(bundle: impl Read + Seek, redactor: &Redactor) -> Result<Option<Leak>> {
    let mut archive = zip::ZipArchive::new(bundle).map_err(std::io::Error::other)?;
    let wide = wide(redactor);
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(std::io::Error::other)?;
        let path = file.name().map_err(std::io::Error::other)?.into_owned();
        if let Some((_, kind, value)) = leak_in(format!("/{path}").as_bytes(), redactor) {
            let path = redactor.redacted_text(&path);
            return Ok(Some(Leak { path, line: 0, kind, covered: covered(&value) }));
        }
        let (mut line, mut leak) = (1, None);
        let look = |block: &[u8]| {
            leak_in(block, redactor).or_else(|| {
                let hit = wide.find(block)?;
                let (kind, value, _) = &redactor.values[hit.pattern().as_usize()];
                Some((usize::MAX, *kind, value.clone()))
            })
        };
        text::side_by_side(&mut file, look, &mut |block, found| {
            leak = leak.take().or_else(|| {
                let (at, kind, value) = found?;
                // What stands in no line has none.
                let line = block.get(..at).map_or(0, |before| line + lines(before));
                Some((line, kind, value))
            });
            line += lines(block);
            Ok(())
        })?;
        if let Some((line, kind, value)) = leak {
            return Ok(Some(Leak { path, line, kind, covered: covered(&value) }));
        }
    }
    Ok(None)
}

/// Looks through one text that is to go into a bundle.
#[must_use]
pub fn check_text(path: &str, text: &[u8], redactor: &Redactor) -> Option<Leak> {
    let (at, kind, value) = leak_in(text, redactor)?;
    let line = lines(&text[..at]) + 1;
    Some(Leak { path: path.to_owned(), line, kind, covered: covered(&value) })
}

fn lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// The learnt values as they stand in UTF-16 that nobody took for text.
fn wide(redactor: &Redactor) -> AhoCorasick {
    let wide = redactor.values.iter().map(|(_, value, _)| {
        let text = String::from_utf8_lossy(value).into_owned();
        text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    });
    AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(wide)
        .expect("a log names few enough people and PCs")
}

fn leak_in(text: &[u8], redactor: &Redactor) -> Option<(usize, Private, Vec<u8>)> {
    let told = |at: std::ops::Range<usize>, kind| (at.start, kind, text[at].to_vec());
    if let Some((found, _)) = redactor.learnt_in(text).next() {
        return Some(told(found.at, found.kind));
    }
    let is_left =
        |kind, value: &[u8]| redactor.fakes.of(kind, value).is_some() && !is_stand_in(value);
    if let Some(found) = find(text).into_iter().find(|it| is_left(it.kind, &text[it.at.clone()])) {
        return Some(told(found.at, found.kind));
    }
    by_shape(text).map(|(at, kind)| told(at, kind))
}

/// Shapes of private values, found without the patterns by which they were replaced.
fn by_shape(text: &[u8]) -> Option<(std::ops::Range<usize>, Private)> {
    for at in memchr::memmem::find_iter(text, b"S-1-5-21-") {
        let end = at + 9 + run(&text[at + 9..], |byte| byte.is_ascii_digit() || byte == b'-');
        if end - at > 20 && !is_stand_in(&text[at..end]) {
            return Some((at..end, Private::Sid));
        }
    }
    for at in memchr::memchr_iter(b'@', text) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
        let before = text[..at].iter().rev().take(64).take_while(|byte| is_name(**byte)).count();
        let behind = run(&text[at + 1..], is_name);
        let domain = &text[at + 1..at + 1 + behind];
        let name = &text[at - before..at];
        let ending = domain.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
        let is_mail = before > 0
            && ending.len() < domain.len()
            && ending.len() >= 2
            && ending.iter().all(u8::is_ascii_alphabetic)
            && name.iter().any(u8::is_ascii_alphabetic);
        if is_mail && !is_stand_in(domain) {
            return Some((at - before..at + 1 + behind, Private::Mail));
        }
    }
    let lower = text.to_ascii_lowercase();
    for slash in [&br"\users\"[..], b"/users/"] {
        for at in memchr::memmem::find_iter(&lower, slash) {
            let start = at + slash.len();
            let length = run(&text[start..], |byte| !b"\\/\r\n\"<>|:*?".contains(&byte));
            let is_folder = matches!(text.get(start + length), Some(b'\\' | b'/'));
            let value = &text[start..start + length];
            if is_folder && length > 0 && !is_common_account(value) && !is_stand_in(value) {
                return Some((start..start + length, Private::User));
            }
        }
    }
    None
}

fn run(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter().take(255).take_while(|byte| belongs(**byte)).count()
}

/// Whether a value has the form of a stand-in.
fn is_stand_in(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let numbered = |prefix: &[u8]| {
        lower
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
    };
    numbered(b"user")
        || numbered(b"host")
        || numbered(b"serial")
        || lower.ends_with(b".example")
        || lower.starts_with(b"s-1-5-21-1000000001-1000000002-")
}

fn covered(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut chars = text.chars();
    let ends = (chars.next(), chars.next_back());
    match ends {
        (Some(first), Some(last)) if !first.is_control() && !last.is_control() => {
            format!("{first}…{last}")
        }
        _ => "…".to_owned(),
    }
}
