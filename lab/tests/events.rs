//! Events of a log whose file cannot be read, asked of an event service that a library of the lab plays.
#![cfg(target_os = "linux")]

use serde_json::Value;
use unwedge_lab::{Lab, Pc};

const FILE: &str = r"C:\windows\System32\winevt\Logs\System.evtx";
const EVENTS: &str = r"C:\lab\events\System.xml";

/// An event as the service writes it.
fn event(provider: &str, id: u32, second: u32, data: &str) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
         <Provider Name='{provider}'/><EventID Qualifiers='16384'>{id}</EventID><Level>2</Level>\
         <TimeCreated SystemTime='2026-01-02T10:{:02}:{:02}.0000000Z'/><Channel>System</Channel>\
         </System><EventData>{data}</EventData></Event>\n",
        second / 60,
        second % 60
    )
}

/// More than are given at once, some of nobody's interest, one that needs much room, and at the end an
/// update that could not be installed.
fn events() -> String {
    let mut text = String::new();
    for second in 0..200 {
        let data = "<Data Name='param1'>Tide</Data><Data Name='param2'>1</Data>";
        text += &event("Service Control Manager", 7036 + second % 2 * 4, second, data);
    }
    let long = format!("<Data Name='param1'>{}</Data>", "long ".repeat(4_000));
    text += &event("Service Control Manager", 7023, 201, &long);
    let failed = "<Data Name='errorCode'>0x80070021</Data>\
                  <Data Name='updateTitle'>2026-01 Cumulative Update (KB5099999)</Data>\
                  <Data Name='updateGuid'>{5ca1ab1e-0000-4000-8000-000000000001}</Data>\
                  <Data Name='updateRevisionNumber'>1</Data>";
    text + &event("Microsoft-Windows-WindowsUpdateClient", 20, 300, failed)
}

/// A PC on which a service lets nobody else read the log.
fn pc(lab: &Lab, name: &str) -> Pc {
    let pc = lab.pc(name);
    pc.write(FILE, vec![0; 4096]);
    pc.program("unwedge.exe");
    pc.replace_libraries(&["wevtapi.dll"]);
    pc.start_service("logkeeper", &format!("own:{FILE}"));
    pc
}

/// The diagnosis, and what it says of the log.
fn diagnosed(pc: &Pc) -> (Value, String) {
    let told = pc.run(&["diagnose", "--json"]);
    let json: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
    let gaps = json["gaps"].as_array().into_iter().flatten();
    let of = |it: &&Value| it["source"].as_str().is_some_and(|it| it.ends_with("System.evtx"));
    let of_log: Vec<&Value> = gaps.filter(of).collect();
    let [gap] = of_log.as_slice() else { panic!("{json:#}") };
    let what = gap["what"].as_str().unwrap_or_default().to_owned();
    (json, what)
}

#[test]
fn events_of_a_log_that_somebody_keeps_shut_are_given_by_the_service() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "events");
    pc.write(EVENTS, events());
    let (files, registry) = (pc.tree(), pc.registry_dump());
    let (json, what) = diagnosed(&pc);
    assert_eq!(what, "the file, whose events the event service gave instead", "{json:#}");
    assert_eq!(json["verdict"], "failing", "{json:#}");
    let findings = json["findings"].to_string();
    assert!(findings.contains("KB5099999") && findings.contains("80070021"), "{json:#}");
    assert!(!findings.contains("Tide"), "{json:#}");
    let asked = pc.lines_of("events.log");
    assert_eq!(asked.first().map(String::as_str), Some("query System"), "{asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some("close"), "{asked:?}");
    let told = pc.run(&["timeline", "--json", "--kb", "KB5099999"]);
    assert!(told.code == 0 && told.stdout.contains("0x80070021"), "{told:?}");
    let told = pc.run(&["timeline", "--json", "--source", "System"]);
    assert_eq!(told.stdout.matches("Tide").count(), 200, "all of them, of any number: {told:?}");
    pc.assert_only_read(&files, &registry);
}

#[test]
fn a_log_that_the_service_refuses_too_stays_a_gap() {
    let Some(lab) = Lab::open() else { return };
    let pc = pc(&lab, "noevents");
    for refused in [Some("code = 5\n"), None] {
        match refused {
            Some(text) => pc.write(EVENTS, text),
            None => std::fs::remove_file(pc.path(EVENTS)).expect("it was written"),
        }
        let (json, what) = diagnosed(&pc);
        assert_eq!(what, "the file", "{refused:?}: nobody gave anything");
        assert_ne!(json["verdict"], "healthy", "{json:#}");
    }
}
