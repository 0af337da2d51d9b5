//! Real logs, where they lie beside the project: what must be found in them, and what must not.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use unwedge_formats::export::{ExportKind, fltmc, pending::pending, recognise as recognise_export};
use unwedge_formats::log::{
    Decoder, Encoding, LogKind, Statement, UpdateAction, UpdateEnd, head, line_at, recognise,
    statement_of, structure, without_mark, zone_of,
};

/// A real file, decoded; `None`, and a word of it, where it is not there.
fn evidence(name: &str) -> Option<Vec<u8>> {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "..", "shared", "data"].iter().collect();
    let Ok(raw) = std::fs::read(folder.join(name)) else {
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not there");
        return None;
    };
    let Some(mut decoder) = Decoder::new(Encoding::of(&raw)) else { return Some(raw) };
    let mut decoded = Vec::new();
    decoder.decode(&raw, &mut decoded);
    Some(decoded)
}

#[derive(Debug, Default)]
struct Read {
    kind: Option<LogKind>,
    lines: usize,
    heads: usize,
    zones: BTreeMap<i32, usize>,
    steps: BTreeMap<String, usize>,
}

fn read(log: &[u8]) -> Read {
    let mut read = Read { kind: recognise(&log[..log.len().min(64 << 10)]), ..Read::default() };
    let Some(kind) = read.kind else { return read };
    let mut at = 0;
    while at < log.len() {
        let (line, next) = line_at(log, at);
        at = next;
        read.lines += 1;
        let line = String::from_utf8_lossy(without_mark(line));
        let (component, text) = match head(kind, line.as_bytes()) {
            Some(head) => (head.component, line.get(head.text_at..).unwrap_or("")),
            None => (&b""[..], &*line),
        };
        read.heads += usize::from(head(kind, line.as_bytes()).is_some());
        if let Some(zone) = zone_of(kind, line.as_bytes()) {
            *read.zones.entry(zone).or_default() += 1;
        }
        if let Some(Statement::Update(step)) = statement_of(kind, component, text) {
            assert!(structure(kind).iter().any(|literal| line.contains(literal)), "{line}");
            let end = match step.end {
                UpdateEnd::Started => "started".to_owned(),
                UpdateEnd::Offline => "offline".to_owned(),
                UpdateEnd::Succeeded => "succeeded".to_owned(),
                UpdateEnd::NeedsRestart => "restart".to_owned(),
                UpdateEnd::Cancelled(code) => format!("cancelled {code}"),
                UpdateEnd::Failed(code) => format!("failed {code}"),
            };
            let action = match step.action {
                UpdateAction::Scan => "scan",
                UpdateAction::Download => "download",
                UpdateAction::Install => "install",
                UpdateAction::Uninstall => "uninstall",
                UpdateAction::Upgrade => "upgrade",
                UpdateAction::DriverInstall => "driver",
            };
            *read.steps.entry(format!("{action} {end}")).or_default() += 1;
        }
    }
    read
}

/// The failures and cancellations of a log, with how often each was told.
fn failures(read: &Read) -> Vec<(&str, usize)> {
    let bad = |step: &str| step.contains(" failed ") || step.contains(" cancelled ");
    read.steps
        .iter()
        .filter(|(step, _)| bad(step))
        .map(|(step, count)| (step.as_str(), *count))
        .collect()
}

#[test]
fn every_line_of_an_agents_log_is_a_record() {
    for (name, want) in [
        (
            "windowsupdate/win10_1809_findingsanity_WindowsUpdate_2021.log",
            vec![
                ("download failed 0x8020002b", 2),
                ("download failed 0x80d05001", 4),
                ("download failed 0x80d05011", 2),
            ],
        ),
        ("windowsupdate/win10_rajafahad_WindowsUpdate_1.log", vec![]),
        ("windowsupdate/win10_rajafahad_WindowsUpdate_2.log", vec![]),
        (
            "windowsupdate/win10_rajafahad_WindowsUpdate_new.log",
            vec![("download cancelled 0x8024000b", 1)],
        ),
        ("windowsupdate/win7_rkudache31_WindowsUpdate_old_format.log", vec![]),
    ] {
        let Some(log) = evidence(name) else { continue };
        let read = read(&log);
        assert_eq!(read.kind, Some(LogKind::WindowsUpdate), "{name}");
        assert_eq!(read.heads, read.lines, "{name}");
        assert_eq!(failures(&read), want, "{name}");
    }
}

