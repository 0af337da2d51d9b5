//! Whose certificate a signature was made with, from what `WinVerifyTrust` remembers of it.

use std::ffi::{CStr, c_void};

use windows::Win32::Foundation::HANDLE;
use windows::Win32::Security::Cryptography::{
    CERT_CHAIN_CONTEXT, CERT_CHAIN_POLICY_MICROSOFT_ROOT, CERT_CHAIN_POLICY_PARA,
    CERT_CHAIN_POLICY_STATUS, CERT_CONTEXT, CERT_NAME_SIMPLE_DISPLAY_TYPE, CTL_USAGE,
    MICROSOFT_ROOT_CERT_CHAIN_POLICY_CHECK_APPLICATION_ROOT_FLAG,
};
use windows::Win32::Security::WinTrust::{CRYPT_PROVIDER_CERT, CRYPT_PROVIDER_SGNR};
use windows::core::{BOOL, PCSTR};

use super::library::{Address, Library};
use super::verdict::is_for_microsoft_itself;
use crate::Result;
use crate::probe::{SignatureKind, Signer, Standing};

/// A name in a certificate is not longer.
const NAME_UNITS: usize = 512;
/// More bytes, or more purposes, no certificate has.
const PURPOSE_BYTES: u32 = 64 << 10;
const MOST_PURPOSES: u32 = 256;

type Data = unsafe extern "system" fn(HANDLE) -> *mut c_void;
type OfSigner = unsafe extern "system" fn(*mut c_void, u32, BOOL, u32) -> *mut CRYPT_PROVIDER_SGNR;
type OfChain = unsafe extern "system" fn(*mut CRYPT_PROVIDER_SGNR, u32) -> *mut CRYPT_PROVIDER_CERT;
type Name =
    unsafe extern "system" fn(*const CERT_CONTEXT, u32, u32, *const c_void, *mut u16, u32) -> u32;
type Usage = unsafe extern "system" fn(*const CERT_CONTEXT, u32, *mut c_void, *mut u32) -> BOOL;
type Policy = unsafe extern "system" fn(
    PCSTR,
    *const CERT_CHAIN_CONTEXT,
    *const CERT_CHAIN_POLICY_PARA,
    *mut CERT_CHAIN_POLICY_STATUS,
) -> BOOL;

/// The functions that look into certificates.
pub(super) struct Certificates {
    data: Data,
    of_signer: OfSigner,
    of_chain: OfChain,
    name: Name,
    usage: Usage,
    policy: Policy,
}

impl Certificates {
    /// Finds them; `trust` is wintrust.dll.
    pub(super) fn load(trust: &Library) -> Result<Certificates> {
        let crypt = Library::system("crypt32.dll")?;
        let data = trust.function(c"WTHelperProvDataFromStateData")?;
        let of_signer = trust.function(c"WTHelperGetProvSignerFromChain")?;
        let of_chain = trust.function(c"WTHelperGetProvCertFromChain")?;
        let name = crypt.function(c"CertGetNameStringW")?;
        let usage = crypt.function(c"CertGetEnhancedKeyUsage")?;
        let policy = crypt.function(c"CertVerifyCertificateChainPolicy")?;
        Ok(Certificates {
            // SAFETY: this is its form in `wintrust.h`.
            data: unsafe { std::mem::transmute::<Address, Data>(data) },
            // SAFETY: as above.
            of_signer: unsafe { std::mem::transmute::<Address, OfSigner>(of_signer) },
            // SAFETY: as above.
            of_chain: unsafe { std::mem::transmute::<Address, OfChain>(of_chain) },
            // SAFETY: this is its form in `wincrypt.h`.
            name: unsafe { std::mem::transmute::<Address, Name>(name) },
            // SAFETY: as above.
            usage: unsafe { std::mem::transmute::<Address, Usage>(usage) },
            // SAFETY: as above.
            policy: unsafe { std::mem::transmute::<Address, Policy>(policy) },
        })
    }

