//! The clock of one log: which offset from UTC holds for which record.
//!
//! Only some records of the servicing logs show the offset. When the clock is set to or from
//! summer time it makes a step, and the next record that shows the offset tells whether that was
//! the reason; the records between are held until then.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use unwedge_formats::log::LogKind;

use super::records::Record;

/// A step back of so many seconds, or forward of [`STEP_FORWARD_SECONDS`], may be a change of zone.
const STEP_BACK_SECONDS: i64 = 15 * 60;
const STEP_FORWARD_SECONDS: i64 = 30 * 60;
/// Records that are held at most, by number and by bytes.
const MOST_HELD: usize = 1_000;
const MOST_HELD_BYTES: usize = 1 << 20;

/// Takes the records of a log and gives them on with their offset.
#[derive(Debug)]
pub(super) struct Clock {
    offset_minutes: Option<i32>,
    /// Whether all but a few records leave the offset out.
    is_seldom_shown: bool,
    local_seconds: Option<i64>,
    held: VecDeque<Record>,
    held_bytes: usize,
    /// The step that began the holding went back.
    went_back: bool,
}

/// What a record is given to, with its offset from UTC in minutes.
pub(super) type Take<'t> = &'t mut dyn FnMut(Record, Option<i32>) -> ControlFlow<()>;

impl Clock {
    /// Begins a log; `offset_minutes` holds before the first record that shows one.
    pub(super) fn new(kind: LogKind, offset_minutes: Option<i32>) -> Self {
        Clock {
            offset_minutes,
            is_seldom_shown: is_seldom_shown(kind),
            local_seconds: None,
            held: VecDeque::new(),
            held_bytes: 0,
            went_back: false,
        }
    }

    /// Takes the next record.
    pub(super) fn record(&mut self, record: Record, take: Take<'_>) -> ControlFlow<()> {
        let now = record.head.as_ref().map(|head| head.time.as_seconds());
        let step = now.zip(self.local_seconds).map_or(0, |(now, before)| now - before);
        self.local_seconds = now.or(self.local_seconds);
        let went_back = step <= -STEP_BACK_SECONDS;
        let is_step = self.is_seldom_shown && (went_back || step >= STEP_FORWARD_SECONDS);
        // The later of two steps forward is the likelier one; a step back is unmistakable.
        if is_step && (went_back || !self.went_back) {
            self.release(take)?;
            self.went_back = went_back;
        }
        if let Some(offset) = record.offset_minutes {
            self.offset_minutes = Some(offset);
            self.release(take)?;
            return take(record, Some(offset));
        }
        let is_full = self.held.len() >= MOST_HELD || self.held_bytes >= MOST_HELD_BYTES;
        if is_full {
            self.release(take)?;
        }
        if (is_step || !self.held.is_empty()) && !is_full {
            self.held_bytes += record.text.len();
            self.held.push_back(record);
            return ControlFlow::Continue(());
        }
        take(record, self.offset_minutes)
    }

    /// The log ended.
    pub(super) fn end(&mut self, take: Take<'_>) -> ControlFlow<()> {
        self.release(take)
    }

    fn release(&mut self, take: Take<'_>) -> ControlFlow<()> {
        (self.held_bytes, self.went_back) = (0, false);
        self.held.drain(..).try_for_each(|record| take(record, self.offset_minutes))
    }
}

/// Whether few records of such a log show the offset, and the first that does may stand anywhere.
pub(super) fn is_seldom_shown(kind: LogKind) -> bool {
    matches!(kind, LogKind::Cbs | LogKind::Dism | LogKind::Setup)
}
