//! Evidence of real PCs beside the project, unpacked and enlarged. It belongs to others and is not
//! part of the project; where it is not there, only made-up inputs are measured.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use unwedge_formats::evtx::{CHUNK_BYTES, FILE_HEAD_BYTES};

use super::MIB;
use super::made::{Shelf, made, write_whole};

/// The folder with the evidence, if there is one.
pub(super) struct Real(Option<PathBuf>);

/// What lies in a folder of evidence of all kinds, by its place among the evidence.
const FOLDER: [&str; 14] = [
    "hives/win10_1709_DESKTOP-2KGM189_SYSTEM.xz",
    "hives/win7x64_WKS-WIN764BITB_SOFTWARE.xz",
    "hives/NTUSER.DAT.xz",
    "evtx/win10_1703_DESKTOP-2KGM189_System.evtx.xz",
    "evtx/win7_IE8Win7_Application_RestartManager.evtx.xz",
    "evtx/win7x64_WKS-WIN764BITB_System.evtx.xz",
    "cbs/server2022_asrana_CBS.log.gz",
    "cbs/win8_alborz25_CBS.log",
    "dism/winpe_sccm_win7_findingsanity_dism.log",
    "windowsupdate/win10_1809_findingsanity_WindowsUpdate_2021.log",
    "reportingevents/win10_dcheva_ReportingEvents_2023-07-06.log",
    "panther/win10_1803to21H2_rickaK77_setupact.log",
    "setupapi/win_plaso_setupapi.dev.log",
    "setupapi/win_plaso_setupapi.setup.log",
];
const TRACES: &str = "etl/server2022_asrana_wu_etl_0306-0314.tar.xz";

impl Real {
    /// Looks for it where the tests look.
    pub(super) fn find(project: &Path) -> Real {
        let folder = std::env::var_os("UNWEDGE_EVIDENCE")
            .map_or_else(|| project.join("../shared/data"), PathBuf::from);
        Real(folder.is_dir().then_some(folder))
    }

    /// A hive by its name.
    pub(super) fn hive(&self, shelf: &Shelf, name: &str) -> anyhow::Result<Option<PathBuf>> {
        let Some(packed) = self.file(&format!("hives/{name}.xz")) else { return Ok(None) };
        made(shelf, &format!("real-{name}"), || unpacked(&packed)).map(Some)
    }

    /// An event log of that size, from the chunks of real System logs.
    pub(super) fn event_log(
        &self,
        shelf: &Shelf,
        size_mib: u64,
    ) -> anyhow::Result<Option<PathBuf>> {
        let Some(folder) = self.file("evtx") else { return Ok(None) };
        let make = || {
            let mut logs: Vec<PathBuf> =
                fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
            logs.retain(|path| path.to_string_lossy().ends_with("System.evtx.xz"));
            logs.sort();
            let logs =
                logs.iter().map(|path| unpacked(path)).collect::<anyhow::Result<Vec<_>>>()?;
            enlarged(&logs, (size_mib * MIB) as usize / CHUNK_BYTES)
        };
        made(shelf, &format!("real-events-{size_mib}.evtx"), make).map(Some)
    }

    /// The traces of one PC, so many times over, each time in a folder of its own.
    pub(super) fn traces(&self, shelf: &Shelf, times: u64) -> anyhow::Result<Option<PathBuf>> {
        let Some(packed) = self.file(TRACES) else { return Ok(None) };
        let folder = shelf.join(&format!("real-etl-{times}"));
        for number in 0..times {
            let folder = folder.join(number.to_string());
            if !folder.exists() {
                unpack_traces(&packed, &folder)?;
            }
        }
        Ok(Some(folder))
    }

