//! `cargo xtask truth`: what an expert finds in real evidence beside what unwedge says of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use unwedge_engine::report::{Diagnosis, Finding, Role, Verdict};
use unwedge_engine::rule::RuleSet;
use unwedge_engine::{diagnose::diagnose, fact};
use unwedge_host::collected::Collected;
use unwedge_host::{Fixture, Host};

/// The file of expectations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    case: Vec<Case>,
}

/// What an expert finds in one piece of evidence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Paths from the project, or from the folder beside it (`shared/…`), all of one PC.
    evidence: Evidence,
    verdict: Verdict,
    /// Rules of the roots, exactly these in this order.
    #[serde(default)]
    roots: Vec<String>,
    /// Rules of the notes, at least these.
    #[serde(default)]
    notes: Vec<String>,
    /// Codes that the roots name.
    #[serde(default)]
    codes: Vec<String>,
    /// Subjects that the roots name; the end of a name is enough.
    #[serde(default)]
    subjects: Vec<String>,
    /// Name of the culprit of the first root.
    culprit: Option<String>,
    /// Lines that the roots cite.
    #[serde(default)]
    lines: Vec<u64>,
    /// Rules under `ignored`.
    #[serde(default)]
    ignored: Vec<String>,
    /// Codes that no root may name.
    #[serde(default)]
    not_blamed: Vec<String>,
}

/// One path or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Evidence {
    One(String),
    Several(Vec<String>),
}

impl Evidence {
    fn paths(&self) -> &[String] {
        match self {
            Evidence::One(path) => std::slice::from_ref(path),
            Evidence::Several(paths) => paths,
        }
    }
}

/// How the cases came out.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Cases whose first root is the one an expert names first, of those that have one.
    pub(crate) first_root_right: usize,
    /// Cases in which an expert names a root.
    pub(crate) with_root: usize,
    /// Roots named that an expert does not name.
    pub(crate) accused_wrongly: usize,
    /// Roots an expert names that were not.
    pub(crate) missed: usize,
    /// Healthy PCs that were called failing, of all healthy ones.
    pub(crate) healthy_called_failing: usize,
    /// PCs on which nothing fails.
    pub(crate) healthy: usize,
    /// Cases that came out as an expert says.
    pub(crate) right: usize,
    /// Cases that did not, with what differs.
    pub(crate) wrong: Vec<String>,
    /// Evidence that is not on this machine.
    pub(crate) absent: Vec<String>,
}

/// Runs all cases and prints expected against got.
pub(crate) fn run(project: &Path) -> Result<()> {
    let tally = compare(project, &mut |line| println!("{line}"))?;
    println!();
    println!(
        "{} right, {} wrong, {} not on this machine",
        tally.right,
        tally.wrong.len(),
        tally.absent.len()
    );
    println!(
        "{} of {} first roots right, {} wrong accusations, {} roots missed, {} of {} healthy PCs \
         called failing",
        tally.first_root_right,
        tally.with_root,
        tally.accused_wrongly,
        tally.missed,
        tally.healthy_called_failing,
        tally.healthy
    );
    if !tally.wrong.is_empty() {
        bail!("{} cases differ from the truth", tally.wrong.len());
    }
    Ok(())
}