    /// Who signed, of a verdict that is still remembered as `state`.
    pub(super) fn signer(
        &self,
        state: HANDLE,
        standing: Standing,
        kind: SignatureKind,
    ) -> Option<Signer> {
        // SAFETY: the state is that of a verdict that was not closed yet.
        let data = unsafe { (self.data)(state) };
        if data.is_null() {
            return None;
        }
        // SAFETY: the data is not null; the first signer is asked for, not who stamped the time.
        let signer = unsafe { (self.of_signer)(data, 0, BOOL(0), 0) };
        // SAFETY: a signer that is not null lives as long as the state.
        let chain = unsafe { signer.as_ref() }?.pChainContext;
        // SAFETY: the signer is not null.
        let leaf = unsafe { (self.of_chain)(signer, 0) };
        // SAFETY: a certificate that is not null lives as long as the state.
        let certificate = unsafe { leaf.as_ref() }?.pCert;
        if certificate.is_null() {
            return None;
        }
        let is_microsoft = standing == Standing::Trusted
            && self.is_under_microsoft(chain)
            && is_for_microsoft_itself(self.purposes(certificate).as_deref());
        Some(Signer { name: self.name_in(certificate)?, is_microsoft, kind })
    }

    fn name_in(&self, certificate: *const CERT_CONTEXT) -> Option<String> {
        let mut units = vec![0_u16; NAME_UNITS];
        let (kind, most) = (CERT_NAME_SIMPLE_DISPLAY_TYPE, NAME_UNITS as u32);
        let none = std::ptr::null();
        // SAFETY: the certificate is not null, and the buffer has the size that is said.
        let length = unsafe { (self.name)(certificate, kind, 0, none, units.as_mut_ptr(), most) };
        // The length counts the zero at the end; 1 is an empty name.
        units.truncate((length as usize).saturating_sub(1));
        (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
    }

    /// What the certificate is for; `None` if that could not be read or it does not say.
    fn purposes(&self, certificate: *const CERT_CONTEXT) -> Option<Vec<String>> {
        let mut bytes = 0;
        // SAFETY: without a place only the size is asked for.
        let done = unsafe { (self.usage)(certificate, 0, std::ptr::null_mut(), &mut bytes) };
        if !done.as_bool() || bytes > PURPOSE_BYTES || (bytes as usize) < size_of::<CTL_USAGE>() {
            return None;
        }
        // In units of 8 bytes, so that the pointers in it are aligned.
        let mut buffer = vec![0_u64; (bytes as usize).div_ceil(8)];
        let place = buffer.as_mut_ptr().cast::<c_void>();
        // SAFETY: the buffer has the size that is said.
        let done = unsafe { (self.usage)(certificate, 0, place, &mut bytes) };
        if !done.as_bool() {
            return None;
        }
        // SAFETY: Windows has written such a structure at the beginning of the buffer.
        let usage = unsafe { place.cast::<CTL_USAGE>().read() };
        if usage.cUsageIdentifier == 0 || usage.cUsageIdentifier > MOST_PURPOSES {
            return None;
        }
        let mut all = Vec::new();
        for at in 0..usage.cUsageIdentifier as usize {
            // SAFETY: there are so many pointers in the buffer.
            let place = unsafe { usage.rgpszUsageIdentifier.add(at) };
            // SAFETY: as above.
            let text = unsafe { place.read() };
            // SAFETY: each leads to a text in the buffer that ends in a zero.
            let text = unsafe { CStr::from_ptr(text.0.cast()) };
            all.push(text.to_str().ok()?.to_owned());
        }
        Some(all)
    }

    /// Whether the chain ends in a root of Microsoft, by its key: those of Windows, and the one of
    /// its applications.
    fn is_under_microsoft(&self, chain: *const CERT_CHAIN_CONTEXT) -> bool {
        if chain.is_null() {
            return false;
        }
        let windows = CERT_CHAIN_POLICY_PARA {
            cbSize: size_of::<CERT_CHAIN_POLICY_PARA>() as u32,
            ..CERT_CHAIN_POLICY_PARA::default()
        };
        let applications = CERT_CHAIN_POLICY_PARA {
            dwFlags: MICROSOFT_ROOT_CERT_CHAIN_POLICY_CHECK_APPLICATION_ROOT_FLAG,
            ..windows
        };
        [windows, applications].iter().any(|asked| {
            let mut status = CERT_CHAIN_POLICY_STATUS {
                cbSize: size_of::<CERT_CHAIN_POLICY_STATUS>() as u32,
                ..CERT_CHAIN_POLICY_STATUS::default()
            };
            let policy = CERT_CHAIN_POLICY_MICROSOFT_ROOT;
            // SAFETY: the chain lives as long as the state; the two structures are ours.
            let done = unsafe { (self.policy)(policy, chain, asked, &mut status) };
            done.as_bool() && status.dwError == 0
        })
    }
}