    /// A folder with evidence of all kinds, although not of one PC.
    pub(super) fn folder(&self, shelf: &Shelf) -> anyhow::Result<Option<PathBuf>> {
        let Some(root) = &self.0 else { return Ok(None) };
        let folder = shelf.join("real-folder-2");
        for name in FOLDER {
            let from = root.join(name);
            let bare = name.trim_end_matches(".xz").trim_end_matches(".gz");
            let bare = bare.rsplit('/').next().unwrap_or(bare);
            let to = folder.join(if name.starts_with("hives") { hive_name(bare) } else { bare });
            if from.exists() && !to.exists() {
                write_whole(&to, &unpacked(&from)?)?;
            }
        }
        let traces = folder.join("etl");
        if let Some(packed) = self.file(TRACES)
            && !traces.exists()
        {
            unpack_traces(&packed, &traces)?;
        }
        Ok(Some(folder))
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|root| root.join(name)).filter(|path| path.exists())
    }
}

/// `SYSTEM` of `win10_NAME_SYSTEM`.
fn hive_name(name: &str) -> &str {
    name.rsplit('_').next().unwrap_or(name)
}

fn unpacked(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let mut content = Vec::new();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("xz") => {
            lzma_rust2::XzReader::new(bytes.as_slice(), true).read_to_end(&mut content)?
        }
        Some("gz") => {
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut content)?
        }
        _ => return Ok(bytes),
    };
    Ok(content)
}

/// Unpacks the traces of an archive, and nothing that lies beside them.
fn unpack_traces(path: &Path, folder: &Path) -> anyhow::Result<()> {
    let content = unpacked(path)?;
    let mut archive = tar::Archive::new(content.as_slice());
    let started = folder.with_extension("part");
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if let Some(name) =
            path.file_name().filter(|_| path.extension().is_some_and(|it| it == "etl"))
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            write_whole(&started.join(name), &bytes)?;
        }
    }
    Ok(fs::rename(started, folder)?)
}

/// One log of so many chunks: numbers of records made continuous, checksums made right.
fn enlarged(logs: &[Vec<u8>], chunks: usize) -> anyhow::Result<Vec<u8>> {
    let full: Vec<&[u8]> = logs
        .iter()
        .flat_map(|log| log.get(FILE_HEAD_BYTES..).unwrap_or_default().chunks_exact(CHUNK_BYTES))
        .filter(|chunk| chunk.starts_with(b"ElfChnk\0") && number_at(chunk, 48) > 600)
        .collect();
    anyhow::ensure!(!full.is_empty(), "there are no chunks to take");
    let mut log = vec![0; FILE_HEAD_BYTES];
    let mut next = 1_u64;
    for chunk in full.iter().cycle().take(chunks) {
        let mut chunk = chunk.to_vec();
        renumber(&mut chunk, &mut next);
        log.extend(chunk);
    }
    log[..8].copy_from_slice(b"ElfFile\0");
    put(&mut log, 16, &(chunks as u64 - 1).to_le_bytes());
    put(&mut log, 24, &next.to_le_bytes());
    put(&mut log, 32, &128_u32.to_le_bytes());
    put(&mut log, 36, &[1, 0, 3, 0]);
    put(&mut log, 40, &(FILE_HEAD_BYTES as u16).to_le_bytes());
    put(&mut log, 42, &(chunks as u16).to_le_bytes());
    let sum = crc32fast::hash(&log[..120]);
    put(&mut log, 124, &sum.to_le_bytes());
    Ok(log)
}

fn renumber(chunk: &mut [u8], next: &mut u64) {
    let end = (number_at(chunk, 48) as usize).min(chunk.len());
    let (mut at, first) = (512, *next);
    while at + 28 < end && chunk[at..].starts_with(b"**\0\0") {
        let size = number_at(chunk, at + 4) as usize;
        put(chunk, at + 8, &next.to_le_bytes());
        *next += 1;
        at += size.max(28);
    }
    let last = *next - 1;
    for (at, number) in [(8, first), (16, last), (24, first), (32, last)] {
        put(chunk, at, &number.to_le_bytes());
    }
    let records = crc32fast::hash(&chunk[512..end]);
    put(chunk, 52, &records.to_le_bytes());
    let mut head = crc32fast::Hasher::new();
    head.update(&chunk[..120]);
    head.update(&chunk[128..512]);
    put(chunk, 124, &head.finalize().to_le_bytes());
}

fn number_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn put(bytes: &mut [u8], at: usize, content: &[u8]) {
    bytes[at..at + content.len()].copy_from_slice(content);
}
