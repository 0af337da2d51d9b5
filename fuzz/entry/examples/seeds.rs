//! Writes the seeds whose bytes no person would type to `fuzz/seeds`; the others are text and lie
//! there by themselves.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use jiff::civil::date;
use unwedge_formats::etl::write::EtlBuilder;
use unwedge_formats::etl::{Guid, ticks_at};
use unwedge_formats::evtx::{Event, EvtxBuilder};
use unwedge_formats::regf::Data;
use unwedge_formats::regf::write::{HiveBuilder, ListForm};

fn main() {
    let seeds = event_logs()
        .into_iter()
        .chain(traces())
        .chain(hives())
        .chain(containers())
        .chain(databases())
        .chain(image_files())
        .chain(wide_text());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds");
    for (name, bytes) in seeds {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a seed lies in the folder of its target"))
            .expect("the folder can be made");
        fs::write(path, bytes).expect("the seed can be written");
    }
}

/// The head and the description of a file of Windows images, and the description alone.
fn image_files() -> Vec<Seed> {
    let xml = "\u{feff}<WIM><TOTALBYTES>9</TOTALBYTES><IMAGE INDEX=\"1\"><WINDOWS><ARCH>9</ARCH>\
               <EDITIONID>Core</EDITIONID><VERSION><BUILD>26100</BUILD><SPBUILD>1</SPBUILD>\
               </VERSION></WINDOWS><NAME>A &amp; B</NAME></IMAGE></WIM>";
    let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut whole = vec![0; 208];
    whole[..8].copy_from_slice(b"MSWIM\0\0\0");
    whole[72..80].copy_from_slice(&(xml.len() as u64 | 2 << 56).to_le_bytes());
    whole[80..88].copy_from_slice(&208_u64.to_le_bytes());
    whole.extend(&xml);
    vec![("image_file/whole", whole), ("image_file/description", xml)]
}

type Seed = (&'static str, Vec<u8>);

fn event(provider: &str, id: u32, data: &[(&str, &str)]) -> Event {
    Event {
        record: 0,
        time: 131_452_782_721_234_567,
        provider: provider.to_owned(),
        id,
        level: 2,
        channel: "System".to_owned(),
        computer: "PC".to_owned(),
        data: data.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
    }
}

/// Without the rest of the last chunk, which is empty.
fn event_logs() -> Vec<Seed> {
    let cut = |log: EvtxBuilder| {
        let mut bytes = log.build();
        let filled = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(filled);
        bytes
    };
    let update = event(
        "Microsoft-Windows-WindowsUpdateClient",
        20,
        &[("errorCode", "0x80248007"), ("updateTitle", "2017-07 \u{c4} \u{1f980}")],
    );
    let service = event(
        "Service Control Manager",
        7000,
        &[("param1", "Update <A> & B"), ("param2", "%%1053")],
    );
    let package = event(
        "Microsoft-Windows-Servicing",
        3,
        &[("PackageIdentifier", "KB4025342"), ("ErrorCode", "0x800f0984")],
    );
    let one = EvtxBuilder::new().event(&update).event(&service).event(&update);
    vec![
        ("event_log/named", cut(EvtxBuilder::new().event(&update))),
        ("event_log/unnamed", cut(EvtxBuilder::new().event(&service))),
        (
            "event_log/user_data",
            cut(EvtxBuilder::new().user_event("CbsPackageChangeState", &package)),
        ),
        ("event_log/several", cut(one.user_event("CbsPackageChangeState", &package))),
        ("event_log/empty", cut(EvtxBuilder::new())),
        (
            "event_log/two_chunks",
            cut(EvtxBuilder::new().event(&service).next_chunk().event(&update)),
        ),
    ]
}

fn traces() -> Vec<Seed> {
    let start = ticks_at(date(2025, 3, 17).at(15, 43, 15, 0));
    let builder = || EtlBuilder::new(start);
    let fields =
        b"a\0\x01b\0\x02c\0\x84\x03d\0\x44e\0\x24\x02\0f\0\x0eg\0\x13h\0\x0ci\0\x98\x01j\0\x12";
    let medic = (Guid([7; 16]), "Microsoft.Windows.WaaSMedic.Local");
    let update =
        |trace: EtlBuilder| trace.update(1_571_414, 18348, 7716, "Agent", "a line, \u{1f600}");
    let mixed = update(builder().bias(-60).lost(1, 2))
        .message(2)
        .trace_logging(7, medic, "Mixed", fields, &[3; 90])
        .manifest(9, Guid([9; 16]));
    vec![
        ("trace/update", update(builder()).finish()),
        ("trace/narrow", update(builder().narrow().clock(3, 2_400_000_000)).finish()),
        ("trace/system_clock", update(builder().clock(2, 0).build(17_763)).finish()),
        ("trace/mixed", mixed.finish()),
    ]
}

fn hives() -> Vec<Seed> {
    let mut before = HiveBuilder::new();
    before
        .value("Select", "Current", &Data::Dword(1))
        .value(r"ControlSet001\Services\wuauserv", "Start", &Data::Dword(3))
        .value(
            r"ControlSet001\Services\wuauserv",
            "ImagePath",
            &Data::ExpandSz(r"%SystemRoot%\svchost.exe".into()),
        )
        .value(
            r"ControlSet001\Services\bits",
            "DependOnService",
            &Data::MultiSz(vec!["RpcSs".into(), "EventSystem".into()]),
        )
        .raw_value(r"ControlSet001\Services\bits", "", 3, vec![7; 40]);
    let mut plain = before.clone();
    plain.list_form(ListForm::Plain).key(r"ControlSet001\Control\Stra\u{df}e");
    let mut letters = before.clone();
    letters.list_form(ListForm::Letters).key(r"A\B\C\D\E");
    let mut after = before.clone();
    after.value(r"ControlSet001\Services\wuauserv", "Start", &Data::Dword(4));
    let entries = before.dirty_with_entries(&after);
    let pages = before.dirty_with_pages(&after);
    let mut large = HiveBuilder::new();
    large.raw_value("Large", "pieces", 3, (0..17_000_u32).map(|n| n as u8).collect());
    vec![
        ("hive/hashes", with_length(&before.hive(), &[])),
        ("hive/plain", with_length(&plain.hive(), &[])),
        ("hive/letters", with_length(&letters.hive(), &[])),
        ("hive/large_value", with_length(&large.hive(), &[])),
        ("hive/log_of_entries", with_length(&entries.hive, &entries.log)),
        ("hive/log_of_pages", with_length(&pages.hive, &pages.log)),
    ]
}

fn with_length(hive: &[u8], log: &[u8]) -> Vec<u8> {
    [&(hive.len() as u32).to_le_bytes(), hive, log].concat()
}

const RECORD: &[u8] = b"2020-02-03 23:50:28, Info                  CBS    Starting\r\n";

fn containers() -> Vec<Seed> {
    let files: [(&str, &[u8]); 3] =
        [("Logs/CBS/CBS.log", RECORD), ("a/b.log", b"b"), ("..\\out.log", b"out")];
    let zip = zip_of(&files);
    let inner = cabinet(&[("CbsPersist.log", RECORD)], cab::CompressionType::MsZip);
    vec![
        ("container/zip", zip.clone()),
        ("container/tar", tar_of(&files)),
        ("container/7z", seven_zip(&files)),
        ("container/cab", cabinet(&files, cab::CompressionType::MsZip)),
        ("container/cab_stored", cabinet(&files, cab::CompressionType::None)),
        ("container/gz", gzip(RECORD)),
        ("container/xz", xz(RECORD)),
        ("container/tar_gz", gzip(&tar_of(&files[..1]))),
        ("container/tar_xz", xz(&tar_of(&files[..1]))),
        ("container/cab_in_zip", zip_of(&[("logs/1.cab", &inner), ("logs/2.gz", &gzip(RECORD))])),
        ("container/zip_in_7z", seven_zip(&[("a.zip", &zip), ("b.txt", b"b")])),
        ("container/plain", RECORD.to_vec()),
    ]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

fn xz(text: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).expect("the preset is known");
    writer.write_all(text).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).expect("memory takes it");
        writer.write_all(text).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        // The library would not write a name that leads out.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, *text).expect("memory takes it");
    }
    builder.into_inner().expect("memory takes it")
}

