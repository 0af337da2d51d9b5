//! File History, the backup that is part of Windows: on or off, where to, when last.
//!
//! What its files say is read here and tested everywhere; Windows itself is asked by the program.
//! Sources: the log2timeline (plaso) parser of `Config1.xml` and of the registry key, and Microsoft's
//! documentation of `fhsvcctl.h`.

use anyhow::Context as _;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use serde::Serialize;

/// Below `FOLDERID_LocalAppData`: two copies, of which the newer one holds.
pub const CONFIGURATIONS: [&str; 2] = [
    r"Microsoft\Windows\FileHistory\Configuration\Config1.xml",
    r"Microsoft\Windows\FileHistory\Configuration\Config2.xml",
];
/// The catalogue of what was copied, written at the end of each run.
pub const CATALOGUES: [&str; 2] = [
    r"Microsoft\Windows\FileHistory\Configuration\Catalog1.edb",
    r"Microsoft\Windows\FileHistory\Configuration\Catalog2.edb",
];
/// More is no configuration.
const MOST_BYTES: usize = 4 << 20;

/// What a configuration of File History says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Whether it is switched on; `None` if the file does not say.
    pub is_on: Option<bool>,
    /// Where copies go: a drive or a share.
    pub target: Option<String>,
    /// The name of the target.
    pub target_name: Option<String>,
    /// `FIXED`, `REMOVABLE` or `REMOTE`, as the file says.
    pub target_kind: Option<String>,
    /// Seconds between two runs.
    pub every_seconds: Option<u64>,
}

/// What is known of File History on a PC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileHistory {
    /// What was set up; `None` if it never was.
    pub configuration: Option<Configuration>,
    /// Whether its service runs; `None` if that could not be told.
    pub service_runs: Option<bool>,
    /// Up to when files are protected, as the registry says it. It is reported to be zero between
    /// runs, so that its absence means nothing.
    pub protected_until: Option<jiff::Timestamp>,
    /// When the catalogue was last written.
    pub catalogue_written: Option<jiff::Timestamp>,
}

impl FileHistory {
    /// When it last ran, by whatever tells it later.
    #[must_use]
    pub fn last_run(&self) -> Option<jiff::Timestamp> {
        self.protected_until.max(self.catalogue_written)
    }
}

/// Reads `Config1.xml`.
///
/// # Errors
/// When it is no configuration of File History.
pub fn configuration(bytes: &[u8]) -> anyhow::Result<Configuration> {
    anyhow::ensure!(bytes.len() <= MOST_BYTES, "it has more than {MOST_BYTES} bytes");
    let text = decoded(bytes)?;
    let mut reader = Reader::from_str(&text);
    let mut found = Configuration::default();
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    let mut is_one = false;
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            Event::Start(tag) => {
                anyhow::ensure!(path.len() < 16, "it is nested too deeply");
                path.push(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
                is_one |= path.len() == 1 && path[0] == "DataProtectionUserConfig";
                value.clear();
            }
            Event::Text(text) => value.push_str(&text.decode()?),
            Event::GeneralRef(name) => value.push_str(&character(&name)?),
            Event::End(_) => {
                set(&mut found, &path, value.trim());
                value.clear();
                path.pop();
            }
            _ => {}
        }
    }
    anyhow::ensure!(is_one, "it is no configuration of File History");
    Ok(found)
}

/// What `&name;` or `&#number;` stands for.
fn character(reference: &BytesRef<'_>) -> anyhow::Result<String> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let name = reference.decode()?;
    let known = resolve_predefined_entity(&name);
    Ok(known.with_context(|| format!("it has the unknown entity `{name}`"))?.to_owned())
}

fn set(found: &mut Configuration, path: &[String], value: &str) {
    if value.is_empty() {
        return;
    }
    let text = || Some(value.to_owned());
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "DPStatus"] => {
            found.is_on = match value {
                "ENABLED" => Some(true),
                "DISABLED" => Some(false),
                _ => None,
            }
        }
        [_, "DPFrequency"] => found.every_seconds = value.parse().ok(),
        [_, "Target", "TargetUrl"] => found.target = text(),
        [_, "Target", "TargetName"] => found.target_name = text(),
        [_, "Target", "TargetDriveType"] => found.target_kind = text(),
        _ => {}
    }
}

