//! What is in a 7z archive, by its header (7zFormat.txt of the LZMA SDK, which is in the public
//! domain).
//!
//! Each number that says how many things follow is compared with the bytes that are left, of which
//! each thing takes at least one. So memory is bounded by the header, whatever it claims.

use std::io::{Error, Result};

use super::super::MOST_MEMBERS;
use super::super::level::damaged;
use super::folder::Folder;
use super::input::{Bits, Input};

const END: u8 = 0;
const HEADER: u8 = 1;
const ARCHIVE_PROPERTIES: u8 = 2;
const MAIN_STREAMS: u8 = 4;
const FILES: u8 = 5;
const PACKED: u8 = 6;
const UNPACKED: u8 = 7;
const SUB_STREAMS: u8 = 8;
const SIZES: u8 = 9;
const CHECKSUMS: u8 = 10;
const FOLDERS: u8 = 11;
const CODER_SIZES: u8 = 12;
const STREAMS_OF_FOLDERS: u8 = 13;
const EMPTY_STREAMS: u8 = 14;
const EMPTY_FILES: u8 = 15;
const NAMES: u8 = 17;
const PACKED_HEADER: u8 = 23;

const TOO_FEW: &str = "its list of members tells of more than it lists";

/// Where the header lies.
#[derive(Debug)]
pub(super) struct Start {
    /// Behind the start header.
    pub(super) header_at: u64,
    pub(super) size_bytes: u64,
    crc: u32,
}

/// A header as it stands in the archive.
#[derive(Debug)]
pub(super) enum Header {
    Plain(Archive),
    /// It is the content of the first folder.
    Packed(Folders),
}

/// What is in an archive.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) folders: Folders,
    /// In the order of their content, without directories.
    pub(super) files: Vec<File>,
}

/// A member.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) crc: Option<u32>,
    /// Where its content is; an empty file may be in none.
    pub(super) folder: Option<u32>,
}

/// What is compressed, and how.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Folders are read again from it when one is opened: kept as they are, they are small.
    header: Vec<u8>,
    all: Vec<Place>,
    coder_sizes: Vec<u64>,
}

/// Where one folder is told of.
#[derive(Debug)]
struct Place {
    in_header: usize,
    first_coder: usize,
    packed_at: u64,
    packed_bytes: u64,
    /// The one whose output is the content.
    last_coder: usize,
    crc: Option<u32>,
}

/// One file's share of a folder.
#[derive(Debug)]
struct Stream {
    folder: u32,
    size_bytes: u64,
    crc: Option<u32>,
}

impl Start {
    /// Reads the first 32 bytes of an archive.
    pub(super) fn read(bytes: &[u8]) -> Result<Start> {
        let mut input = Input::new(bytes);
        let _mark_and_version = input.bytes(8)?;
        let crc = input.crc()?;
        let told = input.bytes(20)?;
        if crc == 0 && told.iter().all(|&byte| byte == 0) {
            return Err(damaged("a 7z archive whose writing was never finished"));
        }
        if crc32fast::hash(told) != crc {
            return Err(damaged("its beginning is damaged"));
        }
        let mut told = Input::new(told);
        Ok(Start { header_at: told.wide()?, size_bytes: told.wide()?, crc: told.crc()? })
    }

    /// Whether these are the bytes that were meant.
    pub(super) fn check(&self, header: &[u8]) -> Result<()> {
        match header.len() as u64 == self.size_bytes && crc32fast::hash(header) == self.crc {
            true => Ok(()),
            false => Err(damaged("its list of members is damaged")),
        }
    }
}

impl Header {
    /// Reads a header; an archive without one has no members.
    pub(super) fn read(header: Vec<u8>) -> Result<Header> {
        if header.is_empty() {
            return Ok(Header::Plain(Archive::default()));
        }
        let mut input = Input::new(&header);
        match input.byte()? {
            PACKED_HEADER => {
                let (mut folders, _) = read_streams(&mut input, header.len())?;
                folders.header = header;
                Ok(Header::Packed(folders))
            }
            HEADER => {
                let mut archive = read_archive(&mut input, header.len())?;
                archive.folders.header = header;
                Ok(Header::Plain(archive))
            }
            _ => Err(damaged("its list of members is of an unknown kind")),
        }
    }
}

