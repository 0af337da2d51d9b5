//! Small hives written from scratch, for tests and examples: nobody's registry is copied.

use super::base::{BASE_BYTES, checksum};
use super::data::Data;
use super::image::PAGE_BYTES;
use super::key::HIVE_ENTRY;
use super::marvin::marvin32;
use super::name::{hash, upper};
use super::value::PIECE_BYTES;

const BIN_BYTES: usize = 4096;
const BIN_HEAD_BYTES: usize = 32;
/// Windows divides lists of keys before they fill a bin of their own.
const MOST_IN_A_LEAF: usize = 507;
const NOTHING: u32 = u32::MAX;
/// 2026-01-02T12:00:00Z.
const WRITTEN: u64 = 134_118_144_000_000_000;

/// The form in which the keys below a key are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    /// `li`: offsets only, as the oldest versions write.
    Plain,
    /// `lf`: with the first four letters.
    Letters,
    /// `lh`: with a hash, as Windows XP and later write.
    Hashes,
}

/// A hive that is being put together.
#[derive(Debug, Clone)]
pub struct HiveBuilder {
    /// The root first, parents before what is below them.
    keys: Vec<BuiltKey>,
    form: ListForm,
    last_written: u64,
    sequence: u32,
}

#[derive(Debug, Clone, Default)]
struct BuiltKey {
    name: String,
    below: Vec<usize>,
    values: Vec<(String, u32, Vec<u8>)>,
}

/// A hive in the middle of a write, and the log that completes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirtyHive {
    /// The hive as it was before the write.
    pub hive: Vec<u8>,
    /// What was to be written.
    pub log: Vec<u8>,
}

impl Default for HiveBuilder {
    fn default() -> Self {
        let root = BuiltKey { name: "ROOT".into(), ..BuiltKey::default() };
        HiveBuilder { keys: vec![root], form: ListForm::Hashes, last_written: WRITTEN, sequence: 7 }
    }
}

impl HiveBuilder {
    /// A hive with a root key and nothing in it.
    #[must_use]
    pub fn new() -> Self {
        HiveBuilder::default()
    }

    /// Lists keys in another form than Windows does today.
    pub fn list_form(&mut self, form: ListForm) -> &mut Self {
        self.form = form;
        self
    }

    /// When the hive and its keys say they were written: 100 ns since 1601.
    pub fn last_written(&mut self, time: u64) -> &mut Self {
        self.last_written = time;
        self
    }

    /// Makes the key at `path` and those above it, if they are not there.
    pub fn key(&mut self, path: &str) -> &mut Self {
        self.find_or_make(path);
        self
    }

    /// Sets a value of the key at `path`, which is made if it is not there.
    pub fn value(&mut self, path: &str, name: &str, data: &Data) -> &mut Self {
        let (kind, bytes) = data.stored();
        self.raw_value(path, name, kind, bytes)
    }

    /// Sets a value of any type to any bytes.
    pub fn raw_value(&mut self, path: &str, name: &str, kind: u32, bytes: Vec<u8>) -> &mut Self {
        let at = self.find_or_make(path);
        let values = &mut self.keys[at].values;
        values.retain(|(own, ..)| own != name);
        values.push((name.to_owned(), kind, bytes));
        self
    }

    fn find_or_make(&mut self, path: &str) -> usize {
        let mut at = 0;
        for name in path.split('\\').filter(|it| !it.is_empty()) {
            let is_it = |below: &&usize| self.keys[**below].name.eq_ignore_ascii_case(name);
            at = match self.keys[at].below.iter().find(is_it) {
                Some(below) => *below,
                None => {
                    self.keys.push(BuiltKey { name: name.to_owned(), ..BuiltKey::default() });
                    let made = self.keys.len() - 1;
                    self.keys[at].below.push(made);
                    made
                }
            };
        }
        at
    }

    /// The hive as a file.
    #[must_use]
    pub fn hive(&self) -> Vec<u8> {
        self.file((self.sequence, self.sequence))
    }

    /// This hive in the middle of becoming `after`, with a log of numbered entries: one for each
    /// page, as Windows 8.1 and later write.
    #[must_use]
    pub fn dirty_with_entries(&self, after: &HiveBuilder) -> DirtyHive {
        let (before, pages, bins_bytes) = self.changed(after);
        let mut log = self.log_head(6, self.sequence, bins_bytes);
        for (sequence, (at, page)) in (self.sequence..).zip(pages) {
            let start = log.len();
            let size = (40 + 8 + page.len()).next_multiple_of(512);
            let mut body = Vec::with_capacity(size);
            put(&mut body, &[at as u32, page.len() as u32]);
            body.extend_from_slice(&page);
            body.resize(size - 40, 0);
            log.extend_from_slice(b"HvLE");
            put(&mut log, &[size as u32, 0, sequence, bins_bytes, 1]);
            log.extend_from_slice(&marvin32(&body).to_le_bytes());
            log.extend_from_slice(&marvin32(&log[start..]).to_le_bytes());
            log.extend_from_slice(&body);
        }
        DirtyHive { hive: before, log }
    }

