//! Services, as the service control manager and the registry know them.

use std::collections::BTreeMap;

use windows::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_NAME, ERROR_MORE_DATA,
    ERROR_SERVICE_DOES_NOT_EXIST, HLOCAL, LocalFree, WIN32_ERROR,
};
use windows::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, SDDL_REVISION_1,
};
use windows::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR,
};
use windows::Win32::System::Registry::KEY_READ;
use windows::Win32::System::Services::{
    CloseServiceHandle, EnumDependentServicesW, EnumServicesStatusExW, OpenSCManagerW,
    OpenServiceW, QueryServiceConfig2W, QueryServiceConfigW, QueryServiceObjectSecurity,
    QueryServiceStatusEx, SC_ENUM_PROCESS_INFO, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_MANAGER_ENUMERATE_SERVICE, SC_STATUS_PROCESS_INFO, SERVICE_CONFIG,
    SERVICE_CONFIG_DELAYED_AUTO_START_INFO, SERVICE_CONFIG_FAILURE_ACTIONS,
    SERVICE_CONFIG_LAUNCH_PROTECTED, SERVICE_CONFIG_TRIGGER_INFO, SERVICE_ENUMERATE_DEPENDENTS,
    SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS, SERVICE_STATE_ALL, SERVICE_WIN32,
};
use windows::core::{HSTRING, PCWSTR, PWSTR};

use super::refusal::{is, refused};
use super::registry::{OpenKey, Registry};
use super::returned::{Config, Returned, Status};
use crate::service::ServiceDetail;
use crate::{Key, KeyPath, Result, RunState, Service, ServiceName, StartType};

const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";
const OP: &str = "ask for service";
/// The right to read who may do what.
const READ_CONTROL: u32 = 0x0002_0000;
/// The service control manager takes no larger buffer.
const MOST_BYTES: usize = 256 << 10;
/// So many buffers of services are asked for.
const MOST_PARTS: usize = 64;

/// Which services say themselves that they need a service, by its name.
pub(super) type Needed = BTreeMap<ServiceName, Vec<ServiceName>>;

/// A handle of the service control manager; closed when it goes out of scope.
#[derive(Debug)]
pub(super) struct Handle(SC_HANDLE);

impl Handle {
    /// Connects to the service control manager.
    pub(super) fn manager(access: u32) -> Result<Handle> {
        // SAFETY: no name means this PC and its only database.
        let opened = unsafe { OpenSCManagerW(PCWSTR::null(), PCWSTR::null(), access) };
        opened.map(Handle).map_err(|error| refused("ask", "the service control manager", &error))
    }

    /// Opens a service; `None` if none has that name.
    pub(super) fn service(&self, name: &ServiceName, access: u32) -> Result<Option<Handle>> {
        // SAFETY: the manager is open, and the name lives as long as the call.
        let opened = unsafe { OpenServiceW(self.0, &HSTRING::from(name.as_str()), access) };
        match opened {
            Ok(handle) => Ok(Some(Handle(handle))),
            Err(error)
                if is(&error, ERROR_SERVICE_DOES_NOT_EXIST) || is(&error, ERROR_INVALID_NAME) =>
            {
                Ok(None)
            }
            Err(error) => Err(refused(OP, name, &error)),
        }
    }

    /// The handle, valid as long as this is.
    pub(super) fn raw(&self) -> SC_HANDLE {
        self.0
    }

    /// What the service is doing.
    pub(super) fn status(&self, name: &ServiceName) -> Result<Status> {
        let mut bytes = [0u8; 36];
        let mut needed = 0;
        // SAFETY: the service is open; the buffer is a slice.
        let asked = unsafe {
            QueryServiceStatusEx(self.0, SC_STATUS_PROCESS_INFO, Some(&mut bytes), &mut needed)
        };
        asked.map_err(|error| refused(OP, name, &error))?;
        let status = Returned::of(&bytes).status(0);
        Ok(status.expect("the buffer is as long as a status"))
    }