impl Folders {
    /// Reads how a folder is compressed.
    pub(super) fn open(&self, index: u32) -> Result<Folder<'_>> {
        let place = self.all.get(index as usize).ok_or_else(|| damaged("holds nothing"))?;
        let mut folder = Folder::read(&mut Input::new(&self.header[place.in_header..]))?;
        folder.set_sizes(&self.coder_sizes[place.first_coder..]);
        folder.packed_at = place.packed_at;
        folder.packed_bytes = place.packed_bytes;
        folder.unpacked_bytes = self.unpacked_bytes(place);
        folder.crc = place.crc;
        Ok(folder)
    }

    fn unpacked_bytes(&self, place: &Place) -> u64 {
        self.coder_sizes[place.last_coder]
    }
}

fn read_archive(input: &mut Input<'_>, header_bytes: usize) -> Result<Archive> {
    let mut kind = input.byte()?;
    if kind == ARCHIVE_PROPERTIES {
        while input.byte()? != END {
            let size = input.number()?;
            input.bytes(size)?;
        }
        kind = input.byte()?;
    }
    let (mut folders, mut streams) = (Folders::default(), Vec::new());
    if kind == MAIN_STREAMS {
        (folders, streams) = read_streams(input, header_bytes)?;
        kind = input.byte()?;
    }
    let mut files = Vec::new();
    if kind == FILES {
        files = read_files(input, &streams)?;
        kind = input.byte()?;
    }
    match kind {
        END => Ok(Archive { folders, files }),
        _ => Err(unexpected(kind)),
    }
}

fn read_streams(input: &mut Input<'_>, header_bytes: usize) -> Result<(Folders, Vec<Stream>)> {
    let (mut packed_at, mut packed_sizes) = (0, Vec::new());
    let mut folders = Folders::default();
    let mut streams = None;
    loop {
        match input.byte()? {
            PACKED => (packed_at, packed_sizes) = read_packed(input)?,
            UNPACKED => {
                folders = read_folders(input, header_bytes, packed_at, &packed_sizes)?;
            }
            SUB_STREAMS => streams = Some(read_shares(input, &folders)?),
            END => break,
            kind => return Err(unexpected(kind)),
        }
    }
    let streams = match streams {
        Some(streams) => streams,
        None => read_shares(&mut Input::new(&[END]), &folders)?,
    };
    Ok((folders, streams))
}

/// Where the compressed bytes begin, and how long each run of them is.
fn read_packed(input: &mut Input<'_>) -> Result<(u64, Vec<u64>)> {
    let at = input.number()?;
    let count = input.count()?;
    let mut sizes = Vec::new();
    loop {
        match input.byte()? {
            SIZES => sizes = (0..count).map(|_| input.number()).collect::<Result<_>>()?,
            CHECKSUMS => drop(input.checksums(count)?),
            END => return Ok((at, sizes)),
            kind => return Err(unexpected(kind)),
        }
    }
}

fn read_folders(
    input: &mut Input<'_>,
    header_bytes: usize,
    mut packed_at: u64,
    packed_sizes: &[u64],
) -> Result<Folders> {
    input.expect(FOLDERS)?;
    let count = input.count()?;
    input.expect(0)?;
    let mut folders = Folders { all: Vec::with_capacity(count), ..Folders::default() };
    let (mut coders, mut packed) = (0, packed_sizes);
    for _ in 0..count {
        let in_header = header_bytes - input.left_bytes();
        let folder = Folder::read(input)?;
        let (own, rest) =
            packed.split_at_checked(folder.stored()).ok_or_else(|| damaged(TOO_FEW))?;
        packed = rest;
        folders.all.push(Place {
            in_header,
            first_coder: coders,
            packed_at,
            packed_bytes: sum(own)?,
            last_coder: coders + folder.last(),
            crc: None,
        });
        packed_at = sum(&[packed_at, sum(own)?])?;
        coders += folder.outputs();
    }
    input.expect(CODER_SIZES)?;
    if coders > input.left_bytes() {
        return Err(damaged(TOO_FEW));
    }
    folders.coder_sizes = (0..coders).map(|_| input.number()).collect::<Result<_>>()?;
    loop {
        match input.byte()? {
            CHECKSUMS => {
                let checksums = input.checksums(count)?;
                folders.all.iter_mut().zip(checksums).for_each(|(place, crc)| place.crc = crc);
            }
            END => return Ok(folders),
            kind => return Err(unexpected(kind)),
        }
    }
}

