//! Parses one log with `cmtraceopen-parser`, as its documentation shows, and says what it found.

use cmtraceopen_parser::models::log_entry::Severity;
use cmtraceopen_parser::parser::{decode_bytes, detect_encoding, parse_content};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of a log is missing")?;
    let bytes = std::fs::read(&path)?;
    let text = decode_bytes(&bytes, detect_encoding(&bytes))?;
    let (parsed, _) = parse_content(&text, &path, bytes.len() as u64);
    let errors = parsed.entries.iter().filter(|entry| entry.severity == Severity::Error).count();
    println!("{} {} {errors}", parsed.total_lines, parsed.entries.len());
    Ok(())
}
