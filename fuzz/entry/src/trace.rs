//! Event traces: lines in the order of their time, and a log that can be read as one.

use unwedge_formats::etl::{Zone, decode, is_etl};
use unwedge_formats::log::{LogKind, head};

use crate::gaps_lie_in;

/// A trace of Windows Update.
pub fn trace(bytes: &[u8]) {
    let trace = decode(bytes);
    // A gap tells of a whole buffer, of which less may be there.
    gaps_lie_in(0..u64::MAX, &trace.gaps);
    assert!(trace.gaps.iter().all(|gap| gap.at.start <= bytes.len() as u64));
    assert!(is_etl(bytes) || trace.events() == 0);
    assert!(trace.lines.is_sorted_by_key(|line| line.time));
    for zone in [&trace.session.zone, &Zone::UTC] {
        let log = trace.to_log(zone);
        let log = str::from_utf8(&log).expect("the log is text");
        assert!(log.is_empty() || log.ends_with('\n'));
        let heads =
            log.split('\n').filter(|line| head(LogKind::WindowsUpdate, line.as_bytes()).is_some());
        // Components are the names of programs; a text may hold what looks like a head.
        let is_named = |component: &[u8]| component.first().is_none_or(u8::is_ascii_alphabetic);
        let named = trace.lines.iter().filter(|line| is_named(line.component));
        assert!(heads.count() >= named.count(), "{log}");
    }
}
