//! Every form, in each other, damaged, hostile, and made of arbitrary bytes.

use std::io::{Cursor, Result, Write};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::budget::FREE_BYTES;
use super::{Opener, directory, members, read, walk};

type Told = Vec<(String, std::result::Result<Vec<u8>, String>)>;

/// All that a file holds, as `file!name` with its bytes or the error.
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

/// The same, each member read by itself.
fn read_singly(bytes: &[u8]) -> Told {
    let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(bytes.to_vec())));
    let one = |member: &super::Member| -> Result<Vec<u8>> {
        let mut out = Vec::new();
        read(open, member, |reader| reader.read_to_end(&mut out))??;
        Ok(out)
    };
    let found = members(open).unwrap_or_default();
    found
        .iter()
        .map(|member| (member.cited("file"), one(member).map_err(|why| why.to_string())))
        .collect()
}

#[track_caller]
fn holds(bytes: &[u8], wanted: &[(&str, &[u8])]) {
    let wanted: Told =
        wanted.iter().map(|(name, text)| ((*name).to_owned(), Ok(text.to_vec()))).collect();
    assert_eq!(told(bytes), wanted);
    assert_eq!(read_singly(bytes), wanted);
}

#[track_caller]
fn error_of<'t>(told: &'t Told, name: &str) -> &'t str {
    let errors = told.iter().filter(|(own, _)| own == name);
    errors.filter_map(|(_, content)| content.as_ref().err()).next().expect("an error is told")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn cabinet(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(cab::CompressionType::MsZip);
    for (name, _) in files {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    let mut contents = files.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(contents.next().unwrap().1).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        // The library would not write a name that leads out.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, *text).unwrap();
    }
    builder.into_inner().unwrap()
}

