//! The names that different questions give one file, in the one form that people use.

use crate::WinPath;

/// What stands for what on this PC.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// Devices in lower case, such as `\device\harddiskvolume3`, and what stands for them.
    pub(super) devices: Vec<(String, String)>,
    /// The folder in which this Windows lies.
    pub(super) windows: String,
}

impl Places {
    /// A file on a volume or on another PC; `None` for what is no file, such as a pipe.
    pub(super) fn path(&self, native: &str) -> Option<WinPath> {
        if let Some(bare) = strip(native, r"\??\").or_else(|| strip(native, r"\\?\")) {
            return named(bare);
        }
        if let Some(rest) = strip(native, r"\SystemRoot\") {
            return Some(WinPath::new(&format!(r"{}\{rest}", self.windows)));
        }
        if strip(native, r"\Device\").is_some() {
            return self.on_device(native);
        }
        named(native)
    }

    fn on_device(&self, native: &str) -> Option<WinPath> {
        for (device, stands_for) in &self.devices {
            if let Some(rest) = strip(native, device)
                && (rest.is_empty() || rest.starts_with('\\'))
            {
                return Some(WinPath::new(&format!("{stands_for}{rest}")));
            }
        }
        for provider in
            [r"\Device\Mup\", r"\Device\LanmanRedirector\", r"\Device\WebDavRedirector\"]
        {
            let Some(rest) = strip(native, provider) else { continue };
            // `;LanmanRedirector\;X:000000000003e7a2\server\share` tells the drive letter first.
            let mut parts = rest.split('\\').skip_while(|it| it.starts_with(';'));
            let server = parts.next().filter(|it| !it.is_empty())?;
            let rest: Vec<&str> = parts.collect();
            return Some(WinPath::new(&format!(r"\\{server}\{}", rest.join(r"\"))));
        }
        // A volume without a letter has files too.
        strip(native, r"\Device\HarddiskVolume").map(|_| WinPath::new(native))
    }
}

/// What is behind `beginning`, however that is capitalised.
fn strip<'n>(name: &'n str, beginning: &str) -> Option<&'n str> {
    let head = name.get(..beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then(|| &name[beginning.len()..])
}

fn named(bare: &str) -> Option<WinPath> {
    if let Some(rest) = strip(bare, r"UNC\") {
        return Some(WinPath::new(&format!(r"\\{rest}")));
    }
    if strip(bare, "Volume{").is_some() {
        return Some(WinPath::new(bare));
    }
    match bare.as_bytes() {
        [drive, b':'] | [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic() => {
            Some(WinPath::new(bare))
        }
        [b'\\', b'\\', ..] => Some(WinPath::new(bare)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> Places {
        let device = |it: &str, letter: &str| (it.to_owned(), letter.to_owned());
        Places {
            devices: vec![
                device(r"\device\harddiskvolume3", "C:"),
                device(r"\device\harddiskvolume31", "E:"),
            ],
            windows: r"D:\WIN".to_owned(),
        }
    }

    #[test]
    fn every_spelling_of_a_file_is_the_same_path() {
        for (native, path) in [
            (r"\Device\HarddiskVolume3\a\B.txt", r"C:\a\B.txt"),
            (r"\device\harddiskvolume3", "C:"),
            (r"\Device\HarddiskVolume31\a", r"E:\a"),
            (r"\??\C:\a\b.txt", r"C:\a\b.txt"),
            (r"\\?\C:\a\b.txt", r"C:\a\b.txt"),
            (r"c:\a\", r"C:\a"),
            (r"\??\C:\", "C:"),
            (r"\\?\UNC\server\share\a", r"\\server\share\a"),
            (r"\\server\share\a", r"\\server\share\a"),
            (r"\Device\Mup\server\share\a", r"\\server\share\a"),
            (r"\Device\Mup\;LanmanRedirector\;X:00000000000123\server\share", r"\\server\share"),
            (r"\SystemRoot\System32\config\SYSTEM", r"D:\WIN\System32\config\SYSTEM"),
            (r"\Device\HarddiskVolume9\a", r"\Device\HarddiskVolume9\a"),
            (r"\\?\Volume{0-1}\a", r"Volume{0-1}\a"),
        ] {
            assert_eq!(places().path(native), Some(WinPath::new(path)), "{native}");
        }
    }

    #[test]
    fn what_is_no_file_has_no_path() {
        for native in [
            r"\Device\NamedPipe\spool",
            r"\Device\Afd",
            r"\Device\ConDrv",
            r"\??\unix\tmp\a",
            r"\Device\Mup\",
            "",
            "C",
            r"1:\a",
        ] {
            assert_eq!(places().path(native), None, "{native}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read_without_panic(name: String) {
            places().path(&name);
        }
    }
}
