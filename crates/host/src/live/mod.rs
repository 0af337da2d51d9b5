//! The Windows this program runs on: the only place with unsafe code.
//!
//! Elsewhere than on Windows the type exists and no value of it can. What only interprets what Windows
//! returned is built and tested everywhere.

#[cfg(windows)]
mod about;
#[cfg(not(windows))]
mod absent;
#[cfg(any(windows, test))]
mod access;
#[cfg(windows)]
mod apply;
#[cfg(any(windows, test))]
mod arguments;
#[cfg(windows)]
mod close;
#[cfg(windows)]
mod com;
#[cfg(windows)]
mod control;
#[cfg(windows)]
mod disk;
#[cfg(windows)]
pub mod drive;
#[cfg(windows)]
pub mod elevation;
#[cfg(windows)]
mod event;
#[cfg(windows)]
mod event_source;
#[cfg(windows)]
mod evidence;
#[cfg(windows)]
mod facts;
#[cfg(windows)]
mod file;
#[cfg(windows)]
pub mod file_history;
#[cfg(windows)]
mod filter;
#[cfg(any(windows, test))]
pub mod holder;
#[cfg(windows)]
mod library;
#[cfg(windows)]
mod limit;
#[cfg(windows)]
mod logon;
#[cfg(windows)]
mod management;
#[cfg(any(windows, test))]
mod name;
#[cfg(windows)]
mod pc;
#[cfg(windows)]
mod pending;
#[cfg(windows)]
mod power;
#[cfg(windows)]
mod process;
#[cfg(windows)]
mod refusal;
#[cfg(windows)]
mod registry;
#[cfg(windows)]
mod restart;
#[cfg(windows)]
mod restore_point;
#[cfg(any(windows, test))]
mod retry;
#[cfg(any(windows, test))]
mod returned;
pub mod said;
pub mod seat;
#[cfg(windows)]
mod secured;
#[cfg(windows)]
mod security;
#[cfg(windows)]
mod server;
#[cfg(windows)]
mod service;
#[cfg(windows)]
mod signature;
#[cfg(windows)]
mod signer;
pub mod start;
pub mod state;
#[cfg(any(windows, test))]
mod store;
#[cfg(any(windows, test))]
mod stored;
#[cfg(windows)]
mod task;
#[cfg(windows)]
mod update_agent;
#[cfg(windows)]
pub mod user;
#[cfg(any(windows, test))]
mod verdict;
#[cfg(windows)]
mod wait;
#[cfg(windows)]
mod watchdog;
#[cfg(any(windows, test))]
mod watchdog_task;
#[cfg(windows)]
mod wmi;

#[cfg(not(windows))]
pub use absent::Live;
#[cfg(windows)]
pub use pc::Live;
