//! Starting and stopping services, and setting when they start.

use std::thread::sleep;
use std::time::{Duration, Instant};

use windows::Win32::Foundation::{
    ERROR_DEPENDENT_SERVICES_RUNNING, ERROR_SERVICE_ALREADY_RUNNING,
    ERROR_SERVICE_CANNOT_ACCEPT_CTRL, ERROR_SERVICE_NOT_ACTIVE, ERROR_SERVICE_REQUEST_TIMEOUT,
};
use windows::Win32::System::Services::{
    ChangeServiceConfig2W, ChangeServiceConfigW, ControlService, ENUM_SERVICE_TYPE,
    SC_MANAGER_CONNECT, SERVICE_CHANGE_CONFIG, SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
    SERVICE_CONTROL_STOP, SERVICE_DELAYED_AUTO_START_INFO, SERVICE_ERROR, SERVICE_NO_CHANGE,
    SERVICE_QUERY_STATUS, SERVICE_START, SERVICE_START_TYPE, SERVICE_STATUS, SERVICE_STOP,
    StartServiceW,
};
use windows::core::PCWSTR;

use super::refusal::{is, refused};
use super::returned::Status;
use super::service::Handle;
use crate::{HostError, Result, RunState, Service, ServiceName, StartType};

/// A service that shows no progress is waited for so long, or for as long as it asks for.
const QUIET_LIMIT: Duration = Duration::from_secs(30);
/// No service is waited for longer.
const LIMIT: Duration = Duration::from_secs(180);

/// Stops a service none of whose dependents runs; nothing if it is stopped.
pub(super) fn stop(name: &ServiceName, running_dependents: &[Service]) -> Result<()> {
    const OP: &str = "stop service";
    let handle = open(OP, name, SERVICE_STOP | SERVICE_QUERY_STATUS)?;
    if handle.status(name)?.state == RunState::Stopped {
        return Ok(());
    }
    // Windows refuses too; asked before, nothing is half done.
    if !running_dependents.is_empty() {
        return Err(HostError::win32(OP, name, ERROR_DEPENDENT_SERVICES_RUNNING.0));
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the service is open; the structure is ours.
        let asked = unsafe { ControlService(handle.raw(), SERVICE_CONTROL_STOP, &mut status) };
        match asked {
            Ok(()) => break,
            Err(error) if is(&error, ERROR_SERVICE_NOT_ACTIVE) => return Ok(()),
            // It is in the middle of starting or stopping, and takes the request afterwards.
            Err(error)
                if is(&error, ERROR_SERVICE_CANNOT_ACCEPT_CTRL) && Instant::now() < deadline =>
            {
                let before = handle.status(name)?;
                if is_settled(before.state) {
                    return Err(refused(OP, name, &error));
                }
                let after = settled(OP, &handle, name, deadline)?;
                if after.state == RunState::Stopped {
                    return Ok(());
                }
            }
            Err(error) => return Err(refused(OP, name, &error)),
        }
    }
    match settled(OP, &handle, name, deadline)?.state {
        RunState::Stopped => Ok(()),
        _ => Err(HostError::win32(OP, name, ERROR_SERVICE_REQUEST_TIMEOUT.0)),
    }
}

/// Starts a service with all it needs; nothing if it runs.
///
/// One that has nothing to do may have stopped by itself again, which is no failure.
pub(super) fn start(name: &ServiceName) -> Result<()> {
    const OP: &str = "start service";
    let handle = open(OP, name, SERVICE_START | SERVICE_QUERY_STATUS)?;
    let deadline = Instant::now() + LIMIT;
    // One that is still stopping would be taken for running.
    if settled(OP, &handle, name, deadline)?.state == RunState::Running {
        return Ok(());
    }
    // SAFETY: the service is open; it gets no arguments.
    match unsafe { StartServiceW(handle.raw(), None) } {
        Ok(()) => {}
        Err(error) if is(&error, ERROR_SERVICE_ALREADY_RUNNING) => {}
        Err(error) => return Err(refused(OP, name, &error)),
    }
    let after = settled(OP, &handle, name, deadline)?;
    match (after.state, after.exit_code) {
        (RunState::Running, _) | (RunState::Stopped, 0) => Ok(()),
        (RunState::Stopped, code) => Err(HostError::win32(OP, name, code)),
        _ => Err(HostError::win32(OP, name, ERROR_SERVICE_REQUEST_TIMEOUT.0)),
    }
}

/// Sets when a service starts.
pub(super) fn set_start(name: &ServiceName, wanted: StartType) -> Result<()> {
    const OP: &str = "set start type of service";
    let handle = open(OP, name, SERVICE_CHANGE_CONFIG)?;
    // SAFETY: the service is open; what is not to be changed is said so.
    let changed = unsafe {
        ChangeServiceConfigW(
            handle.raw(),
            ENUM_SERVICE_TYPE(SERVICE_NO_CHANGE),
            SERVICE_START_TYPE(wanted.registry_start()),
            SERVICE_ERROR(SERVICE_NO_CHANGE),
            PCWSTR::null(),
            PCWSTR::null(),
            None,
            PCWSTR::null(),
            PCWSTR::null(),
            PCWSTR::null(),
            PCWSTR::null(),
        )
    };
    changed.map_err(|error| refused(OP, name, &error))?;
    // Whether it is delayed means something only for those that start with Windows.
    let is_delayed = match wanted {
        StartType::Automatic => false,
        StartType::AutomaticDelayed => true,
        StartType::Boot | StartType::System | StartType::Manual | StartType::Disabled => {
            return Ok(());
        }
    };
    let delayed = SERVICE_DELAYED_AUTO_START_INFO { fDelayedAutostart: is_delayed.into() };
    let from = (&raw const delayed).cast();
    let level = SERVICE_CONFIG_DELAYED_AUTO_START_INFO;
    // SAFETY: the service is open; the structure is the one of this level.
    unsafe { ChangeServiceConfig2W(handle.raw(), level, Some(from)) }
        .map_err(|error| refused(OP, name, &error))
}

/// Waits until a service is neither starting nor stopping, as long as it shows progress.
fn settled(
    op: &'static str,
    handle: &Handle,
    name: &ServiceName,
    deadline: Instant,
) -> Result<Status> {
    let mut before = handle.status(name)?;
    let mut quiet_since = Instant::now();
    loop {
        if is_settled(before.state) {
            return Ok(before);
        }
        let hint = Duration::from_millis(before.wait_hint_ms.into());
        let now = Instant::now();
        if now >= deadline || now - quiet_since > hint.max(QUIET_LIMIT) {
            return Err(HostError::win32(op, name, ERROR_SERVICE_REQUEST_TIMEOUT.0));
        }
        sleep((hint / 10).clamp(Duration::from_millis(50), Duration::from_secs(1)));
        let after = handle.status(name)?;
        if (after.state, after.check_point) != (before.state, before.check_point) {
            quiet_since = Instant::now();
        }
        before = after;
    }
}

fn is_settled(state: RunState) -> bool {
    match state {
        RunState::Starting | RunState::Stopping => false,
        RunState::Stopped | RunState::Running | RunState::Paused | RunState::Unknown => true,
    }
}

fn open(op: &'static str, name: &ServiceName, access: u32) -> Result<Handle> {
    const ERROR_SERVICE_DOES_NOT_EXIST: u32 = 1060;
    let found = Handle::manager(SC_MANAGER_CONNECT)?.service(name, access)?;
    found.ok_or_else(|| HostError::win32(op, name, ERROR_SERVICE_DOES_NOT_EXIST))
}
