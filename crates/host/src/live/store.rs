//! The component store of the running Windows: how it stands, its repair, and the check of system
//! files against it.

#[cfg(windows)]
mod check;
#[cfg(windows)]
mod dism;
pub(super) mod outcome;
#[cfg(windows)]
mod source;

#[cfg(windows)]
pub(super) use {check::check_files, dism::health, dism::repair, dism::scan, source::content};
