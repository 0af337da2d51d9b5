//! A copy-on-write view of another host: what-if and simulation, on a live PC or on evidence.
//!
//! What it refuses, it refuses with the code Windows would give. It cannot know what only the
//! machine itself decides: whether a program agrees to close, whether a service comes back, and
//! whether the update then goes through. There it takes the good end for granted; whoever shows
//! the result says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Change, Setting, Tool, known_service};
use crate::descriptor::{AccessEntry, INHERITED, Securable};
use crate::probe::{
    self, Defender, Hold, Holder, Probe, ProbeOutput, RestorePoint, StoreHealth, UpdateState,
    holders, repair_source,
};
use crate::registry::Data;
use crate::service::{RunState, Service, StartType};
use crate::{
    About, Entry, Evidence, Host, HostError, HostErrorKind, HostMut, Key, KeyPath, ReadSeek,
    RepairSource, Result, ServiceName, WinPath, change,
};

/// `HRESULT`s of servicing: no source has the files; the store itself is beyond repair.
const CBS_E_SOURCE_MISSING: u32 = 0x800f_081f;
const ERROR_SXS_COMPONENT_STORE_CORRUPT: u32 = 0x8007_3712;

/// What `below` would be after the changes applied here; `below` itself is never touched.
#[derive(Debug, Clone)]
pub struct Overlay<H> {
    below: H,
    settings: BTreeMap<String, Setting>,
    moves: Vec<(WinPath, WinPath)>,
    closed: BTreeSet<u32>,
    /// Updates that are taken to have gone through; `None` stands for whatever was pending.
    installed: Vec<Option<String>>,
    is_store_repaired: bool,
    /// Names of restore points that are taken to be made.
    restore_points: Vec<String>,
}

impl<H: Host> Overlay<H> {
    /// A view in which nothing is changed yet.
    pub fn new(below: H) -> Self {
        Overlay {
            below,
            settings: BTreeMap::new(),
            moves: Vec::new(),
            closed: BTreeSet::new(),
            installed: Vec::new(),
            is_store_repaired: false,
            restore_points: Vec::new(),
        }
    }

    /// Where what is seen at `path` lies below; `None` if it has been moved away.
    fn origin(&self, path: &WinPath) -> Option<WinPath> {
        let mut at = path.clone();
        for (from, to) in self.moves.iter().rev() {
            if at.is_within(to) {
                at = WinPath::new(&format!("{from}{}", &at.as_str()[to.as_str().len()..]));
            } else if at.is_within(from) {
                return None;
            }
        }
        Some(at)
    }

    fn is_running(&self, name: &ServiceName) -> Result<bool> {
        Ok(self.service(name)?.is_some_and(|it| it.state != RunState::Stopped))
    }

    fn stop(&self, name: &ServiceName) -> Result<()> {
        const OP: &str = "stop service";
        let service = known_service(self, name)?;
        if service.state == RunState::Stopped {
            return Ok(());
        }
        if service.protected {
            return Err(HostError::win32(OP, name, 5));
        }
        for dependent in &service.dependents {
            if self.is_running(dependent)? {
                return Err(HostError::win32(OP, name, 1051));
            }
        }
        if service.accepts_stop { Ok(()) } else { Err(HostError::win32(OP, name, 1052)) }
    }

    fn start(&self, name: &ServiceName) -> Result<()> {
        let service = known_service(self, name)?;
        if service.state != RunState::Running && service.start == StartType::Disabled {
            return Err(HostError::win32("start service", name, 1058));
        }
        Ok(())
    }

    fn move_aside(&mut self, from: &WinPath, to: &WinPath) -> Result<()> {
        const OP: &str = "move";
        match (self.exists(from)?, self.exists(to)?) {
            (false, true) => return Ok(()),
            (false, false) => return Err(HostError::win32(OP, from, 2)),
            (true, true) => return Err(HostError::win32(OP, to, 183)),
            (true, false) => {}
        }
        // Where nobody can tell who holds what, the move is taken to go through.
        if let Ok(found) = holders(self, std::slice::from_ref(from)) {
            let is_folder = self.read(from)?.is_none();
            // A folder cannot be renamed while anything in it is open, whatever the share mode.
            let blocks = |it: &Holder| match it.hold {
                Hold::Handle { .. } | Hold::WorkingDirectory | Hold::Use => is_folder || it.pins(),
                Hold::Image | Hold::Mapping | Hold::Hive { .. } => it.pins(),
                Hold::Task { .. } | Hold::Filter { .. } | Hold::Transfer { .. } => false,
            };
            if found.holders.iter().any(blocks) {
                return Err(HostError::win32(OP, from, if is_folder { 5 } else { 32 }));
            }
        }
        self.moves.push((from.clone(), to.clone()));
        Ok(())
    }

