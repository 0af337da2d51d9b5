//! A key: its name, what lies below it and its values.

use std::fmt;
use std::ops::ControlFlow;

use super::data::{u16_at, u32_at, u64_at};
use super::list::{Hint, Leaf, MOST_GAPS};
use super::name::{Name, Wanted};
use super::{Hive, Value};
use crate::{Gap, Parsed};

/// Bytes of a key node in front of its name.
const NODE_BYTES: usize = 76;
/// The smallest cells of a key and of a value: a hive cannot hold more of them.
const KEY_CELL_BYTES: u32 = 80;
const VALUE_CELL_BYTES: usize = 24;
const NARROW_NAME: u16 = 0x20;
const PREDEFINED_HANDLE: u16 = 0x40;
pub(super) const HIVE_ENTRY: u16 = 0x04;

/// A key of a hive.
#[derive(Clone)]
pub struct Key<'h> {
    pub(super) hive: &'h Hive<'h>,
    /// Offset of its cell, by which it is known in lists.
    pub(super) at: u32,
    last_written: u64,
    subkey_count: u32,
    subkey_list: u32,
    value_count: u32,
    value_list: u32,
    name: Name<'h>,
}

impl<'h> Key<'h> {
    pub(super) fn read(hive: &'h Hive<'h>, at: u32) -> Result<Self, Gap> {
        let (from, length) = hive.cell(at, "key")?;
        let wrong = |why| hive.unreadable(at, "key", why);
        let node = (length >= NODE_BYTES).then(|| hive.image.bytes(from, NODE_BYTES)).flatten();
        let node = node.ok_or_else(|| wrong("too short"))?;
        if !node.starts_with(b"nk") {
            return Err(wrong("not a key"));
        }
        let long = |at| u32_at(&node, at).unwrap_or_default();
        let short = |at| u16_at(&node, at).unwrap_or_default();
        let flags = short(2);
        let name_bytes = usize::from(short(72));
        if NODE_BYTES + name_bytes > length {
            return Err(wrong("its name is longer than its cell"));
        }
        let bytes = hive.image.bytes(from + NODE_BYTES as u64, name_bytes);
        // In place of its values such a key has a number that only Windows understands.
        let has_values = flags & PREDEFINED_HANDLE == 0;
        Ok(Key {
            hive,
            at,
            last_written: u64_at(&node, 4).unwrap_or_default(),
            subkey_count: long(20),
            subkey_list: long(28),
            value_count: if has_values { long(36) } else { 0 },
            value_list: long(40),
            name: Name {
                bytes: bytes.ok_or_else(|| wrong("its name cannot be read"))?,
                is_narrow: flags & NARROW_NAME != 0,
            },
        })
    }

