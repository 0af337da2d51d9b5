//! Names of things on a Windows machine: paths, registry keys, services.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An absolute Windows path such as `C:\Windows\Logs\CBS\CBS.log`; compared without case.
///
/// The spelling given is kept for showing; `\\?\` and `\??\` prefixes, forward slashes and a
/// trailing backslash are taken off.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WinPath(String);

/// A registry key such as `HKLM\SYSTEM\CurrentControlSet\Services\wuauserv`; compared without case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyPath(String);

/// The short name of a service, such as `wuauserv`; compared without case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceName(String);

impl WinPath {
    /// Takes a path as Windows or its logs spell it.
    #[must_use]
    pub fn new(spelled: &str) -> Self {
        let bare = spelled
            .strip_prefix(r"\\?\")
            .or_else(|| spelled.strip_prefix(r"\??\"))
            .unwrap_or(spelled)
            .replace('/', "\\");
        let bare = match bare.strip_prefix(r"\SystemRoot\") {
            Some(rest) => format!(r"C:\Windows\{rest}"),
            None => bare,
        };
        WinPath(bare.trim_end_matches('\\').to_owned())
    }

    /// The path with one more component.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        WinPath(format!(r"{}\{name}", self.0))
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('\\').next().unwrap_or(&self.0)
    }

    /// The folder that holds this, or `None` for a bare drive or name.
    #[must_use]
    pub fn parent(&self) -> Option<WinPath> {
        self.0.rsplit_once('\\').map(|(folder, _)| WinPath(folder.to_owned()))
    }

    /// Whether this is `folder` itself or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &WinPath) -> bool {
        let (own, other) = (self.folded(), folder.folded());
        own == other || own.strip_prefix(&other).is_some_and(|rest| rest.starts_with('\\'))
    }
}

macro_rules! folded_name {
    ($name:ident) => {
        impl $name {
            /// The spelling that was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form by which it is compared: lower case.
            #[must_use]
            pub fn folded(&self) -> String {
                self.0.to_lowercase()
            }
        }
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.folded() == other.folded()
            }
        }
        impl Eq for $name {}
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.folded().cmp(&other.folded())
            }
        }
        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.folded().hash(state);
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

folded_name!(WinPath);
folded_name!(KeyPath);
folded_name!(ServiceName);

impl KeyPath {
    /// Takes a key path with its short or long root (`HKLM`, `HKEY_LOCAL_MACHINE`).
    #[must_use]
    pub fn new(spelled: &str) -> Self {
        const ROOTS: [(&str, &str); 3] =
            [("HKEY_LOCAL_MACHINE", "HKLM"), ("HKEY_CURRENT_USER", "HKCU"), ("HKEY_USERS", "HKU")];
        let bare = spelled.trim_end_matches('\\');
        for (long, short) in ROOTS {
            if let Some(rest) = bare.strip_prefix(long) {
                return KeyPath(format!("{short}{rest}"));
            }
        }
        KeyPath(bare.to_owned())
    }

    /// The path with one more key, or more of them, below.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        KeyPath(format!(r"{}\{below}", self.0))
    }
}

impl ServiceName {
    /// Takes a short service name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        ServiceName(name.to_owned())
    }
}
