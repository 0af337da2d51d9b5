//! What programs of Windows print as tables, lists and XML.

use unwedge_formats::Gap;
use unwedge_formats::export::{driverquery, fltmc, hotfix, msinfo, pending, recognise, services};

use crate::gaps_lie_in;

/// Any of them, read as each of them.
pub fn export(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lie_in = |gaps: &[Gap]| gaps_lie_in(0..text.len() as u64, gaps);
    let _ = recognise(bytes);
    lie_in(&fltmc::filters(&text).gaps);
    lie_in(&fltmc::instances(&text).gaps);
    lie_in(&fltmc::volumes(&text).gaps);
    lie_in(&services::services(&text).gaps);
    lie_in(&driverquery::drivers(&text).gaps);
    lie_in(&hotfix::hotfixes(&text).gaps);
    let system = msinfo::rows(&text);
    lie_in(&system.gaps);
    let _ = msinfo::windows_version(&system.items);
    let pending = pending::pending(&text);
    lie_in(&pending.gaps);
    assert!(pending.targets.len() <= pending::MOST_TARGETS);
    assert!(pending.targets.len() as u64 <= pending.count());
}
