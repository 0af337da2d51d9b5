//! Bytes to records: the logs and codes of Windows, read without I/O.
//!
//! Nothing here opens a file, panics on input, recurses on input or allocates more than in
//! proportion to what it is given. What cannot be read becomes a [`Gap`] with its place.

pub mod code;
pub mod ese;
pub mod etl;
pub mod evtx;
pub mod export;
mod gap;
pub mod log;
pub mod regf;
pub mod registry_export;
pub mod wim;

pub use gap::{Gap, GapReason, Parsed};
