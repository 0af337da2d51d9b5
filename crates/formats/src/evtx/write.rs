//! Writes small event logs for tests and fixtures.
/// x
pub struct EvtxBuilder;
