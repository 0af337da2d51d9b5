//! Many traces as one log: decoded on all cores, merged by time.
//!
//! A trace is opened when the log has come to its start, and let go when its last line is written,
//! so that memory holds those that overlap and the few that are decoded ahead.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::source::{Clock, Decoded, Sources, decoded};
use super::summary::Summary;

/// More threads than this would only wait for the disk.
const MOST_THREADS: usize = 4;
/// How many traces a thread decodes ahead.
const AHEAD: usize = 4;

/// Writes all lines of all traces in the order of their time.
pub(super) fn merge(
    sources: &Sources,
    clock: Clock,
    out: &mut impl Write,
    summary: &mut Summary,
) -> io::Result<()> {
    let all = sources.all();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MOST_THREADS).min(all.len().max(1));
    thread::scope(|scope| {
        // Thread k takes every n-th trace from the k-th on, so that they come in order.
        let decoders: Vec<Receiver<Decoded>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = sync_channel(AHEAD);
                scope.spawn(move || {
                    for source in all.iter().skip(first).step_by(threads) {
                        // When writing has failed nobody listens any more.
                        if sender.send(decoded(source, clock)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        let mut merger = Merger { open: HashMap::new(), next: BinaryHeap::new() };
        for (index, source) in all.iter().enumerate() {
            merger.write_before(source.start, out)?;
            let Ok(mut decoded) = decoders[index % threads].recv() else { continue };
            summary.add(&source.path, std::mem::take(&mut decoded.told));
            merger.open(index, decoded);
        }
        merger.write_before(u64::MAX, out)
    })
}

/// The traces whose lines are not all written yet.
struct Merger {
    open: HashMap<usize, Open>,
    /// Time of the next line of each open trace, and its number.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

struct Open {
    decoded: Decoded,
    /// Lines that are written.
    line: usize,
    /// Bytes that are written.
    at: usize,
}

impl Merger {
    fn open(&mut self, index: usize, decoded: Decoded) {
        if let Some(&(time, _)) = decoded.lines.first() {
            self.next.push(Reverse((time, index)));
            self.open.insert(index, Open { decoded, line: 0, at: 0 });
        }
    }

    /// Writes what is older than `end`.
    fn write_before(&mut self, end: u64, out: &mut impl Write) -> io::Result<()> {
        while let Some(&Reverse((time, index))) = self.next.peek() {
            if time >= end {
                break;
            }
            self.next.pop();
            // As many lines in one go as come before those of all other traces.
            let others = self.next.peek().map_or((u64::MAX, 0), |&Reverse(next)| next);
            let open = self.open.get_mut(&index).expect("a trace is open while it has lines");
            let rest = &open.decoded.lines[open.line..];
            let run = rest.iter().take_while(|line| line.0 < end && (line.0, index) < others);
            // The first one comes before all others, or it would not have been the next.
            open.line += run.count().max(1);
            let to = open.decoded.lines[open.line - 1].1;
            out.write_all(&open.decoded.text[open.at..to])?;
            open.at = to;
            match open.decoded.lines.get(open.line) {
                Some(&(time, _)) => self.next.push(Reverse((time, index))),
                None => drop(self.open.remove(&index)),
            }
        }
        Ok(())
    }
}
