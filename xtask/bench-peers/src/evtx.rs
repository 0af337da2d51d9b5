//! Prints the events that tell of updates and of services that fail, as JSON, with `evtx`.
//!
//! The cheapest way its interface knows: every record is read, and only what has a wanted number,
//! which stands among the first values of its template, is made into JSON.

use std::io::Write;

use evtx::binxml::value_variant::BinXmlValue;
use evtx::err::Result as EvtxResult;
use evtx::{EvtxParser, EvtxRecord, ParserSettings};

const THREADS: usize = 2;
/// Places of the number of the event among the values of the template: in logs that Windows wrote,
/// and in those that the bench makes.
const ID_AT: [usize; 2] = [3, 1];
const UPDATES: &str = r#""Name":"Microsoft-Windows-WindowsUpdateClient""#;
const SERVICES: &str = r#""Name":"Service Control Manager""#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of an event log is missing")?;
    let settings = ParserSettings::new().num_threads(THREADS);
    let mut parser = EvtxParser::from_path(path)?.with_configuration(settings);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for event in parser.serialized_records(|record| wanted(record?)) {
        if let Some(json) = event? {
            out.write_all(&json)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

fn wanted(record: EvtxRecord<'_>) -> EvtxResult<Option<Vec<u8>>> {
    let templates = record.template_instances()?;
    let Some(template) = templates.first() else { return Ok(None) };
    let id = ID_AT.iter().find_map(|&at| match template.values.get(at) {
        Some(BinXmlValue::UInt16Type(id)) => Some(*id),
        _ => None,
    });
    let Some(id) = id else { return Ok(None) };
    let provider = match id {
        19 | 20 => UPDATES,
        7_000..=7_035 | 7_041..=7_999 => SERVICES,
        _ => return Ok(None),
    };
    let json = record.into_json_bytes()?.data;
    let head = String::from_utf8_lossy(&json[..json.len().min(400)]).contains(provider);
    Ok(head.then_some(json))
}
