//! Text for people: broken to the width of the window, understandable without colour.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unwedge_engine::report::Category;

/// Names, codes and numbers that the eye looks for.
pub(crate) const NAME: Style = Style::new().bold();
/// Headings.
pub(crate) const HEADING: Style = AnsiColor::Cyan.on_default().bold();
/// What is there to be checked, not to be read.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What is wrong.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What went right.
pub(crate) const RIGHT: Style = AnsiColor::Green.on_default().bold();
/// What is not known, or not over.
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// Lines longer than this are hard to read, however wide the window is.
const WIDEST: usize = 100;

/// Text broken to the width of the window.
pub(crate) struct Page<W> {
    /// Where it goes.
    pub(crate) out: W,
    /// Columns.
    pub(crate) width: usize,
}

impl<W: Write> Page<W> {
    /// A page of this many columns, for tests.
    #[cfg(test)]
    pub(crate) fn new(out: W, width: usize) -> Self {
        Page { out, width }
    }

    /// A page as wide as the window, within reason.
    pub(crate) fn to_terminal(out: W) -> Self {
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        Page { out, width: width.clamp(40, WIDEST) }
    }

    pub(crate) fn entries(
        &mut self,
        heading: &str,
        entries: &[(String, String)],
    ) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.heading(heading)?;
        let widest = entries.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        for (label, text) in entries {
            self.entry(label, text, widest.min(28) + 2)?;
        }
        Ok(())
    }

    /// A label and its text, which hangs beside it, or below it when the label is long.
    pub(crate) fn entry(&mut self, label: &str, text: &str, column: usize) -> io::Result<()> {
        let indent = " ".repeat(column + 2);
        let beside = label.len() + 2 <= column;
        let mut lines = textwrap::wrap(text, self.width - indent.len()).into_iter();
        write!(self.out, "  {NAME}{label}{NAME:#}")?;
        if beside && let Some(line) = lines.next() {
            write!(self.out, "{}{line}", " ".repeat(column - label.len()))?;
        }
        writeln!(self.out)?;
        for line in lines {
            writeln!(self.out, "{indent}{line}")?;
        }
        Ok(())
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{HEADING}{text}{HEADING:#}")
    }

    pub(crate) fn paragraph(&mut self, text: &str, indent: &str) -> io::Result<()> {
        for line in textwrap::wrap(text, self.width - indent.len()) {
            writeln!(self.out, "{indent}{line}")?;
        }
        Ok(())
    }
}

/// A category as a person would say it.
pub(crate) fn category_in_words(category: Category) -> &'static str {
    match category {
        Category::Lock => "something is locked",
        Category::Network => "network",
        Category::StoreCorruption => "damaged Windows files or records",
        Category::SourceMissing => "files missing that a repair needs",
        Category::DiskSpace => "too little space",
        Category::Service => "a service",
        Category::Permission => "permissions",
        Category::PendingRestart => "a restart is needed",
        Category::Policy => "a policy or setting",
        Category::Driver => "a driver",
        Category::Hardware => "disk or device",
        Category::Com => "Windows components (COM)",
        Category::DownloadIntegrity => "a download that cannot be trusted",
        Category::ThirdParty => "other makers' software",
        Category::Cancelled => "cancelled",
        Category::Concurrency => "two things at the same time",
        Category::Other => "other",
    }
}
