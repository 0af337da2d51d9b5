//! Which traces there are, and the text of one of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use unwedge_formats::etl::{self, Printer, Zone};

use super::summary::Told;

/// Folders deeper than this are not entered.
const MOST_DEPTH: usize = 64;
/// No more of a file than this is read. Traces of Windows Update have some hundred KiB.
const MOST_BYTES: u64 = 512 << 20;
/// Enough to know a trace and when it began.
const HEAD: u64 = 1024;

/// By which clock times are told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    /// That of the PC that wrote the trace.
    Local,
    Utc,
}

/// The traces, in the order of their start.
#[derive(Debug, Default)]
pub(super) struct Sources {
    found: Vec<Source>,
    /// What is called a trace and is none, or could not be opened, with the reason.
    pub(super) left_out: Vec<(PathBuf, String)>,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// In FILETIME ticks.
    pub(super) start: u64,
}

impl Sources {
    /// Looks for traces. A file that was named must be one; in folders others are passed over.
    pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Sources> {
        let mut sources = Sources::default();
        for path in paths {
            let data =
                fs::metadata(path).with_context(|| format!("could not read {}", path.display()))?;
            if data.is_dir() {
                sources.folder(path)?;
                continue;
            }
            let start =
                start(path).with_context(|| format!("could not read {}", path.display()))?;
            let Some(start) = start else {
                bail!("{} is no event trace (.etl)", path.display());
            };
            sources.found.push(Source { path: path.clone(), start });
        }
        if sources.found.is_empty() && sources.left_out.is_empty() {
            bail!("there is no event trace (.etl) in {}", named(paths));
        }
        sources.found.sort_by(|a, b| (a.start, &a.path).cmp(&(b.start, &b.path)));
        sources.found.dedup_by(|a, b| a.path == b.path);
        Ok(sources)
    }

    fn folder(&mut self, root: &Path) -> anyhow::Result<()> {
        let mut open = vec![(root.to_path_buf(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if depth == 0 => {
                    return Err(error)
                        .with_context(|| format!("could not list {}", root.display()));
                }
                Err(error) => {
                    self.left_out.push((folder, error.to_string()));
                    continue;
                }
            };
            for entry in entries.flatten() {
                // Links are not followed: they could lead round in a circle.
                let Ok(kind) = entry.file_type() else { continue };
                let path = entry.path();
                if kind.is_dir() && depth < MOST_DEPTH {
                    open.push((path, depth + 1));
                } else if kind.is_file() {
                    self.file(path);
                }
            }
        }
        Ok(())
    }

    /// Takes a file of a folder when it is a trace by its content.
    fn file(&mut self, path: PathBuf) {
        let is_called_one = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("etl"));
        match start(&path) {
            Ok(Some(start)) => self.found.push(Source { path, start }),
            Ok(None) if is_called_one => self.left_out.push((path, "no event trace".to_owned())),
            Err(error) if is_called_one => self.left_out.push((path, error.to_string())),
            Ok(None) | Err(_) => {}
        }
    }

    pub(super) fn all(&self) -> &[Source] {
        &self.found
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.found.iter().map(|source| source.path.as_path())
    }
}

fn named(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// When a trace began; `None` for a file that is none.
fn start(path: &Path) -> io::Result<Option<u64>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(etl::is_etl(&head).then(|| etl::decode(&head).session.start))
}

/// The lines of one trace.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) text: Vec<u8>,
    /// When each line was written and where it ends in the text.
    pub(super) lines: Vec<(u64, usize)>,
    pub(super) told: Told,
}

/// Reads and decodes one trace; what goes wrong is told in the summary.
pub(super) fn decoded(source: &Source, clock: Clock) -> Decoded {
    let mut told = Told::default();
    let mut bytes = Vec::new();
    match File::open(&source.path).and_then(|it| it.take(MOST_BYTES).read_to_end(&mut bytes)) {
        Ok(read) if read as u64 == MOST_BYTES => {
            told.gaps.push(format!("only its first {} MiB were read", MOST_BYTES >> 20));
        }
        Ok(_) => {}
        Err(error) => told.gaps.push(error.to_string()),
    }
    let trace = etl::decode(&bytes);
    told.take(&trace);
    let zone = match clock {
        Clock::Local => &trace.session.zone,
        Clock::Utc => &Zone::UTC,
    };
    // UTF-16 takes twice what it says, and its columns less than the head of an event.
    let mut text = Vec::with_capacity(bytes.len() / 2);
    let mut printer = Printer::new(zone);
    let mut lines = Vec::with_capacity(trace.lines.len());
    for line in &trace.lines {
        printer.line(line, &mut text);
        lines.push((line.time, text.len()));
    }
    Decoded { text, lines, told }
}