    fn repair_store(&mut self, source: Option<&RepairSource>) -> Result<()> {
        let cannot =
            self.probe(&Probe::Store).ok() == Some(ProbeOutput::Store(StoreHealth::NotRepairable));
        let is_gone = |it: &RepairSource| matches!(repair_source(self, &it.path), Ok(None));
        let code = match source {
            _ if cannot => ERROR_SXS_COMPONENT_STORE_CORRUPT,
            Some(source) if is_gone(source) => CBS_E_SOURCE_MISSING,
            Some(_) | None => {
                self.is_store_repaired = true;
                return Ok(());
            }
        };
        Err(HostError {
            op: "repair",
            subject: "the component store".to_owned(),
            kind: HostErrorKind::Com(code),
        })
    }

    fn change_defender(&self, defender: &mut Defender) {
        for setting in self.settings.values() {
            match setting {
                Setting::RealTimeProtection { on } => defender.real_time = Some(*on),
                Setting::Exclusion { path, present } => {
                    let Ok(list) = &mut defender.exclusions else { continue };
                    list.retain(|it| WinPath::new(it) != *path);
                    if *present {
                        list.push(path.to_string());
                    }
                }
                Setting::Value { .. }
                | Setting::Start { .. }
                | Setting::Running { .. }
                | Setting::Access { .. }
                | Setting::Task { .. }
                | Setting::Watchdog { .. } => {}
            }
        }
    }

    fn moved_children(&self, folder: &WinPath) -> BTreeSet<WinPath> {
        let ends = self.moves.iter().flat_map(|(from, to)| [from, to]);
        let depth = folder.as_str().split('\\').count();
        ends.filter(|it| *it != folder && it.is_within(folder))
            .filter_map(|it| it.as_str().split('\\').nth(depth).map(|name| folder.join(name)))
            .collect()
    }
}

fn is_tamper_protected(host: &dyn Host) -> bool {
    let defender = probe::security(host).ok().and_then(|it| it.defender.ok());
    defender.is_some_and(|it| it.tamper_protected == Some(true))
}

impl<H: Host> Host for Overlay<H> {
    fn about(&self) -> &About {
        self.below.about()
    }

