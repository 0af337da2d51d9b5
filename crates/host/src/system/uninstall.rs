//! Programs that can be uninstalled, from both views of the registry and the user's own.

use super::{Inquiry, Reading};
use crate::{Host, Key};

/// Where programs are listed, and in which view.
const LISTS: [(&str, View); 3] = [
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall", View::Machine),
    (r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall", View::Machine32),
    (r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall", View::User),
];

/// An entry in a list of programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name of its key, often a product code.
    pub id: String,
    /// In which list it stands.
    pub view: View,
    /// The name people see; entries without one are not shown to them.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Who made it.
    pub publisher: Option<String>,
    /// The folder it says it is in.
    pub folder: Option<String>,
    /// The command that uninstalls it.
    pub uninstall: Option<String>,
    /// As stored, mostly `20260102`.
    pub install_date: Option<String>,
    /// Whether it is hidden as a part of something else.
    pub is_component: bool,
}

/// A list of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// That of the PC.
    Machine,
    /// That of the PC for 32-bit programs.
    Machine32,
    /// That of the user.
    User,
}

/// Reads every entry.
pub fn read(host: &dyn Host) -> Reading<Vec<Program>> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Vec::new();
    for (list, view) in LISTS {
        let keys = inquiry.keys_below(list);
        found.extend(keys.into_iter().map(|(id, key)| Program::of(id, view, &key)));
    }
    inquiry.done(found)
}

impl Program {
    fn of(id: String, view: View, key: &Key) -> Self {
        let text = |name| key.text(name).filter(|it| !it.is_empty()).map(str::to_owned);
        Program {
            id,
            view,
            name: text("DisplayName"),
            version: text("DisplayVersion"),
            publisher: text("Publisher"),
            folder: text("InstallLocation"),
            uninstall: text("UninstallString"),
            install_date: text("InstallDate"),
            is_component: key.dword("SystemComponent") == Some(1)
                || text("ParentKeyName").is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn programs_of_all_views_are_told_apart() {
        let pc = Fixture::parse(
            r"//- reg HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall
//- reg HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Vault
DisplayName = sz:Vault
DisplayVersion = sz:7.1
//- reg HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall
//- reg HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\{1}
SystemComponent = dword:1
",
        );
        let read = read(&pc.unwrap());
        assert_eq!(read.found[0].name.as_deref(), Some("Vault"));
        assert_eq!((read.found[1].view, read.found[1].is_component), (View::Machine32, true));
        assert_eq!(read.unknown.len(), 1, "the user's list was not collected");
    }
}
