//! The dead-man's switch: while a repair is at work, Windows stands by to take it back should it be
//! cut off.
//!
//! The watchdog is there before the first change and goes after the journal is closed, so that
//! whenever something is half done there is one. A watchdog without an open journal finds nothing to
//! do and goes by itself. Which PC can have one, its host tells.

use unwedge_host::{Change, Host, HostError, HostErrorKind, HostMut, Setting};

use crate::execute::{Interrupted, Progress, Watcher};
use crate::journal::Journal;

/// Lets the watchdog stand by; gives why nothing may be changed without it.
///
/// Without it nothing is lent: protection that nobody is sure to give back is not taken. Any other
/// repair goes on, and it is said.
pub(crate) fn stand_by(
    host: &mut dyn HostMut,
    journal: &Journal<'_>,
    watch: &mut Watcher<'_>,
) -> Result<Option<String>, Interrupted> {
    let replay = journal.replay();
    // What is taken back makes the PC safer, with or without anybody standing by.
    let lends = !replay.unwinding && replay.steps.iter().any(|it| is_lease(&it.change));
    match set(host, true) {
        Ok(()) => Ok(None),
        Err(err) if err.kind == HostErrorKind::Crashed => Err(Interrupted::Host(err)),
        // A PC written down as text need not have any.
        Err(err) if err.kind == HostErrorKind::NotCollected && !lends => Ok(None),
        Err(err) if lends && replay.states.is_empty() => Ok(Some(format!(
            "protection is not switched off or narrowed without a task that is sure to put it back, \
             and that could not be had: {err}"
        ))),
        Err(err) => {
            let _ = watch(Progress::Unguarded { why: err.to_string() });
            Ok(None)
        }
    }
}

/// Takes the watchdog away, if there is one; also one that was left behind.
///
/// Should it not go now, it goes when it finds nothing to do.
pub fn stand_down(host: &mut dyn HostMut, watch: &mut Watcher<'_>) {
    let watchdog = Setting::Watchdog { present: false };
    match host.current(&watchdog) {
        Err(err) if err.kind == HostErrorKind::NotCollected => return,
        Ok(_) | Err(_) => {}
    }
    if let Err(err) = set(host, false) {
        let _ = watch(Progress::StillGuarded { why: err.to_string() });
    }
}

/// Whether this PC can have one.
#[must_use]
pub(crate) fn is_possible(host: &dyn Host) -> bool {
    host.current(&Setting::Watchdog { present: true }).is_ok()
}

/// Whether a step protects the PC less for a while.
fn is_lease(change: &Change) -> bool {
    matches!(change, Change::Assign(setting) if setting.is_lease())
}

fn set(host: &mut dyn HostMut, present: bool) -> Result<(), HostError> {
    let change = Change::Assign(Setting::Watchdog { present });
    // What it is to start, and when, is of this repair.
    host.apply(&change)?;
    match change.holds(host)? {
        true => Ok(()),
        false => Err(HostError {
            op: "confirm that we could",
            subject: change.to_string(),
            kind: HostErrorKind::Io("Windows said it was done, but it is not so".to_owned()),
        }),
    }
}