    fn evidence(&self) -> Result<Vec<Evidence>> {
        self.below.evidence()
    }

    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        self.below.open_evidence(evidence)
    }

    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        self.origin(path).map_or(Ok(None), |it| self.below.read(&it))
    }

    fn exists(&self, path: &WinPath) -> Result<bool> {
        self.origin(path).map_or(Ok(false), |it| self.below.exists(&it))
    }

    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        let Some(origin) = self.origin(folder) else { return Ok(None) };
        let Some(entries) = self.below.list(&origin)? else { return Ok(None) };
        let mut all: BTreeMap<String, Entry> = BTreeMap::new();
        for entry in entries {
            if self.exists(&folder.join(&entry.name))? {
                all.insert(entry.name.to_lowercase(), entry);
            }
        }
        for path in self.moved_children(folder) {
            if all.contains_key(&path.name().to_lowercase()) || !self.exists(&path)? {
                continue;
            }
            let content = self.read(&path)?;
            let entry = Entry {
                name: path.name().to_owned(),
                is_folder: content.is_none(),
                size_bytes: content.map_or(0, |it| it.len() as u64),
            };
            all.insert(path.name().to_lowercase(), entry);
        }
        Ok(Some(all.into_values().collect()))
    }

    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        let mut key = self.below.key(path)?;
        for setting in self.settings.values() {
            match setting {
                Setting::Value { key: own, name, data } if own == path => {
                    if data.is_some() || key.is_some() {
                        key.get_or_insert_default().set(name, data.clone());
                    }
                }
                Setting::Start { service, start } => {
                    let page = format!(r"HKLM\SYSTEM\CurrentControlSet\Services\{service}");
                    if let (true, Some(key)) = (KeyPath::new(&page) == *path, &mut key) {
                        key.set("Start", Some(Data::Dword(start.registry_start())));
                    }
                }
                Setting::Value { .. }
                | Setting::Running { .. }
                | Setting::RealTimeProtection { .. }
                | Setting::Exclusion { .. }
                | Setting::Access { .. }
                | Setting::Task { .. }
                | Setting::Watchdog { .. } => {}
            }
        }
        Ok(key)
    }

    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        let Some(mut service) = self.below.service(name)? else { return Ok(None) };
        for setting in self.settings.values() {
            match setting {
                Setting::Start { service: own, start } if own == name => service.start = *start,
                Setting::Running { service: own, running } if own == name => {
                    service.state = if *running { RunState::Running } else { RunState::Stopped };
                    service.pid = service.pid.filter(|_| *running);
                }
                Setting::Value { .. }
                | Setting::Start { .. }
                | Setting::Running { .. }
                | Setting::RealTimeProtection { .. }
                | Setting::Exclusion { .. }
                | Setting::Access { .. }
                | Setting::Task { .. }
                | Setting::Watchdog { .. } => {}
            }
        }
        Ok(Some(service))
    }

    fn current(&self, setting: &Setting) -> Result<Setting> {
        match (setting, self.settings.get(&setting.subject())) {
            (Setting::Watchdog { .. } | Setting::Task { .. }, Some(known)) => Ok(known.clone()),
            (Setting::Watchdog { .. } | Setting::Task { .. }, None) => self.below.current(setting),
            _ => change::current(self, setting),
        }
    }

    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        match probe {
            Probe::Holders { paths } => {
                let origins = paths.iter().filter_map(|it| self.origin(it)).collect();
                let below = self.below.probe(&Probe::Holders { paths: origins })?;
                let ProbeOutput::Holders(mut found) = below else { return Ok(below) };
                let defender = probe::security(self).ok().and_then(|it| it.defender.ok());
                let is_let_go = |it: &Holder| {
                    let is_scanner = it.image().eq_ignore_ascii_case("msmpeng.exe")
                        || it.service().is_some_and(|it| it.folded() == "windefend");
                    is_scanner
                        && defender.as_ref().is_some_and(|defender| {
                            defender.real_time == Some(false) || defender.leaves_alone(&it.path)
                        })
                };
                found.holders.retain(|it| {
                    let runs = |name| self.is_running(name).unwrap_or(true);
                    !self.closed.contains(&it.pid())
                        && it.service().is_none_or(runs)
                        && !is_let_go(it)
                });
                Ok(ProbeOutput::Holders(found))
            }
            Probe::Updates => {
                let below = self.below.probe(probe)?;
                let ProbeOutput::Updates(mut all) = below else { return Ok(below) };
                for update in &mut all {
                    let is_it = |kb: &Option<String>| {
                        kb.as_ref().is_none_or(|kb| kb.eq_ignore_ascii_case(&update.kb))
                    };
                    if update.state == UpdateState::Pending && self.installed.iter().any(is_it) {
                        update.state = UpdateState::Installed;
                    }
                }
                Ok(ProbeOutput::Updates(all))
            }
            Probe::Processes => {
                let below = self.below.probe(probe)?;
                let ProbeOutput::Processes(mut all) = below else { return Ok(below) };
                all.retain(|it| !self.closed.contains(&it.pid));
                Ok(ProbeOutput::Processes(all))
            }
            Probe::Store if self.is_store_repaired => Ok(ProbeOutput::Store(StoreHealth::Healthy)),
            Probe::RestorePoints => {
                let below = self.below.probe(probe)?;
                let ProbeOutput::RestorePoints(mut all) = below else { return Ok(below) };
                for name in &self.restore_points {
                    let number = all.iter().map(|it| it.number).max().unwrap_or(0) + 1;
                    all.push(RestorePoint { number, name: name.clone(), time: None });
                }
                Ok(ProbeOutput::RestorePoints(all))
            }
            Probe::Access { of } => {
                let origin = match of {
                    Securable::Path(path) => match self.origin(path) {
                        Some(path) => Securable::Path(path),
                        None => return Ok(ProbeOutput::Access(None)),
                    },
                    Securable::Key(_) | Securable::Service(_) => of.clone(),
                };
                let below = self.below.probe(&Probe::Access { of: origin })?;
                let ProbeOutput::Access(Some(mut access)) = below else { return Ok(below) };
                let set = self.settings.values().find_map(|it| match it {
                    Setting::Access { of: own, access } if own == of => Some(access),
                    _ => None,
                });
                if let Some(set) = set {
                    let inherited = |it: &AccessEntry| it.flags & INHERITED != 0;
                    let above = access.entries.iter().filter(|it| inherited(it)).cloned();
                    let above: Vec<AccessEntry> = above.collect();
                    access.is_protected = set.is_protected;
                    access.entries = set.entries.iter().cloned().chain(above).collect();
                }
                Ok(ProbeOutput::Access(Some(access)))
            }
            Probe::Security => {
                let below = self.below.probe(probe)?;
                let ProbeOutput::Security(mut security) = below else { return Ok(below) };
                if let Ok(defender) = &mut security.defender {
                    self.change_defender(defender);
                }
                Ok(ProbeOutput::Security(security))
            }
            Probe::Signature { path } => match self.origin(path) {
                Some(path) => self.below.probe(&Probe::Signature { path }),
                None => Err(HostError::win32("ask who signed", path, 2)),
            },
            Probe::Pending
            | Probe::FreeSpace
            | Probe::Store
            | Probe::RepairSource { .. }
            | Probe::Filters
            | Probe::UpdateAgent
            | Probe::ServiceNames
            | Probe::Boot
            | Probe::Tasks
            | Probe::Disks
            | Probe::Power
            | Probe::Membership
            | Probe::Usage
            | Probe::Servers { .. }
            | Probe::Events(_) => self.below.probe(probe),
        }
    }
}

