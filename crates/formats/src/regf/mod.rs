//! Registry hives as files: keys and values of a Windows that is not running.
//!
//! The layout follows the public "Windows registry file format specification" by Maxim Suhanov.
//! A reader of our own, because none of the permissive ones fits: the one crate that replays
//! transaction logs reads every hive into memory, takes twice the time and no longer compiles
//! with its own dependencies; the fast one is under the GPL. Here only the pages that are asked
//! for are read, a hive that was copied in the middle of a write is brought up to date from its
//! logs, and a damaged one is read as far as it goes.
//!
//! Nothing is followed further than the hive is long, so that lists which share or contain
//! themselves end like all others.

mod base;
mod data;
mod image;
mod key;
mod kind;
mod list;
mod log;
mod marvin;
mod name;
mod recover;
mod value;
mod walk;
pub mod write;

use std::sync::OnceLock;

pub use data::Data;
pub use image::Pages;
pub use key::Key;
pub use kind::Kind;
pub use log::Freshness;
pub use value::Value;

use crate::{Gap, GapReason};
use base::{BASE_BYTES, Base};
use image::Image;
use recover::Scan;

/// The first bytes of every hive and of every log of one.
pub const MAGIC: [u8; 4] = *b"regf";

/// Whether a file that begins so is the log of a hive rather than a hive.
#[must_use]
pub fn is_log(head: &[u8]) -> bool {
    Base::read(head).is_some_and(|base| base.is_log())
}

/// One hive, as it was after its logs were applied.
pub struct Hive<'s> {
    image: Image<'s>,
    base: Base,
    /// Bytes of cells behind the base block that there really are.
    bins_bytes: u32,
    root: u32,
    freshness: Freshness,
    gaps: Vec<Gap>,
    scan: OnceLock<Scan>,
}

/// The bytes are no hive: there is neither a base block nor a first bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a registry hive")]
pub struct NotAHive;

impl<'s> Hive<'s> {
    /// Opens a hive and brings it up to date from the logs that lie beside it, in any order.
    ///
    /// What is wrong with it as a whole is told by [`Hive::gaps`].
    pub fn open(source: impl Pages + 's, logs: &[&[u8]]) -> Result<Self, NotAHive> {
        let mut image = Image::new(Box::new(source));
        let head = image.bytes(0, BASE_BYTES).ok_or(NotAHive)?;
        let own = Base::read(&head);
        let bin = image.bytes(BASE_BYTES as u64, 32);
        let has_bin = bin.as_ref().is_some_and(|bin| bin.starts_with(b"hbin"));
        // A log has the same first bytes, and no bins.
        if (own.is_none() && !has_bin) || own.as_ref().is_some_and(Base::is_log) {
            return Err(NotAHive);
        }
        let bin_time = bin.and_then(|bin| data::u64_at(&bin, 20)).unwrap_or(0);
        drop(head);
        let replay = log::replay(own, bin_time, logs);
        let mut gaps = replay.gaps;
        let base = replay.base;
        image.patch(replay.pages, BASE_BYTES as u64 + u64::from(replay.bins_bytes));
        let there = image.size_bytes() - BASE_BYTES as u64;
        let bins_bytes = u32::try_from(there).unwrap_or(u32::MAX);
        if u64::from(base.bins_bytes) > there {
            let end = BASE_BYTES as u64 + u64::from(base.bins_bytes);
            gaps.push(gap(image.size_bytes()..end, "hive", GapReason::Truncated));
        }
        let root = base.root;
        let mut hive = Hive {
            image,
            base,
            bins_bytes,
            root,
            freshness: replay.freshness,
            gaps,
            scan: OnceLock::new(),
        };
        if Key::read(&hive, root).is_err() {
            let why = match hive.scan().entry {
                Some(entry) => {
                    hive.root = entry;
                    "the root key is not where it should be, another was found by its mark"
                }
                None => "there is no root key",
            };
            hive.gaps.push(hive.unreadable(root, "root key", why));
        }
        Ok(hive)
    }

    /// The key that holds all others.
    pub fn root(&self) -> Result<Key<'_>, Gap> {
        Key::read(self, self.root)
    }

    /// The key at a path such as `ControlSet001\Services`, compared without case.
    ///
    /// `Ok(None)` is known to be absent; where damage hides it, that is the error.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>, Gap> {
        let mut at = self.root()?;
        for name in path.split('\\').filter(|it| !it.is_empty()) {
            match at.subkey(name)? {
                Some(below) => at = below,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Whether the hive was whole, or what was done to make it so.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// When the hive was last written: 100 ns since 1601 in UTC, 0 where it does not say.
    #[must_use]
    pub fn last_written(&self) -> u64 {
        self.base.last_written
    }

    /// What is wrong with the hive as a whole.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Lets go of what was read; it is read again when needed.
    pub fn forget(&mut self) {
        self.image.forget();
    }

    fn scan(&self) -> &Scan {
        self.scan.get_or_init(|| Scan::of(self))
    }

    fn unreadable(&self, at: u32, what: &'static str, why: &str) -> Gap {
        let from = BASE_BYTES as u64 + u64::from(at);
        gap(from..from.saturating_add(8), what, GapReason::Unreadable(why.to_owned()))
    }

    /// Where the content of an allocated cell lies, and how long it is.
    fn cell(&self, at: u32, what: &'static str) -> Result<(u64, usize), Gap> {
        let wrong = |why| Err(self.unreadable(at, what, why));
        if at >= self.bins_bytes {
            return wrong("points out of the hive");
        }
        let from = BASE_BYTES as u64 + u64::from(at);
        let Some(size) = self.image.u32_at(from) else {
            return wrong("cannot be read");
        };
        let size = size.cast_signed();
        if size >= 0 {
            return wrong("points to a cell that is not in use");
        }
        let size = u64::from(size.unsigned_abs());
        if size < 8 || u64::from(at) + size > u64::from(self.bins_bytes) {
            return wrong("a cell of an impossible size");
        }
        Ok((from + 4, (size - 4) as usize))
    }
}

fn gap(at: std::ops::Range<u64>, what: &'static str, why: GapReason) -> Gap {
    Gap { at, line: 0, what, why }
}

#[cfg(test)]
mod tests;
