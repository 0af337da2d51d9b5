//! Who holds what, as a table for people.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::Offset;
use unwedge_engine::report::Certainty;
use unwedge_engine::who::answer::{
    Answer, Conflict, Hold, Holder, NotInspected, ProductNamed, Service, Told,
};
use unwedge_engine::who::{MayStop, Signature, Standing, Turn};
use unwedge_host::About;

use super::style::{FAINT, NAME, RIGHT, UNSURE, WRONG};
use super::{heading, item, paragraph, whole_words};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Who is or may be in the way.
    WhatCounts,
    /// Everyone.
    All,
}

/// Below this width the columns of a table are too narrow for words.
const TABLE_FROM: usize = 60;
const GAP: usize = 2;
/// More files of one holder are counted.
const MOST_FILES: usize = 3;
/// More processes that cannot be looked into are counted.
const MOST_NOT_INSPECTED: usize = 5;
const MOST_RANGES: usize = 3;

/// The whole answer.
pub(crate) fn text(answer: &Answer, about: &About, shown: Shown) -> String {
    let mut out = summary(answer);
    let is_shown = |it: &&Holder| it.counts || shown == Shown::All || may_hold(it);
    let rows = folded(answer.holders.iter().filter(is_shown));
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table(&rows, super::width()));
    }
    let left_out = answer.holders.iter().filter(|it| !is_shown(it)).count();
    if left_out > 0 {
        let text = match left_out {
            1 => "One has something there open or loaded and keeps nobody out; --all shows it."
                .to_owned(),
            n => format!(
                "{n} have something there open or loaded and keep nobody out; --all shows them."
            ),
        };
        let _ = write!(out, "\n{}", paragraph(&text));
    }
    if !answer.not_inspected.is_empty() {
        let _ = write!(out, "\n{}", heading("Not looked into"));
        out.push_str(&not_inspected(&answer.not_inspected));
    }
    if !answer.gaps.is_empty() {
        let _ = write!(out, "\n{}", heading("Not told"));
        for gap in &answer.gaps {
            out.push_str(&item("  ", "    ", &format!("{}: {}", gap.what, gap.why)));
        }
    }
    if about.is_elevated == Some(false) && !answer.not_inspected.is_empty() {
        let _ = write!(out, "\n{}", paragraph("As administrator it can look into more of them."));
    }
    out
}

/// Who came or went, as a line.
pub(crate) fn line(turn: &Turn, at: Timestamp, utc_offset_minutes: Option<i32>) -> String {
    let (word, style, text) = match turn {
        Turn::Came(it) => ("came", UNSURE, one_line(it)),
        Turn::Went(it) => ("went", FAINT, one_line(it)),
        Turn::Blind => {
            ("blind", WRONG, "not everyone can be looked at; somebody may go unseen".to_owned())
        }
        Turn::Sees => ("sees", RIGHT, "everyone can be looked at".to_owned()),
    };
    let clock = clock(at, utc_offset_minutes);
    let label = format!("{clock}  {style}{word:<5}{style:#}  ");
    item(&label, &" ".repeat(clock.len() + 9), &text)
}

/// `14:02:11` by the clock of the PC, or with a `Z` where that is not known.
fn clock(at: Timestamp, utc_offset_minutes: Option<i32>) -> String {
    let offset = utc_offset_minutes.and_then(|it| Offset::from_seconds(it * 60).ok());
    let time = offset.unwrap_or(Offset::UTC).to_datetime(at).time();
    let zone = if offset.is_some() { "" } else { "Z" };
    format!("{:02}:{:02}:{:02}{zone}", time.hour(), time.minute(), time.second())
}

fn one_line(it: &Holder) -> String {
    let services = services(&it.services).map(|it| format!(", {it}")).unwrap_or_default();
    format!("{}{services}: {}, {}: {}", who(it), how(&it.hold), keeps_from(&it.conflict), it.path)
}

