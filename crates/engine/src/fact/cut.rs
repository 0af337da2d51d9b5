//! Cuts a file to blocks of whole lines.
//!
//! Nothing here depends on what was found before, so it can run ahead of the reading.

use unwedge_formats::log::{csi_sequence, header, line_around, without_mark};

use crate::evidence::{LONGEST_LINE_BYTES, Text};

/// Bytes of a log in which the numbers of CSI records are looked at.
const NUMBERED_BYTES: usize = 1 << 20;

/// A part of a file, in the order of the file.
#[derive(Debug)]
pub(super) enum Piece {
    /// Whole lines (but for the last of a file).
    Block(Vec<u8>),
    /// Something that is not as it should be.
    Fault(Fault),
}

/// What is not as it should be in a file.
#[derive(Debug)]
pub(super) enum Fault {
    /// A line of more than [`LONGEST_LINE_BYTES`], left out.
    LineTooLong,
    /// The next block ends in the middle of the head of a record.
    HalfWritten,
    /// Reading stopped here, for this reason.
    Broken(String),
}

/// What is known of a file when it was cut.
#[derive(Debug)]
pub(super) struct End {
    /// Bytes after decoding.
    pub(super) size_bytes: u64,
    /// How often the numbers of CSI records jumped in its head.
    pub(super) jumps: usize,
}

/// Cuts files.
#[derive(Debug)]
pub(super) struct Cutter {
    block_bytes: usize,
    numbers: Numbers,
    size_bytes: u64,
}

impl Cutter {
    pub(super) fn new(block_bytes: usize) -> Self {
        Cutter { block_bytes, numbers: Numbers::default(), size_bytes: 0 }
    }

    /// Hands the pieces of `text` to `take`, which may give a used buffer back.
    ///
    /// Where a block ends must not show in what is found.
    pub(super) fn cut(
        mut self,
        mut text: Text<'_>,
        take: &mut dyn FnMut(Piece) -> Option<Vec<u8>>,
    ) -> End {
        let mut buffer = Vec::with_capacity(self.block_bytes);
        let mut skipping = false;
        let broken = loop {
            let kept = buffer.len();
            // A line is as long as it is, wherever a block ends in it.
            let most = self.block_bytes.min(LONGEST_LINE_BYTES + 1 - kept);
            let read = text.read(most, &mut buffer);
            self.size_bytes += (buffer.len() - kept) as u64;
            match read {
                Ok(0) => break None,
                Ok(_) => {}
                Err(why) => break Some(why),
            }
            let mut from = kept;
            if skipping {
                let Some(next) = behind_line(&buffer) else {
                    keep_return(&mut buffer);
                    continue;
                };
                buffer.drain(..next);
                (skipping, from) = (false, 0);
            }
            let end = whole_lines(&buffer, from);
            if end > 0 {
                buffer = self.block(buffer, end, take);
            } else if buffer.len() > LONGEST_LINE_BYTES {
                take(Piece::Fault(Fault::LineTooLong));
                keep_return(&mut buffer);
                skipping = true;
            }
        };
        if !skipping {
            if broken.is_none() && is_half_written(&buffer) {
                let line = memchr::memrchr2(b'\n', b'\r', &buffer).map_or(0, |at| at + 1);
                buffer = self.block(buffer, line, take);
                take(Piece::Fault(Fault::HalfWritten));
            }
            let end = buffer.len();
            self.block(buffer, end, take);
        }
        if let Some(why) = broken {
            take(Piece::Fault(Fault::Broken(why.to_string())));
        }
        End { size_bytes: self.size_bytes, jumps: self.numbers.jumps }
    }

    /// Hands the first `end` bytes of `buffer` over; gives a buffer with the rest.
    fn block(
        &mut self,
        mut buffer: Vec<u8>,
        end: usize,
        take: &mut dyn FnMut(Piece) -> Option<Vec<u8>>,
    ) -> Vec<u8> {
        let rest = buffer.split_off(end);
        self.numbers.watch(&buffer);
        let mut next = take(Piece::Block(buffer)).unwrap_or_default();
        next.clear();
        next.extend_from_slice(&rest);
        next
    }
}

/// The offset behind the last line of `buffer` that surely ended; nothing before `from` did.
fn whole_lines(buffer: &[u8], from: usize) -> usize {
    if let Some(feed) = memchr::memrchr(b'\n', &buffer[from..]) {
        return from + feed + 1;
    }
    // Files whose lines end with lone CRs are read all the same. A CR at the very end may be half
    // of a CR LF.
    let from = from.saturating_sub(1);
    let sure = &buffer[from..buffer.len().saturating_sub(1).max(from)];
    memchr::memrchr(b'\r', sure).map_or(0, |at| from + at + 1)
}

/// The offset behind the first line of `buffer`, if that surely ended.
fn behind_line(buffer: &[u8]) -> Option<usize> {
    let at = memchr::memchr2(b'\n', b'\r', buffer)?;
    match buffer[at..] {
        [b'\r'] => None,
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => Some(at + 1),
    }
}

/// Empties `buffer` but for a CR at its end, which is half of a line end or a whole one.
fn keep_return(buffer: &mut Vec<u8>) {
    let ended = buffer.last() == Some(&b'\r');
    buffer.clear();
    if ended {
        buffer.push(b'\r');
    }
}

/// The last line of a log that is being written may end in the middle of its head.
fn is_half_written(buffer: &[u8]) -> bool {
    let last = memchr::memrchr2(b'\n', b'\r', buffer).map_or(buffer, |i| &buffer[i + 1..]);
    let dated = last.len() < 44 && last.len() >= 2 && last.starts_with(b"20");
    dated && header(last).is_none()
}

/// The numbers of the CSI records in the head of a file.
///
/// They tell when records are missing between others: what is not there cannot be called healthy.
#[derive(Debug, Default)]
struct Numbers {
    watched_bytes: usize,
    previous: Option<u32>,
    jumps: usize,
}

impl Numbers {
    fn watch(&mut self, block: &[u8]) {
        let rest = NUMBERED_BYTES - self.watched_bytes;
        let head = &block[..block.len().min(rest)];
        self.watched_bytes += head.len();
        for at in memchr::memmem::find_iter(head, b" CSI ") {
            let line = without_mark(line_around(block, at).0);
            let Some(head) = header(line).filter(|head| head.component == b"CSI") else { continue };
            let Some(number) = csi_sequence(&line[head.text_at..]) else { continue };
            if self.previous.is_some_and(|previous| number > previous.saturating_add(1)) {
                self.jumps += 1;
            }
            self.previous = Some(number);
        }
    }
}
