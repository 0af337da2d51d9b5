//! Every kind of host keeps the same contract, and a fixture does what Windows does.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use unwedge_host::testing::{Known, applies_and_reverts, conforms};
use unwedge_host::{
    Change, Data, Descriptor, Fixture, Host, HostErrorKind, HostMut, KeyPath, Overlay, Securable,
    ServiceName, Setting, StartType, Tool, WinPath, probe,
};

const PC: &str = r##"
# A PC whose backup agent locks the update database.
//- about name=DESK-7 build=26100.2314 edition=Professional now=2026-01-02T12:00:00Z
//- update KB5034441 title="2026-01 Cumulative Update" writes=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb needs=wuauserv
//- service wuauserv running manual pid=1204 display="Windows Update"
//- service UsoSvc running automatic-delayed pid=1300 restarts=wuauserv
//- service VaultAgent running automatic pid=4312 image="C:\Program Files\Vault\vault.exe -k"
//- service VaultWatch running automatic pid=4320 needs=VaultAgent
//- service Mule running automatic stop=refuses
//- service Snail running automatic stop=slow:90
//- process 5120 notes.exe close=refuses
//- process 5124 scan.exe
//- holder service=VaultAgent path=C:\Windows\SoftwareDistribution\DataStore\DataStore.edb range=0..4096
//- holder process=5124 path=C:\Windows\Logs\CBS\CBS.log share=all
//- absent service gone
//- absent C:\Windows\WinSxS\pending.xml
//- absent C:\Windows\Spare.*
//- folder C:\Windows\SoftwareDistribution

//- file C:\Windows\SoftwareDistribution\DataStore\DataStore.edb hex
00ff10

//- file C:\Windows\SoftwareDistribution\Download\a.cab
payload

//- reg HKLM\SYSTEM\CurrentControlSet\Services\wuauserv
Start = dword:3
ImagePath = expand:%SystemRoot%\system32\svchost.exe -k netsvcs
DependOnService = multi:"rpcss" "a ""b"""
"odd = name" = sz:x = y
Blob = hex:0102ff

//- file C:\Windows\Logs\CBS\CBS.log bom blank=1
2026-01-02 11:11:12, Info                  CBS    first
\//- not a header
  continuation
"##;

const DATASTORE: &str = r"C:\Windows\SoftwareDistribution\DataStore\DataStore.edb";

fn pc() -> Fixture {
    Fixture::parse(PC).unwrap()
}

fn running(service: &str, running: bool) -> Change {
    Change::Assign(Setting::Running { service: ServiceName::new(service), running })
}

fn start(service: &str, start: StartType) -> Change {
    Change::Assign(Setting::Start { service: ServiceName::new(service), start })
}

fn aside(from: &str, to: &str) -> Change {
    Change::Move { from: WinPath::new(from), to: WinPath::new(to) }
}

fn refusal(host: &mut impl HostMut, change: &Change) -> HostErrorKind {
    host.apply(change).unwrap_err().kind
}

const KNOWN: Known<'static> = Known {
    file: r"C:\Windows\Logs\CBS\CBS.log",
    folder: r"C:\Windows\SoftwareDistribution",
    absent: r"C:\Windows\WinSxS\pending.xml",
    unknown: r"C:\Windows\explorer.exe",
};

#[test]
fn a_fixture_conforms() {
    conforms(&pc(), &KNOWN);
}

#[test]
fn an_overlay_conforms_before_and_after_changes() {
    let mut view = Overlay::new(pc());
    conforms(&view, &KNOWN);
    view.apply(&aside(
        r"C:\Windows\SoftwareDistribution\Download",
        r"C:\Windows\SoftwareDistribution\Download.1",
    ))
    .unwrap();
    conforms(&view, &KNOWN);
    let names: Vec<String> = view
        .list(&WinPath::new(r"C:\Windows\SoftwareDistribution"))
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["DataStore", "Download.1"]);
    let moved = view.read(&WinPath::new(r"C:\Windows\SoftwareDistribution\Download.1\a.cab"));
    assert_eq!(moved.unwrap().unwrap(), b"payload\r\n");
}

