//! The files and folders asked about, and whether a name is one of them or lies below.

use std::collections::HashMap;

use crate::WinPath;

/// Paths to find again. Asking costs one look-up for each component of a name, however many paths
/// there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// In lower case, with the number of the question.
    places: HashMap<String, usize>,
}

impl Wanted {
    /// Adds a path under which the question `number` may be met.
    pub(super) fn add(&mut self, path: &WinPath, number: usize) {
        self.places.entry(path.folded()).or_insert(number);
    }

    /// The question that `path` answers: the one that names it most exactly.
    pub(super) fn find(&self, path: &WinPath) -> Option<usize> {
        let folded = path.folded();
        let mut end = folded.len();
        loop {
            if let Some(number) = self.places.get(&folded[..end]) {
                return Some(*number);
            }
            end = folded[..end].rfind('\\')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(paths: &[&str]) -> Wanted {
        let mut all = Wanted::default();
        for (number, path) in paths.iter().enumerate() {
            all.add(&WinPath::new(path), number);
        }
        all
    }

    #[test]
    fn the_most_exact_question_is_answered() {
        let all = wanted(&[r"C:\Windows", r"C:\Windows\WinSxS\", r"C:\a.txt", r"\\server\share"]);
        for (path, number) in [
            (r"c:\WINDOWS\win.ini", Some(0)),
            (r"C:\Windows\winsxs", Some(1)),
            (r"C:\Windows\WinSxS\a\b.dll", Some(1)),
            (r"C:\Windows.old\a", None),
            (r"C:\A.TXT", Some(2)),
            (r"C:\a.txt.bak", None),
            (r"\\SERVER\share\x", Some(3)),
            (r"\\server\other", None),
            (r"C:", None),
        ] {
            assert_eq!(all.find(&WinPath::new(path)), number, "{path}");
        }
        assert_eq!(wanted(&["C:\\"]).find(&WinPath::new(r"c:\any")), Some(0));
    }

    proptest! {
        #[test]
        fn it_agrees_with_asking_each_path(
            paths in prop::collection::vec(r"[a-cÄ]:(\\[abÖ]{1,2}){0,3}", 0..8),
            name in r"[a-cÄ]:(\\[abÖ]{1,2}){0,5}",
        ) {
            let spelled: Vec<&str> = paths.iter().map(String::as_str).collect();
            let name = WinPath::new(&name);
            let slow = paths.iter().any(|it| name.is_within(&WinPath::new(it)));
            prop_assert_eq!(wanted(&spelled).find(&name).is_some(), slow);
        }
    }
}