fn summary(answer: &Answer) -> String {
    let what = match answer.asked.as_slice() {
        [only] => only.clone(),
        all => format!("any of the {} files and folders", all.len()),
    };
    let text = match answer.told {
        Told::Nobody => format!("{RIGHT}Nobody{RIGHT:#} holds {what}."),
        Told::Somebody => {
            let counting = || answer.holders.iter().filter(|it| it.counts);
            let mut files: Vec<&str> = counting().map(|it| it.path.as_str()).collect();
            files.sort_unstable();
            files.dedup();
            match files.as_slice() {
                [only] => format!("{WRONG}Somebody{WRONG:#} holds {only}."),
                all => format!("{WRONG}Somebody{WRONG:#} holds {} files or folders.", all.len()),
            }
        }
        Told::CouldNotTell => format!(
            "{UNSURE}Could not tell{UNSURE:#} who holds {what}: nobody was found, but not everyone \
             could be looked at. That is not the same as nobody."
        ),
    };
    let mut out = paragraph(&text);
    for path in &answer.absent {
        if answer.asked.len() <= MOST_FILES {
            out.push_str(&paragraph(&format!("There is no {path}.")));
        }
    }
    out
}

fn may_hold(it: &Holder) -> bool {
    it.certainty == Certainty::Candidate
}

/// What one holder does in one way, to one or more files.
struct Row<'a> {
    holder: &'a Holder,
    files: Vec<&'a str>,
}

fn folded<'a>(holders: impl Iterator<Item = &'a Holder>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for it in holders {
        let process = |it: &Holder| it.process.as_ref().map(|it| (it.pid, it.began));
        let same = |row: &&mut Row<'_>| {
            process(row.holder).is_some()
                && process(row.holder) == process(it)
                && how(&row.holder.hold) == how(&it.hold)
                && row.holder.conflict == it.conflict
                && row.holder.certainty == it.certainty
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.files.push(&it.path),
            None => rows.push(Row { holder: it, files: vec![&it.path] }),
        }
    }
    rows
}

fn table(rows: &[Row<'_>], width: usize) -> String {
    let heads = ["Holder", "How", "Keeps others from", "Certainty"].map(str::to_owned);
    let cells: Vec<[String; 4]> = rows.iter().map(|it| cells(it.holder)).collect();
    let mut out = String::new();
    let is_wide = width >= TABLE_FROM;
    let columns = columns(&heads, &cells, width);
    if is_wide {
        line_of(&mut out, &heads, &columns, FAINT);
    }
    for (at, (row, cells)) in rows.iter().zip(&cells).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if is_wide {
            line_of(&mut out, cells, &columns, NAME);
        } else {
            let [holder, how, keeps, sure] = cells;
            out.push_str(&item("", "  ", &format!("{NAME}{holder}{NAME:#}")));
            out.push_str(&item("  ", "    ", &format!("{how}, {keeps}, {sure}")));
        }
        details(&mut out, row);
    }
    out
}

fn cells(it: &Holder) -> [String; 4] {
    let sure = match it.certainty {
        Certainty::Confirmed => "confirmed",
        Certainty::Likely => "likely",
        Certainty::Candidate => "possible",
    };
    [who(it), how(&it.hold), keeps_from(&it.conflict), sure.to_owned()]
}

/// The widest cell of each column, as far as the width allows: the third gives way first.
fn columns(heads: &[String; 4], cells: &[[String; 4]], width: usize) -> [usize; 4] {
    let all = || std::iter::once(heads).chain(cells);
    let mut widths = [0; 4];
    for (at, column) in widths.iter_mut().enumerate() {
        *column = all().map(|row| textwrap::core::display_width(&row[at])).max().unwrap_or(0);
    }
    let room = width.saturating_sub(GAP * (widths.len() - 1));
    for at in [2, 0, 1] {
        let too_much = widths.iter().sum::<usize>().saturating_sub(room);
        let least = room / widths.len();
        if widths[at] > least {
            widths[at] = widths[at].saturating_sub(too_much).max(least);
        }
    }
    widths
}

/// Cells side by side, each wrapped in its column; only the first of them is styled.
fn line_of(out: &mut String, cells: &[String; 4], widths: &[usize; 4], style: Style) {
    let wrapped: Vec<Vec<String>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let lines = textwrap::wrap(cell, whole_words((*width).max(1)));
            lines.into_iter().map(|line| line.into_owned()).collect()
        })
        .collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let is_head = style == FAINT;
    for line in 0..height {
        let mut text = String::new();
        let mut missing = 0;
        for (at, (cell, width)) in wrapped.iter().zip(widths).enumerate() {
            let words = cell.get(line).map_or("", String::as_str);
            if !words.is_empty() {
                text.push_str(&" ".repeat(missing));
                missing = 0;
                let styled = is_head || at == 0;
                let _ = match styled {
                    true => write!(text, "{style}{words}{style:#}"),
                    false => write!(text, "{words}"),
                };
            }
            missing += width.saturating_sub(textwrap::core::display_width(words)) + GAP;
        }
        out.push_str(&text);
        out.push('\n');
    }
}