#[test]
fn a_fixture_written_and_read_again_is_the_same() {
    let once = pc().text();
    let again = Fixture::parse(&once).unwrap();
    assert_eq!(again.text(), once);
    for path in [KNOWN.file, DATASTORE] {
        let path = WinPath::new(path);
        assert_eq!(again.read(&path).unwrap(), pc().read(&path).unwrap());
    }
    let log = again.read(&WinPath::new(KNOWN.file)).unwrap().unwrap();
    assert!(log.starts_with(b"\xef\xbb\xbf2026-01-02"));
    assert!(log.ends_with(b"//- not a header\r\n  continuation\r\n\r\n"));
}

#[test]
fn a_word_of_several_words_and_stray_line_ends_survive_being_written_down() {
    let text = "//- update \"KB5034441 (2026-01)\"\n//- reg HKLM\\A\nb = sz:c\r\r\r\n";
    let once = Fixture::parse(text).unwrap().text();
    assert_eq!(Fixture::parse(&once).unwrap().text(), once);
}

#[test]
fn every_content_of_a_file_survives_being_written_down() {
    let mut contents: Vec<Vec<u8>> = [
        "",
        "\n",
        "\r\n",
        "a",
        "a\n",
        "a\r\n",
        "a\r\n\r\n\r\n",
        "a\nb\r\n",
        "\n\na",
        "a\rb\r\n",
        "//- file C:\\x\n",
        "\\//- y\r\n\\\\//- z\r\n",
        "# no comment\r\n",
        "\u{feff}bom\r\n",
        "nul\0\n",
        "\u{feff}",
        " \t\r\n",
        "ends in blanks  ",
        "\\",
        "umlaut ä\r\n",
    ]
    .iter()
    .map(|it| it.as_bytes().to_vec())
    .collect();
    contents.push(vec![0xff, 0xfe, b'a', 0, b'\r', 0, b'\n', 0]);
    contents.push(vec![0xff, 0xfe, b'a']);
    contents.push(vec![0xff, 0xfe]);
    contents.push((0..=255).collect());
    for content in contents {
        let hex: String = content.iter().map(|it| format!("{it:02x}")).collect();
        let text = format!("//- file C:\\a\\x hex\n{hex}\n//- file C:\\a\\y\nnext\n");
        let pc = Fixture::parse(&text).unwrap();
        let path = WinPath::new(r"C:\a\x");
        assert_eq!(pc.read(&path).unwrap().unwrap(), content);
        let again = Fixture::parse(&pc.text()).unwrap();
        assert_eq!(again.read(&path).unwrap().unwrap(), content, "{}", pc.text());
    }
}

