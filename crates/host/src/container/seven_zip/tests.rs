//! Headers that claim what is not there, and archives whose members lie in one folder.

use std::io::Cursor;

use sevenz_rust2::{ArchiveEntry, ArchiveWriter, SourceReader};

use super::super::{Opener, walk};

type Told = Vec<(String, Result<Vec<u8>, String>)>;

fn told(bytes: &[u8]) -> Told {
    let mut told = Told::new();
    let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(bytes.to_vec())));
    walk(open, &mut |member, content| {
        let mut out = Vec::new();
        let content = content.and_then(|reader| reader.read_to_end(&mut out));
        told.push((member.cited("file"), content.map(|_| out).map_err(|why| why.to_string())));
    })
    .expect("the file can be opened");
    told
}

/// An archive of these packed bytes and this header, under right checksums.
fn archive(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let mut told = (packed.len() as u64).to_le_bytes().to_vec();
    told.extend((header.len() as u64).to_le_bytes());
    told.extend(crc32fast::hash(header).to_le_bytes());
    let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    bytes.extend(crc32fast::hash(&told).to_le_bytes());
    [&bytes, &told, packed, header].concat()
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    match &told(bytes)[..] {
        [(_, Err(why))] => why.clone(),
        told => panic!("{told:?}"),
    }
}

/// 2^45 as a number of a header.
const MANY: [u8; 7] = [0xfc, 0, 0, 0, 0, 0, 0x20];

/// One folder of 3 bytes, stored as they are, that holds one file.
const ONE_FILE: [&[u8]; 3] = [
    &[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1, 1, 0, 12, 3, 0, 0],
    &[5, 1, 17, 5, 0, b'a', 0, 0, 0],
    &[0, 0],
];

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn an_archive_made_by_hand_is_read() {
    let bytes = archive(b"one", &joined(&ONE_FILE));
    assert_eq!(told(&bytes), [("file!a".to_owned(), Ok(b"one".to_vec()))]);
    assert_eq!(told(&archive(b"", b"")), []);
}

#[test]
fn no_number_of_a_header_is_believed() {
    let claims: [(&str, Vec<u8>); 7] = [
        ("packed streams", joined(&[&[1, 4, 6, 0], &MANY, &[9, 3, 0]])),
        ("checksums", joined(&[&[1, 4, 6, 0], &MANY, &[10, 1]])),
        ("folders", joined(&[&[1, 4, 6, 0, 1, 9, 3, 0, 7, 11], &MANY, &[0, 1]])),
        ("coders", joined(&[&[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0], &MANY, &[1, 0]])),
        (
            "streams of a coder",
            joined(&[&[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1, 0x11, 0], &MANY, &MANY]),
        ),
        ("files of a folder", joined(&[&ONE_FILE[0][..18], &[8, 13], &MANY, &[9, 1, 1]])),
        ("files", joined(&[ONE_FILE[0], &[5], &MANY, &[17, 5, 0, b'a', 0, 0, 0]])),
    ];
    for (what, header) in claims {
        let why = refused(&archive(b"one", &header));
        assert!(why.contains("list of members") || why.contains("more methods"), "{what}: {why}");
    }
}

#[test]
fn coders_that_lead_in_a_circle_are_told() {
    // Three coders of which the second and third read each other.
    let coders = [3, 1, 0, 1, 0, 1, 0, 1, 2, 2, 1];
    let header = joined(&[
        &[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0],
        &coders,
        &[12, 3, 3, 3, 0, 0],
        ONE_FILE[1],
        ONE_FILE[2],
    ]);
    let told = told(&archive(b"one", &header));
    assert!(told[0].1.as_ref().unwrap_err().contains("do not follow"), "{told:?}");
}

#[test]
fn a_dictionary_without_bounds_is_refused_and_one_larger_than_its_content_is_not_made() {
    let with = |bits: u8, size: &[u8]| {
        let folder = [1, 0x21, 0x21, 1, bits, 12];
        let head: &[u8] = &[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0];
        archive(b"\0\0\0", &joined(&[head, &folder, size, &[0, 0], ONE_FILE[1], ONE_FILE[2]]))
    };
    let huge = told(&with(40, &MANY));
    assert!(huge[0].1.as_ref().unwrap_err().contains("dictionary of more than"), "{huge:?}");
    let small = told(&with(40, &[3]));
    assert!(small[0].1.as_ref().unwrap_err().contains("in the middle"), "{small:?}");
    assert!(told(&with(41, &[3]))[0].1.is_err());
}

#[test]
fn a_compressed_header_is_no_larger_than_it_can_be() {
    let header = joined(&[&[23, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1, 1, 0, 12], &MANY, &[0, 0]]);
    assert!(refused(&archive(b"one", &header)).contains("too long"));
    let twice = [23, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1, 1, 0, 12, 3, 0, 0];
    let inner = joined(&[&twice[..16], &[0, 0]]);
    let length = u8::try_from(inner.len()).unwrap();
    let outer = [23, 6, 0, 1, 9, length, 0, 7, 11, 1, 0, 1, 1, 0, 12, length, 0, 0];
    assert!(refused(&archive(&inner, &outer)).contains("twice"));
}

fn solid(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let entries = files.iter().map(|(name, _)| ArchiveEntry::new_file(name)).collect();
    let contents = files.iter().map(|(_, text)| SourceReader::new(Cursor::new(text.to_vec())));
    writer.push_archive_entries(entries, contents.collect()).unwrap();
    let empty = ArchiveEntry::new_file("empty.log");
    writer.push_archive_entry(empty, None::<Cursor<Vec<u8>>>).unwrap();
    writer.push_archive_entry(ArchiveEntry::new_directory("d"), None::<Cursor<Vec<u8>>>).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn members_that_are_compressed_together_are_told_apart() {
    let bytes = solid(&[("a.log", b"first"), ("b.dll", b"MZ"), ("c.log", b"third")]);
    let wanted: [(&str, &[u8]); 3] =
        [("file!a.log", b"first"), ("file!c.log", b"third"), ("file!empty.log", b"")];
    let wanted: Told = wanted.map(|(name, text)| (name.to_owned(), Ok(text.to_vec()))).into();
    assert_eq!(told(&bytes), wanted);
}

#[test]
fn a_member_with_a_wrong_checksum_does_not_lose_the_next() {
    let head: &[u8] = &[1, 4, 6, 0, 1, 9, 6, 0, 7, 11, 1, 0, 1, 1, 0, 12, 6, 0];
    let second = crc32fast::hash(b"two").to_le_bytes();
    let shares = joined(&[&[8, 13, 2, 9, 3, 10, 1, 1, 2, 3, 4], &second, &[0, 0]]);
    let files: &[u8] = &[5, 2, 17, 9, 0, b'a', 0, 0, 0, b'b', 0, 0, 0, 0, 0];
    let told = told(&archive(b"onetwo", &joined(&[head, &shares, files])));
    assert!(told[0].1.as_ref().unwrap_err().contains("checksum"), "{told:?}");
    assert_eq!(told[1], ("file!b".to_owned(), Ok(b"two".to_vec())));
}
