//! The bytes of a hive, read page by page as they are asked for, with the logged ones on top.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Logs name what they change in units of this.
pub(super) const PAGE_BYTES: usize = 512;
/// How much is read at once: bins are at least 4 KiB, and neighbours are often asked for next.
const CHUNK_BYTES: usize = 16 << 10;

/// Where the bytes of a hive come from.
pub trait Pages: Send + Sync {
    /// Size of the whole in bytes.
    fn size_bytes(&self) -> u64;

    /// Fills `into` from `offset` on and says how many bytes there were; fewer than asked for are
    /// the end, or a place that cannot be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize;
}

impl Pages for &[u8] {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = self.get(from..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        count
    }
}

impl Pages for Vec<u8> {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        self.as_slice().read_at(offset, into)
    }
}

/// Pages of the file by their number, as the logs have them.
pub(super) type Patches = BTreeMap<u64, Box<[u8]>>;

pub(super) struct Image<'s> {
    source: Box<dyn Pages + 's>,
    chunks: Vec<OnceLock<Box<[u8]>>>,
    patches: Patches,
    size_bytes: u64,
}

impl<'s> Image<'s> {
    pub(super) fn new(source: Box<dyn Pages + 's>) -> Self {
        // Offsets in a hive have 32 bits, so that nothing can lie further.
        let size_bytes = source.size_bytes().min(u64::from(u32::MAX));
        let mut image = Image { source, chunks: Vec::new(), patches: Patches::new(), size_bytes };
        image.forget();
        image
    }

    /// Lays `patches` over what was read so far and will be read; the hive may grow by them.
    pub(super) fn patch(&mut self, patches: Patches, grown_bytes: u64) {
        if patches.is_empty() {
            return;
        }
        // A hive grows only by what its logs hold.
        let held = patches.last_key_value().map_or(0, |(page, _)| (page + 1) * PAGE_BYTES as u64);
        self.size_bytes = self.size_bytes.max(held.min(grown_bytes)).min(u64::from(u32::MAX));
        self.patches = patches;
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        let count = self.size_bytes.div_ceil(CHUNK_BYTES as u64) as usize;
        self.chunks = std::iter::repeat_with(OnceLock::new).take(count).collect();
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// `length` bytes at `from`; `None` if not all of them are there.
    pub(super) fn bytes(&self, from: u64, length: usize) -> Option<Cow<'_, [u8]>> {
        let end = from.checked_add(length as u64).filter(|end| *end <= self.size_bytes)?;
        let first = self.chunk((from / CHUNK_BYTES as u64) as usize)?;
        let within = (from % CHUNK_BYTES as u64) as usize;
        if within + length <= CHUNK_BYTES {
            return first.get(within..within + length).map(Cow::Borrowed);
        }
        let mut all = Vec::with_capacity(length);
        all.extend_from_slice(first.get(within..)?);
        let mut at = from - within as u64 + CHUNK_BYTES as u64;
        while at < end {
            let count = ((end - at) as usize).min(CHUNK_BYTES);
            all.extend_from_slice(self.chunk((at / CHUNK_BYTES as u64) as usize)?.get(..count)?);
            at += CHUNK_BYTES as u64;
        }
        (all.len() == length).then_some(Cow::Owned(all))
    }

    pub(super) fn u32_at(&self, from: u64) -> Option<u32> {
        let bytes = self.bytes(from, 4)?;
        Some(u32::from_le_bytes(bytes.as_ref().try_into().ok()?))
    }

    /// Reads past the store of chunks, for walking over a whole hive once.
    pub(super) fn read_through(&self, from: u64, into: &mut [u8]) -> usize {
        let wanted = self.size_bytes.saturating_sub(from).min(into.len() as u64) as usize;
        let into = &mut into[..wanted];
        let mut count = self.source.read_at(from, into).min(wanted);
        into[count..].fill(0);
        let first = from / PAGE_BYTES as u64;
        let last = (from + wanted as u64).div_ceil(PAGE_BYTES as u64);
        if first >= last {
            return count;
        }
        for (page, bytes) in self.patches.range(first..last) {
            let at = page * PAGE_BYTES as u64;
            let skipped = from.saturating_sub(at) as usize;
            let to = at.saturating_sub(from) as usize;
            let bytes = bytes.get(skipped..).unwrap_or_default();
            let length = bytes.len().min(wanted.saturating_sub(to));
            into[to..to + length].copy_from_slice(&bytes[..length]);
            count = count.max(to + length);
        }
        count
    }

    fn chunk(&self, number: usize) -> Option<&[u8]> {
        let chunk = self.chunks.get(number)?.get_or_init(|| {
            let mut bytes = vec![0; CHUNK_BYTES];
            let count = self.read_through((number * CHUNK_BYTES) as u64, &mut bytes);
            bytes.truncate(count);
            bytes.into_boxed_slice()
        });
        Some(chunk)
    }
}
