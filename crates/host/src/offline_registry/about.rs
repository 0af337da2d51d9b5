//! What the registry says about the PC as a whole.

use crate::{About, Key, KeyPath, Result};

/// Reads it from the keys that `key` gives.
pub(crate) fn read(key: &dyn Fn(&KeyPath) -> Result<Option<Key>>) -> About {
    About::of_registry(|path| key(&KeyPath::new(path)).ok().flatten().unwrap_or_default())
}
