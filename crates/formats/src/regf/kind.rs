//! What a hive is, told by what stands in it.

use super::Hive;

/// The hives that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `HKLM\SYSTEM`.
    System,
    /// `HKLM\SOFTWARE`.
    Software,
    /// `HKLM\COMPONENTS`, the component store.
    Components,
    /// `HKLM\DRIVERS`.
    Drivers,
    /// A user's `NTUSER.DAT`.
    User,
    /// Anything else.
    Other,
}

impl Hive<'_> {
    /// What the hive is. Names of files say little: copies are called anything.
    #[must_use]
    pub fn kind(&self) -> Kind {
        // Marks of each kind; one is enough, because damage or age may hide the others. SYSTEM of
        // Windows 8 has a DriverDatabase too, so that it comes before DRIVERS.
        const MARKS: [(Kind, &[&str]); 5] = [
            (Kind::System, &["Select", "ControlSet001", "ControlSet002"]),
            (
                Kind::Software,
                &[r"Microsoft\Windows NT\CurrentVersion", r"Microsoft\Windows\CurrentVersion"],
            ),
            (Kind::Components, &["DerivedData", "CanonicalData"]),
            (Kind::Drivers, &["DriverDatabase"]),
            (Kind::User, &[r"Software\Microsoft", "Control Panel", "Environment"]),
        ];
        let has = |path: &&str| matches!(self.key(path), Ok(Some(_)));
        let found = MARKS.iter().find(|(_, marks)| marks.iter().any(has));
        found.map_or(Kind::Other, |(kind, _)| *kind)
    }
}
