//! Puts the lines of one log together to records: a head and the lines that continue it.

use unwedge_formats::log::{Level, LocalTime, LogKind, head, without_mark, zone_of};

use super::stamp::{Fraction, clock_in};
use crate::evidence::offset_in;

/// Of one record at most so many bytes are kept; the rest is passed over.
const MOST_TEXT_BYTES: usize = 64 << 10;

/// One record of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Number of its first line.
    pub(super) line: u64,
    /// What stands before the text; `None` for lines before the first head of a log.
    pub(super) head: Option<Head>,
    /// The text and the lines that continue it, with `\n` between.
    pub(super) text: Vec<u8>,
    /// Offset from UTC in minutes, when one of its lines shows it.
    pub(super) offset_minutes: Option<i32>,
}

/// What stands before the text of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// When, as the log writes it.
    pub(super) time: LocalTime,
    /// Decimals of the second.
    pub(super) fraction: Fraction,
    /// How loud.
    pub(super) level: Level,
    /// Who wrote it; may be empty.
    pub(super) component: Vec<u8>,
}

/// Reads the records of one log, line by line.
#[derive(Debug)]
pub(super) struct Records {
    kind: LogKind,
    open: Option<Record>,
}

impl Records {
    pub(super) fn new(kind: LogKind) -> Self {
        Records { kind, open: None }
    }

    /// Takes the next line; gives the record before it, when this line begins another.
    pub(super) fn line(&mut self, number: u64, line: &[u8]) -> Option<Record> {
        let line = without_mark(line);
        let Some(header) = head(self.kind, line) else {
            self.continuation(number, line);
            return None;
        };
        let clock = clock_in(&line[..header.text_at.min(line.len())]);
        let record = Record {
            line: number,
            head: Some(Head {
                time: header.time,
                fraction: clock.fraction,
                level: header.level,
                component: header.component.to_vec(),
            }),
            text: line.get(header.text_at..).unwrap_or(b"").to_vec(),
            offset_minutes: clock.offset_minutes.or_else(|| self.offset(line)),
        };
        self.open.replace(record).map(trimmed)
    }

    /// The log ended; gives its last record.
    pub(super) fn end(&mut self) -> Option<Record> {
        self.open.take().map(trimmed)
    }

    fn continuation(&mut self, number: u64, line: &[u8]) {
        let offset_minutes = self.offset(line);
        let Some(open) = &mut self.open else {
            if !line.trim_ascii().is_empty() {
                let text = line[..line.len().min(MOST_TEXT_BYTES)].to_vec();
                self.open = Some(Record { line: number, head: None, text, offset_minutes });
            }
            return;
        };
        open.offset_minutes = open.offset_minutes.or(offset_minutes);
        let room = MOST_TEXT_BYTES.saturating_sub(open.text.len());
        match room {
            0 => {}
            _ if line.len() < room => {
                open.text.push(b'\n');
                open.text.extend_from_slice(line);
            }
            _ => {
                open.text.extend_from_slice("\n…".as_bytes());
                open.text.resize(MOST_TEXT_BYTES.max(open.text.len()), b' ');
            }
        }
    }

    /// The offset from UTC in minutes that a line shows.
    pub(super) fn offset(&self, line: &[u8]) -> Option<i32> {
        match self.kind {
            // Only a dated CSI record shows it, and few are.
            LogKind::Cbs | LogKind::Dism => {
                memchr::memmem::find(line, b"@20").and_then(|_| offset_in(line))
            }
            kind => zone_of(kind, line),
        }
    }
}

/// Without the empty lines that CSI writes behind its records.
fn trimmed(mut record: Record) -> Record {
    record.text.truncate(record.text.trim_ascii_end().len());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_no_record_belong_to_the_one_before() {
        let mut records = Records::new(LogKind::Cbs);
        let log: [&[u8]; 5] = [
            b"a banner",
            b"2026-01-02 10:00:00, Info                  CSI    00000001@2026/1/2:09:00:00.000 x",
            b"  Expected: 1",
            b"",
            b"2026-01-02 10:00:01, Error                 CBS    y",
        ];
        let mut found = Vec::new();
        for (number, line) in (1..).zip(log) {
            found.extend(records.line(number, line));
        }
        found.extend(records.end());
        let told: Vec<(u64, &[u8])> = found.iter().map(|it| (it.line, &it.text[..])).collect();
        assert_eq!(told[0], (1, &b"a banner"[..]));
        assert_eq!(told[1], (2, &b"00000001@2026/1/2:09:00:00.000 x\n  Expected: 1"[..]));
        assert_eq!(told[2], (5, &b"y"[..]));
        assert_eq!(found[1].offset_minutes, Some(60));
        assert_eq!(found[2].head.as_ref().map(|head| head.level), Some(Level::Error));
    }

    #[test]
    fn an_endless_record_is_cut() {
        let mut records = Records::new(LogKind::Cbs);
        for number in 1..20_000 {
            records.line(number, b"0123456789 0123456789");
        }
        let text = records.end().unwrap().text;
        assert!(text.len() < MOST_TEXT_BYTES && text.ends_with("…".as_bytes()));
    }
}
