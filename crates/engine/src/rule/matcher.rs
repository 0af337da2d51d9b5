//! Finds the lines that rules want: one automaton for all literals, then the rule on that line.

use aho_corasick::{AhoCorasick, MatchKind};
use unwedge_formats::code::Code;
use unwedge_formats::log::{LogKind, clean_string};

use super::{LinePredicate, Predicate, RuleIndex, RuleSet, Weight, subject_kind};
use crate::report::Subject;

/// Literals that tell sessions, operations and reports, whatever the rules want.
///
/// All are rare in a log of a PC where nothing happens; each record that
/// [`unwedge_formats::log::statement`] knows holds one.
const STRUCTURE: &[&str] = &[
    "HRESULT",
    "Session: ",
    "Processing ",
    "hr = 0x",
    "hr:0x",
    "status: 0x",
    "(p)\t",
    "(f)\t",
    "Operation",
    " Corruption:",
    "numCorruptions",
    "[SR] ",
    "--- Initializing",
    "Loaded Servicing Stack",
    "DISM.EXE: ",
    "DismApi.dll: <",
    "[0x8",
    "[0xc",
    "= 0x8",
    "STATUS_",
    "(F)",
    "ErrorCode",
];

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
    literals: AhoCorasick,
    /// Line predicates of harmless rules first: a line they know counts for nothing else.
    lines: Vec<(RuleIndex, &'r LinePredicate)>,
}

impl<'r> Matcher<'r> {
    /// Makes the rules of `set` ready.
    #[must_use]
    pub fn new(set: &'r RuleSet) -> Self {
        let mut lines: Vec<(RuleIndex, &LinePredicate)> = Vec::new();
        for (index, rule) in set.rules.iter().enumerate() {
            for when in &rule.when {
                if let Predicate::Line(line) = when {
                    lines.push((index, line));
                }
            }
        }
        lines.sort_by_key(|&(index, _)| set.rules[index].weight != Weight::Harmless);
        let mut literals: Vec<&str> = STRUCTURE.to_vec();
        literals
            .extend(lines.iter().flat_map(|(_, line)| line.contains.iter().map(String::as_str)));
        // A literal that holds another is found by the other.
        literals.sort_by_key(|literal| literal.len());
        let mut needed: Vec<&str> = Vec::new();
        for literal in literals {
            if !needed.iter().any(|short| literal.contains(short)) {
                needed.push(literal);
            }
        }
        let literals = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(needed)
            .expect("some dozens of short literals make a small automaton");
        Matcher { set, literals, lines }
    }

    /// Offset of the next byte at or behind `from` that lies in a line worth reading.
    #[must_use]
    pub fn next_hit(&self, block: &[u8], from: usize) -> Option<usize> {
        self.literals.find(aho_corasick::Input::new(block).range(from..)).map(|hit| hit.start())
    }

    /// Which rules `line` is a case of; `codes` are those that it carries, in canonical form.
    ///
    /// When a harmless rule knows the line, that one alone is given.
    pub fn on_line(
        &self,
        log: LogKind,
        component: &str,
        line: &str,
        codes: &[Code],
        found: &mut Vec<LineMatch>,
    ) {
        found.clear();
        for &(rule, wanted) in &self.lines {
            let harmless = self.set.rules[rule].weight == Weight::Harmless;
            if !harmless && found.iter().any(|m| m.rule == rule) {
                continue;
            }
            if let Some(subjects) = case_of(wanted, log, component, line, codes) {
                found.push(LineMatch { rule, subjects, strong: wanted.strong });
                if harmless {
                    return;
                }
            }
        }
    }
}

/// The subjects that `line` names, if it is what `wanted` asks for.
fn case_of(
    wanted: &LinePredicate,
    log: LogKind,
    component: &str,
    line: &str,
    codes: &[Code],
) -> Option<Vec<Subject>> {
    let holds =
        |literal: &String| memchr::memmem::find(line.as_bytes(), literal.as_bytes()).is_some();
    let fits = wanted.contains.iter().any(holds)
        && (wanted.logs.is_empty() || wanted.logs.contains(&log))
        && wanted.component.as_deref().is_none_or(|want| want == component)
        && wanted.also.iter().all(holds)
        && !wanted.unless.iter().any(holds)
        && (wanted.coded.is_empty() || codes.iter().any(|code| wanted.coded.contains(code)));
    if !fits {
        return None;
    }
    let Some(pattern) = &wanted.pattern else { return Some(Vec::new()) };
    let groups = pattern.captures(line)?;
    let subject = |group: &str| {
        let name = clean_name(groups.name(group)?.as_str());
        (!name.is_empty()).then_some(Subject { kind: subject_kind(group)?, name })
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
    use crate::report::SubjectKind;
    use crate::rule::Rule;

    fn set(when: &str) -> RuleSet {
        let text = format!(
            "title = 'x'\ncategory = 'lock'\nseverity = 'blocking'\nweight = 'root'\nprose = 'x'\n\
             codes = ['0x80070020']\n[[source]]\nurl = 'x'\nsays = 'x'\n{when}"
        );
        RuleSet { rules: vec![Rule::parse("x", &text).expect("the rule is right")] }
    }

    #[test]
    fn a_captured_path_is_cleaned() {
        let set = set("[[when]]\ncontains = ['while executing']\n\
             pattern = '''while executing operation \\w+ on (?<file>.+)'''");
        let matcher = Matcher::new(&set);
        let mut found = Vec::new();
        let line = r"Error STATUS_X while executing operation CreateFile on [l:20]'\SystemRoot\WinSxS\a.dll'";
        matcher.on_line(LogKind::Cbs, "CSI", line, &[], &mut found);
        let want = Subject { kind: SubjectKind::File, name: r"C:\Windows\WinSxS\a.dll".into() };
        assert_eq!(found[0].subjects, [want]);
    }

    #[test]
    fn a_code_is_asked_for_by_its_cause() {
        let set = set("[[when]]\ncontains = ['Failed to']\ncoded = true");
        let matcher = Matcher::new(&set);
        let mut found = Vec::new();
        matcher.on_line(LogKind::Cbs, "CBS", "Failed to x", &[Code(0x8007_0005)], &mut found);
        assert_eq!(found, []);
        matcher.on_line(LogKind::Cbs, "CBS", "Failed to x", &[Code(0x8007_0020)], &mut found);
        assert_eq!(found.len(), 1);
    }
}