fn seven_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).expect("it begins");
    for (name, text) in files {
        let entry = sevenz_rust2::ArchiveEntry::new_file(name);
        let content = Some(Cursor::new(text.to_vec()));
        writer.push_archive_entry(entry, content).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn cabinet(files: &[(&str, &[u8])], compression: cab::CompressionType) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(compression);
    for (name, _) in files {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).expect("memory takes it");
    let mut contents = files.iter();
    while let Some(mut file) = writer.next_file().expect("memory takes it") {
        file.write_all(contents.next().expect("one for each").1).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

/// The header alone, with the checksum that makes it whole.
fn databases() -> Vec<Seed> {
    let header = |state: u32| {
        let mut page = vec![0_u8; 4096];
        let mut put =
            |at: usize, value: u32| page[at..at + 4].copy_from_slice(&value.to_le_bytes());
        for (at, value) in [(4, 0x89AB_CDEF), (8, 0x620), (52, state), (232, 0x14), (236, 4096)] {
            put(at, value);
        }
        let words = page[4..].chunks_exact(4);
        let sum = words
            .fold(0x89AB_CDEF_u32, |sum, word| sum ^ word.try_into().map_or(0, u32::from_le_bytes));
        page[..4].copy_from_slice(&sum.to_le_bytes());
        page
    };
    let both = [header(3), header(3)].concat();
    vec![("database/dirty", header(2)), ("database/both_copies", both)]
}

/// Texts that Windows writes in UTF-16.
fn wide_text() -> Vec<Seed> {
    let wide = |text: &str| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let record = String::from_utf8_lossy(RECORD).repeat(3);
    let export = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\r\n\
        @=\"default\"\r\n\"b\"=dword:00000004\r\n\"c\"=hex(7):41,00,42,00,00,00,\\\r\n  00,00\r\n";
    vec![("servicing_log/utf16", wide(&record)), ("registry_export/wide", wide(export))]
}
