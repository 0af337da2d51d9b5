//! The file that people download: one executable that needs nothing but Windows.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{self, Write as _};
use std::{env, fs};

/// The libraries every Windows 10 has, which is all that may be needed.
const OF_WINDOWS: [&str; 17] = [
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "combase.dll",
    "crypt32.dll",
    "kernel32.dll",
    "kernelbase.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "propsys.dll",
    "rpcrt4.dll",
    "shell32.dll",
    "user32.dll",
    "userenv.dll",
    "ws2_32.dll",
];
const MOST_BYTES: usize = 8 << 20;

#[test]
fn one_small_file_that_needs_only_windows() {
    let Some(bytes) = executable() else { return };
    assert!(bytes.len() < MOST_BYTES, "{} bytes", bytes.len());
    let image = Image(&bytes);
    let imports = image.imports();
    assert!(imports.iter().any(|name| name == "kernel32.dll"), "{imports:?}");
    let foreign: Vec<&String> = imports
        .iter()
        .filter(|name| !OF_WINDOWS.contains(&name.as_str()) && !name.starts_with("api-ms-win-"))
        .collect();
    assert!(foreign.is_empty(), "not part of every Windows: {foreign:?}");
}

#[test]
fn it_says_what_it_is_and_asks_for_no_more_than_the_user_has() {
    let Some(bytes) = executable() else { return };
    let image = Image(&bytes);
    let manifest = String::from_utf8(image.resource(24).unwrap().to_vec()).unwrap();
    for wanted in [r#"level="asInvoker""#, ">true</longPathAware>", ">UTF-8</activeCodePage>"] {
        assert!(manifest.contains(wanted), "{wanted} is missing in {manifest}");
    }
    let version = image.resource(16).unwrap();
    let units = version.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let version = String::from_utf16_lossy(&units.collect::<Vec<u16>>());
    for wanted in ["ProductName\0unwedge", "MIT OR Apache-2.0", "Windows Update", "0.1.0"] {
        assert!(
            version.replace("\0\0", "\0").contains(wanted),
            "{wanted} is missing in {version:?}"
        );
    }
}

fn executable() -> Option<Vec<u8>> {
    match env::var_os("UNWEDGE_LAB_EXECUTABLE") {
        Some(path) => Some(fs::read(path).unwrap()),
        None => {
            // Straight to the stream, so that it is seen of a test that passes.
            let mut talk = io::stderr();
            writeln!(talk, "SKIPPED: `cargo xtask test` builds the executable").unwrap();
            None
        }
    }
}

/// A 64-bit executable as "PE Format" in Microsoft's documentation of debugging describes it.
struct Image<'a>(&'a [u8]);

impl<'a> Image<'a> {
    fn word(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap()))
    }

    fn double(&self, at: usize) -> usize {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap()) as usize
    }

    fn header(&self) -> usize {
        let header = self.double(0x3c);
        assert_eq!(&self.0[header..header + 4], b"PE\0\0");
        assert_eq!(self.word(header + 24), 0x20b, "it is a 64-bit program");
        header
    }

    /// The place in the file of what is loaded at this address.
    fn place(&self, address: usize) -> usize {
        let header = self.header();
        let sections = header + 24 + self.word(header + 20);
        (0..self.word(header + 6))
            .map(|index| sections + 40 * index)
            .find_map(|section| {
                let into = address.checked_sub(self.double(section + 12))?;
                (into < self.double(section + 16)).then(|| self.double(section + 20) + into)
            })
            .expect("each address lies in a section")
    }

    /// Where one of the tables that the header lists begins.
    fn table(&self, index: usize) -> usize {
        self.place(self.double(self.header() + 24 + 112 + 8 * index))
    }

    fn imports(&self) -> Vec<String> {
        let first = self.table(1);
        let entries = (0..).map(|index| self.double(first + 20 * index + 12));
        let names = entries.take_while(|name| *name != 0).map(|name| {
            let text = &self.0[self.place(name)..];
            let end = text.iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(text[..end].to_vec()).unwrap().to_lowercase()
        });
        names.collect()
    }

    /// The first resource of a kind, in whatever language.
    fn resource(&self, kind: usize) -> Option<&'a [u8]> {
        let root = self.table(2);
        let entries = |folder: usize| {
            let count = self.word(folder + 12) + self.word(folder + 14);
            (0..count).map(move |index| {
                let entry = folder + 16 + 8 * index;
                (self.double(entry), root + (self.double(entry + 4) & 0x7fff_ffff))
            })
        };
        let (_, of_kind) = entries(root).find(|(name, _)| *name == kind)?;
        let (_, of_name) = entries(of_kind).next()?;
        let (_, data) = entries(of_name).next()?;
        let start = self.place(self.double(data));
        Some(&self.0[start..start + self.double(data + 4)])
    }
}
