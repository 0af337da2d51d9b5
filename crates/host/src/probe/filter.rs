//! Filters of file systems that are loaded now, as the Filter Manager tells them.

/// A filter that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFilter {
    /// Its name, which is that of its service.
    pub name: String,
    /// Where it stands among others: a decimal number such as `328000.5`; filters of the old kind
    /// may have none.
    pub altitude: Option<String>,
    /// The frame of the Filter Manager it stands in; `None` for a filter of the old kind.
    pub frame: Option<u32>,
    /// To how many volumes it is attached; `None` for a filter of the old kind.
    pub instances: Option<u32>,
}

impl LoadedFilter {
    /// Whether it is of the kind from before the Filter Manager.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.frame.is_none()
    }
}

/// Bytes before the form begins that `Flags` tells.
const HEAD_BYTES: usize = 8;
/// `FLTFL_ASI_IS_MINIFILTER` and `FLTFL_ASI_IS_LEGACYFILTER` of `fltUserStructures.h`.
const IS_MINIFILTER: u32 = 1;
const IS_LEGACY: u32 = 2;
/// A buffer holds one filter; some systems give several in one.
const MOST_IN_ONE: usize = 1024;

/// Reads what `FilterFindFirst` and `FilterFindNext` fill in for
/// `FilterAggregateStandardInformation`: a chain of `FILTER_AGGREGATE_STANDARD_INFORMATION`.
///
/// `None` if it is cut off or points outside of itself.
#[must_use]
pub fn aggregate(bytes: &[u8]) -> Option<Vec<LoadedFilter>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    for _ in 0..MOST_IN_ONE {
        let one = bytes.get(at..)?;
        let flags = number(one, 4)?;
        let (frame, instances, names_at) = match flags & (IS_MINIFILTER | IS_LEGACY) {
            IS_MINIFILTER => (
                Some(number(one, HEAD_BYTES + 4)?),
                Some(number(one, HEAD_BYTES + 8)?),
                HEAD_BYTES + 12,
            ),
            IS_LEGACY => (None, None, HEAD_BYTES + 4),
            _ => return None,
        };
        // Offsets are counted from the beginning of the structure, lengths in bytes.
        let altitude = text(one, short(one, names_at + 6)?, short(one, names_at + 4)?)?;
        found.push(LoadedFilter {
            name: text(one, short(one, names_at + 2)?, short(one, names_at)?)?,
            altitude: Some(altitude).filter(|it| !it.is_empty()),
            frame,
            instances,
        });
        match number(one, 0)? as usize {
            0 => return Some(found),
            next => at = at.checked_add(next)?,
        }
    }
    None
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn text(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    let units = bytes.get(at..at + length)?.chunks_exact(2);
    let units: Vec<u16> = units.map(|it| u16::from_le_bytes([it[0], it[1]])).collect();
    Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn structure(next: u32, flags: u32, numbers: &[u32], name: &str, altitude: &str) -> Vec<u8> {
        let wide = |it: &str| it.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let (name, altitude) = (wide(name), wide(altitude));
        let mut bytes: Vec<u8> = [next, flags, 0].iter().flat_map(|it| it.to_le_bytes()).collect();
        bytes.extend(numbers.iter().flat_map(|it| it.to_le_bytes()));
        let names = bytes.len() + 8;
        let parts = [name.len(), names, altitude.len(), names + name.len()];
        bytes.extend(parts.iter().flat_map(|it| (*it as u16).to_le_bytes()));
        bytes.extend(name);
        bytes.extend(altitude);
        bytes
    }

    #[test]
    fn minifilters_and_those_of_the_old_kind_are_told_apart() {
        let mut first = structure(0, 1, &[0, 4], "WdFilter", "328010");
        let next = first.len() as u32;
        first[..4].copy_from_slice(&next.to_le_bytes());
        first.extend(structure(0, 2, &[], "OldWatch", ""));
        let found = aggregate(&first).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].instances), ("WdFilter", Some(4)));
        assert_eq!(found[0].altitude.as_deref(), Some("328010"));
        assert!(!found[0].is_legacy() && found[1].is_legacy());
        assert_eq!(found[1].altitude, None);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _: Option<Vec<LoadedFilter>> = aggregate(&bytes);
        }
    }
}
