//! Writes small event logs for tests and fixtures, in the layout Windows writes.

use std::collections::HashMap;

use super::chunk::{CHUNK_BYTES, CHUNK_MARK};
use super::event::Event;
use super::{FILE_HEAD_BYTES, FILE_MARK};

/// Where the records of a chunk begin.
const RECORDS_AT: usize = 512;

/// Builds an event log from events.
///
/// The number of each record, its time, level, provider, channel, computer and data are those of
/// the [`Event`]; a number of 0 becomes the next one. Data become texts. Data named `param1`,
/// `param2` and so on are written without names, as old programs do, with the provider in the
/// template; all others with names and the provider among the values. Data of
/// [`user_event`](Self::user_event) become elements of `UserData`.
#[derive(Debug, Clone, Default)]
pub struct EvtxBuilder {
    chunks: Vec<Chunk>,
    next_record: u64,
}

impl EvtxBuilder {
    /// A log without events.
    #[must_use]
    pub fn new() -> Self {
        Self { chunks: Vec::new(), next_record: 1 }
    }

    /// Adds an event whose data stand in `EventData`.
    ///
    /// # Panics
    /// When the event is larger than a chunk; this is for fixtures.
    #[must_use]
    pub fn event(self, event: &Event) -> Self {
        self.add(event, None)
    }

    /// Adds an event whose data are the elements of this one in `UserData`.
    ///
    /// # Panics
    /// When the event is larger than a chunk.
    #[must_use]
    pub fn user_event(self, element: &str, event: &Event) -> Self {
        self.add(event, Some(element))
    }

    /// Begins a new chunk with the next event.
    #[must_use]
    pub fn next_chunk(mut self) -> Self {
        self.chunks.push(Chunk::new());
        self
    }

    /// The log as the bytes of a file.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        let chunks = if self.chunks.is_empty() { vec![Chunk::new()] } else { self.chunks };
        let mut file = vec![0; FILE_HEAD_BYTES];
        file[..8].copy_from_slice(FILE_MARK);
        put(&mut file, 16, &(chunks.len() as u64 - 1).to_le_bytes());
        put(&mut file, 24, &self.next_record.to_le_bytes());
        put(&mut file, 32, &128_u32.to_le_bytes());
        // Version 3.1.
        put(&mut file, 36, &[1, 0, 3, 0]);
        put(&mut file, 40, &(FILE_HEAD_BYTES as u16).to_le_bytes());
        put(&mut file, 42, &(chunks.len() as u16).to_le_bytes());
        let checksum = crc32fast::hash(&file[..120]);
        put(&mut file, 124, &checksum.to_le_bytes());
        for chunk in chunks {
            file.extend(chunk.build());
        }
        file
    }

    fn add(mut self, event: &Event, user_element: Option<&str>) -> Self {
        let mut event = event.clone();
        if event.record == 0 {
            event.record = self.next_record;
        }
        self.next_record = event.record + 1;
        let added = self.chunks.last().map(|chunk| chunk.clone().with(&event, user_element));
        if let Some(Some(chunk)) = added {
            *self.chunks.last_mut().expect("a chunk was added to") = chunk;
        } else {
            let chunk = Chunk::new().with(&event, user_element);
            self.chunks.push(chunk.expect("an event of a fixture fits into a chunk"));
        }
        self
    }
}

/// A chunk under way.
#[derive(Debug, Clone)]
struct Chunk {
    bytes: Vec<u8>,
    names: HashMap<String, u32>,
    /// Offset of each template by what it is for.
    templates: HashMap<String, u32>,
    records: Option<(u64, u64)>,
    last_record_at: usize,
}

impl Chunk {
    fn new() -> Self {
        Self {
            bytes: vec![0; RECORDS_AT],
            names: HashMap::new(),
            templates: HashMap::new(),
            records: None,
            last_record_at: 0,
        }
    }

    /// The chunk with one more record; `None` when it does not fit.
    fn with(mut self, event: &Event, user_element: Option<&str>) -> Option<Self> {
        let start = self.bytes.len();
        self.bytes.extend(b"**\0\0\0\0\0\0");
        self.bytes.extend(event.record.to_le_bytes());
        self.bytes.extend(event.time.to_le_bytes());
        self.event(event, user_element);
        // Records are as long as a multiple of eight.
        while !(self.bytes.len() - start + 4).is_multiple_of(8) {
            self.bytes.push(0);
        }
        let size = (self.bytes.len() - start + 4) as u32;
        self.bytes.extend(size.to_le_bytes());
        put(&mut self.bytes, start + 4, &size.to_le_bytes());
        self.records = Some((self.records.map_or(event.record, |(first, _)| first), event.record));
        self.last_record_at = start;
        (self.bytes.len() <= CHUNK_BYTES).then_some(self)
    }