    /// This hive in the middle of becoming `after`, with a log of one set of pages, as Windows XP
    /// to 8 write.
    #[must_use]
    pub fn dirty_with_pages(&self, after: &HiveBuilder) -> DirtyHive {
        let (before, pages, bins_bytes) = self.changed(after);
        let mut log = self.log_head(1, self.sequence + 1, bins_bytes);
        let mut map = vec![0_u8; (bins_bytes as usize / PAGE_BYTES).div_ceil(8)];
        for page in pages.iter().flat_map(|(at, page)| {
            let first = at / PAGE_BYTES;
            first..first + page.len() / PAGE_BYTES
        }) {
            map[page / 8] |= 1 << (page % 8);
        }
        log.extend_from_slice(b"DIRT");
        log.extend_from_slice(&map);
        log.resize(log.len().next_multiple_of(512), 0);
        log.extend(pages.into_iter().flat_map(|(_, page)| page));
        DirtyHive { hive: before, log }
    }

    /// The hive before with the mark of a write, and the pages of `after` that differ.
    #[expect(clippy::type_complexity, reason = "told once, taken apart at once")]
    fn changed(&self, after: &HiveBuilder) -> (Vec<u8>, Vec<(usize, Vec<u8>)>, u32) {
        let before = self.file((self.sequence + 1, self.sequence));
        let after = after.hive();
        let bins = &after[BASE_BYTES..];
        let pages = bins.chunks(BIN_BYTES).enumerate().filter_map(|(number, page)| {
            let at = number * BIN_BYTES;
            let own = before.get(BASE_BYTES + at..BASE_BYTES + at + page.len());
            (own != Some(page)).then(|| (at, page.to_vec()))
        });
        let pages = pages.collect();
        (before, pages, bins.len() as u32)
    }

    fn log_head(&self, file_type: u32, sequence: u32, bins_bytes: u32) -> Vec<u8> {
        let mut log =
            base(self.last_written, (sequence, sequence), BIN_HEAD_BYTES as u32, bins_bytes);
        log.truncate(512);
        log[28..32].copy_from_slice(&file_type.to_le_bytes());
        let sum = checksum(&log);
        log[508..512].copy_from_slice(&sum.to_le_bytes());
        log
    }

    fn file(&self, sequences: (u32, u32)) -> Vec<u8> {
        let mut bins = Bins::default();
        let nodes: Vec<u32> =
            self.keys.iter().map(|key| bins.hold(76 + name(&key.name).0.len())).collect();
        let mut parents = vec![NOTHING; self.keys.len()];
        for (number, key) in self.keys.iter().enumerate() {
            for below in &key.below {
                parents[*below] = nodes[number];
            }
        }
        for (number, key) in self.keys.iter().enumerate() {
            let list = self.list(&mut bins, key, &nodes);
            let values: Vec<u32> = key.values.iter().map(|it| value(&mut bins, it)).collect();
            let values_at = if values.is_empty() { NOTHING } else { bins.put(&words(&values)) };
            let (bytes, is_narrow) = name(&key.name);
            let mut node = b"nk".to_vec();
            let flags = u16::from(is_narrow) << 5 | if number == 0 { HIVE_ENTRY } else { 0 };
            node.extend_from_slice(&flags.to_le_bytes());
            node.extend_from_slice(&self.last_written.to_le_bytes());
            put(&mut node, &[0, parents[number], key.below.len() as u32, 0, list, NOTHING]);
            put(&mut node, &[values.len() as u32, values_at, NOTHING, NOTHING, 0, 0, 0, 0, 0]);
            put(&mut node, &[bytes.len() as u32]);
            node.extend_from_slice(&bytes);
            bins.fill(nodes[number], &node);
        }
        let bins = bins.finish(self.last_written);
        let mut file = base(self.last_written, sequences, nodes[0], bins.len() as u32);
        file.extend_from_slice(&bins);
        file
    }

    fn list(&self, bins: &mut Bins, key: &BuiltKey, nodes: &[u32]) -> u32 {
        let folded =
            |at: &usize| -> Vec<u16> { self.keys[*at].name.encode_utf16().map(upper).collect() };
        let mut below = key.below.clone();
        below.sort_by_key(folded);
        let leaves: Vec<u32> = below
            .chunks(MOST_IN_A_LEAF)
            .map(|part| {
                let mut leaf = match self.form {
                    ListForm::Plain => b"li",
                    ListForm::Letters => b"lf",
                    ListForm::Hashes => b"lh",
                }
                .to_vec();
                leaf.extend_from_slice(&(part.len() as u16).to_le_bytes());
                for at in part {
                    put(&mut leaf, &[nodes[*at]]);
                    match self.form {
                        ListForm::Plain => {}
                        ListForm::Letters => {
                            let mut letters = name(&self.keys[*at].name).0;
                            letters.resize(4, 0);
                            leaf.extend_from_slice(&letters);
                        }
                        ListForm::Hashes => put(&mut leaf, &[hash(&folded(at))]),
                    }
                }
                bins.put(&leaf)
            })
            .collect();
        match leaves[..] {
            [] => NOTHING,
            [one] => one,
            _ => {
                let mut root = b"ri".to_vec();
                root.extend_from_slice(&(leaves.len() as u16).to_le_bytes());
                put(&mut root, &leaves);
                bins.put(&root)
            }
        }
    }
}

