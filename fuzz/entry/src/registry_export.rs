//! Exports of the registry as text.

use unwedge_formats::registry_export::{is_export, read};

use crate::gaps_lie_in;

/// What `reg export` and the registry editor write.
pub fn registry_export(bytes: &[u8]) {
    let is_export = is_export(bytes);
    let Some(parsed) = read(bytes) else {
        assert!(!is_export || bytes.len() > 128);
        return;
    };
    // Places are those of the text as UTF-8, where a byte may take two and half a unit three.
    gaps_lie_in(0..3 * bytes.len() as u64, &parsed.gaps);
    for key in &parsed.items {
        assert!(!key.path.contains('\n'));
    }
}
