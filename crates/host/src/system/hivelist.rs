//! Hives that are loaded: one that servicing or a backup left behind keeps its file in use.

use super::{Inquiry, Reading};
use crate::Host;

const LIST: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\hivelist";
/// Hives that a running Windows loads itself.
const OWN: [&str; 9] = [
    r"\registry\machine\system",
    r"\registry\machine\software",
    r"\registry\machine\hardware",
    r"\registry\machine\sam",
    r"\registry\machine\security",
    r"\registry\machine\components",
    r"\registry\machine\drivers",
    r"\registry\machine\elam",
    r"\registry\machine\bcd00000000",
];

/// A loaded hive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedHive {
    /// Where in the registry it is, such as `\REGISTRY\MACHINE\SYSTEM`.
    pub at: String,
    /// Its file as the kernel names it; `None` for a hive without one.
    pub file: Option<String>,
    /// Whether somebody loaded it beside those of Windows and of users, as offline servicing does.
    pub is_foreign: bool,
}

/// Reads which hives are loaded. The list lives in memory only, so hives as files do not tell.
pub fn read(host: &dyn Host) -> Reading<Vec<LoadedHive>> {
    let mut inquiry = Inquiry::of(host);
    let list = inquiry.key(LIST).unwrap_or_default();
    let names = list.values.iter().map(|(at, _)| at);
    let found = names.map(|at| {
        let lower = at.to_lowercase();
        let is_of_machine = lower.starts_with(r"\registry\machine\");
        LoadedHive {
            at: at.clone(),
            file: list.text(at).filter(|it| !it.is_empty()).map(str::to_owned),
            is_foreign: is_of_machine && !OWN.contains(&lower.as_str()),
        }
    });
    let found = found.collect();
    inquiry.done(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn a_hive_that_is_none_of_windows_own_is_foreign() {
        let pc = Fixture::parse(
            r"//- reg HKLM\SYSTEM\CurrentControlSet\Control\hivelist
\REGISTRY\MACHINE\SYSTEM = sz:\Device\HarddiskVolume3\Windows\System32\config\SYSTEM
\REGISTRY\MACHINE\HARDWARE = sz:
\REGISTRY\MACHINE\{bf1a}D:/mount/SOFTWARE = sz:\Device\HarddiskVolume4\mount\SOFTWARE
\REGISTRY\USER\S-1-5-21-1 = sz:\Device\HarddiskVolume3\Users\ada\NTUSER.DAT
",
        );
        let found = read(&pc.unwrap()).found;
        let foreign: Vec<bool> = found.iter().map(|it| it.is_foreign).collect();
        assert_eq!(foreign, [false, false, true, false]);
        assert_eq!(found[1].file, None);
    }
}
