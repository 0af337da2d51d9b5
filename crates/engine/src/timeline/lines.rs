//! The lines of one log, in their order.

use std::io;
use std::ops::ControlFlow;

use unwedge_formats::log::line_at;
use unwedge_host::Host;

use crate::evidence::{LONGEST_LINE_BYTES, Log, Text};

/// Bytes read at a time: small, because many logs may be open side by side.
const BLOCK_BYTES: usize = 64 << 10;

/// A line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// All of it, without its end.
    Whole(&'l [u8]),
    /// It has more than [`LONGEST_LINE_BYTES`] and was passed over.
    TooLong,
}

/// Hands each line of `log` to `visit` with its number, counted from 1, until that breaks.
///
/// # Errors
/// When the log cannot be opened or read on; what was read before is handed over all the same.
pub(super) fn lines_of(
    host: &dyn Host,
    log: &Log,
    visit: &mut dyn FnMut(u64, Line<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    log.read_lines(host, |reader| lines(Text::new(reader), BLOCK_BYTES, visit))?
}

fn lines(
    mut text: Text<'_>,
    block_bytes: usize,
    visit: &mut dyn FnMut(u64, Line<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(block_bytes);
    let (mut number, mut skipping) = (0, false);
    loop {
        let read = text.read(block_bytes, &mut buffer);
        let ended = !matches!(read, Ok(1..));
        let mut at = 0;
        while at < buffer.len() {
            let (line, next) = line_at(&buffer, at);
            // A CR at the very end may be half of a CR LF.
            let sure = match buffer.get(at + line.len()) {
                None => ended,
                Some(b'\r') => ended || next < buffer.len() || buffer[next - 1] == b'\n',
                Some(_) => true,
            };
            if !sure {
                break;
            }
            number += 1;
            // The end of a line that was passed over is no line.
            if !std::mem::take(&mut skipping) && visit(number, Line::Whole(line)).is_break() {
                return Ok(());
            }
            at = next;
        }
        buffer.drain(..at);
        if !skipping && buffer.len() > LONGEST_LINE_BYTES {
            skipping = true;
            if visit(number + 1, Line::TooLong).is_break() {
                return Ok(());
            }
        }
        if skipping {
            let half = buffer.last() == Some(&b'\r');
            buffer.clear();
            buffer.extend(half.then_some(b'\r'));
        }
        if ended {
            return read.map(drop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], block_bytes: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut reader, mut found) = (bytes, Vec::new());
        lines(Text::new(&mut reader), block_bytes, &mut |number, line| {
            found.push((
                number,
                match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong => None,
                },
            ));
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_counted() {
        let text = [b"one\r\n".as_slice(), &[b'x'; 3 << 20], b"\r\nthree"].concat();
        let found = read(&text, 1000);
        let expected = vec![(1, Some(b"one".to_vec())), (2, None), (3, Some(b"three".to_vec()))];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn where_a_block_ends_does_not_show(
            text in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x')], 64..300),
            block_bytes in 64_usize..90,
        ) {
            prop_assert_eq!(read(&text, block_bytes), read(&text, 1 << 20));
        }
    }
}
