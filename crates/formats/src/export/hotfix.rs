//! `Get-HotFix` and `wmic qfe`: which updates of the operating system are installed.
//!
//! The names of the columns are those of the class `Win32_QuickFixEngineering` and are not
//! translated; dates are in the order of the PC's language and are handed on as they are.

use super::{cells, column, foreign_line, numbered};
use crate::Parsed;

/// An installed update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hotfix {
    /// Such as `KB5034441`.
    pub id: String,
    /// Such as `Security Update`, in the language of the PC.
    pub description: String,
    /// Who installed it.
    pub installed_by: String,
    /// When, as printed.
    pub installed_on: String,
}

/// Name of the column that every form has.
const ID: &str = "HotFixID";
/// More columns than the class has.
const MOST_COLUMNS: usize = 32;

/// Whether the text is such a list.
pub(super) fn is_list(head: &str) -> bool {
    head.contains(ID) && head.split(|c: char| !c.is_ascii_alphanumeric()).any(is_kb)
}

/// Reads every update, from a table, a list (`HotFixID : KB…`, `HotFixID=KB…`) or values divided by
/// commas.
#[must_use]
pub fn hotfixes(text: &str) -> Parsed<Hotfix> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut heading = None;
    let mut listed = Hotfix::default();
    for (at, number, line) in numbered(text) {
        if let Some((name, value)) = property(line) {
            if assigned(&mut listed, name, value) {
                parsed.items.push(std::mem::take(&mut listed));
            }
            continue;
        }
        if line.trim().is_empty() {
            close(&mut listed, &mut parsed.items);
            continue;
        }
        if line.contains(ID) {
            heading = Some(Heading::new(line));
            continue;
        }
        let Some(heading) = &heading else { continue };
        if line.chars().all(|c| c == '-' || c == ' ') {
            continue;
        }
        let hotfix = heading.read(line);
        if is_kb(&hotfix.id) || hotfix.id.starts_with("File ") {
            parsed.items.push(hotfix);
        } else {
            parsed.gaps.push(foreign_line(at, line, number, "installed update"));
        }
    }
    close(&mut listed, &mut parsed.items);
    parsed
}

fn close(listed: &mut Hotfix, items: &mut Vec<Hotfix>) {
    let done = std::mem::take(listed);
    if is_kb(&done.id) {
        items.push(done);
    }
}

/// The columns of a table, by the line of their names.
enum Heading {
    /// Names with the columns of characters they begin at and end before.
    Columns(Vec<(String, usize, usize)>),
    /// Names divided by commas.
    Commas(Vec<String>),
}

impl Heading {
    fn new(line: &str) -> Heading {
        if line.contains(',') {
            return Heading::Commas(cells(line));
        }
        let mut names: Vec<(String, usize, usize)> = Vec::new();
        let mut before = ' ';
        for (at, letter) in line.chars().enumerate() {
            if letter != ' ' && before == ' ' && names.len() < MOST_COLUMNS {
                if let Some(last) = names.last_mut() {
                    last.2 = at;
                }
                names.push((String::new(), at, usize::MAX));
            }
            if letter != ' '
                && let Some(last) = names.last_mut()
            {
                last.0.push(letter);
            }
            before = letter;
        }
        Heading::Columns(names)
    }

    fn read(&self, line: &str) -> Hotfix {
        let mut hotfix = Hotfix::default();
        match self {
            Heading::Columns(columns) => {
                for (name, from, to) in columns {
                    set(&mut hotfix, name, column(line, *from, *to));
                }
            }
            Heading::Commas(names) => {
                for (name, cell) in names.iter().zip(cells(line)) {
                    set(&mut hotfix, name, &cell);
                }
            }
        }
        hotfix
    }
}

/// `HotFixID : KB5034441` of `Format-List`, `HotFixID=KB5034441` of wmic.
fn property(line: &str) -> Option<(&str, &str)> {
    let at = line.find(['=', ':'])?;
    let name = line[..at].trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| (name, line[at + 1..].trim()))
}

/// Sets a property of the list; tells when the update before it is complete.
fn assigned(listed: &mut Hotfix, name: &str, value: &str) -> bool {
    let complete = name == "Source" && is_kb(&listed.id);
    if !complete {
        set(listed, name, value);
    }
    complete
}

fn set(hotfix: &mut Hotfix, name: &str, value: &str) {
    let slot = match name {
        ID => &mut hotfix.id,
        "Description" => &mut hotfix.description,
        "InstalledBy" => &mut hotfix.installed_by,
        "InstalledOn" => &mut hotfix.installed_on,
        _ => return,
    };
    value.clone_into(slot);
}

fn is_kb(word: &str) -> bool {
    let number = word.strip_prefix("KB");
    number.is_some_and(|n| (6..=8).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
}
