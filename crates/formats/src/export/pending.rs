//! `WinSxS\pending.xml`: the operations on files and registry that servicing left for the restart.
//!
//! ```text
//! <PendingTransaction Version="3.1" Identifier="…">
//!   <POQ postAction="reboot">
//!     <HardlinkFile source="\??\C:\…" destination="\??\C:\Windows\…" />
//! ```
//!
//! The file may be of many megabytes: it is read as a stream, and only the first targets are kept.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::{Gap, GapReason};

/// What is left for the restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingTransaction {
    /// Identifier of the transaction, as printed.
    pub identifier: String,
    /// Version of the component that wrote it, such as `10.0.22621.2567`.
    pub stack_version: String,
    /// How many operations of each kind, such as `MoveFile`.
    pub operations: BTreeMap<String, u64>,
    /// The first of them that name a place, up to [`MOST_TARGETS`].
    pub targets: Vec<PendingTarget>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// One operation and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTarget {
    /// Such as `HardlinkFile`.
    pub operation: String,
    /// File or key that is changed.
    pub path: String,
    /// Where its new content comes from; empty where there is no such place.
    pub source: String,
}

/// How many targets are kept.
pub const MOST_TARGETS: usize = 10_000;
/// How many kinds of operations are told apart; the format has some dozens.
const MOST_KINDS: usize = 100;

impl PendingTransaction {
    /// How many operations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.operations.values().sum()
    }
}

/// Whether the text begins like such a file.
pub(super) fn is_pending(head: &str) -> bool {
    head.contains("<PendingTransaction")
}

/// Reads the whole file.
#[must_use]
pub fn pending(text: &str) -> PendingTransaction {
    let mut found = PendingTransaction::default();
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    // Depth below the queue of operations; 0 is outside.
    let mut depth = 0_u64;
    let mut ended = false;
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(Event::Start(tag)) => {
                if depth == 1 {
                    operation(&tag, &mut found);
                }
                match tag.local_name().as_ref() {
                    b"PendingTransaction" => transaction(&tag, &mut found),
                    b"POQ" if depth == 0 => depth = 1,
                    _ if depth > 0 => depth += 1,
                    _ => {}
                }
            }
            Ok(Event::Empty(tag)) if depth == 1 => operation(&tag, &mut found),
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                ended |= tag.local_name().as_ref() == b"PendingTransaction";
            }
            Ok(_) => {}
            Err(why) => {
                let why = GapReason::Unreadable(why.to_string());
                found.gaps.push(gap(at, text, why));
                return found;
            }
        }
    }
    if !ended {
        found.gaps.push(gap(text.len() as u64, text, GapReason::Truncated));
    }
    found
}

fn gap(at: u64, text: &str, why: GapReason) -> Gap {
    Gap { at: at..text.len() as u64, line: 0, what: "pending operation", why }
}

fn transaction(tag: &BytesStart<'_>, found: &mut PendingTransaction) {
    found.identifier = attribute(tag, &[b"Identifier"]);
    let version = attribute(tag, &[b"WcpVersion"]);
    version.split(' ').next().unwrap_or("").clone_into(&mut found.stack_version);
}

fn operation(tag: &BytesStart<'_>, found: &mut PendingTransaction) {
    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
    if name == "Checkpoint" {
        return;
    }
    if found.operations.len() < MOST_KINDS || found.operations.contains_key(&name) {
        *found.operations.entry(name.clone()).or_default() += 1;
    }
    let path = attribute(tag, &[b"destination", b"path", b"key", b"object"]);
    if !path.is_empty() && found.targets.len() < MOST_TARGETS {
        let source = attribute(tag, &[b"source"]);
        found.targets.push(PendingTarget { operation: name, path, source });
    }
}

/// The value of the first attribute there is, in the order of `names`.
fn attribute(tag: &BytesStart<'_>, names: &[&[u8]]) -> String {
    for name in names {
        let mut attributes = tag.attributes();
        let mut all = attributes.with_checks(false).filter_map(Result::ok);
        let found = all.find(|attribute| attribute.key.local_name().as_ref() == *name);
        if let Some(value) =
            found.and_then(|found| found.unescape_value().ok().map(|v| v.into_owned()))
        {
            return value;
        }
    }
    String::new()
}
