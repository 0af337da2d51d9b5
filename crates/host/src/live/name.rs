//! Names of files in UTF-16, kept exactly: what is no Unicode is written as `<D800>`.
//!
//! File systems of Windows store names as 16-bit units and do not ask whether they are text. The
//! angle brackets cannot be part of a name that a program can ask Windows for, so that every name has
//! one spelling and every spelling one name.

use crate::WinPath;

/// A name as text; an unpaired surrogate becomes its number in angle brackets.
pub(super) fn spelled(units: &[u16]) -> String {
    let mut text = String::with_capacity(units.len());
    for letter in char::decode_utf16(units.iter().copied()) {
        match letter {
            Ok(letter) => text.push(letter),
            Err(unpaired) => text.push_str(&format!("<{:04X}>", unpaired.unpaired_surrogate())),
        }
    }
    text
}

/// The units that [`spelled`] has written so.
pub(super) fn units(spelled: &str) -> Vec<u16> {
    let mut all = Vec::with_capacity(spelled.len() + 1);
    let mut rest = spelled;
    while let Some(letter) = rest.chars().next() {
        match rest.get(..6).and_then(surrogate) {
            Some(unit) => {
                all.push(unit);
                rest = &rest[6..];
            }
            None => {
                all.extend(letter.encode_utf16(&mut [0; 2]).iter());
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    all
}

/// The form of a path in which Windows takes it as it is, however long; `windows` is the folder in
/// which this Windows lies, which rules call `C:\Windows`. `None` is no path on a drive of this PC.
pub(super) fn verbatim(path: &WinPath, windows: &str) -> Option<Vec<u16>> {
    const USUAL: &str = r"C:\Windows";
    let path = path.as_str();
    let is_volume = path.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("Volume{"));
    let [drive, b':', rest @ ..] = path.as_bytes() else {
        return is_volume.then(|| units(&format!(r"\\?\{path}")));
    };
    if !drive.is_ascii_alphabetic() || !matches!(rest, [] | [b'\\', ..]) {
        return None;
    }
    let below = path.get(..USUAL.len()).filter(|it| it.eq_ignore_ascii_case(USUAL));
    let below =
        below.map(|it| &path[it.len()..]).filter(|it| it.is_empty() || it.starts_with('\\'));
    let path = match below {
        Some(below) => format!("{windows}{below}"),
        None => path.to_owned(),
    };
    let root = if path.len() == 2 { r"\" } else { "" };
    Some(units(&format!(r"\\?\{path}{root}")))
}

/// A path as people and products spell it, in the folder in which this Windows lies.
pub(super) fn shown(path: &WinPath, windows: &str) -> String {
    const USUAL: &str = r"C:\Windows";
    match path.is_within(&WinPath::new(USUAL)) {
        true => format!("{windows}{}", &path.as_str()[USUAL.len()..]),
        false => path.to_string(),
    }
}

fn surrogate(escaped: &str) -> Option<u16> {
    let digits = escaped.strip_prefix('<')?.strip_suffix('>')?;
    // Nothing else is ever written so, and a plus sign is no digit.
    let is_written_so = digits.bytes().all(|it| matches!(it, b'0'..=b'9' | b'A'..=b'F'));
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_written_so)?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(path: &str, windows: &str) -> Option<String> {
        verbatim(&WinPath::new(path), windows).map(|it| spelled(&it))
    }

    #[test]
    fn a_path_is_shown_in_the_folder_in_which_this_windows_lies() {
        let path = WinPath::new(r"c:\windows\SoftwareDistribution\x.edb");
        assert_eq!(shown(&path, r"D:\Win"), r"D:\Win\SoftwareDistribution\x.edb");
        assert_eq!(shown(&WinPath::new(r"C:\WindowsApps"), r"D:\Win"), r"C:\WindowsApps");
    }

    #[test]
    fn a_path_is_asked_for_as_it_is() {
        let windows = r"C:\WINDOWS";
        let logs = path(r"C:\Windows\Logs", windows);
        assert_eq!(logs.as_deref(), Some(r"\\?\C:\WINDOWS\Logs"));
        assert_eq!(path(r"c:\windows.old\a ", windows).as_deref(), Some(r"\\?\c:\windows.old\a "));
        assert_eq!(path(r"D:\", windows).as_deref(), Some(r"\\?\D:\"));
        assert_eq!(path(r"Volume{0-1}\a", windows).as_deref(), Some(r"\\?\Volume{0-1}\a"));
    }

    #[test]
    fn a_windows_on_another_drive_is_found_by_its_usual_name() {
        assert_eq!(path(r"C:\Windows", r"D:\WIN").as_deref(), Some(r"\\?\D:\WIN"));
        assert_eq!(path(r"c:\windows\INF", r"D:\WIN").as_deref(), Some(r"\\?\D:\WIN\INF"));
    }

    #[test]
    fn what_lies_on_no_drive_of_this_pc_is_no_path() {
        for other in [r"\\server\share\a", "a.txt", r"\a", r"C:a", "", r"1:\a"] {
            assert_eq!(path(other, r"C:\Windows"), None, "{other}");
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_told_and_found_again() {
        let name = [u16::from(b'a'), 0xD83D, u16::from(b'b'), 0xDC00];
        assert_eq!(spelled(&name), "a<D83D>b<DC00>");
        assert_eq!(units("a<D83D>b<DC00>"), name);
    }

    proptest! {
        #[test]
        fn every_name_without_brackets_is_kept(name: Vec<u16>) {
            let name: Vec<u16> = name.into_iter().filter(|it| *it != u16::from(b'<')).collect();
            prop_assert_eq!(units(&spelled(&name)), name);
        }
    }
}
