//! What programs of Windows print, read to typed items.

use proptest::prelude::*;
use unwedge_formats::GapReason;
use unwedge_formats::export::fltmc::{FilterInstance, FilterVolume, filters, instances, volumes};
use unwedge_formats::export::{
    ExportKind, driverquery::drivers, hotfix::hotfixes, msinfo, pending::pending, recognise,
    services::services,
};

const FILTERS: &str = "\r\n\
    Filtername                      Anz. Instanzen   H\u{f6}henlage  Rahmen\r\n\
    ------------------------------  -------------  ------------  -----\r\n\
    avlegacy                                                    <Legacy>\r\n\
    OldCrypt                                        149998.99   <Legacy>\r\n\
    UCPD                                    4       385250.5       0\r\n\
    WdFilter                                9       328010         0\r\n\
    \r\nC:\\>";

#[test]
fn filters_are_read_with_and_without_instances() {
    assert_eq!(recognise(FILTERS.as_bytes()), Some(ExportKind::Filters));
    let parsed = filters(FILTERS);
    assert_eq!(parsed.gaps, []);
    let told: Vec<_> = parsed
        .items
        .iter()
        .map(|it| (it.name.as_str(), it.instances, it.altitude.as_deref(), it.legacy))
        .collect();
    assert_eq!(
        told,
        [
            ("avlegacy", None, None, true),
            ("OldCrypt", None, Some("149998.99"), true),
            ("UCPD", Some(4), Some("385250.5"), false),
            ("WdFilter", Some(9), Some("328010"), false),
        ]
    );
}

#[test]
fn instances_have_names_with_blanks_and_volumes_of_any_kind() {
    let text = "\
        Filter                Volume Name                              Altitude        Instance Name       Frame   SprtFtrs  VlStatus\r\n\
        --------------------  -------------------------------------  ------------  ----------------------  -----   --------  --------\r\n\
        WdFilter              C:                                        328010     WdFilter Instance         0     0000000f  \r\n\
        luafv                 \\Device\\Mup                               135000     luafv                     0     0000000f  \r\n";
    assert_eq!(recognise(text.as_bytes()), Some(ExportKind::FilterInstances));
    let parsed = instances(text);
    assert_eq!(parsed.gaps, []);
    assert_eq!(
        parsed.items,
        [
            ("WdFilter", "C:", "328010", "WdFilter Instance"),
            ("luafv", r"\Device\Mup", "135000", "luafv")
        ]
        .map(|(filter, volume, altitude, name)| FilterInstance {
            filter: filter.to_owned(),
            volume: volume.to_owned(),
            altitude: altitude.to_owned(),
            name: name.to_owned(),
        })
    );
}

#[test]
fn volumes_may_have_no_letter() {
    let text = "\
        Dos Name                        Volume Name                              FileSystem   Status\n\
        ------------------------------  ---------------------------------------  ----------  --------\n\
        \x20                               \\Device\\Mup                              Remote\n\
        C:                              \\Device\\HarddiskVolume3                  NTFS\n";
    assert_eq!(recognise(text.as_bytes()), Some(ExportKind::FilterVolumes));
    assert_eq!(
        volumes(text).items,
        [("", r"\Device\Mup", "Remote"), ("C:", r"\Device\HarddiskVolume3", "NTFS")].map(
            |(dos_name, device, file_system)| FilterVolume {
                dos_name: dos_name.to_owned(),
                device: device.to_owned(),
                file_system: file_system.to_owned(),
            }
        )
    );
}

#[test]
fn services_are_read_whatever_their_labels() {
    let text = "C:\\>sc queryex\r\n\r\nSERVICE_NAME: wuauserv \r\nDISPLAY_NAME: Windows Update: agent\r\n\
        \x20       TYP                : 30  WIN32  \r\n\
        \x20       STATUS             : 1  STOPPED \r\n\
        \x20                               (NOT_STOPPABLE, NOT_PAUSABLE)\r\n\
        \x20       WIN32_EXIT_CODE    : 1066  (0x42a)\r\n\
        \x20       SERVICE_EXIT_CODE  : 5  (0x5)\r\n\
        \x20       CHECKPOINT         : 0x0\r\n\
        \x20       WAIT_HINT          : 0x0\r\n\
        \x20       PID                : 812\r\n\
        \x20       FLAGS              :\r\n\r\n\
        \u{418}\u{43c}\u{44f}_\u{441}\u{43b}\u{443}\u{436}\u{431}\u{44b}: bits\r\n\
        \x20       \u{422}\u{438}\u{43f}                : 20  WIN32_SHARE_PROCESS  \r\n\
        \x20       START_TYPE         : 4   DISABLED\r\n\
        \x20       ERROR_CONTROL      : 1   NORMAL\r\n\
        \x20       BINARY_PATH_NAME   : C:\\Windows\\System32\\svchost.exe -k netsvcs -p\r\n\
        \x20       LOAD_ORDER_GROUP   : \r\n\
        \x20       TAG                : 0\r\n\
        \x20       DISPLAY_NAME       : Transfer\r\n\
        \x20       DEPENDENCIES       : RpcSs\r\n\
        \x20                          : EventSystem\r\n\
        \x20       SERVICE_START_NAME : LocalSystem\r\n";
    assert_eq!(recognise(text.as_bytes()), Some(ExportKind::Services));
    let parsed = services(text);
    assert_eq!(parsed.gaps, []);
    let [update, transfer] = &parsed.items[..] else { panic!("{parsed:?}") };
    assert_eq!(
        (update.name.as_str(), update.display_name.as_str()),
        ("wuauserv", "Windows Update: agent")
    );
    assert_eq!((update.kind, update.state, update.process_id), (Some(0x30), Some(1), Some(812)));
    assert_eq!((update.exit_code, update.own_exit_code), (Some(1066), Some(5)));
    assert_eq!((transfer.name.as_str(), transfer.start), ("bits", Some(4)));
    assert_eq!(transfer.path, r"C:\Windows\System32\svchost.exe -k netsvcs -p");
    assert_eq!(
        (transfer.account.as_str(), transfer.display_name.as_str()),
        ("LocalSystem", "Transfer")
    );
}

