//! The files in `C:\lab` that tell a part of this library what to play, and those to which it writes what
//! was asked of it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const FOLDER: &str = r"C:\lab";

/// What a part is told, line by line.
pub(crate) struct Told(Vec<String>);

impl Told {
    /// Reads a file; one that is not there tells nothing.
    pub(crate) fn by(file: &str) -> Told {
        let text = fs::read_to_string(path(file)).unwrap_or_default();
        Told(text.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect())
    }

    /// Whether a line is this word.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|it| it == word)
    }

    /// All that stands behind `NAME = `, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |line| {
            Some(line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim_start())
        })
    }

    /// The number that stands behind `NAME = `, with `0x` in front if it is hexadecimal.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.all(name).next().and_then(number)
    }
}

/// A number, with `0x` in front if it is hexadecimal.
pub(crate) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Writes down what was asked for.
pub(crate) fn note(file: &str, what: &str) {
    let log = OpenOptions::new().append(true).create(true).open(path(file));
    let mut log = log.expect("the log can be written");
    log.write_all(format!("{what}\n").as_bytes()).expect("the log can be written");
}

/// Where a file of the lab lies.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(FOLDER).join(file)
}
