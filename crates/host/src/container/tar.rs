//! Tar archives: POSIX ustar and pax, and the long names of GNU tar.

use std::io::{Error, ErrorKind, Read, Result};

use tar::{Archive, EntryType};

use super::level::{Entry, Take, Want};

/// Long names and pax records beyond this are not taken.
const LONGEST_NAME_BYTES: u64 = 64 << 10;

/// Hands the wanted files of an archive to `take`, in their order.
pub(super) fn each(stream: impl Read, want: Want, take: &mut Take<'_>) -> Result<()> {
    let mut archive = Archive::new(stream);
    let mut long_name = None;
    // Raw entries: the library would take a long name of any length into memory.
    for (index, item) in archive.entries()?.raw(true).enumerate() {
        let mut item = item?;
        let kind = item.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                long_name = Some(text(&mut item)?);
                continue;
            }
            EntryType::XHeader => {
                long_name = pax_path(&text(&mut item)?).or(long_name);
                continue;
            }
            // Comes between a long name and its file.
            EntryType::GNULongLink => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {}
            _ => {
                long_name = None;
                continue;
            }
        }
        let own = String::from_utf8_lossy(&item.path_bytes()).into_owned();
        let name = Some(long_name.take().unwrap_or(own));
        if !want.includes(index) {
            continue;
        }
        let content: Result<&mut dyn Read> = match kind {
            EntryType::GNUSparse => {
                let why = "a sparse file: unpack the archive and give the folder";
                Err(Error::new(ErrorKind::InvalidData, why))
            }
            _ => Ok(&mut item),
        };
        if take(Entry { index, name, content }).is_break() {
            break;
        }
    }
    Ok(())
}

fn text(item: &mut impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    item.take(LONGEST_NAME_BYTES).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The path among pax records, each `length key=value\n` (POSIX.1-2017, pax, "pax Extended Header").
fn pax_path(records: &str) -> Option<String> {
    records.lines().find_map(|record| {
        let (_, pair) = record.split_once(' ')?;
        pair.strip_prefix("path=").map(str::to_owned)
    })
}
