//! The thinking: facts, rules, diagnosis, plans, the journal, execution and rollback.
//!
//! No operating system, no printing, no clock of its own.

pub mod knowledge;
pub mod report;
