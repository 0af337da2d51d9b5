//! Lists that somebody printed on the PC: filters, services, updates, and what waits for a restart.

use std::collections::BTreeSet;
use std::io::Read;

use unwedge_formats::Gap;
use unwedge_formats::export::compatibility::{self, Block};
use unwedge_formats::export::{ExportKind, driverquery, fltmc, hotfix, msinfo, pending, services};

use super::decoded;

/// Such lists have some kilobytes, a report of msinfo32 some megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// A list that was printed.
#[derive(Debug)]
pub struct Printed {
    /// The name by which it is cited.
    pub source: String,
    /// What it says.
    pub says: Says,
}

/// What a printed list says, as far as it is asked for.
#[derive(Debug)]
pub enum Says {
    /// Loaded filters: name and altitude.
    Filters(Vec<(String, Option<String>)>),
    /// Services.
    Services(Vec<services::Service>),
    /// What setup found in the way of an upgrade.
    Blocks(Vec<Block>),
    /// How many items of another kind.
    Count(u64),
}

/// Reads a list of this kind that begins with `head`; gives it with its number of items.
pub(super) fn read(
    kind: ExportKind,
    head: &[u8],
    rest: &mut dyn Read,
) -> std::io::Result<(Says, u64, Vec<Gap>)> {
    let mut bytes = head.to_vec();
    rest.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&decoded(&bytes)).into_owned();
    let counted = |count: usize, gaps| (Says::Count(count as u64), count as u64, gaps);
    Ok(match kind {
        ExportKind::Filters => {
            let read = fltmc::filters(&text);
            let filters: Vec<_> =
                read.items.into_iter().map(|filter| (filter.name, filter.altitude)).collect();
            let count = filters.len() as u64;
            (Says::Filters(filters), count, read.gaps)
        }
        ExportKind::FilterInstances => {
            let read = fltmc::instances(&text);
            let filters: BTreeSet<_> =
                read.items.into_iter().map(|it| (it.filter, Some(it.altitude))).collect();
            let count = filters.len() as u64;
            (Says::Filters(filters.into_iter().collect()), count, read.gaps)
        }
        ExportKind::Services => {
            let read = services::services(&text);
            let count = read.items.len() as u64;
            (Says::Services(read.items), count, read.gaps)
        }
        ExportKind::Compatibility => {
            let read = compatibility::blocks(&text);
            let count = read.items.len() as u64;
            (Says::Blocks(read.items), count, read.gaps)
        }
        ExportKind::FilterVolumes => {
            let read = fltmc::volumes(&text);
            counted(read.items.len(), read.gaps)
        }
        ExportKind::Drivers => {
            let read = driverquery::drivers(&text);
            counted(read.items.len(), read.gaps)
        }
        ExportKind::SystemInformation => {
            let read = msinfo::rows(&text);
            counted(read.items.len(), read.gaps)
        }
        ExportKind::Hotfixes => {
            let read = hotfix::hotfixes(&text);
            counted(read.items.len(), read.gaps)
        }
        ExportKind::PendingOperations => {
            let read = pending::pending(&text);
            let count = read.count();
            (Says::Count(count), count, read.gaps)
        }
    })
}
