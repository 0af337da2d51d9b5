//! Text logs: records and gaps follow each other without a hole, whatever the kind.

use unwedge_formats::code::codes_in;
use unwedge_formats::log::{
    Decoder, Encoding, LogKind, Records, clean_string, count_lines, csi_sequence, csi_stamp, head,
    line_around, line_at, recognise, records, statement_of, structure, update_named, without_mark,
    zone_of,
};

/// CBS.log and dism.log.
pub fn servicing_log(bytes: &[u8]) {
    let log = decoded(bytes);
    let parsed = records(&log);
    assert_eq!(parsed.gaps.iter().filter(|gap| gap.at.end > log.len() as u64).count(), 0);
    lines(&log);
    for kind in [LogKind::Cbs, LogKind::Dism] {
        cover(kind, &log);
    }
}

/// Every other log; the kind that it is recognised as, or the one its last byte names.
pub fn text_log(bytes: &[u8]) {
    let log = decoded(bytes);
    let named = log.last().map(|last| LogKind::ALL[usize::from(*last) % LogKind::ALL.len()]);
    let known = recognise(&log);
    for kind in known.into_iter().chain(named.filter(|named| known != Some(*named))) {
        cover(kind, &log);
    }
}

/// The text as UTF-8, which is the same in whatever pieces it comes.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let encoding = Encoding::of(bytes);
    let Some(mut whole) = Decoder::new(encoding) else { return bytes.to_vec() };
    let mut log = Vec::new();
    whole.decode(bytes, &mut log);
    let mut pieces = Decoder::new(encoding).expect("it has to be decoded");
    let mut again = Vec::new();
    for piece in bytes.chunks(3) {
        pieces.decode(piece, &mut again);
    }
    assert_eq!(log, again);
    log
}

/// Lines follow each other without a hole, and each is found from within.
fn lines(log: &[u8]) {
    let (mut at, mut ends) = (0, 0);
    while at < log.len() {
        let (line, next) = line_at(log, at);
        assert!(at + line.len() <= next && at < next && next <= log.len());
        if !line.is_empty() {
            assert_eq!(line_around(log, at + line.len() / 2), (line, at, next));
        }
        ends += u64::from(next > at + line.len());
        at = next;
    }
    assert_eq!(count_lines(log), ends);
}

/// Records and gaps follow each other without a hole.
fn cover(kind: LogKind, log: &[u8]) {
    let (mut at, mut line) = (0, 1);
    for item in Records::of(kind, log, 1) {
        let (start, end, first_line) = match &item {
            Ok(record) => (record.at, record.end, record.line),
            Err(gap) => (gap.at.start as usize, gap.at.end as usize, gap.line),
        };
        assert_eq!((start, first_line), (at, line));
        assert!(end > start, "a record of nothing at {start}");
        statements(kind, &log[start..end]);
        line += count_lines(&log[start..end]);
        at = end;
    }
    assert_eq!(at, log.len());
}

/// What each line says.
fn statements(kind: LogKind, record: &[u8]) {
    let mut at = 0;
    while at < record.len() {
        let (line, next) = line_at(record, at);
        at = next;
        let line = String::from_utf8_lossy(without_mark(line));
        let (component, text) = match head(kind, line.as_bytes()) {
            Some(head) => {
                let text = line.get(head.text_at..).expect("the text lies in the line");
                (head.component, text)
            }
            None => (&b""[..], &*line),
        };
        let says = statement_of(kind, component, text).is_some()
            || update_named(kind, component, text).is_some();
        let literals = structure(kind);
        assert!(
            !says || literals.is_empty() || literals.iter().any(|it| line.contains(it)),
            "a line that is not searched for says something: {line}"
        );
        let zone = zone_of(kind, line.as_bytes());
        assert!(zone.is_none_or(|minutes| minutes.abs() <= 24 * 60), "{zone:?}: {line}");
        let _ = (csi_sequence(text.as_bytes()), csi_stamp(text.as_bytes()), clean_string(text));
        let mut behind = 0;
        for found in codes_in(text.as_bytes()) {
            assert!(behind <= found.at.start && found.at.start < found.at.end);
            assert!(found.at.end <= text.len());
            behind = found.at.end;
        }
    }
}