#[test]
fn every_type_of_registry_data_is_read() {
    let key = KeyPath::new(r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\WUAUSERV");
    let key = pc().key(&key).unwrap().unwrap();
    assert_eq!(key.value("start"), Some(&Data::Dword(3)));
    assert_eq!(key.value("odd = name"), Some(&Data::Sz("x = y".to_owned())));
    assert_eq!(key.value("Blob"), Some(&Data::Binary(vec![1, 2, 255])));
    let multi = Data::MultiSz(vec!["rpcss".to_owned(), "a \"b\"".to_owned()]);
    assert_eq!(key.value("DependOnService"), Some(&multi));
}

#[test]
fn every_reversible_change_is_reverted_by_its_inverse() {
    let value = Change::Assign(Setting::Value {
        key: KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv"),
        name: "Start".to_owned(),
        data: Some(Data::Dword(4)),
    });
    let moved = aside(
        r"C:\Windows\SoftwareDistribution\Download",
        r"C:\Windows\SoftwareDistribution\Download.1",
    );
    let changes =
        [value, moved, running("VaultWatch", false), start("wuauserv", StartType::Disabled)];
    for change in changes {
        applies_and_reverts(&mut pc(), &change, Fixture::text_without_clock);
        applies_and_reverts(&mut Overlay::new(pc()), &change, |it| {
            let key = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv");
            let services = ["wuauserv", "VaultWatch"].map(ServiceName::new);
            format!(
                "{:?} {:?} {:?}",
                it.key(&key),
                services.map(|name| it.service(&name).unwrap().map(|it| (it.start, it.state))),
                it.list(&WinPath::new(KNOWN.folder))
            )
        });
    }
}

#[test]
fn fixture_and_overlay_refuse_alike() {
    let refused = [
        (running("VaultAgent", false), 1051),
        (running("Mule", false), 1052),
        (running("gone", false), 1060),
        (aside(r"C:\Windows\SoftwareDistribution\DataStore", r"C:\Windows\Spare.1"), 5),
        (aside(DATASTORE, r"C:\Windows\Spare.1"), 32),
        (aside(DATASTORE, KNOWN.file), 183),
        (aside(r"C:\Windows\Spare.1", r"C:\Windows\Spare.2"), 2),
    ];
    for (change, code) in refused {
        assert_eq!(refusal(&mut pc(), &change), HostErrorKind::Win32(code), "{change}");
        let mut view = Overlay::new(pc());
        assert_eq!(refusal(&mut view, &change), HostErrorKind::Win32(code), "{change}");
    }
}

#[test]
fn pitfall_20_a_service_that_another_one_restarts_comes_back_unless_that_is_stopped_first() {
    let mut pc = pc();
    pc.apply(&running("wuauserv", false)).unwrap();
    assert!(!running("wuauserv", false).holds(&pc).unwrap());
    pc.apply(&running("UsoSvc", false)).unwrap();
    pc.apply(&running("wuauserv", false)).unwrap();
    assert!(running("wuauserv", false).holds(&pc).unwrap());
}

#[test]
fn a_service_that_stops_too_slowly_times_out_and_can_be_started_again() {
    let mut pc = pc();
    let before = pc.text_without_clock();
    let stop = running("Snail", false);
    assert_eq!(refusal(&mut pc, &stop), HostErrorKind::Win32(1053));
    assert!(!stop.holds(&pc).unwrap());
    pc.apply(&running("Snail", true)).unwrap();
    assert_eq!(pc.text_without_clock(), before);
}

#[test]
fn a_program_may_refuse_to_close() {
    let close = |pid, image: &str| Change::Run(Tool::AskToClose { pid, image: image.to_owned() });
    assert_eq!(refusal(&mut pc(), &close(5120, "notes.exe")), HostErrorKind::Win32(1053));
    let mut pc = pc();
    pc.apply(&close(5124, "other.exe")).unwrap();
    assert!(!close(5124, "scan.exe").holds(&pc).unwrap(), "another program of that number stays");
    pc.apply(&close(5124, "scan.exe")).unwrap();
    assert!(close(5124, "scan.exe").holds(&pc).unwrap());
}

#[test]
fn the_update_goes_through_exactly_when_nothing_is_in_its_way() {
    let retry = Change::Run(Tool::RetryUpdate { kb: Some("KB5034441".to_owned()) });
    let mut pc = pc();
    let log = |pc: &Fixture| {
        String::from_utf8(pc.read(&WinPath::new(KNOWN.file)).unwrap().unwrap()).unwrap()
    };
    assert!(pc.apply(&retry).is_err());
    assert!(!retry.holds(&pc).unwrap());
    assert!(
        log(&pc)
            .contains("Identifier: KB5034441 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]\r\n")
    );
    pc.apply(&running("VaultWatch", false)).unwrap();
    pc.apply(&running("VaultAgent", false)).unwrap();
    pc.apply(&start("wuauserv", StartType::Disabled)).unwrap();
    assert!(pc.apply(&retry).is_err());
    assert!(log(&pc).contains("[HRESULT = 0x80070422 - ERROR_SERVICE_DISABLED]"));
    pc.apply(&start("wuauserv", StartType::Manual)).unwrap();
    pc.apply(&retry).unwrap();
    assert!(retry.holds(&pc).unwrap());
    let log = log(&pc);
    let last = log.lines().last().unwrap();
    assert_eq!(&last[43..46], "CBS");
    assert!(last[50..].starts_with("Session: "), "{last}");
    assert!(last.ends_with("finalized. Reboot required: no [HRESULT = 0x00000000 - S_OK]"));
}

#[test]
fn what_has_grown_meanwhile_is_kept_when_a_folder_is_put_back() {
    let mut pc = Fixture::parse(
        "//- folder C:\\SD\n//- file C:\\SD\\Download\\old\nold\n//- absent C:\\Windows\\x\n",
    )
    .unwrap();
    let change = aside(r"C:\SD\Download", r"C:\SD\Download.1");
    let undo = change.inverse(&pc).unwrap().unwrap();
    pc.apply(&change).unwrap();
    let mut pc =
        Fixture::parse(&format!("{}//- file C:\\SD\\Download\\new\nnew\n", pc.text())).unwrap();
    pc.apply(&undo).unwrap();
    for (path, content) in [(r"C:\SD\Download\old", "old"), (r"C:\SD\Download.1-after\new", "new")]
    {
        let found = pc.read(&WinPath::new(path)).unwrap().unwrap();
        assert_eq!(found, format!("{content}\r\n").into_bytes());
    }
}

#[test]
fn a_slip_of_the_pen_is_told_with_its_place() {
    let told = |text: &str| Fixture::parse(text).unwrap_err().to_string();
    assert_eq!(
        told("//- about name=x\n//- service wuauserv sleeping manual"),
        "line 2, column 22: expected running or stopped, found `sleeping`"
    );
    assert_eq!(
        told("//- folder Windows"),
        "line 1, column 12: expected a path such as C:\\Windows, found `Windows`"
    );
    assert_eq!(
        told("//- servce x"),
        "line 1, column 5: expected about, service, process, task, holder, update, store, access, reg, file, folder or \
         absent, or one of what a PC tells (docs/host.md), found `servce`"
    );
    assert!(told("//- folder C:\\x colour=red").contains("column 17"));
    assert!(told("hello").starts_with("line 1, column 1: expected a section"));
}

#[test]
fn changes_live_beside_the_file_and_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pc.host");
    let text = pc().text();
    std::fs::write(&path, &text).unwrap();
    let mut pc = Fixture::open(&path).unwrap();
    pc.apply(&running("VaultWatch", false)).unwrap();
    let again = Fixture::open(&path).unwrap();
    assert!(running("VaultWatch", false).holds(&again).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "the file itself is never written");
    std::fs::write(&path, text.replace("DESK-7", "DESK-8")).unwrap();
    let err = Fixture::open(&path).unwrap_err().to_string();
    assert!(err.contains("is not the PC any more"), "{err}");
}

