//! Registry hives with a log beside them: all keys and values of it, however they lie.

use unwedge_formats::regf::{Hive, is_log};

use crate::gaps_lie_in;

/// So many bytes of data are looked at: values may share theirs.
const MOST_DATA_BYTES: usize = 1 << 20;
/// So many values are looked at: keys may share theirs.
const MOST_VALUES: usize = 20_000;

/// Four bytes that say how long the hive is, the hive, and its log.
pub fn hive(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (hive, log) = rest.split_at(length.min(rest.len()));
    let _ = (is_log(hive), is_log(log));
    opened(hive, &[]);
    opened(hive, &[log]);
    opened(hive, &[log, log]);
}

fn opened(bytes: &[u8], logs: &[&[u8]]) {
    let Ok(mut hive) = Hive::open(bytes, logs) else { return };
    let _ = (hive.freshness(), hive.last_written());
    let (mut keys, mut values_left, mut data_left) = (0_u64, MOST_VALUES, MOST_DATA_BYTES);
    let gaps = hive.walk(|key| {
        keys += 1;
        let _ = (key.name(), key.last_written());
        if values_left == 0 || data_left == 0 {
            return;
        }
        let values = key.values();
        gaps_lie_in(0..u64::MAX, &values.gaps);
        for value in &values.items {
            let name = value.name();
            values_left = values_left.saturating_sub(1);
            if let Ok(stored) = value.bytes() {
                data_left = data_left.saturating_sub(stored.len().max(1));
                let _ = value.data().expect("its bytes could be read").stored();
            }
            if values_left == 0 || data_left == 0 {
                break;
            }
            // What is no Unicode cannot be spelled to look for it.
            if keys < 8 && !name.contains('\u{fffd}') {
                let found = key.value(&name);
                assert!(!matches!(found, Ok(None)), "{name:?} is listed and not found");
            }
        }
    });
    gaps_lie_in(0..u64::MAX, &gaps);
    gaps_lie_in(0..u64::MAX, hive.gaps());
    assert!(hive.root().is_err() || keys > 0);
    assert_eq!(hive.key_count(), keys);
    let _ = (hive.key(r"ControlSet001\Services\wuauserv"), hive.key(r"Select"), hive.key(""));
    hive.forget();
    assert_eq!(hive.key_count(), keys, "another hive after it was forgotten");
}