    /// How the service is set up.
    pub(super) fn config(&self, name: &ServiceName) -> Result<Option<Config>> {
        let bytes = filled(OP, name, |buffer, needed| {
            let into = buffer.as_mut_ptr().cast();
            // SAFETY: the service is open; the buffer is as long as its size says.
            unsafe { QueryServiceConfigW(self.0, Some(into), buffer.len() as u32, needed) }
        })?;
        Ok(Returned::of(&bytes).config())
    }

    fn detail(&self, name: &ServiceName, level: SERVICE_CONFIG) -> Result<Vec<u8>> {
        filled(OP, name, |buffer, needed| {
            // SAFETY: the service is open; the buffer is a slice.
            unsafe { QueryServiceConfig2W(self.0, level, Some(buffer), needed) }
        })
    }

    fn dependents(&self, name: &ServiceName) -> Result<Vec<ServiceName>> {
        let mut count = 0;
        let bytes = filled(OP, name, |buffer, needed| {
            let (into, size) = (buffer.as_mut_ptr().cast(), buffer.len() as u32);
            // SAFETY: the service is open; the buffer is as long as its size says.
            unsafe {
                EnumDependentServicesW(
                    self.0,
                    SERVICE_STATE_ALL,
                    Some(into),
                    size,
                    needed,
                    &mut count,
                )
            }
        })?;
        Ok(Returned::of(&bytes).names(count))
    }

    fn security(&self, name: &ServiceName) -> Result<String> {
        let wanted =
            OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        let mut bytes = filled(OP, name, |buffer, needed| {
            let into = PSECURITY_DESCRIPTOR(buffer.as_mut_ptr().cast());
            let size = buffer.len() as u32;
            // SAFETY: the service is open; the buffer is as long as its size says.
            unsafe { QueryServiceObjectSecurity(self.0, wanted.0, Some(into), size, needed) }
        })?;
        let mut text = PWSTR::null();
        let from = PSECURITY_DESCRIPTOR(bytes.as_mut_ptr().cast());
        // SAFETY: Windows has just filled in the descriptor; `text` is ours.
        let told = unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                from,
                SDDL_REVISION_1,
                wanted,
                &mut text,
                None,
            )
        };
        told.map_err(|error| refused(OP, name, &error))?;
        // SAFETY: the text was made by Windows and ends in a zero.
        let told = String::from_utf16_lossy(unsafe { text.as_wide() });
        // SAFETY: the text was made by Windows for us and is not used any more.
        unsafe { LocalFree(Some(HLOCAL(text.0.cast()))) };
        Ok(told)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by us and is closed once.
        let _ = unsafe { CloseServiceHandle(self.0) };
    }
}

/// A service; `None` if none has that name.
pub(super) fn read(
    registry: &Registry,
    needed: &Needed,
    name: &ServiceName,
) -> Result<Option<Service>> {
    let manager = Handle::manager(SC_MANAGER_CONNECT)?;
    let Some((handle, access)) = open_to_read(&manager, name)? else { return Ok(None) };
    let path = KeyPath::new(SERVICES).join(name.as_str());
    let key = registry.key(&path).ok().flatten().unwrap_or_default();
    let parameters = registry.key(&path.join("Parameters")).ok().flatten();
    let mut service = as_set_up(name, &key, parameters.as_ref());
    let from_registry = |service: &mut Service, what| service.more.told_by_registry.push(what);

    let status = match access & SERVICE_QUERY_STATUS {
        0 => None,
        _ => handle.status(name).ok(),
    };
    // Its rights may keep us from asking it; the list of all is for everyone.
    let status = status.or_else(|| {
        let all = running().unwrap_or_default();
        all.into_iter().find(|(own, _)| own == name).map(|(_, status)| status)
    });
    if let Some(status) = status {
        service.state = status.state;
        service.pid = Some(status.pid).filter(|it| *it != 0);
        // What is stopped tells nothing of what it will accept.
        service.accepts_stop = status.accepts_stop || status.state != RunState::Running;
    }
    match handle.config(name) {
        Ok(Some(config)) => {
            // Wine answers without them; Windows keeps both the same.
            if config.needs.is_empty() && !service.needs.is_empty() {
                from_registry(&mut service, "needs");
            } else {
                service.needs = config.needs;
            }
            service.start = config.start.unwrap_or(service.start);
            service.image = config.image.or(service.image);
            service.display_name = config.display_name.or(service.display_name);
            service.more.account = config.account.or(service.more.account);
        }
        Ok(None) => from_registry(&mut service, "start type"),
        // Neither the manager nor the registry tells when it starts.
        Err(error) if key.dword("Start").is_none() => return Err(error),
        Err(_) => from_registry(&mut service, "start type"),
    }
    add_details(&handle, name, &key, &mut service);
    service.dependents = dependents(&handle, name, needed);
    Ok(Some(service))
}

