//! The base block: the first 4,096 bytes of a hive, and in part of its logs.

use super::data::{u32_at, u64_at};

/// Size of the base block of a hive; bins begin behind it, and offsets count from there.
pub(super) const BASE_BYTES: usize = 4096;
/// So much of it stands in a log, and is under the checksum.
const SUMMED_BYTES: usize = 508;

#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    pub(super) primary_sequence: u32,
    pub(super) secondary_sequence: u32,
    pub(super) last_written: u64,
    pub(super) file_type: u32,
    pub(super) root: u32,
    pub(super) bins_bytes: u32,
    /// Size of a sector in units of 512 bytes; the parts of a log begin at sectors.
    pub(super) clustering: u32,
    pub(super) is_sound: bool,
}

impl Base {
    /// Reads a base block; `None` if it does not have the mark of one.
    pub(super) fn read(bytes: &[u8]) -> Option<Base> {
        if !bytes.starts_with(&super::MAGIC) {
            return None;
        }
        Some(Base {
            primary_sequence: u32_at(bytes, 4)?,
            secondary_sequence: u32_at(bytes, 8)?,
            last_written: u64_at(bytes, 12)?,
            file_type: u32_at(bytes, 28)?,
            root: u32_at(bytes, 36)?,
            bins_bytes: u32_at(bytes, 40)?,
            clustering: u32_at(bytes, 44)?,
            is_sound: u32_at(bytes, SUMMED_BYTES)? == checksum(bytes),
        })
    }

    pub(super) fn is_log(&self) -> bool {
        self.is_sound && self.file_type != 0
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.is_sound || self.primary_sequence != self.secondary_sequence
    }

    pub(super) fn sector_bytes(&self) -> usize {
        512 * self.clustering.clamp(1, 8) as usize
    }
}

/// Exclusive or of the first 508 bytes; 0 and -1 are written as their neighbours.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let words = bytes[..SUMMED_BYTES.min(bytes.len())].chunks_exact(4);
    let sum = words.fold(0, |sum, it| sum ^ u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}