fn seven_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for (name, text) in files {
        let entry = sevenz_rust2::ArchiveEntry::new_file(name);
        writer.push_archive_entry(entry, Some(Cursor::new(text.to_vec()))).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

type Build = fn(&[(&str, &[u8])]) -> Vec<u8>;
const ARCHIVES: [Build; 4] = [zip_of, cabinet, tar_of, seven_zip];

fn text(lines: u32) -> Vec<u8> {
    (0..lines)
        .flat_map(|i| format!("{} line\n", i.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

#[test]
fn a_file_that_is_no_container_holds_itself() {
    holds(b"plain", &[("file", b"plain")]);
    holds(b"", &[("file", b"")]);
}

#[test]
fn every_form_is_told_by_its_first_bytes() {
    holds(&gzip(b"one"), &[("file", b"one")]);
    holds(&xz(b"one"), &[("file", b"one")]);
    for build in ARCHIVES {
        let files: [(&str, &[u8]); 2] = [("logs/CBS.log", b"one"), ("b.log", b"two")];
        holds(&build(&files), &[("file!logs/CBS.log", b"one"), ("file!b.log", b"two")]);
    }
}

#[test]
fn containers_in_containers_are_opened() {
    let cab = cabinet(&[("CbsPersist_1.log", b"deep")]);
    let inner = zip_of(&[("CbsPersist_1.cab", &cab), ("CBS.log.gz", &gzip(b"zipped"))]);
    let outer = zip_of(&[("ticket/logs.zip", &inner), ("System.evtx.xz", &xz(b"ElfFile"))]);
    let wanted: [(&str, &[u8]); 3] = [
        ("file!ticket/logs.zip!CbsPersist_1.cab!CbsPersist_1.log", b"deep"),
        ("file!ticket/logs.zip!CBS.log.gz", b"zipped"),
        ("file!System.evtx.xz", b"ElfFile"),
    ];
    holds(&outer, &wanted);
    let tar = tar_of(&[("a.7z", &seven_zip(&[("a.log", b"seven")])), ("b.log", b"tar")]);
    let wanted: [(&str, &[u8]); 2] = [("file!a.7z!a.log", b"seven"), ("file!b.log", b"tar")];
    holds(&xz(&tar), &wanted);
    holds(&gzip(&tar), &wanted);
}

#[test]
fn containers_too_deep_in_each_other_are_told() {
    let deep = (0..6).fold(b"log".to_vec(), |inner, _| gzip(&inner));
    let told = told(&deep);
    assert!(error_of(&told, "file").contains("too deep"), "{told:?}");
    holds(&(0..4).fold(b"log".to_vec(), |inner, _| gzip(&inner)), &[("file", b"log")]);
}

#[test]
fn a_damaged_member_does_not_lose_the_others() {
    let lines = text(2_000);
    for build in [zip_of as Build, seven_zip] {
        let mut bytes = build(&[("a.log", &lines), ("b.log", b"second"), ("c.log", b"third")]);
        for byte in &mut bytes[200..260] {
            *byte ^= 0x5a;
        }
        let told = told(&bytes);
        assert!(!error_of(&told, "file!a.log").is_empty());
        let rest: Vec<&str> =
            told.iter().filter(|(_, content)| content.is_ok()).map(|(name, _)| &name[..]).collect();
        assert_eq!(rest, ["file!b.log", "file!c.log"]);
    }
    let broken = gzip(&lines)[..200].to_vec();
    let told = told(&zip_of(&[("a.gz", &broken), ("b.7z", b"7z\xbc\xaf\x27\x1c\0"), ("c", b"c")]));
    assert_eq!(told[2], ("file!c".to_owned(), Ok(b"c".to_vec())), "{told:?}");
    assert!(told[..2].iter().all(|(_, content)| content.is_err()));
}

#[test]
fn a_file_of_a_cabinet_that_lies_behind_its_data_is_told() {
    let files: [(&str, &[u8]); 2] = [("a.log", b"first"), ("b.log", b"second")];
    let whole = cabinet(&files);
    // The place of the second file in the data stands 12 bytes before its name.
    let name = whole.windows(5).position(|it| it == b"b.log").unwrap();
    let mut bytes = whole.clone();
    bytes[name - 12..name - 8].copy_from_slice(&12_u32.to_le_bytes());
    let told = told(&bytes);
    assert_eq!(told[0], ("file!a.log".to_owned(), Ok(b"first".to_vec())));
    assert!(error_of(&told, "file!b.log").contains("behind the end"), "{told:?}");
    bytes[name - 12..name - 8].copy_from_slice(&11_u32.to_le_bytes());
    assert_eq!(error_of_none(&bytes), 2);
}

/// How many members there are, none of which is an error.
fn error_of_none(bytes: &[u8]) -> usize {
    let told = told(bytes);
    assert!(told.iter().all(|(_, content)| content.is_ok()), "{told:?}");
    told.len()
}

#[test]
fn a_container_cut_off_anywhere_is_an_error_and_no_panic() {
    let lines = text(1_000);
    let files: [(&str, &[u8]); 2] = [("a.log", &lines), ("b.log", &lines)];
    let wholes = ARCHIVES.iter().map(|build| build(&files)).chain([gzip(&lines), xz(&lines)]);
    for (form, whole) in wholes.enumerate() {
        for sixteenth in 1..16 {
            let told = told(&whole[..whole.len() * sixteenth / 16]);
            let complete =
                told.iter().filter(|(_, content)| content.as_ref() == Ok(&lines)).count();
            let any_error = told.iter().any(|(_, content)| content.is_err());
            assert!(any_error, "form {form}, {sixteenth}/16: {} members", told.len());
            assert!(complete < 2, "form {form}, {sixteenth}/16");
        }
    }
}

#[test]
fn a_member_that_leads_out_is_told_and_read_under_a_harmless_name() {
    for build in [zip_of as Build, tar_of, seven_zip, cabinet] {
        let told = told(&build(&[("../../x/evil.log", b"text"), ("C:\\b.log", b"two")]));
        assert!(error_of(&told, "file!x/evil.log").contains("leads out"), "{told:?}");
        assert!(told.contains(&("file!x/evil.log".to_owned(), Ok(b"text".to_vec()))));
        assert!(told.contains(&("file!C_/b.log".to_owned(), Ok(b"two".to_vec()))));
    }
}

#[test]
fn the_same_name_twice_is_read_twice() {
    for build in [tar_of as Build, seven_zip] {
        holds(&build(&[("a", b"1"), ("a", b"2")]), &[("file!a", b"1"), ("file!a#2", b"2")]);
    }
    // The library refuses to write a zip in which one name stands twice.
    let zip = zip_of(&[("./a", b"1"), ("a", b"2")]);
    holds(&zip, &[("file!a", b"1"), ("file!a#2", b"2")]);
    let cab = told(&cabinet(&[("a", b"1"), ("a", b"2")]));
    assert_eq!(cab[0], ("file!a".to_owned(), Ok(b"1".to_vec())));
    assert!(error_of(&cab, "file!a#2").contains("second file of this name"));
}

#[test]
fn an_encrypted_member_is_told_as_such() {
    let mut bytes = zip_of(&[("a.log", b"secret"), ("b.log", b"open")]);
    // Bit 0 of the general purpose flag, in the local header and in the directory (APPNOTE 4.4.4).
    bytes[6] |= 1;
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    let told = told(&bytes);
    assert!(error_of(&told, "file!a.log").starts_with("encrypted"), "{told:?}");
    assert_eq!(told[1], ("file!b.log".to_owned(), Ok(b"open".to_vec())));
}

#[test]
fn what_unpacks_out_of_all_proportion_is_cut_off() {
    let zeros = vec![0; FREE_BYTES as usize + (1 << 20)];
    let bombs: [(&str, Vec<u8>); 3] =
        [("file", gzip(&zeros)), ("file", xz(&zeros)), ("file!a", zip_of(&[("a", &zeros)]))];
    for (name, bomb) in bombs {
        assert!(bomb.len() < 1 << 20);
        let told = told(&bomb);
        assert!(error_of(&told, name).contains("times its size"), "{name}");
    }
    // Each member by itself would be small enough.
    let half = vec![0; FREE_BYTES as usize / 2 + (1 << 20)];
    let files = ["a", "b", "c"].map(|name| (name, &half[..]));
    let told = told(&zip_of(&files));
    assert!(told.iter().any(|(_, content)| content.is_err()));
}

#[test]
fn members_that_lie_over_each_other_are_refused() {
    let lines = text(2_000);
    let mut bytes = zip_of(&[("a", &lines), ("b", &lines), ("c", &lines)]);
    // All entries of the directory point to the first local header (APPNOTE 4.3.12).
    let at: Vec<usize> = memchr::memmem::find_iter(&bytes, b"PK\x01\x02").collect();
    let size = lines.len() as u32;
    for at in at {
        bytes[at + 20..at + 24].copy_from_slice(&size.to_le_bytes());
        bytes[at + 42..at + 46].copy_from_slice(&[0; 4]);
    }
    assert!(error_of(&told(&bytes), "file").contains("lie over each other"));
}

/// The index of its one stream lists 2^45 blocks where there are none.
const XZ_OF_MANY_BLOCKS: [u8; 23] = [
    0xfd, b'7', b'z', b'X', b'Z', 0, 0, 0, 0xff, 0x12, 0xd9, 0x41, 0, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x08, 0, 0, 0,
];

#[test]
fn the_index_of_an_xz_file_is_not_believed() {
    assert!(error_of(&told(&XZ_OF_MANY_BLOCKS), "file").len() > 5);
}

#[test]
fn a_dictionary_of_an_xz_file_is_bounded() {
    let mut bytes = xz(b"text");
    // Behind the stream header: size, flags, the one filter, the size of its properties, the bits
    // of the dictionary; and the checksum of these (the .xz file format 1.2.1, 3.1).
    bytes[16] = 40;
    let end = 12 + 4 * usize::from(bytes[12]);
    let crc = crc32fast::hash(&bytes[12..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    assert!(error_of(&told(&bytes), "file").contains("dictionary of more than"));
}

#[test]
fn disk_images_are_refused_politely() {
    let told = told(b"vhdxfile and so on");
    assert_eq!(error_of(&told, "file"), "a disk image: mount it and give the folder");
}

#[test]
fn programs_are_left_out_and_listed_in_the_directory() {
    for build in ARCHIVES {
        let bytes = build(&[("a.dll", b"MZ"), ("a.log", b"log"), ("b.cab", b"MSCF")]);
        assert_eq!(told(&bytes).iter().filter(|(name, _)| name.ends_with("dll")).count(), 0);
        let open: Opener<'_> = &|| Ok(Box::new(Cursor::new(bytes.clone())));
        let names: Vec<String> =
            directory(open).unwrap().iter().map(|member| member.cited("file")).collect();
        assert_eq!(names, ["file!a.dll", "file!a.log", "file!b.cab"]);
    }
}

#[test]
fn a_long_name_of_a_tar_archive_is_read() {
    let name = format!("{}/CBS.log", "folder".repeat(20));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    builder.append_data(&mut header, &name, &b"log"[..]).unwrap();
    holds(&builder.into_inner().unwrap(), &[(&format!("file!{name}"), b"log")]);
}

/// The beginnings of all forms, so that arbitrary bytes get beyond the first look.
const BEGINNINGS: [&[u8]; 7] = [
    b"\x1f\x8b\x08\0",
    b"\xfd7zXZ\0",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"MSCF",
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"",
];

proptest! {
    // Their large windows of memory are slow to get under Wine.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(windows) { 20 } else { 200 }))]

    #[test]
    fn arbitrary_bytes_never_panic(form in 0..BEGINNINGS.len(), rest in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = told(&[BEGINNINGS[form], &rest].concat());
    }

    #[test]
    fn a_container_with_changed_bytes_never_panics(
        form in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let lines = text(60);
        let files: [(&str, &[u8]); 3] = [("a.log", &lines), ("b.log", b""), ("c.log", b"third")];
        let mut bytes = match form {
            4 => gzip(&lines),
            5 => xz(&lines),
            archive => ARCHIVES[archive](&files),
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let found = told(&bytes);
        prop_assert!(!found.is_empty() || form < 4);
        let _ = read_singly(&bytes);
    }
}
