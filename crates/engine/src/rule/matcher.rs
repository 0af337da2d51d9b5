//! Finds the lines that rules want: one automaton for all literals, then the rule on that line.

use aho_corasick::{AhoCorasick, Input, packed};
use memchr::memmem::Finder;
use unwedge_formats::code::Code;
use unwedge_formats::log::{LogKind, clean_string, structure};

use super::service_name::service_name;
use super::{EventIds, LinePredicate, Predicate, RuleIndex, RuleSet, Weight, subject_kind};
use crate::report::{Subject, SubjectKind};

/// Literals of the records that make up sessions, operations and reports.
///
/// Each record that [`unwedge_formats::log::statement`] knows holds one of these or of [`CODED`].
/// The last are the stamps of CSI records, such as `0000000f@2020/2/5:`.
///
/// No literal is shorter than four bytes: by the first four of each, the search passes over two
/// bytes in three more quickly than by three.
const STRUCTURE: &[&str] = &[
    "by client ",
    "rocessing started.",
    "(p)\t",
    "(p) ",
    "(f)\t",
    "(f) ",
    "Operation",
    " Corruption:",
    "numCorruptions",
    "[SR] ",
    "TI: --- Initializing",
    "Loaded Servicing Stack",
    "DISM.EXE: ",
    "DismApi.dll: <",
    "@201",
    "@202",
    "@203",
];

/// Literals around the codes of failures, in all spellings that these logs use.
const CODED: &[&str] = &[
    "HRESULT",
    "0x80",
    "0x8e5e",
    "0xc0",
    "0xc1",
    "0xd0",
    "hr = 0x",
    "status: 0x",
    "STATUS",
    "(F) ",
    "ErrorCode",
    "ERROR_",
];

/// Literals around the codes of failures in logs that are not of servicing, which also write them
/// bare (`[8024402C]`, `80072ee2` between tabs) and in decimal after `%%`. None is shorter than
/// three bytes, so that the search need not stop at every other place.
const CODED_ELSEWHERE: &[&str] = &[
    "0x8", "0xC", "0xc", "0xD", "0xd", "0xE", "0xe", "800", "801", "802", "803", "80d", "80D",
    "C190", "c190", "STATUS_", "ERROR_", "%%1", "%%2", "%%3", "%%4", "%%5", "%%6", "%%7", "%%8",
    "%%9",
];

/// Parts that many literals of rules share, each so rare that one search for it is cheaper.
const SHARED: &[&str] = &["ailed", "ncel", "ending t", "do not match"];

/// What many records of servicing hold. A literal that begins so is searched for from behind it on:
/// the search stops wherever the first four bytes of a literal stand.
const OFTEN: &[&str] = &["Client", "Install", "sta"];

/// A line of a log, as far as rules look at it.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'l> {
    /// Component of the record; empty where it names none.
    pub component: &'l str,
    /// The whole line.
    pub text: &'l str,
    /// Number of the event, if it is one.
    pub event: Option<u32>,
    /// Codes of failures that it carries, in canonical form.
    pub codes: &'l [Code],
    /// Whether its writer called it an error or a warning.
    pub loud: bool,
}

/// What one line of a log gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineMatch {
    /// Which rule.
    pub rule: RuleIndex,
    /// What the line names.
    pub subjects: Vec<Subject>,
    /// Whether it proves a failure by itself.
    pub strong: bool,
}

/// All rules, made ready for searching.
#[derive(Debug)]
pub struct Matcher<'r> {
    set: &'r RuleSet,
    /// Any line worth reading holds one of these; `None` is every line, of logs of which only
    /// wanted records are read anyway.
    worth_reading: Option<Literals>,
    /// Literals of rules that want no code: with none of them and no code no rule is concerned.
    uncoded: Literals,
    /// Line predicates of harmless rules first: a line they know counts for nothing else.
    lines: Vec<Wanted<'r>>,
}

/// A line predicate with its literals ready for searching.
#[derive(Debug)]
struct Wanted<'r> {
    rule: RuleIndex,
    line: &'r LinePredicate,
    contains: Vec<Finder<'r>>,
    also: Vec<Finder<'r>>,
    unless: Vec<Finder<'r>>,
}

/// Many literals, searched for at once.
#[derive(Debug)]
enum Literals {
    /// By vector instructions; for few literals, on processors that have them.
    Packed(packed::Searcher),
    /// By a table of states.
    Table(AhoCorasick),
}

