//! SetupDiagResults.log and SetupDiagResults.xml: what Microsoft's SetupDiag found in the logs of
//! an upgrade.
//!
//! ```text
//! Matching Profile found: FindSetupHostReportedFailure - 6253C04F-2E4E-4F7A-B88E-95A69702F7EC
//! Error: SetupDiag reports …, Error: 0x80070032
//! ```
//!
//! It repeats what setupact.log says, so it is of use where that log is missing.

use super::update::{UpdateAction, UpdateEnd, UpdateStep, hex_code};
use crate::code::{Code, codes_in};

/// See [`super::structure`].
pub(super) const STRUCTURE: &[&str] =
    &["Error: SetupDiag reports ", "FindSuccessfulUpgrade", "Error = 0x"];

/// Whether only these results hold such a line.
pub(super) fn is_mark(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"Matching Profile found: ")
        || line.starts_with(b"<SetupDiag ")
        || line.starts_with(b"Error: SetupDiag reports ")
        || line.starts_with(b"SetupDiag was unable to match")
}

/// Reads what a line says of the upgrade.
pub(super) fn step(text: &str) -> Option<UpdateStep<'_>> {
    let text = text.trim();
    if text.contains("FindSuccessfulUpgrade") {
        return Some(UpdateStep::new(UpdateAction::Upgrade, UpdateEnd::Succeeded));
    }
    // A rollback is told in lines of their own: last phase, last operation, code and extension.
    if let Some(code) = text.strip_prefix("Error = ") {
        let code = hex_code(code.strip_prefix("0x")?)?;
        return Some(UpdateStep::new(UpdateAction::Upgrade, UpdateEnd::of(code)));
    }
    let text = text.split_once("<FailureData>").map_or(text, |(_, said)| said);
    let said = text.strip_prefix("Error: SetupDiag reports ")?;
    let code = said
        .rsplit_once("Error: ")
        .and_then(|(_, code)| code.starts_with("0x").then(|| hex_code(code)).flatten())
        .or_else(|| codes_in(said.as_bytes()).next().map(|found| found.code));
    let end = match code {
        Some(code) => match UpdateEnd::of(code) {
            UpdateEnd::Succeeded | UpdateEnd::Started => UpdateEnd::Failed(code),
            end => end,
        },
        None => UpdateEnd::Failed(Code(0)),
    };
    Some(UpdateStep::new(UpdateAction::Upgrade, end))
}
