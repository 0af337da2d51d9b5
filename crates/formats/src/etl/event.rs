//! One `EVENT_HEADER` record: who wrote it, and how it describes itself.
//!
//! The header is that of `evntcons.h`. Behind it lie, in files, items of extended data: size, type,
//! a bit that says whether another follows, the size of the data, the data. Type 11 is the schema
//! of a TraceLogging event (`EVENT_HEADER_EXT_TYPE_EVENT_SCHEMA_TL`), type 12 the traits of its
//! provider, which begin with its name (`EVENT_HEADER_EXT_TYPE_PROV_TRAITS`).

use super::bytes::{Guid, array, u16_at, u32_at, u64_at, until_zero};
use super::field::Fields;
use super::header::Clock;
use super::line::{Line, Text};

/// The provider of Windows Update since Windows 10 1709, `WUTraceLogging`.
pub const WINDOWS_UPDATE: Guid = Guid([
    0x19, 0x6f, 0x7a, 0x0b, 0xc4, 0x47, 0x4e, 0x45, 0x8c, 0x5c, 0xe8, 0x68, 0xd6, 0x37, 0xe4, 0xd8,
]);

/// Bytes of `EVENT_HEADER`.
const HEADER: usize = 80;
/// `EVENT_HEADER_FLAG_EXTENDED_INFO`.
const EXTENDED: u16 = 1;
/// `EVENT_HEADER_FLAG_TRACE_MESSAGE`.
const TRACE_MESSAGE: u16 = 8;
/// A schema of one field `Info`, a UTF-16 string that ends in a zero.
const INFO: &[u8] = b"Info\0\x01";

/// What an event turned out to be.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// It can be written.
    Line(Line<'a>),
    /// Only symbols tell what it says.
    NeedsSymbols,
    /// Only the manifest of this provider tells what it says.
    Unknown(Guid),
}

/// Reads an event; `None` when it is shorter than its own header.
pub(super) fn read<'a>(bytes: &'a [u8], clock: &Clock) -> Option<Event<'a>> {
    let provider = Guid(array(bytes, 24)?);
    let flags = u16_at(bytes, 4)?;
    let body = bytes.get(HEADER..)?;
    if flags & TRACE_MESSAGE != 0 {
        return Some(Event::NeedsSymbols);
    }
    if flags & EXTENDED == 0 {
        return Some(Event::Unknown(provider));
    }
    let extended = Extended::read(body);
    let Some((name, fields)) = extended.schema.and_then(schema) else {
        return Some(Event::Unknown(provider));
    };
    let (component, text) = if provider == WINDOWS_UPDATE {
        match fields {
            INFO => (name, Text::Info(extended.payload)),
            _ => (name, Text::Fields(Fields { name: b"", fields, payload: extended.payload })),
        }
    } else {
        let component = extended.provider.unwrap_or_default();
        (component, Text::Fields(Fields { name, fields, payload: extended.payload }))
    };
    Some(Event::Line(Line {
        time: clock.ticks(u64_at(bytes, 16)? as i64),
        process: u32_at(bytes, 12)?,
        thread: u32_at(bytes, 8)?,
        level: bytes[44],
        provider,
        component,
        text,
    }))
}

/// What stands between the header of an event and its payload.
struct Extended<'a> {
    schema: Option<&'a [u8]>,
    /// Name of the provider.
    provider: Option<&'a [u8]>,
    payload: &'a [u8],
}

impl<'a> Extended<'a> {
    fn read(mut rest: &'a [u8]) -> Self {
        let (mut schema, mut provider) = (None, None);
        // Each item takes 8 bytes or more, so that this ends.
        while let Some([size_low, size_high, kind, _, more, _, data_low, data_high]) =
            array::<8>(rest, 0)
        {
            let size = usize::from(u16::from_le_bytes([size_low, size_high]));
            let data = usize::from(u16::from_le_bytes([data_low, data_high]));
            let Some(item) = rest.get(8..size.max(8)) else { break };
            let data = &item[..data.min(item.len())];
            match kind {
                11 => schema = Some(data),
                12 => provider = data.get(2..).and_then(until_zero).map(|it| it.0),
                _ => {}
            }
            rest = &rest[8 + item.len()..];
            if more & 1 == 0 {
                break;
            }
        }
        Extended { schema, provider, payload: rest }
    }
}

/// Name of the event and the description of its fields: size, tags, name, fields
/// (`TraceLoggingProvider.h` of the Windows SDK).
fn schema(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.get(2..)?;
    let tags = rest.iter().position(|tag| tag & 0x80 == 0)? + 1;
    until_zero(&rest[tags..])
}
