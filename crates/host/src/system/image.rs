//! The file a service or driver is loaded from.

use crate::WinPath;

const ENDINGS: [&str; 4] = [".exe", ".sys", ".dll", ".com"];

/// The file that an `ImagePath` or another command line names first.
///
/// Windows is taken to be in `C:\Windows`, as everywhere in this program. `None` if nothing is
/// named.
#[must_use]
pub fn image_file(command: &str) -> Option<WinPath> {
    let command = command.trim();
    let first = match command.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None => without_arguments(command),
    };
    let named = first.trim().trim_start_matches(r"\??\");
    if named.is_empty() {
        return None;
    }
    let path = expanded(named);
    // Drivers are named from the folder of Windows, with or without saying so.
    let is_absolute = path.as_bytes().get(1) == Some(&b':') || path.starts_with('\\');
    Some(WinPath::new(&if is_absolute { path } else { format!(r"C:\Windows\{path}") }))
}

/// Windows tries one blank after the other; the first ending of a program is nearly always it.
fn without_arguments(command: &str) -> &str {
    let lower = command.to_ascii_lowercase();
    let ends = ENDINGS.iter().filter_map(|ending| {
        lower
            .match_indices(ending)
            .map(|(at, _)| at + ending.len())
            .find(|end| lower[*end..].chars().next().is_none_or(|it| it == ' ' || it == '\t'))
    });
    match ends.min() {
        Some(end) => &command[..end],
        None => command.split(' ').next().unwrap_or(command),
    }
}

fn expanded(path: &str) -> String {
    const VARIABLES: [(&str, &str); 8] = [
        ("%systemroot%", r"C:\Windows"),
        ("%windir%", r"C:\Windows"),
        (r"\systemroot", r"C:\Windows"),
        ("%programfiles%", r"C:\Program Files"),
        ("%programfiles(x86)%", r"C:\Program Files (x86)"),
        ("%commonprogramfiles%", r"C:\Program Files\Common Files"),
        ("%programdata%", r"C:\ProgramData"),
        ("%systemdrive%", "C:"),
    ];
    for (variable, stands_for) in VARIABLES {
        if let Some(begin) = path.get(..variable.len())
            && begin.eq_ignore_ascii_case(variable)
        {
            return format!("{stands_for}{}", &path[variable.len()..]);
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_file_leads_to_it() {
        for (command, file) in [
            (r"system32\drivers\fltmgr.sys", r"C:\Windows\system32\drivers\fltmgr.sys"),
            (r"\SystemRoot\System32\drivers\a.sys", r"C:\Windows\System32\drivers\a.sys"),
            (r"\??\C:\Program Files\V\v.sys", r"C:\Program Files\V\v.sys"),
            (r#""C:\Program Files\V\v.exe" /service"#, r"C:\Program Files\V\v.exe"),
            (r"C:\Program Files\V\v.exe -k x.dll", r"C:\Program Files\V\v.exe"),
            (
                r"%SystemRoot%\system32\svchost.exe -k netsvcs -p",
                r"C:\Windows\system32\svchost.exe",
            ),
            (r"%ProgramFiles(x86)%\V\v.exe", r"C:\Program Files (x86)\V\v.exe"),
        ] {
            assert_eq!(image_file(command).unwrap().as_str(), file);
        }
        assert_eq!(image_file(""), None);
    }
}
