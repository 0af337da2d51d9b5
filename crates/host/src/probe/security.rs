//! What protects a PC, as products register themselves with Windows.

use super::Part;
use crate::{HostErrorKind, WinPath};

/// All of it; every part may be missing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// Products that registered with the Security Center; servers have none of it.
    pub products: Part<Vec<SecurityProduct>>,
    /// Microsoft Defender.
    pub defender: Part<Defender>,
}

/// A product that registered with the Security Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityProduct {
    /// What it registered as.
    pub kind: ProductKind,
    /// Its name.
    pub name: String,
    /// Its program, as registered.
    pub program: Option<String>,
    /// How it stands.
    pub state: ProductState,
}

/// What a product registered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum ProductKind {
    Antivirus,
    Firewall,
}

/// `productState`: three bytes that Microsoft does not document. They are read as
/// administrators commonly do: by the tenth of the thousands it is on or off, by the hundreds it
/// is Microsoft's, by the tens it knows the newest threats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductState(pub u32);

/// Whether a product is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Switch {
    Off,
    On,
    Snoozed,
    Expired,
    Unknown,
}

/// Whether what a product knows of threats is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Freshness {
    Current,
    Old,
    Unknown,
}

/// Microsoft Defender; `None` where its own report does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defender {
    /// `AMServiceEnabled`: its service runs.
    pub enabled: Option<bool>,
    /// `RealTimeProtectionEnabled`.
    pub real_time: Option<bool>,
    /// `IsTamperProtected`: others cannot change its settings.
    pub tamper_protected: Option<bool>,
    /// `AMRunningMode`, such as `Normal`, `Passive Mode`, `EDR Block Mode`.
    pub mode: Option<String>,
    /// `AntivirusSignatureAge`.
    pub signature_age_days: Option<u32>,
    /// `AMProductVersion`.
    pub version: Option<String>,
    /// `ExclusionPath`: files and folders that it leaves alone; only administrators may see them.
    pub exclusions: Part<Vec<String>>,
}

impl Defender {
    /// Whether a file is left alone: it is named itself, or by a name with `*` in it that stays
    /// within its folder, or lies in a folder that is named.
    #[must_use]
    pub fn leaves_alone(&self, path: &WinPath) -> bool {
        self.exclusions.iter().flatten().any(|it| {
            let excluded = WinPath::new(it);
            let in_same_folder = path.parent() == excluded.parent();
            path.is_within(&excluded)
                || (in_same_folder
                    && fits(&excluded.name().to_lowercase(), &path.name().to_lowercase()))
        })
    }
}

/// What `ExclusionPath` says. To whoever may not see them Windows names none, but says so in a
/// sentence that begins with a word no path begins with.
pub fn exclusions_told(list: Vec<String>) -> Part<Vec<String>> {
    match list.iter().any(|it| it.starts_with("N/A")) {
        true => Err(HostErrorKind::Win32(5)),
        false => Ok(list),
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(begin) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(end)
}

impl ProductState {
    /// Whether it is on.
    #[must_use]
    pub fn switch(self) -> Switch {
        match self.0 >> 12 & 0xf {
            0 => Switch::Off,
            1 => Switch::On,
            2 => Switch::Snoozed,
            3 => Switch::Expired,
            _ => Switch::Unknown,
        }
    }

    /// Whether it knows the newest threats.
    #[must_use]
    pub fn freshness(self) -> Freshness {
        match self.0 >> 4 & 0xf {
            0 => Freshness::Current,
            1 => Freshness::Old,
            _ => Freshness::Unknown,
        }
    }

    /// Whether it is Microsoft's own.
    #[must_use]
    pub fn is_of_microsoft(self) -> bool {
        self.0 >> 8 & 0xf == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_defender_leaves_alone_is_told_by_name_folder_and_pattern() {
        let list = [r"C:\W\a.edb", r"C:\W\Logs\Edb*.log", r"D:\Kept"].map(str::to_owned);
        let defender = Defender {
            enabled: None,
            real_time: None,
            tamper_protected: None,
            mode: None,
            signature_age_days: None,
            version: None,
            exclusions: exclusions_told(list.to_vec()),
        };
        for (path, wanted) in [
            (r"c:\w\A.EDB", true),
            (r"C:\W\b.edb", false),
            (r"C:\W\Logs\Edb00001.log", true),
            (r"C:\W\Logs\Edb.chk", false),
            (r"C:\W\Other\Edb.log", false),
            (r"D:\Kept\below\x", true),
        ] {
            assert_eq!(defender.leaves_alone(&WinPath::new(path)), wanted, "{path}");
        }
        let hidden = exclusions_told(vec!["N/A: Must be an administrator".to_owned()]);
        assert_eq!(hidden, Err(HostErrorKind::Win32(5)));
    }

    #[test]
    fn the_states_seen_in_the_field_are_read() {
        for (number, switch, freshness, is_of_microsoft) in [
            (266_240, Switch::On, Freshness::Current, false),
            (397_568, Switch::On, Freshness::Current, true),
            (393_472, Switch::Off, Freshness::Current, true),
            (266_256, Switch::On, Freshness::Old, false),
            (270_336, Switch::Snoozed, Freshness::Current, false),
            (u32::MAX, Switch::Unknown, Freshness::Unknown, false),
        ] {
            let state = ProductState(number);
            let told = (state.switch(), state.freshness(), state.is_of_microsoft());
            assert_eq!(told, (switch, freshness, is_of_microsoft), "{number}");
        }
    }
}
