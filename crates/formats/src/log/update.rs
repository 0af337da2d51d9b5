//! A step in the life of an update, as the logs of the update agent and of setup tell it.

use crate::code::Code;

/// What was done to an update, and how it ended.
///
/// Where a log tells an update in several lines, each step has only what its own line says: an
/// empty text is "not said here".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateStep<'a> {
    /// What was done.
    pub action: UpdateAction,
    /// How far it came.
    pub end: UpdateEnd,
    /// Title, device or package; the identifier of the update where the line knows no title.
    pub update: &'a str,
    /// Identifier of the update, a GUID without braces and revision; of a scan that of the service
    /// it asks. A start with an identifier may follow the start that has none.
    pub id: &'a str,
    /// Who asked for it, such as `MoUpdateOrchestrator`.
    pub client: &'a str,
    /// Where setup was, the second half of a [`crate::code::SetupCode`]; 0 is not said here.
    pub extend: u32,
}

/// What is done to an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UpdateAction {
    /// The server is asked for updates.
    Scan,
    /// The files of an update are brought.
    Download,
    /// An update is installed, or what a restart left of it is completed.
    Install,
    /// An update is removed or taken back.
    Uninstall,
    /// Windows setup brings the PC to another version.
    Upgrade,
    /// A driver is installed for a device, or a driver package is brought into the store.
    DriverInstall,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateEnd {
    /// It began.
    Started,
    /// What began asks no server: it looks through what is known already, and proves nothing of the
    /// way to the server.
    Offline,
    /// It is complete.
    Succeeded,
    /// It failed; the code is 0 where the line tells none.
    Failed(Code),
    /// It is complete but for a restart.
    NeedsRestart,
    /// Its caller, the user or another program broke it off.
    Cancelled(Code),
}

/// What a log tells of an update beside its steps: which title belongs to which identifier.
///
/// Some logs tell the two in lines behind each other: the identifier behind the title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedUpdate<'a> {
    /// Title, mostly with the KB; empty where the line has only the identifier.
    pub title: &'a str,
    /// GUID without braces and revision; empty where the line has only the title.
    pub id: &'a str,
}

/// Codes that say that somebody broke an operation off: `WU_E_CALL_CANCELLED`, `ERROR_CANCELLED`,
/// `ERROR_REQUEST_ABORTED`, `ERROR_OPERATION_ABORTED`, `E_ABORT`, `CBS_E_CANCEL`, and
/// `WU_E_CALL_CANCELLED_BY_POLICY`.
const CANCELLED: [u32; 7] =
    [0x8024_000B, 0x8007_04C7, 0x8007_04D3, 0x8007_03E3, 0x8000_4004, 0x800F_0820, 0x8024_002F];

/// Values that say that an update waits for a restart: `WU_S_REBOOT_REQUIRED`,
/// `WU_E_UH_POSTREBOOTSTILLPENDING` and the successes of Win32 that ask for a restart.
const RESTART: [u32; 4] = [0x0024_0005, 0x8024_2014, 0x8007_0BC2, 0x8007_0BC3];

impl UpdateEnd {
    /// How a step ended that gave `code`.
    #[must_use]
    pub fn of(code: Code) -> UpdateEnd {
        let canonical = code.canonical();
        if CANCELLED.contains(&canonical.0) {
            UpdateEnd::Cancelled(code)
        } else if RESTART.contains(&canonical.0) || RESTART.contains(&code.0) {
            UpdateEnd::NeedsRestart
        } else if code.means_failure() {
            UpdateEnd::Failed(code)
        } else {
            UpdateEnd::Succeeded
        }
    }
}

impl<'a> UpdateStep<'a> {
    /// A step of which only the action and the end are known yet.
    pub(super) fn new(action: UpdateAction, end: UpdateEnd) -> Self {
        UpdateStep { action, end, update: "", id: "", client: "", extend: 0 }
    }

    /// The same step with its update; `title` may be empty.
    pub(super) fn about(self, title: &'a str, id: &'a str) -> Self {
        let id = bare_guid(id);
        UpdateStep { update: if title.is_empty() { id } else { title }, id, ..self }
    }

    /// The same step with who asked for it.
    pub(super) fn asked_by(self, client: &'a str) -> Self {
        UpdateStep { client: client.trim(), ..self }
    }
}

/// The GUID in `{GUID}.200`, `GUID.1` or `GUID`; empty where there is none, or only zeros.
pub(super) fn bare_guid(text: &str) -> &str {
    let text = text.trim_start_matches('{');
    let Some(guid) = text.get(..36) else { return "" };
    let is_guid = guid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let is_given = guid.bytes().any(|byte| !matches!(byte, b'0' | b'-'));
    if is_guid && is_given { guid } else { "" }
}

/// The code in up to eight hexadecimal digits at the start of `text`, with or without `0x`.
pub(super) fn hex_code(text: &str) -> Option<Code> {
    let text = text.trim_start();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let length = text.bytes().take(9).take_while(u8::is_ascii_hexdigit).count();
    if !(1..=8).contains(&length) {
        return None;
    }
    u32::from_str_radix(&text[..length], 16).ok().map(Code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_how_a_step_ended() {
        let of = |code| UpdateEnd::of(Code(code));
        assert_eq!(of(0), UpdateEnd::Succeeded);
        assert_eq!(of(0x0024_0006), UpdateEnd::Succeeded);
        assert_eq!(of(0x0024_0005), UpdateEnd::NeedsRestart);
        assert_eq!(of(0x8024_2014), UpdateEnd::NeedsRestart);
        assert_eq!(of(0xBC2), UpdateEnd::NeedsRestart);
        assert_eq!(of(0x8024_000B), UpdateEnd::Cancelled(Code(0x8024_000B)));
        assert_eq!(of(0x8007_04C7), UpdateEnd::Cancelled(Code(0x8007_04C7)));
        assert_eq!(of(0x8007_0020), UpdateEnd::Failed(Code(0x8007_0020)));
    }

    #[test]
    fn a_guid_loses_its_braces_and_revision() {
        let guid = "E3766677-0000-4000-8000-00000000000A";
        for text in [format!("{{{guid}}}.200"), format!("{guid}.1, hr"), guid.to_owned()] {
            assert_eq!(bare_guid(&text), guid);
        }
        assert_eq!(bare_guid("{00000000-0000-0000-0000-000000000000}.0"), "");
        assert_eq!(bare_guid("é"), "");
    }
}
