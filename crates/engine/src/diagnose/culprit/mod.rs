//! Names who is in the way, with how sure that is.

mod reasoned;

use unwedge_formats::code::Code;
use unwedge_host::WinPath;
use unwedge_host::probe::Conflict;

use super::Case;
use crate::fact::{Facts, HolderFact};
use crate::report::{Category, Certainty, Culprit, CulpritKind, Subject, SubjectKind};
use crate::rule::Rule;

/// `ERROR_LOCK_VIOLATION` as an HRESULT.
const LOCK_VIOLATION: Code = Code::from_win32(33);

/// Finds who stands behind `case`, and adds to its subjects what he holds.
pub(super) fn culprit(facts: &Facts, rule: &Rule, case: &mut Case) -> Option<Culprit> {
    if case.resolved {
        return None;
    }
    match rule.category {
        Category::Lock if !case.failed => None,
        Category::Lock => holder(facts, case).or_else(|| reasoned::culprit(facts, case)),
        Category::Cancelled => Some(Culprit {
            kind: CulpritKind::Person,
            name: "the user, or the program that asked".to_owned(),
            certainty: Certainty::Likely,
            because: "the log says that the client cancelled".to_owned(),
        }),
        _ => None,
    }
}

/// Whoever holds the file that failed; when the log names none, whoever holds files of updates.
fn holder(facts: &Facts, case: &mut Case) -> Option<Culprit> {
    let failed: Vec<WinPath> = case
        .subjects
        .iter()
        .filter(|subject| subject.kind == SubjectKind::File)
        .map(|subject| WinPath::new(&subject.name))
        .collect();
    let of_the_file: Vec<&HolderFact> =
        facts.holders.iter().filter(|holder| failed.contains(&holder.path)).collect();
    let (mut holders, named) = match of_the_file.is_empty() {
        false => (of_the_file, true),
        true if failed.is_empty() => (facts.holders.iter().collect(), false),
        true => (Vec::new(), false),
    };
    // 0x80070021 is a lock on bytes, 0x80070020 is not: the other kind did not cause it.
    let wants_bytes = case.codes.iter().any(|code| code.canonical() == LOCK_VIOLATION);
    let fits =
        |holder: &HolderFact| matches!(holder.conflict, Conflict::ByteRange { .. }) == wants_bytes;
    if holders.iter().any(|holder| fits(holder)) {
        holders.retain(|holder| fits(holder));
    }
    let Some(first) = holders.first() else {
        if facts.holders_complete == Some(true) {
            case.remark = Some("Nobody holds the file at this moment.".to_owned());
        }
        return None;
    };
    for holder in &holders {
        let file = Subject { kind: SubjectKind::File, name: holder.path.to_string() };
        if !case.subjects.contains(&file) {
            case.subjects.insert(0, file);
        }
    }
    let certainty = match (holders.len(), first.confirmed, named) {
        // The only one there is, seen in the act: with or without a path in the log.
        (1, true, _) => Certainty::Confirmed,
        (_, true, _) | (1, _, true) => Certainty::Likely,
        _ => Certainty::Candidate,
    };
    let others = match holders.len() {
        1 => String::new(),
        2 => "; 1 more holds files of updates".to_owned(),
        n => format!("; {} more hold files of updates", n - 1),
    };
    Some(Culprit {
        kind: if first.service.is_some() { CulpritKind::Service } else { CulpritKind::Process },
        name: first.service.clone().unwrap_or_else(|| first.image.clone()),
        certainty,
        because: format!(
            "{} (process {}) {}: {}{others}",
            first.image, first.pid, first.conflict, first.path
        ),
    })
}
