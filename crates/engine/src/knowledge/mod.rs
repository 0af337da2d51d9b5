//! What is known about Windows and about what runs on it: facts with sources.
//!
//! The tables stand in `knowledge/` and are part of the program. Each is read at the first question
//! that needs it, once, into hash maps: asking costs the same however long the table is, and a
//! question about a code never reads the table of drivers.

mod codes;
pub mod components;
pub mod events;
pub mod filters;
pub mod products;
pub mod services;
pub mod setup_diag;
mod table;
#[cfg(test)]
mod tests;

pub use codes::{
    CodeAdvice, CodeFact, Failure, category_of, code, setup_combination, setup_operation,
    setup_phase, symbol, symbols,
};
pub use table::Confidence;