fn details(out: &mut String, row: &Row<'_>) {
    const LABEL: usize = 11;
    let mut detail = |label: &str, text: &str| {
        let label = format!("  {label:<width$}", width = LABEL - 2);
        out.push_str(&item(&label, &" ".repeat(LABEL), text));
    };
    let it = row.holder;
    for file in row.files.iter().take(MOST_FILES) {
        detail("File", file);
    }
    if row.files.len() > MOST_FILES {
        detail("", &format!("and {} more", row.files.len() - MOST_FILES));
    }
    if let Some(asked) = it.asked.as_ref().filter(|it| !is_below(row.files[0], it)) {
        detail("Same as", asked);
    }
    if let Some(services) = services(&it.services) {
        detail("Service", &services);
    }
    if let Some(products) = products(&it.products) {
        detail("Product", &products);
    }
    if let Some(process) = &it.process {
        if let Some(signature) = &process.signature {
            detail("Signer", &signed_by(signature));
        }
        if let Some(user) = &process.user {
            detail("User", user);
        }
        if let Some(command) = process.command_line.as_ref().or(process.path.as_ref()) {
            detail("Started", command);
        }
    }
    let label = match it.handling.may_be_stopped {
        MayStop::Never => "Keep",
        _ => "To do",
    };
    detail(label, &it.handling.advice);
}

fn is_below(path: &str, folder: &str) -> bool {
    path.to_lowercase().starts_with(&format!("{}\\", folder.to_lowercase()))
}

fn who(it: &Holder) -> String {
    match (&it.process, &it.hold) {
        (Some(process), _) => format!("{} (process {})", process.image, process.pid),
        (None, Hold::Task { name }) => format!("task {name}"),
        (None, Hold::Filter { name, .. }) => format!("filter {name}"),
        (None, Hold::Transfer { name }) => format!("download {name}"),
        (None, _) => "somebody".to_owned(),
    }
}

fn how(hold: &Hold) -> String {
    match hold {
        Hold::Handle { .. } => "open".to_owned(),
        Hold::Image => "runs or has it loaded".to_owned(),
        Hold::Mapping => "mapped into memory".to_owned(),
        Hold::WorkingDirectory => "works in it".to_owned(),
        Hold::Hive { key } => format!("loaded as {key}"),
        Hold::Task { .. } => "would run it".to_owned(),
        Hold::Filter { .. } => "may hold it unseen".to_owned(),
        Hold::Transfer { .. } => "writes it".to_owned(),
        Hold::Use => "uses it".to_owned(),
    }
}

fn keeps_from(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Sharing { others_may_read, others_may_write, others_may_delete } => {
            let kept: Vec<&str> = [
                (others_may_read, "reading"),
                (others_may_write, "writing"),
                (others_may_delete, "deleting or renaming"),
            ]
            .into_iter()
            .filter_map(|(may, what)| (!may).then_some(what))
            .collect();
            match kept.as_slice() {
                [] => "something".to_owned(),
                [_, _, _] => "opening it at all".to_owned(),
                kept => kept.join(" and "),
            }
        }
        Conflict::ByteRange { ranges } => {
            let told: Vec<String> =
                ranges.iter().take(MOST_RANGES).map(|it| bytes(it.from, it.to)).collect();
            let more = match ranges.len().saturating_sub(MOST_RANGES) {
                0 => String::new(),
                more => format!(" and {more} more ranges"),
            };
            format!("bytes {}{more}, locked", told.join(", "))
        }
        Conflict::DeletePending => "opening it: it waits to be deleted".to_owned(),
        Conflict::MappedImage => "replacing it".to_owned(),
        Conflict::MappedData => "deleting it or cutting it short".to_owned(),
        Conflict::Oplock => "nothing once it is asked".to_owned(),
        Conflict::None => "nothing".to_owned(),
        Conflict::Unknown => "not known".to_owned(),
    }
}

