//! A diagnosis in plain words: verdict, roots with their proof, the rest in short.

use std::io::{self, Write};

use unwedge_engine::knowledge;
use unwedge_engine::report::{
    Certainty, Citation, Culprit, Diagnosis, Finding, OperationOutcome, Role, Verdict,
};
use unwedge_formats::code::Code;

use super::page::Page;
use super::style::{
    FAINT, NAME, RIGHT, UNSURE, WRONG, category_in_words, culprit_in_words, subject_in_words,
};
use super::{counted, item};

/// At most so many proof lines of one finding are printed; JSON has more.
const SHOWN_CITATIONS: usize = 5;
/// At most so many gaps are printed.
const SHOWN_GAPS: usize = 8;

impl<W: Write> Page<W> {
    /// The whole answer: verdict, roots with proof, the rest in short.
    pub(crate) fn diagnosis(&mut self, told: &Diagnosis, all: bool) -> io::Result<()> {
        writeln!(self.out, "{}", verdict(told.verdict))?;
        self.paragraph(&told.summary, "  ")?;
        self.about(told)?;
        let (notes, causes): (Vec<&Finding>, Vec<&Finding>) =
            told.findings.iter().partition(|finding| finding.role == Role::Note);
        for (number, finding) in causes.iter().enumerate() {
            self.finding(number + 1, finding, all)?;
        }
        if !notes.is_empty() {
            self.heading("Also worth knowing")?;
            for finding in notes {
                self.note(finding)?;
            }
        }
        self.this_pc(told, all)?;
        self.operations(told, all)?;
        self.ignored(told, all)?;
        self.sources(told, all)
    }

