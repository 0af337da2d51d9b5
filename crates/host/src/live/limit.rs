//! Questions that may never be answered, asked from a thread of their own.
//!
//! Whoever asks waits for so long and then goes on; the thread is left alone, because a thread that
//! is ended by force leaves locks behind in its process.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{HostError, HostErrorKind, Result};

/// A question that was asked and may be answered.
pub(super) struct Asked<T> {
    answer: Receiver<Result<T>>,
    asking: Option<JoinHandle<()>>,
    until: Instant,
    limit: Duration,
    op: &'static str,
    subject: String,
}

/// Asks: `question` begins now, on a thread of its own.
pub(super) fn ask<T: Send + 'static>(
    op: &'static str,
    subject: &str,
    limit: Duration,
    question: impl FnOnce() -> Result<T> + Send + 'static,
) -> Asked<T> {
    let (to, answer) = sync_channel(1);
    let thread = std::thread::Builder::new().name(subject.to_owned());
    // A thread that cannot be had drops its end, which is the answer.
    let asking = thread.spawn(move || {
        // Nobody may be waiting any more.
        let _ = to.send(question());
    });
    let until = Instant::now() + limit;
    Asked { answer, asking: asking.ok(), until, limit, op, subject: subject.to_owned() }
}

impl<T> Asked<T> {
    /// The answer, waited for until the limit.
    pub(super) fn wait(self) -> Result<T> {
        let left = self.until.saturating_duration_since(Instant::now());
        let kind = match self.answer.recv_timeout(left) {
            Ok(answer) => {
                // All that is left of the thread is its end. Were it to end while the process does, the
                // process could end with the code of the thread.
                let _ = self.asking.map(JoinHandle::join);
                return answer;
            }
            Err(RecvTimeoutError::Timeout) => {
                HostErrorKind::TimeLimit { seconds: self.limit.as_secs() }
            }
            Err(RecvTimeoutError::Disconnected) => {
                HostErrorKind::Io("the question ended without an answer".to_owned())
            }
        };
        Err(HostError { op: self.op, subject: self.subject, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_and_a_missing_one_is_told() {
        let limit = Duration::from_secs(5);
        assert_eq!(ask("ask", "sum", limit, || Ok(2 + 2)).wait().unwrap(), 4);
        let (hold, held) = sync_channel::<()>(0);
        let silent = ask("ask", "silence", Duration::ZERO, move || {
            let _ = held.recv();
            Ok(())
        });
        assert_eq!(silent.wait().unwrap_err().kind, HostErrorKind::TimeLimit { seconds: 0 });
        drop(hold);
        let broken = ask::<()>("ask", "trouble", limit, || panic!("on purpose"));
        assert!(matches!(broken.wait().unwrap_err().kind, HostErrorKind::Io(_)));
    }
}
