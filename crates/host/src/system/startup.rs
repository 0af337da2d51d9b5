//! What starts with Windows or with a user, what was switched off, and what System
//! Configuration (msconfig) left of a clean boot.

use super::{Inquiry, Reading};
use crate::{Data, Host, Key, ServiceName, StartType};

const RUN: [&str; 6] = [
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce",
    r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Run",
    r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\RunOnce",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\RunOnce",
];
const APPROVED: [&str; 6] = [
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run32",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\StartupFolder",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run32",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\StartupFolder",
];
/// Where System Configuration (msconfig) remembers what it switched off.
pub const CLEAN_BOOT: &str = r"HKLM\SOFTWARE\Microsoft\Shared Tools\MSConfig";

/// Everything about what starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Startup {
    /// Commands of the Run keys.
    pub commands: Vec<StartupCommand>,
    /// Entries that Task Manager or Settings switched on or off.
    pub approvals: Vec<Approval>,
    /// What System Configuration still has to put back.
    pub clean_boot: CleanBoot,
}

/// A command that is run when somebody signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupCommand {
    /// The key it stands in.
    pub key: &'static str,
    /// The name of its value.
    pub name: String,
    /// What is run, as stored.
    pub command: String,
}

/// Whether an entry may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The key it stands in.
    pub key: &'static str,
    /// The name of the entry it is about; the entry itself may be long gone.
    pub name: String,
    /// Whether it may.
    pub is_enabled: bool,
    /// When it was switched off: 100 ns since 1601 in UTC.
    pub disabled_at: Option<u64>,
}

/// What System Configuration switched off, with what it needs to put it back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanBoot {
    /// Services, and how they were set up before.
    pub services: Vec<(ServiceName, Option<StartType>)>,
    /// Commands and files of startup folders, by the name of their key.
    pub startup_items: Vec<String>,
    /// Whether it says that services are not all started (`state\services`).
    pub services_are_chosen: bool,
    /// Whether it says that startup items are not all started (`state\startup`).
    pub startup_is_chosen: bool,
}

/// Reads all of it.
pub fn read(host: &dyn Host) -> Reading<Startup> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Startup::default();
    for key in RUN {
        let values = inquiry.key(key).unwrap_or_default().values;
        found.commands.extend(values.into_iter().filter_map(|(name, data)| match data {
            Data::Sz(command) | Data::ExpandSz(command) if !command.is_empty() => {
                Some(StartupCommand { key, name, command })
            }
            _ => None,
        }));
    }
    for key in APPROVED {
        let values = inquiry.key(key).unwrap_or_default().values;
        found.approvals.extend(values.into_iter().filter_map(|(name, data)| match data {
            Data::Binary(bytes) => approval(key, name, &bytes),
            _ => None,
        }));
    }
    found.clean_boot = clean_boot(&mut inquiry);
    inquiry.done(found)
}

/// Where Task Manager switches an entry of a Run key off; `None` for what runs once and goes by itself.
#[must_use]
pub fn approved_key(run: &str) -> Option<&'static str> {
    let at = RUN.iter().position(|it| *it == run)?;
    // In the order of `RUN`: of 64 bits, once, of 32 bits, once, of the user, once.
    [Some(APPROVED[0]), None, Some(APPROVED[1]), None, Some(APPROVED[3]), None][at]
}

