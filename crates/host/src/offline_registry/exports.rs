//! Text exports of parts of the registry.

use std::collections::BTreeMap;

use unwedge_formats::{Gap, GapReason, registry_export};

use crate::{Data, HostError, Key, KeyPath, Result};

/// Keys of all exports, by their path in lower case.
#[derive(Debug, Default)]
pub(super) struct Exports {
    keys: BTreeMap<String, Key>,
    /// Keys that were exported with all below them.
    roots: Vec<KeyPath>,
    pub(super) sources: Vec<String>,
}

impl Exports {
    /// Takes in one export and tells what of it could not be read.
    pub(super) fn add(&mut self, source: &str, bytes: &[u8]) -> Vec<Gap> {
        let Some(export) = registry_export::read(bytes) else { return Vec::new() };
        let mut gaps = export.gaps;
        // What asks for deletions is a script that somebody wrote: it tells what should be.
        let is_script = export
            .items
            .iter()
            .any(|key| key.is_deleted || key.values.iter().any(|(_, data)| data.is_none()));
        if is_script {
            let why = "asks for changes, and is no picture of a registry".to_owned();
            gaps.push(Gap { at: 0..0, line: 0, what: "export", why: GapReason::Unreadable(why) });
            return gaps;
        }
        self.sources.push(source.to_owned());
        for key in export.items {
            let path = KeyPath::new(&key.path);
            if !self.roots.iter().any(|root| is_within(&path, root)) {
                self.roots.push(path.clone());
            }
            let values = key.values.into_iter();
            let values: Vec<(String, Data)> =
                values.filter_map(|(name, data)| Some((name, data?.into()))).collect();
            let folded = path.folded();
            if let Some(known) = self.keys.get_mut(&folded) {
                known.values = values;
                continue;
            }
            if let Some((parent, _)) = folded.rsplit_once('\\')
                && let Some(parent) = self.keys.get_mut(parent)
                && let Some((_, name)) = path.as_str().rsplit_once('\\')
            {
                parent.subkeys.push(name.to_owned());
            }
            self.keys.insert(folded, Key { values, subkeys: Vec::new() });
        }
        gaps
    }

    pub(super) fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        match self.keys.get(&path.folded()) {
            Some(key) => Ok(Some(key.clone())),
            None if self.roots.iter().any(|root| is_within(path, root)) => Ok(None),
            None => Err(HostError::not_collected("read key", path)),
        }
    }

    pub(super) fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        let Some(key) = self.key(path)? else { return Ok(None) };
        let below = key.subkeys.into_iter().filter_map(|name| {
            let key = self.keys.get(&path.join(&name).folded())?.clone();
            Some((name, key))
        });
        Ok(Some(below.collect()))
    }
}

fn is_within(path: &KeyPath, root: &KeyPath) -> bool {
    let (path, root) = (path.folded(), root.folded());
    path.strip_prefix(&root).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}