impl Literals {
    fn new(literals: Vec<&str>) -> Literals {
        let mut literals: Vec<&str> = literals.into_iter().map(behind_often).collect();
        // A literal that holds another is found by the other.
        literals.sort_by_key(|literal| literal.len());
        let mut needed: Vec<&str> = Vec::new();
        for literal in literals {
            if !needed.iter().any(|short| literal.contains(short)) {
                needed.push(literal);
            }
        }
        // Rules may be many: even a hundred literals are found faster so than by a table.
        let packed =
            packed::Config::new().heuristic_pattern_limits(false).builder().extend(&needed).build();
        match packed {
            Some(searcher) => Literals::Packed(searcher),
            None => Literals::Table(
                AhoCorasick::new(needed).expect("some dozens of literals make a small automaton"),
            ),
        }
    }

    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            Literals::Packed(searcher) => {
                searcher.find_in(text, (from..text.len()).into()).map(|hit| hit.start())
            }
            Literals::Table(automaton) => {
                automaton.find(Input::new(text).range(from..)).map(|hit| hit.start())
            }
        }
    }
}

/// The part of a literal that is searched for: any text that holds the literal holds this.
fn behind_often(literal: &str) -> &str {
    let mut behind = OFTEN.iter().filter_map(|often| literal.strip_prefix(often));
    behind.find(|rest| rest.len() >= 4).unwrap_or(literal)
}

impl<'r> Matcher<'r> {
    /// Makes the rules of `set` ready for logs of one kind.
    #[must_use]
    pub fn new(set: &'r RuleSet, kind: LogKind) -> Self {
        let mut lines: Vec<Wanted<'r>> = Vec::new();
        for (rule, when) in
            set.rules.iter().enumerate().flat_map(|(i, rule)| rule.when.iter().map(move |w| (i, w)))
        {
            let Predicate::Line(line) = when else { continue };
            // Words of other logs mean nothing in an event, whose words are names of data.
            let is_meant = match line.logs.as_slice() {
                [] => kind != LogKind::Events,
                logs => logs.contains(&kind),
            };
            if !is_meant {
                continue;
            }
            let finders = |literals: &'r [String]| literals.iter().map(Finder::new).collect();
            lines.push(Wanted {
                rule,
                line,
                contains: finders(&line.contains),
                also: finders(&line.also),
                unless: finders(&line.unless),
            });
        }
        let harmless = |wanted: &Wanted<'_>| set.rules[wanted.rule].weight == Weight::Harmless;
        lines.sort_by_key(|wanted| !harmless(wanted));
        // A harmless line matters only if it looks like an error, so it needs no search of its own.
        let uncoded: Vec<&str> = lines
            .iter()
            .filter(|wanted| wanted.line.coded.is_empty() && !harmless(wanted))
            .flat_map(|wanted| wanted.line.contains.iter().map(String::as_str))
            .collect();
        let worth_reading = match kind {
            LogKind::Cbs | LogKind::Dism => Some([STRUCTURE, CODED, SHARED, &uncoded].concat()),
            LogKind::Events => None,
            _ => Some([structure(kind), CODED_ELSEWHERE, &uncoded].concat()),
        };
        Matcher {
            set,
            worth_reading: worth_reading.map(Literals::new),
            uncoded: Literals::new(uncoded),
            lines,
        }
    }

    /// Offset of the next byte at or behind `from` that lies in a line worth reading.
    #[must_use]
    pub fn next_hit(&self, block: &[u8], from: usize) -> Option<usize> {
        match &self.worth_reading {
            Some(literals) => literals.find(block, from),
            None => (from < block.len()).then_some(from),
        }
    }

    /// Which rules `line` is a case of.
    ///
    /// When a harmless rule knows the line, that one alone is given.
    pub fn on_line(&self, line: &LogLine<'_>, found: &mut Vec<LineMatch>) {
        found.clear();
        if line.codes.is_empty()
            && !line.loud
            && line.event.is_none()
            && self.uncoded.find(line.text.as_bytes(), 0).is_none()
        {
            return;
        }
        for wanted in &self.lines {
            let harmless = self.set.rules[wanted.rule].weight == Weight::Harmless;
            if !harmless && found.iter().any(|known| known.rule == wanted.rule) {
                continue;
            }
            if let Some(subjects) = wanted.case_of(line) {
                found.push(LineMatch { rule: wanted.rule, subjects, strong: wanted.line.strong });
                if harmless {
                    return;
                }
            }
        }
    }
}

