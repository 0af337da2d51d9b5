//! The running Windows as a host.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use windows::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;
use windows::core::HSTRING;

use super::file::Files;
use super::refusal::refused;
use super::registry::Registry;
use super::service::{self, Needed};
use super::{
    about, apply, evidence, facts, holder, name, secured, signature, start, store, watchdog,
};
use crate::{
    About, Change, Entry, Evidence, Host, HostError, HostErrorKind, HostMut, Key, KeyPath, Probe,
    ProbeOutput, ReadSeek, RegistryGap, Result, RunState, Service, ServiceName, Setting, Watch,
    WinPath, change,
};

/// The PC this program runs on.
#[derive(Debug)]
pub struct Live {
    about: About,
    pub(super) files: Files,
    pub(super) registry: Registry,
    /// Asked for when a service is first asked for; forgotten when something is changed.
    needed: Mutex<Option<Needed>>,
    /// Asks what may never be answered; without it nobody can be asked who holds what.
    helper: Option<holder::Helper>,
}

impl Live {
    /// Opens the PC this program runs on.
    pub fn open() -> Result<Live> {
        start::supported()?;
        about::read_as_backup();
        let registry = Registry::default();
        Ok(Live {
            about: about::read(&registry),
            files: Files { windows: about::windows_folder() },
            registry,
            needed: Mutex::new(None),
            helper: None,
        })
    }

    /// The same PC, of which it can also be asked who holds what.
    #[must_use]
    pub fn with_helper(self, helper: holder::Helper) -> Live {
        Live { helper: Some(helper), ..self }
    }

    /// Why the service that knows which catalog lists a file is not to be asked: to ask it while it
    /// does not run may start it.
    fn why_no_catalogs(&self) -> Option<HostErrorKind> {
        const ERROR_SERVICE_NOT_ACTIVE: u32 = 1062;
        match self.service(&ServiceName::new("CryptSvc")) {
            Ok(Some(it)) if it.state == RunState::Running => None,
            Ok(Some(_)) => Some(HostErrorKind::Win32(ERROR_SERVICE_NOT_ACTIVE)),
            Ok(None) => Some(HostErrorKind::Absent),
            Err(error) => Some(error.kind),
        }
    }

    fn free_bytes(&self) -> Result<u64> {
        let folder = HSTRING::from(self.files.windows.as_str());
        let mut free = 0;
        // SAFETY: the name lives as long as the call; the number is ours.
        let told = unsafe { GetDiskFreeSpaceExW(&folder, Some(&mut free), None, None) };
        told.map_err(|error| refused("ask for free space on", &self.files.windows, &error))?;
        Ok(free)
    }
}

impl Host for Live {
    fn about(&self) -> &About {
        &self.about
    }

    fn evidence(&self) -> Result<Vec<Evidence>> {
        Ok(evidence::list(&self.files))
    }

    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        let path = WinPath::new(&evidence.source);
        match self.files.open(&path)? {
            Some(file) => Ok(Box::new(file)),
            // A folder stands among the evidence only if it could not be listed: this tells why.
            None => match self.files.found_in(&path) {
                Err(error) => Err(error),
                Ok(_) => Err(HostError::win32("read", &path, 2)),
            },
        }
    }

    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        self.files.read(path)
    }

    fn exists(&self, path: &WinPath) -> Result<bool> {
        self.files.exists(path)
    }

    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        self.files.list(folder)
    }

    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        self.registry.key(path)
    }

    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        self.registry.keys_below(path)
    }

    fn registry_gaps(&self) -> Vec<RegistryGap> {
        self.registry.gaps()
    }

    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        service::read(&self.registry, needed.get_or_insert_with(service::needed), name)
    }

    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        // The volume of Windows need not be C:.
        if *probe == Probe::FreeSpace {
            return Ok(ProbeOutput::FreeSpace { free_bytes: self.free_bytes()? });
        }
        if let Probe::RepairSource { path } = probe {
            return store::content(&self.files, path).map(ProbeOutput::RepairSource);
        }
        if let Probe::Access { of } = probe {
            return secured::told(&self.files, of).map(ProbeOutput::Access);
        }
        if let Probe::Signature { path } = probe {
            let signature = signature::read(&self.files, path, self.why_no_catalogs());
            return signature.map(ProbeOutput::Signature);
        }
        if let (Probe::Holders { paths }, Some(helper)) = (probe, &self.helper) {
            let found = holder::find(&self.files, &self.registry, helper, paths);
            return found.map(ProbeOutput::Holders);
        }
        facts::answer(self, probe)
            .unwrap_or_else(|| Err(HostError::not_collected("ask for", &format!("{probe:?}"))))
    }

    fn current(&self, setting: &Setting) -> Result<Setting> {
        match setting {
            Setting::Value { key, name, .. } => {
                let data = apply::current_value(key, name)?;
                Ok(Setting::Value { key: key.clone(), name: name.clone(), data })
            }
            Setting::Watchdog { .. } => {
                Ok(Setting::Watchdog { present: watchdog::is_registered()? })
            }
            Setting::Exclusion { path, present } => {
                let there = WinPath::new(&name::shown(path, &self.files.windows));
                let known = Setting::Exclusion { path: there, present: *present };
                match change::current(self, &known)? {
                    Setting::Exclusion { present, .. } => {
                        Ok(Setting::Exclusion { path: path.clone(), present })
                    }
                    other => Ok(other),
                }
            }
            Setting::Start { .. }
            | Setting::Running { .. }
            | Setting::Access { .. }
            | Setting::Task { .. }
            | Setting::RealTimeProtection { .. } => change::current(self, setting),
        }
    }
}

impl HostMut for Live {
    fn apply(&mut self, change: &Change) -> Result<()> {
        self.apply_watched(change, &mut |_| ControlFlow::Continue(()))
    }

    fn apply_watched(&mut self, change: &Change, watch: &mut Watch<'_>) -> Result<()> {
        // What depends on what may change with it.
        let done = apply::apply(self, change, watch);
        *self.needed.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        done
    }
}
