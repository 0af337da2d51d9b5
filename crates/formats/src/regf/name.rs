//! Names of keys and values: stored in one byte or two a character, compared without case.

use std::borrow::Cow;

/// A name as stored.
#[derive(Debug, Clone)]
pub(super) struct Name<'h> {
    pub(super) bytes: Cow<'h, [u8]>,
    /// One byte a character (Latin-1) rather than UTF-16.
    pub(super) is_narrow: bool,
}

/// A name that is looked for, in upper case, and its hash.
pub(super) struct Wanted {
    units: Vec<u16>,
    hash: u32,
    is_ascii: bool,
}

impl Name<'_> {
    pub(super) fn text(&self) -> String {
        if self.is_narrow {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) if text.is_ascii() => text.to_owned(),
                _ => self.bytes.iter().map(|byte| char::from(*byte)).collect(),
            }
        } else {
            let units = self.bytes.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]]));
            char::decode_utf16(units).map(|it| it.unwrap_or('\u{fffd}')).collect()
        }
    }

    pub(super) fn is(&self, wanted: &Wanted) -> bool {
        if self.is_narrow {
            self.bytes.len() == wanted.units.len()
                && self.bytes.iter().zip(&wanted.units).all(|(a, b)| upper((*a).into()) == *b)
        } else {
            // A byte behind the last character is no part of the name.
            self.bytes.len() / 2 == wanted.units.len()
                && (self.bytes.chunks_exact(2).zip(&wanted.units))
                    .all(|(a, b)| upper(u16::from_le_bytes([a[0], a[1]])) == *b)
        }
    }
}

impl Wanted {
    pub(super) fn new(name: &str) -> Self {
        let units: Vec<u16> = name.encode_utf16().map(upper).collect();
        let hash = hash(&units);
        Wanted { hash, is_ascii: name.is_ascii(), units }
    }

    /// Whether an entry of a hash leaf may be meant. Only trusted for ASCII names: beyond it the
    /// tables of upper case differ between versions of Windows.
    pub(super) fn may_have_hash(&self, hash: u32) -> bool {
        !self.is_ascii || hash == self.hash
    }

    /// Whether an entry of a fast leaf, with the first four characters of its name, may be meant.
    pub(super) fn may_begin(&self, hint: [u8; 4]) -> bool {
        if !self.is_ascii || !hint.is_ascii() || hint[0] == 0 {
            return true;
        }
        let units = self.units.iter().copied().chain(std::iter::repeat(0));
        hint.iter().zip(units).all(|(byte, unit)| upper((*byte).into()) == unit)
    }
}

/// The hash of a name that is in upper case, as in hash leaves.
pub(super) fn hash(upper: &[u16]) -> u32 {
    upper.iter().fold(0_u32, |hash, unit| hash.wrapping_mul(37).wrapping_add((*unit).into()))
}

pub(super) fn upper(unit: u16) -> u16 {
    if let Ok(byte) = u8::try_from(unit)
        && byte.is_ascii()
    {
        return byte.to_ascii_uppercase().into();
    }
    let Some(lower) = char::from_u32(unit.into()) else { return unit };
    let mut upper = lower.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}