#[test]
fn drivers_are_read_from_tables_and_values() {
    let table = "\n\
        Modulname    Anzeigename            Treibertyp    Linkdatum             \n\
        ============ ====================== ============= ======================\n\
        ACPI         Microsoft ACPI-Treiber Kernel        \n\
        disk         Laufwerktreiber        Kernel        01.02.2020 00:00:00   \n";
    assert_eq!(recognise(table.as_bytes()), Some(ExportKind::Drivers));
    let parsed = drivers(table);
    assert_eq!(parsed.gaps, []);
    assert_eq!(parsed.items[1].display_name, "Laufwerktreiber");
    let values = "\"Module Name\",\"Display Name\",\"Driver Type\",\"State\",\"Path\"\r\n\
        \"acme\",\"Acme, Inc \"\"Guard\"\"\",\"Kernel\",\"Running\",\"C:\\Windows\\system32\\drivers\\acme.sys\"\r\n\
        \"ACPI\",\"x\",\"Kernel\",\"Stopped\",\"C:\\Windows\\system32\\drivers\\ACPI.sys\"\r\n\"torn\",\"row\r\n";
    assert_eq!(recognise(values.as_bytes()), Some(ExportKind::Drivers));
    let parsed = drivers(values);
    assert_eq!(parsed.items[0].display_name, "Acme, Inc \"Guard\"");
    assert_eq!(parsed.items[0].path, r"C:\Windows\system32\drivers\acme.sys");
    assert_eq!((parsed.items[0].running, parsed.items[1].running), (Some(true), Some(false)));
    assert_eq!(parsed.gaps.len(), 1);
}

#[test]
fn installed_updates_are_read_from_all_forms() {
    let table = "\r\nSource        Description      HotFixID      InstalledBy          InstalledOn\r\n\
        ------        -----------      --------      -----------          -----------\r\n\
        PC            Update           KB5034466     NT AUTHORITY\\SYSTEM  1/10/2024 12:00:00 AM\r\n\
        PC            Security Update  KB5034123                          1/10/2024 12:00:00 AM\r\n";
    let list = "Caption=x\r\nDescription=Security Update\r\nHotFixID=KB5034123\r\nInstalledBy=\r\nInstalledOn=1/10/2024\r\n\r\n\
        Caption=x\r\nDescription=Update\r\nHotFixID=KB5034466\r\nInstalledBy=A\\b\r\n";
    let values = "Node,Description,HotFixID,InstalledBy,InstalledOn\r\nPC,Update,KB5034466,\"A, b\",1/10/2024\r\n";
    for (text, want) in [
        (table, vec![("KB5034466", r"NT AUTHORITY\SYSTEM"), ("KB5034123", "")]),
        (list, vec![("KB5034123", ""), ("KB5034466", r"A\b")]),
        (values, vec![("KB5034466", "A, b")]),
    ] {
        assert_eq!(recognise(text.as_bytes()), Some(ExportKind::Hotfixes));
        let parsed = hotfixes(text);
        assert_eq!(parsed.gaps, [], "{text}");
        let told: Vec<_> =
            parsed.items.iter().map(|it| (it.id.as_str(), it.installed_by.as_str())).collect();
        assert_eq!(told, want);
    }
    assert_eq!(hotfixes(table).items[0].installed_on, "1/10/2024 12:00:00 AM");
}

