//! Event logs: every event is one canonical line, with all its data.

use unwedge_formats::evtx::{self, CHUNK_BYTES, Event, FILE_HEAD_BYTES, FileHead, Wanted, events};
use unwedge_formats::log::{LogKind, event_values, head};

use crate::event_text::is_canonical;
use crate::gaps_lie_in;

/// An event log; the last chunk may end early.
pub fn event_log(bytes: &[u8]) {
    let parsed = events(bytes, &Wanted::everything());
    let chunks = bytes.len().saturating_sub(FILE_HEAD_BYTES).div_ceil(CHUNK_BYTES);
    let mut end = (FILE_HEAD_BYTES + chunks * CHUNK_BYTES) as u64;
    if let Ok(file) = FileHead::read(bytes) {
        end = end.max((FILE_HEAD_BYTES + usize::from(file.chunks) * CHUNK_BYTES) as u64);
    }
    gaps_lie_in(0..end, &parsed.gaps);
    let _ = (evtx::is_evtx(bytes), evtx::is_old_evt(bytes), evtx::first_time(bytes));
    parsed.items.iter().for_each(reads_back);
    if let Some(Event { provider, id, .. }) = parsed.items.last() {
        let mut wanted = Wanted::nothing();
        wanted.add(provider, *id..=*id);
        let chosen = events(bytes, &wanted).items;
        let whole = parsed.gaps.is_empty();
        assert!(chosen.iter().all(|event| wanted.wants(&event.provider, event.id)));
        assert!(!whole || !chosen.is_empty(), "{provider} {id} is there and was not chosen");
    }
    assert_eq!(events(bytes, &Wanted::nothing()).items, []);
}

/// The line of an event says what the event says.
fn reads_back(event: &Event) {
    let line = event.line();
    is_canonical(&line);
    let found = head(LogKind::Events, line.as_bytes()).expect("it was canonical");
    let text = &line[found.text_at..];
    assert!(text.starts_with(&format!("{} ", event.id)), "{line:?}");
    let told: Vec<_> = event_values(text).collect();
    assert_eq!(told.len(), event.data.len(), "{line:?} {:?}", event.data);
    for ((_, told), (_, value)) in told.iter().zip(&event.data) {
        let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\u{2028}' | '\u{2029}');
        assert!(!value.chars().all(is_plain) || told == value, "{told:?} for {value:?}");
    }
}
