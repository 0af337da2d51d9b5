//! An explanation in plain words: what a code, a rule, a driver, a service, an event means.

mod thing;

use std::io::{self, Write};

use unwedge_engine::explain::{Explanation, Fact, Kind, NotKnown};

use super::page::Page;
use super::style::{FAINT, NAME, WRONG, category_in_words};

impl<W: Write> Page<W> {
    /// All that is known.
    pub(crate) fn explanation(&mut self, told: &Explanation) -> io::Result<()> {
        let gap = if told.id.len() + told.name.len() + 2 > self.width { "\n  " } else { "  " };
        match told.name.is_empty() {
            true => {
                for line in textwrap::wrap(&told.id, super::whole_words(self.width)) {
                    writeln!(self.out, "{NAME}{line}{NAME:#}")?;
                }
            }
            false => writeln!(self.out, "{NAME}{}{NAME:#}{gap}{}", told.id, told.name)?,
        }
        if !told.meaning.is_empty() {
            self.paragraph(&format!("{}.", told.meaning.trim_end_matches('.')), "  ")?;
        }
        self.advice(told)?;
        if let Some(prose) = &told.prose {
            for paragraph in prose.split("\n\n") {
                writeln!(self.out)?;
                self.paragraph(paragraph.trim(), "  ")?;
            }
        }
        let moments = told.moments.iter().map(moment).collect::<Vec<_>>();
        self.entries("When it happened", &moments)?;
        let wrapped = told.wrapped.iter().map(|step| (step.outer.clone(), told_step(step)));
        self.entries("What it wraps", &wrapped.collect::<Vec<_>>())?;
        let heading = match told.kind {
            Kind::Rule => "Codes it looks for",
            _ => "The same cause in other forms",
        };
        let also = told.also.iter().map(|form| (form.code.clone(), form.what.clone()));
        self.entries(heading, &also.collect::<Vec<_>>())?;
        self.friends(told)?;
        let rules = told.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone()));
        self.entries("Rules that look for it", &rules.collect::<Vec<_>>())?;
        if let Some(details) = &told.details {
            self.details(details)?;
        }
        self.facts(&told.facts)?;
        self.told_by(&told.sources)?;
        for other in &told.other_meanings {
            writeln!(self.out, "\n{FAINT}It can also mean:{FAINT:#}\n")?;
            self.explanation(other)?;
        }
        Ok(())
    }

    /// That it is not known, and what may have been meant.
    pub(crate) fn not_known(&mut self, not: &NotKnown) -> io::Result<()> {
        write!(self.out, "{WRONG}error:{WRONG:#} ")?;
        writeln!(self.out, "could not explain `{}`: {}", not.asked, not.reason)?;
        if !not.did_you_mean.is_empty() {
            writeln!(self.out, "did you mean {}?", not.did_you_mean.join(", "))?;
        }
        self.paragraph(
            "Give a code as Windows shows it (0x80070021), a name (ERROR_LOCK_VIOLATION), the id \
             of a rule, a driver, service, product, event, file or KB number.",
            "",
        )
    }

    fn advice(&mut self, told: &Explanation) -> io::Result<()> {
        let mut lines = Vec::new();
        if told.failure == Some("no") {
            lines.push(("Failure", "no"));
        } else if told.failure == Some("probe") {
            lines.push(("Failure", "not by itself"));
        }
        // What has details tells its kind among them.
        let category = told.category.filter(|_| told.details.is_none());
        lines.extend(category.map(|category| ("Kind", category_in_words(category))));
        lines.extend(told.cause.map(|cause| ("Usual cause", cause)));
        lines.extend(told.help.map(|help| ("What helps", help)));
        lines.extend(told.note.map(|note| ("Note", note)));
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        for (label, text) in lines {
            self.entry(label, text, 13)?;
        }
        Ok(())
    }

    fn friends(&mut self, told: &Explanation) -> io::Result<()> {
        if told.not.is_empty() {
            return Ok(());
        }
        self.heading("What it is not")?;
        for friend in &told.not {
            self.paragraph(friend.what, "  ")?;
            self.paragraph(friend.why, "    ")?;
        }
        Ok(())
    }

    fn told_by(&mut self, sources: &[&str]) -> io::Result<()> {
        const MOST: usize = 6;
        if sources.is_empty() {
            return Ok(());
        }
        self.heading(if sources.len() == 1 { "Source" } else { "Sources" })?;
        for source in sources.iter().take(MOST) {
            for line in textwrap::wrap(source, super::whole_words(self.width - 2)) {
                writeln!(self.out, "  {FAINT}{line}{FAINT:#}")?;
            }
        }
        if sources.len() > MOST {
            writeln!(self.out, "  {FAINT}and {} more: --json{FAINT:#}", sources.len() - MOST)?;
        }
        Ok(())
    }

    fn facts(&mut self, facts: &[Fact]) -> io::Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        self.heading("What is known")?;
        for fact in facts {
            let length = fact.code.len() + fact.symbol.len() + fact.facility.len() + 8;
            let gap = if length > self.width { "\n    " } else { "  " };
            let (code, symbol, facility) = (&fact.code, fact.symbol, fact.facility);
            writeln!(self.out, "  {code}{gap}{symbol}{gap}{FAINT}({facility}){FAINT:#}")?;
            self.paragraph(fact.meaning, "    ")?;
            let source = format!("Source: {}", fact.source);
            for line in textwrap::wrap(&source, self.width - 4) {
                writeln!(self.out, "    {FAINT}{line}{FAINT:#}")?;
            }
        }
        Ok(())
    }
}

