//! Text of any encoding as blocks of whole lines.

use std::io::{Error, ErrorKind, Read, Result};
use std::thread;

use unwedge_formats::log::{Decoder, Encoding};

use crate::evidence;

/// Blocks that are worked on at a time.
const MOST_AT_A_TIME: usize = 8;
/// Bytes that are read at a time.
const STEP_BYTES: u64 = 1 << 20;
/// A line longer than this is none.
const LONGEST_LINE_BYTES: usize = 16 << 20;

/// Does `work` for each block of `reader`, several at a time, and hands what comes of it to `take`,
/// in the order of the text.
pub(super) fn side_by_side<R: Send>(
    reader: &mut dyn Read,
    work: impl Fn(&[u8]) -> R + Sync,
    take: &mut dyn FnMut(&[u8], R) -> Result<()>,
) -> Result<()> {
    let most = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_A_TIME);
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    let mut done = |waiting: &mut Vec<Vec<u8>>| -> Result<()> {
        let results = evidence::side_by_side(waiting, |_, block| work(block));
        waiting.drain(..).zip(results).try_for_each(|(block, result)| take(&block, result))
    };
    let read = blocks(reader, &mut |block| {
        waiting.push(block.to_vec());
        if waiting.len() >= most { done(&mut waiting) } else { Ok(()) }
    });
    // What was readable is kept, and the error told behind it.
    done(&mut waiting).and(read)
}

/// Hands all of `reader`, decoded, to `take` in blocks that end at line ends (but for the last).
pub(super) fn blocks(
    reader: &mut dyn Read,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (mut block, mut stored) = (Vec::new(), Vec::new());
    let mut decoder = None;
    loop {
        stored.clear();
        let read = reader.take(STEP_BYTES).read_to_end(&mut stored);
        let decoder = decoder.get_or_insert_with(|| Decoder::new(Encoding::of(&stored)));
        match decoder {
            Some(decoder) => decoder.decode(&stored, &mut block),
            None => block.extend_from_slice(&stored),
        }
        if read.is_err() || stored.is_empty() {
            // What was readable is kept, and the error told behind it.
            take(&block)?;
            return read.map(|_| ());
        }
        // A value must not lie across the end of a block.
        if let Some(end) = memchr::memrchr2(b'\n', b'\r', &block) {
            take(&block[..=end])?;
            block.drain(..=end);
        } else if block.len() > LONGEST_LINE_BYTES {
            return Err(Error::new(ErrorKind::InvalidData, "a line of it does not end"));
        }
    }
}
