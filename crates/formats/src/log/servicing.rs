//! What a record of CBS or DISM says, as far as its wording is known.
//!
//! The wording is not localised; it changed between Windows 7 and 11 in the ways shown in the
//! tests. A record that says nothing known is `None`, never an error.

use super::update::UpdateStep;
use crate::code::Code;

/// A known statement of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement<'a> {
    /// A client opened a session with the servicing stack.
    SessionOpened {
        /// Such as `31069300_2212357542`: the halves of its start as a FILETIME.
        session: &'a str,
        /// Who asked, such as `WindowsUpdateAgent`.
        client: &'a str,
    },
    /// Work of a session began; the package and the KB are empty when it has none.
    ExecStarted {
        /// The session.
        session: &'a str,
        /// Who asked.
        client: &'a str,
        /// Full package identity.
        package: &'a str,
        /// Such as `KB5034441`.
        identifier: &'a str,
        /// Whether the work is a check or repair of the component store.
        store_repair: bool,
    },
    /// Work of a session ended with this code.
    ExecCompleted {
        /// The session.
        session: &'a str,
        /// Full package identity; empty for a store repair.
        package: &'a str,
        /// Such as `KB5034441`.
        identifier: &'a str,
        /// Whether the work was a check or repair of the component store.
        store_repair: bool,
        /// How it ended.
        code: Code,
    },
    /// A session could not do what it was asked for.
    SessionFailed {
        /// The session.
        session: &'a str,
        /// Why.
        code: Code,
    },
    /// A session ended. An asynchronous one ends while its work still runs.
    SessionFinalized {
        /// The session.
        session: &'a str,
        /// Whether its work goes on behind it.
        asynchronous: bool,
        /// Whether Windows must restart before the change is complete.
        reboot_required: bool,
        /// How it ended.
        code: Code,
    },
    /// A failure is handed to error reporting: the compact record of what failed.
    FailureReport {
        /// Full package identity.
        package: &'a str,
        /// Why.
        code: Code,
        /// Who asked.
        client: &'a str,
    },
    /// A package reached, or missed, its new state.
    PackageChanged {
        /// Full package identity.
        package: &'a str,
        /// How.
        code: Code,
    },
    /// The capabilities a session was about, such as `Language.Basic~fa-ir~1.0`.
    CapabilitySession {
        /// Names, divided by `;`.
        capabilities: &'a str,
        /// How it ended.
        code: Code,
    },
    /// The component store was searched; this many components are damaged.
    CorruptionsCounted(u64),
    /// A row of the System Update Readiness report.
    ReadinessRow {
        /// Such as `CSI Payload Corrupt`.
        problem: &'a str,
        /// Component and file, or package.
        object: &'a str,
        /// Whether it was put right.
        fixed: bool,
    },
    /// What the System Update Readiness run was asked for.
    ReadinessOperation {
        /// Repair, not only detection.
        repair: bool,
    },
    /// How the System Update Readiness run ended.
    ReadinessResult(Code),
    /// Total of damage found, as the report counts it; the parts are not added up.
    ReadinessDetected(u64),
    /// Total of damage repaired, as the report counts it.
    ReadinessRepaired(u64),
    /// The report is complete.
    ReadinessEnded,
    /// A record of the System File Checker.
    SystemFileCheck {
        /// Its number since the servicing stack was loaded.
        sequence: u32,
        /// What it says.
        record: SystemFileCheck<'a>,
    },
    /// The servicing service woke up; `TI: Last boot time` follows.
    ServiceStarted,
    /// Work left for after the restart ended with this code.
    StartupCompleted(Code),
    /// One package's work left for after the restart ended with this code.
    StartupPackage {
        /// Full package identity.
        package: &'a str,
        /// How.
        code: Code,
    },
    /// The servicing stack was loaded; its version tells the build.
    StackLoaded {
        /// Such as `10.0.19041.1220`.
        version: &'a str,
    },
    /// DISM began.
    DismStarted {
        /// Called by a program through its interface, not from a command line.
        by_program: bool,
    },
    /// DISM was called like this.
    DismCommand(&'a str),
    /// DISM says that its command failed.
    DismFailed(Code),
    /// A call of the interface of DISM failed; only an error-level record means it.
    DismCallFailed(Code),
    /// DISM did not understand its command: a typing error, nothing is wrong with the PC.
    DismMisused,
    /// DISM, or a program using its interface, ended.
    DismEnded,
    /// A step in the life of an update, from another log than those of servicing.
    Update(UpdateStep<'a>),
}

/// What the System File Checker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFileCheck<'a> {
    /// A batch of components is looked at.
    Verifying,
    /// A file is damaged and there was nothing to repair it with.
    CannotRepair {
        /// Its name as the component lists it.
        file: &'a str,
        /// The component.
        component: &'a str,
        /// Such as `hash mismatch` or `file is missing`.
        why: &'a str,
    },
    /// A file was put right.
    Repaired {
        /// Path or name.
        file: &'a str,
    },
    /// A file of the running system is damaged and so is its source.
    SourceDamaged {
        /// Path or name.
        file: &'a str,
    },
    /// Some of the files to repair are in use.
    InUse,
    /// A repair ended; what it says of success is also said when files stayed damaged.
    Completed,
    /// Any other record of it.
    Other,
}

