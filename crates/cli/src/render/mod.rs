//! Plain words for people: wrapped to the terminal, clear without colour.

pub(crate) mod collect;
pub(crate) mod diagnosis;
pub(crate) mod explanation;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod repair;
pub(crate) mod style;
pub(crate) mod timeline;
pub(crate) mod watch;

use std::io::Write as _;

use serde::Serialize;

use style::HEADING;

/// Writes data to the standard output.
pub(crate) fn show(text: &str) {
    // Nobody is left to tell when the reader has gone.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Says something to the user that is no data.
pub(crate) fn say(text: &str) {
    let _ = anstream::stderr().write_all(paragraph(text).as_bytes());
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
