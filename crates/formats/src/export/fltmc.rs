//! `fltmc`: which file system filters stand in the way of every file, and at which altitude.
//!
//! ```text
//! WdFilter                                9       328010         0
//! avlegacy                                                    <Legacy>
//! WdFilter   C:   328010   WdFilter Instance   0   0000000f
//! C:         \Device\HarddiskVolume3           NTFS
//! ```

use super::{ExportKind, foreign_line, is_ruler, numbered};
use crate::Parsed;

/// A loaded filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Its name, mostly that of its service.
    pub name: String,
    /// On how many volumes it looks; unknown of legacy filters.
    pub instances: Option<u32>,
    /// Its place among filters, such as `328010` or `385250.5`.
    pub altitude: Option<String>,
    /// Whether it is a legacy filter, which attaches to the file system by itself.
    pub legacy: bool,
}

/// One filter on one volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterInstance {
    /// Name of the filter.
    pub filter: String,
    /// Volume, such as `C:` or `\Device\Mup`; empty where there is none.
    pub volume: String,
    /// Its place among filters.
    pub altitude: String,
    /// Name of the instance.
    pub name: String,
}

/// A volume the filter manager knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterVolume {
    /// Drive letter or mount point; empty where there is none.
    pub dos_name: String,
    /// Such as `\Device\HarddiskVolume3`.
    pub device: String,
    /// Such as `NTFS`.
    pub file_system: String,
}

/// Reads `fltmc filters`.
#[must_use]
pub fn filters(text: &str) -> Parsed<Filter> {
    rows(text, filter)
}

/// Reads `fltmc instances`.
#[must_use]
pub fn instances(text: &str) -> Parsed<FilterInstance> {
    rows(text, instance)
}

/// Reads `fltmc volumes`.
#[must_use]
pub fn volumes(text: &str) -> Parsed<FilterVolume> {
    rows(text, volume)
}

/// Which table of `fltmc` a file holds, by the first row behind its headings.
pub(super) fn kind_of(head: &str) -> Option<ExportKind> {
    let mut lines = head.lines().skip_while(|line| !is_ruler(line, '-'));
    lines.next()?;
    let row = lines.find(|line| !line.trim().is_empty())?;
    if instance(row).is_some() {
        Some(ExportKind::FilterInstances)
    } else if filter(row).is_some() {
        Some(ExportKind::Filters)
    } else {
        volume(row).map(|_| ExportKind::FilterVolumes)
    }
}

/// Reads the rows behind the headings, up to the first empty line; without headings all lines.
fn rows<T>(text: &str, read: fn(&str) -> Option<T>) -> Parsed<T> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let ruled = text.lines().any(|line| is_ruler(line, '-'));
    let mut begun = !ruled;
    for (at, number, line) in numbered(text) {
        if is_ruler(line, '-') {
            begun = true;
            continue;
        }
        if !begun || line.trim().is_empty() {
            begun &= parsed.items.is_empty() || !ruled;
            continue;
        }
        match read(line) {
            Some(item) => parsed.items.push(item),
            None => parsed.gaps.push(foreign_line(at, line, number, "row of fltmc")),
        }
    }
    parsed
}

fn filter(line: &str) -> Option<Filter> {
    let words: Vec<&str> = line.split_whitespace().take(6).collect();
    let (name, instances, altitude, frame) = match words[..] {
        [name, instances, altitude, frame] => (name, Some(instances), Some(altitude), frame),
        [name, altitude, frame] if frame.starts_with('<') => (name, None, Some(altitude), frame),
        [name, frame] if frame.starts_with('<') => (name, None, None, frame),
        _ => return None,
    };
    let legacy = frame.starts_with('<');
    if !legacy && frame.parse::<u32>().is_err() {
        return None;
    }
    let instances = match instances {
        Some(count) => Some(count.parse().ok()?),
        None => None,
    };
    if altitude.is_some_and(|altitude| !is_altitude(altitude)) {
        return None;
    }
    Some(Filter { name: name.to_owned(), instances, altitude: altitude.map(str::to_owned), legacy })
}

fn instance(line: &str) -> Option<FilterInstance> {
    let words: Vec<&str> = line.split_whitespace().take(24).collect();
    let altitude = words.iter().skip(1).position(|word| is_altitude(word))? + 1;
    let features = words
        .iter()
        .rposition(|word| word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()))?;
    // Between them stand the name of the instance and the number of its frame.
    let name = words.get(altitude + 1..features.checked_sub(1)?)?;
    words[features - 1].parse::<u32>().ok()?;
    Some(FilterInstance {
        filter: words[0].to_owned(),
        volume: words[1..altitude].join(" "),
        altitude: words[altitude].to_owned(),
        name: name.join(" "),
    })
}

fn volume(line: &str) -> Option<FilterVolume> {
    let at = line.find(r"\Device\")?;
    let rest = &line[at..];
    let length = rest.find("  ").or_else(|| rest.find(' ')).unwrap_or(rest.len());
    let file_system = rest[length..].split_whitespace().next()?;
    Some(FilterVolume {
        dos_name: line[..at].trim().to_owned(),
        device: rest[..length].trim().to_owned(),
        file_system: file_system.to_owned(),
    })
}

/// Altitudes are decimal numbers from 20000 to 429999, with a part behind a point for some.
fn is_altitude(word: &str) -> bool {
    let (whole, part) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (5..=6).contains(&whole.len()) && digits(whole) && digits(part)
}