#[test]
fn reported_events_and_client_logs_tell_their_zone() {
    if let Some(log) = evidence("reportingevents/win10_dcheva_ReportingEvents_2023-07-06.log") {
        let read = read(&log);
        assert_eq!((read.kind, read.heads), (Some(LogKind::ReportingEvents), read.lines));
        assert_eq!(read.zones.keys().collect::<Vec<_>>(), [&180]);
        assert_eq!(
            failures(&read),
            [
                ("download cancelled 0x8024000b", 14),
                ("scan failed 0x80072ee2", 19),
                ("scan failed 0x80240438", 1),
                ("scan failed 0x8024402c", 2),
            ]
        );
    }
    for name in ["WUAHandler", "UpdatesDeployment", "UpdatesHandler", "UpdatesStore"] {
        let Some(log) = evidence(&format!("sccm/findingsanity_{name}.log")) else { continue };
        let read = read(&log);
        assert_eq!(read.kind, Some(LogKind::ConfigMgr), "{name}");
        assert_eq!(read.zones.keys().collect::<Vec<_>>(), [&-240], "{name}");
        assert_eq!(failures(&read), [], "{name}");
    }
}

#[test]
fn setup_and_drivers_end_as_they_did() {
    for (name, kind, want) in [
        (
            "panther/win10_1803to21H2_rickaK77_setupact.log",
            LogKind::Setup,
            // What leads it, its report, and what takes it back.
            vec![("upgrade failed 0x80070032", 3)],
        ),
        (
            "panther/copyleft21_setuperr.log",
            LogKind::Setup,
            vec![("upgrade cancelled 0x800704c7", 1)],
        ),
        ("panther/win10_16299_bitbtrust_setuperr.log", LogKind::Setup, vec![]),
        ("panther/win11_Silvermaz28_setuperr.log", LogKind::Setup, vec![]),
        ("panther/win_VitalSkib_setupact.log", LogKind::Setup, vec![]),
        ("setupapi/win_plaso_setupapi.dev.log", LogKind::SetupApi, vec![]),
        ("setupapi/win_plaso_setupapi.setup.log", LogKind::SetupApi, vec![]),
    ] {
        let Some(log) = evidence(name) else { continue };
        let read = read(&log);
        assert_eq!(read.kind, Some(kind), "{name}");
        assert_eq!(failures(&read), want, "{name}");
    }
}

#[test]
fn no_log_is_taken_for_an_export_and_no_export_for_a_log() {
    for name in [
        "cbs/win81_hofcake_CBS.log",
        "dism/win7_DieterReuter_dism.log",
        "windowsupdate/win10_rajafahad_WindowsUpdate_1.log",
        "setupapi/win_plaso_setupapi.dev.log",
        "sccm/findingsanity_WUAHandler.log",
    ] {
        let Some(log) = evidence(name) else { continue };
        assert_eq!(recognise_export(&log[..log.len().min(64 << 10)]), None, "{name}");
    }
    let Some(xml) = evidence("excerpts/pending_xml_skeleton.xml") else { return };
    assert_eq!(
        (recognise_export(&xml), recognise(&xml)),
        (Some(ExportKind::PendingOperations), None)
    );
    let found = pending(&String::from_utf8_lossy(&xml));
    assert_eq!(
        (found.count(), found.gaps.len(), found.stack_version.as_str()),
        (1, 0, "10.0.22621.2567")
    );
    assert_eq!(fltmc::filters(&String::from_utf8_lossy(&xml)).items, []);
}
