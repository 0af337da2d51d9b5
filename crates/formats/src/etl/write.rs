//! Writes small traces for tests and fixtures, in the form in which Windows writes them.

use super::bytes::Guid;
use super::event::WINDOWS_UPDATE;
use super::header::BUFFER_HEADER;

/// A trace in the making. Times are given in ticks of 100 ns after its start.
///
/// ```
/// use unwedge_formats::etl::{Zone, decode, ticks_at, write::EtlBuilder};
///
/// let start = ticks_at(jiff::civil::date(2025, 3, 17).at(15, 43, 15, 0));
/// let trace = EtlBuilder::new(start).update(1_571_414, 18348, 7716, "Misc", "text").finish();
/// let log = decode(&trace).to_log(&Zone::UTC);
/// assert_eq!(log, b"2025/03/17 15:43:15.1571414 18348 7716  Misc            text\n");
/// ```
#[derive(Debug, Clone)]
pub struct EtlBuilder {
    start: u64,
    build: u32,
    zone: [u8; 172],
    clock_type: u32,
    frequency: u64,
    lost: (u32, u32),
    is_wide: bool,
    records: Vec<Vec<u8>>,
}

/// The stamp of the first record, as a PC that has been up for a while would have it.
const FIRST: u64 = 5_000_000_000;

impl EtlBuilder {
    /// A trace of 64-bit Windows Server 2022 in UTC that begins at a time in FILETIME ticks.
    #[must_use]
    pub fn new(start: u64) -> Self {
        EtlBuilder {
            start,
            build: 20_348,
            zone: [0; 172],
            clock_type: 1,
            frequency: 10_000_000,
            lost: (0, 0),
            is_wide: true,
            records: Vec::new(),
        }
    }

    /// Sets the build of Windows.
    #[must_use]
    pub fn build(mut self, build: u32) -> Self {
        self.build = build;
        self
    }

    /// Sets the zone: so many minutes west of UTC, no summer time.
    #[must_use]
    pub fn bias(mut self, minutes: i32) -> Self {
        self.zone[..4].copy_from_slice(&minutes.to_le_bytes());
        self
    }

    /// Sets the kind of clock (1 counter, 2 system time, 3 processor) and how often it counts in a
    /// second.
    #[must_use]
    pub fn clock(mut self, clock_type: u32, frequency: u64) -> Self {
        (self.clock_type, self.frequency) = (clock_type, frequency);
        self
    }

    /// Sets how many events and buffers Windows says it lost.
    #[must_use]
    pub fn lost(mut self, events: u32, buffers: u32) -> Self {
        self.lost = (events, buffers);
        self
    }

    /// Writes the form of 32-bit Windows.
    #[must_use]
    pub fn narrow(mut self) -> Self {
        self.is_wide = false;
        self
    }

    /// Adds a line of Windows Update.
    #[must_use]
    pub fn update(
        self,
        after: u64,
        process: u32,
        thread: u32,
        component: &str,
        text: &str,
    ) -> Self {
        let payload: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let event = described(component, b"Info\0\x01");
        let event = Described { provider: "WUTraceLogging", schema: &event, payload: &payload };
        self.event(after, process, thread, WINDOWS_UPDATE, &event)
    }

    /// Adds an event of another provider: the name of the event, and its fields and their values
    /// in the form of TraceLogging.
    #[must_use]
    pub fn trace_logging(
        self,
        after: u64,
        provider: (Guid, &str),
        event: &str,
        fields: &[u8],
        payload: &[u8],
    ) -> Self {
        let schema = described(event, fields);
        let event = Described { provider: provider.1, schema: &schema, payload };
        self.event(after, 4, 8, provider.0, &event)
    }

    /// Adds an event that does not describe itself.
    #[must_use]
    pub fn manifest(mut self, after: u64, provider: Guid) -> Self {
        let event = self.event_header(after, 4, 8, provider, 0);
        self.records.push(event);
        self
    }

    /// Adds a WPP message, as Windows Update wrote them before Windows 10 1709.
    #[must_use]
    pub fn message(mut self, after: u64) -> Self {
        // Message 10, with a GUID, a time and the numbers of process and thread.
        let mut record = vec![0, 0, 0, 0x90, 10, 0, 0x2A, 0];
        record.extend_from_slice(&[7; 16]);
        record.extend_from_slice(&self.stamp(after).to_le_bytes());
        record.extend_from_slice(&[8, 0, 0, 0, 4, 0, 0, 0]);
        self.records.push(record);
        self
    }

    /// Adds a record as it is; its size is filled in when its first two bytes are 0.
    #[must_use]
    pub fn record(mut self, bytes: &[u8]) -> Self {
        self.records.push(bytes.to_vec());
        self
    }

