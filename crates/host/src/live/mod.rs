//! The PC this program runs on. The Windows side of it is not part of this version.

mod absent;

pub use absent::open;
