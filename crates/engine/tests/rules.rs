//! Every rule is proven both ways: machines on which it fires, and near misses on which it is silent.
//!
//! A case is a machine written down as text (`unwedge_host::fixture`) whose first lines say what is
//! expected of it:
//!
//! ```text
//! //? verdict failing
//! //? root file-locked
//! //? cites CBS.log:7 CBS.log:9
//! //? subject file C:\Windows\System32\spoolsv.exe
//! //? codes 0x80070021
//! ```
//!
//! `root`, `consequence`, `note` and `ignored` name a rule; the words below speak of the one named
//! last. `resolved` says that it is over. What is not said of a finding is not compared, but every
//! finding must be named: a case shows exactly these and no other.

#![expect(clippy::unwrap_used, reason = "all of this file is a test, its small functions too")]

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use unwedge_engine::diagnose::diagnose;
use unwedge_engine::fact::observe;
use unwedge_engine::report::{Citation, Diagnosis, Finding, Ignored, Role, Verdict};
use unwedge_engine::rule::{RuleSet, Weight};
use unwedge_host::fixture::Fixture;

/// What a case promises to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// The rule gives its finding.
    Fires,
    /// The rule gives none.
    Quiet,
    /// The answer is still wrong; what stands in the case is the right one.
    Todo,
}

#[derive(Debug)]
struct Case {
    path: PathBuf,
    rule: String,
    promise: Promise,
    /// The same code or words as in a case that fires, where they do not matter.
    near_miss: bool,
    text: String,
}

/// What a case says of its machine.
#[derive(Debug, Default)]
struct Expected {
    verdict: Option<String>,
    entries: Vec<Entry>,
}

/// What it says of one finding, or of one thing that is ignored.
#[derive(Debug)]
struct Entry {
    part: String,
    rule: String,
    resolved: bool,
    cites: Option<Vec<String>>,
    subject: Option<String>,
    codes: Option<Vec<String>>,
    culprit: Option<String>,
}

/// A word that does not belong where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    line: usize,
    why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

const PARTS: [&str; 4] = ["root", "consequence", "note", "ignored"];
const VERDICTS: [&str; 4] = ["failing", "recovered", "healthy", "not_assessed"];

impl Expected {
    /// Takes the lines that begin with `//?`; gives the machine with those lines left blank, so
    /// that its errors keep their line numbers.
    fn split(text: &str) -> Result<(Expected, String), Wrong> {
        let mut expected = Expected::default();
        let mut machine = String::new();
        for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line)) {
            match line.strip_prefix("//?") {
                Some(words) => {
                    expected.take(words).map_err(|why| Wrong { line: number, why })?;
                }
                None => machine.push_str(line),
            }
            machine.push('\n');
        }
        if !text.ends_with('\n') {
            // A log may end in the middle of a line, and the case with it.
            machine.pop();
        }
        Ok((expected, machine))
    }

    fn take(&mut self, words: &str) -> Result<(), String> {
        let words = words.trim();
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let rest = rest.trim();
        if PARTS.contains(&word) {
            self.entries.push(Entry::new(word, one_word(rest)?));
            return Ok(());
        }
        if word == "verdict" {
            if !VERDICTS.contains(&rest) || self.verdict.is_some() {
                return Err(format!("one verdict of {VERDICTS:?}, not {rest:?}"));
            }
            self.verdict = Some(rest.to_owned());
            return Ok(());
        }
        let entry = self.entries.last_mut();
        let entry = entry.ok_or_else(|| format!("{word:?} before any of {PARTS:?}"))?;
        let list = || match rest {
            "" => Err(format!("{word} of what?")),
            "none" => Ok(Vec::new()),
            _ => Ok(rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        };
        let slot_taken = match word {
            "resolved" if rest.is_empty() => std::mem::replace(&mut entry.resolved, true),
            "cites" => entry.cites.replace(list()?).is_some(),
            "codes" => entry.codes.replace(list()?).is_some(),
            "subject" => entry.subject.replace(rest.to_owned()).is_some(),
            "culprit" => entry.culprit.replace(rest.to_owned()).is_some(),
            _ => return Err(format!("{word:?} is no word of an expectation")),
        };
        match slot_taken {
            true => Err(format!("{word} twice")),
            false => Ok(()),
        }
    }
}

