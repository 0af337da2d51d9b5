//! What follows from what Windows returns about signatures.

use crate::probe::{Part, Signature, Standing};

/// Whether a signature for these purposes, by a certificate under a root of Microsoft, is of a
/// program of Microsoft; `None` are purposes that could not be read.
///
/// Microsoft also signs drivers of others (`1.3.6.1.4.1.311.10.3.5` and, attested,
/// `1.3.6.1.4.1.311.10.3.5.1`) and what others offer in its store (`1.3.6.1.4.1.311.76.3.1`).
#[must_use]
pub(super) fn is_for_microsoft_itself(purposes: Option<&[String]>) -> bool {
    const OF_OTHERS: [&str; 3] =
        ["1.3.6.1.4.1.311.10.3.5", "1.3.6.1.4.1.311.10.3.5.1", "1.3.6.1.4.1.311.76.3.1"];
    purposes.is_some_and(|all| !all.iter().any(|it| OF_OTHERS.contains(&it.as_str())))
}

/// Which answer counts, where a file may carry a signature and be listed by a catalog: the one that
/// is trusted. That a file is not signed is known only where both were asked.
pub(super) fn of_both(
    embedded: Part<Signature>,
    catalog: impl FnOnce() -> Part<Signature>,
) -> Part<Signature> {
    if matches!(&embedded, Ok(it) if it.standing == Standing::Trusted) {
        return embedded;
    }
    match (embedded, catalog()) {
        (_, Ok(it)) if it.standing == Standing::Trusted => Ok(it),
        (Ok(it), listed) if it.standing == Standing::Unsigned => listed,
        (embedded, _) => embedded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostErrorKind;
    use crate::probe::{SignatureKind, Signer};

    fn signed(standing: Standing, kind: SignatureKind) -> Part<Signature> {
        let name = "Example Ltd".to_owned();
        let by = Some(Signer { name, is_microsoft: false, kind });
        Ok(Signature { standing, by })
    }

    fn unsigned() -> Part<Signature> {
        Ok(Signature { standing: Standing::Unsigned, by: None })
    }

    #[test]
    fn what_microsoft_signs_for_others_is_not_its_own() {
        let purposes = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let windows = purposes(&["1.3.6.1.4.1.311.10.3.6", "1.3.6.1.5.5.7.3.3"]);
        let driver = purposes(&["1.3.6.1.4.1.311.10.3.5", "1.3.6.1.5.5.7.3.3"]);
        let store = purposes(&["1.3.6.1.5.5.7.3.3", "1.3.6.1.4.1.311.76.3.1"]);
        assert!(is_for_microsoft_itself(Some(&windows)));
        assert!(!is_for_microsoft_itself(Some(&driver)));
        assert!(!is_for_microsoft_itself(Some(&store)));
        assert!(!is_for_microsoft_itself(None), "unread is not shown");
    }

    #[test]
    fn a_trusted_signature_counts_wherever_it_is_kept() {
        let listed = || signed(Standing::Trusted, SignatureKind::Catalog);
        let own = || signed(Standing::Trusted, SignatureKind::Embedded);
        assert_eq!(of_both(own(), || panic!("nothing is left to ask")), own());
        assert_eq!(of_both(unsigned(), listed), listed());
        assert_eq!(of_both(signed(Standing::Untrusted, SignatureKind::Embedded), listed), listed());
        assert_eq!(of_both(Err(HostErrorKind::Com(1)), listed), listed());
    }

    #[test]
    fn a_file_is_unsigned_only_if_both_say_so() {
        let altered = || signed(Standing::Untrusted, SignatureKind::Embedded);
        let silent = || Err(HostErrorKind::Win32(1062));
        assert_eq!(of_both(unsigned(), unsigned), unsigned());
        assert_eq!(of_both(unsigned(), silent), silent());
        assert_eq!(of_both(Err(HostErrorKind::Com(1)), unsigned), Err(HostErrorKind::Com(1)));
        assert_eq!(of_both(altered(), unsigned), altered());
        assert_eq!(of_both(altered(), silent), altered());
    }
}