#[test]
fn reports_are_read_to_rows_of_their_categories() {
    let xml = "<?xml version=\"1.0\"?><MsInfo><Metadata><Version>8.0</Version></Metadata>\
        <Category name=\"Resumen\"><Data><Elemento><![CDATA[Version]]></Elemento><Valor><![CDATA[10.0.22631 Build 22631]]></Valor></Data>\
        <Category name=\"Software\"><Data><Nombre>a &amp; b</Nombre><Valor/></Data></Category></Category></MsInfo>";
    let text = "System Information report\r\n[System Summary]\r\n\r\nItem\tValue\t\r\nVersion\t10.0.22631 Build 22631\t\r\n";
    for report in [xml, text] {
        assert_eq!(recognise(report.as_bytes()), Some(ExportKind::SystemInformation));
        let parsed = msinfo::rows(report);
        assert_eq!(parsed.gaps, []);
        assert_eq!(msinfo::windows_version(&parsed.items), Some("10.0.22631"));
    }
    let rows = msinfo::rows(xml).items;
    assert_eq!(rows[1].category, "Resumen / Software");
    assert_eq!(rows[1].cells, ["a & b", ""]);
    assert_eq!(msinfo::rows(text).items[1].category, "System Summary");
}

#[test]
fn a_report_of_endless_names_stays_small() {
    let text = format!("[{}]\nVersion\t10.0.22631\t\n", "x".repeat(10_000));
    assert!(msinfo::rows(&text).items[0].category.len() < 1_000);
    let text = format!("<MsInfo><Category name=\"{}\"><Data><I>a</I></Data>", "x".repeat(10_000));
    assert!(msinfo::rows(&text).items[0].category.len() < 1_000);
}

const PENDING: &str = "<?xml version='1.0'?><PendingTransaction Version=\"3.1\" \
    WcpVersion=\"10.0.22621.2567 (x)\" Identifier=\"916ae7\"><Transactions><CreateFile path=\"no\"/></Transactions>\
    <POQ postAction=\"reboot\"><CreateFile path=\"\\??\\C:\\a\"/><Checkpoint/>\
    <HardlinkFile source=\"\\??\\C:\\s\" destination=\"\\??\\C:\\d&amp;e\"/><SetKeyValue path=\"\\Registry\\Machine\\x\"><Inner path=\"no\"/></SetKeyValue></POQ>\
    <POQ><CreateFile path=\"\\??\\C:\\b\"/></POQ></PendingTransaction>";

#[test]
fn pending_operations_are_counted_and_named() {
    assert_eq!(recognise(PENDING.as_bytes()), Some(ExportKind::PendingOperations));
    let found = pending(PENDING);
    assert_eq!(found.gaps, []);
    assert_eq!((found.count(), found.operations["CreateFile"]), (4, 2));
    assert_eq!(
        (found.identifier.as_str(), found.stack_version.as_str()),
        ("916ae7", "10.0.22621.2567")
    );
    assert_eq!(found.targets[1].path, r"\??\C:\d&e");
    assert_eq!(found.targets[1].source, r"\??\C:\s");
    assert_eq!(found.targets.len(), 4);
}

#[test]
fn a_cut_off_list_of_pending_operations_says_so() {
    let found = pending(&PENDING[..PENDING.len() - 60]);
    assert_eq!(found.gaps.len(), 1);
    assert!(found.count() >= 3);
    assert_eq!(pending(&PENDING[..PENDING.len() - 10]).gaps.len(), 1);
    let empty = pending("<PendingTransaction><POQ/></PendingTransaction>");
    assert_eq!((empty.count(), empty.gaps.len()), (0, 0));
    assert_eq!(pending("<PendingTransaction>").gaps[0].why, GapReason::Truncated);
}

#[test]
fn what_is_none_of_these_is_not_recognised() {
    for text in [
        "",
        "Name    Value   Third\n----    -----   -----\na       b       c\n",
        "a: b\n  c: d\n",
        "\"a\",\"b\"\n\"c\",\"d\"\n",
        "[section]\nkey\tvalue\n",
        "2020-02-04 17:51:01, Info                  CBS    KB5034441\n",
        "<xml/>",
    ] {
        assert_eq!(recognise(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop_oneof![
        Just("----- ----- -----\n".to_owned()),
        Just("===== ===== =====\n".to_owned()),
        Just("HotFixID Description\n".to_owned()),
        Just("KB5034441 ".to_owned()),
        Just("SERVICE_NAME: x\n".to_owned()),
        Just("   T : 30  WIN32\n   S : 2  AUTO_START\n".to_owned()),
        Just("WdFilter 9 328010 0\n".to_owned()),
        Just("<MsInfo><Category name='x'><Data>".to_owned()),
        Just("<PendingTransaction><POQ>".to_owned()),
        Just("</POQ>".to_owned()),
        Just("\"a\",\"b\"\n".to_owned()),
        ".{0,20}",
    ], 0..12)) {
        let text = pieces.concat();
        let _ = recognise(text.as_bytes());
        let _ = (filters(&text), instances(&text), volumes(&text), services(&text));
        let _ = (drivers(&text), hotfixes(&text), msinfo::rows(&text), pending(&text));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = recognise(&bytes);
    }
}
