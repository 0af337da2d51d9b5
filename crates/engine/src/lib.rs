//! The thinking: facts, rules, diagnosis, plans, the journal, execution and rollback.
//!
//! No operating system, no printing, no clock of its own.

pub mod clean;
pub mod collect;
pub mod diagnose;
pub mod evidence;
pub mod execute;
pub mod explain;
pub mod fact;
pub mod gate;
pub mod guard;
pub mod isolate;
pub mod journal;
pub mod knowledge;
pub mod ladder;
pub mod plan;
pub mod recipe;
pub mod redact;
pub mod registry_backup;
pub mod repair;
pub mod report;
pub mod restore_point;
pub mod resume;
pub mod rule;
pub mod shelf;
pub mod timeline;
pub mod verify;
pub mod watch;
pub mod who;

pub use knowledge::services;
