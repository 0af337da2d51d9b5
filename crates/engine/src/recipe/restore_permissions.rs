//! `restore-permissions`: what keeps Windows out of its own update folders, keys and services goes, and
//! the rights it lacks there are added.
//!
//! No descriptor is imposed: the one that is there is compared with what servicing cannot do without.
//! Denials of accounts that every Windows has are taken out, rights that are missing are added, and all
//! else stays. Owners are never changed.

use unwedge_host::descriptor::{AccessEntry, AccessKind, CONTAINED, INHERITED};
use unwedge_host::{
    Change, Descriptor, HostErrorKind, KeyPath, Securable, ServiceName, Setting, WinPath, probe,
};

use super::{Proposal, Recipe, Request, files, refused};
use crate::plan::{Phase, Step};
use crate::report::{Finding, SubjectKind};

pub(super) const RECIPE: Recipe = Recipe {
    id: "restore-permissions",
    title: "Takes out what denies Windows its own update folders, keys and services, and adds the \
            rights it lacks there.",
    rung: 6,
    is_made_once: true,
    propose,
};

const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";
const INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// Accounts of Windows itself, with the groups they are in: the one that is added, then all under
/// which it works.
const AS_SYSTEM: (&str, &[&str]) = (SYSTEM, &[SYSTEM, ADMINISTRATORS, "S-1-1-0", "S-1-5-11"]);
const AS_ADMINISTRATOR: (&str, &[&str]) =
    (ADMINISTRATORS, &[ADMINISTRATORS, "S-1-1-0", "S-1-5-11", "S-1-5-4", "S-1-5-32-545"]);
const AS_INSTALLER: (&str, &[&str]) =
    (INSTALLER, &[INSTALLER, SYSTEM, ADMINISTRATORS, "S-1-1-0", "S-1-5-11"]);

/// Windows ships no denial of these on what is looked at here; services work under them. Those of
/// services (S-1-5-80-…) too.
const NEVER_DENIED: [(&str, &str); 10] = [
    ("S-1-1-0", "Everyone"),
    (SYSTEM, "SYSTEM"),
    (ADMINISTRATORS, "Administrators"),
    ("S-1-5-32-545", "Users"),
    ("S-1-5-11", "Authenticated Users"),
    ("S-1-5-4", "Interactive"),
    ("S-1-5-6", "Service"),
    ("S-1-5-19", "Local Service"),
    ("S-1-5-20", "Network Service"),
    (INSTALLER, "TrustedInstaller"),
];

/// `SERVICE_QUERY_CONFIG`, `_QUERY_STATUS`, `_ENUMERATE_DEPENDENTS`, `_START`, `_STOP`, `_INTERROGATE`
/// and `READ_CONTROL`: what all versions of Windows give to SYSTEM and Administrators.
const SERVICE_RIGHTS: u32 = 0x1 | 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x2_0000;

