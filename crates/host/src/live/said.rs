//! What is written to the Application log of the PC this program runs on, at the end of what changes it.

use crate::Result;

/// One event of the source `unwedge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its number.
    pub number: u32,
    /// How much it matters.
    pub weight: Weight,
    /// Its text.
    pub text: String,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Weight {
    Information,
    Warning,
    Error,
}

/// Writes it; elsewhere than on Windows there is no such log, and nothing is done.
///
/// # Errors
/// When Windows refuses. Nothing else depends on it.
pub fn say(said: &Said) -> Result<()> {
    #[cfg(windows)]
    super::event_source::write(said)?;
    #[cfg(not(windows))]
    let _ = said;
    Ok(())
}