    fn about(&mut self, told: &Diagnosis) -> io::Result<()> {
        let about = &told.about;
        let parts: Vec<String> = [
            about.name.clone(),
            about.build.as_ref().map(|build| format!("Windows build {build}")),
            about.edition.clone(),
            about.utc_offset.as_ref().map(|offset| format!("clock UTC{offset}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "  {FAINT}{}{FAINT:#}", parts.join(", "))
    }

    fn finding(&mut self, number: usize, finding: &Finding, all: bool) -> io::Result<()> {
        writeln!(self.out)?;
        let what = match finding.role {
            Role::Root => "",
            Role::Consequence => "Follows from that: ",
            Role::Note => "Note: ",
        };
        let title = format!("{number}. {what}{}", finding.title);
        for line in textwrap::wrap(&title, self.width) {
            writeln!(self.out, "{NAME}{line}{NAME:#}")?;
        }
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |label: &str, text: String| rows.push((label.to_owned(), text));
        row("Kind", category_in_words(finding.category).to_owned());
        if let Some(subject) = &finding.subject {
            let more = match finding.other_subjects.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            row(subject_in_words(subject.kind), format!("{}{more}", subject.name));
            if all {
                for other in &finding.other_subjects {
                    row(subject_in_words(other.kind), other.name.clone());
                }
            }
        }
        if !finding.codes.is_empty() {
            let shown = if all { finding.codes.len() } else { 2 };
            let named: Vec<String> =
                finding.codes.iter().take(shown).map(|code| named_code(code)).collect();
            row("Code", named.join(", "));
        }
        if let Some(culprit) = &finding.culprit {
            row("In the way", in_the_way(culprit));
        }
        for (label, text) in &rows {
            self.entry(label, text, 14)?;
        }
        writeln!(self.out)?;
        self.paragraph(&finding.text, "  ")?;
        // What follows goes with its cause; its own advice may be wrong as long as that is there.
        if !finding.advice.is_empty() && (all || finding.role != Role::Consequence) {
            writeln!(self.out, "\n  {NAME}What to do{NAME:#}")?;
            self.paragraph(&finding.advice, "  ")?;
        }
        self.proof(finding, all)
    }

    fn proof(&mut self, finding: &Finding, all: bool) -> io::Result<()> {
        let shown = if all { finding.citations.len() } else { SHOWN_CITATIONS };
        let times = match finding.times_seen {
            1 => "seen once".to_owned(),
            n => format!("seen {n} times"),
        };
        writeln!(self.out, "\n  {NAME}Proof{NAME:#} {FAINT}({times}){FAINT:#}")?;
        for citation in finding.citations.iter().take(shown) {
            self.citation(citation, "  ")?;
        }
        Ok(())
    }

    fn citation(&mut self, citation: &Citation, indent: &str) -> io::Result<()> {
        let line = citation.line.map_or(String::new(), |line| format!(":{line}"));
        writeln!(self.out, "{indent}{FAINT}{}{line}{FAINT:#}", citation.source)?;
        let excerpt = squeezed(&citation.excerpt);
        self.paragraph(&excerpt, &format!("{indent}  "))
    }

    fn note(&mut self, finding: &Finding) -> io::Result<()> {
        let over = if finding.resolved { " (over)" } else { "" };
        let codes = match finding.codes.is_empty() {
            true => String::new(),
            false => format!(" [{}]", finding.codes.join(", ")),
        };
        self.paragraph(&format!("- {}{codes}{over}", finding.title), "  ")?;
        if let Some(first) = finding.citations.first() {
            let line = first.line.map_or(String::new(), |line| format!(":{line}"));
            writeln!(self.out, "    {FAINT}{}{line}{FAINT:#}", first.source)?;
        }
        Ok(())
    }

    /// What the PC tells of itself: what stands out, and with `all` the rest.
    fn this_pc(&mut self, told: &Diagnosis, all: bool) -> io::Result<()> {
        if told.this_pc.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = told.this_pc.iter().filter(|note| all || note.notable).collect();
        self.heading("This PC")?;
        for note in &shown {
            self.paragraph(&format!("- {}", note.told), "  ")?;
        }
        let rest = told.this_pc.len() - shown.len();
        if rest > 0 {
            self.paragraph(&format!("- {rest} things as usual; --all shows them"), "  ")?;
        }
        Ok(())
    }

    fn operations(&mut self, told: &Diagnosis, all: bool) -> io::Result<()> {
        if told.operations.is_empty() || !all {
            return Ok(());
        }
        self.heading("What was tried")?;
        for operation in &told.operations {
            let ended = match operation.outcome {
                OperationOutcome::Succeeded => "went through",
                OperationOutcome::Failed => "FAILED",
                OperationOutcome::Cancelled => "cancelled",
                OperationOutcome::NeedsRestart => "wants a restart",
                OperationOutcome::Unfinished => "not seen to its end",
            };
            let when = operation.citation.time.as_deref().unwrap_or("");
            let on = operation.subject.as_ref().map_or(String::new(), |s| format!(": {}", s.name));
            let code = match (&operation.code, operation.outcome) {
                (Some(code), OperationOutcome::Failed) => format!(" {code}"),
                _ => String::new(),
            };
            self.paragraph(&format!("{when}  {ended}{code}  {}{on}", operation.what), "  ")?;
        }
        Ok(())
    }

    fn ignored(&mut self, told: &Diagnosis, all: bool) -> io::Result<()> {
        let lines: u64 = told.ignored.iter().map(|ignored| ignored.times_seen).sum();
        if lines == 0 {
            return Ok(());
        }
        if !all {
            let kinds = told.ignored.len();
            writeln!(self.out)?;
            let text = format!(
                "{} of {} {}, or only {} one; --all shows {}.",
                counted(lines, "line"),
                counted(kinds as u64, "kind"),
                if lines == 1 {
                    "looks like an error and is none"
                } else {
                    "look like errors and are none"
                },
                if lines == 1 { "echoes" } else { "echo" },
                if lines == 1 { "it" } else { "them" },
            );
            return self.paragraph(&text, "");
        }
        self.heading("Looks like an error and is none")?;
        for ignored in &told.ignored {
            let codes = match ignored.codes.is_empty() {
                true => String::new(),
                false => format!(" [{}]", ignored.codes.join(", ")),
            };
            self.paragraph(
                &format!("- {} {}{codes}", counted(ignored.times_seen, "time"), ignored.rule),
                "  ",
            )?;
            self.paragraph(&ignored.reason, "    ")?;
            if let Some(first) = ignored.citations.first() {
                self.citation(first, "    ")?;
            }
        }
        Ok(())
    }

    fn sources(&mut self, told: &Diagnosis, all: bool) -> io::Result<()> {
        let read: Vec<_> = told.sources.iter().filter(|source| source.lines > 0).collect();
        let lines: u64 = read.iter().map(|source| source.lines).sum();
        writeln!(self.out)?;
        let files = counted(read.len() as u64, "file");
        let lines = counted(lines, "line");
        writeln!(self.out, "{FAINT}Read: {files}, {lines}.{FAINT:#}")?;
        if all {
            for source in &read {
                writeln!(
                    self.out,
                    "{FAINT}  {} ({}, {}){FAINT:#}",
                    source.source,
                    source.kind,
                    counted(source.lines, "line")
                )?;
            }
        }
        if told.gaps.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "{UNSURE}Not read or not known:{UNSURE:#}")?;
        let shown = if all { told.gaps.len() } else { SHOWN_GAPS };
        for gap in told.gaps.iter().take(shown) {
            let line = gap.line.map_or(String::new(), |line| format!(":{line}"));
            self.paragraph(&format!("- {}{line}, {}: {}", gap.source, gap.what, gap.why), "  ")?;
        }
        if told.gaps.len() > shown {
            writeln!(self.out, "  - and {} more; --all shows them", told.gaps.len() - shown)?;
        }
        Ok(())
    }
}

/// The diagnosis before a plan or a repair: what fails, and who is in the way.
pub(crate) fn short(told: &Diagnosis) -> String {
    let name = told.about.name.as_deref().map_or(String::new(), |name| format!("{name}: "));
    let mut out = format!("{name}{}\n", verdict(told.verdict));
    let causes = told.findings.iter().filter(|f| f.role == Role::Root && !f.resolved);
    for cause in causes {
        let code = cause.codes.first().map_or(String::new(), |code| format!(" ({code})"));
        out.push_str(&item("  ", "  ", &format!("{}{code}.", cause.title)));
        if let Some(subject) = &cause.subject {
            let label = format!("  {:<12}", subject_in_words(subject.kind));
            out.push_str(&item(&label, &" ".repeat(14), &subject.name));
        }
        if let Some(culprit) = &cause.culprit {
            out.push_str(&item("  In the way  ", &" ".repeat(14), &in_the_way(culprit)));
        }
        if let Some(proof) = cause.citations.first() {
            let line = proof.line.map_or(String::new(), |line| format!(", line {line}"));
            out.push_str(&item(
                "  Proof       ",
                &" ".repeat(14),
                &format!("{}{line}", proof.source),
            ));
        }
    }
    out.push('\n');
    out
}

fn verdict(verdict: Verdict) -> String {
    let (style, word) = match verdict {
        Verdict::Failing => (WRONG, "FAILING"),
        Verdict::Recovered => (RIGHT, "RECOVERED"),
        Verdict::Healthy => (RIGHT, "HEALTHY"),
        Verdict::NotAssessed => (UNSURE, "NOT ASSESSED"),
    };
    format!("{style}{word}{style:#}")
}

fn in_the_way(culprit: &Culprit) -> String {
    let sure = match culprit.certainty {
        Certainty::Confirmed => "confirmed",
        Certainty::Likely => "likely",
        Certainty::Candidate => "a candidate",
    };
    format!("{} {} ({sure}): {}", culprit_in_words(culprit.kind), culprit.name, culprit.because)
}

/// The blanks by which logs align their columns say nothing to a reader.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn named_code(code: &str) -> String {
    let fact = Code::parse(code).ok().and_then(|code| knowledge::code(code).first());
    fact.map_or_else(|| code.to_owned(), |fact| format!("{code} {}", fact.symbol))
}
