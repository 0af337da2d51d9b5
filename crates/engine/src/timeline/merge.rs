//! Merges the records of all logs by time.
//!
//! Each log is read by a thread of its own that waits when it is ahead, and is opened no sooner
//! than its first record may be next: memory grows with the number of logs that overlap in time,
//! never with their size, and nothing is written to disk, which may be full.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};
use std::vec;

use unwedge_host::Host;

use super::clock::Clock;
use super::entry::{Entry, Placed, Teller};
use super::filter::Filter;
use super::lines::{Line, lines_of};
use super::records::{Record, Records};
use super::stamp::Moment;
use crate::evidence::{LONGEST_LINE_BYTES, Log};
use crate::report::GapNote;

/// Records handed over at a time, by number and by bytes of their text.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 64 << 10;
/// Batches that wait for the merge, beside the one that is filled and the one that is used.
const BATCHES_AHEAD: usize = 1;

/// What one log gave.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Records, wanted or not.
    pub(super) records: u64,
    /// What could not be read or trusted.
    pub(super) gaps: Vec<GapNote>,
}

/// Hands the wanted records of `logs`, the oldest log first, to `visit` in the order of their time
/// until that breaks; gives what each log gave, in their order.
///
/// Records of the same time come in the order of `logs` and of their lines.
pub(super) fn merge(
    host: &dyn Host,
    logs: &[Log],
    filter: &Filter,
    visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Vec<Read> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut merge = Merge {
            scope,
            reading: Reading { host, filter, stop: &stop },
            logs,
            lanes: Vec::new(),
            unseen: Vec::new(),
            open: 0,
            heads: BinaryHeap::new(),
            at_once: thread::available_parallelism().map_or(1, usize::from),
        };
        while let Some(entry) = merge.next() {
            if visit(entry).is_break() {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        merge.end()
    })
}

struct Merge<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    reading: Reading<'env>,
    logs: &'env [Log],
    /// Logs that were opened, in the order of `logs`.
    lanes: Vec<Lane<'scope>>,
    /// Lanes that were not asked for their next record yet.
    unseen: Vec<usize>,
    /// Lanes that have not come to their end.
    open: usize,
    /// The next record of each open lane that has one.
    heads: BinaryHeap<Reverse<(Moment, usize)>>,
    /// So many logs are read side by side, even when fewer are needed.
    at_once: usize,
}

/// A log that is being read.
struct Lane<'scope> {
    receive: Option<Receiver<Vec<Placed>>>,
    batch: vec::IntoIter<Placed>,
    next: Option<Entry>,
    thread: Option<ScopedJoinHandle<'scope, Read>>,
    read: Read,
}

impl Merge<'_, '_> {
    fn next(&mut self) -> Option<Entry> {
        loop {
            // The first record of a log that is not open yet may come before all others.
            while let Some(log) = self.logs.get(self.lanes.len())
                && (self.is_due(log) || self.open < self.at_once)
            {
                self.unseen.push(self.lanes.len());
                self.lanes.push(self.reading.open(self.scope, log));
                self.open += 1;
            }
            self.look();
            let unopened = self.logs.get(self.lanes.len());
            // Where nothing is left of the open ones, the next are opened.
            if unopened.is_none_or(|log| !self.heads.is_empty() && !self.is_due(log)) {
                break;
            }
        }
        let Reverse((_, lane)) = self.heads.pop()?;
        self.unseen.push(lane);
        self.lanes[lane].next.take()
    }

    /// Whether the first record of `log` may come before the next one of those that are open.
    fn is_due(&self, log: &Log) -> bool {
        let seconds = log.first_seconds().unwrap_or(i64::MIN);
        self.heads.peek().is_some_and(|Reverse((at, _))| seconds <= at.seconds)
    }

    /// Waits for the next record of each lane that has not shown it.
    fn look(&mut self) {
        for index in self.unseen.drain(..) {
            let lane = &mut self.lanes[index];
            match lane.advance() {
                Some(Placed { at, entry }) => {
                    lane.next = Some(entry);
                    self.heads.push(Reverse((at, index)));
                }
                None => self.open -= 1,
            }
        }
    }

    fn end(self) -> Vec<Read> {
        let mut reads: Vec<Read> = self.lanes.into_iter().map(Lane::end).collect();
        reads.resize_with(self.logs.len(), Read::default);
        reads
    }
}

