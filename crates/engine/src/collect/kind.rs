//! What a file of evidence is, and what it means when there is none.

use std::io::Read;

use serde::Serialize;
use unwedge_formats::log::{Decoder, Encoding, LogKind, recognise};

/// Bytes of a file that tell what it is.
const HEAD_BYTES: u64 = 64 << 10;

/// Kinds of files that are collected, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A text log that is known.
    Log(LogKind),
    /// SetupAPI: drivers and devices.
    DeviceSetup,
    /// What servicing will do at the next start.
    PendingXml,
    /// A part of the registry as text.
    RegistryExport,
    /// EVTX.
    EventLog,
    /// ETL.
    Trace,
    /// A file of the registry, or its transaction log.
    Hive,
}

impl Kind {
    /// Tells it from the first bytes; `None` is nothing that is looked at.
    pub(super) fn of(reader: &mut dyn Read) -> std::io::Result<Option<Kind>> {
        let mut stored = Vec::new();
        let read = reader.take(HEAD_BYTES).read_to_end(&mut stored);
        if stored.is_empty() {
            return read.map(|_| None);
        }
        let binary = match &stored[..] {
            [b'E', b'l', b'f', b'F', b'i', b'l', b'e', 0, ..] => Some(Kind::EventLog),
            [b'r', b'e', b'g', b'f', ..] => Some(Kind::Hive),
            stored if is_trace(stored) => Some(Kind::Trace),
            _ => None,
        };
        if binary.is_some() {
            return Ok(binary);
        }
        let mut head = Vec::new();
        match Decoder::new(Encoding::of(&stored)) {
            Some(mut decoder) => decoder.decode(&stored, &mut head),
            None => head = stored,
        }
        let starts = |mark: &[u8]| {
            head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).starts_with(mark)
        };
        let holds = |mark: &[u8]| memchr::memmem::find(&head, mark).is_some();
        if let Some(kind) = recognise(&head) {
            return Ok(Some(Kind::Log(kind)));
        }
        Ok(match () {
            () if starts(b"[Device Install Log]") || holds(b"[SetupAPI Log]") => {
                Some(Kind::DeviceSetup)
            }
            () if holds(b"<PendingTransaction") => Some(Kind::PendingXml),
            () if starts(b"Windows Registry Editor") || starts(b"REGEDIT4") => {
                Some(Kind::RegistryExport)
            }
            () => None,
        })
    }

    /// The name in the manifest.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Log(kind) => kind.name(),
            Kind::DeviceSetup => "device_setup",
            Kind::PendingXml => "pending_xml",
            Kind::RegistryExport => "registry_export",
            Kind::EventLog => "event_log",
            Kind::Trace => "trace",
            Kind::Hive => "hive",
        }
    }

    /// Whether each line stands for itself, so that the newest of them are worth having alone.
    pub(super) fn is_log(self) -> bool {
        matches!(self, Kind::Log(_) | Kind::DeviceSetup)
    }
}

/// A trace begins with a buffer of its session, whose first event is the header of the trace: a
/// `WMI_BUFFER_HEADER` of 72 bytes, then a system header with the marks 01/02 00 02 C0 (`evntrace.h`,
/// libyal's notes on ETL).
fn is_trace(head: &[u8]) -> bool {
    let size = head.get(..4).map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    let is_buffer =
        size.is_some_and(|size| (1 << 10..=16 << 20).contains(&size) && size % 512 == 0);
    is_buffer && matches!(head.get(74..76), Some(b"\x02\xc0" | b"\x01\xc0"))
}

/// Whether a kind of evidence is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The kind of evidence.
    pub kind: &'static str,
    /// How many files of it are in the bundle.
    pub files: usize,
    /// What cannot be told without it; absent when there is some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_it: Option<&'static str>,
}

/// The kinds that are looked for: names of files of it, and what is lost without.
const WANTED: [(&str, &[&str], &str); 9] = [
    (
        "cbs",
        &["cbs"],
        "no CBS.log: whether updates were installed, and what stopped them, cannot be told",
    ),
    ("dism", &["dism"], "no dism.log: repairs of the component store cannot be seen"),
    (
        "windows_update",
        &["windows_update", "trace"],
        "no WindowsUpdate.log and no traces: searches and downloads of updates cannot be seen",
    ),
    (
        "reporting_events",
        &["reporting_events"],
        "no ReportingEvents.log: the history of what was offered and installed cannot be seen",
    ),
    ("setup", &["setup"], "no Panther logs: upgrades to a new version of Windows cannot be seen"),
    ("event_logs", &["event_log", "events"], "no event log: services that crashed cannot be seen"),
    (
        "registry",
        &["hive", "registry_export"],
        "no registry: how services, policies and filter drivers are set up cannot be told",
    ),
    (
        "device_setup",
        &["device_setup", "setup_api", "setupapi"],
        "no setupapi logs: drivers that could not be installed cannot be seen",
    ),
    (
        "pending",
        &["pending_xml"],
        "no pending.xml: what waits for a restart cannot be told (there may be none on the PC)",
    ),
];

/// What is there and what is not, by the names of the kinds that are.
pub(super) fn coverage(names: &[&str]) -> Vec<Coverage> {
    WANTED
        .iter()
        .map(|(kind, own, without_it)| {
            let files = names.iter().filter(|name| own.contains(name)).count();
            Coverage { kind, files, without_it: (files == 0).then_some(without_it) }
        })
        .collect()
}
