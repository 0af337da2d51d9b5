//! Who holds files of this PC.
//!
//! One snapshot of all open handles answers for any number of paths. Whatever Windows may never
//! answer is asked from a process of our own that can be ended: no thread is, nothing is closed in
//! another process, no lock stays, no oplock is broken, no file is fetched from a cloud.

#[cfg(windows)]
mod answer;
#[cfg(windows)]
mod ask;
#[cfg(windows)]
mod conflict;
#[cfg(windows)]
mod elsewhere;
#[cfg(windows)]
mod find;
#[cfg(windows)]
mod named;
#[cfg(any(windows, test))]
mod place;
#[cfg(any(windows, test))]
mod range;
#[cfg(any(windows, test))]
mod table;
#[cfg(any(windows, test))]
mod wanted;
#[cfg(any(windows, test))]
mod wire;
#[cfg(any(windows, test))]
mod witness;

#[cfg(windows)]
pub use answer::answer;
#[cfg(windows)]
pub use ask::Helper;
#[cfg(windows)]
pub(in crate::live) use find::find;
