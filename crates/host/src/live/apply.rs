//! Making changes true on this PC. Nothing is deleted or replaced, and each is read back.

use std::time::Duration;

use windows::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_FILE_NOT_FOUND,
    ERROR_REPARSE_POINT_ENCOUNTERED,
};
use windows::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_REPARSE_POINT, MOVEFILE_WRITE_THROUGH, MoveFileExW,
};
use windows::Win32::System::Registry::{KEY_QUERY_VALUE, KEY_SET_VALUE};
use windows::core::PCWSTR;

use super::name;
use super::pc::Live;
use super::refusal::refused;
use super::registry::OpenKey;
use super::{
    close, control, restart, restore_point, retry, secured, security, store, task, wait, watchdog,
};
use crate::change::{is_moved_aside, known_service};
use crate::{
    Change, Data, Host, HostError, HostErrorKind, KeyPath, Result, RunState, Securable, Service,
    Setting, Tool, Watch, WinPath,
};

/// Makes `change` true.
pub(super) fn apply(pc: &Live, change: &Change, watch: &mut Watch<'_>) -> Result<()> {
    match change {
        Change::Assign(Setting::Value { key, name, data }) => {
            assign_value(pc, key, name, data.as_ref())
        }
        Change::Assign(Setting::Start { service, start }) => {
            if known_service(pc, service)?.start == *start {
                return Ok(());
            }
            control::set_start(service, *start)?;
            match known_service(pc, service)?.start {
                now if now == *start => Ok(()),
                now => Err(ignored("set start type of service", service, &now)),
            }
        }
        Change::Assign(Setting::Running { service, running: true }) => control::start(service),
        Change::Assign(Setting::Running { service, running: false }) => {
            let dependents = known_service(pc, service)?.dependents;
            let runs = |it: &Service| it.state != RunState::Stopped;
            let known = dependents.iter().filter_map(|it| pc.service(it).transpose());
            let known = known.collect::<Result<Vec<Service>>>()?;
            control::stop(service, &known.into_iter().filter(runs).collect::<Vec<_>>())
        }
        Change::Assign(Setting::RealTimeProtection { on }) => security::protect(*on),
        Change::Assign(Setting::Exclusion { path, present }) => {
            security::exclude(&name::shown(path, &pc.files.windows), *present)
        }
        Change::Assign(Setting::Access { of, access }) => {
            if let Securable::Path(path) = of {
                no_link(pc, path)?;
            }
            secured::assign(&pc.files, of, access)
        }
        Change::Assign(Setting::Task { path, enabled }) => task::switch(path, *enabled),
        Change::Assign(Setting::Watchdog { present: true }) => watchdog::register(),
        Change::Assign(Setting::Watchdog { present: false }) => watchdog::take_away(),
        Change::Move { from, to } => move_aside(pc, from, to),
        Change::PutBack { from, to, spare } => {
            if pc.exists(from)? && pc.exists(to)? {
                move_aside(pc, to, spare)?;
            }
            move_aside(pc, from, to)
        }
        Change::Run(Tool::RestorePoint { name, .. }) => restore_point::make(name),
        Change::Run(Tool::Restart { reason }) => restart::now(reason),
        Change::Run(Tool::Discard { path }) => discard(pc, path),
        Change::Run(Tool::WaitForExit { seconds, .. }) => {
            wait::until_true(pc, change, Duration::from_secs((*seconds).into()), watch)
        }
        Change::Run(Tool::ScanStore) => store::scan(watch),
        Change::Run(Tool::RepairStore { source, limit_access }) => {
            store::repair(source.as_ref(), *limit_access, watch)
        }
        Change::Run(Tool::CheckFiles) => store::check_files(&pc.files, watch),
        Change::Run(Tool::RetryUpdate { kb }) => retry::retry(kb.as_deref(), watch),
        Change::Run(Tool::AskToClose { pid, image }) => close::ask(pc, change, *pid, image, watch),
    }
}

/// The present state of a value, where it could be put back exactly.
pub(super) fn current_value(key: &KeyPath, name: &str) -> Result<Option<Data>> {
    let Some(open) = OpenKey::at(key, KEY_QUERY_VALUE)? else { return Ok(None) };
    let Some(value) = open.value(key, name)? else { return Ok(None) };
    value.kept().map(Some).ok_or_else(|| HostError {
        op: "record value",
        subject: format!("{name} of {key}"),
        kind: HostErrorKind::Io("its data have a form that could not be put back".to_owned()),
    })
}

