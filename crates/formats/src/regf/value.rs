//! A value: its name, its type and its bytes, wherever they lie.

use std::borrow::Cow;
use std::fmt;

use super::Hive;
use super::data::{Data, u16_at, u32_at};
use super::name::Name;
use crate::Gap;

/// Bytes of a value in front of its name.
const VALUE_BYTES: usize = 20;
/// Data longer than this is spread over pieces of this size.
pub(super) const PIECE_BYTES: usize = 16_344;
const NARROW_NAME: u16 = 1;
/// In a size: up to four bytes stand in place of the offset.
const INLINE: u32 = 1 << 31;

/// A value of a key.
#[derive(Clone)]
pub struct Value<'h> {
    hive: &'h Hive<'h>,
    at: u32,
    size: u32,
    offset: u32,
    kind: u32,
    pub(super) name: Name<'h>,
}

impl<'h> Value<'h> {
    pub(super) fn read(hive: &'h Hive<'h>, at: u32) -> Result<Self, Gap> {
        let (from, length) = hive.cell(at, "value")?;
        let wrong = |why| hive.unreadable(at, "value", why);
        let head = (length >= VALUE_BYTES).then(|| hive.image.bytes(from, VALUE_BYTES)).flatten();
        let head = head.ok_or_else(|| wrong("too short"))?;
        if !head.starts_with(b"vk") {
            return Err(wrong("not a value"));
        }
        let name_bytes = usize::from(u16_at(&head, 2).unwrap_or_default());
        if VALUE_BYTES + name_bytes > length {
            return Err(wrong("its name is longer than its cell"));
        }
        let bytes = hive.image.bytes(from + VALUE_BYTES as u64, name_bytes);
        let long = |at| u32_at(&head, at).unwrap_or_default();
        Ok(Value {
            hive,
            at,
            size: long(4),
            offset: long(8),
            kind: long(12),
            name: Name {
                bytes: bytes.ok_or_else(|| wrong("its name cannot be read"))?,
                is_narrow: u16_at(&head, 16).unwrap_or_default() & NARROW_NAME != 0,
            },
        })
    }

    /// Its name, as spelled; empty for the default value.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.text()
    }

    /// Its type: 1 is `REG_SZ`, and so on.
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// Its data, by its type.
    pub fn data(&self) -> Result<Data, Gap> {
        Ok(Data::read(self.kind, &self.bytes()?))
    }

    /// Its data, as stored.
    pub fn bytes(&self) -> Result<Cow<'h, [u8]>, Gap> {
        let wrong = |why| self.hive.unreadable(self.at, "data of a value", why);
        if self.size & INLINE != 0 {
            let length = (self.size & !INLINE) as usize;
            let bytes = self.offset.to_le_bytes();
            let bytes = bytes.get(..length).ok_or_else(|| wrong("an impossible size"))?;
            return Ok(Cow::Owned(bytes.to_vec()));
        }
        let length = self.size as usize;
        if length == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let (from, there) = self.hive.cell(self.offset, "data of a value")?;
        if length > PIECE_BYTES {
            let head = self.hive.image.bytes(from, 8.min(there));
            if let Some(head) = head.filter(|it| it.len() == 8 && it.starts_with(b"db")) {
                return self.pieces(&head, length).map(Cow::Owned);
            }
        }
        if length > there {
            return Err(wrong("longer than its cell"));
        }
        self.hive.image.bytes(from, length).ok_or_else(|| wrong("cannot be read"))
    }

    fn pieces(&self, head: &[u8], length: usize) -> Result<Vec<u8>, Gap> {
        let wrong = |why| self.hive.unreadable(self.at, "data of a value", why);
        if length > self.hive.bins_bytes as usize {
            return Err(wrong("longer than the hive"));
        }
        let count = usize::from(u16_at(head, 2).unwrap_or_default());
        let (list, there) = self.hive.cell(u32_at(head, 4).unwrap_or_default(), "list of data")?;
        let list = self.hive.image.bytes(list, (count * 4).min(there & !3));
        let mut all = Vec::new();
        for entry in list.ok_or_else(|| wrong("cannot be read"))?.chunks_exact(4) {
            let (from, there) = self.hive.cell(u32_at(entry, 0).unwrap_or_default(), "data")?;
            let wanted = (length - all.len()).min(PIECE_BYTES).min(there);
            let piece = self.hive.image.bytes(from, wanted);
            all.extend_from_slice(&piece.ok_or_else(|| wrong("cannot be read"))?);
            if all.len() == length {
                return Ok(all);
            }
        }
        Err(wrong("pieces of it are missing"))
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?} of type {})", self.name(), self.kind)
    }
}
