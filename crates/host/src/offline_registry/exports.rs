//! Text exports of parts of the registry.

use std::collections::{BTreeMap, BTreeSet};

use unwedge_formats::registry_export::{self, Standing};
use unwedge_formats::{Gap, GapReason};

use crate::{Data, HostError, Key, KeyPath, Result};

/// Keys of all exports, by their path in lower case.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    keys: BTreeMap<String, Key>,
    /// Keys that were exported with all below them.
    roots: Vec<KeyPath>,
    /// Keys that were looked for in vain, and keys of which nothing is told, in lower case.
    not_there: BTreeSet<String>,
    not_exported: BTreeSet<String>,
    pub(crate) sources: Vec<String>,
}

impl Exports {
    /// Takes in one export and tells what of it could not be read.
    pub(crate) fn add(&mut self, source: &str, bytes: &[u8]) -> Vec<Gap> {
        let Some(export) = registry_export::read(bytes) else { return Vec::new() };
        let mut gaps = export.gaps;
        // What asks for deletions is a script that somebody wrote: it tells what should be.
        let is_script = export.items.iter().any(|key| {
            key.standing == Standing::ToDelete || key.values.iter().any(|(_, data)| data.is_none())
        });
        if is_script {
            let why = "asks for changes, and is no picture of a registry".to_owned();
            gaps.push(Gap { at: 0..0, line: 0, what: "export", why: GapReason::Unreadable(why) });
            return gaps;
        }
        self.sources.push(source.to_owned());
        for key in export.items {
            let path = KeyPath::new(&key.path);
            if key.standing == Standing::NotThere {
                self.not_there.insert(path.folded());
                continue;
            }
            if key.standing == Standing::NotExported {
                self.not_exported.insert(path.folded());
                self.name_below_parent(&path);
                continue;
            }
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
            self.name_below_parent(&path);
            self.keys.insert(folded, Key { values, subkeys: Vec::new() });
        }
        gaps
    }

    pub(crate) fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        let folded = path.folded();
        match self.keys.get(&folded) {
            Some(key) => Ok(Some(key.clone())),
            None if holds_or_above(&self.not_there, &folded) => Ok(None),
            None if holds_or_above(&self.not_exported, &folded) => {
                Err(HostError::not_collected("read key", path))
            }
            None if self.roots.iter().any(|root| is_within(path, root)) => Ok(None),
            None => Err(HostError::not_collected("read key", path)),
        }
    }

    pub(crate) fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        let Some(key) = self.key(path)? else { return Ok(None) };
        let mut below = Vec::new();
        for name in key.subkeys {
            match self.keys.get(&path.join(&name).folded()) {
                Some(key) => below.push((name, key.clone())),
                None => return Err(HostError::not_collected("read key", &path.join(&name))),
            }
        }
        Ok(Some(below))
    }

    fn name_below_parent(&mut self, path: &KeyPath) {
        if let Some((parent, _)) = path.folded().rsplit_once('\\')
            && let Some(parent) = self.keys.get_mut(parent)
            && let Some((_, name)) = path.as_str().rsplit_once('\\')
            && !parent.subkeys.iter().any(|known| known.eq_ignore_ascii_case(name))
        {
            parent.subkeys.push(name.to_owned());
        }
    }
}

/// Whether a path or one that it lies below is among these.
fn holds_or_above(paths: &BTreeSet<String>, folded: &str) -> bool {
    let ends = folded.match_indices('\\').map(|(end, _)| end).chain([folded.len()]);
    !paths.is_empty() && ends.into_iter().any(|end| paths.contains(&folded[..end]))
}

fn is_within(path: &KeyPath, root: &KeyPath) -> bool {
    let (path, root) = (path.folded(), root.folded());
    path.strip_prefix(&root).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}