/// What is in each folder: one file, unless it is said.
fn read_shares(input: &mut Input<'_>, folders: &Folders) -> Result<Vec<Stream>> {
    let mut counts = vec![1_usize; folders.all.len()];
    let mut kind = input.byte()?;
    if kind == STREAMS_OF_FOLDERS {
        for count in &mut counts {
            *count = input.count()?;
        }
        kind = input.byte()?;
    }
    let mut streams: Vec<Stream> = Vec::new();
    for ((folder, place), &count) in (0..).zip(&folders.all).zip(&counts) {
        let mut left = folders.unpacked_bytes(place);
        for last in (0..count).rev() {
            let size_bytes = match (last, kind) {
                (0, _) => left,
                (_, SIZES) => input.number()?,
                _ => return Err(damaged(TOO_FEW)),
            };
            left = left.checked_sub(size_bytes).ok_or_else(|| damaged(TOO_FEW))?;
            let crc = if count == 1 { place.crc } else { None };
            streams.push(Stream { folder, size_bytes, crc });
        }
    }
    if kind == SIZES {
        kind = input.byte()?;
    }
    if kind == CHECKSUMS {
        let mut without: Vec<&mut Stream> =
            streams.iter_mut().filter(|stream| stream.crc.is_none()).collect();
        let checksums = input.checksums(without.len())?;
        without.iter_mut().zip(checksums).for_each(|(stream, crc)| stream.crc = crc);
        kind = input.byte()?;
    }
    match kind {
        END => Ok(streams),
        _ => Err(unexpected(kind)),
    }
}

fn read_files(input: &mut Input<'_>, streams: &[Stream]) -> Result<Vec<File>> {
    let count = input.count()?;
    if count > MOST_MEMBERS {
        let why = format!("holds more than {MOST_MEMBERS} members: unpack it and give the folder");
        return Err(damaged(why));
    }
    let (mut without_stream, mut without_content) = (Bits::default(), Bits::default());
    let mut names = Input::new(&[]);
    loop {
        let kind = input.byte()?;
        if kind == END {
            break;
        }
        let size = input.number()?;
        let mut property = Input::new(input.bytes(size)?);
        match kind {
            EMPTY_STREAMS => without_stream = property.bits(count)?,
            EMPTY_FILES => without_content = property.all_bits(),
            NAMES => {
                property.expect(0)?;
                names = property;
            }
            // Times, attributes and padding.
            _ => {}
        }
    }
    files_of(count, streams, without_stream, without_content, &mut names)
}

/// A file without a stream is a directory unless it is called empty.
fn files_of(
    count: usize,
    streams: &[Stream],
    without_stream: Bits<'_>,
    without_content: Bits<'_>,
    names: &mut Input<'_>,
) -> Result<Vec<File>> {
    let mut streams = streams.iter().peekable();
    let mut files: Vec<File> = Vec::new();
    let mut empty = 0;
    for index in 0..count {
        let name = names.name()?;
        if without_stream.has(index) {
            empty += 1;
            if without_content.has(empty - 1) {
                // Told between two of a folder it is taken with them, so that these stay together.
                let before = files.last().and_then(|file| file.folder);
                let folder = before.filter(|_| streams.peek().map(|next| next.folder) == before);
                files.push(File { name, size_bytes: 0, crc: None, folder });
            }
            continue;
        }
        let stream = streams.next().ok_or_else(|| damaged(TOO_FEW))?;
        let Stream { folder, size_bytes, crc } = *stream;
        files.push(File { name, size_bytes, crc, folder: Some(folder) });
    }
    Ok(files)
}

fn sum(sizes: &[u64]) -> Result<u64> {
    let all = sizes.iter().try_fold(0_u64, |all, &size| all.checked_add(size));
    all.ok_or_else(|| damaged("its members are larger than can be"))
}

fn unexpected(kind: u8) -> Error {
    damaged(format!("its list of members holds something unknown (kind {kind})"))
}
