//! Where applications keep their settings, as a table with sources.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::source::Exclusion;

/// Facts, one application a line.
const TABLE: &str = include_str!("../../../knowledge/application_settings.tsv");

/// A folder that Windows knows by a number, wherever the user has put it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// `FOLDERID_RoamingAppData`.
    RoamingAppData,
    /// `FOLDERID_LocalAppData`.
    LocalAppData,
    /// `FOLDERID_Profile`.
    Profile,
    /// `FOLDERID_Documents`.
    Documents,
    /// `FOLDERID_Favorites`.
    Favorites,
}

impl Base {
    fn of(name: &str) -> Option<Base> {
        Some(match name {
            "RoamingAppData" => Base::RoamingAppData,
            "LocalAppData" => Base::LocalAppData,
            "Profile" => Base::Profile,
            "Documents" => Base::Documents,
            "Favorites" => Base::Favorites,
            _ => return None,
        })
    }
}

/// The settings of one application.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// What `--settings` takes.
    pub id: &'static str,
    /// What it is, for people.
    pub name: &'static str,
    /// What is to be known of it; empty if nothing.
    pub note: &'static str,
    #[serde(skip)]
    base: &'static str,
    #[serde(skip)]
    path: &'static str,
    #[serde(skip)]
    leave_out: &'static str,
}

/// Where the settings of an application are on this PC.
#[derive(Debug, Clone, Serialize)]
pub struct Placed {
    /// The application.
    #[serde(flatten)]
    pub settings: Settings,
    /// Their folder or file; `None` where Windows does not know the folder above.
    pub path: Option<PathBuf>,
    /// Whether it is there.
    pub exists: bool,
}

impl Placed {
    /// What is left out of it, such as caches.
    ///
    /// # Errors
    /// When the table is wrong.
    pub fn exclusions(&self) -> anyhow::Result<Vec<Exclusion>> {
        let names = self.settings.leave_out.split(';').filter(|it| *it != "-");
        names.map(|name| Exclusion::new(name, self.path.as_deref())).collect()
    }
}

/// All applications of the table.
#[must_use]
pub fn all() -> Vec<Settings> {
    let lines = TABLE.lines().skip(1);
    lines
        .filter_map(|line| {
            let mut cells = line.split('\t').map(|it| if it == "-" { "" } else { it });
            let mut cell = || cells.next();
            let (id, name, base, path) = (cell()?, cell()?, cell()?, cell()?);
            let leave_out = cell()?;
            Some(Settings {
                id,
                name,
                base,
                path,
                leave_out: if leave_out.is_empty() { "-" } else { leave_out },
                note: cell()?,
            })
        })
        .collect()
}

/// Those that are wanted, all of them if none is named, with where they are.
///
/// # Errors
/// When there is no application of a given name.
pub fn placed(
    wanted: &[String],
    folder: impl Fn(Base) -> Option<PathBuf>,
) -> anyhow::Result<Vec<Placed>> {
    let all = all();
    for name in wanted {
        if !all.iter().any(|it| it.id == name) {
            let known: Vec<&str> = all.iter().map(|it| it.id).collect();
            bail!("there are no settings `{name}` in the table; there are {}", known.join(", "));
        }
    }
    let chosen =
        all.into_iter().filter(|it| wanted.is_empty() || wanted.iter().any(|w| w == it.id));
    chosen
        .map(|settings| {
            let base = Base::of(settings.base)
                .with_context(|| format!("the table names the folder `{}`", settings.base))?;
            let path = folder(base).map(|folder| joined(&folder, settings.path));
            let exists = path.as_deref().is_some_and(Path::exists);
            Ok(Placed { settings, path, exists })
        })
        .collect()
}

fn joined(folder: &Path, below: &str) -> PathBuf {
    below.split('\\').filter(|it| !it.is_empty()).fold(folder.to_owned(), |path, it| path.join(it))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_line_of_the_table_is_whole_and_has_a_source() {
        let mut ids = BTreeSet::new();
        for line in TABLE.lines().skip(1) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [id, name, base, path, leave_out, note, source] = cells[..] else {
                panic!("{} cells: {line}", cells.len());
            };
            assert!(Base::of(base).is_some(), "{line}");
            assert!([id, name, path, leave_out, note].iter().all(|it| !it.is_empty()), "{line}");
            assert!(source.len() > 5, "{line}");
            assert!(ids.insert(id), "{id} is there twice");
            assert!(
                !path.starts_with('\\') && !path.contains('/') && !path.contains(".."),
                "{line}"
            );
        }
        assert_eq!(all().len(), ids.len());
    }

    #[test]
    fn settings_are_found_below_the_folder_that_windows_names() {
        let home = tempfile::tempdir().unwrap();
        let profile = home.path().join("Google").join("Chrome").join("User Data");
        std::fs::create_dir_all(&profile).unwrap();
        let folder = |base| (base == Base::LocalAppData).then(|| home.path().to_owned());
        let found = placed(&["chrome".to_owned(), "ssh".to_owned()], folder).unwrap();
        let [chrome, ssh] = &found[..] else { panic!("{found:?}") };
        assert_eq!((chrome.exists, chrome.path.as_deref()), (true, Some(profile.as_path())));
        assert!(chrome.exclusions().unwrap().len() > 5);
        assert_eq!((ssh.exists, ssh.path.as_deref()), (false, None));
        assert!(ssh.exclusions().unwrap().is_empty());
    }

    #[test]
    fn an_unknown_name_is_told_with_those_there_are() {
        let error = placed(&["nothing".to_owned()], |_| None).unwrap_err().to_string();
        assert!(error.contains("nothing") && error.contains("thunderbird"), "{error}");
    }
}
