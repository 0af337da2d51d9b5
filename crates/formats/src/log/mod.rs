//! Text logs of Windows servicing: CBS.log and dism.log, which share one record form.
//!
//! ```text
//! 2020-02-04 17:17:12, Error                 CBS    text [HRESULT = 0x800f0820 - CBS_E_CANCEL]
//! ```
//!
//! A file may mix both (`dism /LogPath` writes CBS records too), so the component of each record
//! decides, never the name of the file.

mod decode;
mod line;
mod records;
mod servicing;

pub use decode::{Decoder, Encoding};
pub use line::{CsiStamp, Header, Level, LocalTime, csi_sequence, csi_stamp, header};
pub use records::{Record, Records, count_lines, line_around, line_at, records, without_mark};
pub use servicing::{Statement, SystemFileCheck, clean_string, statement};

/// What a text file was recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogKind {
    /// Component-Based Servicing: CBS.log, CbsPersist_*.log, extracts of them.
    Cbs,
    /// Deployment Image Servicing and Management: dism.log, or a file that mixes both.
    Dism,
    /// Windows Setup (setupact.log, setuperr.log): the same record form, other components.
    Setup,
    /// WindowsUpdate.log, old or new form.
    WindowsUpdate,
    /// ReportingEvents.log.
    ReportingEvents,
}

impl LogKind {
    /// The name used in reports and rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LogKind::Cbs => "cbs",
            LogKind::Dism => "dism",
            LogKind::Setup => "setup",
            LogKind::WindowsUpdate => "windows_update",
            LogKind::ReportingEvents => "reporting_events",
        }
    }
}

/// How many lines of a file are looked at to recognise it.
const LINES_LOOKED_AT: usize = 400;

/// Recognises a log by its first decoded bytes; `None` is "not a log known here".
///
/// One record is enough when it is unmistakable, because excerpts are short; lines of other forms
/// around it (a pasted thread, a banner) do not matter.
#[must_use]
pub fn recognise(head: &[u8]) -> Option<LogKind> {
    let (mut cbs, mut dism, mut setup, mut update, mut reporting) = (0, 0, 0, 0, 0);
    for line in head.split(|&b| b == b'\n' || b == b'\r').take(LINES_LOOKED_AT) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if let Some(header) = header(line) {
            match header.component {
                b"CBS" | b"CSI" | b"SXS" | b"DPX" | b"DEPLOY" | b"UpdateAgent" => cbs += 1,
                b"" if header.text_at >= 50 => cbs += 1,
                b"DISM" => dism += 1,
                b"MOUPG" | b"SP" | b"CONX" | b"MIG" | b"IBS" | b"IBSLIB" | b"PANTHR" | b"DIAG"
                | b"SYSPRP" | b"UI" | b"WinPE" => setup += 1,
                _ => {}
            }
            continue;
        }
        if is_windows_update_line(line) {
            update += 1;
        } else if is_reporting_events_line(line) {
            reporting += 1;
        }
    }
    let most = [cbs, dism, setup, update, reporting].into_iter().max().unwrap_or(0);
    match most {
        0 => None,
        // Setup logs embed records of CBS and DISM; their own components never stand elsewhere.
        _ if setup > 0 && setup * 20 >= most => Some(LogKind::Setup),
        _ if dism > 0 && dism * 10 >= cbs && cbs.max(dism) == most => Some(LogKind::Dism),
        _ if cbs == most => Some(LogKind::Cbs),
        _ if update == most => Some(LogKind::WindowsUpdate),
        _ => Some(LogKind::ReportingEvents),
    }
}

/// Old: `2021-08-28<TAB>03:07:48:216<TAB>…`; new: `2025/03/17 15:43:15.1571414 18348 7716  Misc`.
fn is_windows_update_line(line: &[u8]) -> bool {
    let old = line.len() > 23 && line[10] == b'\t' && line[13] == b':' && line[19] == b':';
    let new = line.len() > 40
        && line[..4].iter().all(u8::is_ascii_digit)
        && line[10] == b' '
        && line[19] == b'.'
        && line[20..27].iter().all(u8::is_ascii_digit)
        && line[27] == b' ';
    old || new
}

/// `{guid}<TAB>2023-06-17 20:20:23:087+0300<TAB>1<TAB>162 [AGENT_DOWNLOAD_SUCCEEDED]<TAB>…`.
fn is_reporting_events_line(line: &[u8]) -> bool {
    line.len() > 60 && line[0] == b'{' && line[37] == b'}' && line[38] == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_recognised_by_its_records() {
        let cbs = b"2020-02-03 23:50:28, Info                  CBS    Starting\r\n";
        let dism = b"2014-02-17 15:22:02, Info                  DISM   DISM.EXE: <-----\n";
        let setup = b"2022-07-06 08:18:24, Error                 SP     Operation failed\r\n";
        let new = b"2025/03/17 15:43:15.1571414 18348 7716  Misc            text\r\n";
        let old = b"2021-08-28\t03:07:48:216\t 648\t13bc\tReport\ttext\r\n";
        assert_eq!(recognise(cbs), Some(LogKind::Cbs));
        assert_eq!(recognise(dism), Some(LogKind::Dism));
        assert_eq!(recognise(setup), Some(LogKind::Setup));
        assert_eq!(recognise(new), Some(LogKind::WindowsUpdate));
        assert_eq!(recognise(old), Some(LogKind::WindowsUpdate));
        assert_eq!(recognise(b"MZ\x90\0\x03\0\0"), None);
        assert_eq!(recognise(b""), None);
    }

    #[test]
    fn records_without_a_component_are_still_cbs() {
        let head = b"2025-04-26 05:21:00, Info                         Loading database: x\r\n";
        assert_eq!(recognise(head), Some(LogKind::Cbs));
    }
}
