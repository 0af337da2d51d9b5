//! Who made a program, as far as its signature tells; never by what it calls itself.

use std::collections::BTreeMap;

use serde::Serialize;
use unwedge_host::probe::{self, Standing};
use unwedge_host::system::image_file;
use unwedge_host::{Host, Service, WinPath};

use crate::knowledge::services as known_services;

const SVCHOST: &str = "svchost.exe";

/// Who signed a program, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "detail")]
pub enum SignedBy {
    /// Microsoft, by a chain of certificates that ends in its own.
    Microsoft,
    /// Somebody else.
    Other(String),
    /// Nobody.
    Nobody,
    /// It could not be told; why.
    Unknown(String),
}

/// Who signed what, each file asked about once.
pub(super) struct Signers<'h> {
    host: &'h dyn Host,
    known: BTreeMap<WinPath, SignedBy>,
}

impl<'h> Signers<'h> {
    /// Nobody is asked about yet.
    pub(super) fn of(host: &'h dyn Host) -> Self {
        Signers { host, known: BTreeMap::new() }
    }

    /// The one who made the program of a service: of a shared process the library that it runs.
    pub(super) fn of_service(&mut self, service: &Service) -> SignedBy {
        let image = service.image.as_deref().and_then(image_file);
        let dll = service.more.dll.as_deref().and_then(image_file);
        match (&image, &dll) {
            (_, Some(dll)) => self.of_file(Some(dll)),
            (Some(image), None) if image.name().eq_ignore_ascii_case(SVCHOST) => {
                SignedBy::Unknown("which library it runs is not known".to_owned())
            }
            (image, None) => self.of_file(image.as_ref()),
        }
    }

    /// Whether a service is left alone because it belongs to Microsoft.
    pub(super) fn is_of_windows(&mut self, service: &Service) -> bool {
        match self.of_service(service) {
            SignedBy::Microsoft => true,
            SignedBy::Other(_) | SignedBy::Nobody => false,
            SignedBy::Unknown(_) => {
                let image = service.image.as_deref().and_then(image_file);
                let is_inside = image.is_none_or(|it| it.is_within(&WinPath::new(r"C:\Windows")));
                is_inside && known_services::get(service.name.as_str()).is_some()
            }
        }
    }

    /// Who signed a file.
    pub(super) fn of_file(&mut self, file: Option<&WinPath>) -> SignedBy {
        let Some(file) = file else {
            return SignedBy::Unknown("which file it runs is not known".to_owned());
        };
        if let Some(known) = self.known.get(file) {
            return known.clone();
        }
        let signed = match probe::signature(self.host, file) {
            Err(error) => SignedBy::Unknown(error.kind.to_string()),
            Ok(signature) => match (signature.standing, signature.by) {
                (Standing::Trusted, Some(by)) if by.is_microsoft => SignedBy::Microsoft,
                (Standing::Trusted, Some(by)) => SignedBy::Other(by.name),
                (Standing::Untrusted, Some(by)) => {
                    SignedBy::Other(format!("{} (which Windows does not trust)", by.name))
                }
                (_, None) => SignedBy::Nobody,
                (Standing::Unsigned, Some(_)) => SignedBy::Nobody,
            },
        };
        self.known.insert(file.clone(), signed.clone());
        signed
    }
}
