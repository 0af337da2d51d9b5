//! Files, folders, keys, policies and tasks that belong to updating.
//!
//! Table: `knowledge/components.tsv`.

use std::sync::OnceLock;

use serde::Serialize;

use super::table::{Names, Table, given, list, rows, table};

/// One thing that belongs to updating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// What it is: `dir`, `file`, `log`, `hive`, `reg`, `policy`, `task`, `network`, ...
    pub kind: &'static str,
    /// Its names: paths, and behind `: ` the values of a key.
    pub names: Vec<&'static str>,
    /// What it is, in words.
    pub what_it_is: &'static str,
    /// How trouble with it shows, or what it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symptom: Option<&'static str>,
    /// Whether and how it may be reset, moved aside or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_to_reset: Option<&'static str>,
    /// Where that is known from.
    pub source: &'static str,
}

/// What is known about a path, a file or folder name, a registry key or value, a task or the GUID
/// of an update service; the best match first.
///
/// `C:\Windows`, `%windir%` and `\SystemRoot` are the same; `/` is as good as `\`.
#[must_use]
pub fn get(name: &str) -> &'static [&'static Component] {
    let key = path_key(name);
    let index = index();
    let whole = index.whole.get(&key);
    if whole.is_empty() { index.last.get(&key) } else { whole }
}

/// All of them, in the order of the table.
#[must_use]
pub fn all() -> &'static [Component] {
    static COMPONENTS: OnceLock<Vec<Component>> = OnceLock::new();
    COMPONENTS.get_or_init(|| rows(TABLE).map(component_in).collect())
}

/// Names by which components are usually called: file names, values.
pub fn short_names() -> impl Iterator<Item = String> {
    all().iter().flat_map(keys).filter_map(|(key, is_whole)| (!is_whole).then_some(key))
}

#[derive(Default)]
struct Index {
    /// By the whole path.
    whole: Names<&'static Component>,
    /// By the last part of the path, or the value of a key.
    last: Names<&'static Component>,
}

pub(super) const TABLE: Table = table!("components");

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index::default();
        for component in all() {
            for (key, is_whole) in keys(component) {
                let names = if is_whole { &mut index.whole } else { &mut index.last };
                names.add(key, component);
            }
        }
        index
    })
}

/// What a component is looked up by, and whether that is the whole path.
fn keys(component: &'static Component) -> Vec<(String, bool)> {
    let mut keys = Vec::new();
    let mut folder = "";
    for &name in &component.names {
        let (path, values) = match name.split_once(": ") {
            Some((path, values)) => (path, values),
            None => (name, ""),
        };
        let last = path.trim_end_matches('\\').rsplit('\\').next().unwrap_or(path);
        if values.is_empty() {
            keys.push((path_key(last), false));
        }
        // The second of several names stands in the folder of the first.
        if path.contains('\\') {
            folder = &path[..path.len() - last.len()];
            keys.push((path_key(path), true));
        } else if !folder.is_empty() {
            keys.push((path_key(&format!("{folder}{path}")), true));
        }
        for value in values.split(',').filter(|value| !value.is_empty()) {
            let value = value.trim().split(" (").next().unwrap_or_default();
            keys.push((path_key(value), false));
            keys.push((path_key(&format!("{path}\\{value}")), true));
        }
    }
    // A name with nothing but a star would answer to everything.
    keys.retain(|(key, _)| key.trim_matches(['*', '.', '?']).len() > 3);
    keys
}

fn path_key(path: &str) -> String {
    const SAME: [(&str, &str); 9] = [
        ("c:\\windows\\", "%systemroot%\\"),
        ("%windir%\\", "%systemroot%\\"),
        ("\\systemroot\\", "%systemroot%\\"),
        ("c:\\programdata\\", "%programdata%\\"),
        ("%allusersprofile%\\", "%programdata%\\"),
        ("hkey_local_machine\\", "hklm\\"),
        ("hklm:\\", "hklm\\"),
        ("c:\\", "%systemdrive%\\"),
        ("\\registry\\machine\\", "hklm\\"),
    ];
    let path = path.trim().trim_matches('"').trim_matches(['{', '}']);
    let path = path.to_lowercase().replace('/', "\\");
    let path = path.strip_prefix("\\??\\").unwrap_or(&path).trim_end_matches('\\');
    for (prefix, instead) in SAME {
        if let Some(rest) = path.strip_prefix(prefix) {
            return format!("{instead}{rest}");
        }
    }
    path.to_owned()
}

fn component_in(row: [&'static str; 6]) -> Component {
    let [kind, names, what_it_is, symptom, safe_to_reset, source] = row;
    Component {
        kind,
        names: list(names),
        what_it_is,
        symptom: given(symptom),
        safe_to_reset: given(safe_to_reset),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(name: &str) -> Vec<&'static str> {
        get(name).iter().map(|component| component.kind).collect()
    }

    #[test]
    fn a_folder_is_found_by_path_and_by_name() {
        for name in [
            "SoftwareDistribution",
            r"C:\Windows\SoftwareDistribution\",
            "%windir%/softwaredistribution",
            r"\SystemRoot\SoftwareDistribution",
        ] {
            assert!(get(name)[0].what_it_is.contains("working folder"), "{name}");
        }
        assert_eq!(kinds("catroot2"), ["dir"]);
        assert_eq!(kinds("pending.xml"), ["file"]);
        assert!(get("no-such-thing").is_empty() && get("").is_empty());
    }

    #[test]
    fn each_of_several_names_is_found() {
        for name in ["wups2.dll", r"C:\Windows\System32\wups2.dll", "MoUsoCoreWorker.exe"] {
            assert_eq!(kinds(name), ["file"], "{name}");
        }
        assert_eq!(kinds("CbsPersist_20260102101112.log"), ["file"]);
    }

    #[test]
    fn a_value_is_found_with_and_without_its_key() {
        for name in [
            "WUServer",
            r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\WUServer",
            "UseWindowsUpdate",
        ] {
            assert_eq!(kinds(name), ["policy"], "{name}");
        }
        assert_eq!(kinds("PendingFileRenameOperations"), ["reg"]);
        assert_eq!(kinds("{7971f918-a847-4430-9279-4a52d1efe18d}"), ["service-guid"]);
        assert_eq!(kinds("Schedule Scan"), ["task"]);
    }
}
