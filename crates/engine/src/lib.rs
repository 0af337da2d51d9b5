//! The thinking: facts, rules, diagnosis, plans, the journal, execution and rollback.
//!
//! No operating system, no printing, no clock of its own.

pub mod diagnose;
pub mod explain;
pub mod fact;
pub mod knowledge;
pub mod report;
pub mod rule;