    fn build(mut self) -> Vec<u8> {
        let end = self.bytes.len();
        let checksum = crc32fast::hash(&self.bytes[RECORDS_AT..]);
        self.bytes.resize(CHUNK_BYTES, 0);
        let bytes = &mut self.bytes;
        bytes[..8].copy_from_slice(CHUNK_MARK);
        let (first, last) = self.records.unwrap_or((1, 0));
        for (at, number) in [(8, first), (16, last), (24, first), (32, last)] {
            put(bytes, at, &number.to_le_bytes());
        }
        put(bytes, 40, &128_u32.to_le_bytes());
        put(bytes, 44, &(self.last_record_at as u32).to_le_bytes());
        put(bytes, 48, &(end as u32).to_le_bytes());
        put(bytes, 52, &checksum.to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&bytes[..120]);
        checksum.update(&bytes[128..RECORDS_AT]);
        put(bytes, 124, &checksum.finalize().to_le_bytes());
        self.bytes
    }

    /// The content of a record: the template of the head, filled.
    fn event(&mut self, event: &Event, user_element: Option<&str>) {
        let unnamed =
            |(index, (name, _)): (usize, &(String, String))| *name == format!("param{}", index + 1);
        let is_old = user_element.is_none() && event.data.iter().enumerate().all(unnamed);
        let provider = if is_old { event.provider.as_str() } else { "" };
        self.instance(&format!("event\0{provider}"), |chunk| chunk.event_template(provider));
        let inner_at = self.values(&[
            (0x04, vec![event.level]),
            (0x06, (event.id as u16).to_le_bytes().to_vec()),
            (0x11, event.time.to_le_bytes().to_vec()),
            (0x0a, event.record.to_le_bytes().to_vec()),
            if is_old { (0x00, Vec::new()) } else { (0x01, utf16(&event.provider)) },
            (0x01, utf16(&event.channel)),
            (0x01, utf16(&event.computer)),
            (0x21, Vec::new()),
        ]);
        let start = self.bytes.len();
        self.data(event, user_element, is_old);
        // The size of the last value is known only now: names in it stand at their offset in the
        // chunk, so it cannot be made beforehand.
        let size = (self.bytes.len() - start) as u16;
        put(&mut self.bytes, inner_at, &size.to_le_bytes());
        self.bytes.push(0);
    }

    /// The data: a template of their own.
    fn data(&mut self, event: &Event, user_element: Option<&str>, is_old: bool) {
        let names: Vec<&str> = event.data.iter().map(|(name, _)| name.as_str()).collect();
        let joined = names.join("\0");
        match user_element {
            Some(element) => self.instance(&format!("user\0{element}\0{joined}"), |chunk| {
                chunk.element("UserData", &[], |chunk| {
                    chunk.element(element, &[], |chunk| {
                        for (slot, name) in names.iter().enumerate() {
                            chunk.element(name, &[], |chunk| chunk.slot(slot as u16, 0x01));
                        }
                    });
                });
            }),
            None if is_old => self.instance("unnamed", |chunk| {
                chunk.element("EventData", &[], |chunk| {
                    chunk.element("Data", &[], |chunk| chunk.slot(0, 0x81));
                });
            }),
            None => self.instance(&format!("named\0{joined}"), |chunk| {
                chunk.element("EventData", &[], |chunk| {
                    for (slot, name) in names.iter().enumerate() {
                        let name = [("Name", Content::Text(name))];
                        chunk.element("Data", &name, |chunk| chunk.slot(slot as u16, 0x01));
                    }
                });
            }),
        }
        if is_old {
            let ended = |text: &String| [utf16(text), vec![0, 0]].concat();
            let strings = event.data.iter().flat_map(|(_, text)| ended(text)).collect();
            self.values(&[(0x81, strings)]);
        } else {
            let values: Vec<_> = event.data.iter().map(|(_, text)| (0x01, utf16(text))).collect();
            self.values(&values);
        }
        self.bytes.push(0);
    }

    fn event_template(&mut self, provider: &str) {
        let namespace = "http://schemas.microsoft.com/win/2004/08/events/event";
        let name =
            if provider.is_empty() { Content::Slot(4, 0x01) } else { Content::Text(provider) };
        self.element("Event", &[("xmlns", Content::Text(namespace))], |chunk| {
            chunk.element("System", &[], |chunk| {
                chunk.empty_element("Provider", &[("Name", name)]);
                chunk.element("EventID", &[], |chunk| chunk.slot(1, 0x06));
                chunk.element("Level", &[], |chunk| chunk.slot(0, 0x04));
                chunk.empty_element("TimeCreated", &[("SystemTime", Content::Slot(2, 0x11))]);
                chunk.element("EventRecordID", &[], |chunk| chunk.slot(3, 0x0a));
                chunk.element("Channel", &[], |chunk| chunk.slot(5, 0x01));
                chunk.element("Computer", &[], |chunk| chunk.slot(6, 0x01));
            });
            chunk.slot(7, 0x21);
        });
    }

