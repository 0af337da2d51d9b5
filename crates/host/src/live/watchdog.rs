//! The scheduled task of this PC that ends a repair which was cut off.
//!
//! What runs as the system must lie where nobody else can write: the program is copied beside the
//! journals first, wherever it was started from, and the task starts that copy.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan};
use windows::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND};
use windows::Win32::System::Registry::{KEY_QUERY_VALUE, KEY_SET_VALUE};
use windows::Win32::System::TaskScheduler::{
    ITaskFolder, ITaskService, TASK_CREATE_OR_UPDATE, TASK_LOGON_GROUP, TASK_LOGON_SERVICE_ACCOUNT,
    TASK_LOGON_TYPE, TaskScheduler,
};
use windows::Win32::System::Variant::VARIANT;
use windows::core::BSTR;

use super::com::{self, LIMIT};
use super::refusal::{is, refused};
use super::registry::OpenKey;
use super::state;
use super::watchdog_task::{
    ARGUMENTS, FOLDER, NAME, SIGN_IN_NAME, definition, does_its_work, sign_in_definition,
};
use crate::{Data, HostError, HostErrorKind, KeyPath, Result};

/// A repair that is not done after so many minutes may be dead.
const LATEST_MINUTES: i64 = 90;
/// What stands there is run once, when an administrator signs in, and is gone by then.
const RUN_ONCE: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce";
/// The asterisk lets it run in Safe Mode too (Microsoft, "Run and RunOnce Registry Keys").
const IN_SAFE_MODE: &str = "*unwedge";
const SUBJECT: &str = "the task that ends a repair which was cut off";

