//! Events as text by other programs: each becomes one canonical line, or a gap.

use unwedge_formats::log::{LogKind, event_lines, event_values, head, statement_of};

use crate::gaps_lie_in;

/// What `wevtutil`, PowerShell and Event Viewer write.
pub fn event_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = event_lines(&text);
    gaps_lie_in(0..text.len() as u64, &parsed.gaps);
    let is_blank = text.trim_matches(['\u{feff}', '\0']).trim().is_empty();
    assert!(is_blank || !(parsed.items.is_empty() && parsed.gaps.is_empty()), "said nothing");
    for item in &parsed.items {
        is_canonical(&item.text);
    }
}

/// One line whose head can be read.
#[track_caller]
pub(crate) fn is_canonical(line: &str) {
    assert!(!line.contains(['\n', '\r', '\0']), "{line:?} is more than a line");
    let found = head(LogKind::Events, line.as_bytes());
    let found = found.unwrap_or_else(|| panic!("no head: {line:?}"));
    let text = line.get(found.text_at..).expect("the text lies in the line");
    assert!(text.starts_with(|first: char| first.is_ascii_digit()), "{line:?}");
    let _ = statement_of(LogKind::Events, found.component, text);
    assert!(event_values(text).all(|(name, _)| !name.contains(['"', ' '])), "{line:?}");
}
