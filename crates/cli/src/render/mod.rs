//! Plain words for people: wrapped to the terminal, clear without colour.

pub(crate) mod collect;
pub(crate) mod diagnosis;
pub(crate) mod explanation;
pub(crate) mod isolate;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod repair;
pub(crate) mod style;
pub(crate) mod timeline;
pub(crate) mod watch;
pub(crate) mod who;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use style::HEADING;

/// Set when nobody reads what is said.
static IS_SILENT: AtomicBool = AtomicBool::new(false);
/// Where all that is said is kept as well.
static KEPT: Mutex<Option<File>> = Mutex::new(None);

/// From now on nothing is said but errors.
pub(crate) fn be_silent() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// From now on all that is said is also appended to the file `at`.
pub(crate) fn keep(at: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(at)?;
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    Ok(())
}

/// Writes data to the standard output.
pub(crate) fn show(text: &str) {
    also_keep(text);
    if !IS_SILENT.load(Ordering::Relaxed) {
        // Nobody is left to tell when the reader has gone.
        let _ = anstream::stdout().write_all(text.as_bytes());
    }
}

/// Says something to the user that is no data.
pub(crate) fn say(text: &str) {
    say_after("", text);
}

/// Says something after a label; further lines stand below its text.
pub(crate) fn say_after(label: &str, text: &str) {
    let text = item(label, &" ".repeat(label.len()), text);
    also_keep(&text);
    if !IS_SILENT.load(Ordering::Relaxed) {
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

/// Keeps what was shown before there was a file for it.
pub(crate) fn keep_only(text: &str) {
    also_keep(text);
}

fn also_keep(text: &str) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = kept.as_mut() {
        // A full disk must not keep a repair from being taken back.
        let _ = file.write_all(anstream::adapter::strip_str(text).to_string().as_bytes());
    }
}

/// Writes JSON to the standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    show(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// A number of things, which are more than one unless it is 1.
pub(crate) fn counted(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

/// A heading of its own line.
pub(crate) fn heading(text: &str) -> String {
    format!("{HEADING}{text}{HEADING:#}\n")
}

/// A paragraph, wrapped.
pub(crate) fn paragraph(text: &str) -> String {
    item("", "", text)
}

/// Text after a label; further lines are indented as far as `rest`.
pub(crate) fn item(label: &str, rest: &str, text: &str) -> String {
    let options = whole_words(width()).initial_indent(label).subsequent_indent(rest);
    format!("{}\n", textwrap::fill(text, options))
}

/// Windows paths and file names must stay whole to be copied.
fn whole_words(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false)
}

/// Columns of the window; lines longer than a hundred letters are hard to read.
fn width() -> usize {
    const WIDEST: usize = 100;
    let terminal = terminal_size::terminal_size();
    terminal.map_or(80, |(width, _)| usize::from(width.0)).clamp(40, WIDEST)
}
