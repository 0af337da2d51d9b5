//! Who came and who went between two looks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::EVERYONE;
use super::answer::{Answer, Hold, Holder};

/// What is known of the holders so far.
#[derive(Debug, Default)]
pub struct Turns {
    known: BTreeMap<Key, Holder>,
    /// Whether everybody could be looked at last time.
    could_tell: Option<bool>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "holder")]
pub enum Turn {
    /// Somebody holds something.
    Came(Box<Holder>),
    /// Somebody holds something no longer.
    Went(Box<Holder>),
    /// From now on not everyone can be looked at: that nobody is named says nothing.
    Blind,
    /// From now on everyone can be looked at.
    Sees,
}

/// One holder, over several looks: a process by when it began, so that another one with its number
/// is another one.
type Key = (u32, Option<u64>, String, Hold);

impl Turns {
    /// What changed since the last look.
    pub fn turn(&mut self, answer: &Answer) -> Vec<Turn> {
        let mut now: BTreeMap<Key, Holder> = BTreeMap::new();
        for holder in answer.holders.iter().filter(|it| it.counts) {
            now.entry(key(holder)).or_insert_with(|| holder.clone());
        }
        let mut turns = Vec::new();
        let could_tell = answer.not_inspected.is_empty() && answer.gaps.is_empty();
        if self.could_tell.unwrap_or(true) != could_tell {
            turns.push(if could_tell { Turn::Sees } else { Turn::Blind });
        }
        self.could_tell = Some(could_tell);
        // Whoever could not be looked at this time is taken to be still there.
        let nobody_was_seen = answer.gaps.iter().any(|it| it.what == EVERYONE);
        let was_seen =
            |pid: u32| !nobody_was_seen && !answer.not_inspected.iter().any(|it| it.pid == pid);
        for (key, holder) in &self.known {
            if now.contains_key(key) {
                continue;
            }
            if was_seen(key.0) {
                turns.push(Turn::Went(Box::new(holder.clone())));
            } else {
                now.insert(key.clone(), holder.clone());
            }
        }
        let came = now.iter().filter(|(key, _)| !self.known.contains_key(key));
        turns.extend(came.map(|(_, it)| Turn::Came(Box::new(it.clone()))));
        self.known = now;
        turns
    }

    /// Whether there is somebody now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.known.is_empty()
    }
}

fn key(it: &Holder) -> Key {
    // What a handle allows changes while a process opens and closes others.
    let hold = match &it.hold {
        Hold::Handle { .. } => Hold::Handle { access: None },
        other => other.clone(),
    };
    let (pid, began) = it.process.as_ref().map_or((0, None), |it| (it.pid, it.began));
    (pid, began, it.path.to_lowercase(), hold)
}