    /// The bytes of the file: as many buffers as the records need.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let longest = self.records.iter().map(Vec::len).max().unwrap_or(0);
        let size = (longest + BUFFER_HEADER + 8).next_multiple_of(4096);
        let mut buffers = vec![Vec::new()];
        for record in &self.records {
            let mut record = record.clone();
            if record.starts_with(&[0, 0]) {
                let size = u16::try_from(record.len()).unwrap_or(u16::MAX);
                record[..2].copy_from_slice(&size.to_le_bytes());
            }
            record.resize(record.len().next_multiple_of(8), 0);
            let filled = buffers.last().map_or(0, Vec::len);
            if filled + record.len() + BUFFER_HEADER > size {
                buffers.push(Vec::new());
            }
            buffers.last_mut().expect("there is one from the start").extend(record);
        }
        let count = buffers.len() as u32 + 1;
        let mut file = buffer(size, &self.head(size as u32, count), 4);
        buffers.iter().for_each(|records| file.extend(buffer(size, records, 0)));
        file
    }

    fn stamp(&self, after: u64) -> u64 {
        let start = if self.clock_type == 2 { self.start } else { FIRST };
        start + (u128::from(after) * u128::from(self.frequency) / 10_000_000) as u64
    }

    fn event(
        mut self,
        after: u64,
        process: u32,
        thread: u32,
        provider: Guid,
        event: &Described<'_>,
    ) -> Self {
        let mut record = self.event_header(after, process, thread, provider, 1);
        let mut traits = vec![0, 0];
        traits.extend_from_slice(event.provider.as_bytes());
        traits.push(0);
        let size = traits.len() as u16;
        traits[..2].copy_from_slice(&size.to_le_bytes());
        for (kind, more, data) in [(12, 1, &traits[..]), (11, 0, event.schema)] {
            let size = (8 + data.len()).next_multiple_of(8);
            for part in [size as u16, kind, more, data.len() as u16] {
                record.extend_from_slice(&part.to_le_bytes());
            }
            record.extend_from_slice(data);
            record.resize(record.len().next_multiple_of(8), 0);
        }
        record.extend_from_slice(event.payload);
        self.records.push(record);
        self
    }

    fn event_header(
        &self,
        after: u64,
        process: u32,
        thread: u32,
        provider: Guid,
        flags: u16,
    ) -> Vec<u8> {
        let mut record = vec![0; 80];
        record[2] = if self.is_wide { 0x13 } else { 0x12 };
        record[3] = 0xC0;
        record[4..6].copy_from_slice(&flags.to_le_bytes());
        record[8..12].copy_from_slice(&thread.to_le_bytes());
        record[12..16].copy_from_slice(&process.to_le_bytes());
        record[16..24].copy_from_slice(&self.stamp(after).to_le_bytes());
        record[24..40].copy_from_slice(&provider.0);
        // Channel 11 is that of TraceLogging, level 4 is information.
        (record[43], record[44]) = (11, 4);
        record
    }

    /// The first record: `SYSTEM_TRACE_HEADER` and `TRACE_LOGFILE_HEADER`.
    fn head(&self, size: u32, buffers: u32) -> Vec<u8> {
        let names = "WindowsUpdate_trace_log\0C:\\Windows\\Logs\\WindowsUpdate\\trace.etl\0";
        let mut body = Vec::new();
        for number in [size, u32::from_le_bytes([10, 0, 1, 5]), self.build, 1] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(&self.start.to_le_bytes());
        let megahertz = (self.frequency / 1_000_000) as u32;
        for number in [156_250, 128, 1, buffers, 1, 8, self.lost.0, megahertz] {
            body.extend_from_slice(&u32::to_le_bytes(number));
        }
        body.resize(body.len() + if self.is_wide { 16 } else { 8 }, 0);
        body.extend_from_slice(&self.zone);
        body.resize(body.len().next_multiple_of(8), 0);
        for number in [self.start - 1, self.frequency, self.start] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(&self.clock_type.to_le_bytes());
        body.extend_from_slice(&self.lost.1.to_le_bytes());
        body.extend(names.encode_utf16().flat_map(u16::to_le_bytes));
        let mut record = vec![2, 0, if self.is_wide { 2 } else { 1 }, 0xC0];
        record.extend_from_slice(&((32 + body.len()) as u16).to_le_bytes());
        record.extend_from_slice(&[0, 0, 8, 0, 0, 0, 4, 0, 0, 0]);
        record.extend_from_slice(&self.stamp(0).to_le_bytes());
        record.resize(32, 0);
        record.extend(body);
        record.resize(record.len().next_multiple_of(8), 0);
        record
    }
}

/// An event that describes itself.
struct Described<'a> {
    provider: &'a str,
    schema: &'a [u8],
    payload: &'a [u8],
}

/// A schema: size, no tags, name, fields.
fn described(name: &str, fields: &[u8]) -> Vec<u8> {
    let mut schema = vec![0, 0, 0];
    schema.extend_from_slice(name.as_bytes());
    schema.push(0);
    schema.extend_from_slice(fields);
    let size = schema.len() as u16;
    schema[..2].copy_from_slice(&size.to_le_bytes());
    schema
}

/// One buffer: header, records, and ones up to its end.
fn buffer(size: usize, records: &[u8], kind: u16) -> Vec<u8> {
    let filled = (BUFFER_HEADER + records.len()) as u32;
    let mut bytes = vec![0; BUFFER_HEADER];
    for (at, number) in [(0, size as u32), (4, filled), (8, filled), (0x30, filled)] {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    bytes[0x34] = 0x20;
    bytes[0x36..0x38].copy_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(records);
    bytes.resize(size, 0xFF);
    bytes
}
