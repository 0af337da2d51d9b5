//! What several witnesses saw, put together: who holds what, what that keeps others from, and how
//! sure that is.

use std::collections::{BTreeMap, BTreeSet};

use crate::WinPath;
use crate::probe::{ByteRange, Certainty, Conflict, Hold, Share, Witness};

/// One thing that one witness saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: WinPath,
    /// The number of the question it answers.
    pub(super) question: usize,
    pub(super) pid: u32,
    pub(super) hold: Hold,
    pub(super) witness: Witness,
}

/// What trying a file showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tried {
    /// Whether it can be opened for reading, for writing and for deletion; `None` where it could
    /// not be tried, or where Windows refused for another reason than a holder.
    pub(super) read: Option<bool>,
    pub(super) write: Option<bool>,
    pub(super) delete: Option<bool>,
    pub(super) ranges: Vec<ByteRange>,
    pub(super) delete_pending: bool,
    pub(super) oplock: bool,
    /// Everyone who uses it, as the file system knows: a list without gaps.
    pub(super) users: Option<Vec<u32>>,
}

/// A holder, before it is known who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: WinPath,
    pub(super) question: usize,
    pub(super) pid: u32,
    pub(super) hold: Hold,
    pub(super) conflict: Conflict,
    pub(super) certainty: Certainty,
    pub(super) witnesses: Vec<Witness>,
}

/// Puts together what was seen of each file with what trying it showed. `sees_all` says that no
/// process was left out.
pub(super) fn put_together(
    seen: Vec<Seen>,
    tried: &BTreeMap<WinPath, Tried>,
    sees_all: bool,
) -> Vec<Found> {
    let mut files: BTreeMap<WinPath, Vec<Seen>> = BTreeMap::new();
    for it in seen {
        files.entry(it.path.clone()).or_default().push(it);
    }
    let nothing = Tried::default();
    let mut found = Vec::new();
    for (path, seen) in files {
        found.extend(of_one(&seen, tried.get(&path).unwrap_or(&nothing), sees_all));
    }
    found
}

fn of_one(seen: &[Seen], tried: &Tried, sees_all: bool) -> Vec<Found> {
    let mut all: BTreeMap<(u32, u8), Found> = BTreeMap::new();
    let mut witnesses: BTreeMap<u32, BTreeSet<Witness>> = BTreeMap::new();
    for it in seen {
        witnesses.entry(it.pid).or_default().insert(it.witness);
        // Who only says that a process uses the file adds to what others saw of it.
        let own = seen.iter().any(|other| other.pid == it.pid && other.hold != Hold::Use);
        if it.hold == Hold::Use && own {
            continue;
        }
        let found = all.entry((it.pid, kind(&it.hold))).or_insert_with(|| Found {
            path: it.path.clone(),
            question: it.question,
            pid: it.pid,
            hold: it.hold.clone(),
            conflict: Conflict::Unknown,
            certainty: Certainty::Likely,
            witnesses: Vec::new(),
        });
        found.hold = together(&found.hold, &it.hold);
    }
    let has_image = all.values().any(|it| it.hold == Hold::Image);
    let mut all: Vec<Found> = all.into_values().collect();
    for it in &mut all {
        it.conflict = conflict(&it.hold, tried, has_image);
        it.witnesses = witnesses[&it.pid].iter().copied().collect();
    }
    let able: BTreeSet<u32> =
        all.iter().filter(|it| keeps_out(&it.conflict)).map(|it| it.pid).collect();
    for it in &mut all {
        it.certainty = certainty(it, &able, tried, sees_all);
    }
    all
}

fn certainty(it: &Found, able: &BTreeSet<u32>, tried: &Tried, sees_all: bool) -> Certainty {
    // These are facts about the process itself, whoever else has the file.
    let is_its_own =
        matches!(it.hold, Hold::Image | Hold::Mapping | Hold::WorkingDirectory | Hold::Hive { .. });
    let is_alone = able.len() <= 1 && (sees_all || tried.users.as_deref() == Some(&[it.pid]));
    match &it.conflict {
        _ if is_its_own => Certainty::Confirmed,
        Conflict::Unknown if it.hold == Hold::Use => Certainty::Likely,
        _ if is_alone || it.witnesses.len() > 1 && able.len() <= 1 => Certainty::Confirmed,
        _ => Certainty::Likely,
    }
}

