//! `driverquery`: loaded and installed drivers, as a table or as comma-separated values.
//!
//! Columns differ between `/v`, `/si` and the plain form, and their headings are translated: the
//! first cell is the module (or the device), the second the name for people (or the INF), and a
//! cell that looks like a path is the path.

use super::{cells, column, foreign_line, is_ruler, numbered};
use crate::Parsed;

/// A driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// Module name; with `/si` the name of the device.
    pub name: String,
    /// Name for people; with `/si` the INF.
    pub display_name: String,
    /// Path of its file; empty where it is not printed.
    pub path: String,
    /// Whether it runs; only English tables say so in a known word.
    pub running: Option<bool>,
}

/// Modules that are on every Windows.
const EVERYWHERE: [&str; 8] =
    ["ACPI", "NDIS", "Ntfs", "disk", "tcpip", "volmgr", "partmgr", "mountmgr"];

/// More columns than any form of it has.
const MOST_COLUMNS: usize = 32;

/// Whether the text is such a list.
pub(super) fn is_list(head: &str) -> bool {
    let ruled = head.lines().any(|line| is_ruler(line, '='));
    let quoted = head.lines().filter(|line| line.starts_with('"')).take(2).count() == 2;
    if !ruled && !quoted {
        return false;
    }
    let parsed = drivers(head);
    let known = |driver: &&Driver| {
        EVERYWHERE.iter().any(|name| driver.name.eq_ignore_ascii_case(name))
            || driver.path.to_ascii_lowercase().ends_with(".sys")
            || driver.display_name.to_ascii_lowercase().ends_with(".inf")
    };
    parsed.items.iter().filter(known).take(2).count() == 2
}

/// Reads every row.
#[must_use]
pub fn drivers(text: &str) -> Parsed<Driver> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let ruler = text.lines().find(|line| is_ruler(line, '='));
    let columns: Vec<(usize, usize)> = ruler.map(groups).unwrap_or_default();
    let (mut begun, mut width) = (ruler.is_none(), 0);
    for (at, number, line) in numbered(text) {
        if is_ruler(line, '=') {
            begun = true;
            continue;
        }
        if !begun || line.trim().is_empty() {
            continue;
        }
        let row: Vec<String> = if ruler.is_some() {
            columns.iter().map(|&(from, to)| column(line, from, to).to_owned()).collect()
        } else if line.starts_with('"') {
            cells(line)
        } else {
            continue;
        };
        if width == 0 {
            width = row.len();
            // The first row of quoted cells holds the headings.
            if ruler.is_none() {
                continue;
            }
        }
        match driver(&row).filter(|_| row.len() == width) {
            Some(driver) => parsed.items.push(driver),
            None => parsed.gaps.push(foreign_line(at, line, number, "driver")),
        }
    }
    parsed
}

fn driver(row: &[String]) -> Option<Driver> {
    let [name, display_name, rest @ ..] = row else { return None };
    if name.is_empty() || rest.is_empty() {
        return None;
    }
    let is_path = |cell: &&String| cell.contains('\\') && cell.contains('.');
    let running = rest.iter().find_map(|cell| match cell.as_str() {
        "Running" => Some(true),
        "Stopped" => Some(false),
        _ => None,
    });
    Some(Driver {
        name: name.clone(),
        display_name: display_name.clone(),
        path: rest.iter().find(is_path).cloned().unwrap_or_default(),
        running,
    })
}

/// Where the groups of a ruler begin, and where the next begins.
fn groups(ruler: &str) -> Vec<(usize, usize)> {
    let mut starts = Vec::new();
    let mut before = ' ';
    for (at, sign) in ruler.chars().enumerate() {
        if before == ' ' && sign != ' ' && starts.len() < MOST_COLUMNS {
            starts.push(at);
        }
        before = sign;
    }
    let ends = starts.iter().copied().skip(1).chain([usize::MAX]);
    starts.iter().copied().zip(ends).collect()
}
