//! Who may do what with a file, folder, registry key or service: a security descriptor as entries,
//! read from and written to the text in which Windows gives it (SDDL).
//!
//! Source: MS-DTYP, section 2.5.1 (the text) and 2.4.4 (the entries). Rights are written as numbers and
//! accounts as SIDs, which every Windows reads the same way.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{KeyPath, ServiceName, WinPath};

/// Something that has a descriptor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Securable {
    /// A file or folder.
    Path(WinPath),
    /// A registry key.
    Key(KeyPath),
    /// A service.
    Service(ServiceName),
}

/// Owner and entries of one thing. The entry that comes first decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Descriptor {
    /// SID of the owner; `None` where it was not told.
    pub owner: Option<String>,
    /// Whether nothing is inherited from what it lies in.
    pub is_protected: bool,
    /// Its entries, inherited ones last.
    pub entries: Vec<AccessEntry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// What it does.
    pub kind: AccessKind,
    /// Bits of inheritance, such as [`CONTAINED`]; [`INHERITED`] where it came from above.
    pub flags: u8,
    /// The rights it is about.
    pub rights: u32,
    /// SID of whom it is about.
    pub who: String,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessKind {
    /// It allows.
    Allows,
    /// It denies.
    Denies,
    /// It is of another kind, kept as it is written; whom it is about is not looked at.
    Other(String),
}

/// An entry that also holds for files and folders, or keys, below.
pub const CONTAINED: u8 = 0x3;
/// An entry that holds only for what lies below.
pub const BELOW_ONLY: u8 = 0x8;
/// An entry that came from what it lies in.
pub const INHERITED: u8 = 0x10;

/// A text that is no descriptor, or one of a form that could not be put back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no list of who may do what that could be put back")]
pub struct DescriptorError(String);

impl Securable {
    /// All rights of a thing of this kind, as one number.
    #[must_use]
    pub fn all_rights(&self) -> u32 {
        match self {
            Securable::Path(_) => 0x1f_01ff,
            Securable::Key(_) => 0xf_003f,
            Securable::Service(_) => 0xf_01ff,
        }
    }

    /// The rights that reading it takes.
    #[must_use]
    pub fn reading(&self) -> u32 {
        match self {
            Securable::Path(_) => 0x12_0089,
            Securable::Key(_) => 0x2_0019,
            Securable::Service(_) => 0x2_008d,
        }
    }

    /// In a form by which two are compared.
    #[must_use]
    pub fn folded(&self) -> String {
        match self {
            Securable::Path(path) => format!("path {}", path.folded()),
            Securable::Key(key) => format!("key {}", key.folded()),
            Securable::Service(service) => format!("service {}", service.folded()),
        }
    }

    /// A right such as "everything" spelled out for this kind of thing.
    fn spelled_out(&self, rights: u32) -> u32 {
        const GENERIC: [u32; 4] = [0x1000_0000, 0x2000_0000, 0x4000_0000, 0x8000_0000];
        let (execute, write) = match self {
            Securable::Path(_) => (0x12_00a0, 0x12_0116),
            Securable::Key(_) => (0x2_0019, 0x2_0006),
            Securable::Service(_) => (0x2_0170, 0x2_0002),
        };
        let each = [self.all_rights(), execute, write, self.reading()];
        let given = GENERIC.iter().zip(each).filter(|(bit, _)| rights & **bit != 0);
        given.fold(rights & 0x0fff_ffff, |all, (_, rights)| all | rights)
    }
}

impl fmt::Display for Securable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Securable::Path(path) => path.fmt(f),
            Securable::Key(key) => key.fmt(f),
            Securable::Service(service) => write!(f, "service {service}"),
        }
    }
}

impl Descriptor {
    /// Without owner and what was inherited: all that is ever set on the thing itself.
    #[must_use]
    pub fn explicit(&self) -> Descriptor {
        let own = self.entries.iter().filter(|it| it.flags & INHERITED == 0);
        Descriptor { owner: None, is_protected: self.is_protected, entries: own.cloned().collect() }
    }

    /// The rights that a program has which runs under all these SIDs; `None` if an entry of another
    /// kind may decide about it.
    #[must_use]
    pub fn allowed_to(&self, of: &Securable, sids: &[&str]) -> Option<u32> {
        let (mut allowed, mut denied) = (0, 0);
        for entry in self.entries.iter().filter(|it| it.flags & BELOW_ONLY == 0) {
            let rights = of.spelled_out(entry.rights);
            let is_about = sids.iter().any(|it| it.eq_ignore_ascii_case(&entry.who));
            match &entry.kind {
                AccessKind::Other(_) => return None,
                AccessKind::Allows if is_about => allowed |= rights & !denied,
                AccessKind::Denies if is_about => denied |= rights & !allowed,
                AccessKind::Allows | AccessKind::Denies => {}
            }
        }
        Some(allowed)
    }
}

impl FromStr for Descriptor {
    type Err = DescriptorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| DescriptorError(text.chars().take(200).collect()))
    }
}