fn assign_value(pc: &Live, key: &KeyPath, name: &str, data: Option<&Data>) -> Result<()> {
    const OP: &str = "set value of";
    let access = KEY_QUERY_VALUE | KEY_SET_VALUE;
    let open = match (OpenKey::at(key, access)?, data) {
        (Some(open), _) => open,
        (None, None) => return Ok(()),
        (None, Some(_)) => OpenKey::made_at(key, access)?,
    };
    match data {
        Some(data) => open.set(OP, key, name, data)?,
        None => open.take_away(OP, key, name)?,
    }
    let now = pc.key(key)?.and_then(|it| it.value(name).cloned());
    if now.as_ref() == data { Ok(()) } else { Err(ignored(OP, key, &format!("{now:?}"))) }
}

fn move_aside(pc: &Live, from: &WinPath, to: &WinPath) -> Result<()> {
    const OP: &str = "move";
    match (pc.exists(from)?, pc.exists(to)?) {
        (false, true) => return Ok(()),
        (false, false) => return Err(HostError::win32(OP, from, ERROR_FILE_NOT_FOUND.0)),
        (true, true) => return Err(HostError::win32(OP, to, ERROR_ALREADY_EXISTS.0)),
        (true, false) => {}
    }
    // What is moved must be what was named, and go where it was meant to go.
    no_link(pc, from)?;
    to.parent().map_or(Ok(()), |folder| no_link(pc, &folder))?;
    let wide = |path| {
        let wide = name::verbatim(path, &pc.files.windows);
        let wide = wide.ok_or_else(|| HostError::not_collected(OP, path))?;
        Ok(wide.into_iter().chain([0]).collect::<Vec<u16>>())
    };
    let (wide_from, wide_to) = (wide(from)?, wide(to)?);
    let (wide_from, wide_to) = (PCWSTR(wide_from.as_ptr()), PCWSTR(wide_to.as_ptr()));
    // Without a flag that says otherwise nothing is replaced, nor copied to another volume.
    // SAFETY: both names end in a zero and live as long as the call.
    unsafe { MoveFileExW(wide_from, wide_to, MOVEFILE_WRITE_THROUGH) }
        .map_err(|error| refused(OP, from, &error))?;
    if pc.exists(to)? { Ok(()) } else { Err(ignored(OP, from, to)) }
}

/// Removes what a repair moved aside, and nothing else; links in it are removed, not followed.
fn discard(pc: &Live, path: &WinPath) -> Result<()> {
    use std::os::windows::ffi::OsStringExt;
    const OP: &str = "throw away";
    if !is_moved_aside(path) {
        return Err(HostError::win32(OP, path, ERROR_ACCESS_DENIED.0));
    }
    if !pc.exists(path)? {
        return Ok(());
    }
    no_link(pc, path)?;
    let wide = name::verbatim(path, &pc.files.windows);
    let wide = wide.ok_or_else(|| HostError::not_collected(OP, path))?;
    let native = std::path::PathBuf::from(std::ffi::OsString::from_wide(&wide));
    let done = match native.is_dir() {
        true => std::fs::remove_dir_all(&native),
        false => std::fs::remove_file(&native),
    };
    done.map_err(|error| HostError {
        op: OP,
        subject: path.to_string(),
        kind: error.raw_os_error().map_or_else(
            || HostErrorKind::Io(error.to_string()),
            |code| HostErrorKind::Win32(code.cast_unsigned()),
        ),
    })?;
    if pc.exists(path)? { Err(ignored(OP, path, &"as before")) } else { Ok(()) }
}

/// Fails if the path or a folder above it is a link or any other reparse point.
fn no_link(pc: &Live, path: &WinPath) -> Result<()> {
    use std::os::windows::fs::MetadataExt;
    const OP: &str = "move";
    let mut at = Some(path.clone());
    while let Some(here) = at {
        let data = pc.files.data(OP, &here)?;
        let attributes = data.map_or(0, |it| it.file_attributes());
        if attributes & FILE_ATTRIBUTE_REPARSE_POINT.0 != 0 {
            return Err(HostError::win32(OP, &here, ERROR_REPARSE_POINT_ENCOUNTERED.0));
        }
        at = here.parent();
    }
    Ok(())
}

fn ignored(op: &'static str, subject: &impl ToString, now: &impl ToString) -> HostError {
    let why = format!("Windows took it and did not do it; now there is {}", now.to_string());
    HostError { op, subject: subject.to_string(), kind: HostErrorKind::Io(why) }
}
