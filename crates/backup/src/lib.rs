//! Backups of a user's files and settings, in a repository that restic and rustic read too.
//!
//! [`rustic_core`] keeps the repository: it cuts, compresses, encrypts and deduplicates. What lies
//! here sees to it that nothing is left out in silence ([`source`]), that a backup is read back
//! before it counts ([`make`]), and that it comes back as it was ([`restore`]).

pub mod check;
pub mod file_history;
pub mod left_out;
pub mod make;
pub mod messages;
pub mod place;
pub mod progress;
pub mod repository;
pub mod restore;
pub mod settings;
pub mod source;

use std::fmt;

/// What was asked is possible and was not done, because it would not be safe.
#[derive(Debug)]
pub struct Refusal(
    /// Why, and what to do instead.
    pub String,
);

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Says no, with the reason.
pub(crate) fn refuse<T>(why: String) -> anyhow::Result<T> {
    Err(Refusal(why).into())
}