impl TryFrom<String> for Descriptor {
    type Error = DescriptorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Descriptor> for String {
    fn from(it: Descriptor) -> String {
        it.to_string()
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "O:{owner}")?;
        }
        f.write_str(if self.is_protected { "D:P" } else { "D:" })?;
        for entry in &self.entries {
            entry.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for AccessEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            AccessKind::Allows => "A",
            AccessKind::Denies => "D",
            AccessKind::Other(text) => return write!(f, "({text})"),
        };
        write!(f, "({kind};")?;
        for (bit, name) in FLAGS {
            if self.flags & bit != 0 {
                f.write_str(name)?;
            }
        }
        write!(f, ";0x{:x};;;{})", self.rights, self.who)
    }
}

const FLAGS: [(u8, &str); 5] = [(1, "OI"), (2, "CI"), (4, "NP"), (8, "IO"), (INHERITED, "ID")];

const RIGHTS: [(&str, u32); 31] = [
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
    ("SD", 0x1_0000),
    ("RC", 0x2_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("FA", 0x1f_01ff),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00a0),
    ("KA", 0xf_003f),
    ("KR", 0x2_0019),
    ("KW", 0x2_0006),
    ("KX", 0x2_0019),
    ("NR", 0x2),
    ("NW", 0x1),
    ("NX", 0x4),
    ("AS", 0x100_0000),
    ("MA", 0x200_0000),
    ("SY", 0x10_0000),
];

/// Those whose SID is the same on every PC.
const ACCOUNTS: [(&str, &str); 22] = [
    ("SY", "S-1-5-18"),
    ("BA", "S-1-5-32-544"),
    ("BU", "S-1-5-32-545"),
    ("BG", "S-1-5-32-546"),
    ("PU", "S-1-5-32-547"),
    ("SO", "S-1-5-32-549"),
    ("BO", "S-1-5-32-551"),
    ("WD", "S-1-1-0"),
    ("CO", "S-1-3-0"),
    ("CG", "S-1-3-1"),
    ("OW", "S-1-3-4"),
    ("NU", "S-1-5-2"),
    ("IU", "S-1-5-4"),
    ("SU", "S-1-5-6"),
    ("AN", "S-1-5-7"),
    ("PS", "S-1-5-10"),
    ("AU", "S-1-5-11"),
    ("RC", "S-1-5-12"),
    ("LS", "S-1-5-19"),
    ("NS", "S-1-5-20"),
    ("WR", "S-1-5-33"),
    ("AC", "S-1-15-2-1"),
];

fn read(text: &str) -> Option<Descriptor> {
    let (mut owner, mut list) = (None, None);
    for (name, body) in sections(text.trim())? {
        match name {
            b'O' => owner = Some(account(body)?),
            b'D' => list = Some(body),
            // The group is of no use to Windows, and what is watched (S) nobody may read.
            _ => {}
        }
    }
    let list = list?;
    let (flags, mut rest) = list.split_at(list.find('(').unwrap_or(list.len()));
    // Without a list everybody may do everything, and no flag tells it.
    if flags.contains("NO_ACCESS_CONTROL") {
        return None;
    }
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let body = rest.strip_prefix('(')?;
        let end = closing(body)?;
        entries.push(entry(&body[..end])?);
        rest = body[end + 1..].trim_start();
    }
    // The flags are P, AR and AI: two-letter ones do not begin with the first.
    Some(Descriptor { owner, is_protected: flags.contains('P'), entries })
}

/// `O:`, `G:`, `D:` and `S:` with what follows each.
fn sections(text: &str) -> Option<Vec<(u8, &str)>> {
    let bytes = text.as_bytes();
    let (mut starts, mut depth) = (Vec::new(), 0_u32);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b':' if depth == 0 => {
                let name = at.checked_sub(1)?;
                matches!(bytes[name], b'O' | b'G' | b'D' | b'S').then_some(())?;
                starts.push(name);
            }
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let all = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| Some((bytes[*start], text.get(start + 2..end)?)));
    if depth == 0 { all.collect() } else { None }
}

/// Where the parenthesis closes that was open before `text`: conditions have some of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn entry(text: &str) -> Option<AccessEntry> {
    let fields: Vec<&str> = text.split(';').collect();
    let kind = match (fields.first()?.trim(), fields.len()) {
        ("A", 6) => AccessKind::Allows,
        ("D", 6) => AccessKind::Denies,
        _ => AccessKind::Other(text.to_owned()),
    };
    let flags = flags(fields.get(1)?)?;
    if let AccessKind::Other(_) = kind {
        return Some(AccessEntry { kind, flags, rights: 0, who: String::new() });
    }
    if !fields[3].is_empty() || !fields[4].is_empty() {
        return None;
    }
    Some(AccessEntry { kind, flags, rights: rights(fields[2].trim())?, who: account(fields[5])? })
}

fn flags(text: &str) -> Option<u8> {
    let pairs = pairs(text.trim())?;
    pairs.iter().try_fold(0, |all, pair| {
        let known = FLAGS.iter().find(|(_, name)| name == pair);
        // Two more are of lists of what is watched.
        known.map(|(bit, _)| all | bit).or(matches!(*pair, "SA" | "FA").then_some(all))
    })
}