/// With the last byte, as people count.
fn bytes(from: u64, to: u64) -> String {
    match to.saturating_sub(from) {
        0 | 1 => from.to_string(),
        _ if to >= i64::MAX as u64 => format!("{from} to the end"),
        _ => format!("{from} to {}", to - 1),
    }
}

fn services(all: &[Service]) -> Option<String> {
    const MOST: usize = 4;
    let named = |it: &Service| match &it.display_name {
        Some(shown) if !shown.eq_ignore_ascii_case(&it.name) => format!("{shown} ({})", it.name),
        _ => it.name.clone(),
    };
    let told: Vec<String> = all.iter().take(MOST).map(named).collect();
    let more = match all.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!all.is_empty()).then(|| format!("{}{more}", told.join(", ")))
}

fn products(all: &[ProductNamed]) -> Option<String> {
    match all {
        [] => None,
        [only] => Some(format!("{}, by {} ({})", only.name, only.vendor, only.kind)),
        all => {
            let names: Vec<&str> = all.iter().map(|it| it.name).collect();
            Some(format!("one of {}", names.join("; ")))
        }
    }
}

fn signed_by(signature: &Signature) -> String {
    let name = signature.signer.as_ref().map(|it| it.name.as_str());
    match (signature.standing, name) {
        (Standing::Trusted, Some(name)) => match &signature.signer {
            Some(it) if it.is_microsoft => format!("{name} (a program of Microsoft)"),
            _ => name.to_owned(),
        },
        (Standing::Trusted, None) => "somebody whom Windows trusts".to_owned(),
        (Standing::Untrusted, Some(name)) => {
            format!("{name}, it claims; Windows does not trust that")
        }
        (Standing::Untrusted, None) => "somebody whom Windows does not trust".to_owned(),
        (Standing::Unsigned, _) => "nobody".to_owned(),
        (Standing::Unknown, _) => match &signature.why {
            Some(why) => format!("not known: {why}"),
            None => "not known".to_owned(),
        },
    }
}

fn not_inspected(all: &[NotInspected]) -> String {
    let mut out = String::new();
    for it in all.iter().take(MOST_NOT_INSPECTED) {
        let services = match it.services.as_slice() {
            [] => String::new(),
            services => format!(", {}", services.join(", ")),
        };
        let protected = if it.is_protected == Some(true) { ", protected by Windows" } else { "" };
        let text = format!(
            "{} (process {}{services}{protected}): {}: {}",
            it.image, it.pid, it.what, it.why
        );
        out.push_str(&item("  ", "    ", &text));
    }
    let more = all.len().saturating_sub(MOST_NOT_INSPECTED);
    if more > 0 {
        out.push_str(&item("  ", "    ", &format!("and {more} more (--json lists them)")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_until_they_fit() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned);
        let heads = row(["Holder", "How", "Keeps others from", "Certainty"]);
        let narrow = row(["a.exe", "open", "reading", "likely"]);
        assert_eq!(columns(&heads, &[narrow], 80), [6, 4, 17, 9]);
        let long = "x ".repeat(60);
        let wide = row([&long, "runs or has it loaded", &long, "confirmed"]);
        for width in [60, 80, 100] {
            let widths = columns(&heads, std::slice::from_ref(&wide), width);
            assert!(widths.iter().sum::<usize>() + 3 * GAP <= width, "{width}: {widths:?}");
            let mut out = String::new();
            line_of(&mut out, &wide, &widths, Style::new());
            assert!(out.lines().all(|line| line.chars().count() <= width), "{out}");
        }
    }

    #[test]
    fn bytes_are_counted_with_the_last() {
        assert_eq!(bytes(0, 10), "0 to 9");
        assert_eq!(bytes(7, 8), "7");
        assert_eq!(bytes(5, i64::MAX as u64), "5 to the end");
    }

    #[test]
    fn the_clock_is_that_of_the_pc_where_it_is_known() {
        let at = Timestamp::from_second(1_767_355_200).unwrap();
        assert_eq!(clock(at, Some(90)), "13:30:00");
        assert_eq!(clock(at, None), "12:00:00Z");
    }
}