/// Reads what `text`, the text of a record of `component`, says; `first_line` only.
#[must_use]
pub fn statement<'a>(component: &[u8], text: &'a str) -> Option<Statement<'a>> {
    match component {
        b"CSI" => csi(text),
        b"DISM" => dism(text),
        // The rows of an old readiness report are continuation lines: no component.
        b"CBS" | b"" => cbs(text),
        _ => None,
    }
}

fn cbs(text: &str) -> Option<Statement<'_>> {
    // The readiness report first: its lines begin with a tab or a capital letter of their own.
    if let Some(row) = text.strip_prefix("(p)").or_else(|| text.strip_prefix("(f)")) {
        return row.starts_with(['\t', ' ']).then(|| readiness_row(row.trim_start()));
    }
    let first = *text.as_bytes().first()?;
    match first {
        b'S' => session(text).or_else(|| startup(text)),
        b'A' => {
            let rest = text.strip_prefix("Asynchronous Session: ")?;
            finalized(rest, true)
        }
        b'E' => exec(text.strip_prefix("Exec: ")?),
        b'O' => readiness_operation(text),
        b'T' => total(text),
        b'W' => failure_report(text),
        b'R' => reporting(text),
        b'L' => loaded(text),
        _ => None,
    }
}

fn session(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("Session: ")?;
    if let Some((session, client)) = rest.split_once(" initialized by client ") {
        let client = client.split(", external ").next().unwrap_or(client);
        return Some(Statement::SessionOpened { session, client: client.trim_end_matches('.') });
    }
    if let Some((session, tail)) = rest.split_once(" failed to perform ") {
        return Some(Statement::SessionFailed { session, code: hresult(tail)? });
    }
    finalized(rest, false)
}

fn finalized(rest: &str, asynchronous: bool) -> Option<Statement<'_>> {
    let (session, tail) = rest.split_once(" finalized.")?;
    let reboot_required = tail.contains("Reboot required: yes");
    Some(Statement::SessionFinalized {
        session,
        asynchronous,
        reboot_required,
        code: hresult(tail)?,
    })
}

fn exec(rest: &str) -> Option<Statement<'_>> {
    if let Some(tail) = rest.strip_prefix("Processing complete") {
        // `, session(Corruption Repairing): id [HRESULT…]` or `.  Session: id, Package: …`.
        if let Some((_, after)) = tail.split_once("session(") {
            let (_, after) = after.split_once("): ")?;
            let session = after.split(' ').next()?;
            return Some(Statement::ExecCompleted {
                session,
                package: "",
                identifier: "",
                store_repair: true,
                code: hresult(after)?,
            });
        }
        return Some(Statement::ExecCompleted {
            session: field(tail, "Session: ")?,
            package: field(tail, "Package: ").unwrap_or(""),
            identifier: field(tail, "Identifier: ").unwrap_or(""),
            store_repair: false,
            code: hresult(tail)?,
        });
    }
    if let Some(tail) = rest.strip_prefix("Session processing started.") {
        let (_, after) = tail.split_once("Session(")?;
        let (_, session) = after.split_once("): ")?;
        return Some(Statement::ExecStarted {
            session: session.trim(),
            client: field(tail, "Client: ")?,
            package: "",
            identifier: "",
            store_repair: true,
        });
    }
    let tail = rest.strip_prefix("Processing started.")?;
    Some(Statement::ExecStarted {
        session: field(tail, "Session: ")?,
        client: field(tail, "Client: ").unwrap_or(""),
        package: field(tail, "Package: ").unwrap_or(""),
        identifier: field(tail, "Identifier: ").unwrap_or(""),
        store_repair: false,
    })
}

