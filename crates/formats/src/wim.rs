//! Files of Windows images (`.wim`, `.esd`): which images one holds, from its head and its XML.
//!
//! Source: Microsoft, "Windows Imaging File Format (WIM)": a head of 208 bytes that says where a
//! piece of XML in UTF-16 lies; that piece is never compressed, not even in an `.esd`.

use quick_xml::Reader;
use quick_xml::events::Event;

/// So many bytes at the beginning are what [`xml_place`] asks for.
pub const HEAD_BYTES: usize = 208;
/// The XML of real files has some ten thousand bytes.
const MOST_XML_BYTES: u64 = 16 << 20;
const MOST_IMAGES: usize = 1_000;
const XML_AT: usize = 72;

/// One image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its number, from 1.
    pub index: u32,
    /// Its name, such as `Windows 11 Pro`.
    pub name: Option<String>,
    /// Such as `Professional`.
    pub edition: Option<String>,
    /// Such as 26100.
    pub build: Option<u32>,
    /// What follows the build, such as 1742.
    pub revision: Option<u32>,
    /// As Windows numbers them: 0 is x86, 9 is x64, 12 is ARM64.
    pub architecture: Option<u32>,
}

/// Why a file is not one of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WimError {
    /// It does not begin as one.
    #[error("it is not a file of Windows images")]
    NotWim,
    /// Its head is too short, or names a place that cannot be.
    #[error("its head is damaged")]
    Head,
    /// What should describe the images is not UTF-16, or not XML.
    #[error("the description of its images is damaged")]
    Description,
}

/// Where the XML lies, as offset and length in bytes, told by the first [`HEAD_BYTES`].
pub fn xml_place(head: &[u8]) -> Result<(u64, usize), WimError> {
    if !head.starts_with(b"MSWIM\0\0\0") {
        return Err(WimError::NotWim);
    }
    let number = |at: usize| {
        let bytes = head.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    // The eighth byte of the first number holds flags.
    let stored = number(XML_AT).ok_or(WimError::Head)? & 0x00ff_ffff_ffff_ffff;
    let offset = number(XML_AT + 8).ok_or(WimError::Head)?;
    if offset < HEAD_BYTES as u64 || stored == 0 || stored > MOST_XML_BYTES {
        return Err(WimError::Head);
    }
    Ok((offset, usize::try_from(stored).map_err(|_| WimError::Head)?))
}

/// The images that the XML describes, in its order.
pub fn images(xml: &[u8]) -> Result<Vec<Image>, WimError> {
    let units: Vec<u16> =
        xml.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]])).collect();
    let text = String::from_utf16(&units).map_err(|_| WimError::Description)?;
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
    let mut reader = Reader::from_str(text);
    let (mut all, mut open): (Vec<Image>, Option<Image>) = (Vec::new(), None);
    let mut path: Vec<String> = Vec::new();
    loop {
        match reader.read_event().map_err(|_| WimError::Description)? {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.name().as_ref()).to_ascii_uppercase();
                if path.len() == 1 && name == "IMAGE" && all.len() < MOST_IMAGES {
                    let index = tag
                        .attributes()
                        .flatten()
                        .find(|it| it.key.as_ref().eq_ignore_ascii_case(b"INDEX"))
                        .and_then(|it| std::str::from_utf8(&it.value).ok()?.trim().parse().ok());
                    open = index.map(|index| Image { index, ..Image::default() });
                }
                path.push(name);
            }
            Event::End(_) => {
                path.pop();
                if path.len() == 1 {
                    all.extend(open.take());
                }
            }
            Event::Text(text) => {
                if let (Some(image), Ok(text)) = (&mut open, text.decode()) {
                    note(image, &path, text.trim());
                }
            }
            Event::Eof if path.is_empty() => return Ok(all),
            Event::Eof => return Err(WimError::Description),
            _ => {}
        }
    }
}

fn note(image: &mut Image, path: &[String], text: &str) {
    let inside: Vec<&str> = path.iter().skip(2).map(String::as_str).collect();
    match inside.as_slice() {
        ["NAME"] => image.name = Some(text.to_owned()),
        ["WINDOWS", "EDITIONID"] => image.edition = Some(text.to_owned()),
        ["WINDOWS", "ARCH"] => image.architecture = text.parse().ok(),
        ["WINDOWS", "VERSION", "BUILD"] => image.build = text.parse().ok(),
        ["WINDOWS", "VERSION", "SPBUILD"] => image.revision = text.parse().ok(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const XML: &str = "<WIM><TOTALBYTES>5</TOTALBYTES><IMAGE INDEX=\"1\"><DIRCOUNT>3</DIRCOUNT>\
        <WINDOWS><ARCH>9</ARCH><PRODUCTNAME>Windows</PRODUCTNAME><EDITIONID>Core</EDITIONID>\
        <VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>26100</BUILD><SPBUILD>1742</SPBUILD>\
        </VERSION></WINDOWS><NAME>Windows 11 Home</NAME></IMAGE>\
        <IMAGE INDEX=\"2\"><NAME>Data</NAME></IMAGE></WIM>";

    const TAGS: [&str; 9] = [
        "<WIM>",
        "</WIM>",
        "<IMAGE INDEX=\"1\">",
        "<IMAGE>",
        "</IMAGE>",
        "<NAME>",
        "</NAME>",
        "a",
        "&amp;",
    ];

    fn utf16(text: &str) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    }

    fn head(offset: u64, length: u64) -> Vec<u8> {
        let mut head = vec![0; HEAD_BYTES];
        head[..8].copy_from_slice(b"MSWIM\0\0\0");
        head[72..80].copy_from_slice(&(length | 0x0200_0000_0000_0000).to_le_bytes());
        head[80..88].copy_from_slice(&offset.to_le_bytes());
        head
    }

    #[test]
    fn the_images_are_told_with_build_and_edition() {
        let home = Image {
            index: 1,
            name: Some("Windows 11 Home".to_owned()),
            edition: Some("Core".to_owned()),
            build: Some(26100),
            revision: Some(1742),
            architecture: Some(9),
        };
        let data = Image { index: 2, name: Some("Data".to_owned()), ..Image::default() };
        assert_eq!(images(&utf16(XML)), Ok(vec![home, data]));
    }

    #[test]
    fn the_head_tells_where_the_description_lies() {
        assert_eq!(xml_place(&head(300, 90)), Ok((300, 90)));
        assert_eq!(xml_place(b"PK\x03\x04"), Err(WimError::NotWim));
        assert_eq!(xml_place(&head(300, 90)[..80]), Err(WimError::Head));
        assert_eq!(xml_place(&head(300, 1 << 40)), Err(WimError::Head));
        assert_eq!(xml_place(&head(8, 90)), Err(WimError::Head));
    }

    #[test]
    fn a_description_that_breaks_off_is_damaged() {
        assert_eq!(images(&utf16(&XML[..200])), Err(WimError::Description));
        assert_eq!(images(&[0x00, 0xd8]), Err(WimError::Description));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = xml_place(&bytes);
            let _ = images(&bytes);
        }

        #[test]
        fn no_tags_make_it_panic(tags in proptest::collection::vec(proptest::sample::select(&TAGS), 0..40)) {
            let _ = images(&utf16(&tags.concat()));
        }
    }
}