fn open_to_read(manager: &Handle, name: &ServiceName) -> Result<Option<(Handle, u32)>> {
    let least = SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG;
    let rights = [least | SERVICE_ENUMERATE_DEPENDENTS | READ_CONTROL, least, SERVICE_QUERY_STATUS];
    for access in rights {
        match manager.service(name, access) {
            Ok(found) => return Ok(found.map(|it| (it, access))),
            Err(error) if error.kind == denied() => {}
            Err(error) => return Err(error),
        }
    }
    manager.service(name, SERVICE_QUERY_CONFIG).map(|it| it.map(|it| (it, SERVICE_QUERY_CONFIG)))
}

fn as_set_up(name: &ServiceName, key: &Key, parameters: Option<&Key>) -> Service {
    let delayed = key.dword("DelayedAutostart") == Some(1);
    let start = key.dword("Start").and_then(|it| StartType::from_registry(it, delayed));
    Service {
        name: name.clone(),
        display_name: key.text("DisplayName").map(str::to_owned),
        start: start.unwrap_or(StartType::Manual),
        state: RunState::Unknown,
        pid: None,
        image: key.text("ImagePath").map(str::to_owned),
        needs: key.strings("DependOnService").iter().map(|it| ServiceName::new(it)).collect(),
        dependents: Vec::new(),
        accepts_stop: true,
        protected: key.dword("LaunchProtected").is_some_and(|it| it != 0),
        more: ServiceDetail::of_keys(key, parameters),
    }
}

fn add_details(handle: &Handle, name: &ServiceName, key: &Key, service: &mut Service) {
    let number = |level| {
        let bytes = handle.detail(name, level).ok()?;
        Returned::of(&bytes).u32_at(0)
    };
    if service.start == StartType::Automatic {
        let delayed = number(SERVICE_CONFIG_DELAYED_AUTO_START_INFO).unwrap_or_else(|| {
            service.more.told_by_registry.push("delayed start");
            key.dword("DelayedAutostart").unwrap_or(0)
        });
        if delayed != 0 {
            service.start = StartType::AutomaticDelayed;
        }
    }
    match number(SERVICE_CONFIG_TRIGGER_INFO) {
        Some(count) => service.more.is_triggered = Some(count != 0),
        None => service.more.told_by_registry.push("triggers"),
    }
    match number(SERVICE_CONFIG_LAUNCH_PROTECTED) {
        Some(protection) => service.protected = protection != 0,
        None => service.more.told_by_registry.push("protection"),
    }
    let failure = handle.detail(name, SERVICE_CONFIG_FAILURE_ACTIONS).ok();
    match failure.and_then(|bytes| Returned::of(&bytes).failure_actions()) {
        Some(actions) => service.more.on_failure = Some(actions),
        None => service.more.told_by_registry.push("failure actions"),
    }
    service.more.security = handle.security(name).ok();
}

