//! Records of a timeline as rows: for people, and as CSV.

use std::collections::BTreeMap;
use std::io::{self, Write};

use textwrap::core::display_width;
use unwedge_engine::timeline::{Entry, name_of};
use unwedge_formats::log::Level;

use super::style::{FAINT, NAME, UNSURE, WRONG};

/// Widest name of a source that is shown in full.
const WIDEST_SOURCE: usize = 28;
/// Columns of a component; longer ones push their text to the right.
const COMPONENT: usize = 12;

/// The columns of a table for people.
pub(crate) struct Columns {
    /// What each source is called.
    labels: BTreeMap<String, String>,
    label_width: usize,
    /// Columns of the window, when there is one.
    width: Option<usize>,
}

impl Columns {
    /// Rows cut to the width of the window.
    pub(crate) fn of_window(sources: &[&str]) -> Columns {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Columns { width, ..Columns::of_file(sources) }
    }

    /// Rows as long as they are.
    pub(crate) fn of_file(sources: &[&str]) -> Columns {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for source in sources {
            *seen.entry(last_part(source)).or_default() += 1;
        }
        let label = |source: &&str| {
            let short = last_part(source);
            let name = if seen[short] == 1 { short } else { source };
            ((*source).to_owned(), plain(name))
        };
        let labels: BTreeMap<String, String> = sources.iter().map(label).collect();
        let widest = labels.values().map(|label| display_width(label)).max().unwrap_or(0);
        Columns { labels, label_width: widest.min(WIDEST_SOURCE), width: None }
    }

    /// Writes one record as one line.
    pub(crate) fn row(&self, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
        let time = time_of(entry);
        let label = self.labels.get(&entry.source).map_or("?", String::as_str);
        let place = format!("{}:{}", shown(label, self.label_width), entry.line);
        let place_width = self.label_width + 7;
        let (level, style) = match entry.level {
            Some(Level::Error) => ("Error", WRONG),
            Some(Level::Warning) => ("Warning", UNSURE),
            Some(Level::Info) | None => ("", FAINT),
        };
        let component = plain(entry.component.as_deref().unwrap_or(""));
        let component = component.strip_prefix("Microsoft-Windows-").unwrap_or(&component);
        let blanks = " ".repeat(place_width.saturating_sub(display_width(&place)));
        let left = format!("{time:24} {place}{blanks}");
        let text = plain(&entry.text);
        let used = display_width(&left) + 10 + display_width(component).max(COMPONENT);
        let text = match self.width {
            // A row of a very narrow window is not cut to nothing.
            Some(width) => cut(&text, width.saturating_sub(used).max(16)),
            None => &text,
        };
        write!(out, "{FAINT}{left}{FAINT:#} {style}{level:7}{style:#} ")?;
        writeln!(out, "{NAME}{component:COMPONENT$}{NAME:#} {text}")
    }
}

/// The time to the thousandth of a second; `?` behind it says that the zone is not known.
fn time_of(entry: &Entry) -> String {
    let Some(mut time) = entry.time else { return "-".to_owned() };
    time.fraction.digits = time.fraction.digits.min(3);
    let text = time.to_string();
    if time.utc { text } else { text + "?" }
}

/// The end of a name that is too wide tells more than its beginning.
fn shown(label: &str, width: usize) -> String {
    if display_width(label) <= width {
        return label.to_owned();
    }
    let mut rest = label.char_indices().map(|(at, _)| &label[at..]);
    let end = rest.find(|rest| display_width(rest) < width).unwrap_or("");
    format!("…{end}")
}

fn last_part(source: &str) -> &str {
    source.rsplit(['/', '\\', '!']).next().unwrap_or(source)
}

/// As much of `text` as fits.
fn cut(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += display_width(letter.encode_utf8(&mut [0; 4]));
        if used > width {
            return &text[..at];
        }
    }
    text
}

/// One line; control characters of a log must not reach a terminal.
fn plain(text: &str) -> String {
    let text = text.replace('\n', " | ");
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The first row.
pub(crate) const CSV_HEADER: &str =
    "time,utc,source,line,kind,level,component,codes,kb,session,text\r\n";

/// Writes one record as a row of RFC 4180.
pub(crate) fn csv_row(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let time = entry.time.map_or(String::new(), |time| time.to_string());
    let codes: Vec<String> = entry.codes.iter().map(ToString::to_string).collect();
    let fields = [
        time.as_str(),
        if entry.utc { "true" } else { "false" },
        &entry.source,
        &entry.line.to_string(),
        entry.kind.name(),
        entry.level.map_or("", name_of),
        entry.component.as_deref().unwrap_or(""),
        &codes.join(" "),
        entry.kb.as_deref().unwrap_or(""),
        entry.session.as_deref().unwrap_or(""),
        &entry.text,
    ];
    out.write_all(fields.map(cell).join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

/// A spreadsheet must not take what a log says for a formula: such a cell begins with `'`.
fn cell(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let quote = field.contains(['"', ',', '\n', '\r']);
    match quote {
        true => format!("\"{guard}{}\"", field.replace('"', "\"\"")),
        false => format!("{guard}{field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"no\"\nmore"), "\"say \"\"no\"\"\nmore\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("-a,b"), "\"'-a,b\"");
        assert_eq!(cell("@SUM"), "'@SUM");
    }

    #[test]
    fn text_is_cut_by_what_it_takes_on_the_screen() {
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("日本", 3), "日");
        assert_eq!(cut("ab", 9), "ab");
        assert_eq!(shown("0123456789", 4), "…789");
    }

    #[test]
    fn what_could_steer_a_terminal_is_taken_out() {
        assert_eq!(plain("a\x1b[31mb\tc\nd"), "a [31mb c | d");
    }

    #[test]
    fn sources_of_the_same_name_are_told_apart() {
        let columns = Columns::of_file(&["a/CBS.log", "b/CBS.log", "b/dism.log"]);
        let labels: Vec<&String> = columns.labels.values().collect();
        assert_eq!(labels, ["a/CBS.log", "b/CBS.log", "dism.log"]);
    }
}