impl Lane<'_> {
    fn advance(&mut self) -> Option<Placed> {
        loop {
            if let Some(placed) = self.batch.next() {
                return Some(placed);
            }
            match self.receive.as_ref()?.recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(_) => {
                    self.receive = None;
                    self.join();
                    return None;
                }
            }
        }
    }

    fn end(mut self) -> Read {
        // Whoever waits for a place in the channel must see that nobody listens.
        self.receive = None;
        self.join();
        self.read
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.read = thread.join().expect("reading a log does not panic");
        }
    }
}

/// What all threads share.
#[derive(Clone, Copy)]
struct Reading<'env> {
    host: &'env dyn Host,
    filter: &'env Filter,
    /// Set when no more records are wanted.
    stop: &'env AtomicBool,
}

impl<'env> Reading<'env> {
    fn open<'scope>(self, scope: &'scope Scope<'scope, 'env>, log: &'env Log) -> Lane<'scope> {
        let (send, receive) = sync_channel(BATCHES_AHEAD);
        let (batch, next) = (Vec::new().into_iter(), None);
        let work = move || read(self, log, Outbox { send, batch: Vec::new(), batch_bytes: 0 });
        match Builder::new().spawn_scoped(scope, work) {
            Ok(thread) => {
                let (receive, read) = (Some(receive), Read::default());
                Lane { receive, batch, next, thread: Some(thread), read }
            }
            Err(why) => {
                let (source, what) = (log.source.clone(), "the file".to_owned());
                let gaps = vec![GapNote { source, line: None, what, why: why.to_string() }];
                Lane { receive: None, batch, next, thread: None, read: Read { records: 0, gaps } }
            }
        }
    }
}

/// Reads one log to its end.
fn read(reading: Reading<'_>, log: &Log, mut outbox: Outbox) -> Read {
    let mut teller = Teller::new(log, reading.filter);
    let mut long_lines = Vec::new();
    let result = records_of(
        reading.host,
        log,
        reading.stop,
        &mut |line| long_lines.push(line),
        &mut |record, offset_minutes| match teller.record(&record, offset_minutes) {
            Some(placed) => outbox.put(placed),
            None => ControlFlow::Continue(()),
        },
    );
    for line in long_lines {
        let why = format!("longer than {LONGEST_LINE_BYTES} bytes, passed over");
        teller.gap(Some(line), "a line", why);
    }
    if let Err(why) = result {
        let what = if teller.records == 0 { "the file" } else { "the rest of the file" };
        teller.gap(None, what, why.to_string());
    }
    // When nobody listens any more, nobody wants the rest.
    let _ = outbox.flush();
    let (records, gaps) = teller.end();
    Read { records, gaps }
}

/// Hands the records of `log` with their offset from UTC to `take` until that breaks or `stop` is
/// set; numbers of lines too long to be read go to `too_long`.
///
/// # Errors
/// When the log cannot be opened or read on.
pub(super) fn records_of(
    host: &dyn Host,
    log: &Log,
    stop: &AtomicBool,
    too_long: &mut dyn FnMut(u64),
    take: &mut dyn FnMut(Record, Option<i32>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut records = Records::new(log.kind);
    let mut clock = Clock::new(log.kind, log.offset_minutes);
    let mut flow = ControlFlow::Continue(());
    let result = lines_of(host, log, &mut |number, line| {
        flow = match line {
            Line::Whole(line) => match records.line(number, line) {
                Some(record) => clock.record(record, take),
                None => ControlFlow::Continue(()),
            },
            Line::TooLong => {
                too_long(number);
                ControlFlow::Continue(())
            }
        };
        if stop.load(Ordering::Relaxed) {
            flow = ControlFlow::Break(());
        }
        flow
    });
    if flow.is_continue() {
        let last = records.end().map(|record| clock.record(record, take));
        if last.is_none_or(|flow| flow.is_continue()) {
            // It is the end in either case.
            let _ = clock.end(take);
        }
    }
    result
}

/// Gathers records to batches: handing over one by one costs more than reading them.
struct Outbox {
    send: SyncSender<Vec<Placed>>,
    batch: Vec<Placed>,
    batch_bytes: usize,
}

impl Outbox {
    /// Breaks when nobody wants more.
    fn put(&mut self, placed: Placed) -> ControlFlow<()> {
        self.batch_bytes += placed.entry.text.len();
        self.batch.push(placed);
        if self.batch.len() < BATCH && self.batch_bytes < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        self.flush()
    }

    fn flush(&mut self) -> ControlFlow<()> {
        self.batch_bytes = 0;
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        match self.send.send(std::mem::take(&mut self.batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
