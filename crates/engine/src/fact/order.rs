//! Blocks that two threads search, read in the order of their file.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{self, TrySendError};
use std::thread;

use super::cut::{Cutter, End, Fault, Piece};
use super::search::{Searched, search};
use crate::evidence::Text;
use crate::rule::Matcher;

/// At most so many pieces wait for one before them: a slow thread must not fill the memory.
const MOST_WAITING: usize = 8;

/// A piece of a file that can be read.
#[derive(Debug)]
pub(super) enum Ready {
    Block(Searched),
    Fault(Fault),
}

impl Ready {
    /// Searches a piece, if there is something in it to be searched.
    pub(super) fn new(matcher: &Matcher<'_>, piece: Piece) -> Ready {
        match piece {
            Piece::Block(lines) => Ready::Block(search(matcher, lines)),
            Piece::Fault(fault) => Ready::Fault(fault),
        }
    }
}

/// Cuts `text`, searches its blocks on this thread and on another one, and has `read` read all
/// pieces in their order; it gives the buffer of a block back.
pub(super) fn side_by_side<R>(text: Text<'_>, cutter: Cutter, matcher: &Matcher<'_>, read: R) -> End
where
    R: FnMut(Ready) -> Option<Vec<u8>> + Send,
{
    let order = Order::new(read);
    thread::scope(|scope| {
        // One waits while one is searched: whoever finds the other side busy searches himself.
        let (send, receive) = mpsc::sync_channel::<(u64, Piece)>(1);
        let order = &order;
        scope.spawn(move || {
            for (number, piece) in receive {
                order.take(number, Ready::new(matcher, piece));
            }
        });
        let mut number = 0;
        cutter.cut(text, &mut |piece| {
            let here = (number, piece);
            number += 1;
            if order.is_far_ahead() {
                // Only a panic of the other side closes the channel, and the scope tells of it.
                let _ = send.send(here);
            } else if let Err(TrySendError::Full(here) | TrySendError::Disconnected(here)) =
                send.try_send(here)
            {
                order.take(here.0, Ready::new(matcher, here.1));
            }
            order.spare()
        })
    })
}

/// Puts pieces back into their order.
struct Order<R>(Mutex<Waiting<R>>);

struct Waiting<R> {
    /// The number of the piece that is read next.
    next: u64,
    early: BTreeMap<u64, Ready>,
    spare: Vec<Vec<u8>>,
    read: R,
}

impl<R: FnMut(Ready) -> Option<Vec<u8>>> Order<R> {
    fn new(read: R) -> Order<R> {
        Order(Mutex::new(Waiting { next: 0, early: BTreeMap::new(), spare: Vec::new(), read }))
    }

    /// Reads a piece, and those that waited for it; or it waits for another one.
    fn take(&self, number: u64, piece: Ready) {
        self.with(|it| {
            it.early.insert(number, piece);
            while let Some(piece) = it.early.remove(&it.next) {
                it.next += 1;
                it.spare.extend((it.read)(piece));
            }
        });
    }

    fn is_far_ahead(&self) -> bool {
        self.with(|it| it.early.len() >= MOST_WAITING)
    }

    /// A buffer that is not used any more.
    fn spare(&self) -> Option<Vec<u8>> {
        self.with(|it| it.spare.pop())
    }

    fn with<T>(&self, deed: impl FnOnce(&mut Waiting<R>) -> T) -> T {
        deed(&mut self.0.lock().expect("reading lines does not panic"))
    }
}
