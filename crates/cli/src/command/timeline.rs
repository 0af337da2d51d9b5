//! `unwedge timeline`: what all logs say, merged by time.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::bail;
use unwedge_engine::evidence::{Listing, Log};
use unwedge_engine::report::GapNote;
use unwedge_engine::timeline::{
    self, ComponentPattern, Entry, Filter, Kb, Moment, Session, SourcePattern, Summary, Text,
};
use unwedge_formats::code::Code;
use unwedge_formats::log::Level;

use crate::exit::{Exit, written};
use crate::machine::open_all;
use crate::render::say;
use crate::render::timeline::{CSV_HEADER, Columns, csv_row};

/// At most so many gaps are told one by one.
const MOST_GAPS: usize = 10;

const EXAMPLES: &str = "\
Values of one filter add up (--code A --code B: A or B); filters narrow each other down.

Examples:
  unwedge timeline C:\\cases\\frontdesk --last 2h --level error,warning
  unwedge timeline CBS.log WindowsUpdate.log --from 2025-03-17T10:00+01:00 --to 2025-03-17
  unwedge timeline logs --kb KB5034441 --code 0x80070020
  unwedge timeline logs --session 31069300_2212357542 --format csv > session.csv
  unwedge timeline logs --component WindowsUpdateClient --source '*.evtx' --json

docs/timeline.md describes the fields.";

/// Shows what all logs say, merged by time
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TimelineArgs {
    /// Logs, folders of evidence in any layout, or a .host machine; on Windows none means this PC
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Not before this time; UTC unless it shows an offset
    #[arg(long, value_name = "TIME", value_parser = timeline::parse_from)]
    from: Option<Moment>,

    /// Before this time; a date alone means all of that day
    #[arg(long, value_name = "TIME", value_parser = timeline::parse_to)]
    to: Option<Moment>,

    /// Not longer before the latest record than this, such as 30m, 2h or 3d
    #[arg(long, value_name = "LENGTH", value_parser = timeline::parse_duration)]
    last: Option<i64>,

    /// Records that name this update, and those written while it was worked on
    #[arg(long, value_name = "KB", value_delimiter = ',')]
    kb: Vec<Kb>,

    /// Records that name this session of CBS, and those written while it was at work
    #[arg(long, value_name = "SESSION", value_delimiter = ',')]
    session: Vec<Session>,

    /// Records with this code, in any spelling or wrapping
    #[arg(long, value_name = "CODE", value_delimiter = ',', allow_hyphen_values = true)]
    code: Vec<Code>,

    /// Records of this component or event provider; the end of its name behind a dash, or a
    /// pattern with * and ?
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    component: Vec<ComponentPattern>,

    /// Logs with this in their name; with * or ? a pattern of the name
    #[arg(long, value_name = "NAME")]
    source: Vec<SourcePattern>,

    /// Records of this level: error, warning or info
    #[arg(long, value_name = "LEVEL", value_delimiter = ',', value_parser = timeline::parse_level)]
    level: Vec<Level>,

    /// Records in which this is written, in any case
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    contains: Vec<Text>,

    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// The same as --format jsonl: one JSON object a line
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: one line a record, cut to the width of the window
    Text,
    /// One JSON object a line
    Jsonl,
    /// RFC 4180; what a spreadsheet would take for a formula gets an apostrophe before it
    Csv,
}

/// Merges the logs and writes what is wanted.
pub(crate) fn run(args: TimelineArgs) -> anyhow::Result<Exit> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        bail!("--to does not lie behind --from: no record can be between");
    }
    let host = open_all(&args.paths)?;
    let mut listing = Listing::of(&*host);
    listing.ask_for_events(&*host, Vec::new);
    let Listing { logs, mut gaps, .. } = listing;
    if logs.is_empty() {
        tell_gaps(&gaps);
        bail!("no log of a kind known here is among the evidence");
    }
    let names: Vec<String> = logs.iter().take(MOST_GAPS).map(|log| log.source.clone()).collect();
    let fits = |log: &Log| args.source.iter().any(|source| source.fits(&log.source));
    let of = logs.len();
    let logs: Vec<Log> =
        logs.into_iter().filter(|log| args.source.is_empty() || fits(log)).collect();
    if logs.is_empty() {
        bail!("no log fits --source; there are {of}, among them {}", names.join(", "));
    }
    let format = if args.json { Format::Jsonl } else { args.format };
    let filter = filter(args);
    let mut result = Ok(());
    let mut out = Out::new(format, &logs);
    let read = logs.len();
    let summary = timeline::tell(&*host, logs, &filter, &mut |entry| {
        result = out.entry(&entry);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let exit = written(result.and_then(|()| out.end()), Exit::Ok)?;
    let Summary { records, shown, gaps: of_logs } = summary;
    gaps.extend(of_logs);
    let many = |count: u64| if count == 1 { "" } else { "s" };
    say(&format!(
        "{records} record{} of {} log{} read, {shown} shown, {} gap{}",
        many(records),
        read,
        many(read as u64),
        gaps.len(),
        many(gaps.len() as u64)
    ));
    tell_gaps(&gaps);
    Ok(exit)
}

fn filter(args: TimelineArgs) -> Filter {
    Filter {
        from: args.from,
        to: args.to,
        last_seconds: args.last,
        kbs: args.kb,
        sessions: args.session,
        codes: args.code,
        components: args.component,
        levels: args.level,
        texts: args.contains,
    }
}

fn tell_gaps(gaps: &[GapNote]) {
    for GapNote { source, line, what, why } in gaps.iter().take(MOST_GAPS) {
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        say(&format!("gap: {source}{line}: {what}: {why}"));
    }
    if let more @ 1.. = gaps.len().saturating_sub(MOST_GAPS) {
        say(&format!("and {more} more"));
    }
}

/// Where records are written, and how.
struct Out {
    format: Format,
    columns: Columns,
    to: Box<dyn Write>,
}

impl Out {
    fn new(format: Format, logs: &[Log]) -> Out {
        let sources: Vec<&str> = logs.iter().map(|log| log.source.as_str()).collect();
        let columns = match io::stdout().is_terminal() {
            true => Columns::of_window(&sources),
            false => Columns::of_file(&sources),
        };
        let mut to: Box<dyn Write> = match format {
            Format::Text => Box::new(BufWriter::new(anstream::stdout())),
            Format::Jsonl | Format::Csv => Box::new(BufWriter::new(io::stdout())),
        };
        if format == Format::Csv {
            // A buffer takes so little without being written.
            let _ = to.write_all(CSV_HEADER.as_bytes());
        }
        Out { format, columns, to }
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        match self.format {
            Format::Text => self.columns.row(entry, &mut self.to),
            Format::Jsonl => {
                serde_json::to_writer(&mut self.to, entry)?;
                self.to.write_all(b"\n")
            }
            Format::Csv => csv_row(entry, &mut self.to),
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}
