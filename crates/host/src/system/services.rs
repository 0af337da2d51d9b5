//! Services and drivers as they are set up.

use super::{Inquiry, Reading, image_file};
use crate::{
    Host, HostError, HostErrorKind, Key, KeyPath, Result, ServiceName, StartType, WinPath, probe,
};

pub(super) const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// A service or driver, as its key sets it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSetup {
    /// Short name.
    pub name: ServiceName,
    /// What it is.
    pub kind: ServiceKind,
    /// When Windows starts it; `None` where the key does not say, as in leftovers.
    pub start: Option<StartType>,
    /// What Windows does if it does not start.
    pub error_control: Option<ErrorControl>,
    /// The name people see; may be a reference to a resource such as `@x.dll,-1`.
    pub display_name: Option<String>,
    /// The group by which Windows orders what it starts, such as `FSFilter Anti-Virus`.
    pub group: Option<String>,
    /// `ImagePath`, as stored.
    pub image: Option<String>,
    /// `ServiceDll` of a service that lives in `svchost.exe`, as stored.
    pub service_dll: Option<String>,
    /// What it depends on.
    pub needs: Vec<ServiceName>,
    /// Whether Windows protects its process.
    pub protected: bool,
}

/// What a service is, from its `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// A kernel driver (1).
    KernelDriver,
    /// A file system or a filter of one (2).
    FileSystemDriver,
    /// A service in a process of its own (0x10).
    OwnProcess,
    /// A service that shares a process (0x20).
    SharedProcess,
    /// A service of a signed-in user, or the pattern for one (0x40, 0x80).
    User,
    /// Another type, or none: a key with settings only.
    Other,
}

/// What Windows does if a service does not start, from its `ErrorControl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the documentation")]
pub enum ErrorControl {
    Ignore,
    Normal,
    Severe,
    Critical,
}

/// The short names of all services and drivers: from the host if it can list them, else as the registry
/// holds them.
pub fn names(host: &dyn Host) -> Result<Vec<ServiceName>> {
    match probe::service_names(host) {
        Err(error) if error.kind == HostErrorKind::NotCollected => listed(host),
        told => told,
    }
}

/// Their names as the registry holds them.
pub(crate) fn listed(host: &dyn Host) -> Result<Vec<ServiceName>> {
    let key = host.key(&KeyPath::new(SERVICES))?;
    let key = key.ok_or_else(|| HostError::not_collected("list services of", SERVICES))?;
    Ok(key.subkeys.iter().map(|it| ServiceName::new(it)).collect())
}

/// Reads every service and driver.
pub fn read(host: &dyn Host) -> Reading<Vec<ServiceSetup>> {
    let mut inquiry = Inquiry::of(host);
    let keys = inquiry.keys_below(SERVICES);
    let found = keys.iter().map(|(name, key)| {
        let mut setup = ServiceSetup::of(name, key);
        let is_hosted =
            setup.image.as_ref().is_some_and(|it| it.to_lowercase().contains("svchost"));
        if is_hosted && key.subkeys.iter().any(|it| it.eq_ignore_ascii_case("Parameters")) {
            let parameters = inquiry.key(&format!(r"{SERVICES}\{name}\Parameters"));
            let dll = parameters.and_then(|it| it.text("ServiceDll").map(str::to_owned));
            setup.service_dll = dll.or(setup.service_dll);
        }
        setup
    });
    let found = found.collect();
    inquiry.done(found)
}

impl ServiceSetup {
    /// Reads the key of a service, without the keys below it.
    pub(super) fn of(name: &str, key: &Key) -> Self {
        let text = |name| key.text(name).filter(|it| !it.is_empty()).map(str::to_owned);
        let delayed = key.dword("DelayedAutostart") == Some(1);
        ServiceSetup {
            name: ServiceName::new(name),
            kind: ServiceKind::of(key.dword("Type")),
            start: key.dword("Start").and_then(|it| StartType::from_registry(it, delayed)),
            error_control: key.dword("ErrorControl").and_then(ErrorControl::of),
            display_name: text("DisplayName"),
            group: text("Group"),
            image: text("ImagePath"),
            service_dll: text("ServiceDll"),
            needs: key.strings("DependOnService").iter().map(|it| ServiceName::new(it)).collect(),
            protected: key.dword("LaunchProtected").is_some_and(|it| it != 0),
        }
    }

    /// Whether it is a driver rather than a process.
    #[must_use]
    pub fn is_driver(&self) -> bool {
        matches!(self.kind, ServiceKind::KernelDriver | ServiceKind::FileSystemDriver)
    }

    /// The file its code is in. A driver that names none is taken from the folder of drivers.
    #[must_use]
    pub fn file(&self) -> Option<WinPath> {
        match (&self.service_dll, &self.image) {
            (Some(dll), _) => image_file(dll),
            (None, Some(image)) => image_file(image),
            (None, None) if self.is_driver() => {
                image_file(&format!(r"System32\drivers\{}.sys", self.name))
            }
            (None, None) => None,
        }
    }
}

impl ServiceKind {
    fn of(stored: Option<u32>) -> Self {
        match stored {
            Some(1) => ServiceKind::KernelDriver,
            Some(2 | 8) => ServiceKind::FileSystemDriver,
            Some(it) if it & 0xc0 != 0 => ServiceKind::User,
            Some(it) if it & 0x10 != 0 => ServiceKind::OwnProcess,
            Some(it) if it & 0x20 != 0 => ServiceKind::SharedProcess,
            Some(_) | None => ServiceKind::Other,
        }
    }
}

impl ErrorControl {
    fn of(stored: u32) -> Option<Self> {
        Some(match stored {
            0 => ErrorControl::Ignore,
            1 => ErrorControl::Normal,
            2 => ErrorControl::Severe,
            3 => ErrorControl::Critical,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn services_and_drivers_are_read_with_where_they_come_from() {
        let pc = Fixture::parse(
            r"//- reg HKLM\SYSTEM\CurrentControlSet\Services
//- reg HKLM\SYSTEM\CurrentControlSet\Services\wuauserv
Type = dword:32
Start = dword:3
ErrorControl = dword:1
ImagePath = expand:%systemroot%\system32\svchost.exe -k netsvcs
DependOnService = multi:'rpcss'
//- reg HKLM\SYSTEM\CurrentControlSet\Services\wuauserv\Parameters
ServiceDll = expand:%systemroot%\system32\wuaueng.dll
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Vault
Type = dword:1
Start = dword:0
Group = sz:Boot Bus Extender
"
            .replace('\'', "\"")
            .as_str(),
        )
        .unwrap();
        let read = read(&pc);
        assert!(read.unknown.is_empty(), "{:?}", read.unknown);
        let [vault, update] = &read.found[..] else { panic!("{:?}", read.found) };
        assert_eq!(update.kind, ServiceKind::SharedProcess);
        assert_eq!(update.file().unwrap().as_str(), r"C:\Windows\system32\wuaueng.dll");
        assert_eq!(update.needs, [ServiceName::new("RpcSs")]);
        assert_eq!((vault.start, vault.is_driver()), (Some(StartType::Boot), true));
        assert_eq!(vault.file().unwrap().as_str(), r"C:\Windows\System32\drivers\Vault.sys");
    }

    #[test]
    fn without_the_registry_nothing_is_known() {
        let read = read(&Fixture::parse("").unwrap());
        assert!(read.found.is_empty());
        assert_eq!(read.unknown[0].subject, SERVICES);
    }
}