    /// Its name, as spelled.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.text()
    }

    /// When it was last written: 100 ns since 1601 in UTC.
    #[must_use]
    pub fn last_written(&self) -> u64 {
        self.last_written
    }

    /// The key directly below of this name, compared without case.
    ///
    /// `Ok(None)` is known to be absent; where damage hides it, that is the error.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>, Gap> {
        let wanted = Wanted::new(name);
        let mut found = None;
        let mut gaps = Vec::new();
        self.each_below(&mut gaps, |at, hint| {
            let may_be = match hint {
                Hint::Hash(hash) => wanted.may_have_hash(hash),
                Hint::Beginning(letters) => wanted.may_begin(letters),
                Hint::None => true,
            };
            if may_be {
                match Key::read(self.hive, at) {
                    Ok(key) if key.name.is(&wanted) => {
                        found = Some(key);
                        return ControlFlow::Break(());
                    }
                    Ok(_) => {}
                    Err(gap) => return ControlFlow::Continue(Some(gap)),
                }
            }
            ControlFlow::Continue(None)
        });
        if found.is_none() && !gaps.is_empty() {
            found = self.recovered().find(|key| key.name.is(&wanted));
        }
        match (found, gaps.pop()) {
            (Some(key), _) => Ok(Some(key)),
            (None, None) => Ok(None),
            (None, Some(gap)) => Err(gap),
        }
    }

    /// All keys directly below that can be read, in the order of the hive.
    ///
    /// Where their list is damaged, keys that name this one as their parent are added behind the
    /// others, and a gap says so.
    #[must_use]
    pub fn subkeys(&self) -> Parsed<Key<'h>> {
        let mut items = Vec::new();
        let mut gaps = Vec::new();
        self.each_below(&mut gaps, |at, _| {
            ControlFlow::Continue(match Key::read(self.hive, at) {
                Ok(key) => {
                    items.push(key);
                    None
                }
                Err(gap) => Some(gap),
            })
        });
        if !gaps.is_empty() {
            let mut known: Vec<u32> = items.iter().map(|it| it.at).collect();
            known.sort_unstable();
            let before = items.len();
            items.extend(self.recovered().filter(|it| known.binary_search(&it.at).is_err()));
            if items.len() > before {
                let why = format!("damaged, {} keys found by their parent", items.len() - before);
                gaps.push(self.hive.unreadable(self.at, "list of keys", &why));
            }
        }
        Parsed { items, gaps }
    }

    /// The value of this name, compared without case; the empty name is the default value.
    ///
    /// `Ok(None)` is known to be absent; where damage hides it, that is the error.
    pub fn value(&self, name: &str) -> Result<Option<Value<'h>>, Gap> {
        let wanted = Wanted::new(name);
        let mut hidden = None;
        for cell in self.value_cells()? {
            match Value::read(self.hive, cell) {
                Ok(value) if value.name.is(&wanted) => return Ok(Some(value)),
                Ok(_) => {}
                Err(gap) => hidden = Some(gap),
            }
        }
        hidden.map_or(Ok(None), Err)
    }

    /// All values that can be read, in the order of the hive.
    #[must_use]
    pub fn values(&self) -> Parsed<Value<'h>> {
        let mut items = Vec::new();
        let mut gaps = Vec::new();
        match self.value_cells() {
            Ok(cells) => {
                for cell in cells {
                    match Value::read(self.hive, cell) {
                        Ok(value) => items.push(value),
                        Err(gap) if gaps.len() < MOST_GAPS => gaps.push(gap),
                        Err(_) => {}
                    }
                }
            }
            Err(gap) => gaps.push(gap),
        }
        Parsed { items, gaps }
    }

    fn value_cells(&self) -> Result<Vec<u32>, Gap> {
        if self.value_count == 0 {
            return Ok(Vec::new());
        }
        let (from, length) = self.hive.cell(self.value_list, "list of values")?;
        let most = self.hive.bins_bytes as usize / VALUE_CELL_BYTES;
        let count = (self.value_count as usize).min(length / 4).min(most);
        let wrong = || self.hive.unreadable(self.value_list, "list of values", "cannot be read");
        let list = self.hive.image.bytes(from, count * 4).ok_or_else(wrong)?;
        Ok(list.chunks_exact(4).filter_map(|it| u32_at(it, 0)).collect())
    }

    /// How many keys can be below: what it says, or what there is room for.
    pub(super) fn most_below(&self) -> u32 {
        self.subkey_count.min(self.hive.bins_bytes / KEY_CELL_BYTES)
    }

    /// Visits what the lists of subkeys name, until told to stop; damage goes to `gaps`.
    pub(super) fn each_below(
        &self,
        gaps: &mut Vec<Gap>,
        mut visit: impl FnMut(u32, Hint) -> ControlFlow<(), Option<Gap>>,
    ) {
        if self.subkey_count == 0 {
            return;
        }
        let mut left = self.most_below();
        let leaves = Leaf::all(self.hive, self.subkey_list, left, gaps);
        for leaf in leaves {
            for (at, hint) in leaf.entries() {
                if left == 0 {
                    return;
                }
                left -= 1;
                if at == self.at || at == self.hive.root {
                    let why = "a key that would lie below itself";
                    if gaps.len() < MOST_GAPS {
                        gaps.push(self.hive.unreadable(at, "list of keys", why));
                    }
                    continue;
                }
                match visit(at, hint) {
                    ControlFlow::Continue(gap) => {
                        gaps.extend(gap.filter(|_| gaps.len() < MOST_GAPS));
                    }
                    ControlFlow::Break(()) => return,
                }
            }
        }
        if left > 0 && gaps.is_empty() {
            gaps.push(self.hive.unreadable(
                self.subkey_list,
                "list of keys",
                "shorter than it says",
            ));
        }
    }

    fn recovered(&self) -> impl Iterator<Item = Key<'h>> {
        let hive = self.hive;
        hive.scan().below(self.at).filter_map(move |at| Key::read(hive, at).ok())
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?} at {:#x})", self.name(), self.at)
    }
}