fn one_word(text: &str) -> Result<&str, String> {
    match text.is_empty() || text.contains(' ') {
        true => Err(format!("the name of a rule, not {text:?}")),
        false => Ok(text),
    }
}

impl Entry {
    fn new(part: &str, rule: &str) -> Entry {
        Entry {
            part: part.to_owned(),
            rule: rule.to_owned(),
            resolved: false,
            cites: None,
            subject: None,
            codes: None,
            culprit: None,
        }
    }

    /// What is otherwise than this entry says of `finding`.
    fn differences(&self, finding: &Finding) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, want: &str, got: &str| {
            if want != got {
                wrong.push(format!("{} {what}: wanted {want}, got {got}", self.rule));
            }
        };
        let over = |resolved: bool| if resolved { "resolved" } else { "open" };
        compare("is", over(self.resolved), over(finding.resolved));
        if let Some(cites) = &self.cites {
            compare("cites", &cites.join(" "), &cited(&finding.citations));
        }
        if let Some(codes) = &self.codes {
            compare("codes", &codes.join(" "), &finding.codes.join(" "));
        }
        if let Some(subject) = &self.subject {
            let got = finding.subject.as_ref().map_or("none".to_owned(), |subject| {
                let kind = serde_json::to_value(subject.kind).unwrap();
                format!("{} {}", kind.as_str().unwrap(), subject.name)
            });
            compare("subject", subject, &got);
        }
        if let Some(culprit) = &self.culprit {
            let got = finding.culprit.as_ref().map_or("none", |culprit| culprit.name.as_str());
            compare("culprit", culprit, got);
        }
        wrong
    }
}

/// `CBS.log:7 CBS.log:9`; what the PC itself told is `this-PC`.
fn cited(citations: &[Citation]) -> String {
    let one = |citation: &Citation| {
        let name = citation.source.rsplit(['\\', '/']).next().unwrap_or(&citation.source);
        match citation.line {
            Some(line) => format!("{name}:{line}"),
            None => name.replace(' ', "-"),
        }
    };
    citations.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn part_of(role: Role) -> &'static str {
    match role {
        Role::Root => "root",
        Role::Consequence => "consequence",
        Role::Note => "note",
    }
}

fn word_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failing => "failing",
        Verdict::Recovered => "recovered",
        Verdict::Healthy => "healthy",
        Verdict::NotAssessed => "not_assessed",
    }
}

/// What is otherwise than `expected` says.
fn differences(expected: &Expected, diagnosis: &Diagnosis) -> Vec<String> {
    let mut wrong = Vec::new();
    let got = word_of(diagnosis.verdict);
    if let Some(verdict) = expected.verdict.as_deref().filter(|&want| want != got) {
        wrong.push(format!("verdict: wanted {verdict}, got {got}"));
    }
    for entry in &expected.entries {
        if entry.part == "ignored" {
            wrong.extend(ignored_differences(entry, &diagnosis.ignored));
            continue;
        }
        let fits = |f: &&Finding| f.rule == entry.rule && part_of(f.role) == entry.part;
        match diagnosis.findings.iter().find(fits) {
            Some(finding) => wrong.extend(entry.differences(finding)),
            None => wrong.push(format!("no {} {}", entry.part, entry.rule)),
        }
    }
    for finding in &diagnosis.findings {
        let part = part_of(finding.role);
        if !expected.entries.iter().any(|e| e.rule == finding.rule && e.part == part) {
            let cites = cited(&finding.citations);
            wrong.push(format!("{part} {} is not expected; it cites {cites}", finding.rule));
        }
    }
    wrong
}

