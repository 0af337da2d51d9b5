//! A journal in memory, whose last line may be torn by a cut of the power.

use std::io;

use unwedge_engine::journal::Store;
use unwedge_host::testing::Power;

/// The journal, as far as it was written while there was power.
pub(crate) struct Tape {
    pub(crate) bytes: Vec<u8>,
    pub(crate) power: Power,
    /// Whether the line at which the power goes is written by half.
    pub(crate) tears: bool,
}

impl Store for Tape {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let tears = self.tears && self.power.is_about_to_tear();
        let bytes = &mut self.bytes;
        if self.power.touch(|| bytes.extend_from_slice(line)).is_some() {
            return Ok(());
        }
        if tears {
            self.bytes.extend_from_slice(&line[..line.len() / 2]);
        }
        Err(io::Error::other("the power is gone"))
    }
}