impl<H: Host> HostMut for Overlay<H> {
    fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Assign(setting) => {
                match setting {
                    Setting::Running { service, running: false } => self.stop(service)?,
                    Setting::Running { service, running: true } => self.start(service)?,
                    Setting::Start { service, .. } => {
                        known_service(self, service)?;
                    }
                    Setting::Value { key, .. } => {
                        self.key(key)?;
                    }
                    Setting::Watchdog { .. } | Setting::Access { .. } | Setting::Task { .. } => {
                        self.current(setting)?;
                    }
                    Setting::RealTimeProtection { .. } | Setting::Exclusion { .. } => {
                        let known = self.current(setting)?;
                        // It is taken, and nothing happens.
                        if known != *setting && is_tamper_protected(self) {
                            return Ok(());
                        }
                    }
                }
                self.settings.insert(setting.subject(), setting.clone());
                Ok(())
            }
            Change::Move { from, to } => self.move_aside(from, to),
            Change::PutBack { from, to, spare } => {
                if self.exists(from)? && self.exists(to)? {
                    self.move_aside(to, spare)?;
                }
                self.move_aside(from, to)
            }
            Change::Run(Tool::RetryUpdate { kb }) => {
                self.installed.push(kb.clone());
                Ok(())
            }
            Change::Run(Tool::ScanStore | Tool::CheckFiles | Tool::Restart { .. }) => Ok(()),
            Change::Run(Tool::RepairStore { source, .. }) => self.repair_store(source.as_ref()),
            Change::Run(Tool::RestorePoint { name, .. }) => {
                self.restore_points.push(name.clone());
                Ok(())
            }
            Change::Run(Tool::Discard { path }) => {
                let nowhere = WinPath::new(&format!("{path}\0"));
                self.moves.push((path.clone(), nowhere));
                Ok(())
            }
            Change::Run(Tool::AskToClose { pid, .. } | Tool::WaitForExit { pid, .. }) => {
                self.closed.insert(*pid);
                Ok(())
            }
        }
    }
}
