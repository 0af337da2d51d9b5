//! What a person reads.

use std::fmt::Write as _;
use std::io::Write as _;

use indicatif::HumanBytes;
use serde::Serialize;
use unwedge_backup::check::Checked;
use unwedge_backup::file_history::FileHistory;
use unwedge_backup::left_out::LeftOut;
use unwedge_backup::make::Made;
use unwedge_backup::place::Drive;
use unwedge_backup::repository::Snapshot;
use unwedge_backup::restore::Restored;
use unwedge_backup::settings::Placed;
use unwedge_backup::source::Amount;

use crate::Exit;

/// Of a long list so many are shown; JSON has all.
const MOST_SHOWN: usize = 200;

/// Says something to the user that is no data.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell when the reader has gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes data to the standard output.
pub(crate) fn show(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

#[derive(Serialize)]
struct Report<'a, T> {
    schema: u32,
    unwedge: &'static str,
    #[serde(flatten)]
    answer: &'a T,
    exit: u8,
}

/// Writes an answer for programs.
pub(crate) fn json(answer: &impl Serialize, exit: Exit) -> anyhow::Result<()> {
    let unwedge = env!("CARGO_PKG_VERSION");
    let report = Report { schema: 1, unwedge, answer, exit: exit as u8 };
    show(&format!("{}\n", serde_json::to_string_pretty(&report)?));
    Ok(())
}

pub(crate) fn amount(of: &Amount) -> String {
    let mut text = format!(
        "{} {} ({}) in {} {}",
        of.files,
        if of.files == 1 { "file" } else { "files" },
        HumanBytes(of.bytes),
        of.folders,
        if of.folders == 1 { "folder" } else { "folders" }
    );
    match of.links {
        0 => {}
        1 => text.push_str(", 1 link, kept as a link"),
        links => _ = write!(text, ", {links} links, kept as links"),
    }
    if of.excluded > 0 {
        let _ = write!(text, "; {} excluded as told", of.excluded);
    }
    text
}

pub(crate) fn left_out(some: &[LeftOut], more: u64) -> String {
    let mut text = String::new();
    if some.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\nLeft out ({}):", some.len() as u64 + more);
    for it in some.iter().take(MOST_SHOWN) {
        let _ = write!(text, "  {}: {}", it.path.display(), it.reason.in_words());
        let _ = match it.detail.is_empty() {
            true => writeln!(text),
            false => writeln!(text, " ({})", it.detail),
        };
    }
    let hidden = some.len().saturating_sub(MOST_SHOWN) as u64 + more;
    if hidden > 0 {
        let _ = writeln!(text, "  and {hidden} more; --json lists them");
    }
    text
}

pub(crate) fn settings(placed: &[Placed]) -> String {
    let mut text = String::new();
    for it in placed {
        let place = match (&it.path, it.exists) {
            (Some(path), true) => path.display().to_string(),
            (_, false) | (None, true) => "not there".to_owned(),
        };
        let _ = writeln!(text, "  {} ({}): {place}", it.settings.name, it.settings.id);
        if it.exists && !it.settings.note.is_empty() {
            let _ = writeln!(text, "    {}", it.settings.note);
        }
    }
    text
}

pub(crate) fn drives(drives: &[Drive]) -> String {
    let mut text = String::new();
    for it in drives {
        let kind = if it.is_external { "external" } else { "built in" };
        let root = it.root.display();
        let _ = writeln!(text, "  {root} {kind}, {} free", HumanBytes(it.free_bytes));
    }
    text
}