impl Wanted<'_> {
    /// The subjects that `text` names, if it is what is wanted.
    fn case_of(&self, line: &LogLine<'_>) -> Option<Vec<Subject>> {
        let wanted = self.line;
        let holds = |literal: &Finder<'_>| literal.find(line.text.as_bytes()).is_some();
        // The cheapest question first: most rules on events fail at the number.
        let fits = (wanted.events.is_empty()
            || wanted.events.iter().any(|event| is_event(line, event)))
            && (wanted.coded.is_empty()
                || line.codes.iter().any(|code| wanted.coded.contains(code)))
            && wanted.component.as_deref().is_none_or(|want| want == line.component)
            && (self.contains.is_empty() || self.contains.iter().any(holds))
            && self.also.iter().all(holds)
            && !self.unless.iter().any(holds);
        if !fits {
            return None;
        }
        subjects_in(wanted, line.text)
    }
}

fn is_event(line: &LogLine<'_>, wanted: &EventIds) -> bool {
    line.event.is_some_and(|id| wanted.ids.contains(&id))
        && wanted.provider.eq_ignore_ascii_case(line.component)
}

/// What the named groups of the pattern captured; `None` when it does not match.
fn subjects_in(wanted: &LinePredicate, line: &str) -> Option<Vec<Subject>> {
    let Some(pattern) = &wanted.pattern else { return Some(Vec::new()) };
    let pattern = pattern.regex();
    let groups = pattern.captures(line)?;
    let subject = |group: &str| {
        let kind = subject_kind(group)?;
        let name = clean_name(groups.name(group)?.as_str());
        let name = match kind {
            SubjectKind::Service => service_name(&name).unwrap_or(name),
            _ => name,
        };
        // A bare drive is where something lies, not what failed.
        let bare_drive = name.len() <= 3 && name.contains(':');
        (!name.is_empty() && !bare_drive).then_some(Subject { kind, name })
    };
    Some(pattern.capture_names().flatten().filter_map(subject).collect())
}

/// A name as a person writes it: no counts, quotes, device prefixes or doubled backslashes.
fn clean_name(text: &str) -> String {
    let bare = clean_string(text);
    let bare = bare
        .strip_prefix(r"\\?\")
        .or_else(|| bare.strip_prefix(r"\??\"))
        .unwrap_or(bare)
        .trim_end_matches(['.', ',', ';', ':']);
    let bare = match bare.strip_prefix(r"\SystemRoot\") {
        Some(rest) => format!(r"C:\Windows\{rest}"),
        None => bare.to_owned(),
    };
    match bare.strip_prefix(r"\\") {
        Some(share) => format!(r"\\{}", share.replace(r"\\", r"\")),
        None => bare.replace(r"\\", r"\"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    fn set(when: &str) -> RuleSet {
        let text = format!(
            "title = 'x'\ncategory = 'lock'\nseverity = 'blocking'\nweight = 'root'\nprose = 'x'\n\
             codes = ['0x80070020']\n[[source]]\nurl = 'x'\nsays = 'x'\n{when}"
        );
        RuleSet { rules: vec![Rule::parse("x", &text).expect("the rule is right")] }
    }

    fn line<'l>(text: &'l str, codes: &'l [Code]) -> LogLine<'l> {
        LogLine { component: "CSI", text, codes, loud: false, event: None }
    }

    #[test]
    fn a_captured_path_is_cleaned() {
        let set = set("[[when]]\ncontains = ['while executing']\n\
             pattern = '''while executing operation \\w+ on (?<file>.+)'''");
        let matcher = Matcher::new(&set, LogKind::Cbs);
        let mut found = Vec::new();
        let text = r"Error STATUS_X while executing operation CreateFile on [l:20]'\SystemRoot\WinSxS\a.dll'";
        matcher.on_line(&line(text, &[]), &mut found);
        let want = Subject { kind: SubjectKind::File, name: r"C:\Windows\WinSxS\a.dll".into() };
        assert_eq!(found[0].subjects, [want]);
    }

    #[test]
    fn a_code_is_asked_for_by_its_cause() {
        let set = set("[[when]]\ncontains = ['Failed to']\ncoded = true");
        let matcher = Matcher::new(&set, LogKind::Cbs);
        let mut found = Vec::new();
        matcher.on_line(&line("Failed to x", &[Code(0x8007_0005)]), &mut found);
        assert_eq!(found, []);
        matcher.on_line(&line("Failed to x", &[Code(0x8007_0020)]), &mut found);
        assert_eq!(found.len(), 1);
    }
}