/// What a holder keeps others from, given what trying the file showed.
fn conflict(hold: &Hold, tried: &Tried, has_image: bool) -> Conflict {
    match hold {
        Hold::Image => Conflict::MappedImage,
        Hold::Mapping => Conflict::MappedData,
        Hold::WorkingDirectory => {
            Conflict::Sharing { shared: Share { delete: false, ..Share::ALL } }
        }
        Hold::Hive { .. } => Conflict::Sharing { shared: Share::NONE },
        Hold::Task { .. } | Hold::Filter { .. } | Hold::Transfer { .. } => Conflict::Unknown,
        // Such a handle keeps nobody out: share modes count between handles to the content.
        Hold::Handle { access: Some(access) } if access & CONTENT == 0 => match tried {
            Tried { delete_pending: true, .. } => Conflict::DeletePending,
            _ => Conflict::None,
        },
        Hold::Handle { .. } | Hold::Use => handle(tried, has_image),
    }
}

/// Rights to the content: only between such handles do share modes count (`IoCheckShareAccess`).
const CONTENT: u32 = 0x1 | 0x2 | 0x4 | 0x20 | 0x0001_0000 | 0xF000_0000;

fn handle(tried: &Tried, has_image: bool) -> Conflict {
    if tried.delete_pending {
        return Conflict::DeletePending;
    }
    if tried.oplock {
        return Conflict::Oplock;
    }
    if !tried.ranges.is_empty() {
        return Conflict::ByteRange { ranges: tried.ranges.clone() };
    }
    let refused = |it: Option<bool>| it == Some(false);
    // A program in memory cannot be opened for writing either; that is told of its image.
    let write = refused(tried.write) && (!has_image || refused(tried.read));
    if refused(tried.read) || write || refused(tried.delete) {
        let shared =
            Share { read: !refused(tried.read), write: !write, delete: !refused(tried.delete) };
        return Conflict::Sharing { shared };
    }
    match (tried.read, tried.write, tried.delete) {
        (Some(true), Some(_), Some(true)) => Conflict::None,
        _ => Conflict::Unknown,
    }
}

fn keeps_out(conflict: &Conflict) -> bool {
    !matches!(conflict, Conflict::None | Conflict::MappedImage | Conflict::MappedData)
}

/// Several handles of one process to one file are told once.
fn kind(hold: &Hold) -> u8 {
    match hold {
        Hold::Handle { .. } => 0,
        Hold::Image => 1,
        Hold::Mapping => 2,
        Hold::WorkingDirectory => 3,
        Hold::Hive { .. } => 4,
        Hold::Task { .. } => 5,
        Hold::Filter { .. } => 6,
        Hold::Transfer { .. } => 7,
        Hold::Use => 8,
    }
}