/// Those that name it themselves, and those that only the manager knows of (by a group, or where a
/// key cannot be read). The manager also tells who depends on it through others: they are left out.
fn dependents(handle: &Handle, name: &ServiceName, needed: &Needed) -> Vec<ServiceName> {
    let mut direct = needed.get(name).cloned().unwrap_or_default();
    let names_something: Vec<&ServiceName> = needed.values().flatten().collect();
    for other in handle.dependents(name).unwrap_or_default() {
        if !direct.contains(&other) && !names_something.contains(&&other) {
            direct.push(other);
        }
    }
    direct
}

/// Which services name which in their keys.
pub(super) fn needed() -> Needed {
    let mut all = Needed::new();
    let services = KeyPath::new(SERVICES);
    let Ok(Some(open)) = OpenKey::at(&services, KEY_READ) else { return all };
    for name in open.subkeys(&services).unwrap_or_default() {
        let path = services.join(&name);
        let Ok(Some(key)) = open.below(&name, &path, KEY_READ) else { continue };
        let Ok(values) = key.values(&path, |_, _| {}) else { continue };
        let values = values.iter().find(|it| it.name.eq_ignore_ascii_case("DependOnService"));
        let Some(stored) = values else { continue };
        let mut key = Key::default();
        key.set("DependOnService", Some(stored.data()));
        for needs in key.strings("DependOnService") {
            all.entry(ServiceName::new(needs)).or_default().push(ServiceName::new(&name));
        }
    }
    all
}

/// Every service that is no driver, with what it is doing.
pub(super) fn running() -> Result<Vec<(ServiceName, Status)>> {
    all(&Handle::manager(SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE)?)
}

fn all(manager: &Handle) -> Result<Vec<(ServiceName, Status)>> {
    let mut found = Vec::new();
    let mut bytes = vec![0u8; MOST_BYTES];
    let mut resume = 0;
    for _ in 0..MOST_PARTS {
        let (mut needed, mut count) = (0, 0);
        // SAFETY: the manager is open; the buffer is a slice; no group means all.
        let listed = unsafe {
            EnumServicesStatusExW(
                manager.0,
                SC_ENUM_PROCESS_INFO,
                // Of users too: their types have these bits and more.
                SERVICE_WIN32,
                SERVICE_STATE_ALL,
                Some(&mut bytes),
                &mut needed,
                &mut count,
                Some(&mut resume),
                PCWSTR::null(),
            )
        };
        found.extend(Returned::of(&bytes).services(count));
        match listed {
            Ok(()) => break,
            Err(error) if is(&error, ERROR_MORE_DATA) && count > 0 => {}
            Err(error) => return Err(refused("list", "services", &error)),
        }
    }
    Ok(found)
}

/// A buffer that is as long as Windows wants it.
fn filled(
    op: &'static str,
    subject: &(impl ToString + ?Sized),
    mut call: impl FnMut(&mut [u8], &mut u32) -> windows::core::Result<()>,
) -> Result<Vec<u8>> {
    let mut bytes = vec![0u8; 8192];
    loop {
        let mut needed = 0;
        let error = match call(&mut bytes, &mut needed) {
            Ok(()) => return Ok(bytes),
            Err(error) => error,
        };
        let is_short = is(&error, ERROR_INSUFFICIENT_BUFFER) || is(&error, ERROR_MORE_DATA);
        if !is_short || bytes.len() >= MOST_BYTES {
            return Err(refused(op, subject, &error));
        }
        // What is listed may grow until it is asked for again.
        let wanted = (needed as usize).saturating_add(bytes.len());
        bytes = vec![0; wanted.min(MOST_BYTES)];
    }
}

fn denied() -> crate::HostErrorKind {
    let WIN32_ERROR(code) = ERROR_ACCESS_DENIED;
    crate::HostErrorKind::Win32(code)
}
