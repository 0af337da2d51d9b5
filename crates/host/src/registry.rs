//! Registry keys and their typed values.

use serde::{Deserialize, Serialize};

/// The data of one registry value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "data")]
pub enum Data {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`.
    Sz(String),
    /// `REG_EXPAND_SZ`, as stored: variables are not expanded.
    ExpandSz(String),
    /// `REG_MULTI_SZ`.
    MultiSz(Vec<String>),
    /// `REG_BINARY`, and every type without a better form.
    Binary(Vec<u8>),
}

/// A registry key: its values and the names of the keys below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// Values by name, as spelled; the empty name is the default value.
    pub values: Vec<(String, Data)>,
    /// Names of the keys directly below, where they are known.
    pub subkeys: Vec<String>,
}

impl Key {
    /// The data of a value, its name compared without case.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Data> {
        self.position(name).map(|at| &self.values[at].1)
    }

    /// Sets a value, or takes it away with `None`; the spelling of an existing name is kept.
    pub fn set(&mut self, name: &str, data: Option<Data>) {
        match (self.position(name), data) {
            (Some(at), Some(data)) => self.values[at].1 = data,
            (Some(at), None) => {
                self.values.remove(at);
            }
            (None, Some(data)) => self.values.push((name.to_owned(), data)),
            (None, None) => {}
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        let wanted = name.to_lowercase();
        self.values.iter().position(|(own, _)| own.to_lowercase() == wanted)
    }
}