/// The folder whose files are opened at every sign-in of anybody, and where Task Manager switches
/// them off, by their names.
pub const FOLDER: (&str, &str) =
    (r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp", APPROVED[2]);

/// What Task Manager writes for an entry that is switched off at `now`, in units of 100 ns since 1601.
#[must_use]
pub fn switched_off(now: u64) -> Vec<u8> {
    let mut bytes = vec![3, 0, 0, 0];
    bytes.extend(now.to_le_bytes());
    bytes
}

/// Twelve bytes: even numbers mean on, odd ones off, and the last eight are when that was. So it is
/// observed everywhere; Microsoft does not document it.
fn approval(key: &'static str, name: String, bytes: &[u8]) -> Option<Approval> {
    let is_enabled = bytes.first()? & 1 == 0;
    let time = bytes.get(4..12).and_then(|it| it.try_into().ok()).map(u64::from_le_bytes);
    let disabled_at = time.filter(|it| *it != 0 && !is_enabled);
    Some(Approval { key, name, is_enabled, disabled_at })
}

fn clean_boot(inquiry: &mut Inquiry<'_>) -> CleanBoot {
    let Some(root) = inquiry.key(CLEAN_BOOT) else { return CleanBoot::default() };
    let has = |name: &str| root.subkeys.iter().any(|it| it.eq_ignore_ascii_case(name));
    let read = |inquiry: &mut Inquiry<'_>, name: &str| -> Key {
        let path = format!(r"{CLEAN_BOOT}\{name}");
        has(name).then(|| inquiry.key(&path)).flatten().unwrap_or_default()
    };
    let state = read(inquiry, "state");
    let services = read(inquiry, "services");
    let mut found = CleanBoot {
        services_are_chosen: state.dword("services").is_some_and(|it| it != 0),
        startup_is_chosen: state.dword("startup").is_some_and(|it| it != 0),
        ..CleanBoot::default()
    };
    // Old versions keep a key for each service, with the start type in a value of its name;
    // later ones keep the values alone, some with the date of the change beside them.
    for name in &services.subkeys {
        let own = inquiry.key(&format!(r"{CLEAN_BOOT}\services\{name}")).unwrap_or_default();
        let start = own.dword(name).or(own.dword("start"));
        found.services.push((ServiceName::new(name), start.and_then(start_type)));
    }
    const DATE: [&str; 6] = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
    for (name, data) in &services.values {
        if let Data::Dword(start) = data
            && !DATE.iter().any(|it| name.eq_ignore_ascii_case(it))
        {
            found.services.push((ServiceName::new(name), start_type(*start)));
        }
    }
    for folder in ["startupreg", "startupfolder"] {
        found.startup_items.extend(read(inquiry, folder).subkeys);
    }
    found
}

fn start_type(stored: u32) -> Option<StartType> {
    StartType::from_registry(stored, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn what_was_switched_off_is_told_with_when() {
        let pc = Fixture::parse(
            r"//- reg HKCU\Software\Microsoft\Windows\CurrentVersion\Run
Vault = sz:C:\Vault\vault.exe
//- reg HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run
Vault = hex:030000000100000000000000
Other = hex:060000000000000000000000
",
        );
        let read = read(&pc.unwrap());
        assert_eq!(read.found.commands[0].command, r"C:\Vault\vault.exe");
        let [vault, other] = &read.found.approvals[..] else { panic!("{:?}", read.found) };
        assert_eq!((vault.is_enabled, vault.disabled_at), (false, Some(1)));
        assert_eq!((other.is_enabled, other.disabled_at), (true, None));
    }

    #[test]
    fn what_a_clean_boot_left_behind_is_found() {
        let pc = Fixture::parse(
            &r"//- reg 'KEY'
//- reg 'KEY\services'
bits = dword:3
YEAR = dword:2026
//- reg 'KEY\services\Vault'
Vault = dword:2
//- reg 'KEY\startupreg'
//- reg 'KEY\startupreg\Watch'
//- reg 'KEY\state'
services = dword:2
startup = dword:0
"
            .replace("KEY", CLEAN_BOOT)
            .replace('\'', "\""),
        );
        let found = read(&pc.unwrap()).found.clean_boot;
        let vault = (ServiceName::new("Vault"), Some(StartType::Automatic));
        assert_eq!(found.services, [vault, (ServiceName::new("bits"), Some(StartType::Manual))]);
        assert_eq!(found.startup_items, ["Watch"]);
        assert!(found.services_are_chosen && !found.startup_is_chosen);
    }
}
