//! What a registry was asked for, and what it answered: so much of it as a question needed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use unwedge_formats::registry_export::{Standing, begin, write_key, write_standing};

use crate::probe::{Probe, ProbeOutput};
use crate::{
    About, Data, Entry, Evidence, Host, Key, KeyPath, ReadSeek, RegistryGap, Result, Service,
    ServiceName, WinPath,
};

const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// A host that remembers which keys were read; everything else is as the host it stands before.
pub struct Recorder<'h> {
    host: &'h dyn Host,
    /// By path in lower case; no key is one that is known to be absent.
    answers: Mutex<BTreeMap<String, (KeyPath, Option<Key>)>>,
}

/// The values of a key that are written down, as they are to be written.
pub type Kept<'k> = dyn FnMut(&KeyPath, Key) -> Vec<(String, Data)> + 'k;

impl<'h> Recorder<'h> {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(host: &'h dyn Host) -> Recorder<'h> {
        Recorder { host, answers: Mutex::default() }
    }

    /// All answers as the text of an export, which gives the same answers again; `None` if no key
    /// was found. `shown` gives each path as it is to be written, `kept` the values.
    pub fn export(
        &self,
        shown: &mut dyn FnMut(&str) -> String,
        kept: &mut Kept<'_>,
    ) -> Option<String> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if !answers.values().any(|(_, key)| key.is_some()) {
            return None;
        }
        let mut text = begin();
        // A key is told of before what lies below it: the order of paths is that of the map.
        for (path, key) in answers.values() {
            let Some(key) = key.clone() else {
                write_standing(&mut text, &shown(path.as_str()), Standing::NotThere);
                continue;
            };
            let below: Vec<KeyPath> = key.subkeys.iter().map(|name| path.join(name)).collect();
            let values: Vec<(String, unwedge_formats::regf::Data)> =
                kept(path, key).into_iter().map(|(name, data)| (name, data.into())).collect();
            let values = values.iter().map(|(name, data)| (name.as_str(), data));
            write_key(&mut text, &shown(path.as_str()), values);
            for path in below.iter().filter(|path| !answers.contains_key(&path.folded())) {
                write_standing(&mut text, &shown(path.as_str()), Standing::NotExported);
            }
        }
        Some(text)
    }

    fn note(&self, path: KeyPath, key: Option<Key>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(path.folded(), (path, key));
    }
}

impl Host for Recorder<'_> {
    fn about(&self) -> &About {
        self.host.about()
    }

    fn evidence(&self) -> Result<Vec<Evidence>> {
        self.host.evidence()
    }

    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        self.host.open_evidence(evidence)
    }

    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        self.host.read(path)
    }

    fn exists(&self, path: &WinPath) -> Result<bool> {
        self.host.exists(path)
    }

    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        self.host.list(folder)
    }

    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        let answer = self.host.key(path)?;
        self.note(path.clone(), answer.clone());
        Ok(answer)
    }

    fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        let answer = self.host.keys_below(path)?;
        self.key(path)?;
        for (name, key) in answer.iter().flatten() {
            self.note(path.join(name), Some(key.clone()));
        }
        Ok(answer)
    }

    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        // A host may know services and no registry.
        let _: Result<Option<Key>> = self.key(&KeyPath::new(SERVICES).join(name.as_str()));
        self.host.service(name)
    }

    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        self.host.probe(probe)
    }

    fn registry_gaps(&self) -> Vec<RegistryGap> {
        self.host.registry_gaps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostError;
    use crate::offline_registry::Exports;

    /// A registry of a few keys, of which one cannot be read.
    struct Registry {
        about: About,
    }

    impl Host for Registry {
        fn about(&self) -> &About {
            &self.about
        }

        fn evidence(&self) -> Result<Vec<Evidence>> {
            Ok(Vec::new())
        }

        fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
            Err(HostError::not_collected("open", &evidence.source))
        }

        fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
            match path.as_str() {
                r"HKLM\SOFTWARE\A" => Ok(Some(Key {
                    values: vec![("Name".to_owned(), Data::Sz("x".to_owned()))],
                    subkeys: vec!["One".to_owned(), "Two".to_owned()],
                })),
                r"HKLM\SOFTWARE\A\One" => Ok(Some(Key::default())),
                r"HKLM\SOFTWARE\Hidden" => Err(HostError::not_collected("read key", path)),
                _ => Ok(None),
            }
        }
    }

    #[test]
    fn an_export_gives_the_answers_that_were_given_and_no_others() {
        let registry = Registry { about: About::default() };
        let recorder = Recorder::new(&registry);
        let asked = [
            r"HKLM\SOFTWARE\A",
            r"HKLM\SOFTWARE\A\One",
            r"HKLM\SOFTWARE\B",
            r"HKLM\SOFTWARE\Hidden",
        ];
        let answers = asked.map(|path| recorder.key(&KeyPath::new(path)).ok());
        let text = recorder.export(&mut |path| path.to_owned(), &mut |_, key| key.values).unwrap();
        let mut exports = Exports::default();
        assert!(exports.add("registry.reg", text.as_bytes()).is_empty());
        let again = asked.map(|path| {
            let mut answer = exports.key(&KeyPath::new(path)).ok();
            answer.iter_mut().flatten().for_each(|key| key.subkeys.sort());
            answer
        });
        assert_eq!(again, answers, "{text}");
        for unknown in [r"HKLM\SOFTWARE\A\Two", r"HKLM\SOFTWARE\A\Two\X", r"HKLM\SOFTWARE\C"] {
            assert!(exports.key(&KeyPath::new(unknown)).is_err(), "{unknown}");
        }
        assert!(exports.keys_below(&KeyPath::new(r"HKLM\SOFTWARE\A")).is_err());
        let _ = exports.add("more.reg", b"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A\\Two]\n");
        assert_eq!(
            exports.keys_below(&KeyPath::new(r"HKLM\SOFTWARE\A")).unwrap().unwrap().len(),
            2
        );
    }
}
