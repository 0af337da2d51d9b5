//! What is in a bundle, in plain words.

use std::path::Path;

use unwedge_engine::collect::Manifest;

use super::{counted, heading, item, paragraph};

/// At most so many files that are left out are named.
const MOST_NAMED: usize = 10;

/// What was put into the bundle, what was not, and what that means.
pub(crate) fn text(manifest: &Manifest, output: &Path) -> String {
    let bytes: u64 = manifest.files.iter().map(|file| file.size_bytes).sum();
    let private = match manifest.redacted {
        true => {
            "Private values were replaced, and a check found none left. Look through it before \
                 you give it away all the same: no program knows all that is private."
        }
        false => "Nothing was replaced: it holds names of people and PCs. --redact takes them out.",
    };
    let mut out = paragraph(&format!(
        "{}: {} of evidence, {} before compression. {private}",
        output.display(),
        counted(manifest.files.len() as u64, "file"),
        told(bytes),
    ));
    let parts = manifest.files.iter().filter(|file| file.skipped_bytes.is_some());
    for file in parts {
        let skipped = told(file.skipped_bytes.unwrap_or_default());
        out += &item("  - ", "    ", &format!("{}: without its first {skipped}", file.path));
    }
    let broken = manifest.files.iter().filter_map(|file| Some((file, file.broken.as_ref()?)));
    for (file, why) in broken {
        out += &item("  - ", "    ", &format!("{}: not all of it, {why}", file.path));
    }
    if !manifest.left_out.is_empty() {
        out += &format!("\n{}", heading("Left out"));
        for left in manifest.left_out.iter().take(MOST_NAMED) {
            out += &item("  - ", "    ", &format!("{}: {}", left.source, left.why));
        }
        let more = manifest.left_out.len().saturating_sub(MOST_NAMED) + manifest.left_out_more;
        if more > 0 {
            out += &item("  - ", "    ", &format!("{more} more; manifest.json lists them"));
        }
    }
    let missing: Vec<&str> =
        manifest.coverage.iter().filter_map(|coverage| coverage.without_it).collect();
    if !missing.is_empty() {
        out += &format!("\n{}", heading("Not in the evidence"));
        for without_it in missing {
            out += &item("  - ", "    ", without_it);
        }
    }
    out
}

fn told(bytes: u64) -> String {
    match bytes {
        0..10_000 => counted(bytes, "byte"),
        10_000..10_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
