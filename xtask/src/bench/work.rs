//! Work that no command of unwedge prints by itself, done with the calls the engine uses, so that
//! whole processes can be compared.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, ensure};
use unwedge_formats::evtx::{CHUNK_BYTES, FILE_HEAD_BYTES, Reader, Wanted};
use unwedge_host::collected::Collected;
use unwedge_host::system::{filters, packages, services, uninstall};

/// As many as the peer has.
const THREADS: u64 = 2;

/// One piece of work on one file
#[derive(clap::Subcommand)]
pub(crate) enum Work {
    /// Print the events that tell of updates and of services that fail
    Events { path: PathBuf },
    /// Print the services and filters of a SYSTEM hive
    Services { path: PathBuf },
    /// Print the packages and programs of a SOFTWARE hive
    Packages { path: PathBuf },
}

/// Does it.
pub(crate) fn run(work: &Work) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match work {
        Work::Events { path } => print_events(path, &mut out)?,
        Work::Services { path } => print_services(path, &mut out)?,
        Work::Packages { path } => print_packages(path, &mut out)?,
    }
    Ok(out.flush()?)
}

/// What is compared; the rest of an event log is not worth reading.
pub(super) fn wanted() -> Wanted {
    let mut wanted = Wanted::nothing();
    wanted.add("Microsoft-Windows-WindowsUpdateClient", 19..=20);
    wanted.add("Service Control Manager", 7_000..=7_035);
    wanted.add("Service Control Manager", 7_041..=7_999);
    wanted
}

fn print_events(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let wanted = wanted();
    let head = FILE_HEAD_BYTES as u64;
    let chunks = std::fs::metadata(path)?.len().saturating_sub(head).div_ceil(CHUNK_BYTES as u64);
    let share = chunks.div_ceil(THREADS);
    let parts: Vec<anyhow::Result<String>> = thread::scope(|scope| {
        let part = |number: u64| {
            let wanted = &wanted;
            scope.spawn(move || events_of(path, wanted, number * share, share))
        };
        let running: Vec<_> = (0..THREADS).map(part).collect();
        running.into_iter().map(|it| it.join().expect("reading does not panic")).collect()
    });
    for part in parts {
        out.write_all(part?.as_bytes())?;
    }
    Ok(())
}

/// The wanted events of some chunks, one line each behind the number of its record.
fn events_of(path: &Path, wanted: &Wanted, first: u64, count: u64) -> anyhow::Result<String> {
    let chunk_bytes = CHUNK_BYTES as u64;
    let mut at = FILE_HEAD_BYTES as u64 + first * chunk_bytes;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut reader = Reader::new(wanted);
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut lines = String::new();
    for _ in 0..count {
        chunk.clear();
        if (&file).take(chunk_bytes).read_to_end(&mut chunk)? == 0 {
            break;
        }
        let gaps = reader.chunk(&chunk, at, &mut |event| {
            lines.push_str(&format!("{}\t{}\n", event.record, event.line()));
        });
        ensure!(gaps.is_empty(), "not everything was read: {gaps:?}");
        at += chunk.len() as u64;
    }
    Ok(lines)
}

fn print_services(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let host = Collected::open(&[path.to_owned()])?;
    let known = services::read(&host);
    // The files of filters were not brought, which is not asked here.
    ensure!(known.unknown.is_empty(), "not everything was read: {:?}", known.unknown);
    for service in known.found {
        let start = service.start.map(|start| start.registry_start().to_string());
        let (group, image) = (service.group.unwrap_or_default(), service.image.unwrap_or_default());
        let start = start.unwrap_or_default();
        writeln!(out, "service\t{}\t{start}\t{group}\t{image}", service.name)?;
    }
    for filter in filters::read(&host).found {
        for instance in filter.instances {
            let driver = &filter.driver.name;
            writeln!(out, "filter\t{driver}\t{}\t{}", instance.name, instance.altitude)?;
        }
    }
    Ok(())
}

fn print_packages(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let host = Collected::open(&[path.to_owned()])?;
    let known = packages::read(&host);
    ensure!(known.unknown.is_empty(), "not everything was read: {:?}", known.unknown);
    for package in known.found {
        let state = package.state.context("a package without a state")?;
        writeln!(out, "package\t{}\t{state}", package.name)?;
    }
    for program in uninstall::read(&host).found {
        let (name, version) =
            (program.name.unwrap_or_default(), program.version.unwrap_or_default());
        writeln!(out, "program\t{}\t{name}\t{version}", program.id)?;
    }
    Ok(())
}
