//! Tells the evidence of several PCs apart, because nothing true can be said of a mixture.

use std::collections::BTreeMap;

use unwedge_formats::log::LogKind;

/// Logs of one PC that run beside each other for longer than this were written by one Windows.
const OVERLAP_SECONDS: i64 = 24 * 60 * 60;

/// The logs that are judged together, because nothing says that they are of different PCs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// What is known of the PC: its name, its build, or where its logs lie.
    pub(super) name: String,
    /// Positions of its logs.
    pub(super) logs: Vec<usize>,
}

/// What one log says of the PC that wrote it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    /// What the log is.
    pub(super) kind: LogKind,
    /// The folder or the archive in which it lies when it is one of a series, else its own name.
    pub(super) place: String,
    /// Name of the computer, as the log says last: a PC may be renamed.
    pub(super) computer: Option<String>,
    /// Build of the servicing stack that wrote it, without the revision.
    pub(super) build: Option<String>,
    /// Its first and last time, in seconds of UTC.
    pub(super) span: Option<(i64, i64)>,
}

/// The logs by PC, when they are of more than one; `name` is what the registry calls the PC.
///
/// A log that names no PC is judged together with its own series only: to which of the PCs it
/// belongs is not known.
pub(super) fn by_pc(writers: &[Writer], name: Option<&str>) -> Option<Vec<Group>> {
    let mut names: Vec<String> =
        writers.iter().filter_map(|it| it.computer.as_deref()).chain(name).map(bare_name).collect();
    names.sort_unstable();
    names.dedup();
    let conflict = |one: &Writer| writers.iter().any(|other| run_side_by_side(one, other));
    if names.len() < 2 && !writers.iter().any(conflict) {
        return None;
    }
    let mut groups: BTreeMap<(u8, String), Group> = BTreeMap::new();
    for (index, writer) in writers.iter().enumerate() {
        let (rank, name) = match (&writer.computer, &writer.build) {
            (Some(computer), _) => (0, bare_name(computer)),
            (None, Some(build)) => (1, format!("a PC with build {build}, {}", writer.place)),
            (None, None) => (2, format!("{} of {}", writer.kind.name(), writer.place)),
        };
        let group = groups.entry((rank, name.clone()));
        group.or_insert_with(|| Group { name, logs: Vec::new() }).logs.push(index);
    }
    Some(groups.into_values().collect())
}

/// Without its domain, in one case.
pub(super) fn bare_name(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_uppercase()
}

/// Two builds that service for days side by side are two installations.
fn run_side_by_side(one: &Writer, other: &Writer) -> bool {
    let (Some(own), Some(theirs)) = (one.span, other.span) else { return false };
    let overlap = own.1.min(theirs.1) - own.0.max(theirs.0);
    let both = one.build.is_some() && other.build.is_some();
    both && one.build != other.build && overlap > OVERLAP_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(computer: &str, build: &str, span: (i64, i64)) -> Writer {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Writer {
            kind: LogKind::Cbs,
            place: "case".to_owned(),
            computer: given(computer),
            build: given(build),
            span: Some(span),
        }
    }

    fn names(writers: &[Writer]) -> Vec<String> {
        by_pc(writers, None).unwrap_or_default().into_iter().map(|group| group.name).collect()
    }

    #[test]
    fn two_names_are_two_pcs_and_one_with_its_domain_is_one() {
        let a = writer("DESK-1", "", (0, 9));
        let b = writer("desk-1.corp.example", "", (0, 9));
        let c = writer("DESK-2", "", (0, 9));
        assert_eq!(names(&[a.clone(), b.clone()]), [""; 0]);
        assert_eq!(names(&[a.clone(), b, c]), ["DESK-1", "DESK-2"]);
        let groups = by_pc(&[a], Some("DESK-3"));
        assert!(groups.is_some(), "the registry is of another PC");
    }

    #[test]
    fn two_builds_are_two_pcs_only_when_they_run_side_by_side() {
        let day = 86_400;
        let old = writer("", "19041", (0, 10 * day));
        let new = writer("", "26100", (10 * day, 20 * day));
        let beside = writer("", "26100", (5 * day, 20 * day));
        assert_eq!(names(&[old.clone(), new]), [""; 0]);
        assert_eq!(
            names(&[old, beside]),
            ["a PC with build 19041, case", "a PC with build 26100, case"]
        );
    }

    #[test]
    fn a_log_that_names_nobody_stays_by_itself() {
        let a = writer("DESK-1", "", (0, 9));
        let b = writer("DESK-2", "", (0, 9));
        let nobody = writer("", "", (0, 9));
        let groups = by_pc(&[a, nobody.clone(), b, nobody], None).expect("two PCs");
        let logs: Vec<&[usize]> = groups.iter().map(|group| group.logs.as_slice()).collect();
        assert_eq!(logs, [&[0][..], &[2], &[1, 3]]);
    }
}