/// A thing servicing needs, and the rights it cannot do without.
struct Need {
    of: Securable,
    rights: Vec<((&'static str, &'static [&'static str]), u32)>,
}

fn propose(request: &Request<'_>) -> Proposal {
    let needs = needs();
    // Denied elsewhere, none of these would help.
    if !concerns(request.finding, &needs) {
        return Proposal::NotNeeded;
    }
    let (mut steps, mut notes, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for need in &needs {
        match probe::access(request.host, &need.of) {
            Ok(Some(now)) => match mended(need, &now) {
                Mended::Fine => {}
                Mended::With { access, why } => steps.push(step(request, need, access, &why)),
                Mended::CannotTell => notes.push(format!(
                    "access to {} depends on conditions, and is left as it is",
                    need.of
                )),
            },
            Ok(None) => {}
            Err(err) if err.kind == HostErrorKind::NotCollected => {
                unknown.push(need.of.to_string());
            }
            Err(err) => notes.push(err.to_string()),
        }
    }
    match (steps.is_empty(), unknown.is_empty()) {
        (false, is_all_known) => {
            if !is_all_known {
                notes.push(format!("who has access to {} is not known", unknown.join(", ")));
            }
            Proposal::Steps { steps, notes }
        }
        (true, false) => refused(
            &format!("who has access to {} is not part of the evidence", unknown.join(", ")),
            "run `unwedge diagnose` and `unwedge plan` on the PC itself",
        ),
        (true, true) if notes.is_empty() => Proposal::NotNeeded,
        (true, true) => refused(&notes.join("; "), "run as administrator and try again"),
    }
}

fn needs() -> Vec<Need> {
    const FOLDERS: [&str; 4] = [
        r"C:\Windows\SoftwareDistribution",
        r"C:\Windows\SoftwareDistribution\Download",
        r"C:\Windows\SoftwareDistribution\DataStore",
        r"C:\Windows\System32\catroot2",
    ];
    const KEYS: [&str; 4] = [
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate",
        r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv",
        r"HKLM\SYSTEM\CurrentControlSet\Services\BITS",
        r"HKLM\SYSTEM\CurrentControlSet\Services\CryptSvc",
    ];
    const SERVICING: &str =
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
    const SERVICES: [&str; 3] = ["wuauserv", "BITS", "CryptSvc"];
    let all = |of: Securable, accounts: &[(&'static str, &'static [&'static str])]| {
        let rights = of.all_rights();
        Need { rights: accounts.iter().map(|it| (*it, rights)).collect(), of }
    };
    let mut needs = Vec::new();
    for folder in FOLDERS {
        let of = Securable::Path(WinPath::new(folder));
        needs.push(all(of, &[AS_SYSTEM, AS_ADMINISTRATOR]));
    }
    for key in KEYS {
        needs.push(all(Securable::Key(KeyPath::new(key)), &[AS_SYSTEM]));
    }
    needs.push(all(Securable::Key(KeyPath::new(SERVICING)), &[AS_INSTALLER]));
    for name in SERVICES {
        needs.push(Need {
            of: Securable::Service(ServiceName::new(name)),
            rights: vec![(AS_SYSTEM, SERVICE_RIGHTS), (AS_ADMINISTRATOR, SERVICE_RIGHTS)],
        });
    }
    needs
}

/// Whether what was denied is one of these or lies in one. A finding that names nothing may be about
/// any of them.
fn concerns(finding: &Finding, needs: &[Need]) -> bool {
    let subjects = || finding.subject.iter().chain(&finding.other_subjects);
    let named_keys: Vec<String> = subjects()
        .filter(|it| it.kind == SubjectKind::RegistryKey)
        .map(|it| KeyPath::new(&it.name).folded())
        .collect();
    let paths = files(finding);
    if paths.is_empty() && named_keys.is_empty() {
        return true;
    }
    needs.iter().any(|need| match &need.of {
        Securable::Path(folder) => paths.iter().any(|it| it.is_within(folder)),
        Securable::Key(key) => {
            let key = key.folded();
            named_keys.iter().any(|it| it.strip_prefix(&key).is_some_and(begins_below))
        }
        Securable::Service(_) => false,
    })
}

fn begins_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('\\')
}

enum Mended {
    Fine,
    With { access: Descriptor, why: String },
    CannotTell,
}

/// The same list without denials, and with what is missing.
fn mended(need: &Need, now: &Descriptor) -> Mended {
    let mut whole = now.clone();
    let mut why = Vec::new();
    // One that was inherited goes with the one above.
    whole.entries.retain(|it| {
        let name = never_denied(it).filter(|_| it.flags & INHERITED == 0);
        why.extend(name.map(|name| format!("{name} is denied access")));
        name.is_none()
    });
    for ((sid, works_as), rights) in &need.rights {
        let Some(has) = whole.allowed_to(&need.of, works_as) else { return Mended::CannotTell };
        if has & rights == *rights {
            continue;
        }
        let name = NEVER_DENIED.iter().find(|(it, _)| it == sid).map_or(*sid, |(_, name)| name);
        why.push(format!("{name} lacks rights that Windows gives it"));
        let flags = match need.of {
            Securable::Path(_) => CONTAINED,
            // Keys hold keys only.
            Securable::Key(_) => CONTAINED & 0x2,
            Securable::Service(_) => 0,
        };
        let added = AccessEntry {
            kind: AccessKind::Allows,
            flags,
            rights: *rights,
            who: (*sid).to_owned(),
        };
        let end = whole.entries.iter().position(|it| it.flags & INHERITED != 0);
        whole.entries.insert(end.unwrap_or(whole.entries.len()), added);
    }
    match why.is_empty() {
        true => Mended::Fine,
        false => Mended::With { access: whole.explicit(), why: why.join("; ") },
    }
}

/// Whom an entry denies something, if Windows ships none that does.
fn never_denied(entry: &AccessEntry) -> Option<&'static str> {
    if entry.kind != AccessKind::Denies {
        return None;
    }
    let named = NEVER_DENIED.iter().find(|(sid, _)| entry.who.eq_ignore_ascii_case(sid));
    named
        .map(|(_, name)| *name)
        .or_else(|| entry.who.starts_with("S-1-5-80-").then_some("a service of Windows"))
}

fn step(request: &Request<'_>, need: &Need, access: Descriptor, why: &str) -> Step {
    Step {
        change: Change::Assign(Setting::Access { of: need.of.clone(), access }),
        says: format!("Give Windows back the access it needs to {}.", need.of),
        why: why.to_owned(),
        touches: vec![need.of.to_string()],
        undo: "the list of who may do what is set back to what it was".to_owned(),
        reversible: true,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Prepare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Need {
        needs().into_iter().next().unwrap()
    }

    fn after(need: &Need, sddl: &str) -> Option<(String, String)> {
        match mended(need, &sddl.parse().unwrap()) {
            Mended::Fine => None,
            Mended::With { access, why } => Some((access.to_string(), why)),
            Mended::CannotTell => Some((String::new(), String::new())),
        }
    }

    #[test]
    fn what_windows_ships_is_left_alone() {
        for sddl in [
            "O:SYG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
            "O:S-1-5-80-1G:SYD:P(A;;FA;;;SY)(A;OICIIO;GA;;;SY)(A;;FA;;;BA)(A;OICIIO;GA;;;CO)",
            // Somebody else was denied: the owner of the PC may have wanted that.
            "D:(D;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)(A;;FA;;;BA)",
        ] {
            assert_eq!(after(&folder(), sddl), None, "{sddl}");
        }
    }

    #[test]
    fn a_denial_goes_and_all_else_stays() {
        let (access, why) = after(
            &folder(),
            "O:SYD:AI(D;OICI;FA;;;SY)(A;;FR;;;LG)(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)",
        )
        .unwrap();
        assert_eq!(access, "D:(A;;0x120089;;;LG)");
        assert!(why.contains("SYSTEM is denied"), "{why}");
    }

    #[test]
    fn what_is_missing_is_added_and_nothing_else() {
        // SYSTEM is an administrator.
        assert_eq!(after(&folder(), "O:BAD:P(A;OICI;FA;;;BA)(A;;FR;;;BU)"), None);
        let (access, why) = after(&folder(), "D:P(A;OICI;FA;;;SY)(A;;FR;;;BU)").unwrap();
        assert_eq!(
            access,
            "D:P(A;OICI;0x1f01ff;;;S-1-5-18)(A;;0x120089;;;S-1-5-32-545)\
             (A;OICI;0x1f01ff;;;S-1-5-32-544)"
        );
        assert!(why.contains("Administrators lacks"), "{why}");
    }

    #[test]
    fn conditions_are_not_judged() {
        let sddl = "D:(XA;;FA;;;SY;(@User.a==(1)))(A;;FA;;;BA)";
        assert_eq!(after(&folder(), sddl), Some((String::new(), String::new())));
    }
}
