//! Who may change a file or folder, as its security descriptor says, and whether that is well.
//!
//! The layout is that of a self-relative descriptor, [MS-DTYP] 2.4.6, with its lists (2.4.5) and
//! their entries (2.4.4).

/// Who owns something, and who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) owner: Sid,
    /// `None` lets everybody do everything.
    pub(super) entries: Option<Vec<Entry>>,
}

/// One entry of the list; for what it holds too, where it is inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) mask: u32,
    pub(super) who: Sid,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Allows,
    Denies,
    /// Of a form that files do not have.
    Other(u8),
}

/// Somebody, as `S-1-5-18`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sid(pub(super) String);

/// Windows itself, administrators, and the installer of Windows.
const TRUSTED: [&str; 3] =
    ["S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"];
/// Stand for the owner, who is judged by himself.
const OWNER: [&str; 2] = ["S-1-3-0", "S-1-3-4"];
/// Writing, adding, deleting, changing attributes or rights, and the generic forms of these.
const CHANGES: u32 = 0x2
    | 0x4
    | 0x10
    | 0x40
    | 0x100
    | 0x1_0000
    | 0x4_0000
    | 0x8_0000
    | 0x0200_0000
    | 0x1000_0000
    | 0x4000_0000;

impl Access {
    /// Reads a self-relative descriptor; `None` if it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Access> {
        const DACL_PRESENT: u16 = 0x4;
        let control = u16_at(bytes, 2)?;
        let owner = sid_at(bytes, u32_at(bytes, 4)? as usize)?;
        let list = u32_at(bytes, 16)? as usize;
        let entries = match control & DACL_PRESENT != 0 && list != 0 {
            true => Some(entries_at(bytes, list)?),
            false => None,
        };
        Some(Access { owner, entries })
    }

    /// Who could change it besides Windows, administrators and one more, who can anyway; in plain
    /// words; `None` if nobody.
    pub(super) fn stranger(&self, trusted: &Sid) -> Option<String> {
        let is_known = |it: &Sid| it == trusted || TRUSTED.contains(&it.0.as_str());
        if !is_known(&self.owner) {
            return Some(format!("{} owns it", self.owner.0));
        }
        let Some(entries) = &self.entries else {
            return Some("everybody may change it".to_owned());
        };
        let is_trusted = |it: &Sid| is_known(it) || OWNER.contains(&it.0.as_str());
        entries.iter().find_map(|entry| match entry.kind {
            Kind::Allows if entry.mask & CHANGES != 0 && !is_trusted(&entry.who) => {
                Some(format!("{} may change it", entry.who.0))
            }
            Kind::Other(kind) => Some(format!("rights of kind {kind} are given on it")),
            Kind::Allows | Kind::Denies => None,
        })
    }
}

fn entries_at(bytes: &[u8], at: usize) -> Option<Vec<Entry>> {
    let count = u16_at(bytes, at.checked_add(4)?)?;
    let mut next = at.checked_add(8)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let kind = *bytes.get(next)?;
        let size = usize::from(u16_at(bytes, next.checked_add(2)?)?);
        if size < 8 {
            return None;
        }
        let kind = match kind {
            // With a condition (9, 10) it may hold all the same.
            0 | 9 => Kind::Allows,
            1 | 10 => Kind::Denies,
            other => Kind::Other(other),
        };
        let who = match kind {
            Kind::Other(_) => Sid(String::new()),
            Kind::Allows | Kind::Denies => sid_at(bytes, next + 8)?,
        };
        entries.push(Entry { kind, mask: u32_at(bytes, next + 4)?, who });
        next = next.checked_add(size)?;
    }
    Some(entries)
}