/// Registers the task anew.
pub(super) fn register() -> Result<()> {
    let program = copied()?;
    stand_by_in_safe_mode(&program)?;
    let at = Timestamp::now().checked_add(LATEST_MINUTES.minutes()).unwrap_or(Timestamp::MAX);
    let xml = definition(&program, &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let at_sign_in = sign_in_definition(&program);
    com::ask("register", SUBJECT, LIMIT, move || {
        let root = root()?;
        let folder = match folder(&root)? {
            Some(folder) => folder,
            None => {
                // SAFETY: the path and the empty value, the usual rights, live as long as the call.
                told(unsafe { root.CreateFolder(&BSTR::from(FOLDER), &VARIANT::default()) })?
            }
        };
        put(&folder, NAME, &xml, TASK_LOGON_SERVICE_ACCOUNT)?;
        // Whoever is not told still has the command line.
        let _ = put(&folder, SIGN_IN_NAME, &at_sign_in, TASK_LOGON_GROUP);
        Ok(())
    })
    .wait()
}

fn put(folder: &ITaskFolder, name: &str, xml: &str, logon: TASK_LOGON_TYPE) -> Result<()> {
    let (name, none) = (BSTR::from(name), VARIANT::default());
    let flags = TASK_CREATE_OR_UPDATE.0;
    // SAFETY: all texts and values live as long as the call; no password is given.
    told(unsafe {
        folder.RegisterTask(&name, &BSTR::from(xml), flags, &none, &none, logon, &none)
    })?;
    Ok(())
}

/// Takes the task away, and its folder if nothing else is in it.
pub(super) fn take_away() -> Result<()> {
    let key = KeyPath::new(RUN_ONCE);
    if let Some(open) = OpenKey::at(&key, KEY_QUERY_VALUE | KEY_SET_VALUE)? {
        open.take_away("take away", &key, IN_SAFE_MODE)?;
    }
    com::ask("take away", SUBJECT, LIMIT, || {
        let root = root()?;
        let Some(folder) = folder(&root)? else { return Ok(()) };
        for name in [SIGN_IN_NAME, NAME] {
            // SAFETY: the name lives as long as the call; the flag is not used.
            match unsafe { folder.DeleteTask(&BSTR::from(name), 0) } {
                Err(error) if !is_missing(&error) => {
                    return Err(refused("take away", SUBJECT, &error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        // A folder that is not empty stays.
        // SAFETY: the path lives as long as the call; the flag is not used.
        let _ = unsafe { root.DeleteFolder(&BSTR::from(FOLDER), 0) };
        Ok(())
    })
    .wait()
}

/// Whether the task is there and would do its work.
pub(super) fn is_registered() -> Result<bool> {
    let found = com::ask("look for", SUBJECT, LIMIT, || {
        let Some(folder) = folder(&root()?)? else { return Ok(None) };
        // SAFETY: the name lives as long as the call.
        let task = match unsafe { folder.GetTask(&BSTR::from(NAME)) } {
            Ok(task) => task,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(refused("look for", SUBJECT, &error)),
        };
        // SAFETY: nothing is given to the call.
        let xml = told(unsafe { task.Xml() })?;
        Ok(Some(xml.to_string()))
    });
    match found.wait()? {
        Some(xml) => Ok(does_its_work(&xml, &shown(&place()?)?)),
        None => Ok(false),
    }
}

/// In Safe Mode no task runs. There the next administrator who signs in ends the repair.
fn stand_by_in_safe_mode(program: &str) -> Result<()> {
    let key = KeyPath::new(RUN_ONCE);
    let open = OpenKey::made_at(&key, KEY_QUERY_VALUE | KEY_SET_VALUE)?;
    let command = Data::Sz(format!("\"{program}\" {ARGUMENTS}"));
    open.set("register", &key, IN_SAFE_MODE, &command)
}

fn is_missing(error: &windows::core::Error) -> bool {
    is(error, ERROR_FILE_NOT_FOUND) || is(error, ERROR_PATH_NOT_FOUND)
}

fn root() -> Result<ITaskFolder> {
    let service: ITaskService = com::create(SUBJECT, &TaskScheduler)?;
    let none = VARIANT::default();
    // SAFETY: empty values stand for this PC and this user and live as long as the call.
    told(unsafe { service.Connect(&none, &none, &none, &none) })?;
    // SAFETY: the path lives as long as the call.
    told(unsafe { service.GetFolder(&BSTR::from("\\")) })
}

fn folder(root: &ITaskFolder) -> Result<Option<ITaskFolder>> {
    // SAFETY: the path lives as long as the call.
    match unsafe { root.GetFolder(&BSTR::from(FOLDER)) } {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(refused("ask", SUBJECT, &error)),
    }
}

fn told<T>(answer: windows::core::Result<T>) -> Result<T> {
    answer.map_err(|error| refused("register", SUBJECT, &error))
}

/// Where the copy of this program lies.
fn place() -> Result<PathBuf> {
    Ok(state::place()?.join("unwedge.exe"))
}

/// A copy of this program in the folder of repairs, made anew only if it differs.
fn copied() -> Result<String> {
    state::folder()?;
    let place = place()?;
    let io = |error: std::io::Error| HostError {
        op: "copy the program to",
        subject: place.display().to_string(),
        kind: match error.raw_os_error() {
            Some(code) => HostErrorKind::Win32(code.cast_unsigned()),
            None => HostErrorKind::Io(error.to_string()),
        },
    };
    let own = std::fs::read(std::env::current_exe().map_err(io)?).map_err(io)?;
    if !std::fs::read(&place).is_ok_and(|it| it == own) {
        let fresh = place.with_extension("new");
        std::fs::write(&fresh, &own).map_err(io)?;
        std::fs::rename(&fresh, &place).map_err(io)?;
    }
    shown(&place)
}

fn shown(place: &Path) -> Result<String> {
    let text = place.to_str().map(|it| it.trim_start_matches(r"\\?\").to_owned());
    text.ok_or_else(|| HostError {
        op: "name",
        subject: place.display().to_string(),
        kind: HostErrorKind::Io("it is no name that a task could hold".to_owned()),
    })
}