/// What two handles allow together.
fn together(one: &Hold, other: &Hold) -> Hold {
    match (one, other) {
        (Hold::Handle { access: Some(one) }, Hold::Handle { access: Some(other) }) => {
            Hold::Handle { access: Some(one | other) }
        }
        _ => one.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r"C:\a.edb";
    const READ: u32 = 0x12_0089;
    const ATTRIBUTES: u32 = 0x10_0080;

    fn seen(pid: u32, hold: Hold, witness: Witness) -> Seen {
        Seen { path: WinPath::new(FILE), question: 0, pid, hold, witness }
    }

    fn open(pid: u32, access: u32) -> Seen {
        seen(pid, Hold::Handle { access: Some(access) }, Witness::HandleTable)
    }

    fn told(seen: Vec<Seen>, tried: Tried, sees_all: bool) -> Vec<(u32, Conflict, Certainty)> {
        let tried = BTreeMap::from([(WinPath::new(FILE), tried)]);
        let found = put_together(seen, &tried, sees_all);
        found.into_iter().map(|it| (it.pid, it.conflict, it.certainty)).collect()
    }

    fn free() -> Tried {
        Tried { read: Some(true), write: Some(true), delete: Some(true), ..Tried::default() }
    }

    fn shut() -> Tried {
        Tried { read: Some(false), write: Some(false), delete: Some(false), ..Tried::default() }
    }

    #[test]
    fn the_only_opener_is_confirmed_when_everyone_was_seen() {
        let shared = Conflict::Sharing { shared: Share::NONE };
        let told_of = |sees_all| told(vec![open(8, READ)], shut(), sees_all);
        assert_eq!(told_of(true), [(8, shared.clone(), Certainty::Confirmed)]);
        assert_eq!(told_of(false), [(8, shared, Certainty::Likely)]);
    }

    #[test]
    fn a_second_witness_confirms_and_is_told_once() {
        let all = vec![open(8, READ), seen(8, Hold::Use, Witness::RestartManager)];
        let found = put_together(all, &BTreeMap::new(), false);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].witnesses, [Witness::HandleTable, Witness::RestartManager]);
        assert_eq!(found[0].certainty, Certainty::Confirmed);
    }

    /// It fails with error 6 where many use a file, and is slow on a busy PC: handles come first, and it
    /// can only add to them.
    #[test]
    fn pitfall_23_the_restart_manager_is_a_second_witness_and_never_needed() {
        let all: Vec<Seen> = (1..=300).map(|it| open(it * 4, READ)).collect();
        let found = put_together(all.clone(), &BTreeMap::new(), true);
        assert_eq!(found.len(), 300, "everyone is named without it");
        let elsewhere = seen(8, Hold::Use, Witness::RestartManager);
        let with =
            put_together(all.into_iter().chain([elsewhere]).collect(), &BTreeMap::new(), true);
        assert_eq!(with.len(), 300, "that it names one takes nobody away");
        let alone = told(vec![seen(8, Hold::Use, Witness::RestartManager)], Tried::default(), true);
        assert_eq!(alone[0].2, Certainty::Likely, "alone it is not believed");
    }

    #[test]
    fn the_file_system_tells_that_there_is_nobody_else() {
        let tried = Tried { users: Some(vec![8]), ..shut() };
        assert_eq!(told(vec![open(8, READ)], tried, false)[0].2, Certainty::Confirmed);
    }

    #[test]
    fn of_two_openers_neither_is_certain() {
        let locked = Tried { ranges: vec![ByteRange { from: 0, to: 10 }], ..free() };
        let found = told(vec![open(8, READ), open(12, READ)], locked, true);
        assert_eq!(found.len(), 2);
        for (_, conflict, certainty) in found {
            assert!(matches!(conflict, Conflict::ByteRange { .. }));
            assert_eq!(certainty, Certainty::Likely);
        }
    }

    #[test]
    fn a_handle_without_rights_to_the_content_is_in_nobodys_way() {
        let found = told(vec![open(8, READ), open(12, ATTRIBUTES)], shut(), true);
        assert_eq!(found[0].2, Certainty::Confirmed, "the other one cannot have caused it");
        assert_eq!(found[1].1, Conflict::None);
    }

    #[test]
    fn a_file_that_opens_keeps_nobody_out_and_one_not_tried_is_not_known() {
        assert_eq!(told(vec![open(8, READ)], free(), true)[0].1, Conflict::None);
        assert_eq!(told(vec![open(8, READ)], Tried::default(), true)[0].1, Conflict::Unknown);
        let denied = Tried { write: None, ..free() };
        assert_eq!(told(vec![open(8, READ)], denied, true)[0].1, Conflict::Unknown);
    }

    #[test]
    fn an_image_explains_that_nobody_may_write() {
        let image = seen(8, Hold::Image, Witness::Memory);
        let tried = Tried { write: Some(false), ..free() };
        let found = told(vec![open(12, READ), image], tried, true);
        assert_eq!(found[0], (8, Conflict::MappedImage, Certainty::Confirmed));
        assert_eq!(found[1].1, Conflict::None);
    }

    #[test]
    fn what_waits_for_deletion_or_wants_to_be_asked_is_told_so() {
        let pending = Tried { delete_pending: true, ..Tried::default() };
        assert_eq!(told(vec![open(8, READ)], pending, true)[0].1, Conflict::DeletePending);
        let oplock = Tried { oplock: true, ..Tried::default() };
        assert_eq!(told(vec![open(8, READ)], oplock, true)[0].1, Conflict::Oplock);
    }

    #[test]
    fn many_handles_of_a_process_are_one_holder() {
        let found = put_together(vec![open(8, 1), open(8, 2)], &BTreeMap::new(), true);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].hold, Hold::Handle { access: Some(3) });
    }
}
