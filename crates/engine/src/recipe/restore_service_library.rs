//! `restore-service-library`: an update service that was made to run somebody else's file runs the
//! one of Windows again.
//!
//! Only where Windows' own file is there, and only for services whose file has been the same in all
//! versions. The Windows Modules Installer is not among them: only an in-place repair mends that.

use unwedge_host::{Change, Data, HostErrorKind, KeyPath, Setting, WinPath};

use super::{Proposal, Recipe, Request, refused};
use crate::plan::{Phase, Step};

pub(super) const RECIPE: Recipe = Recipe {
    id: "restore-service-library",
    title: "Gives an update service that was made to run somebody else's file its own file back.",
    rung: 5,
    is_made_once: true,
    propose,
};

/// Service, and its file below System32 (`ServiceDll`, Windows 7 to 11).
const LIBRARIES: [(&str, &str); 3] =
    [("wuauserv", "wuaueng.dll"), ("BITS", "qmgr.dll"), ("CryptSvc", "cryptsvc.dll")];

fn propose(request: &Request<'_>) -> Proposal {
    let mut steps = Vec::new();
    for (service, library) in LIBRARIES {
        let path = format!(r"HKLM\SYSTEM\CurrentControlSet\Services\{service}\Parameters");
        let key = KeyPath::new(&path);
        let stored = match request.host.key(&key) {
            Ok(Some(key)) => key.text("ServiceDll").map(str::to_owned),
            Ok(None) => None,
            Err(err) if err.kind == HostErrorKind::NotCollected => None,
            Err(err) => return refused(&err.to_string(), "run as administrator and try again"),
        };
        let Some(stored) = stored.filter(|it| !is_own(it, library)) else { continue };
        let own = format!(r"C:\Windows\System32\{library}");
        if request.host.exists(&WinPath::new(&own)).is_ok_and(|is_there| !is_there) {
            return refused(
                &format!("{own}, the file of Windows for {service}, is not there"),
                "repair the component store first (`sfc /scannow`), or repair Windows in place",
            );
        }
        steps.push(Step {
            change: Change::Assign(Setting::Value {
                key,
                name: "ServiceDll".to_owned(),
                data: Some(Data::ExpandSz(format!(r"%SystemRoot%\System32\{library}"))),
            }),
            says: format!("Let the service {service} run {own} again, as Windows ships it."),
            why: format!(
                "it is set to run {stored}. Scan the PC with Microsoft Defender Offline: whatever \
                 changed this may still run"
            ),
            touches: vec![format!("service {service}"), path],
            undo: "the value is set back to what it was".to_owned(),
            reversible: true,
            recipe: RECIPE.id.to_owned(),
            finding: request.finding.rule.clone(),
            phase: Phase::Prepare,
        });
    }
    match steps.is_empty() {
        true => {
            Proposal::AlreadySo { note: "every update service runs the file of Windows".to_owned() }
        }
        false => Proposal::Steps { steps, notes: Vec::new() },
    }
}

/// Whether a value names the file of Windows itself, in any of its spellings.
fn is_own(stored: &str, library: &str) -> bool {
    let stored = stored.trim().trim_matches('"').to_lowercase();
    let rest = ["%systemroot%", "%windir%", r"c:\windows", r"\systemroot"]
        .iter()
        .find_map(|it| stored.strip_prefix(it));
    rest.is_some_and(|it| it == format!(r"\system32\{library}"))
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn the_file_of_windows_is_known_in_all_its_spellings_and_no_other_is() {
        for own in [
            r"%systemroot%\system32\wuaueng.dll",
            r"C:\WINDOWS\System32\wuaueng.dll",
            r#""%windir%\System32\wuaueng.dll""#,
        ] {
            assert!(is_own(own, "wuaueng.dll"), "{own}");
        }
        for other in [
            r"C:\ProgramData\wuaueng.dll",
            r"%systemroot%\system32\x\wuaueng.dll",
            r"%systemroot%\system32\wuaueng2.dll",
            "",
        ] {
            assert!(!is_own(other, "wuaueng.dll"), "{other}");
        }
    }
}
