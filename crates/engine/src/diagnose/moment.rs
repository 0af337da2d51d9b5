//! When during an upgrade something happened, in words for a person.

use crate::knowledge;

/// A sentence about the second half of a setup pair, such as `0x30018`; `None` for 0 and for
/// phases that are not documented.
pub(super) fn sentence(extend: u32) -> Option<String> {
    let phase = match extend >> 16 {
        1 => "before the first restart, while the old Windows was running",
        2 => "after the first restart, in the small system that sets up the new Windows (Safe OS)",
        3 => "when the new Windows started for the first time",
        4 => "when the new Windows started for the second time, with its last settings",
        5 => "when the upgrade was ended or taken back",
        _ => return None,
    };
    // The table says `Extend-code last two digits 0D: migrate data`. While setup takes back, its
    // step is that of taking back, not the one that failed.
    let operation = match (extend >> 16, extend & 0xFFFF) {
        (5, _) | (_, 0) => None,
        (_, number) => knowledge::setup_operation(number),
    };
    let operation = operation.and_then(|fact| fact.meaning.split_once(": "));
    let step = operation.map_or(String::new(), |(_, name)| format!(", at the step \"{name}\""));
    Some(format!("That was {phase}{step} (0x{extend:05x})."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_and_step_are_told_in_words() {
        let told = sentence(0x3_0018).expect("it is documented");
        assert!(
            told.contains("first time") && told.contains("sysprep") && told.contains("0x30018")
        );
        assert!(sentence(0x2_0017).is_some_and(|told| told.contains("Safe OS")));
        assert!(sentence(0x4_000D).is_some_and(|told| told.contains("migrate data")));
    }

    #[test]
    fn what_is_not_documented_is_not_told() {
        assert_eq!(sentence(0), None);
        assert_eq!(sentence(0xFFFF_FFFF), None);
        assert!(sentence(0x5_0013).is_some_and(|told| !told.contains("at the step")));
        assert!(sentence(0x2_FFFF).is_some_and(|told| !told.contains("at the step")));
    }
}