fn ignored_differences(entry: &Entry, ignored: &[Ignored]) -> Vec<String> {
    let of_rule: Vec<&Ignored> = ignored.iter().filter(|it| it.rule == entry.rule).collect();
    if of_rule.is_empty() {
        return vec![format!("nothing is ignored by {}", entry.rule)];
    }
    let Some(cites) = &entry.cites else { return Vec::new() };
    let want = cites.join(" ");
    match of_rule.iter().any(|it| cited(&it.citations) == want) {
        true => Vec::new(),
        false => {
            let got: Vec<String> = of_rule.iter().map(|it| cited(&it.citations)).collect();
            vec![format!("{} ignores {want}: got {}", entry.rule, got.join(" | "))]
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn cases(rules: &RuleSet) -> Vec<Case> {
    let mut cases = Vec::new();
    for rule in &rules.rules {
        for path in files_in(&folder("rules").join(&rule.id).join("cases"), "host") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let promise = match name.split('-').next() {
                Some("fires") => Promise::Fires,
                Some("quiet") => Promise::Quiet,
                Some("todo") => Promise::Todo,
                _ => panic!("{}: a case is fires-…, quiet-… or todo-…", path.display()),
            };
            let near_miss = name.starts_with("quiet-near-");
            let text = fs::read_to_string(&path).unwrap();
            cases.push(Case { path, rule: rule.id.clone(), promise, near_miss, text });
        }
    }
    cases
}

fn diagnosed(machine: &str, rules: &RuleSet) -> Result<Diagnosis, String> {
    let fixture = Fixture::parse(machine).map_err(|error| error.to_string())?;
    Ok(diagnose(&observe(&fixture, rules), rules))
}

/// What is wrong with one case; nothing when it keeps its promise.
fn broken(case: &Case, rules: &RuleSet) -> Vec<String> {
    let (expected, machine) = match Expected::split(&case.text) {
        Ok(parts) => parts,
        Err(wrong) => return vec![wrong.to_string()],
    };
    for entry in &expected.entries {
        let invented = ["echo-of-a-failure", "without-consequence"].contains(&entry.rule.as_str());
        if rules.get(&entry.rule).is_none() && !invented {
            return vec![format!("{} is no rule", entry.rule)];
        }
    }
    let diagnosis = match diagnosed(&machine, rules) {
        Ok(diagnosis) => diagnosis,
        Err(why) => return vec![why],
    };
    let harmless = rules.get(&case.rule).is_some_and(|rule| rule.weight == Weight::Harmless);
    let own = |entry: &&Entry| entry.rule == case.rule && (entry.part == "ignored") == harmless;
    let named = expected.entries.iter().find(own);
    let mut wrong = differences(&expected, &diagnosis);
    match case.promise {
        Promise::Fires if named.is_none_or(|entry| entry.cites.is_none()) => {
            wrong.push(format!("a case that fires says what {} cites", case.rule));
        }
        Promise::Quiet if named.is_some() => {
            wrong.push(format!("a quiet case expects {}", case.rule));
        }
        Promise::Quiet if harmless => {
            if let Some(it) = diagnosis.ignored.iter().find(|it| it.rule == case.rule) {
                wrong.push(format!("{} speaks up about {}", case.rule, cited(&it.citations)));
            }
        }
        Promise::Todo if wrong.is_empty() => {
            return vec!["it is right now: rename it to fires-… or quiet-…".to_owned()];
        }
        Promise::Todo => wrong.clear(),
        Promise::Fires | Promise::Quiet => {}
    }
    if expected.verdict.is_none() {
        wrong.push("it says no verdict".to_owned());
    }
    wrong
}

#[track_caller]
fn none_broken(broken: &[String]) {
    assert!(broken.is_empty(), "{} wrong:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_case_keeps_its_promise() {
    let rules = RuleSet::built_in();
    let mut all = Vec::new();
    for case in cases(&rules) {
        let name = case.path.file_name().unwrap().to_string_lossy();
        all.extend(
            broken(&case, &rules).into_iter().map(|why| format!("{}/{name}: {why}", case.rule)),
        );
    }
    none_broken(&all);
}

#[test]
fn every_rule_has_a_case_that_fires_two_quiet_ones_and_a_near_miss() {
    let rules = RuleSet::built_in();
    let cases = cases(&rules);
    let mut all = Vec::new();
    for rule in &rules.rules {
        let count = |promise: Promise| {
            cases.iter().filter(|case| case.rule == rule.id && case.promise == promise).count()
        };
        let (fires, quiet) = (count(Promise::Fires), count(Promise::Quiet));
        let near = cases.iter().any(|case| case.rule == rule.id && case.near_miss);
        if fires < 1 || quiet < 2 || !near {
            all.push(format!("{}: {fires} fires, {quiet} quiet, near miss: {near}", rule.id));
        }
    }
    none_broken(&all);
}

#[test]
fn every_folder_of_cases_belongs_to_a_rule() {
    let rules = RuleSet::built_in();
    for entry in fs::read_dir(folder("rules")).unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(rules.get(&id).is_some(), "{} holds no rule.toml", path.display());
    }
}

#[test]
fn no_rule_blames_anything_on_a_healthy_machine() {
    let rules = RuleSet::built_in();
    let machines = files_in(&folder("corpus/healthy"), "host");
    assert!(machines.len() >= 6, "there are {} healthy machines", machines.len());
    let mut all = Vec::new();
    for path in machines {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let diagnosis = match diagnosed(&text, &rules) {
            Ok(diagnosis) => diagnosis,
            Err(why) => {
                all.push(format!("{name}: {why}"));
                continue;
            }
        };
        if diagnosis.verdict != Verdict::Healthy {
            all.push(format!("{name}: the verdict is {}", word_of(diagnosis.verdict)));
        }
        let blamed = diagnosis.findings.iter().filter(|finding| finding.role != Role::Note);
        all.extend(blamed.map(|f| {
            format!("{name}: {} {}", part_of(f.role), f.rule) + " " + &cited(&f.citations)
        }));
    }
    none_broken(&all);
}

#[test]
fn every_code_of_a_rule_is_known() {
    let rules = RuleSet::built_in();
    let mut all = Vec::new();
    for rule in &rules.rules {
        for &code in &rule.codes {
            let family = std::iter::once(code).chain(code.relatives());
            let mut facts = family.flat_map(unwedge_engine::knowledge::code);
            if facts.next().is_none() {
                all.push(format!("{}: {code}", rule.id));
            }
        }
    }
    none_broken(&all);
}

#[test]
fn no_code_is_the_outcome_of_two_rules() {
    let rules = RuleSet::built_in();
    let by_outcome: Vec<_> = rules
        .rules
        .iter()
        .filter(|rule| {
            let outcome = unwedge_engine::rule::Predicate::Outcome;
            rule.when
                .iter()
                .any(|when| std::mem::discriminant(when) == std::mem::discriminant(&outcome))
        })
        .collect();
    for (index, rule) in by_outcome.iter().enumerate() {
        for other in &by_outcome[index + 1..] {
            for code in &rule.codes {
                assert!(!other.codes.contains(code), "{code}: {} and {}", rule.id, other.id);
            }
        }
    }
}

#[test]
fn a_slip_in_an_expectation_is_told_with_its_line() {
    let wrong = |text: &str| Expected::split(text).map(|_| ()).unwrap_err();
    let at = |line, why: &str| Wrong { line, why: why.to_owned() };
    assert_eq!(
        wrong("//? verdict failing\n//? root x\n//? sites CBS.log:1"),
        at(3, "\"sites\" is no word of an expectation")
    );
    assert_eq!(wrong("\n//? root two words"), at(2, "the name of a rule, not \"two words\""));
    assert_eq!(wrong("//? note x\n//? cites"), at(2, "cites of what?"));
    assert_eq!(wrong("//? note x\n//? codes a\n//? codes b"), at(3, "codes twice"));
    assert_eq!(wrong("//? verdict broken").line, 1);
    assert_eq!(wrong("//? resolved").line, 1);
}

#[test]
fn the_machine_keeps_its_line_numbers_and_its_half_written_end() {
    let (expected, machine) = Expected::split("//? verdict healthy\n//- about name=X\n20").unwrap();
    assert_eq!(expected.verdict.as_deref(), Some("healthy"));
    assert_eq!(machine, "\n//- about name=X\n20");
}
