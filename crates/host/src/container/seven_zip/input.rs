//! The numbers and lists of a 7z header, each bounded by the bytes that are left of it.

use std::io::{Error, Result};

use super::super::level::damaged;

/// What is left of a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'h> {
    left: &'h [u8],
}

impl<'h> Input<'h> {
    pub(super) fn new(header: &'h [u8]) -> Input<'h> {
        Input { left: header }
    }

    pub(super) fn left_bytes(&self) -> usize {
        self.left.len()
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<&'h [u8]> {
        let length = usize::try_from(length).map_err(|_| cut_off())?;
        let (taken, left) = self.left.split_at_checked(length).ok_or_else(cut_off)?;
        self.left = left;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    /// Four bytes, lowest first.
    pub(super) fn crc(&mut self) -> Result<u32> {
        let bytes = self.bytes(4)?;
        Ok(bytes.iter().rev().fold(0, |crc, &byte| crc << 8 | u32::from(byte)))
    }

    /// Eight bytes, lowest first.
    pub(super) fn wide(&mut self) -> Result<u64> {
        let low = u64::from(self.crc()?);
        Ok(low | u64::from(self.crc()?) << 32)
    }

    /// A number of one to nine bytes: the ones that the first begins with say how many follow, the
    /// rest of the first is the highest part.
    pub(super) fn number(&mut self) -> Result<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let low = self.bytes(u64::from(more))?;
        let low = low.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let high = match more {
            0..=6 => u64::from(first & (0x7f >> more)) << (8 * more),
            _ => 0,
        };
        Ok(high | low)
    }

    /// How many things follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize> {
        let number = self.number()?;
        usize::try_from(number).ok().filter(|&count| count <= self.left.len()).ok_or_else(cut_off)
    }

    /// As many bits as there are things; eight take one byte.
    pub(super) fn bits(&mut self, count: usize) -> Result<Bits<'h>> {
        Ok(Bits(self.bytes(count.div_ceil(8) as u64)?))
    }

    /// All that is left as bits.
    pub(super) fn all_bits(self) -> Bits<'h> {
        Bits(self.left)
    }

    /// A byte that can only be this one.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<()> {
        match self.byte()? {
            byte if byte == wanted => Ok(()),
            _ => Err(damaged("its list of members is in a form not read here")),
        }
    }

    /// UTF-16 to the next zero.
    pub(super) fn name(&mut self) -> Result<String> {
        let units = self.left.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let length = units.clone().position(|unit| unit == 0).ok_or_else(cut_off)?;
        let name = char::decode_utf16(units.take(length))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        self.left = &self.left[2 * (length + 1)..];
        Ok(name)
    }

    /// Checksums of so many things, not all of which need to have one.
    pub(super) fn checksums(&mut self, count: usize) -> Result<Vec<Option<u32>>> {
        let defined = match self.byte()? {
            0 => Some(self.bits(count)?),
            _ => None,
        };
        if defined.is_none() && self.left.len() / 4 < count {
            return Err(cut_off());
        }
        (0..count)
            .map(|index| match defined {
                Some(bits) if !bits.has(index) => Ok(None),
                _ => self.crc().map(Some),
            })
            .collect()
    }
}

/// A list of yes and no, highest bit first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bits<'h>(&'h [u8]);

impl Bits<'_> {
    /// What lies behind the end is no.
    pub(super) fn has(self, index: usize) -> bool {
        self.0.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
    }
}

fn cut_off() -> Error {
    damaged("its list of members is not whole")
}
