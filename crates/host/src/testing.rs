//! What every host must satisfy, and a host that fails on demand. For tests of this workspace.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    About, Change, Entry, Evidence, Host, HostError, HostErrorKind, HostMut, Key, KeyPath, Probe,
    ProbeOutput, ReadSeek, Result, Service, ServiceName, Setting, WinPath, probe,
};

/// What a test knows about the host it hands to [`conforms`].
pub struct Known<'a> {
    /// A file that is there.
    pub file: &'a str,
    /// A folder all of whose content is known.
    pub folder: &'a str,
    /// A path known to be absent.
    pub absent: &'a str,
    /// A path nothing is known about.
    pub unknown: &'a str,
}

/// Fails unless `host` keeps the contract of [`Host`] for reading files.
pub fn conforms(host: &dyn Host, known: &Known<'_>) {
    reads_as_evidence(host, known.file, known.unknown);
    let [folder, absent] = [known.folder, known.absent].map(WinPath::new);
    assert_eq!(host.read(&absent).expect("absence is an answer"), None);
    assert!(!host.exists(&absent).expect("absence is an answer"));
    assert_eq!(host.list(&absent).expect("absence is an answer"), None);
    listing_agrees_with_reading(host, &folder);
    signatures_are_told_or_not_known(host, known);
}

/// That a file is not signed is an answer about a file that is there, and about no other.
fn signatures_are_told_or_not_known(host: &dyn Host, known: &Known<'_>) {
    let ask = |path: &str| probe::signature(host, &WinPath::new(path));
    let [missing, unknown] = [known.absent, known.unknown].map(ask);
    assert_eq!(missing.expect_err("nobody signed what is absent").kind, HostErrorKind::Win32(2));
    let unknown = unknown.expect_err("what is not known is an error, never unsigned");
    assert_eq!(unknown.kind, HostErrorKind::NotCollected);
    let [told, other_case] = [known.file.to_owned(), known.file.to_uppercase()].map(|it| ask(&it));
    assert_eq!(told.ok(), other_case.ok(), "names are compared without case");
}

/// The part of the contract that evidence can keep too, which knows of no absence: `file` is there,
/// of `unknown` nothing is known.
pub fn reads_as_evidence(host: &dyn Host, file: &str, unknown: &str) {
    let other_case = WinPath::new(&file.to_uppercase());
    let [file, unknown] = [file, unknown].map(WinPath::new);
    let content = host.read(&file).expect("a known file can be read");
    assert!(content.is_some(), "a file that is there is read");
    assert!(host.exists(&file).expect("a known file can be looked for"));
    assert_eq!(
        host.read(&other_case).expect("case does not matter"),
        content,
        "names are compared without case"
    );
    let err = host.read(&unknown).expect_err("what is not known is an error, never absent");
    assert_eq!(err.kind, HostErrorKind::NotCollected);
    assert!(host.exists(&unknown).is_err(), "what is not known is an error, never absent");
    for evidence in host.evidence().expect("evidence can be listed") {
        let mut bytes = Vec::new();
        let mut reader = host.open_evidence(&evidence).expect("what is listed can be opened");
        reader.read_to_end(&mut bytes).expect("what is listed can be read");
        assert_eq!(bytes.len() as u64, evidence.size_bytes, "{}", evidence.source);
    }
}

fn listing_agrees_with_reading(host: &dyn Host, folder: &WinPath) {
    let entries = host.list(folder).expect("a known folder can be listed");
    for entry in entries.expect("a known folder is there") {
        let path = folder.join(&entry.name);
        assert!(host.exists(&path).expect("what is listed is known"), "{path} is listed");
        let content = host.read(&path).expect("what is listed is known");
        assert_eq!(content.is_none(), entry.is_folder, "{path}");
        assert_eq!(content.map_or(0, |it| it.len() as u64), entry.size_bytes, "{path}");
    }
}

