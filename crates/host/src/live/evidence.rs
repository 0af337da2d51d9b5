//! The logs of this PC: what lies where Windows keeps them.

use super::file::{Files, is_elsewhere, is_folder, modified};
use crate::log_place::{LOG_PLACES, LogPlace};
use crate::{Evidence, WinPath};

/// More files than this are not looked at.
const MOST_FILES: usize = 50_000;

/// Every log, in the order of its name. A folder that is not there holds none; one that may not be
/// listed stands for itself, so that opening it tells why.
pub(super) fn list(files: &Files) -> Vec<Evidence> {
    let drive = files.windows.get(..2).unwrap_or("C:");
    let mut found = Vec::new();
    for place in LOG_PLACES {
        walk(files, &place, place.folder_on(drive), &mut found);
    }
    found.sort_by_cached_key(|it: &Evidence| it.source.to_lowercase());
    found.dedup_by(|a, b| a.source.eq_ignore_ascii_case(&b.source));
    found
}

fn walk(files: &Files, place: &LogPlace, root: WinPath, found: &mut Vec<Evidence>) {
    let mut open = vec![(root, 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = match files.found_in(&folder) {
            Ok(Some(entries)) => entries,
            Ok(None) => continue,
            Err(_) => {
                let source = folder.to_string();
                found.push(Evidence { source, size_bytes: 0, modified: None });
                continue;
            }
        };
        for entry in entries {
            let path = folder.join(&entry.name);
            // A link may lead anywhere, also around in a circle.
            if entry.data.file_type().is_symlink() {
                continue;
            }
            if is_folder(&entry.data) {
                if depth < place.depth && !is_elsewhere(&entry.data) {
                    open.push((path, depth + 1));
                }
            } else if place.wants(&entry.name) && found.len() < MOST_FILES {
                found.push(Evidence {
                    source: path.to_string(),
                    size_bytes: entry.data.len(),
                    modified: modified(&entry.data),
                });
            }
        }
    }
}
