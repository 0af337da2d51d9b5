//! Updates and sessions that a text names.

/// What CBS calls a package that belongs to no KB.
const PLACEHOLDER: u32 = 777_778;
/// The first halves of FILETIMEs of the years 2000 to 2099, of which session names are made.
const FIRST_HALVES: std::ops::RangeInclusive<u32> = 29_300_000..=36_700_000;

/// The numbers of the updates that `text` names, such as 5034441 in `Package_for_KB5034441~…`.
pub(super) fn kbs_in(text: &str) -> impl Iterator<Item = u32> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'B', b'b', bytes).filter_map(move |at| {
        let begins = at > 0 && bytes[at - 1].eq_ignore_ascii_case(&b'K');
        let inside = at > 1 && bytes[at - 2].is_ascii_alphanumeric();
        if !begins || inside {
            return None;
        }
        let digits = digits_at(bytes, at + 1);
        let ends = !bytes.get(at + 1 + digits).is_some_and(u8::is_ascii_alphabetic);
        let number = text.get(at + 1..at + 1 + digits)?.parse().ok()?;
        ((6..=8).contains(&digits) && ends && number != PLACEHOLDER).then_some(number)
    })
}

/// The first session that `text` names, such as `31069300_2212357542`.
pub(super) fn session_in(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'_', bytes).find_map(|at| {
        let start = at.checked_sub(8)?;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if start > 0 && is_part(&bytes[start - 1]) {
            return None;
        }
        let high: u32 = text.get(start..at)?.parse().ok()?;
        let digits = digits_at(bytes, at + 1);
        let end = at + 1 + digits;
        let fits = FIRST_HALVES.contains(&high)
            && (1..=10).contains(&digits)
            && !bytes.get(end).is_some_and(is_part);
        fits.then(|| &text[start..end])
    })
}

fn digits_at(bytes: &[u8], at: usize) -> usize {
    bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_named_in_many_ways() {
        let read = |text| kbs_in(text).collect::<Vec<_>>();
        assert_eq!(read("Package_for_KB5034441~31bf3856ad364e35~amd64~~1.0"), [5_034_441]);
        assert_eq!(read("windows10.0-kb5034441-x64.cab and (KB890830)"), [5_034_441, 890_830]);
        assert_eq!(read("KB777778, KB12, KB5034441x, AKB5034441, KB123456789"), [0_u32; 0]);
        assert_eq!(read("ends in KB"), [0_u32; 0]);
    }

    #[test]
    fn sessions_are_told_from_other_numbers() {
        assert_eq!(session_in("Session: 31069300_2212357542 failed"), Some("31069300_2212357542"));
        assert_eq!(session_in(r"\\?\C:\Windows\CbsTemp\31069300_22\x"), Some("31069300_22"));
        for none in ["12345678_1", "131069300_1", "31069300_", "31069300_1a", "ü_1", "_", ""] {
            assert_eq!(session_in(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[KBkb0-9_ü]{0,40}") {
            let _ = (kbs_in(&text).count(), session_in(&text));
        }
    }
}