/// What one half of a setup pair says, without the words that only repeat which half it is.
fn moment(fact: &Fact) -> (String, String) {
    let label = match fact.facility {
        "SetupExtendPhase" => "Phase",
        "SetupExtendOperation" => "Operation",
        _ => "Known for",
    };
    let repeats = fact.meaning.starts_with("Extend-code");
    let text = match fact.meaning.split_once(": ") {
        Some((_, text)) if repeats => text,
        _ => fact.meaning.trim_start_matches("Extend code documented with "),
    };
    (label.to_owned(), text.to_owned())
}

fn told_step(step: &unwedge_engine::explain::Wrapped) -> String {
    format!("{}; the same cause as {}", step.how, step.inner)
}

#[cfg(test)]
mod tests {
    use unwedge_engine::explain::explain;
    use unwedge_engine::knowledge;

    use super::*;

    fn page(width: usize, what: &str) -> String {
        let mut page = Page::new(Vec::new(), width);
        let told = explain(what, &[]).unwrap_or_else(|| panic!("{what} is not explained"));
        page.explanation(&told).unwrap();
        let text = String::from_utf8(page.out).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn every_known_code_fits_into_eighty_columns() {
        for name in knowledge::symbols() {
            for line in page(80, name).lines() {
                // A name cannot be broken.
                let longest_word = line.split(' ').map(str::len).max().unwrap_or(0);
                assert!(line.chars().count() <= 80 || longest_word > 60, "{line}");
            }
        }
    }

    #[test]
    fn a_lock_violation_reads_like_this() {
        let text = page(80, "0xd0000054");
        let start = "0xd0000054  HRESULT_FROM_NT(STATUS_FILE_LOCK_CONFLICT)\n  Byte-range lock";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("\n  Kind         something is locked\n"), "{text}");
        assert!(text.contains("\n  33           Win32 number of ERROR_LOCK_VIOLATION\n"), "{text}");
        assert!(text.contains("HTTP Error 500.19"), "{text}");
    }

    #[test]
    fn a_setup_pair_says_when_it_happened() {
        let text = page(80, "0xC1900101-0x20017");
        assert!(text.contains("  Phase      Safe OS (WinPE-like)\n  Operation  boot\n"), "{text}");
    }

    #[test]
    fn a_success_says_that_it_is_one() {
        assert!(page(80, "3010").contains("  Failure      no\n"));
    }
}
