//! One level of a container: its members, one after the other, each decompressed as it is read.

use std::cell::Cell;
use std::io::{BufReader, Cursor, Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::ReadSeek;
use super::budget::{Budget, Counted, Guarded, MOST_DICTIONARY_BYTES};
use super::form::Form;
use super::{cabinet, seven_zip, tar};

/// The dictionary and what the decoder needs beside it.
const MOST_DECODER_KIB: u32 = (MOST_DICTIONARY_BYTES >> 10) as u32 + 1024;

/// Bytes of a file or of a member.
pub(super) enum Content<'c> {
    /// Can be read in any order.
    File(Box<dyn ReadSeek + 'c>),
    /// Can be read once, from the beginning.
    Stream(&'c mut dyn Read),
}

/// Which members are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// All, with their content.
    All,
    /// All, by name only; what stands for the content is empty.
    Names,
    /// The one at this place.
    Only(usize),
}

impl Want {
    pub(super) fn includes(self, index: usize) -> bool {
        self == Want::All || self == Want::Names || self == Want::Only(index)
    }
}

/// One member.
pub(super) struct Entry<'e> {
    /// Its place in the container; folders have places too.
    pub(super) index: usize,
    /// Its name as it stands in the container; `None` where the form has no names.
    pub(super) name: Option<String>,
    /// Its bytes, or why they cannot be read.
    pub(super) content: Result<&'e mut dyn Read>,
}

/// Takes members until it says that it has enough.
pub(super) type Take<'t> = dyn FnMut(Entry<'_>) -> ControlFlow<()> + 't;

/// Hands the wanted members of a container to `take`. A member that is damaged does not end it;
/// an error means that no more of them can be found.
pub(super) fn each(
    form: Form,
    content: Content<'_>,
    want: Want,
    budget: &Budget,
    take: &mut Take<'_>,
) -> Result<()> {
    let input = Cell::new(0);
    let single = |reader: &mut dyn Read, take: &mut Take<'_>| {
        // A stream that cannot be read further has said so to whoever read it.
        let _ = take(Entry { index: 0, name: None, content: Ok(reader) });
        Ok(())
    };
    match form {
        Form::Gzip => {
            let counted = Counted { inner: stream(content), bytes: &input };
            single(&mut Guarded::new(MultiGzDecoder::new(counted), &input, budget), take)
        }
        Form::Xz => {
            let counted = Counted { inner: stream(content), bytes: &input };
            let reader = XzReader::new_mem_limit(counted, true, MOST_DECODER_KIB);
            single(&mut Guarded::new(reader, &input, budget), take)
        }
        Form::Tar => tar::each(stream(content), want, take),
        Form::Zip | Form::Cabinet | Form::SevenZip => {
            let (mut file, held) = match content {
                Content::File(file) => (file, None),
                Content::Stream(reader) => {
                    let bytes = budget.hold(reader)?;
                    let held = bytes.len();
                    (Box::new(Cursor::new(bytes)) as Box<dyn ReadSeek>, Some(held))
                }
            };
            let size = file.seek(SeekFrom::End(0))?;
            file.rewind()?;
            let done = match form {
                Form::Zip => zip(BufReader::new(file), size, want, budget, take),
                Form::Cabinet => cabinet::each(file, size, want, budget, take),
                _ => seven_zip::each(file, size, want, budget, take),
            };
            if let Some(held) = held {
                budget.release(held);
            }
            done
        }
    }
}

fn stream<'c>(content: Content<'c>) -> Box<dyn Read + 'c> {
    match content {
        Content::File(file) => Box::new(file),
        Content::Stream(reader) => Box::new(reader),
    }
}

pub(super) fn damaged(why: impl ToString) -> Error {
    Error::new(ErrorKind::InvalidData, why.to_string())
}

pub(super) fn encrypted() -> Error {
    damaged("encrypted: unpack it with its password and give the folder")
}

fn zip(
    file: impl Read + Seek,
    size_bytes: u64,
    want: Want,
    budget: &Budget,
    take: &mut Take<'_>,
) -> Result<()> {
    let mut archive = zip::ZipArchive::new(file).map_err(zip_error)?;
    let stored = |index| archive.by_index_data(index).map_or(0, |entry| entry.compressed_size());
    let all: u64 = (0..archive.len()).map(stored).fold(0, u64::saturating_add);
    if all > size_bytes {
        return Err(damaged("its members lie over each other, as only a zip bomb's do"));
    }
    let range = match want {
        Want::Only(index) => index..archive.len().min(index.saturating_add(1)),
        Want::All | Want::Names => 0..archive.len(),
    };
    for index in range {
        let Ok(entry) = archive.by_index_data(index) else { continue };
        if entry.is_dir() || entry.is_symlink() {
            continue;
        }
        let name = match entry.name() {
            Ok(name) => name.into_owned(),
            Err(_) => String::from_utf8_lossy(entry.name_raw()).into_owned(),
        };
        let (input, is_encrypted) = (Cell::new(entry.compressed_size()), entry.encrypted());
        let name = Some(name);
        let flow = match want {
            Want::Names => take(Entry { index, name, content: Ok(&mut std::io::empty()) }),
            _ if is_encrypted => take(Entry { index, name, content: Err(encrypted()) }),
            _ => match archive.by_index(index).map_err(zip_error) {
                Ok(member) => {
                    let content: &mut dyn Read = &mut Guarded::new(member, &input, budget);
                    take(Entry { index, name, content: Ok(content) })
                }
                Err(why) => take(Entry { index, name, content: Err(why) }),
            },
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

fn zip_error(error: zip::result::ZipError) -> Error {
    use zip::result::ZipError;
    match error {
        ZipError::Io(error) => error,
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => encrypted(),
        ZipError::CompressionMethodNotSupported(number) => damaged(format!(
            "compressed by method {number}, which is not read here: unpack it and give the folder"
        )),
        other => damaged(other),
    }
}

pub(super) fn entry<'e>(index: usize, name: &str, content: Result<&'e mut dyn Read>) -> Entry<'e> {
    Entry { index, name: Some(name.to_owned()), content }
}
