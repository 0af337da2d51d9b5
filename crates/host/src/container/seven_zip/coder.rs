//! The methods of compression of 7z that are read.

use std::io::{BufReader, Read, Result};

use flate2::read::DeflateDecoder;
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};

use super::super::budget::{MOST_DICTIONARY_BYTES, dictionary_too_large};
use super::super::level::{damaged, encrypted};
use super::folder::Step;

/// The output of one step, whose input is the output of the one before it. Methods are named in
/// Methods.txt of the LZMA SDK.
pub(super) fn decoded<'f>(input: Box<dyn Read + 'f>, step: Step<'_>) -> Result<Box<dyn Read + 'f>> {
    let properties = step.properties;
    Ok(match step.method {
        [0] => input,
        [3] => {
            let distance = properties.first().map_or(1, |&byte| usize::from(byte) + 1);
            Box::new(DeltaReader::new(input, distance))
        }
        [4] | [3, 3, 1, 3] => Box::new(BcjReader::new_x86(input, 0)),
        [5] | [3, 3, 2, 5] => Box::new(BcjReader::new_ppc(input, 0)),
        [6] | [3, 3, 4, 1] => Box::new(BcjReader::new_ia64(input, 0)),
        [7] | [3, 3, 5, 1] => Box::new(BcjReader::new_arm(input, 0)),
        [8] | [3, 3, 7, 1] => Box::new(BcjReader::new_arm_thumb(input, 0)),
        [9] | [3, 3, 8, 5] => Box::new(BcjReader::new_sparc(input, 0)),
        [0xa] => Box::new(BcjReader::new_arm64(input, 0)),
        [0xb] => Box::new(BcjReader::new_riscv(input, 0)),
        [0x21] => {
            let [bits] = properties else { return Err(damaged("a dictionary without a size")) };
            let size = dictionary(lzma2_dictionary(*bits)?, step.unpacked_bytes)?;
            Box::new(Lzma2Reader::new(input, size, None))
        }
        [3, 1, 1] => {
            let &[settings, a, b, c, d] = properties else {
                return Err(damaged("a dictionary without a size"));
            };
            let size = u64::from(u32::from_le_bytes([a, b, c, d]));
            let size = dictionary(size, step.unpacked_bytes)?;
            Box::new(LzmaReader::new_with_props(input, step.unpacked_bytes, settings, size, None)?)
        }
        [4, 1, 8] => Box::new(DeflateDecoder::new(BufReader::new(input))),
        [6, 0xf1, 7, ..] => return Err(encrypted()),
        [3, 4, 1] => return Err(unread("PPMd")),
        [4, 2, 2] => return Err(unread("bzip2")),
        [4, 1, 9] => return Err(unread("Deflate64")),
        [3, 3, 1, 0x1b] => return Err(unread("BCJ2")),
        [4, 0xf7, 0x11, 1] => return Err(unread("Zstandard")),
        method => return Err(unread(&format!("method {method:x?}"))),
    })
}

fn unread(method: &str) -> std::io::Error {
    damaged(format!(
        "compressed by {method}, which is not read here: unpack it and give the folder"
    ))
}

/// What the decoder has to keep: never more than there is to unpack.
fn dictionary(claimed_bytes: u64, unpacked_bytes: u64) -> Result<u32> {
    let needed = claimed_bytes.min(unpacked_bytes);
    match u32::try_from(needed) {
        Ok(size) if needed <= MOST_DICTIONARY_BYTES => Ok(size),
        _ => Err(dictionary_too_large()),
    }
}

/// One byte says a power of two, or one and a half of it (the .xz file format 1.2.1, 5.3.1).
fn lzma2_dictionary(bits: u8) -> Result<u64> {
    match bits {
        0..40 => Ok(u64::from(2 | (bits & 1)) << (bits / 2 + 11)),
        40 => Ok(u64::from(u32::MAX)),
        _ => Err(damaged("a dictionary of no size")),
    }
}
