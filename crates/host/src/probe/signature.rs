//! Who signed a program, as far as Windows itself vouches for it.

use super::Part;
use crate::HostErrorKind;

/// What Windows says of the signature of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Whether there is one, and whether Windows trusts it.
    pub standing: Standing,
    /// Who signed; `None` if nobody did, or if it could not be told. Unless the signature is trusted,
    /// this is only what the file claims.
    pub by: Option<Signer>,
}

/// Whether a file is signed, and whether Windows trusts that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is, and Windows trusts it. Nobody was asked whether the certificate was revoked since.
    Trusted,
    /// It is, and Windows does not trust it: the file was altered, or the certificate is none that
    /// this PC trusts.
    Untrusted,
    /// It is not: neither does it carry a signature, nor does a catalog of Windows list it.
    Unsigned,
}

/// Who signed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The name in the certificate.
    pub name: String,
    /// Whether it is shown to be a program of Microsoft: the signature is trusted, its chain ends in
    /// a root of Microsoft, and it is not one that Microsoft gives to the programs of others.
    pub is_microsoft: bool,
    /// Where the signature is kept.
    pub kind: SignatureKind,
}

/// Where a signature is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// In the file.
    Embedded,
    /// In a catalog, as those of most files of Windows.
    Catalog,
}

/// `TRUST_E_NOSIGNATURE`.
const NO_SIGNATURE: u32 = 0x800b_0100;
/// The bit that every failing `HRESULT` has, and no code of Win32.
const FAILURE: u32 = 1 << 31;
/// `TRUST_E_SUBJECT_FORM_UNKNOWN`.
const FORM_UNKNOWN: u32 = 0x800b_0003;

impl Standing {
    /// Reads what `WinVerifyTrust` returned, with the last error it left. What does not settle it,
    /// such as a chain of which a part is not on this PC, is an error.
    ///
    /// That there is no signature (`TRUST_E_NOSIGNATURE`) is also returned where the file could not
    /// be opened or its signature not be read: only the last error tells which
    /// (<https://learn.microsoft.com/windows/win32/seccrypto/example-c-program--verifying-the-signature-of-a-pe-file>).
    /// Codes from `winerror.h`.
    pub fn of_verdict(code: u32, last_error: u32) -> Part<Standing> {
        match code {
            0 => Ok(Standing::Trusted),
            // TRUST_E_NOSIGNATURE, because of TRUST_E_NOSIGNATURE, TRUST_E_SUBJECT_FORM_UNKNOWN or
            // TRUST_E_PROVIDER_UNKNOWN.
            NO_SIGNATURE => match last_error {
                NO_SIGNATURE | FORM_UNKNOWN | 0x800b_0001 => Ok(Standing::Unsigned),
                0 => Err(HostErrorKind::Com(NO_SIGNATURE)),
                why if why & FAILURE == 0 => Err(HostErrorKind::Win32(why)),
                why => Err(HostErrorKind::Com(why)),
            },
            // No kind of file that can carry one.
            FORM_UNKNOWN => Ok(Standing::Unsigned),
            // TRUST_E_CERT_SIGNATURE, TRUST_E_TIME_STAMP, TRUST_E_BAD_DIGEST,
            // TRUST_E_MALFORMED_SIGNATURE, TRUST_E_BASIC_CONSTRAINTS.
            0x8009_6004 | 0x8009_6005 | 0x8009_6010 | 0x8009_6011 | 0x8009_6019
            // TRUST_E_SUBJECT_NOT_TRUSTED, CERT_E_EXPIRED, CERT_E_PURPOSE.
            | 0x800b_0004 | 0x800b_0101 | 0x800b_0106
            // CERT_E_UNTRUSTEDROOT, CERT_E_REVOKED, CERT_E_UNTRUSTEDTESTROOT.
            | 0x800b_0109 | 0x800b_010c | 0x800b_010d
            // CERT_E_WRONG_USAGE, TRUST_E_EXPLICIT_DISTRUST.
            | 0x800b_0110 | 0x800b_0111 => Ok(Standing::Untrusted),
            other => Err(HostErrorKind::Com(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_settle_it_is_neither_trusted_nor_unsigned() {
        assert_eq!(Standing::of_verdict(0, 0), Ok(Standing::Trusted));
        assert_eq!(Standing::of_verdict(0x8009_6010, 0), Ok(Standing::Untrusted));
        // CERT_E_CHAINING, TRUST_E_PROVIDER_UNKNOWN, TRUST_E_SYSTEM_ERROR, access denied.
        for code in [0x800b_010a, 0x800b_0001, 0x8009_6001, 0x8007_0005] {
            assert_eq!(Standing::of_verdict(code, code), Err(HostErrorKind::Com(code)));
        }
    }

    #[test]
    fn a_file_is_unsigned_only_for_a_reason_that_says_so() {
        for reason in [0x800b_0100, 0x800b_0003, 0x800b_0001] {
            assert_eq!(Standing::of_verdict(0x800b_0100, reason), Ok(Standing::Unsigned));
        }
        // Sharing violation, TRUST_E_BAD_DIGEST: it could not be read, or is not valid.
        for (reason, why) in [
            (32, HostErrorKind::Win32(32)),
            (0x8009_6010, HostErrorKind::Com(0x8009_6010)),
            (0, HostErrorKind::Com(0x800b_0100)),
        ] {
            assert_eq!(Standing::of_verdict(0x800b_0100, reason), Err(why));
        }
    }
}
