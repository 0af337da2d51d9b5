//! Letting Windows Update install again what failed, with progress, and with an end.

#[cfg(windows)]
mod agent;
pub(super) mod choice;
#[cfg(windows)]
mod job;

#[cfg(windows)]
pub(super) use on_windows::retry;
#[cfg(windows)]
use on_windows::{OP, SUBJECT, Teller};

#[cfg(windows)]
mod on_windows {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
    use std::time::Duration;

    use super::agent;
    use crate::live::com;
    use crate::{Advance, HostError, HostErrorKind, Result, Watch};

    pub(super) const OP: &str = "let Windows Update retry";
    pub(super) const SUBJECT: &str = "the Windows Update Agent";
    /// The agent tells how far it is several times a second; one call of it may take long.
    const SILENCE_LIMIT: Duration = Duration::from_secs(10 * 60);
    /// No update takes longer.
    const LIMIT: Duration = Duration::from_secs(12 * 60 * 60);

    /// The way from the agent's thread to whoever watches, and back.
    pub(super) struct Teller {
        to: Sender<Advance>,
        stop: Arc<AtomicBool>,
    }

    impl Teller {
        pub(super) fn tell(&self, advance: &Advance) {
            // Whoever watched has given up.
            let _ = self.to.send(advance.clone());
        }

        pub(super) fn wants_to_stop(&self) -> bool {
            self.stop.load(Ordering::Relaxed)
        }
    }

    /// Installs the pending update of this number again, or all that Windows would install by itself.
    ///
    /// # Errors
    /// With the code of the update that failed, or with the reason why none was tried.
    pub(in crate::live) fn retry(kb: Option<&str>, watch: &mut Watch<'_>) -> Result<()> {
        let (to, told) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let teller = Teller { to, stop: Arc::clone(&stop) };
        let kb = kb.map(str::to_owned);
        let asked = com::ask(OP, SUBJECT, LIMIT, move || agent::retry(kb.as_deref(), &teller));
        loop {
            match told.recv_timeout(SILENCE_LIMIT) {
                Ok(advance) => {
                    if watch(&advance).is_break() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return asked.wait(),
                Err(RecvTimeoutError::Timeout) => {
                    let kind = HostErrorKind::TimeLimit { seconds: SILENCE_LIMIT.as_secs() };
                    return Err(HostError { op: OP, subject: SUBJECT.to_owned(), kind });
                }
            }
        }
    }
}
