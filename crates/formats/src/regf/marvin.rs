//! Marvin32, the checksum of log entries (published by Microsoft under the MIT licence).

/// The seed that Windows uses for the logs of hives.
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

/// The checksum of `bytes` as log entries carry it.
pub(super) fn marvin32(bytes: &[u8]) -> u64 {
    let mut state = (SEED as u32, (SEED >> 32) as u32);
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        state = mix(state, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    state = mix(mix(state, u32::from_le_bytes(last)), 0);
    u64::from(state.0) | u64::from(state.1) << 32
}

fn mix((low, high): (u32, u32), word: u32) -> (u32, u32) {
    let low = low.wrapping_add(word);
    let high = high ^ low;
    let low = low.rotate_left(20).wrapping_add(high);
    let high = high.rotate_left(9) ^ low;
    let low = low.rotate_left(27).wrapping_add(high);
    (low, high.rotate_left(19))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Low and high half joined by exclusive or, as public test vectors for this seed have it.
    #[test]
    fn known_texts_have_their_known_checksums() {
        for (text, wanted) in [("", 0xb008_92ac), ("h", 0xf41a_608e), ("he", 0x1110_7c6b)] {
            let sum = marvin32(text.as_bytes());
            assert_eq!(sum as u32 ^ (sum >> 32) as u32, wanted, "{text}");
        }
    }
}
