//! Text that is written as it is made, such as a diagnosis or an explanation.

use std::io::{self, Write};

use super::style::{HEADING, NAME};

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
        Page { out, width: super::width() }
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
        let mut lines =
            textwrap::wrap(text, super::whole_words(self.width - indent.len())).into_iter();
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
        for line in textwrap::wrap(text, super::whole_words(self.width - indent.len())) {
            writeln!(self.out, "{indent}{line}")?;
        }
        Ok(())
    }
}
