//! How far a tool of Windows is with its work, for whoever watches it.

use std::ops::ControlFlow;

/// Where a tool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// What it is doing.
    pub stage: Stage,
    /// How much of this stage is done, from 0 to 100; `None` where it does not say.
    pub percent: Option<u8>,
    /// Bytes done and bytes to do, where it says.
    pub bytes: Option<(u64, u64)>,
}

/// What a tool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Stage {
    Searching,
    Downloading,
    Installing,
    Scanning,
    Repairing,
    Waiting,
}

/// Is told how far a tool is; `Break` asks it to stop at the next safe point.
pub type Watch<'a> = dyn FnMut(&Advance) -> ControlFlow<()> + 'a;

impl Advance {
    /// At this stage, with no number known yet.
    #[must_use]
    pub fn at(stage: Stage) -> Self {
        Advance { stage, percent: None, bytes: None }
    }
}