pub(crate) fn made(it: &Made, to: &std::path::Path) -> String {
    let mut text = format!(
        "Backed up {} to {}.\n  Snapshot   {}\n  New there  {}\n  Read back  {}\n",
        amount(&it.held),
        to.display(),
        it.snapshot,
        HumanBytes(it.added_bytes),
        match it.left_out.is_empty() {
            true => "every file is in the snapshot, in its full length",
            false => "every file but those below is in the snapshot, in its full length",
        }
    );
    for path in it.grown.iter().take(MOST_SHOWN) {
        let at = path.display();
        let _ = writeln!(text, "  Grew while it was read, kept as it was at first: {at}");
    }
    for message in it.messages.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "  Remark: {message}");
    }
    text.push_str(&left_out(&it.left_out, it.left_out_more));
    let _ = writeln!(
        text,
        "\nContents were not compared: `unwedge backup verify --to \"{}\"` reads every byte.",
        to.display()
    );
    text
}

pub(crate) fn checked(it: &Checked) -> String {
    let mut text = String::new();
    for (label, found) in [("Damaged", &it.errors), ("Remark", &it.remarks)] {
        for finding in found.iter().take(MOST_SHOWN) {
            let _ = writeln!(text, "{label}: {finding}");
        }
        if found.len() > MOST_SHOWN {
            let _ = writeln!(text, "and {} more; --json lists them", found.len() - MOST_SHOWN);
        }
    }
    let backups = if it.snapshots == 1 { "backup" } else { "backups" };
    let read = format!("{} of {} {backups} were read", HumanBytes(it.pack_bytes), it.snapshots);
    let _ = match (it.errors.is_empty(), it.snapshots) {
        (true, 0) => writeln!(text, "There is no backup in the repository."),
        (true, _) => writeln!(text, "{read}; every byte that they need is as it was written."),
        (false, _) => writeln!(
            text,
            "{read}; {} errors. Files whose parts are damaged cannot be restored whole. Make a new \
             backup to another drive, and test this drive.",
            it.errors.len()
        ),
    };
    text
}

pub(crate) fn snapshots(found: &[Snapshot]) -> String {
    let mut text = String::new();
    for it in found {
        let _ = write!(text, "{}  {}  {}", it.id, it.time, it.pc);
        if let (Some(files), Some(bytes)) = (it.files, it.bytes) {
            let _ = write!(text, "  {files} files, {}", HumanBytes(bytes));
        }
        text.push('\n');
        for path in &it.paths {
            let _ = writeln!(text, "    {}", path.display());
        }
    }
    if found.is_empty() {
        text.push_str("There is no backup in the repository.\n");
    }
    text
}

pub(crate) fn restored(it: &Restored) -> String {
    let mut text = format!(
        "Restored {} from {} into {}; every byte equals the backup.\n",
        amount(&it.equal),
        it.snapshot,
        it.folder.display()
    );
    if !it.wrong.is_empty() {
        let _ = writeln!(text, "\nDid not come back as in the backup ({}):", it.wrong.len());
        for wrong in it.wrong.iter().take(MOST_SHOWN) {
            let _ = writeln!(text, "  {}: {}", wrong.path.display(), wrong.why);
        }
    }
    for message in it.messages.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "Remark: {message}");
    }
    text
}

pub(crate) fn file_history(it: &FileHistory) -> String {
    let mut text = String::new();
    let time = |at: Option<jiff::Timestamp>| at.map_or("not known".to_owned(), |at| at.to_string());
    match &it.configuration {
        None => text.push_str("File History was never set up for this user.\n"),
        Some(set) => {
            let state = match set.is_on {
                Some(true) => "on",
                Some(false) => "off",
                None => "not known",
            };
            let _ = writeln!(text, "File History  {state}");
            let target = set.target.as_deref().unwrap_or("not known");
            let name = set.target_name.as_deref().unwrap_or_default();
            let kind = set.target_kind.as_deref().unwrap_or("kind not known");
            let _ = writeln!(text, "  Target      {target} {name} ({kind})");
            let _ = writeln!(text, "  Last run    {}", time(it.last_run()));
            if let Some(seconds) = set.every_seconds {
                let _ = writeln!(text, "  Every       {seconds} s");
            }
        }
    }
    let service = match it.service_runs {
        Some(true) => "runs",
        Some(false) => "does not run",
        None => "not known",
    };
    let _ = writeln!(text, "  Service     {service}");
    text
}
