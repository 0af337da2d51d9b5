//! Tells when the evidence is of more than one PC, because nothing true can be said of the mixture.

use std::collections::BTreeMap;

use super::Facts;

/// Logs of one PC that run beside each other for longer than this were written by one Windows.
const OVERLAP_SECONDS: i64 = 24 * 60 * 60;

/// One PC of a mixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcSeen {
    /// Its name, or the build it runs.
    pub name: String,
    /// Files that are surely of it.
    pub sources: Vec<String>,
}

/// What one source says of the PC that wrote it.
#[derive(Debug, Clone, Default)]
pub(super) struct Writer {
    /// Name of the source.
    pub(super) source: String,
    /// Name of the computer, as the source says last: a PC may be renamed.
    pub(super) computer: Option<String>,
    /// Build of the servicing stack that wrote it, without the revision.
    pub(super) build: Option<String>,
    /// Its first and last time, in seconds of UTC.
    pub(super) span: Option<(i64, i64)>,
}

/// The PCs of the mixture; none when the evidence may be of one.
pub(super) fn mixed(writers: &[Writer], facts: &Facts) -> Vec<PcSeen> {
    let mut names: BTreeMap<String, PcSeen> = BTreeMap::new();
    let mut add = |name: &str, source: Option<&str>| {
        let bare = name.split('.').next().unwrap_or(name);
        let seen = names
            .entry(bare.to_lowercase())
            .or_insert_with(|| PcSeen { name: bare.to_owned(), sources: Vec::new() });
        seen.sources.extend(source.map(str::to_owned));
    };
    if let Some(name) = &facts.about.name {
        add(name, None);
    }
    for writer in writers {
        if let Some(computer) = &writer.computer {
            add(computer, Some(&writer.source));
        }
    }
    if names.len() > 1 {
        return names.into_values().collect();
    }
    builds(writers)
}

/// Two builds that service for days side by side are two installations.
fn builds(writers: &[Writer]) -> Vec<PcSeen> {
    let apart = |one: &Writer, other: &Writer| {
        let (Some(own), Some(theirs)) = (one.span, other.span) else { return false };
        let overlap = own.1.min(theirs.1) - own.0.max(theirs.0);
        one.build.is_some()
            && other.build.is_some()
            && one.build != other.build
            && overlap > OVERLAP_SECONDS
    };
    let mut seen: BTreeMap<&str, PcSeen> = BTreeMap::new();
    for one in writers {
        if let Some(build) = one.build.as_deref()
            && writers.iter().any(|other| apart(one, other))
        {
            let name = format!("build {build}");
            let pc = seen.entry(build).or_insert(PcSeen { name, sources: Vec::new() });
            pc.sources.push(one.source.clone());
        }
    }
    seen.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(source: &str, computer: &str, build: &str, span: (i64, i64)) -> Writer {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Writer {
            source: source.to_owned(),
            computer: given(computer),
            build: given(build),
            span: Some(span),
        }
    }

    fn names(writers: &[Writer]) -> Vec<String> {
        mixed(writers, &Facts::default()).into_iter().map(|pc| pc.name).collect()
    }

    #[test]
    fn two_names_are_two_pcs_and_one_with_its_domain_is_one() {
        let a = writer("a.evtx", "DESK-1", "", (0, 9));
        let b = writer("b.evtx", "desk-1.corp.example", "", (0, 9));
        let c = writer("c.evtx", "DESK-2", "", (0, 9));
        assert_eq!(names(&[a.clone(), b.clone()]), [""; 0]);
        assert_eq!(names(&[a, b, c]), ["DESK-1", "DESK-2"]);
    }

    #[test]
    fn two_builds_are_two_pcs_only_when_they_run_side_by_side() {
        let day = 86_400;
        let old = writer("old.log", "", "19041", (0, 10 * day));
        let new = writer("new.log", "", "26100", (10 * day, 20 * day));
        let beside = writer("beside.log", "", "26100", (5 * day, 20 * day));
        assert_eq!(names(&[old.clone(), new]), [""; 0]);
        assert_eq!(names(&[old, beside]), ["build 19041", "build 26100"]);
    }
}