    /// An instance of a template, up to but without its values; the template itself stands in the
    /// record that is the first to use it.
    fn instance(&mut self, what: &str, template: impl FnOnce(&mut Self)) {
        self.bytes.extend([0x0f, 1, 1, 0, 0x0c, 1]);
        // Stands in for the GUID: different for each template.
        let identity = crc32fast::hash(what.as_bytes()).to_le_bytes();
        self.bytes.extend(identity);
        if let Some(at) = self.templates.get(what) {
            self.bytes.extend(at.to_le_bytes());
            return;
        }
        let at = self.bytes.len() + 4;
        self.bytes.extend((at as u32).to_le_bytes());
        self.templates.insert(what.to_owned(), at as u32);
        // 32 chains of templates begin in the head of the chunk.
        let bucket = 384 + 4 * (u32::from_le_bytes(identity) as usize % 32);
        self.link(bucket, at);
        self.bytes.extend(identity.repeat(4));
        let size_at = self.bytes.len();
        self.bytes.extend([0, 0, 0, 0, 0x0f, 1, 1, 0]);
        template(self);
        self.bytes.push(0);
        self.put_size(size_at);
    }

    /// Puts what begins at `at` in front of a chain.
    fn link(&mut self, bucket: usize, at: usize) {
        let next: [u8; 4] = self.bytes[bucket..bucket + 4].try_into().expect("four bytes");
        self.bytes.extend(next);
        put(&mut self.bytes, bucket, &(at as u32).to_le_bytes());
    }

    /// The values of an instance; gives the place of the last one's size.
    fn values(&mut self, values: &[(u8, Vec<u8>)]) -> usize {
        self.bytes.extend((values.len() as u32).to_le_bytes());
        for (kind, bytes) in values {
            self.bytes.extend((bytes.len() as u16).to_le_bytes());
            self.bytes.extend([*kind, 0]);
        }
        let last_size_at = self.bytes.len() - 4;
        for (_, bytes) in values {
            self.bytes.extend(bytes);
        }
        last_size_at
    }

    fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, Content<'_>)],
        inside: impl FnOnce(&mut Self),
    ) {
        let size_at = self.start(name, attributes);
        self.bytes.push(0x02);
        inside(self);
        self.bytes.push(0x04);
        self.put_size(size_at);
    }

    fn empty_element(&mut self, name: &str, attributes: &[(&str, Content<'_>)]) {
        let size_at = self.start(name, attributes);
        self.bytes.push(0x03);
        self.put_size(size_at);
    }

    /// The start of an element, up to but without its end; gives the place of its size.
    fn start(&mut self, name: &str, attributes: &[(&str, Content<'_>)]) -> usize {
        self.bytes.push(if attributes.is_empty() { 0x01 } else { 0x41 });
        // It depends on no slot.
        self.bytes.extend([0xff, 0xff]);
        let size_at = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.name(name);
        if !attributes.is_empty() {
            let attributes_size_at = self.bytes.len();
            self.bytes.extend([0; 4]);
            for (index, (name, content)) in attributes.iter().enumerate() {
                let is_last = index + 1 == attributes.len();
                self.bytes.push(if is_last { 0x06 } else { 0x46 });
                self.name(name);
                match content {
                    Content::Slot(slot, kind) => self.slot(*slot, *kind),
                    Content::Text(text) => {
                        let units = utf16(text);
                        self.bytes.extend([0x05, 0x01]);
                        self.bytes.extend((units.len() as u16 / 2).to_le_bytes());
                        self.bytes.extend(units);
                    }
                }
            }
            self.put_size(attributes_size_at);
        }
        size_at
    }

    /// Brings the size at this place up to date, which counts all bytes behind it.
    fn put_size(&mut self, at: usize) {
        let size = (self.bytes.len() - at - 4) as u32;
        put(&mut self.bytes, at, &size.to_le_bytes());
    }

    fn slot(&mut self, slot: u16, kind: u8) {
        self.bytes.push(0x0e);
        self.bytes.extend(slot.to_le_bytes());
        self.bytes.push(kind);
    }

    /// The offset of a name; the name itself follows where it is used first.
    fn name(&mut self, name: &str) {
        if let Some(at) = self.names.get(name) {
            self.bytes.extend(at.to_le_bytes());
            return;
        }
        let at = self.bytes.len() + 4;
        self.bytes.extend((at as u32).to_le_bytes());
        self.names.insert(name.to_owned(), at as u32);
        let units = utf16(name);
        let hash = units.chunks_exact(2).fold(0_u32, |hash, unit| {
            let unit = u16::from_le_bytes([unit[0], unit[1]]);
            hash.wrapping_mul(65_599).wrapping_add(u32::from(unit))
        }) as u16;
        // 64 chains of names begin in the head of the chunk.
        self.link(128 + 4 * (usize::from(hash) % 64), at);
        self.bytes.extend(hash.to_le_bytes());
        self.bytes.extend((units.len() as u16 / 2).to_le_bytes());
        self.bytes.extend(units);
        self.bytes.extend([0, 0]);
    }
}

/// What an attribute says.
#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Text(&'a str),
    /// The value of a slot, and its type.
    Slot(u16, u8),
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
