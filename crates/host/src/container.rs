//! Files that hold files: gzip and Windows cabinets, told by their first bytes, never by name.

use std::io::{Cursor, Error, ErrorKind, Read, Result};

use flate2::read::MultiGzDecoder;

/// A cabinet is read into memory as a whole; those of CBS logs have a few megabytes.
const LARGEST_CABINET_BYTES: u64 = 64 << 20;
/// At most so many files of one cabinet are looked at.
const MOST_MEMBERS: usize = 1_000;

/// A file within a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// The file itself, which is no container.
    Whole,
    /// What a gzip file holds.
    Gzip,
    /// The file of this name in a cabinet.
    Cabinet(String),
}

/// Opens the same file anew each time it is called.
pub type Opener<'o> = &'o dyn Fn() -> crate::Result<Box<dyn Read + Send + 'o>>;

/// Lists what the file holds: at least itself.
pub fn members(open: Opener<'_>) -> Result<Vec<Member>> {
    let mut magic = Vec::new();
    opened(open)?.take(4).read_to_end(&mut magic)?;
    Ok(match magic[..] {
        [0x1f, 0x8b, ..] => vec![Member::Gzip],
        [b'M', b'S', b'C', b'F'] => {
            let cabinet = cabinet(open)?;
            let files = cabinet.folder_entries().flat_map(|folder| folder.file_entries());
            files.take(MOST_MEMBERS).map(|file| Member::Cabinet(file.name().to_owned())).collect()
        }
        _ => vec![Member::Whole],
    })
}

/// Opens one member and hands it to `visit`; it is decompressed as it is read.
pub fn read<T>(
    open: Opener<'_>,
    member: &Member,
    visit: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T> {
    Ok(match member {
        Member::Whole => visit(&mut *opened(open)?),
        Member::Gzip => visit(&mut MultiGzDecoder::new(opened(open)?)),
        Member::Cabinet(name) => visit(&mut cabinet(open)?.read_file(name)?),
    })
}

fn opened<'o>(open: Opener<'o>) -> Result<Box<dyn Read + Send + 'o>> {
    open().map_err(Error::other)
}

fn cabinet(open: Opener<'_>) -> Result<cab::Cabinet<Cursor<Vec<u8>>>> {
    let mut bytes = Vec::new();
    opened(open)?.take(LARGEST_CABINET_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_CABINET_BYTES {
        let why =
            format!("a cabinet of more than {} MB is not opened", LARGEST_CABINET_BYTES >> 20);
        return Err(Error::new(ErrorKind::InvalidData, why));
    }
    cab::Cabinet::new(Cursor::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read_all(bytes: &[u8]) -> Vec<(Member, Result<Vec<u8>>)> {
        let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(bytes.to_vec())));
        let members = members(open).expect("the list is readable");
        let content = |member: &Member| {
            let mut out = Vec::new();
            read(open, member, |reader| reader.read_to_end(&mut out))??;
            Ok(out)
        };
        members.iter().map(|member| (member.clone(), content(member))).collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn cabinet_of(text: &[u8]) -> Vec<u8> {
        let mut builder = cab::CabinetBuilder::new();
        builder.add_folder(cab::CompressionType::MsZip).add_file("CbsPersist_1.log");
        let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
        while let Some(mut file) = writer.next_file().unwrap() {
            file.write_all(text).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn containers_are_told_by_their_first_bytes() {
        for (bytes, member) in [
            (b"plain".to_vec(), Member::Whole),
            (gzip(b"plain"), Member::Gzip),
            (cabinet_of(b"plain"), Member::Cabinet("CbsPersist_1.log".into())),
        ] {
            let [(found, content)] = &read_all(&bytes)[..] else { panic!("not one member") };
            assert_eq!((found, content.as_deref().unwrap()), (&member, &b"plain"[..]));
        }
    }

    #[test]
    fn a_truncated_container_is_an_error_and_no_panic() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|i| i.to_string().into_bytes()).collect();
        for whole in [gzip(&text), cabinet_of(&text)] {
            let half = &whole[..whole.len() / 2];
            let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(half.to_vec())));
            let member = members(open).unwrap().remove(0);
            let mut out = Vec::new();
            let got = read(open, &member, |reader| reader.read_to_end(&mut out));
            assert!(got.and_then(|read| read).is_err());
        }
    }
}
