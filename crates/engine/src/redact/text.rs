//! Text of any encoding as blocks of whole lines.

use std::io::{Error, ErrorKind, Read, Result};

use unwedge_formats::log::{Decoder, Encoding};

/// Bytes that are read at a time.
const STEP_BYTES: u64 = 1 << 20;
/// A line longer than this is none.
const LONGEST_LINE_BYTES: usize = 16 << 20;

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
