//! The registry of this PC, read through Windows.

use std::sync::{Mutex, PoisonError};

use unwedge_formats::{Gap, GapReason};
use windows::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BAD_PATHNAME, ERROR_FILE_NOT_FOUND, ERROR_KEY_DELETED,
    ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS, ERROR_PATH_NOT_FOUND, WIN32_ERROR,
};
use windows::Win32::System::Registry::{
    HKEY, HKEY_CLASSES_ROOT, HKEY_CURRENT_CONFIG, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE,
    HKEY_USERS, KEY_READ, KEY_WOW64_64KEY, REG_OPTION_BACKUP_RESTORE, REG_OPTION_NON_VOLATILE,
    REG_SAM_FLAGS, REG_VALUE_TYPE, RegCloseKey, RegCreateKeyExW, RegDeleteValueW, RegEnumKeyExW,
    RegEnumValueW, RegFlushKey, RegOpenKeyExW, RegSetValueExW,
};
use windows::core::{PCWSTR, PWSTR};

use super::name;
use super::refusal::checked;
use super::stored::{RawValue, form_of};
use crate::{Data, HostError, Key, KeyPath, RegistryGap, Result};

/// Names of keys have up to 255 letters, those of values up to 16,383; both end in a zero.
const KEY_NAME_UNITS: usize = 256;
const VALUE_NAME_UNITS: usize = 16_384;
/// A value beyond this is not read; Windows itself writes none of more than a few MB.
const MOST_VALUE_BYTES: u32 = 64 << 20;
/// So many keys or values are read of one key.
const MOST_ITEMS: u32 = 1_000_000;
/// Gaps beyond this are not told one by one.
const MOST_GAPS: usize = 200;
const OP: &str = "read key";

/// The registry, and what of it could not be read.
#[derive(Debug, Default)]
pub(super) struct Registry {
    gaps: Mutex<Vec<RegistryGap>>,
}

impl Registry {
    /// A key with its values; `None` if there is none.
    pub(super) fn key(&self, path: &KeyPath) -> Result<Option<Key>> {
        match OpenKey::at(path, KEY_READ)? {
            Some(open) => self.whole(&open, path).map(Some),
            None => Ok(None),
        }
    }

    /// The keys directly below a key; an error if one of them cannot be read.
    pub(super) fn keys_below(&self, path: &KeyPath) -> Result<Option<Vec<(String, Key)>>> {
        let Some(open) = OpenKey::at(path, KEY_READ)? else { return Ok(None) };
        let mut below = Vec::new();
        for name in open.subkeys(path)? {
            let own = path.join(&name);
            if let Some(open) = open.below(&name, &own, KEY_READ)? {
                below.push((name, self.whole(&open, &own)?));
            }
        }
        Ok(Some(below))
    }

    /// What of the keys that were asked for could not be read.
    pub(super) fn gaps(&self) -> Vec<RegistryGap> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn whole(&self, open: &OpenKey, path: &KeyPath) -> Result<Key> {
        let subkeys = open.subkeys(path)?;
        let values = open.values(path, |what, why| self.note(path, what, why))?;
        let typed = |it: RawValue| (it.name.clone(), it.data());
        Ok(Key { values: values.into_iter().map(typed).collect(), subkeys })
    }

    fn note(&self, path: &KeyPath, what: &'static str, why: String) {
        let gap = Gap { at: 0..0, line: 0, what, why: GapReason::Unreadable(why) };
        let gap = RegistryGap { source: path.to_string(), gap };
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        if gaps.len() < MOST_GAPS && !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
}

/// An open key; closed when it goes out of scope.
#[derive(Debug)]
pub(super) struct OpenKey(HKEY);

impl OpenKey {
    /// Opens a key of the 64-bit view (the other one lies below `Wow6432Node`); `None` if there is
    /// none.
    pub(super) fn at(path: &KeyPath, access: REG_SAM_FLAGS) -> Result<Option<OpenKey>> {
        let (root, below) = rooted(path)?;
        open(root, below, path, access)
    }

    /// Opens a key to ask or set who may do what with it, with the rights of whoever keeps or restores
    /// backups where those of the key do not suffice; `None` if there is none.
    pub(super) fn to_secure(path: &KeyPath, access: REG_SAM_FLAGS) -> Result<Option<OpenKey>> {
        let (root, below) = rooted(path)?;
        opened(root, below, path, access, &[0, REG_OPTION_BACKUP_RESTORE.0])
    }

