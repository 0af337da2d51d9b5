//! What lies where a repair is to take its files from.

use std::io::{Read, Seek, SeekFrom};

use unwedge_formats::wim;

use crate::live::file::{Files, refused};
use crate::probe::SourceContent;
use crate::{Result, WinPath};

const OP: &str = "look into";

/// Only the head of a file of images and the description of them are read.
pub(in crate::live) fn content(files: &Files, path: &WinPath) -> Result<Option<SourceContent>> {
    let Some(mut file) = files.open(path)? else {
        return Ok(files.exists(path)?.then_some(SourceContent::Folder));
    };
    let mut head = Vec::new();
    let read = file.by_ref().take(wim::HEAD_BYTES as u64).read_to_end(&mut head);
    read.map_err(|error| refused(OP, path, &error))?;
    let Ok((offset, length)) = wim::xml_place(&head) else {
        return Ok(Some(SourceContent::Other));
    };
    let mut xml = Vec::new();
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(length as u64).read_to_end(&mut xml))
        .map_err(|error| refused(OP, path, &error))?;
    let images = wim::images(&xml);
    Ok(Some(images.map_or(SourceContent::Other, SourceContent::Images)))
}
