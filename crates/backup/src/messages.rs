//! What `rustic_core` logs instead of failing: it warns and goes on. Kept, so that it can be told.

use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

/// So many are kept.
const MOST: usize = 1_000;

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Keeper;

impl Log for Keeper {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target().starts_with("rustic")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// From now on warnings and errors are kept.
pub fn keep() {
    // A logger that is there already keeps them for whoever set it.
    if log::set_logger(&Keeper).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// What was logged since the last time.
#[must_use]
pub fn take() -> Vec<String> {
    std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner))
}