    /// The handle, valid as long as this is.
    pub(super) fn raw(&self) -> HKEY {
        self.0
    }

    /// Opens a key that is made if there is none.
    pub(super) fn made_at(path: &KeyPath, access: REG_SAM_FLAGS) -> Result<OpenKey> {
        const OP: &str = "make key";
        let (root, below) = rooted(path)?;
        let below = name::units(below).into_iter().chain([0]).collect::<Vec<u16>>();
        let mut handle = HKEY::default();
        // SAFETY: `root` is a root, `below` ends in a zero, `handle` is ours.
        let code = unsafe {
            RegCreateKeyExW(
                root,
                PCWSTR(below.as_ptr()),
                None,
                PCWSTR::null(),
                REG_OPTION_NON_VOLATILE,
                access | KEY_WOW64_64KEY,
                None,
                &mut handle,
                None,
            )
        };
        checked(OP, path, code).map(|()| OpenKey(handle))
    }

    /// Sets a value, and sees to it that it is on the disk.
    pub(super) fn set(
        &self,
        op: &'static str,
        path: &KeyPath,
        name: &str,
        data: &Data,
    ) -> Result<()> {
        let (kind, bytes) = form_of(data);
        let name = name::units(name).into_iter().chain([0]).collect::<Vec<u16>>();
        let name = PCWSTR(name.as_ptr());
        // SAFETY: the key is open, the name ends in a zero, the data are a slice.
        let code =
            unsafe { RegSetValueExW(self.0, name, None, REG_VALUE_TYPE(kind), Some(&bytes)) };
        checked(op, path, code)?;
        self.flush(op, path)
    }

    /// Takes a value away; nothing if there is none.
    pub(super) fn take_away(&self, op: &'static str, path: &KeyPath, name: &str) -> Result<()> {
        let name = name::units(name).into_iter().chain([0]).collect::<Vec<u16>>();
        // SAFETY: the key is open, the name ends in a zero.
        match unsafe { RegDeleteValueW(self.0, PCWSTR(name.as_ptr())) } {
            ERROR_FILE_NOT_FOUND => Ok(()),
            code => checked(op, path, code).and_then(|()| self.flush(op, path)),
        }
    }

    /// The value of this name as stored; `None` if there is none.
    pub(super) fn value(&self, path: &KeyPath, name: &str) -> Result<Option<RawValue>> {
        let values = self.values(path, |_, _| {})?;
        let folded = name.to_lowercase();
        Ok(values.into_iter().find(|it| it.name.to_lowercase() == folded))
    }

    fn flush(&self, op: &'static str, path: &KeyPath) -> Result<()> {
        // SAFETY: the key is open.
        checked(op, path, unsafe { RegFlushKey(self.0) })
    }

    /// Opens a key below.
    pub(super) fn below(
        &self,
        name: &str,
        path: &KeyPath,
        access: REG_SAM_FLAGS,
    ) -> Result<Option<OpenKey>> {
        open(self.0, name, path, access)
    }

    /// The names of the keys directly below.
    pub(super) fn subkeys(&self, path: &KeyPath) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut name = [0u16; KEY_NAME_UNITS];
        for index in 0..MOST_ITEMS {
            let mut units = KEY_NAME_UNITS as u32;
            let into = Some(PWSTR(name.as_mut_ptr()));
            // SAFETY: the handle is open; `name` has as many units as `units` says.
            let code =
                unsafe { RegEnumKeyExW(self.0, index, into, &mut units, None, None, None, None) };
            match code {
                WIN32_ERROR(0) => names.push(name::spelled(&name[..units as usize])),
                ERROR_NO_MORE_ITEMS | ERROR_KEY_DELETED => return Ok(names),
                code => return Err(HostError::win32(OP, path, code.0)),
            }
        }
        Ok(names)
    }