#[test]
fn who_may_do_what_is_set_and_put_back_and_what_is_inherited_stays() {
    let text = "//- folder C:\\a\n//- absent service None\n\
        //- access C:\\a sddl=\"O:SYD:AI(D;OICI;FA;;;SY)(A;OICIID;FA;;;BA)\"\n\
        //- access key HKLM\\SOFTWARE\\a sddl=\"O:BAD:P(A;CI;KA;;;SY)\"\n\
        //- access service wuauserv sddl=\"O:SYD:(A;;LCRP;;;AU)\"\n";
    let pc = || Fixture::parse(text).unwrap();
    assert_eq!(Fixture::parse(&pc().text()).unwrap().text(), pc().text());
    let things = [
        Securable::Path(WinPath::new(r"C:\A")),
        Securable::Key(KeyPath::new(r"HKLM\SOFTWARE\A")),
        Securable::Service(ServiceName::new("WUAUSERV")),
    ];
    for of in things {
        let access: Descriptor = "D:(A;;0x1;;;S-1-5-32-545)".parse().unwrap();
        let owner = probe::access(&pc(), &of).unwrap().unwrap().owner;
        let change = Change::Assign(Setting::Access { of: of.clone(), access });
        applies_and_reverts(&mut pc(), &change, Fixture::text_without_clock);
        let seen = |it: &Overlay<Fixture>| probe::access(it, &of).unwrap().unwrap().to_string();
        applies_and_reverts(&mut Overlay::new(pc()), &change, seen);
        let mut changed = pc();
        changed.apply(&change).unwrap();
        let now = probe::access(&changed, &of).unwrap().unwrap();
        let inherited = usize::from(matches!(of, Securable::Path(_)));
        assert_eq!((now.owner, now.entries.len()), (owner, 1 + inherited), "{of}");
    }
    let none = Securable::Service(ServiceName::new("None"));
    assert_eq!(probe::access(&pc(), &none).unwrap(), None);
    let unknown = Securable::Service(ServiceName::new("BITS"));
    assert_eq!(probe::access(&pc(), &unknown).unwrap_err().kind, HostErrorKind::NotCollected);
}
