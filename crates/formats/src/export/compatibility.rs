//! `CompatData_….xml` of Windows Setup: what its scan found in the way of an upgrade.
//!
//! ```text
//! <CompatReport …>
//!   <Programs>
//!     <Program Name="…" Id="{…}">
//!       <CompatibilityInfo BlockingType="Hard" StatusDetail="…"/>
//! ```
//!
//! Source: Microsoft's article on the logs of the compatibility scan (SupportArticles-docs:
//! use-windows-setup-compatibility-scan-logs-to-identify-blocking-issues.md).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::{Gap, GapReason, Parsed};

/// Something that setup found to be in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its name, in the language of the PC.
    pub name: String,
    /// Whether setup refuses to go on; else it asks.
    pub is_hard: bool,
}

/// What is in the way of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum BlockKind {
    Program,
    Device,
    Hardware,
}

/// Far more than any scan finds.
const MOST_BLOCKS: usize = 1_000;

/// Whether the text begins like such a file.
pub(super) fn is_report(head: &str) -> bool {
    head.contains("<CompatReport")
}

/// Reads the whole file.
#[must_use]
pub fn blocks(text: &str) -> Parsed<Block> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut item: Option<(BlockKind, String)> = None;
    let mut ended = false;
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(Event::Start(tag)) => read(&tag, &mut item, &mut parsed.items),
            Ok(Event::Empty(tag)) if tag.local_name().as_ref() == b"CompatibilityInfo" => {
                read(&tag, &mut item, &mut parsed.items);
            }
            Ok(Event::End(tag)) => match tag.local_name().as_ref() {
                b"Program" | b"Device" | b"HardwareItem" => item = None,
                b"CompatReport" => ended = true,
                _ => {}
            },
            Ok(_) => {}
            Err(why) => {
                parsed.gaps.push(gap(at, text, GapReason::Unreadable(why.to_string())));
                return parsed;
            }
        }
    }
    if !ended {
        parsed.gaps.push(gap(text.len() as u64, text, GapReason::Truncated));
    }
    parsed
}

fn read(tag: &BytesStart<'_>, item: &mut Option<(BlockKind, String)>, found: &mut Vec<Block>) {
    let named = |kind, names: &[&[u8]]| Some((kind, attribute(tag, names)));
    match tag.local_name().as_ref() {
        b"Program" => *item = named(BlockKind::Program, &[b"Name", b"Id"]),
        b"Device" => *item = named(BlockKind::Device, &[b"Model", b"Name", b"Class"]),
        b"HardwareItem" => *item = named(BlockKind::Hardware, &[b"HardwareType"]),
        b"CompatibilityInfo" if found.len() < MOST_BLOCKS => {
            let how = attribute(tag, &[b"BlockingType"]);
            let is_hard = how.eq_ignore_ascii_case("hard");
            let blocks = is_hard || how.eq_ignore_ascii_case("soft");
            if let (true, Some((kind, name))) = (blocks, item.as_ref()) {
                found.push(Block { kind: *kind, name: name.clone(), is_hard });
            }
        }
        _ => {}
    }
}

/// The first of these attributes that is there and says something.
fn attribute(tag: &BytesStart<'_>, names: &[&[u8]]) -> String {
    let value = |name: &[u8]| {
        let mut attributes = tag.attributes();
        let mut all = attributes.with_checks(false).filter_map(Result::ok);
        let found = all.find(|attribute| attribute.key.local_name().as_ref() == name)?;
        Some(found.unescape_value().ok()?.into_owned()).filter(|value| !value.is_empty())
    };
    names.iter().find_map(|name| value(name)).unwrap_or_default()
}

fn gap(at: u64, text: &str, why: GapReason) -> Gap {
    Gap { at: at..text.len() as u64, line: 0, what: "compatibility report", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0"?><CompatReport xmlns="http://schemas.microsoft.com/x">
        <Hardware><HardwareItem HardwareType="Setup_FreeSpace">
          <CompatibilityInfo BlockingType="Soft"/></HardwareItem></Hardware>
        <DriverPackages><DriverPackage Inf="oem4.inf" BlockMigration="True"/></DriverPackages>
        <Programs><Program Name="Tidemark &amp; Co" Id="{1}">
          <CompatibilityInfo BlockingType="Hard" StatusDetail="UpgradeBlock"></CompatibilityInfo>
        </Program><Program Name="Fine" Id="{2}"><CompatibilityInfo BlockingType="None"/></Program>
        </Programs></CompatReport>"#;

    #[test]
    fn what_is_in_the_way_is_found_with_its_name() {
        let read = blocks(REPORT);
        assert_eq!(read.gaps, []);
        let told: Vec<_> = read.items.iter().map(|it| (it.kind, &*it.name, it.is_hard)).collect();
        assert_eq!(
            told,
            [
                (BlockKind::Hardware, "Setup_FreeSpace", false),
                (BlockKind::Program, "Tidemark & Co", true)
            ]
        );
    }

    #[test]
    fn a_report_that_is_cut_off_keeps_what_was_whole() {
        let read = blocks(&REPORT[..REPORT.len() - 40]);
        assert_eq!((read.items.len(), read.gaps.len()), (2, 1));
    }
}