    /// The values as stored; one that cannot be read is told to `note`.
    pub(super) fn values(
        &self,
        path: &KeyPath,
        note: impl Fn(&'static str, String),
    ) -> Result<Vec<RawValue>> {
        let mut values = Vec::new();
        let mut name = vec![0u16; VALUE_NAME_UNITS];
        let mut bytes = vec![0u8; 4096];
        let mut index = 0;
        while index < MOST_ITEMS {
            let (mut units, mut size, mut kind) = (name.len() as u32, bytes.len() as u32, 0);
            // SAFETY: the handle is open; both buffers are as long as their sizes say.
            let code = unsafe {
                RegEnumValueW(
                    self.0,
                    index,
                    Some(PWSTR(name.as_mut_ptr())),
                    &mut units,
                    None,
                    Some(&mut kind),
                    Some(bytes.as_mut_ptr()),
                    Some(&mut size),
                )
            };
            match code {
                WIN32_ERROR(0) => values.push(RawValue {
                    name: name::spelled(&name[..units as usize]),
                    kind,
                    bytes: bytes[..size as usize].to_vec(),
                }),
                ERROR_MORE_DATA if size.max(bytes.len() as u32) > MOST_VALUE_BYTES => {
                    note("value", format!("it has {size} bytes, which are not read"));
                }
                // It may have grown since its size was told.
                ERROR_MORE_DATA => {
                    let wanted = (size as usize).max(bytes.len()).saturating_mul(2);
                    bytes.resize(wanted.min(MOST_VALUE_BYTES as usize + 1), 0);
                    continue;
                }
                ERROR_NO_MORE_ITEMS | ERROR_KEY_DELETED => return Ok(values),
                code => return Err(HostError::win32(OP, path, code.0)),
            }
            index += 1;
        }
        Ok(values)
    }
}

impl Drop for OpenKey {
    fn drop(&mut self) {
        if !is_root(self.0) {
            // SAFETY: the handle was opened by us and is closed once.
            let _ = unsafe { RegCloseKey(self.0) };
        }
    }
}

fn open(root: HKEY, below: &str, path: &KeyPath, access: REG_SAM_FLAGS) -> Result<Option<OpenKey>> {
    // A program that may make backups may read what it has no rights to; others are refused as
    // before, and nobody writes so.
    let ways: &[u32] = if access == KEY_READ { &[0, REG_OPTION_BACKUP_RESTORE.0] } else { &[0] };
    opened(root, below, path, access, ways)
}

fn opened(
    root: HKEY,
    below: &str,
    path: &KeyPath,
    access: REG_SAM_FLAGS,
    ways: &[u32],
) -> Result<Option<OpenKey>> {
    let below = name::units(below).into_iter().chain([0]).collect::<Vec<u16>>();
    for &options in ways {
        let mut handle = HKEY::default();
        let below = PCWSTR(below.as_ptr());
        // SAFETY: `root` is a root or an open key, `below` ends in a zero, `handle` is ours.
        let code = unsafe {
            RegOpenKeyExW(root, below, Some(options), access | KEY_WOW64_64KEY, &mut handle)
        };
        match code {
            WIN32_ERROR(0) => return Ok(Some(OpenKey(handle))),
            ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND | ERROR_KEY_DELETED => return Ok(None),
            // A name that no key can have.
            ERROR_BAD_PATHNAME => return Ok(None),
            ERROR_ACCESS_DENIED => {}
            code => return Err(HostError::win32(OP, path, code.0)),
        }
    }
    Err(HostError::win32(OP, path, ERROR_ACCESS_DENIED.0))
}

/// The root of a path, and what follows it.
fn rooted(path: &KeyPath) -> Result<(HKEY, &str)> {
    let (root, below) = path.as_str().split_once('\\').unwrap_or((path.as_str(), ""));
    let root = match root.to_ascii_uppercase().as_str() {
        "HKLM" => HKEY_LOCAL_MACHINE,
        "HKCU" => HKEY_CURRENT_USER,
        "HKU" => HKEY_USERS,
        "HKCR" | "HKEY_CLASSES_ROOT" => HKEY_CLASSES_ROOT,
        "HKCC" | "HKEY_CURRENT_CONFIG" => HKEY_CURRENT_CONFIG,
        _ => return Err(HostError::not_collected(OP, path)),
    };
    Ok((root, below))
}

/// Roots are no handles: they are not opened and must not be closed.
fn is_root(key: HKEY) -> bool {
    (0x8000_0000..0x8000_0100).contains(&(key.0 as usize as u32))
}