/// Compares every case; `tell` gets the lines of the table.
pub(crate) fn compare(project: &Path, tell: &mut dyn FnMut(String)) -> Result<Tally> {
    let file = project.join("corpus/truth.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("could not read {file:?}"))?;
    let mut truth: Truth = toml::from_str(&text).with_context(|| format!("{file:?}"))?;
    truth.case.extend(healthy_machines(project)?);
    let rules = RuleSet::built_in();
    let mut tally = Tally::default();
    tell(format!("{:<12} {:<12} {:<5} evidence", "expected", "got", ""));
    for case in &truth.case {
        let names: Vec<&str> = case
            .evidence
            .paths()
            .iter()
            .map(|path| path.trim_start_matches("shared/data/"))
            .collect();
        let name = names.join(" ");
        let found: Option<Vec<PathBuf>> =
            case.evidence.paths().iter().map(|path| locate(project, path)).collect();
        let Some(paths) = found else {
            tell(format!("{:<12} {:<12} {:<5} {name}", in_words(case.verdict), "-", "skip"));
            tally.absent.push(name);
            continue;
        };
        let told = told(&paths, &rules)?;
        tally.count(case, &told);
        let differences = differences(case, &told);
        let mark = if differences.is_empty() { "ok" } else { "WRONG" };
        tell(format!(
            "{:<12} {:<12} {mark:<5} {name}",
            in_words(case.verdict),
            in_words(told.verdict)
        ));
        for finding in told.findings.iter().filter(|finding| finding.role != Role::Note) {
            tell(format!("{:31} {}", "", root_line(finding)));
        }
        for difference in &differences {
            tell(format!("{:31} ! {difference}", ""));
        }
        match differences.is_empty() {
            true => tally.right += 1,
            false => tally.wrong.push(format!("{name}: {}", differences.join("; "))),
        }
    }
    Ok(tally)
}

fn locate(project: &Path, evidence: &str) -> Option<PathBuf> {
    let beside = project.parent().map(|parent| parent.join(evidence));
    [Some(project.join(evidence)), beside].into_iter().flatten().find(|path| path.exists())
}

/// The machines of the project on which nothing is wrong.
fn healthy_machines(project: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(project.join("corpus/healthy"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        cases.push(Case {
            evidence: Evidence::One(format!("corpus/healthy/{name}")),
            verdict: Verdict::Healthy,
            roots: Vec::new(),
            notes: Vec::new(),
            codes: Vec::new(),
            subjects: Vec::new(),
            culprit: None,
            lines: Vec::new(),
            ignored: Vec::new(),
            not_blamed: Vec::new(),
        });
    }
    cases.sort_by(|a, b| a.evidence.paths().cmp(b.evidence.paths()));
    Ok(cases)
}

impl Tally {
    fn count(&mut self, case: &Case, told: &Diagnosis) {
        let roots = told.findings.iter().filter(|finding| finding.role == Role::Root);
        let roots: Vec<&str> = roots.map(|root| root.rule.as_str()).collect();
        if let Some(first) = case.roots.first() {
            self.with_root += 1;
            self.first_root_right += usize::from(roots.first() == Some(&first.as_str()));
        }
        self.accused_wrongly +=
            roots.iter().filter(|root| !case.roots.iter().any(|wanted| wanted == *root)).count();
        self.missed += case.roots.iter().filter(|wanted| !roots.contains(&wanted.as_str())).count();
        if case.verdict == Verdict::Healthy {
            self.healthy += 1;
            self.healthy_called_failing += usize::from(told.verdict == Verdict::Failing);
        }
    }
}

fn told(paths: &[PathBuf], rules: &RuleSet) -> Result<Diagnosis> {
    let host: Box<dyn Host> = match paths {
        // In memory: a repair that somebody tried on the example must not change the truth.
        [path] if path.extension().is_some_and(|ending| ending == "host") => {
            Box::new(Fixture::parse(&fs::read_to_string(path)?)?)
        }
        paths => Box::new(Collected::open(paths)?),
    };
    Ok(diagnose(&fact::observe(&*host, rules), rules))
}

fn differences(case: &Case, told: &Diagnosis) -> Vec<String> {
    let mut wrong = Vec::new();
    if told.verdict != case.verdict {
        wrong.push(format!("verdict is {}", in_words(told.verdict)));
    }
    let roots: Vec<&Finding> =
        told.findings.iter().filter(|finding| finding.role == Role::Root).collect();
    let root_rules: Vec<&str> = roots.iter().map(|root| root.rule.as_str()).collect();
    if root_rules != case.roots {
        wrong.push(format!("roots are {root_rules:?}, not {:?}", case.roots));
    }
    let mut want = |wanted: &[String], what: &str, there: &dyn Fn(&str) -> bool| {
        for name in wanted.iter().filter(|name| !there(name)) {
            wrong.push(format!("{what} {name} is missing"));
        }
    };
    want(&case.notes, "note", &|rule| {
        told.findings.iter().any(|f| f.role == Role::Note && f.rule == rule)
    });
    want(&case.ignored, "ignored", &|rule| told.ignored.iter().any(|entry| entry.rule == rule));
    want(&case.codes, "code", &|code| {
        roots.iter().any(|root| root.codes.iter().any(|known| known.eq_ignore_ascii_case(code)))
    });
    want(&case.subjects, "subject", &|name| {
        roots.iter().any(|root| {
            root.subject.iter().chain(&root.other_subjects).any(|s| s.name.ends_with(name))
        })
    });
    for line in &case.lines {
        let cited = roots.iter().flat_map(|root| &root.citations).any(|c| c.line == Some(*line));
        if !cited {
            wrong.push(format!("line {line} is not cited"));
        }
    }
    for code in &case.not_blamed {
        if roots.iter().any(|root| root.codes.contains(code)) {
            wrong.push(format!("{code} is noise and was blamed"));
        }
    }
    let named = roots.first().and_then(|root| root.culprit.as_ref()).map(|c| c.name.as_str());
    if case.culprit.is_some() && named != case.culprit.as_deref() {
        wrong.push(format!("the culprit is {named:?}"));
    }
    wrong
}

fn root_line(finding: &Finding) -> String {
    let subject = finding.subject.as_ref().map_or("", |subject| subject.name.as_str());
    let role = if finding.role == Role::Root { "root" } else { "follows" };
    format!("{role} {} {} {subject}", finding.rule, finding.codes.join(","))
}

fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failing => "failing",
        Verdict::Recovered => "recovered",
        Verdict::Healthy => "healthy",
        Verdict::NotAssessed => "not_assessed",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn evidence_is_read_as_an_expert_reads_it() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let project = project.canonicalize().expect("the project is there");
        let tally = compare(&project, &mut |_| {}).expect("the expectations are readable");
        assert_eq!(tally.wrong, [""; 0], "run `cargo xtask truth` for the table");
        assert!(tally.right >= 4, "the examples are always there");
        if !tally.absent.is_empty() {
            // Printed past the capture of the test runner: what was not tried must be seen.
            let absent = tally.absent.len();
            let _ = writeln!(
                std::io::stderr().lock(),
                "skipped: {absent} pieces of evidence of real PCs are not on this machine"
            );
        }
    }
}
