//! The Windows this program runs on: the only place with unsafe code.
//!
//! Elsewhere than on Windows the type exists and no value of it can.

#[cfg(not(windows))]
mod absent;
#[cfg(windows)]
mod library;
#[cfg(windows)]
mod pc;
#[cfg(windows)]
mod refusal;

#[cfg(not(windows))]
pub use absent::Live;
#[cfg(windows)]
pub use pc::Live;