fn value(bins: &mut Bins, (own, kind, bytes): &(String, u32, Vec<u8>)) -> u32 {
    let (size, offset) = match bytes.len() {
        length @ 0..=4 => {
            let mut inline = [0; 4];
            inline[..length].copy_from_slice(bytes);
            (length as u32 | 1 << 31, u32::from_le_bytes(inline))
        }
        length if length > PIECE_BYTES => {
            let pieces: Vec<u32> = bytes.chunks(PIECE_BYTES).map(|it| bins.put(it)).collect();
            let list = bins.put(&words(&pieces));
            let mut head = b"db".to_vec();
            head.extend_from_slice(&(pieces.len() as u16).to_le_bytes());
            put(&mut head, &[list]);
            (length as u32, bins.put(&head))
        }
        length => (length as u32, bins.put(bytes)),
    };
    let (name, is_narrow) = name(own);
    let mut cell = b"vk".to_vec();
    cell.extend_from_slice(&(name.len() as u16).to_le_bytes());
    put(&mut cell, &[size, offset, *kind, u32::from(is_narrow)]);
    cell.extend_from_slice(&name);
    bins.put(&cell)
}

/// A name as stored, and whether in one byte a character.
fn name(text: &str) -> (Vec<u8>, bool) {
    let narrow: Option<Vec<u8>> = text.chars().map(|it| u8::try_from(it).ok()).collect();
    match narrow {
        Some(bytes) => (bytes, true),
        None => (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), false),
    }
}

fn base(written: u64, sequences: (u32, u32), root: u32, bins_bytes: u32) -> Vec<u8> {
    let mut base = super::MAGIC.to_vec();
    put(&mut base, &[sequences.0, sequences.1]);
    base.extend_from_slice(&written.to_le_bytes());
    put(&mut base, &[1, 5, 0, 1, root, bins_bytes, 1]);
    base.resize(BASE_BYTES, 0);
    let sum = checksum(&base);
    base[508..512].copy_from_slice(&sum.to_le_bytes());
    base
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn put(into: &mut Vec<u8>, numbers: &[u32]) {
    into.extend(words(numbers));
}

/// Bins with their cells, and how much of the last one is free.
#[derive(Default)]
struct Bins {
    bytes: Vec<u8>,
    /// Where bins begin.
    starts: Vec<usize>,
    /// End of what is used of the last bin.
    used: usize,
}

impl Bins {
    /// Room for a cell with `length` bytes of content.
    fn hold(&mut self, length: usize) -> u32 {
        let size = (length + 4).next_multiple_of(8);
        if self.used + size > self.bytes.len() {
            self.close();
            self.starts.push(self.bytes.len());
            self.used = self.bytes.len() + BIN_HEAD_BYTES;
            let bin = (BIN_HEAD_BYTES + size).next_multiple_of(BIN_BYTES);
            self.bytes.resize(self.bytes.len() + bin, 0);
        }
        let at = self.used;
        self.used += size;
        self.bytes[at..at + 4].copy_from_slice(&(-(size as i32)).to_le_bytes());
        at as u32
    }

    fn put(&mut self, content: &[u8]) -> u32 {
        let at = self.hold(content.len());
        self.fill(at, content);
        at
    }

    fn fill(&mut self, at: u32, content: &[u8]) {
        let from = at as usize + 4;
        self.bytes[from..from + content.len()].copy_from_slice(content);
    }

    /// What is left of the last bin becomes one free cell.
    fn close(&mut self) {
        let free = (self.bytes.len() - self.used) as u32;
        if free > 0 {
            self.bytes[self.used..self.used + 4].copy_from_slice(&free.to_le_bytes());
        }
    }

    fn finish(mut self, written: u64) -> Vec<u8> {
        self.close();
        let ends = self.starts.iter().skip(1).copied().chain([self.bytes.len()]);
        let bins: Vec<(usize, usize)> = self.starts.iter().copied().zip(ends).collect();
        for (start, end) in bins {
            let mut head = b"hbin".to_vec();
            put(&mut head, &[start as u32, (end - start) as u32, 0, 0]);
            head.extend_from_slice(&if start == 0 { written } else { 0 }.to_le_bytes());
            self.bytes[start..start + head.len()].copy_from_slice(&head);
        }
        self.bytes
    }
}
