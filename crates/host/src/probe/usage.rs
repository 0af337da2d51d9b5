//! What processes have used since they began.

use crate::ServiceName;

/// What one process has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Its id.
    pub pid: u32,
    /// When it began, in units of 100 ns since 1601: with its id it is this one process.
    pub began: u64,
    /// Its image name.
    pub image: String,
    /// The services that run in it.
    pub services: Vec<ServiceName>,
    /// What it has used so far.
    pub spent: Spent,
}

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Time on all processors together, in units of 100 ns.
    pub processor_100ns: u64,
    /// Bytes that it has read, from disks and from wherever else, also where Windows had them in
    /// memory.
    pub read_bytes: u64,
    /// Bytes that it has written, so too.
    pub written_bytes: u64,
}

impl Spent {
    /// What was used since `earlier`; nothing where a number went back.
    #[must_use]
    pub fn since(&self, earlier: &Spent) -> Spent {
        Spent {
            processor_100ns: self.processor_100ns.saturating_sub(earlier.processor_100ns),
            read_bytes: self.read_bytes.saturating_sub(earlier.read_bytes),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
        }
    }
}
