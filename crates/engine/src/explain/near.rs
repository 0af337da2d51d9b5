//! Names that are nearly the one that was given.

/// More suggestions than this are no help.
const MOST: usize = 3;

/// Longer than any name that is known; what is longer is no misspelling of one.
const LONGEST: usize = 100;

/// The nearest names, best first; none when nothing is near.
pub(super) fn nearest<'n>(asked: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let asked = asked.to_ascii_uppercase();
    if asked.len() < 4 || asked.len() > LONGEST {
        return Vec::new();
    }
    // One slip in four letters is still the same name.
    let most_slips = asked.len() / 4;
    let mut found: Vec<(usize, &str)> = names
        .filter(|name| name.len().abs_diff(asked.len()) <= most_slips)
        .map(|name| (slips(asked.as_bytes(), name.to_ascii_uppercase().as_bytes()), name))
        .filter(|&(slips, _)| slips <= most_slips)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

/// For repeating what was given in a message.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("..");
    }
    short
}

/// How many letters must be changed, added or dropped (Levenshtein distance).
fn slips(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (done, letter) in from.iter().enumerate() {
        let mut diagonal = done;
        row[0] = done + 1;
        for (at, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!(slips(b"LOCK", b"LOCK"), 0);
        assert_eq!(slips(b"LOCK", b"LOOK"), 1);
        assert_eq!(slips(b"LOCK", b"LOCKED"), 2);
        assert_eq!(slips(b"", b"AB"), 2);
    }

    #[test]
    fn only_near_names_are_offered() {
        let names = ["E_FAIL", "E_ABORT", "WU_E_NOOP"];
        assert_eq!(nearest("e_fial", names.into_iter()), Vec::<String>::new());
        assert_eq!(nearest("E_FAILL", names.into_iter()), ["E_FAIL"]);
        assert_eq!(nearest(&"x".repeat(5000), names.into_iter()), Vec::<String>::new());
    }
}
