//! What the agent offers and how it ends, as a file says; it remembers there what was installed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;

use windows::Win32::System::SystemInformation::GetLocalTime;

/// Where all of it lies.
const FOLDER: &str = r"C:\lab";
/// Taken by whoever reads or writes the file.
static FILE: Mutex<()> = Mutex::new(());

/// One update of the script.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kb: String,
    fields: BTreeMap<String, String>,
}

impl Entry {
    /// What the script says under this name; empty if nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    pub(crate) fn number(&self, name: &str, otherwise: u32) -> u32 {
        let text = self.text(name);
        match text.strip_prefix("0x") {
            Some(text) => u32::from_str_radix(text, 16).unwrap_or(otherwise),
            None => text.parse().unwrap_or(otherwise),
        }
    }

    /// The name people see.
    pub(crate) fn title(&self) -> String {
        match self.text("title") {
            "" => format!("2026-11 Cumulative Update ({})", self.kb),
            title => title.to_owned(),
        }
    }

    /// Its identity.
    pub(crate) fn id(&self) -> String {
        format!("5ca1ab1e-0000-4000-8000-{:0>12}", self.kb.trim_start_matches("KB"))
    }

    /// The code its installation ends with: that of the script, or that of the file somebody holds.
    pub(crate) fn code(&self) -> u32 {
        match self.text("held") {
            "" => self.number("code", 0),
            held => held_code(held).unwrap_or(self.number("code", 0)),
        }
    }
}

/// All updates of the script.
pub(crate) fn all() -> Vec<Entry> {
    let _file = FILE.lock();
    read()
}

/// Changes one thing about an update.
pub(crate) fn set(kb: &str, name: &str, value: &str) {
    let _file = FILE.lock();
    let mut text = String::new();
    for mut entry in read() {
        if entry.kb == kb {
            entry.fields.insert(name.to_owned(), value.to_owned());
        }
        text.push_str(&format!("[{}]\n", entry.kb));
        for (name, value) in &entry.fields {
            text.push_str(&format!("{name} = {value}\n"));
        }
    }
    let _ = fs::write(path("update_agent.txt"), text);
}

/// Writes down what was asked for.
pub(crate) fn note(what: &str) {
    let log = OpenOptions::new().append(true).create(true).open(path("update_agent.log"));
    if let Ok(mut log) = log {
        let _ = log.write_all(format!("{what}\n").as_bytes());
    }
}

/// Writes to CBS.log what servicing writes when it installs.
pub(crate) fn write_servicing_log(entry: &Entry, code: u32) {
    let log = entry.text("log");
    if log.is_empty() {
        return;
    }
    let now = now();
    let name = match code {
        0 => "S_OK",
        0x8007_0020 => "ERROR_SHARING_VIOLATION",
        0x8007_0021 => "ERROR_LOCK_VIOLATION",
        _ => "E_FAIL",
    };
    let ended = format!("[HRESULT = 0x{code:08x} - {name}]");
    let package = format!("Package_for_{}~31bf3856ad364e35~amd64~~1.0", entry.kb);
    let session = format!("31199999_{}", now.replace(|it: char| !it.is_ascii_digit(), ""));
    let line =
        |part: &str, text: &str| format!("{now}, Info                  {part}    {text}\r\n");
    let mut text = line(
        "CBS",
        &format!(
            "Session: {session} initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)"
        ),
    );
    text += &line(
        "CBS",
        &format!(
            "Exec: Processing started.  Client: WindowsUpdateAgent, Session: {session}, Package: {package}, Identifier: {}",
            entry.kb
        ),
    );
    if code != 0 {
        let status = if code == 0x8007_0020 { "SHARING_VIOLATION" } else { "FILE_LOCK_CONFLICT" };
        text += &line(
            "CSI",
            &format!(
                "00000001@2026/11/23:10:00:00.000 Error STATUS_{status} while executing operation CreateFile on [l:9]'{}'",
                entry.text("held")
            ),
        );
    }
    text += &line(
        "CBS",
        &format!(
            "Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: {} {ended}",
            entry.kb
        ),
    );
    text += &line("CBS", &format!("Session: {session} finalized. Reboot required: no {ended}"));
    let log = OpenOptions::new().append(true).create(true).open(log);
    let _ = log.and_then(|mut log| log.write_all(text.as_bytes()));
}

fn read() -> Vec<Entry> {
    let text = fs::read_to_string(path("update_agent.txt")).unwrap_or_default();
    let mut all: Vec<Entry> = Vec::new();
    for line in text.lines() {
        if let Some(kb) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            all.push(Entry { kb: kb.to_owned(), fields: BTreeMap::new() });
        } else if let (Some((name, value)), Some(entry)) = (line.split_once('='), all.last_mut()) {
            entry.fields.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    all
}

/// With which code an installation fails that needs a file, if somebody holds it.
fn held_code(path: &str) -> Option<u32> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let code = match opened {
        Ok(file) => lock_code(&file)?,
        // What is not there is made anew.
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => error.raw_os_error()?.cast_unsigned(),
    };
    Some(0x8007_0000 | code)
}

fn lock_code(file: &File) -> Option<u32> {
    const ERROR_LOCK_VIOLATION: u32 = 33;
    match file.try_lock() {
        Ok(()) => None,
        Err(TryLockError::WouldBlock) => Some(ERROR_LOCK_VIOLATION),
        Err(TryLockError::Error(error)) => error.raw_os_error().map(i32::cast_unsigned),
    }
}

fn now() -> String {
    // SAFETY: takes nothing, gives a plain structure.
    let now = unsafe { GetLocalTime() };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        now.wYear, now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond
    )
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(name)
}