fn startup(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("Startup: ")?;
    if let Some(tail) = rest.strip_prefix("Processing complete.") {
        return Some(Statement::StartupCompleted(hresult(tail)?));
    }
    let package = field(rest, "Package: ")?;
    let (package, tail) = match package.split_once(" completed startup processing") {
        Some((package, _)) => (package, rest),
        None => return None,
    };
    let (_, hr) = tail.rsplit_once("hr = ")?;
    Some(Statement::StartupPackage { package, code: hex(hr)? })
}

fn failure_report(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("WER: Generating failure report for package: ")?;
    Some(Statement::FailureReport {
        package: rest.split(", status: ").next()?,
        code: hex(rest.split_once("status: ")?.1)?,
        client: field(rest, "client id: ").unwrap_or(""),
    })
}

fn reporting(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("Reporting ")?;
    if let Some(tail) = rest.strip_prefix("package change ") {
        let package = field(tail, "package: ")?;
        return Some(Statement::PackageChanged {
            package,
            code: hex(tail.split_once("status: ")?.1)?,
        });
    }
    let tail = rest.strip_prefix("capability session finalize status: ")?;
    Some(Statement::CapabilitySession {
        capabilities: field(tail, "capabilities: ").unwrap_or(""),
        code: hex(tail)?,
    })
}

fn loaded(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("Loaded Servicing Stack v")?;
    Some(Statement::StackLoaded { version: rest.split(' ').next()? })
}

/// `CSI Payload Corrupt<TAB>(w)<TAB>(Fixed)<TAB>component\file`, with any of the marks absent.
pub(super) fn readiness_row(row: &str) -> Statement<'_> {
    if !row.contains('\t') {
        return pasted_row(row);
    }
    let mut cells = row.split('\t');
    let problem = cells.next().unwrap_or("").trim();
    let mut fixed = false;
    let mut object = "";
    for cell in cells.map(str::trim).filter(|cell| !cell.is_empty()) {
        match cell {
            "(Fixed)" | "(fix)" => fixed = true,
            _ if cell.starts_with('(') && cell.len() <= 4 => {}
            // Rows of Windows 7 carry a code, then file and component.
            _ if cell.starts_with("0x") => {}
            _ if object.is_empty() => object = cell,
            _ => {}
        }
    }
    Statement::ReadinessRow { problem, object, fixed }
}

/// The same row after it was pasted somewhere that turned its tabs into blanks.
fn pasted_row(row: &str) -> Statement<'_> {
    let row = row.trim_end();
    let (before, object) = row.rsplit_once(' ').unwrap_or((row, ""));
    let problem = before.split('(').next().unwrap_or(before).trim();
    let fixed = before.contains("(Fixed)") || before.contains("(fix)");
    Statement::ReadinessRow { problem, object, fixed }
}

fn readiness_operation(text: &str) -> Option<Statement<'_>> {
    if let Some(tail) = text.strip_prefix("Operation result: ") {
        return Some(Statement::ReadinessResult(hex(tail)?));
    }
    let tail = text.strip_prefix("Operation: Detect")?;
    Some(Statement::ReadinessOperation { repair: tail.contains("Repair") })
}

