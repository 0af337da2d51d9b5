//! The members of one folder, one behind the other in its decompressed bytes.

use std::io::{Error, ErrorKind, Read, Result};
use std::ops::ControlFlow;

use super::super::level::{Take, Want, damaged, entry};
use super::header::File;

/// Hands out the wanted ones of a folder's members.
pub(super) fn hand_out(
    folder: &mut dyn Read,
    members: &[(usize, &File)],
    want: Want,
    take: &mut Take<'_>,
) -> ControlFlow<()> {
    for (place, &(index, file)) in members.iter().enumerate() {
        let mut content = Content::of(folder, file);
        if want.includes(index) {
            take(entry(index, &file.name, Ok(&mut content)))?;
        }
        // The next one begins where this one ends.
        let skipped = std::io::copy(&mut content, &mut std::io::sink());
        if let Some(why) = content.broken {
            return lost(&members[place + 1..], &damaged(why), want, take);
        }
        debug_assert!(skipped.is_ok() || content.left == 0, "what is left can be read");
    }
    ControlFlow::Continue(())
}

/// Tells of members that cannot be read, and why.
pub(super) fn lost(
    members: &[(usize, &File)],
    why: &Error,
    want: Want,
    take: &mut Take<'_>,
) -> ControlFlow<()> {
    for &(index, file) in members.iter().filter(|(index, _)| want.includes(*index)) {
        take(entry(index, &file.name, Err(Error::new(why.kind(), why.to_string()))))?;
    }
    ControlFlow::Continue(())
}

/// The bytes of one member, compared with its checksum at their end.
struct Content<'b> {
    folder: &'b mut dyn Read,
    left: u64,
    hasher: crc32fast::Hasher,
    /// Taken when it was compared.
    crc: Option<u32>,
    /// Why nothing behind this place can be read.
    broken: Option<String>,
}

impl<'b> Content<'b> {
    fn of(folder: &'b mut dyn Read, file: &File) -> Content<'b> {
        let hasher = crc32fast::Hasher::new();
        Content { folder, left: file.size_bytes, hasher, crc: file.crc, broken: None }
    }

    fn break_off(&mut self, why: Error) -> Error {
        self.broken = Some(why.to_string());
        why
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if let Some(why) = &self.broken {
            return Err(damaged(why));
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return match self.crc.take() {
                Some(crc) if crc != self.hasher.clone().finalize() => {
                    Err(damaged("its checksum is wrong: it is damaged"))
                }
                _ => Ok(0),
            };
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = match self.folder.read(&mut buffer[..room]) {
            Err(why) if why.kind() == ErrorKind::Interrupted => return Err(why),
            Err(why) => return Err(self.break_off(why)),
            Ok(0) => return Err(self.break_off(damaged("ends in the middle"))),
            Ok(read) => read,
        };
        self.hasher.update(&buffer[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}
