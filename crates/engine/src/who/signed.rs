//! Who signed the programs of holders, each file asked once.

use std::collections::HashMap;

use serde::Serialize;
use unwedge_host::probe::{self, SignatureKind};
use unwedge_host::{Host, HostErrorKind, WinPath};

use super::answer::{Holder, Process};

/// A file is read whole to be judged: no more of them are.
const MOST_FILES: usize = 64;
/// The process of the kernel, which was started from no file.
const SYSTEM: u32 = 4;

/// Who signed the file of a process, as Windows judges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Whether it is signed, and whether Windows trusts that.
    pub standing: Standing,
    /// Who signed; only a claim unless it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a file is signed, and whether Windows trusts that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is, and Windows trusts it.
    Trusted,
    /// It is, and Windows does not trust it.
    Untrusted,
    /// It is not.
    Unsigned,
    /// It could not be told.
    Unknown,
}

/// Who signed a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The name in the certificate.
    pub name: String,
    /// Whether it is shown to be a program of Microsoft itself.
    pub is_microsoft: bool,
    /// Where the signature is kept.
    pub kept_in: KeptIn,
}

/// Where a signature is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptIn {
    /// In the file.
    File,
    /// In a catalog of Windows.
    Catalog,
}

/// Asks for each process that holds or may hold something; of others, which only have a library
/// loaded, there may be hundreds.
pub(super) fn ask(host: &dyn Host, holders: &mut [Holder]) {
    let mut known: HashMap<String, Signature> = HashMap::new();
    for holder in holders.iter_mut().filter(|it| it.counts) {
        let Some(process) = holder.process.as_mut().filter(|it| it.pid != SYSTEM) else { continue };
        process.signature = Some(of_process(host, process, &mut known));
    }
}

fn of_process(
    host: &dyn Host,
    process: &Process,
    known: &mut HashMap<String, Signature>,
) -> Signature {
    let Some(path) = &process.path else {
        return unknown("the file it was started from is not known".to_owned());
    };
    let key = path.to_lowercase();
    if let Some(told) = known.get(&key) {
        return told.clone();
    }
    if known.len() >= MOST_FILES {
        return unknown(format!("no more than {MOST_FILES} programs are asked about"));
    }
    let told = match probe::signature(host, &WinPath::new(path)) {
        Ok(it) => told(it),
        Err(error) => unknown(match error.kind {
            HostErrorKind::NotCollected => "what is known of this PC does not say".to_owned(),
            kind => kind.to_string(),
        }),
    };
    known.insert(key, told.clone());
    told
}

fn told(it: probe::Signature) -> Signature {
    let standing = match it.standing {
        probe::Standing::Trusted => Standing::Trusted,
        probe::Standing::Untrusted => Standing::Untrusted,
        probe::Standing::Unsigned => Standing::Unsigned,
    };
    let signer = it.by.map(|by| Signer {
        name: by.name,
        is_microsoft: by.is_microsoft,
        kept_in: match by.kind {
            SignatureKind::Embedded => KeptIn::File,
            SignatureKind::Catalog => KeptIn::Catalog,
        },
    });
    Signature { standing, signer, why: None }
}

fn unknown(why: String) -> Signature {
    Signature { standing: Standing::Unknown, signer: None, why: Some(why) }
}
