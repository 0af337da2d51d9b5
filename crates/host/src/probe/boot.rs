//! Which start of Windows this is.

use serde::{Deserialize, Serialize};

/// A start of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// What tells it from every other start of the same PC. A PC that was switched off and came back with
    /// its kernel from the disk (fast startup) has not started anew, and has the same.
    pub id: u64,
    /// Whether Windows runs in Safe Mode, where hardly any service does.
    pub is_safe_mode: bool,
}
