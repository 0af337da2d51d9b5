//! Logs of Windows setup: setupact.log and setuperr.log in all their places.
//!
//! ```text
//! 2022-07-06 08:18:24, Error                 SP     text
//! 2019-03-29 00:32:48, Error      [0x0606ae] IBS    text
//! 2026-02-19 10:38:42, Info                         text of no component
//! ```
//!
//! Setup writes on after most errors, tries again and takes back; only the last word of the
//! program that leads it (`CSetupHost::Execute`) and what it reports tell how an upgrade ended.

use super::line::{Header, header};
use super::servicing::{Statement, statement};
use super::update::{UpdateAction, UpdateEnd, UpdateStep, hex_code};

/// See [`super::structure`]; the records of CBS and DISM that are embedded have their own.
pub(super) const STRUCTURE: &[&str] = &[
    "CSetupHost::Execute(",
    "SetupHost: Reporting error event",
    "SetupHost::Initialize: CmdLine",
    "ImageExit: Initializing SetupResult: [",
    "First boot phase of setup done",
    "Setup has started phase",
];

/// Components that no other log of the same form has.
const COMPONENTS: &[&[u8]] = &[
    b"MOUPG",
    b"SP",
    b"CONX",
    b"MIG",
    b"IBS",
    b"IBSLIB",
    b"PANTHR",
    b"DIAG",
    b"DIAGER",
    b"SYSPRP",
    b"UI",
    b"WinPE",
    b"DU",
    b"TOOL",
    b"CMI",
    b"SETUP",
    b"WDSCapture",
];

/// Results that are no end of an upgrade: `ERROR_RESTART_APPLICATION` (setup starts itself again
/// after it was updated), `MOSETUP_E_UPDATEMEDIA_REQUESTED` (a newer setup takes over),
/// `MOSETUP_E_COMPAT_SCANONLY` (only a check was asked for, and it found nothing).
const NO_END: [u32; 3] = [0x8007_05BB, 0xC190_0129, 0xC190_0210];

/// Reads the head of a record, with the event number that older parts of setup write.
pub(super) fn head(line: &[u8]) -> Option<Header<'_>> {
    let head = header(line)?;
    let text = &line[head.text_at..];
    if !head.component.is_empty() || !text.starts_with(b"[0x") {
        return Some(head);
    }
    let Some(close) = text.iter().take(14).position(|&b| b == b']') else { return Some(head) };
    let blanks = |from: usize| text[from..].iter().take_while(|&&b| b == b' ').count();
    let at = close + 1 + blanks(close + 1);
    let length = text[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    if !(1..=12).contains(&length) || text.get(at + length).is_some_and(|&b| b != b' ') {
        return Some(head);
    }
    let behind = at + length + blanks(at + length);
    Some(Header { component: &text[at..at + length], text_at: head.text_at + behind, ..head })
}

/// Whether only setup writes records of this component.
pub(super) fn is_own(component: &[u8]) -> bool {
    COMPONENTS.contains(&component)
}

/// Reads what a record says: of an upgrade, or in the words of CBS and DISM.
pub(super) fn statement_of<'a>(component: &[u8], text: &'a str) -> Option<Statement<'a>> {
    match component {
        b"MOUPG" => upgrade(text).map(Statement::Update),
        b"IBS" => installation(text).map(Statement::Update),
        // A record that names nobody may be anything here; what CBS says names itself.
        b"" => None,
        _ => statement(component, text),
    }
}

/// The program that leads an upgrade: `CSetupHost::Execute(433): Result = 0x80070032`,
/// `SetupHost: Reporting error event -> [0xC1900101, 0x30018]`.
fn upgrade(text: &str) -> Option<UpdateStep<'_>> {
    let text = text.trim_start();
    let step = |end| UpdateStep::new(UpdateAction::Upgrade, end);
    if text.starts_with("SetupHost::Initialize: CmdLine") {
        return Some(step(UpdateEnd::Started));
    }
    if let Some(rest) = text.strip_prefix("CSetupHost::Execute(") {
        let code = hex_code(rest.split_once("): Result = ")?.1)?;
        return (!NO_END.contains(&code.0)).then(|| step(UpdateEnd::of(code)));
    }
    // The part that takes an upgrade back is told with what it failed (setupact_rollback.log).
    if let Some(result) = text.strip_prefix("ImageExit: Initializing SetupResult: [") {
        let end = UpdateEnd::of(hex_code(result)?);
        return matches!(end, UpdateEnd::Failed(_)).then(|| step(end));
    }
    let rest = text.strip_prefix("SetupHost: Reporting error event -> [")?;
    let extend = rest.split_once(',').and_then(|(_, extend)| hex_code(extend));
    let extend = extend.map_or(0, |code| code.0);
    let code = hex_code(rest)?;
    (!NO_END.contains(&code.0)).then(|| UpdateStep { extend, ..step(UpdateEnd::of(code)) })
}

/// The image-based part, which also installs anew.
fn installation(text: &str) -> Option<UpdateStep<'_>> {
    let end = if text.contains("First boot phase of setup done") {
        UpdateEnd::Succeeded
    } else if text.trim_start().starts_with("Setup has started phase") {
        UpdateEnd::Started
    } else {
        return None;
    };
    Some(UpdateStep::new(UpdateAction::Upgrade, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_that_starts_itself_again_has_not_ended() {
        for result in ["0x800705BB", "0xC1900129", "0xC1900210"] {
            assert_eq!(upgrade(&format!("CSetupHost::Execute(400): Result = {result}")), None);
        }
        assert!(upgrade("CSetupHost::Execute(400): Result = 0x80070070").is_some());
    }

    #[test]
    fn what_takes_an_upgrade_back_tells_its_result() {
        let told = upgrade("ImageExit: Initializing SetupResult: [0x800f0818]");
        assert!(
            matches!(told.map(|step| step.end), Some(UpdateEnd::Failed(code)) if code.0 == 0x800F_0818)
        );
        assert_eq!(upgrade("ImageExit: Initializing SetupResult: [0x0]"), None);
    }

    #[test]
    fn the_second_half_of_the_pair_is_read() {
        let told = upgrade("SetupHost: Reporting error event -> [0xC1900101, 0x30018]");
        assert_eq!(told.map(|step| step.extend), Some(0x3_0018));
    }
}