fn total(text: &str) -> Option<Statement<'_>> {
    if text.starts_with("TI: --- Initializing Trusted Installer") {
        return Some(Statement::ServiceStarted);
    }
    let rest = text.strip_prefix("Total ")?;
    if rest.starts_with("Operation Time:") {
        return Some(Statement::ReadinessEnded);
    }
    let (which, number) = rest.split_once(" Corruption:")?;
    let number = number.trim().parse().ok()?;
    match which {
        "Detected" => Some(Statement::ReadinessDetected(number)),
        "Repaired" => Some(Statement::ReadinessRepaired(number)),
        _ => None,
    }
}

fn csi(text: &str) -> Option<Statement<'_>> {
    if let Some((_, sr)) = text.split_once("[SR] ") {
        let sequence = super::line::csi_sequence(text.as_bytes()).unwrap_or(0);
        return Some(Statement::SystemFileCheck { sequence, record: system_file_check(sr) });
    }
    let (_, tail) = text.split_once("numCorruptions = ")?;
    let digits = tail.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Statement::CorruptionsCounted(digits.parse().ok()?))
}

fn system_file_check(sr: &str) -> SystemFileCheck<'_> {
    let file_after = |prefix: &str| sr.strip_prefix(prefix).map(last_name);
    if sr.starts_with("Verifying ") || sr.starts_with("Beginning Verify") {
        return SystemFileCheck::Verifying;
    }
    if let Some(rest) = sr.strip_prefix("Cannot repair member file ") {
        let (file, rest) = rest.split_once(" of ").unwrap_or((rest, ""));
        let component = rest.split(',').next().unwrap_or("").trim();
        let why = rest.rsplit(',').next().unwrap_or("").trim();
        return SystemFileCheck::CannotRepair { file: clean_string(file), component, why };
    }
    if let Some(file) = file_after("Could not reproject corrupted file ") {
        return SystemFileCheck::SourceDamaged { file };
    }
    if sr.starts_with("Repairing ") || sr.starts_with("Repaired ") {
        let done = sr.contains(" from store") || sr.contains("by copying from backup");
        let (_, after) = sr.split_once("file ").unwrap_or(("", ""));
        return match done {
            true => SystemFileCheck::Repaired { file: last_name(after) },
            false => SystemFileCheck::Other,
        };
    }
    if sr.starts_with("Unable to complete") && sr.contains("in use") {
        return SystemFileCheck::InUse;
    }
    if sr.starts_with("Verify and Repair Transaction completed")
        || sr.starts_with("Repair complete")
    {
        return SystemFileCheck::Completed;
    }
    SystemFileCheck::Other
}

/// The file name in `[ml:60{30},l:58{29}]"\??\C:\Windows\System32"\[l:24{12}]"dnsapi.dll" from…`
/// or `\??\C:\Windows\System32\dnsapi.dll from store`.
fn last_name(text: &str) -> &str {
    let path = text.split(" from store").next().unwrap_or(text);
    let path = path.split(" by copying").next().unwrap_or(path);
    let path = path.split("; source").next().unwrap_or(path);
    clean_string(path.rsplit('\\').next().unwrap_or(path))
}

fn dism(text: &str) -> Option<Statement<'_>> {
    let rest = match text.strip_prefix("DISM.EXE: ") {
        Some(rest) => rest,
        None if text.contains("<----- Starting DismApi.dll session") => {
            return Some(Statement::DismStarted { by_program: true });
        }
        None if text.contains("<----- Ending DismApi.dll session") => {
            return Some(Statement::DismEnded);
        }
        None if text.starts_with("API: ") => {
            let code = hex(text.rsplit_once("(hr:")?.1)?;
            return code.means_failure().then_some(Statement::DismCallFailed(code));
        }
        None => return None,
    };
    if rest.starts_with("<----- Starting") {
        return Some(Statement::DismStarted { by_program: false });
    }
    if rest.starts_with("<----- Ending") {
        return Some(Statement::DismEnded);
    }
    if let Some(command) = rest.strip_prefix("Executing command line: ") {
        return Some(Statement::DismCommand(command.trim()));
    }
    if rest.starts_with("No providers were found that support the command")
        || rest.starts_with("Failed validating command line")
    {
        return Some(Statement::DismMisused);
    }
    let (_, code) = rest.rsplit_once("HRESULT=")?;
    let code = Code(u32::from_str_radix(code.trim().get(..8)?, 16).ok()?);
    code.is_failure().then_some(Statement::DismFailed(code))
}

