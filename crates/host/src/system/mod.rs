//! What the registry of a PC says, and the questions beside it, in the words of the field, over any [`Host`]: live, collected
//! or written down.
//!
//! Nothing here decides anything. What could not be learnt stands beside what could.

pub mod class_filters;
pub mod defender;
pub mod filters;
pub mod hivelist;
mod image;
pub mod management;
pub mod network;
pub mod packages;
pub mod pending;
pub mod policy;
pub mod restore;
pub mod services;
pub mod servicing;
pub mod startup;
pub mod tasks;
pub mod uninstall;

pub use image::image_file;

use crate::{Host, HostError, HostErrorKind, Key, KeyPath, WinPath};

/// What was found, and what could not be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading<T> {
    /// What was found; if [`Reading::unknown`] is empty, that is all there is.
    pub found: T,
    /// Keys and files that could not be asked for.
    pub unknown: Vec<Unknown>,
}

/// Something that could not be learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The key or file.
    pub subject: String,
    /// Why not.
    pub why: HostErrorKind,
}

/// Asks `host` for everything that this module reads, and for what it says about the PC as a whole.
///
/// For a [`crate::recorded::Recorder`]: what is of use later must be asked now.
pub fn ask_all(host: &dyn Host) {
    crate::offline_registry::ask_about(host);
    let _ = class_filters::read(host);
    let _ = defender::read(host);
    let _ = filters::read(host);
    let _ = hivelist::read(host);
    let _ = packages::read(host);
    let _ = pending::read(host);
    let _ = policy::read(host);
    let _ = restore::read(host);
    let _ = services::read(host);
    let _ = startup::read(host);
    let _ = uninstall::read(host);
}

/// A host that is asked for many things, and what it could not tell.
struct Inquiry<'h> {
    host: &'h dyn Host,
    unknown: Vec<Unknown>,
}

impl<'h> Inquiry<'h> {
    fn of(host: &'h dyn Host) -> Self {
        Inquiry { host, unknown: Vec::new() }
    }

    /// A key; `None` if it is absent or unknown, which is then noted.
    fn key(&mut self, path: &str) -> Option<Key> {
        let answer = self.host.key(&KeyPath::new(path));
        self.noted(path, answer).flatten()
    }

    /// The keys below a key. If only some of them can be read, those, and that is noted.
    fn keys_below(&mut self, path: &str) -> Vec<(String, Key)> {
        let path = KeyPath::new(path);
        let error = match self.host.keys_below(&path) {
            Ok(below) => return below.unwrap_or_default(),
            Err(error) => error,
        };
        let some = self.host.key(&path).ok().flatten().unwrap_or_default().subkeys;
        let _: Option<()> = self.noted(path.as_str(), Err(error));
        let read = |name: String| self.key(path.join(&name).as_str()).map(|key| (name, key));
        some.into_iter().filter_map(read).collect()
    }

    /// Whether a file is there; `None` if that is unknown, which is then noted.
    fn exists(&mut self, path: &WinPath) -> Option<bool> {
        let answer = self.host.exists(path);
        self.noted(path.as_str(), answer)
    }

    fn noted<T>(&mut self, subject: &str, answer: Result<T, HostError>) -> Option<T> {
        match answer {
            Ok(told) => Some(told),
            Err(error) => {
                self.unknown.push(Unknown { subject: subject.to_owned(), why: error.kind });
                None
            }
        }
    }

    fn done<T>(self, found: T) -> Reading<T> {
        Reading { found, unknown: self.unknown }
    }
}