/// Fails unless a change holds once applied, twice is once, and its inverse takes it back.
pub fn applies_and_reverts<H: HostMut>(
    host: &mut H,
    change: &Change,
    state: impl Fn(&H) -> String,
) {
    let before = state(host);
    assert!(!change.holds(host).expect("it can be told"), "{change} would show nothing");
    let inverse = change.inverse(host).expect("it can be told").expect("it is reversible");
    host.apply(change).expect("it can be applied");
    assert!(change.holds(host).expect("it can be told"), "{change} holds once applied");
    let once = state(host);
    host.apply(change).expect("it can be applied again");
    assert_eq!(state(host), once, "applying {change} twice is applying it once");
    host.apply(&inverse).expect("the inverse can be applied");
    assert_eq!(state(host), before, "the inverse of {change} restores");
    host.apply(&inverse).expect("the inverse can be applied again");
    assert_eq!(state(host), before, "the inverse of {change} is idempotent");
}

/// A budget of touches of the world: at the last one the power goes, before or after its effect.
#[derive(Debug, Clone)]
pub struct Power {
    left: Arc<AtomicU32>,
    after: bool,
}

impl Power {
    /// Power for ever.
    #[must_use]
    pub fn endless() -> Self {
        Power::cut_before(u32::MAX)
    }

    /// The power goes instead of the effect of touch number `at`, counted from 1.
    #[must_use]
    pub fn cut_before(at: u32) -> Self {
        Power { left: Arc::new(AtomicU32::new(at)), after: false }
    }

    /// The power goes right after the effect of touch number `at`, before anyone hears of it.
    #[must_use]
    pub fn cut_after(at: u32) -> Self {
        Power { left: Arc::new(AtomicU32::new(at)), after: true }
    }

    /// Whether the next touch is the last, and loses its effect.
    #[must_use]
    pub fn is_about_to_tear(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 1 && !self.after
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    /// Spends a touch; `None` if the power went in it.
    pub fn touch<T>(&self, effect: impl FnOnce() -> T) -> Option<T> {
        match self.left.load(Ordering::SeqCst) {
            u32::MAX => Some(effect()),
            0 => None,
            1 => {
                self.left.store(0, Ordering::SeqCst);
                if self.after {
                    effect();
                }
                None
            }
            left => {
                self.left.store(left - 1, Ordering::SeqCst);
                Some(effect())
            }
        }
    }
}

/// How a [`Faulty`] host treats one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Windows refuses: error 5.
    Refuses,
    /// Windows says it is done, and nothing happens.
    Lies,
}

/// A host whose power goes at a chosen moment, or that fails at chosen changes.
pub struct Faulty<'a, H> {
    /// The host below.
    pub below: &'a mut H,
    /// When the power goes.
    pub power: Power,
    /// Changes that fail, and how.
    pub faults: Vec<(Change, Fault)>,
}

impl<H: HostMut> HostMut for Faulty<'_, H> {
    fn apply(&mut self, change: &Change) -> Result<()> {
        let fault = self.faults.iter().find(|(it, _)| it == change).map(|(_, fault)| *fault);
        let below = &mut *self.below;
        let done = self.power.touch(|| match fault {
            Some(Fault::Refuses) => Err(HostError::win32("apply", change, 5)),
            Some(Fault::Lies) => Ok(()),
            None => below.apply(change),
        });
        done.unwrap_or_else(|| Err(crashed("apply", change)))
    }
}

impl<H: HostMut> Faulty<'_, H> {
    fn alive(&self) -> Result<&H> {
        if self.power.is_gone() { Err(crashed("read", "the machine")) } else { Ok(&*self.below) }
    }
}

fn crashed(op: &'static str, subject: &(impl ToString + ?Sized)) -> HostError {
    HostError { op, subject: subject.to_string(), kind: HostErrorKind::Crashed }
}

impl<H: HostMut> Host for Faulty<'_, H> {
    fn about(&self) -> &About {
        self.below.about()
    }
    fn evidence(&self) -> Result<Vec<Evidence>> {
        self.alive()?.evidence()
    }
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        self.alive()?.open_evidence(evidence)
    }
    fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        self.alive()?.read(path)
    }
    fn exists(&self, path: &WinPath) -> Result<bool> {
        self.alive()?.exists(path)
    }
    fn list(&self, folder: &WinPath) -> Result<Option<Vec<Entry>>> {
        self.alive()?.list(folder)
    }
    fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        self.alive()?.key(path)
    }
    fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        self.alive()?.service(name)
    }
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        self.alive()?.probe(probe)
    }
    fn current(&self, setting: &Setting) -> Result<Setting> {
        self.alive()?.current(setting)
    }
}
