//! How much a file may unpack to: what is small outside must not be endless inside.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result};

/// Logs compress to a thirtieth, seldom to a hundredth.
pub(super) const MOST_RATIO: u64 = 200;
/// So much may always be unpacked: below it the ratio says nothing.
pub(super) const FREE_BYTES: u64 = 64 << 20;
/// What must be read in any order is held in memory; all that is held at a time is no more.
pub(super) const HELD_BYTES: u64 = 256 << 20;

/// What a decompressor may look back to; those of the usual programs go to 64 MB, at most to this.
pub(super) const MOST_DICTIONARY_BYTES: u64 = 256 << 20;

/// What is left to unpack of one file, on all levels together.
#[derive(Debug)]
pub(super) struct Budget {
    unpacked: Cell<u64>,
    held: Cell<u64>,
}

impl Budget {
    /// For a file of this size as stored.
    pub(super) fn of(stored_bytes: u64) -> Budget {
        let unpacked = stored_bytes.saturating_mul(MOST_RATIO).saturating_add(FREE_BYTES);
        Budget { unpacked: Cell::new(unpacked), held: Cell::new(HELD_BYTES) }
    }

    /// Reads all of `content` into memory; [`Budget::release`] gives the room back.
    pub(super) fn hold(&self, content: &mut dyn Read) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let room = self.held.get();
        content.take(room.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > room {
            let why = format!(
                "a container inside of another is held in memory, and this one is larger than \
                 the {} MB for that: unpack the outer one and give the folder",
                HELD_BYTES >> 20
            );
            return Err(Error::new(ErrorKind::InvalidData, why));
        }
        self.held.set(room - bytes.len() as u64);
        Ok(bytes)
    }

    /// Gives back the room of what was held.
    pub(super) fn release(&self, held_bytes: usize) {
        self.held.set(self.held.get() + held_bytes as u64);
    }

    fn spend(&self, bytes: u64) -> bool {
        match self.unpacked.get().checked_sub(bytes) {
            Some(left) => {
                self.unpacked.set(left);
                true
            }
            None => false,
        }
    }
}

/// Counts the compressed bytes that a decompressor took.
pub(super) struct Counted<'c, R> {
    pub(super) inner: R,
    pub(super) bytes: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

/// The output of a decompressor, cut off where it is out of all proportion to its input.
pub(super) struct Guarded<'b, R> {
    inner: R,
    /// Compressed bytes: those taken so far, or all there are.
    input: &'b Cell<u64>,
    given: u64,
    budget: &'b Budget,
}

impl<'b, R: Read> Guarded<'b, R> {
    pub(super) fn new(inner: R, input: &'b Cell<u64>, budget: &'b Budget) -> Self {
        Guarded { inner, input, given: 0, budget }
    }
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer).map_err(|why| match why.kind() {
            ErrorKind::OutOfMemory => dictionary_too_large(),
            _ => why,
        })?;
        self.given += read as u64;
        let is_bomb =
            self.given > FREE_BYTES && self.given > self.input.get().saturating_mul(MOST_RATIO);
        if is_bomb || !self.budget.spend(read as u64) {
            let why = format!(
                "unpacks to more than {MOST_RATIO} times its size: if that is right, unpack it by \
                 hand and give the folder"
            );
            return Err(Error::new(ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}

/// Said of what was compressed with more memory than is given here to unpack it.
pub(super) fn dictionary_too_large() -> Error {
    let why = format!(
        "was compressed with a dictionary of more than {} MB: unpack it and give the folder",
        MOST_DICTIONARY_BYTES >> 20
    );
    Error::new(ErrorKind::InvalidData, why)
}
