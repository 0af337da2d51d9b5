//! Waiting for what ends by itself.

use std::thread::sleep;
use std::time::{Duration, Instant};

use windows::Win32::Foundation::ERROR_TIMEOUT;

use super::pc::Live;
use crate::{Advance, Change, HostError, HostErrorKind, Result, Stage, Watch};

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Waits until the PC is as `change` would leave it, without doing anything for it.
pub(super) fn until_true(
    pc: &Live,
    change: &Change,
    limit: Duration,
    watch: &mut Watch<'_>,
) -> Result<()> {
    const OP: &str = "wait for";
    let begun = Instant::now();
    while !change.holds(pc)? {
        let elapsed = begun.elapsed();
        if elapsed >= limit {
            return Err(HostError::win32(OP, change, ERROR_TIMEOUT.0));
        }
        let percent = elapsed.as_secs() * 100 / limit.as_secs().max(1);
        let advance =
            Advance { percent: u8::try_from(percent.min(100)).ok(), ..Advance::at(Stage::Waiting) };
        if watch(&advance).is_break() {
            let kind = HostErrorKind::Cancelled;
            return Err(HostError { op: OP, subject: change.to_string(), kind });
        }
        sleep(BETWEEN_LOOKS);
    }
    Ok(())
}