fn sid_at(bytes: &[u8], at: usize) -> Option<Sid> {
    let head = bytes.get(at..at.checked_add(8)?)?;
    if at == 0 || head[0] != 1 {
        return None;
    }
    let authority = head[2..].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for index in 0..usize::from(head[1]) {
        text.push_str(&format!("-{}", u32_at(bytes, at + 8 + 4 * index)?));
    }
    Some(Sid(text))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM: &str = "S-1-5-18";
    const ADMINISTRATORS: &str = "S-1-5-32-544";
    const USERS: &str = "S-1-5-32-545";
    const EVERYBODY: &str = "S-1-1-0";
    const ALL: u32 = 0x1f_01ff;
    const READ: u32 = 0x12_00a9;

    fn entry(kind: Kind, mask: u32, who: &str) -> Entry {
        Entry { kind, mask, who: Sid(who.to_owned()) }
    }

    fn access(owner: &str, entries: Vec<Entry>) -> Access {
        Access { owner: Sid(owner.to_owned()), entries: Some(entries) }
    }

    fn system() -> Sid {
        Sid(SYSTEM.to_owned())
    }

    fn own() -> Vec<Entry> {
        vec![entry(Kind::Allows, ALL, SYSTEM), entry(Kind::Allows, ALL, ADMINISTRATORS)]
    }

    fn with(more: Entry) -> Access {
        access(ADMINISTRATORS, own().into_iter().chain([more]).collect())
    }

    fn sid_bytes(sid: &str) -> Vec<u8> {
        let mut numbers = sid.split('-').skip(2).map(|it| it.parse::<u64>().unwrap());
        let authority = numbers.next().unwrap();
        let rest: Vec<u8> = numbers.flat_map(|it| (it as u32).to_le_bytes()).collect();
        let mut bytes = vec![1, (rest.len() / 4) as u8];
        bytes.extend(&authority.to_be_bytes()[2..]);
        bytes.extend(rest);
        bytes
    }

    fn bytes_of(access: &Access) -> Vec<u8> {
        let owner = sid_bytes(&access.owner.0);
        let list = 20 + owner.len() as u32;
        let mut bytes = vec![1, 0, 4, 0x80];
        for number in [20, 0, 0, list] {
            bytes.extend(u32::to_le_bytes(number));
        }
        bytes.extend(owner);
        let Some(entries) = &access.entries else {
            bytes[16..20].fill(0);
            return bytes;
        };
        bytes.extend([2, 0, 0, 0]);
        bytes.extend((entries.len() as u32).to_le_bytes());
        for it in entries {
            let who = sid_bytes(&it.who.0);
            bytes.extend([u8::from(it.kind == Kind::Denies), 3]);
            bytes.extend((8 + who.len() as u16).to_le_bytes());
            bytes.extend(it.mask.to_le_bytes());
            bytes.extend(who);
        }
        bytes
    }

    #[test]
    fn a_folder_of_administrators_alone_has_no_stranger() {
        assert_eq!(access(ADMINISTRATORS, own()).stranger(&system()), None);
        assert_eq!(access(SYSTEM, own()).stranger(&system()), None);
        assert_eq!(with(entry(Kind::Allows, READ, USERS)).stranger(&system()), None);
        assert_eq!(with(entry(Kind::Denies, ALL, EVERYBODY)).stranger(&system()), None);
        assert_eq!(with(entry(Kind::Allows, ALL, "S-1-3-0")).stranger(&system()), None);
    }

    #[test]
    fn a_folder_that_a_user_made_is_strange() {
        let user = "S-1-5-21-1-2-3-1001";
        let made = access(user, own()).stranger(&system());
        assert!(made.is_some_and(|it| it.contains(user) && it.contains("owns")));
        // Unless all that lies around it is theirs as well.
        assert_eq!(access(user, own()).stranger(&Sid(user.to_owned())), None);
    }

    #[test]
    fn a_folder_that_others_may_write_in_is_strange() {
        // Writing, adding a folder, deleting what is in it, taking over, generic writing.
        for mask in [0x2, 0x4, 0x40, 0x4_0000, 0x8_0000, 0x1000_0000, 0x4000_0000] {
            let found = with(entry(Kind::Allows, READ | mask, USERS)).stranger(&system());
            assert_eq!(found, Some(format!("{USERS} may change it")), "{mask:x}");
        }
        let open = Access { owner: Sid(SYSTEM.to_owned()), entries: None };
        assert!(open.stranger(&system()).is_some());
        assert!(with(entry(Kind::Other(5), 0, "")).stranger(&system()).is_some());
    }

    #[test]
    fn what_windows_returns_is_read() {
        let folder = with(entry(Kind::Denies, READ, USERS));
        assert_eq!(Access::read(&bytes_of(&folder)), Some(folder));
        let open = Access { owner: Sid(SYSTEM.to_owned()), entries: None };
        assert_eq!(Access::read(&bytes_of(&open)), Some(open));
        assert_eq!(Access::read(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Access::read(&bytes);
        }

        #[test]
        fn a_damaged_descriptor_is_read_or_refused(at in 0usize..90, byte: u8) {
            let mut bytes = bytes_of(&access(ADMINISTRATORS, own()));
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = Access::read(&bytes).map(|it| it.stranger(&system()));
        }
    }
}