/// Windows writes such files in UTF-8 or in UTF-16 with a mark.
fn decoded(bytes: &[u8]) -> anyhow::Result<String> {
    let units = |bytes: &[u8], of: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Ok(String::from_utf16(&units(rest, u16::from_le_bytes))?),
        [0xfe, 0xff, rest @ ..] => Ok(String::from_utf16(&units(rest, u16::from_be_bytes))?),
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(std::str::from_utf8(rest)?.to_owned()),
        bytes => Ok(std::str::from_utf8(bytes)?.to_owned()),
    }
}

/// A time as Windows counts it: in 100 nanoseconds since 1601; `None` for zero and the impossible.
#[must_use]
pub fn moment(filetime: u64) -> Option<jiff::Timestamp> {
    const UP_TO_1970: i128 = 116_444_736_000_000_000;
    let since = i128::from(filetime).checked_sub(UP_TO_1970).filter(|_| filetime != 0)?;
    jiff::Timestamp::from_nanosecond(since * 100).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: &str = "<?xml version=\"1.0\"?>\r\n<DataProtectionUserConfig SchemaVersion=\"1\">\
        <UserName>PC\\u</UserName><UserFolder>C:\\Users\\u\\Desktop</UserFolder>\
        <DPFrequency>3600</DPFrequency><DPStatus>ENABLED</DPStatus>\
        <Target><TargetName>Sicherung &amp; mehr</TargetName><TargetUrl>E:\\</TargetUrl>\
        <TargetDriveType>REMOVABLE</TargetDriveType></Target></DataProtectionUserConfig>";

    #[test]
    fn a_configuration_says_whether_where_and_how_often() {
        let found = configuration(ON.as_bytes()).unwrap();
        assert_eq!(found.is_on, Some(true));
        assert_eq!(found.target.as_deref(), Some("E:\\"));
        assert_eq!(found.target_kind.as_deref(), Some("REMOVABLE"));
        assert_eq!(found.every_seconds, Some(3600));
        assert_eq!(found.target_name.as_deref(), Some("Sicherung & mehr"));
    }

    #[test]
    fn it_may_be_in_utf_16() {
        let units = ON.encode_utf16().flat_map(u16::to_le_bytes);
        let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
        assert_eq!(configuration(&bytes).unwrap().is_on, Some(true));
    }

    #[test]
    fn off_and_unknown_are_told_apart() {
        let with = |word: &str| configuration(ON.replace("ENABLED", word).as_bytes()).unwrap();
        assert_eq!(with("DISABLED").is_on, Some(false));
        assert_eq!(with("SOMETHING").is_on, None);
    }

    #[test]
    fn what_is_no_configuration_is_an_error() {
        let deep = "<a>".repeat(1000);
        for wrong in ["", "<other/>", "<a><b></a>", "\u{feff}", &deep] {
            assert!(configuration(wrong.as_bytes()).is_err(), "{wrong:.20}");
        }
        assert!(configuration(&[0xff, 0xfe, 0x00, 0xd8]).is_err());
    }

    #[test]
    fn a_time_of_windows_is_a_moment() {
        let at = moment(132_539_328_000_000_000).unwrap();
        assert_eq!(at.to_string(), "2021-01-01T00:00:00Z");
        assert_eq!(moment(0), None);
        assert_eq!(moment(u64::MAX), None);
    }

    #[test]
    fn the_later_sign_tells_the_last_run() {
        let early = jiff::Timestamp::from_second(1).ok();
        let late = jiff::Timestamp::from_second(2).ok();
        let told = |a, b| {
            FileHistory { protected_until: a, catalogue_written: b, ..FileHistory::default() }
                .last_run()
        };
        assert_eq!((told(early, late), told(late, None), told(None, None)), (late, late, None));
    }
}
