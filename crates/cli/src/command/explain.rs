//! `unwedge explain`: what a code, a name or a rule means.

use std::io::{self, Write};

use unwedge_engine::explain::{Explanation, Fact, Kind, NotKnown, RuleNote, explain, not_known};
use unwedge_engine::rule::RuleSet;

use crate::exit::Exit;
use crate::page::{FAINT, NAME, Page, WRONG, category_in_words};

/// Says what an error code, a name or a rule means
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A code in any spelling (0x80070021, -2147024863, 33), a name (ERROR_LOCK_VIOLATION), a
    /// setup pair (0xC1900101-0x20017) or the id of a rule
    #[arg(required = true, allow_hyphen_values = true, value_name = "CODE")]
    what: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains what was asked.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    // `allow_hyphen_values` takes `--json` behind a code for another value.
    let (flags, words): (Vec<&String>, Vec<&String>) =
        args.what.iter().partition(|word| *word == "--json");
    let json = args.json || !flags.is_empty();
    let what = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    answer(&what, &rules(), json)
}

/// The rules that know codes.
fn rules() -> Vec<RuleNote> {
    let note = |rule: unwedge_engine::rule::Rule| RuleNote {
        id: rule.id,
        title: rule.title,
        prose: [rule.prose, rule.advice].join("\n\n").trim().to_owned(),
        codes: rule.codes,
        category: rule.category,
    };
    RuleSet::built_in().rules.into_iter().map(note).collect()
}

fn answer(what: &str, rules: &[RuleNote], json: bool) -> anyhow::Result<Exit> {
    let told = explain(what, rules);
    let exit = if told.is_some() { Exit::Ok } else { Exit::Error };
    let written = match told {
        Some(told) if json => write_json(&told),
        Some(told) => Page::to_terminal(anstream::stdout().lock()).explanation(&told),
        None if json => write_json(&not_known(what, rules)),
        None => Page::to_terminal(anstream::stderr().lock()).not_known(&not_known(what, rules)),
    };
    match written {
        // Whoever reads has read enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit),
        result => Ok(result.map(|()| exit)?),
    }
}

fn write_json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

impl<W: Write> Page<W> {
    fn explanation(&mut self, told: &Explanation) -> io::Result<()> {
        let gap = if told.id.len() + told.name.len() + 2 > self.width { "\n  " } else { "  " };
        writeln!(self.out, "{NAME}{}{NAME:#}{gap}{}", told.id, told.name)?;
        if !told.meaning.is_empty() {
            self.paragraph(&format!("{}.", told.meaning.trim_end_matches('.')), "  ")?;
        }
        self.advice(told)?;
        if let Some(prose) = &told.prose {
            writeln!(self.out)?;
            for paragraph in prose.split("\n\n") {
                self.paragraph(paragraph.trim(), "  ")?;
            }
        }
        let moments = told.moments.iter().map(moment).collect::<Vec<_>>();
        self.entries("When it happened", &moments)?;
        let wrapped = told.wrapped.iter().map(|step| (step.outer.clone(), told_step(step)));
        self.entries("What it wraps", &wrapped.collect::<Vec<_>>())?;
        let heading = match told.kind {
            Kind::Rule => "Codes it looks for",
            Kind::Code | Kind::SetupPair => "The same cause in other forms",
        };
        let also = told.also.iter().map(|form| (form.code.clone(), form.what.clone()));
        self.entries(heading, &also.collect::<Vec<_>>())?;
        self.friends(told)?;
        let rules = told.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone()));
        self.entries("Rules that look for it", &rules.collect::<Vec<_>>())?;
        self.facts(&told.facts)
    }

    fn not_known(&mut self, not: &NotKnown) -> io::Result<()> {
        write!(self.out, "{WRONG}error:{WRONG:#} ")?;
        writeln!(self.out, "could not explain `{}`: {}", not.asked, not.reason)?;
        if !not.did_you_mean.is_empty() {
            writeln!(self.out, "did you mean {}?", not.did_you_mean.join(", "))?;
        }
        self.paragraph(
            "Give a code as Windows shows it (0x80070021), a name (ERROR_LOCK_VIOLATION) or the \
             id of a rule.",
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
        lines.extend(told.category.map(|category| ("Kind", category_in_words(category))));
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

    #[test]
    fn a_number_with_a_minus_is_no_option() {
        use clap::Parser;
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            args: ExplainArgs,
        }
        for line in [["x", "-2147024863"], ["x", "-1032"]] {
            assert_eq!(Line::try_parse_from(line).unwrap().args.what, line[1..]);
        }
        let line = Line::try_parse_from(["x", "--json", "Win32", "33"]).unwrap();
        assert!(line.args.json && line.args.what == ["Win32", "33"]);
    }
}
