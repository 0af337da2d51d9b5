//! Cabinets ([MS-CAB]): files in folders, which are rows of blocks compressed together.
//!
//! The library trusts what a cabinet says of itself where that is wrong, and stops the program; so
//! the places of files are checked before it is asked for one.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Result, Seek, SeekFrom};

use super::budget::{Budget, FREE_BYTES, Guarded, MOST_RATIO};
use super::level::{Take, Want, damaged, entry};

/// A cabinet finds its files by going through all of them.
const MOST_IN_A_CABINET: usize = 1_000;
/// Flags of the head: the names of the cabinets before and behind, and room for others.
const BEFORE: u16 = 1;
const BEHIND: u16 = 2;
const RESERVED: u16 = 4;

/// Hands the wanted files of a cabinet to `take`, in their order.
pub(super) fn each(
    mut file: impl Read + Seek,
    size_bytes: u64,
    want: Want,
    budget: &Budget,
    take: &mut Take<'_>,
) -> Result<()> {
    let unreadable = unreadable(&mut file, size_bytes);
    file.rewind()?;
    let mut cabinet = cab::Cabinet::new(file)?;
    let unreadable = unreadable?;
    let mut files: Vec<(String, bool)> = Vec::new();
    for folder in cabinet.folder_entries() {
        // A block holds at most 32 KB ([MS-CAB] 2.4, CFDATA).
        let most = u64::from(folder.num_data_blocks()) << 15;
        let is_bomb = most > FREE_BYTES && most / MOST_RATIO > size_bytes;
        files.extend(folder.file_entries().map(|file| (file.name().to_owned(), is_bomb)));
    }
    let input = Cell::new(size_bytes);
    let mut seen = HashSet::new();
    let too_many = files.len() > MOST_IN_A_CABINET;
    for (index, (name, is_bomb)) in files.iter().take(MOST_IN_A_CABINET).enumerate() {
        let is_first = seen.insert(name);
        if !want.includes(index) {
            continue;
        }
        let flow = match want {
            Want::Names => take(entry(index, name, Ok(&mut std::io::empty()))),
            _ if !is_first => {
                let why = "a second file of this name in a cabinet: unpack it and give the folder";
                take(entry(index, name, Err(damaged(why))))
            }
            _ if *is_bomb => {
                let why = format!("unpacks to more than {MOST_RATIO} times its size");
                take(entry(index, name, Err(damaged(why))))
            }
            _ if unreadable.contains(name) => {
                let why = "lies behind the end of its data: unpack it and give the folder";
                take(entry(index, name, Err(damaged(why))))
            }
            _ => match cabinet.read_file(name) {
                Ok(reader) => {
                    let mut content = Guarded::new(reader, &input, budget);
                    take(entry(index, name, Ok(&mut content)))
                }
                Err(why) => take(entry(index, name, Err(why))),
            },
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    match too_many {
        true => Err(damaged(format!("only its first {MOST_IN_A_CABINET} files are looked at"))),
        false => Ok(()),
    }
}

/// The data of a folder, as its blocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// So many bytes once unpacked.
    Whole(u64),
    /// The cabinet ends before: whoever reads on is told.
    CutOff,
    /// Blocks that are stored as they are and say they are of another size.
    Foreign,
}

/// The names of files that lie behind the end of the data of their folder.
fn unreadable(file: &mut (impl Read + Seek), size_bytes: u64) -> Result<HashSet<String>> {
    file.rewind()?;
    let mut reader = BufReader::new(file);
    let head: [u8; 36] = array(&mut reader)?;
    let (first_file, folders, files) = (long(&head, 16), short(&head, 26), short(&head, 28));
    let flags = short(&head, 30);
    let (mut folder_room, mut block_room) = (0, 0);
    if flags & RESERVED != 0 {
        let room: [u8; 4] = array(&mut reader)?;
        pass(&mut reader, u64::from(short(&room, 0)))?;
        (folder_room, block_room) = (room[2], room[3]);
    }
    for flag in [BEFORE, BEHIND] {
        if flags & flag != 0 {
            // Of the cabinet, and of the disk it is on.
            name(&mut reader)?;
            name(&mut reader)?;
        }
    }
    let mut rows: Vec<[u8; 8]> = Vec::new();
    for _ in 0..folders {
        rows.push(array(&mut reader)?);
        pass(&mut reader, u64::from(folder_room))?;
    }
    // Each block has a head of its own.
    let mut blocks_left = size_bytes / 8;
    let mut data = Vec::new();
    for row in &rows {
        data.push(blocks(&mut reader, row, block_room, &mut blocks_left)?);
    }
    reader.seek(SeekFrom::Start(u64::from(first_file)))?;
    let mut unreadable = HashSet::new();
    for _ in 0..files {
        let row: [u8; 16] = array(&mut reader)?;
        let name = name(&mut reader)?;
        let (start, folder) = (u64::from(long(&row, 4)), usize::from(short(&row, 8)));
        let is_there = match data.get(folder) {
            Some(Data::Whole(length)) => start <= *length,
            Some(Data::CutOff) => true,
            Some(Data::Foreign) | None => false,
        };
        if !is_there {
            unreadable.insert(name);
        }
    }
    Ok(unreadable)
}

/// Adds up the blocks of a folder.
fn blocks(
    reader: &mut (impl Read + Seek),
    row: &[u8; 8],
    room: u8,
    blocks_left: &mut u64,
) -> Result<Data> {
    let (mut at, count, is_stored) =
        (u64::from(long(row, 0)), short(row, 4), short(row, 6) & 0xf == 0);
    let mut length = 0;
    for _ in 0..count {
        *blocks_left = blocks_left
            .checked_sub(1)
            .ok_or_else(|| damaged("its data lie over each other, as only a bomb's do"))?;
        reader.seek(SeekFrom::Start(at))?;
        let Ok(head) = array::<8>(reader) else { return Ok(Data::CutOff) };
        let (packed, unpacked) = (short(&head, 4), short(&head, 6));
        if is_stored && packed != unpacked {
            return Ok(Data::Foreign);
        }
        length += u64::from(unpacked);
        at += 8 + u64::from(room) + u64::from(packed);
    }
    Ok(Data::Whole(length))
}

fn array<const LENGTH: usize>(reader: &mut impl Read) -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(short(bytes, at)) | u32::from(short(bytes, at + 2)) << 16
}

fn pass(reader: &mut impl Read, count: u64) -> Result<()> {
    std::io::copy(&mut reader.take(count), &mut std::io::sink()).map(drop)
}

/// A name up to its NUL as the library spells it, which takes none that is longer than 255 bytes.
fn name(reader: &mut impl BufRead) -> Result<String> {
    let mut name = Vec::new();
    reader.take(256).read_until(0, &mut name)?;
    if name.pop_if(|last| *last == 0).is_none() {
        return Err(damaged("a name without an end"));
    }
    Ok(String::from_utf8_lossy(&name).into_owned())
}
