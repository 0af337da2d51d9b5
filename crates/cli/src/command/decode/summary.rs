//! What was decoded and what was not, told on stderr.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use unwedge_formats::etl::{Guid, Session, Trace};

use super::source::Sources;
use crate::exit::Exit;
use crate::render::say;
use crate::render::style::NAME;

/// More gaps, files and providers than this are only counted.
const MOST_TOLD: usize = 20;

/// What is told of one trace.
#[derive(Debug, Default)]
pub(super) struct Told {
    lines: u64,
    events: u64,
    other: BTreeMap<Guid, u64>,
    /// Messages that need symbols, and who wrote them.
    needs_symbols: Option<(u64, String)>,
    lost: (u64, u64),
    pub(super) gaps: Vec<String>,
}

impl Told {
    /// Takes from a trace what is told of it.
    pub(super) fn take(&mut self, trace: &Trace<'_>) {
        self.lines = trace.lines.len() as u64;
        self.events = trace.events();
        self.other.clone_from(&trace.other);
        self.lost = (trace.session.events_lost.into(), trace.session.buffers_lost.into());
        if trace.needs_symbols > 0 {
            self.needs_symbols = Some((trace.needs_symbols, windows(&trace.session)));
        }
        self.gaps.extend(trace.gaps.iter().map(|gap| {
            let at = if gap.at.is_empty() {
                format!("byte {}", gap.at.start)
            } else {
                format!("bytes {} to {}", gap.at.start, gap.at.end)
            };
            format!("{} at {at}: {}", gap.what, gap.why)
        }));
    }
}

/// The Windows that wrote a trace.
fn windows(session: &Session) -> String {
    match (session.version, session.build) {
        ((6, 2), build) => format!("Windows 8 build {build}"),
        ((6, 3), build) => format!("Windows 8.1 build {build}"),
        ((10, _), build) => format!("Windows 10 build {build}"),
        ((major, minor), build) => format!("Windows {major}.{minor} build {build}"),
    }
}

/// What is told of all traces.
#[derive(Debug, Default)]
pub(super) struct Summary {
    files: u64,
    lines: u64,
    events: u64,
    other: BTreeMap<Guid, u64>,
    needs_symbols: Vec<(PathBuf, u64, String)>,
    lost: (u64, u64),
    gaps: Vec<(PathBuf, String)>,
}

impl Summary {
    pub(super) fn add(&mut self, path: &Path, told: Told) {
        self.files += 1;
        self.lines += told.lines;
        self.events += told.events;
        for (provider, count) in told.other {
            *self.other.entry(provider).or_default() += count;
        }
        if let Some((count, windows)) = told.needs_symbols {
            self.needs_symbols.push((path.to_owned(), count, windows));
        }
        self.lost = (self.lost.0 + told.lost.0, self.lost.1 + told.lost.1);
        self.gaps.extend(told.gaps.into_iter().map(|gap| (path.to_owned(), gap)));
    }

    /// Nothing to read in a trace is no failure; not to be able to read anything of it is.
    pub(super) fn exit(&self) -> Exit {
        let is_blind = !self.gaps.is_empty() || self.events > 0 || self.files == 0;
        if self.lines == 0 && is_blind { Exit::NotAssessed } else { Exit::Ok }
    }

    /// Tells it on stderr.
    pub(super) fn tell(&self, sources: &Sources) {
        say(&format!(
            "{} with {}: {}",
            counted(self.files, "trace"),
            counted(self.events, "event"),
            counted(self.lines, "line")
        ));
        if self.lost != (0, 0) {
            let (events, buffers) = self.lost;
            say(&format!(
                "Windows itself lost {} and {} while it wrote them.",
                counted(events, "event"),
                counted(buffers, "buffer")
            ));
        }
        self.tell_symbols();
        let others = self.other.iter().map(|(provider, count)| {
            format!(
                "{provider}: {}, which only its own manifest explains",
                counted(*count, "event")
            )
        });
        list("Other providers:", others);
        let left_out = &sources.left_out;
        let gaps = left_out.iter().chain(&self.gaps);
        list("Not read:", gaps.map(|(path, why)| format!("{}: {why}", path.display())));
    }

    fn tell_symbols(&self) {
        let needs = &self.needs_symbols;
        if needs.is_empty() {
            return;
        }
        let files = needs.iter().map(|(path, count, windows)| {
            format!("{}: {}, written by {windows}", path.display(), counted(*count, "message"))
        });
        list("Need Microsoft's symbols:", files);
        say("Windows Update left the text of its messages out of traces on Windows 8.1 and on \
             Windows 10 before 1709; Get-WindowsUpdateLog fetches it from Microsoft. Run that in \
             PowerShell on that PC, or with -ETLPath on one of the same build, while it is \
             connected to the internet.");
    }
}

/// A heading and what belongs under it.
fn list(heading: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    let mut err = anstream::stderr().lock();
    // When stderr is gone there is nobody left to tell.
    let _ = writeln!(err, "{NAME}{heading}{NAME:#}");
    for item in items.iter().take(MOST_TOLD) {
        let _ = writeln!(err, "  {item}");
    }
    if items.len() > MOST_TOLD {
        let _ = writeln!(err, "  and {} more", items.len() - MOST_TOLD);
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {what}{plural}")
}
