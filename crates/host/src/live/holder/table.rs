//! The table of all open handles, as `NtQuerySystemInformation` returns it.
//!
//! `SYSTEM_HANDLE_INFORMATION_EX` (class 64) of 64-bit Windows: a count, a reserved number, and
//! entries of 40 bytes. The layout is that of `phnt` (Process Hacker's native API headers).

/// `SystemExtendedHandleInformation`.
#[cfg(windows)]
pub(super) const CLASS: i32 = 64;
const HEAD_BYTES: usize = 16;
const ENTRY_BYTES: usize = 40;

/// One open handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) pid: u32,
    pub(super) handle: u64,
    /// What it allows (`ACCESS_MASK`).
    pub(super) access: u32,
    /// The kind of object, by the number it has until the next restart.
    pub(super) kind: u16,
}

/// All handles of the table.
pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Open> {
    let count = bytes.first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
    let entries = bytes.get(HEAD_BYTES..).unwrap_or_default().chunks_exact(ENTRY_BYTES);
    entries.take(usize::try_from(count).unwrap_or(usize::MAX)).filter_map(open)
}

/// The number of the kind of which our own `handle` is.
pub(super) fn kind_of(bytes: &[u8], pid: u32, handle: u64) -> Option<u16> {
    all(bytes).find(|it| it.pid == pid && it.handle == handle).map(|it| it.kind)
}

/// The handles of one kind that others have, by process. None is passed over for what it allows:
/// a handle with 0x0012019F may be a pipe that hangs when asked for its name, or a log file.
pub(super) fn of_kind(bytes: &[u8], kind: u16, own: &[u32]) -> Vec<Open> {
    let wanted = |it: &Open| it.kind == kind && it.pid != 0 && !own.contains(&it.pid);
    let mut found: Vec<Open> = all(bytes).filter(wanted).collect();
    found.sort_by_key(|it| (it.pid, it.handle));
    found
}

fn open(entry: &[u8]) -> Option<Open> {
    let long = |at: usize| Some(u64::from_le_bytes(entry.get(at..at + 8)?.try_into().ok()?));
    Some(Open {
        pid: u32::try_from(long(8)?).ok()?,
        handle: long(16)?,
        access: u32::from_le_bytes(entry.get(24..28)?.try_into().ok()?),
        kind: u16::from_le_bytes(entry.get(30..32)?.try_into().ok()?),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(handles: &[Open]) -> Vec<u8> {
        let mut bytes = (handles.len() as u64).to_le_bytes().to_vec();
        bytes.extend([0; 8]);
        for it in handles {
            bytes.extend([0xff; 8]);
            bytes.extend(u64::from(it.pid).to_le_bytes());
            bytes.extend(it.handle.to_le_bytes());
            bytes.extend(it.access.to_le_bytes());
            bytes.extend([0; 2]);
            bytes.extend(it.kind.to_le_bytes());
            bytes.extend([0; 8]);
        }
        bytes
    }

    fn file(pid: u32, handle: u64, access: u32) -> Open {
        Open { pid, handle, access, kind: 37 }
    }

    #[test]
    fn only_files_of_others_are_chosen_and_none_for_what_it_allows() {
        let event = Open { kind: 16, ..file(8, 4, 0x1f0003) };
        let handles =
            [file(12, 8, 0x0012_019F), event, file(8, 12, 0x120089), file(99, 4, 0x120089)];
        let bytes = table(&handles);
        assert_eq!(kind_of(&bytes, 99, 4), Some(37));
        assert_eq!(kind_of(&bytes, 99, 8), None);
        assert_eq!(of_kind(&bytes, 37, &[99]), [handles[2], handles[0]]);
    }

    #[test]
    fn a_table_that_is_cut_off_gives_what_is_whole() {
        let bytes = table(&[file(8, 4, 1), file(8, 8, 1)]);
        assert_eq!(all(&bytes[..bytes.len() - 1]).count(), 1);
        assert_eq!(all(&bytes[..7]).count(), 0);
    }

    proptest! {
        #[test]
        fn any_buffer_is_read_without_panic(bytes: Vec<u8>) {
            let most = bytes.len() / ENTRY_BYTES;
            prop_assert!(all(&bytes).count() <= most);
        }
    }
}