/// The value behind `name`, up to the next `, ` or ` [`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    let end = rest.find(", ").into_iter().chain(rest.find(" [")).min().unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches('.').trim())
}

/// The code in `[HRESULT = 0x800f081f - CBS_E_SOURCE_MISSING]` at the end of a text.
fn hresult(text: &str) -> Option<Code> {
    let (_, rest) = text.rsplit_once("[HRESULT = ")?;
    hex(rest)
}

/// The code at the start of `0x800f081f…`.
fn hex(text: &str) -> Option<Code> {
    let digits = text.trim_start().strip_prefix("0x")?;
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    (1..=8).contains(&end).then(|| u32::from_str_radix(&digits[..end], 16).ok().map(Code))?
}

/// Takes the counts and quotes off a CSI string: `[l:36{18}]"a\b.dll"`, `[l:12]'a.dll'`,
/// `[120]"C:\x"`; what carries none is given back as it is.
#[must_use]
pub fn clean_string(text: &str) -> &str {
    let text = text.trim();
    let text = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((counts, rest)) if counts.bytes().any(|b| b.is_ascii_digit()) => rest,
        _ => text,
    };
    let unquoted = text
        .strip_prefix('"')
        .map(|rest| rest.split('"').next().unwrap_or(rest))
        .or_else(|| text.strip_prefix('\'').map(|rest| rest.split('\'').next().unwrap_or(rest)));
    unquoted.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(component: &str, text: &str) -> Statement<'static> {
        let text: &'static str = String::leak(text.to_owned());
        statement(component.as_bytes(), text).expect("the statement is known")
    }

    #[test]
    fn sessions_of_all_builds_name_their_client() {
        for text in [
            "Session: 30792633_1394979193 initialized by client DISM Package Manager Provider.",
            "Session: 30792633_1394979193 initialized by client DISM Package Manager Provider, \
             external staging directory: (null), external registry directory: (null)",
            "Session: 30792633_1394979193 initialized by client DISM Package Manager Provider",
        ] {
            let want = Statement::SessionOpened {
                session: "30792633_1394979193",
                client: "DISM Package Manager Provider",
            };
            assert_eq!(says("CBS", text), want);
        }
    }

    #[test]
    fn the_end_of_work_names_package_kb_and_code() {
        let text = "Exec: Processing complete.  Session: 3_2, Package: Package_for_KB1~31bf~amd64~~1.0, \
                    Identifier: KB1 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]";
        let want = Statement::ExecCompleted {
            session: "3_2",
            package: "Package_for_KB1~31bf~amd64~~1.0",
            identifier: "KB1",
            store_repair: false,
            code: Code(0x8007_0021),
        };
        assert_eq!(says("CBS", text), want);
        let text = "Exec: Processing complete, session(Corruption Repairing): 3_1 \
                    [HRESULT = 0x800f081f - CBS_E_SOURCE_MISSING]";
        let want = Statement::ExecCompleted {
            session: "3_1",
            package: "",
            identifier: "",
            store_repair: true,
            code: Code(0x800f_081f),
        };
        assert_eq!(says("CBS", text), want);
    }

    #[test]
    fn an_asynchronous_session_ends_before_its_work() {
        let text = "Asynchronous Session: 3_2 finalized. [HRESULT = 0x00000000 - S_OK]";
        let Statement::SessionFinalized { asynchronous, reboot_required, code, .. } =
            says("CBS", text)
        else {
            panic!("not the end of a session")
        };
        assert!(asynchronous && !reboot_required && code == Code(0));
    }

    #[test]
    fn readiness_rows_of_both_forms_are_read() {
        let row = |text| says("CBS", text);
        let fixed = Statement::ReadinessRow {
            problem: "CSI Payload Corrupt",
            object: r"amd64_a_1\Defender.psd1",
            fixed: true,
        };
        assert_eq!(row("(p)\tCSI Payload Corrupt\t(w)\t(Fixed)\tamd64_a_1\\Defender.psd1"), fixed);
        let open = Statement::ReadinessRow {
            problem: "CSI Payload Corrupt",
            object: r"amd64_a_1\b.dll",
            fixed: false,
        };
        assert_eq!(row("(p)\tCSI Payload Corrupt\t\t\tamd64_a_1\\b.dll"), open);
        assert_eq!(row("(p)\tCSI Payload Corrupt\t(n)\t\t\tamd64_a_1\\b.dll"), open);
        assert_eq!(row("(p) CSI Payload Corrupt (n)   amd64_a_1\\b.dll"), open);
        assert_eq!(row("(p)  CSI Payload Corrupt (w) (Fixed) amd64_a_1\\Defender.psd1"), fixed);
    }

    #[test]
    fn the_file_checker_of_old_and_new_builds_is_read() {
        let old = "000004f2 [SR] Cannot repair member file [l:36{18}]\"Amd64\\CNBJ2530.DPB\" of \
                   prncacla.inf, Version = 6.2.9200.16430, Culture neutral, hash mismatch";
        let want = SystemFileCheck::CannotRepair {
            file: r"Amd64\CNBJ2530.DPB",
            component: "prncacla.inf",
            why: "hash mismatch",
        };
        assert_eq!(says("CSI", old), Statement::SystemFileCheck { sequence: 0x4f2, record: want });
        for text in [
            r"000001b1 [SR] Repairing file \??\C:\WINDOWS\Modules\Appx\\Appx.psd1 from store",
            "000001b1 [SR] Repairing corrupted file [ml:60{30},l:58{29}]\"\\??\\C:\\WINDOWS\"\\[l:18{9}]\"Appx.psd1\" from store",
        ] {
            let want = SystemFileCheck::Repaired { file: "Appx.psd1" };
            let Statement::SystemFileCheck { record, .. } = says("CSI", text) else { panic!() };
            assert_eq!(record, want);
        }
        let text = "0000035e [SR] Could not reproject corrupted file \\??\\C:\\Windows\\System32\\\\a.dll; \
                    source file in store is also corrupted";
        let want = SystemFileCheck::SourceDamaged { file: "a.dll" };
        let Statement::SystemFileCheck { record, .. } = says("CSI", text) else { panic!() };
        assert_eq!(record, want);
    }

    #[test]
    fn dism_says_whether_its_command_failed() {
        let text = "DISM.EXE: DISM Unattend Manager processed the command line but failed. HRESULT=80004005";
        assert_eq!(says("DISM", text), Statement::DismFailed(Code(0x8000_4005)));
        let text =
            "DISM.EXE: No providers were found that support the command(add-feature). HRESULT=0";
        assert_eq!(says("DISM", text), Statement::DismMisused);
    }

    #[test]
    fn strings_lose_their_counts() {
        assert_eq!(clean_string(r#"[l:36{18}]"a\b.dll""#), r"a\b.dll");
        assert_eq!(clean_string(r"[l:126]'\SystemRoot\x.dll'"), r"\SystemRoot\x.dll");
        assert_eq!(clean_string(r#"[69]"\??\C:\x""#), r"\??\C:\x");
        assert_eq!(clean_string("plain.dll"), "plain.dll");
        assert_eq!(clean_string("[x"), "[x");
    }

    #[test]
    fn startup_work_ends_with_a_code() {
        let text =
            "Startup: Processing complete. [HRESULT = 0x80070bc2 - ERROR_SUCCESS_REBOOT_REQUIRED]";
        assert_eq!(says("CBS", text), Statement::StartupCompleted(Code(0x8007_0bc2)));
        let text = "Startup: Package: Package_for_KB1~31bf~amd64~~1.0 completed startup processing, \
                    new state: Installed, original: Staged, targeted: Installed. hr = 0x0";
        let want =
            Statement::StartupPackage { package: "Package_for_KB1~31bf~amd64~~1.0", code: Code(0) };
        assert_eq!(says("CBS", text), want);
    }
}
