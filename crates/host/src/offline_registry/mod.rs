//! The registry of a PC that is not running: from hives and text exports in the evidence.
//!
//! A hive holds all of its keys, so that what it does not have is known to be absent. Keys that
//! live in memory only are the exception: they are in no hive, and not to find one says nothing.
//! An export holds what it holds; only below a key that it exports is anything known to be absent.

mod about;
mod exports;
mod find;
mod service;

use std::sync::{Mutex, OnceLock, PoisonError};

use unwedge_formats::Gap;
use unwedge_formats::regf::{self, Hive};

use crate::{
    About, HostError, HostErrorKind, Key, KeyPath, Result, Service, ServiceName, registry,
};
pub(crate) use exports::Exports;
pub use find::{Opener, Source};

/// Asks a host for the keys from which [`OfflineRegistry::about`] is read.
pub(crate) fn ask_about(host: &dyn crate::Host) {
    let _ = about::read(&|path| host.key(path));
}

/// Keys that Windows makes in memory only, so that they are gone with the next start.
const VOLATILE: [&str; 7] = [
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootInProgress",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
    r"HKLM\SOFTWARE\Microsoft\Updates\UpdateExeVolatile",
    r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName",
    r"HKLM\SYSTEM\CurrentControlSet\Control\hivelist",
    r"HKLM\HARDWARE",
];
/// Damage beyond this is not told one by one.
const MOST_GAPS: usize = 200;

/// The registry, as far as the evidence has it.
#[derive(Default)]
pub struct OfflineRegistry {
    mounts: Vec<Mount>,
    exports: Exports,
    gaps: Mutex<Vec<RegistryGap>>,
    about: OnceLock<About>,
    dependents: OnceLock<service::Dependents>,
}

/// A part of the registry that could not be read, and in which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryGap {
    /// The file by the name reports use.
    pub source: String,
    /// Where and why.
    pub gap: Gap,
}

/// A hive at the place where a running Windows shows it.
struct Mount {
    /// Such as `hklm\system`, in lower case.
    at: String,
    source: String,
    hive: Hive<'static>,
    /// Such as `ControlSet001`; only of SYSTEM.
    control_set: Option<String>,
}

impl OfflineRegistry {
    /// What is known about the PC from its registry.
    pub fn about(&self) -> &About {
        self.about.get_or_init(|| about::read(&|path| self.key(path)))
    }

    /// Files that are read as parts of the registry, by the names reports use.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let hives = self.mounts.iter().map(|it| it.source.as_str());
        hives.chain(self.exports.sources.iter().map(String::as_str))
    }

    /// Everything that was found damaged so far.
    pub fn gaps(&self) -> Vec<RegistryGap> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A key; `None` if it is known to be absent.
    pub fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        match self.found(path) {
            Ok(Some((mount, key))) => Ok(Some(self.read(mount, &key))),
            Ok(None) if !is_volatile(path) => Ok(None),
            Err(error) if error.kind != HostErrorKind::NotCollected => Err(error),
            Ok(None) | Err(_) => self.exports.key(path),
        }
    }

    /// The keys directly below a key, read in one go; `None` if there is no such key, an error if
    /// damage hides some of them. [`OfflineRegistry::key`] then still names the others.
    pub fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        match self.found(path) {
            Ok(Some((mount, key))) => {
                let below = key.subkeys();
                if let Some(gap) = below.gaps.last() {
                    let error = damaged(path, gap);
                    self.note(mount, below.gaps);
                    return Err(error);
                }
                let read = |key: &regf::Key<'_>| (key.name(), self.read(mount, key));
                Ok(Some(below.items.iter().map(read).collect()))
            }
            Ok(None) if !is_volatile(path) => Ok(None),
            Err(error) if error.kind != HostErrorKind::NotCollected => Err(error),
            Ok(None) | Err(_) => self.exports.keys_below(path),
        }
    }

    /// A service as it is set up; what it is doing nobody wrote down.
    pub fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        service::read(self, name)
    }

    fn found(&self, path: &KeyPath) -> Result<Option<(&Mount, regf::Key<'_>)>> {
        let folded = path.folded();
        let within = |mount: &&Mount| {
            folded.strip_prefix(&mount.at).is_some_and(|it| it.is_empty() || it.starts_with('\\'))
        };
        let Some(mount) = self.mounts.iter().find(within) else {
            return Err(HostError::not_collected("read key", path));
        };
        // Lower case can be longer than what it is made of, but not for these roots.
        let below = path.as_str().get(mount.at.len()..).unwrap_or_default();
        let found = match (&mount.control_set, first_of(below)) {
            (Some(set), Some((first, rest))) if first.eq_ignore_ascii_case("CurrentControlSet") => {
                mount.hive.key(&format!(r"{set}\{rest}"))
            }
            _ => mount.hive.key(below),
        };
        match found {
            Ok(key) => Ok(key.map(|key| (mount, key))),
            Err(gap) => {
                let error = damaged(path, &gap);
                self.note(mount, vec![gap]);
                Err(error)
            }
        }
    }

    fn read(&self, mount: &Mount, key: &regf::Key<'_>) -> Key {
        let below = key.subkeys();
        let values = key.values();
        let mut read = Key {
            values: Vec::with_capacity(values.items.len()),
            subkeys: below.items.iter().map(regf::Key::name).collect(),
        };
        let mut gaps = below.gaps;
        gaps.extend(values.gaps);
        for value in &values.items {
            match value.data() {
                Ok(data) => read.values.push((value.name(), registry::Data::from(data))),
                Err(gap) => gaps.push(gap),
            }
        }
        self.note(mount, gaps);
        read
    }

    fn note(&self, mount: &Mount, gaps: Vec<Gap>) {
        self.note_all(&mount.source, gaps);
    }

    fn note_all(&self, source: &str, gaps: Vec<Gap>) {
        if gaps.is_empty() {
            return;
        }
        let mut noted = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        for gap in gaps {
            let is_known = noted.iter().any(|it| it.gap == gap && it.source == source);
            if !is_known && noted.len() < MOST_GAPS {
                noted.push(RegistryGap { source: source.to_owned(), gap });
            }
        }
    }
}

fn damaged(path: &KeyPath, gap: &Gap) -> HostError {
    let kind = HostErrorKind::Corrupt(format!("{}: {}", gap.what, gap.why));
    HostError { op: "read key", subject: path.to_string(), kind }
}

fn is_volatile(path: &KeyPath) -> bool {
    let folded = path.folded();
    VOLATILE.iter().any(|it| {
        let rest = folded.strip_prefix(&it.to_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
    })
}

/// `ControlSet001` and `Services` of `\ControlSet001\Services`.
fn first_of(below: &str) -> Option<(&str, &str)> {
    let below = below.strip_prefix('\\')?;
    Some(below.split_once('\\').unwrap_or((below, "")))
}

impl std::fmt::Debug for OfflineRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sources()).finish()
    }
}

#[cfg(test)]
mod tests;
