//! Packages of the servicing stack, and how far each is.

use std::fmt;

use super::{Inquiry, Reading};
use crate::{Host, Key};

const PACKAGES: &str =
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";

/// A package as the servicing stack records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its identity, such as `Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.2314.1.9`.
    pub name: String,
    /// How far it is; `None` where nothing is recorded.
    pub state: Option<PackageState>,
    /// The last failure, as an `HRESULT`; `None` if there was none.
    pub last_error: Option<u32>,
    /// When it was installed: 100 ns since 1601 in UTC.
    pub install_time: Option<u64>,
    /// Who asked for it, such as `WindowsUpdateAgent`.
    pub client: Option<String>,
}

/// `CurrentState`: the numbers are those of Microsoft's chart of CBS servicing states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the chart")]
pub enum PackageState {
    Absent,
    UninstallPending,
    Resolving,
    Resolved,
    Staging,
    Staged,
    Superseded,
    InstallPending,
    PartiallyInstalled,
    Installed,
    Permanent,
    /// A negative state, or one that is not in the chart.
    Invalid(u32),
}

/// Reads every package.
pub fn read(host: &dyn Host) -> Reading<Vec<Package>> {
    let mut inquiry = Inquiry::of(host);
    let keys = inquiry.keys_below(PACKAGES);
    let found = keys.into_iter().map(|(name, key)| Package::of(name, &key)).collect();
    inquiry.done(found)
}

impl Package {
    fn of(name: String, key: &Key) -> Self {
        let time = key.dword("InstallTimeHigh").zip(key.dword("InstallTimeLow"));
        let time = time.map(|(high, low)| u64::from(high) << 32 | u64::from(low));
        Package {
            name,
            state: key.dword("CurrentState").map(PackageState::of),
            last_error: key.dword("LastError").filter(|it| *it != 0),
            install_time: time.filter(|it| *it != 0),
            client: key.text("InstallClient").filter(|it| !it.is_empty()).map(str::to_owned),
        }
    }
}

impl PackageState {
    /// The state that a number stands for.
    #[must_use]
    pub fn of(stored: u32) -> Self {
        match stored {
            0x00 => PackageState::Absent,
            0x05 => PackageState::UninstallPending,
            0x10 => PackageState::Resolving,
            0x20 => PackageState::Resolved,
            0x30 => PackageState::Staging,
            0x40 => PackageState::Staged,
            0x50 => PackageState::Superseded,
            0x60 => PackageState::InstallPending,
            0x65 => PackageState::PartiallyInstalled,
            0x70 => PackageState::Installed,
            0x80 => PackageState::Permanent,
            other => PackageState::Invalid(other),
        }
    }

    /// Whether it waits for something: a restart, or the end of an operation.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            PackageState::UninstallPending
                | PackageState::Resolving
                | PackageState::Staging
                | PackageState::InstallPending
        )
    }
}

impl fmt::Display for PackageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PackageState::Absent => "absent",
            PackageState::UninstallPending => "uninstall pending",
            PackageState::Resolving => "resolving",
            PackageState::Resolved => "resolved",
            PackageState::Staging => "staging",
            PackageState::Staged => "staged",
            PackageState::Superseded => "superseded",
            PackageState::InstallPending => "install pending",
            PackageState::PartiallyInstalled => "partially installed",
            PackageState::Installed => "installed",
            PackageState::Permanent => "permanent",
            PackageState::Invalid(stored) => return write!(f, "invalid (0x{stored:X})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn states_have_their_names_and_failures_their_codes() {
        let pc = Fixture::parse(
            &r"//- reg 'KEY'
//- reg 'KEY\Package_1'
CurrentState = dword:96
LastError = dword:2147942405
InstallClient = sz:WindowsUpdateAgent
InstallTimeHigh = dword:1
InstallTimeLow = dword:2
//- reg 'KEY\Package_2'
CurrentState = dword:112
LastError = dword:0
//- reg 'KEY\Package_3'
CurrentState = dword:4294967184
"
            .replace("KEY", PACKAGES)
            .replace('\'', "\""),
        );
        let found = read(&pc.unwrap()).found;
        assert_eq!(found[0].state, Some(PackageState::InstallPending));
        assert!(found[0].state.unwrap().is_pending());
        assert_eq!(
            (found[0].last_error, found[0].install_time),
            (Some(0x8007_0005), Some(1 << 32 | 2))
        );
        assert_eq!(found[1].state.unwrap().to_string(), "installed");
        assert_eq!(found[1].last_error, None);
        assert_eq!(found[2].state.unwrap().to_string(), "invalid (0xFFFFFF90)");
    }
}
