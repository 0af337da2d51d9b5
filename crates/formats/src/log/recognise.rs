//! Tells what a text file is by its first lines.

use super::kind::LogKind;
use super::line::{Level, header};
use super::{
    azure, checksur, config_manager, event_text, events, poqexec, reporting_events, setup,
    setup_diag, setupapi, windows_update,
};

/// How many lines of a file are looked at to recognise it.
const LINES_LOOKED_AT: usize = 400;

/// Components of the update agent in the new form; the old form is unmistakable by itself.
const AGENT_COMPONENTS: &[&[u8]] = &[
    b"Agent",
    b"AU",
    b"ComApi",
    b"COMAPI",
    b"DownloadManager",
    b"DnldMgr",
    b"SLS",
    b"Handler",
    b"UDP",
    b"IdleTimer",
    b"Misc",
    b"ProtocolTalker",
    b"PT",
    b"Driver",
    b"Metadata",
    b"DataStore",
    b"DtaStor",
    b"WIL",
    b"Shared",
    b"EEHandler",
    b"EEHndlr",
    b"Deployment",
    b"Api",
    b"WebServices",
    b"Setup",
    b"Reporter",
    b"Report",
    b"Service",
    b"SelfUpd",
    b"SelfUpdate",
    b"Unknown(",
    b"OfflineSync",
    b"Inventory",
    b"EndpointProvider",
    b"CltUI",
    b"CDM",
    b"WuTask",
    b"Timer",
];

/// Recognises a log by its first decoded bytes; `None` is "not a log known here".
///
/// One record is enough when it is unmistakable, because excerpts are short; lines of other forms
/// around it (a pasted thread, a banner) do not matter.
#[must_use]
pub fn recognise(head: &[u8]) -> Option<LogKind> {
    let mut seen = Seen::default();
    let lines = head.split(|&b| b == b'\n' || b == b'\r').filter(|line| !line.is_empty());
    for line in lines.take(LINES_LOOKED_AT) {
        seen.look(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line));
    }
    seen.kind()
        .or_else(|| event_text::is_export(head).then_some(LogKind::EventText))
        .or_else(|| seen.console.is_system_file_checker().then_some(LogKind::SfcConsole))
}

/// How many lines of each kind were seen.
#[derive(Debug, Default)]
struct Seen {
    cbs: usize,
    dism: usize,
    setup: usize,
    /// Records of the servicing form that name nobody.
    nameless: usize,
    /// Those of them that are no remarks.
    nameless_loud: usize,
    others: [usize; LogKind::ALL.len()],
    console: Console,
}

impl Seen {
    fn look(&mut self, line: &[u8]) {
        if let Some(head) = header(line) {
            match setup::head(line).map_or(head.component, |head| head.component) {
                b"CBS" | b"CSI" | b"SXS" | b"DPX" | b"DEPLOY" | b"UpdateAgent" => self.cbs += 1,
                b"DISM" => self.dism += 1,
                b"" if head.text_at >= 50 && line[head.text_at..].starts_with(b"[") => {
                    // `[windeploy.exe] text`: programs of setup name themselves so.
                    self.setup += usize::from(names_program(&line[head.text_at..]));
                    self.nameless += 1;
                }
                b"" if head.text_at >= 50 => {
                    self.nameless += 1;
                    self.nameless_loud += usize::from(head.level != Level::Info);
                }
                component if setup::is_own(component) => self.setup += 1,
                _ => {}
            }
            return;
        }
        if let Some(kind) = kind_of_line(line) {
            self.others[kind as usize] += 1;
            return;
        }
        self.console.look(line);
    }

    fn kind(&self) -> Option<LogKind> {
        let servicing = self.cbs + self.nameless;
        let best = LogKind::ALL.into_iter().max_by_key(|&kind| self.others[kind as usize])?;
        let most_other = self.others[best as usize];
        let most = servicing.max(self.dism).max(self.setup).max(most_other);
        if most == 0 {
            return None;
        }
        // Setup logs embed records of CBS and DISM; their own components never stand elsewhere.
        let foreign = self.cbs.max(self.dism).max(most_other);
        if self.setup > 0 && self.setup * 20 >= foreign {
            return Some(LogKind::Setup);
        }
        // setuperr.log alone holds nothing but errors that name nobody.
        if foreign == 0 && self.nameless_loud == self.nameless {
            return Some(LogKind::Setup);
        }
        if self.dism > 0 && self.dism * 10 >= servicing && servicing.max(self.dism) == most {
            return Some(LogKind::Dism);
        }
        if servicing == most {
            return Some(LogKind::Cbs);
        }
        Some(best)
    }
}

/// What a line that is no servicing record is, when it is unmistakable.
fn kind_of_line(line: &[u8]) -> Option<LogKind> {
    let first = *line.first()?;
    match first {
        b'{' => reporting_events::head(line).map(|_| LogKind::ReportingEvents),
        b'<' | b'>' | b'[' => {
            if config_manager::is_record(line) {
                Some(LogKind::ConfigMgr)
            } else if setupapi::is_mark(line) {
                Some(LogKind::SetupApi)
            } else if azure::is_record(line) {
                Some(LogKind::AzureExtension)
            } else {
                setup_diag::is_mark(line).then_some(LogKind::SetupDiag)
            }
        }
        b'0'..=b'9' | b'a'..=b'f' => dated(line),
        b' ' | b'\t' if setupapi::is_mark(line) => Some(LogKind::SetupApi),
        b'C' if checksur::is_mark(line) => Some(LogKind::CheckSur),
        _ if setup_diag::is_mark(line) => Some(LogKind::SetupDiag),
        _ => config_manager::is_record(line).then_some(LogKind::ConfigMgr),
    }
}

fn dated(line: &[u8]) -> Option<LogKind> {
    if let Some(head) = windows_update::head(line) {
        return AGENT_COMPONENTS.contains(&head.component).then_some(LogKind::WindowsUpdate);
    }
    if events::head(line).is_some() {
        return Some(LogKind::Events);
    }
    if azure::is_record(line) {
        return Some(LogKind::AzureExtension);
    }
    poqexec::head(line).map(|_| LogKind::PoqExec)
}

/// Whether the text begins like `[windeploy.exe] `.
fn names_program(text: &[u8]) -> bool {
    let end = text.iter().take(40).position(|&b| b == b']');
    end.is_some_and(|end| text[..end].to_ascii_lowercase().ends_with(b".exe"))
}

/// Signs of what sfc writes to the console, whose sentences are in the language of the PC.
#[derive(Debug, Default)]
struct Console {
    english: bool,
    names_log: bool,
    percents: usize,
}

impl Console {
    fn look(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        self.english |= line.starts_with(b"Windows Resource Protection ");
        self.names_log |= memchr::memmem::find(line, br"\CBS.log").is_some()
            || memchr::memmem::find(line, br"\CBS\CBS.log").is_some();
        self.percents += usize::from(is_percent(line));
    }

    fn is_system_file_checker(&self) -> bool {
        self.english && (self.percents > 0 || self.names_log)
            || self.names_log && self.percents >= 5
    }
}

/// `Verification 42% complete.` in any language: one number with a percent sign in a short line.
fn is_percent(line: &[u8]) -> bool {
    let signs = line.iter().filter(|&&b| b == b'%').count();
    let digits = line.iter().filter(|b| b.is_ascii_digit()).count();
    line.len() <= 120 && signs == 1 && (1..=3).contains(&digits) && !line.contains(&b'\\')
}
