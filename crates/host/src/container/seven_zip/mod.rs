//! 7z archives: what is compressed together is decompressed together, member after member.
//!
//! Only the decompressors are a library's. The header is read here, because nothing in it may be
//! believed: neither its numbers nor that its streams lead anywhere.

mod coder;
mod folder;
mod header;
mod input;
mod member;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{Read, Result, Seek, SeekFrom};
use std::ops::ControlFlow;

use super::budget::{Budget, Guarded, MOST_RATIO};
use super::level::{Take, Want, damaged, entry};
use header::{Archive, File, Folders, Header, Start};
use member::{hand_out, lost};

/// The start header: mark, version, and where the header lies.
const START_BYTES: u64 = 32;
/// Half a million long paths take no more.
const MOST_HEADER_BYTES: u64 = 128 << 20;
/// A small header may unpack to so much: below it the ratio says nothing.
const FREE_HEADER_BYTES: u64 = 1 << 20;

const TOO_LONG: &str = "its list of members is too long to be true";

/// Hands the wanted members to `take`, in the order in which they are stored. All members before a
/// wanted one in the same folder are decompressed too.
pub(super) fn each(
    mut file: impl Read + Seek,
    size_bytes: u64,
    want: Want,
    budget: &Budget,
    take: &mut Take<'_>,
) -> Result<()> {
    let archive = read_archive(&mut file, size_bytes)?;
    let files: Vec<(usize, &File)> = archive.files.iter().enumerate().collect();
    let input = Cell::new(size_bytes);
    for members in files.chunk_by(|(_, one), (_, next)| one.folder == next.folder) {
        let is_wanted = members.iter().any(|&(index, _)| want.includes(index));
        let flow = match members[0].1.folder.filter(|_| want != Want::Names) {
            _ if !is_wanted => continue,
            None => without_content(members, want, take),
            Some(folder) => match opened(&mut file, &archive.folders, folder, size_bytes) {
                Ok(reader) => {
                    hand_out(&mut Guarded::new(reader, &input, budget), members, want, take)
                }
                Err(why) => lost(members, &why, want, take),
            },
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads the list of what is in the archive; it may be compressed itself.
fn read_archive(file: &mut (impl Read + Seek), size_bytes: u64) -> Result<Archive> {
    let mut start = [0; START_BYTES as usize];
    file.rewind()?;
    file.read_exact(&mut start)?;
    let start = Start::read(&start)?;
    let end =
        START_BYTES.checked_add(start.header_at).and_then(|at| at.checked_add(start.size_bytes));
    if end.is_none_or(|end| end > size_bytes) {
        return Err(damaged("its list of members lies behind its end: it is cut off"));
    }
    if start.size_bytes > MOST_HEADER_BYTES {
        return Err(damaged(TOO_LONG));
    }
    file.seek(SeekFrom::Start(START_BYTES + start.header_at))?;
    let mut bytes = Vec::new();
    file.take(start.size_bytes).read_to_end(&mut bytes)?;
    start.check(&bytes)?;
    match Header::read(bytes)? {
        Header::Plain(archive) => Ok(archive),
        Header::Packed(folders) => {
            match Header::read(unpacked_header(file, &folders, size_bytes)?)? {
                Header::Plain(archive) => Ok(archive),
                Header::Packed(_) => Err(damaged("its list of members is compressed twice")),
            }
        }
    }
}

fn unpacked_header(
    file: &mut (impl Read + Seek),
    folders: &Folders,
    size_bytes: u64,
) -> Result<Vec<u8>> {
    let folder = folders.open(0)?;
    let most = folder.packed_bytes.saturating_mul(MOST_RATIO).saturating_add(FREE_HEADER_BYTES);
    if folder.unpacked_bytes > most.min(MOST_HEADER_BYTES) {
        return Err(damaged(TOO_LONG));
    }
    let mut bytes = Vec::new();
    let reader = opened(file, folders, 0, size_bytes)?;
    reader.take(folder.unpacked_bytes).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() as u64 == folder.unpacked_bytes;
    match folder.crc {
        _ if !is_whole => Err(damaged("its list of members is cut off")),
        Some(crc) if crc != crc32fast::hash(&bytes) => {
            Err(damaged("its list of members is damaged"))
        }
        _ => Ok(bytes),
    }
}

/// The decompressed bytes of a folder.
fn opened<'f>(
    file: &'f mut (impl Read + Seek),
    folders: &Folders,
    index: u32,
    size_bytes: u64,
) -> Result<Box<dyn Read + 'f>> {
    let folder = folders.open(index)?;
    let at = START_BYTES.checked_add(folder.packed_at);
    match at.and_then(|at| at.checked_add(folder.packed_bytes)) {
        Some(end) if end <= size_bytes => {}
        _ => return Err(damaged("lies behind the end of the archive: it is cut off")),
    }
    file.seek(SeekFrom::Start(START_BYTES + folder.packed_at))?;
    let packed: Box<dyn Read + 'f> = Box::new(file.take(folder.packed_bytes));
    folder.steps()?.into_iter().try_fold(packed, coder::decoded)
}

fn without_content(members: &[(usize, &File)], want: Want, take: &mut Take<'_>) -> ControlFlow<()> {
    let wanted = members.iter().filter(|(index, _)| want.includes(*index));
    for &(index, file) in wanted {
        take(entry(index, &file.name, Ok(&mut std::io::empty())))?;
    }
    ControlFlow::Continue(())
}
