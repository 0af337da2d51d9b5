//! The bytes of a log as UTF-8, piece by piece.

use std::io::Read;

use unwedge_formats::log::{Decoder, Encoding};

/// Bytes that [`Encoding::of`] may need.
const ENCODING_BYTES: usize = 64;
/// A line longer than this is passed over; real ones stay under a few thousand.
pub(crate) const LONGEST_LINE_BYTES: usize = 1 << 20;

/// A file as UTF-8, or as it is when it is of no encoding that needs decoding.
pub(crate) struct Text<'r> {
    reader: &'r mut dyn Read,
    begun: bool,
    decoder: Option<Decoder>,
    raw: Vec<u8>,
}

impl<'r> Text<'r> {
    pub(crate) fn new(reader: &'r mut dyn Read) -> Self {
        Text { reader, begun: false, decoder: None, raw: Vec::new() }
    }

    /// Reads about `most` bytes onto the end of `into`; gives how many the file had, 0 at its end.
    ///
    /// What was read before an error is kept.
    pub(crate) fn read(&mut self, most: usize, into: &mut Vec<u8>) -> std::io::Result<usize> {
        let most = if self.begun { most } else { most.max(ENCODING_BYTES) };
        let kept = into.len();
        // Never more than there is: most files of a PC are far smaller than a block.
        let result = (&mut *self.reader).take(most as u64).read_to_end(into);
        let read = into.len() - kept;
        if !self.begun {
            self.begun = true;
            self.decoder = Decoder::new(Encoding::of(&into[kept..]));
        }
        if let Some(decoder) = &mut self.decoder {
            self.raw.clear();
            self.raw.extend_from_slice(&into[kept..]);
            into.truncate(kept);
            decoder.decode(&self.raw, into);
        }
        result.map(|_| read)
    }
}
