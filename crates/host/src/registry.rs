//! Registry keys and their typed values.

use serde::{Deserialize, Serialize};

use crate::{Host, KeyPath, Result};

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

    /// The number of a `REG_DWORD`.
    #[must_use]
    pub fn dword(&self, name: &str) -> Option<u32> {
        match self.value(name)? {
            Data::Dword(number) => Some(*number),
            _ => None,
        }
    }

    /// The number of a `REG_DWORD` or `REG_QWORD`.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Data::Dword(number) => Some((*number).into()),
            Data::Qword(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of a `REG_SZ` or `REG_EXPAND_SZ`, variables not expanded.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Data::Sz(text) | Data::ExpandSz(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of a `REG_MULTI_SZ`; a `REG_SZ` in its place counts as one.
    #[must_use]
    pub fn strings(&self, name: &str) -> &[String] {
        match self.value(name) {
            Some(Data::MultiSz(strings)) => strings,
            Some(Data::Sz(string)) if !string.is_empty() => std::slice::from_ref(string),
            _ => &[],
        }
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
        if name.is_ascii() {
            return self.values.iter().position(|(own, _)| own.eq_ignore_ascii_case(name));
        }
        let wanted = name.to_lowercase();
        self.values.iter().position(|(own, _)| own.to_lowercase() == wanted)
    }
}

/// The keys directly below `path`, asked for one by one.
///
/// One that is listed and cannot be read is an error, because the list would not be whole; one
/// that is gone by then is left out.
pub fn keys_below(
    host: &(impl Host + ?Sized),
    path: &KeyPath,
) -> Result<Option<Vec<(String, Key)>>> {
    let Some(key) = host.key(path)? else { return Ok(None) };
    let mut below = Vec::with_capacity(key.subkeys.len());
    for name in key.subkeys {
        match host.key(&path.join(&name)) {
            Ok(Some(key)) => below.push((name, key)),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(below))
}
