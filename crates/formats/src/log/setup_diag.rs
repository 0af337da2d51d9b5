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
use crate::code::{Code, SetupCode, codes_in};

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
    // `SetupDiag: processing rule: FindSuccessfulUpgrade.` only says that it is tried.
    if text.contains("FindSuccessfulUpgrade") && !text.contains("processing rule") {
        return Some(UpdateStep::new(UpdateAction::Upgrade, UpdateEnd::Succeeded));
    }
    // A rollback is told in lines of their own: last phase, last operation, code and extension.
    if let Some(code) = text.strip_prefix("Error = ") {
        let extend = SetupCode::parse(code).map_or(0, |pair| pair.extend);
        let code = hex_code(code.strip_prefix("0x")?)?;
        let step = UpdateStep::new(UpdateAction::Upgrade, UpdateEnd::of(code));
        return Some(UpdateStep { extend, ..step });
    }
    // XML and JSON wrap it, and a rollback puts the pair of codes before it.
    let (_, said) = text.split_once("Error: SetupDiag reports ")?;
    let said = said.split_once("</").map_or(said, |(said, _)| said);
    let told = ["Error: ", "Error = "].into_iter().find_map(|mark| {
        let (_, code) = said.rsplit_once(mark)?;
        code.starts_with("0x").then_some(code)
    });
    let code = told
        .and_then(hex_code)
        .or_else(|| codes_in(text.as_bytes()).next().map(|found| found.code));
    let extend = told.and_then(SetupCode::parse).map_or(0, |pair| pair.extend);
    let end = match code {
        Some(code) => match UpdateEnd::of(code) {
            UpdateEnd::Succeeded | UpdateEnd::Started => UpdateEnd::Failed(code),
            end => end,
        },
        None => UpdateEnd::Failed(Code(0)),
    };
    Some(UpdateStep { extend, ..UpdateStep::new(UpdateAction::Upgrade, end) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_half_of_a_pair_is_kept() {
        for (line, extend) in [
            (
                "Error: SetupDiag reports x. Last Operation: y, Error: 0xC1900208 - 0x4000C",
                0x4_000C,
            ),
            ("Error = 0xC1900101-0x20017", 0x2_0017),
            (
                "<FailureData>0x80070032-0x20003 Error: SetupDiag reports x.Error = 0x80070032-0x20003</FailureData>",
                0x2_0003,
            ),
            ("Error: SetupDiag reports x, Error: 0x80070032", 0),
        ] {
            assert_eq!(step(line).map(|step| step.extend), Some(extend), "{line}");
        }
    }
}