fn rights(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    if text.starts_with(|it: char| it.is_ascii_digit()) {
        return text.parse().ok();
    }
    pairs(text)?.iter().try_fold(0, |all, pair| {
        RIGHTS.iter().find(|(name, _)| name == pair).map(|(_, bits)| all | bits)
    })
}

fn pairs(text: &str) -> Option<Vec<&str>> {
    let cut = |at: usize| text.get(at..at + 2);
    (0..text.len()).step_by(2).map(cut).collect()
}

/// A SID as it is written in full; of one that is only known to its own domain, the letters.
fn account(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((_, sid)) = ACCOUNTS.iter().find(|(name, _)| *name == text) {
        return Some((*sid).to_owned());
    }
    let is_sid = text
        .strip_prefix("S-1-")
        .is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit() || it == b'-' || it == b'x'));
    let is_name = text.len() == 2 && text.bytes().all(|it| it.is_ascii_uppercase());
    (is_sid || is_name).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM: &str = "S-1-5-18";
    const EVERYONE: &str = "S-1-1-0";

    fn parsed(text: &str) -> Descriptor {
        text.parse().unwrap()
    }

    fn folder() -> Securable {
        Securable::Path(WinPath::new(r"C:\Windows\SoftwareDistribution"))
    }

    #[test]
    fn what_windows_writes_is_read_and_written_back() {
        let text = "O:SYG:SYD:PAI(D;OICI;FA;;;WD)(A;;0x1200a9;;;BU)(A;OICIIO;GA;;;CO)\
                    (A;OICIID;FA;;;S-1-5-80-956008885-3418522649)S:AI(AU;SAFA;FA;;;WD)";
        let read = parsed(text);
        assert!(read.is_protected);
        assert_eq!(read.owner.as_deref(), Some(SYSTEM));
        assert_eq!(read.entries.len(), 4);
        assert_eq!((read.entries[0].flags, read.entries[0].rights), (CONTAINED, 0x1f_01ff));
        assert_eq!(read.entries[0].who, EVERYONE);
        assert_eq!(read.explicit().entries.len(), 3);
        assert_eq!(parsed(&read.to_string()), read);
        assert_eq!(Descriptor::try_from(String::from(read.clone())), Ok(read));
        let open = parsed("D:AI(A;;KR;;;BU)");
        assert!(!open.is_protected && open.owner.is_none());
    }

    #[test]
    fn rights_are_those_of_the_first_entry_that_decides() {
        let allowed = |text: &str| parsed(text).allowed_to(&folder(), &[SYSTEM, EVERYONE]);
        let all = folder().all_rights();
        assert_eq!(allowed("D:(A;;FA;;;SY)"), Some(all));
        assert_eq!(allowed("D:(A;;GA;;;SY)"), Some(all));
        assert_eq!(allowed("D:(D;;FA;;;WD)(A;;FA;;;SY)"), Some(0));
        assert_eq!(allowed("D:(A;;FA;;;SY)(D;;FA;;;WD)"), Some(all), "in that order");
        assert_eq!(allowed("D:(A;OICIIO;FA;;;SY)"), Some(0), "only for what lies below");
        assert_eq!(allowed("D:(D;;0x2;;;SY)(A;;FA;;;SY)"), Some(all & !2));
        assert_eq!(allowed("D:(A;;FA;;;BU)"), Some(0));
        assert_eq!(allowed("D:(XA;;FA;;;SY;(@User.a==(1)))(A;;FA;;;SY)"), None);
    }

    #[test]
    fn an_entry_of_another_kind_is_kept_as_it_is() {
        let text =
            r#"D:(XA;;FX;;;S-1-1-0;(@User.Title=="PM" && (@User.a Contains {"b"})))(A;;FA;;;SY)"#;
        let read = parsed(text);
        assert_eq!(read.entries.len(), 2);
        assert!(read.to_string().contains(r#"(@User.Title=="PM" &&"#));
    }

    #[test]
    fn what_could_not_be_put_back_is_refused() {
        for text in
            ["", "O:SY", "D:NO_ACCESS_CONTROL", "D:(A;;FA;;;", "D:(A;;Q1;;;SY)", "D:)(", ":"]
        {
            assert!(text.parse::<Descriptor>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,80}") {
            if let Ok(read) = text.parse::<Descriptor>() {
                prop_assert_eq!(read.to_string().parse::<Descriptor>().unwrap(), read);
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            entries in prop::collection::vec((any::<bool>(), 0u8..32, any::<u32>(), 1u32..9), 0..8),
            is_protected: bool,
        ) {
            let entries = entries.into_iter().map(|(allows, flags, rights, number)| AccessEntry {
                kind: if allows { AccessKind::Allows } else { AccessKind::Denies },
                flags,
                rights,
                who: format!("S-1-5-21-1-2-{number}"),
            });
            let made = Descriptor {
                owner: Some(SYSTEM.to_owned()),
                is_protected,
                entries: entries.collect(),
            };
            prop_assert_eq!(made.to_string().parse::<Descriptor>().unwrap(), made);
        }
    }
}
