//! Both ways: nothing private is left, and nothing that is needed is lost.

use std::io::{Cursor, Write};

use super::{Learner, Private, Redactor, check};

/// A log in which private values stand where they are told, and elsewhere without any sign.
const LOG: &str = r"2026-01-02 10:00:00, Info                  CBS    Computer name: ACME-PC042, user name: ACME\jörg.meier
2026-01-02 10:00:01, Info                  CBS    Copying C:\Users\Jörg.Meier\AppData\x.tmp for S-1-5-21-397955417-626881126-188441444-1001
2026-01-02 10:00:02, Info                  CBS    JÖRG.MEIER on acme-pc042 asks http://wsus01.corp.acme-tools.de:8530/ClientWebService
2026-01-02 10:00:03, Info                  CBS    Address 10.20.30.40, gateway fe80::1ff:fe23:4567:890a, card 3C-5A-B4-01-02-03
2026-01-02 10:00:04, Info                  CBS    \\fileserver7\share\x.cab, mail jm@acme-tools.de, Serial Number: PF3ABCD9, wsus01 again
2026-01-02 10:00:05, Info                  CBS    Key ABCDE-12345-FGHIJ-67890-KLMNO SusClientId = 'c1b2a3d4-1111-2222-3333-444455556666'
";
const PRIVATE: [&str; 16] = [
    "acme",
    "jörg",
    "meier",
    "pc042",
    "397955417",
    "wsus01",
    "10.20.30.40",
    "fe80:",
    "3c-5a-b4",
    "fileserver7",
    "jm@",
    "pf3abcd9",
    "abcde-",
    "c1b2a3d4",
    "tools.de",
    "626881126",
];

/// What no diagnosis can do without.
const NEEDED: &str = r"2026-01-02 10:00:00, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null)
2026-01-02 10:00:01, Info                  CBS    Package_for_KB5034441~31bf3856ad364e35~amd64~~10.0.1.2 failed [HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]
2026-01-02 10:00:02, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_SHARING_VIOLATION on [l:33]'\SystemRoot\System32\example.dll'
2026-01-02 10:00:03, Info                  CBS    amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.1.1_none, Version=10.0.0.1
2026-01-02 10:00:04, Error                 CBS    update {7971F918-A847-4430-9279-4A52D1EFE18D} from https://fe3cr.delivery.mp.microsoft.com:443/ServerSyncWebService
2026-01-02 10:00:05, Info                  CBS    S-1-5-18 S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464 127.0.0.1 wuauserv NT AUTHORITY\SYSTEM
2026-01-02 10:00:06, Info                  CBS    \\?\C:\Windows\WinSxS and C:\Users\Public\x and C:\\Windows\\System32, Cab::Add, user: SYSTEM
2026-01-02 10:00:07, Info                  CBS    Microsoft-Windows-Client-Desktop-Package~31bf3856ad364e35~amd64~~10.0.1.1, v4.0_4.0.0.0__b77a, MS.Internal.IO, \\vboxguest.inf\
";

fn redactor(texts: &[&[u8]]) -> Redactor {
    let mut learner = Learner::default();
    for text in texts {
        learner.read(&mut &text[..]).unwrap();
    }
    learner.settled()
}

fn redacted(redactor: &Redactor, mut stored: &[u8]) -> String {
    let mut out = Vec::new();
    redactor.copy(&mut stored, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn bundle(path: &str, text: &str) -> Cursor<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn nothing_private_is_left_in_any_encoding() {
    let latin: Vec<u8> = LOG.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let marked = format!("\u{feff}{LOG}");
    for stored in
        [LOG.as_bytes().to_vec(), wide(LOG), wide(&marked), LOG.to_uppercase().into_bytes()]
    {
        let text = redacted(&redactor(&[&stored]), &stored);
        for private in PRIVATE {
            assert!(!text.to_lowercase().contains(private), "{private} is left in\n{text}");
        }
        assert_eq!(text.lines().count(), LOG.lines().count());
    }
    // Learnt in one encoding, replaced in another.
    let redactor = redactor(&[LOG.as_bytes()]);
    let mut out = Vec::new();
    redactor.copy(&mut &latin[..], &mut out).unwrap();
    assert!(memchr::memmem::find(&out.to_ascii_lowercase(), b"meier").is_none());
}

#[test]
fn the_same_value_is_replaced_by_the_same_stand_in() {
    let text = redacted(&redactor(&[LOG.as_bytes()]), LOG.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains(r"C:\Users\user1\AppData"), "{text}");
    assert!(lines[2].contains("CBS    user1 on host1 asks"), "{text}");
    assert!(
        lines[1].ends_with("-1001"),
        "the last part of a SID tells the kind of account: {text}"
    );
    assert!(lines[3].contains("192.0.2.1"), "{text}");
}

#[test]
fn nothing_that_is_needed_is_lost() {
    let redactor = redactor(&[NEEDED.as_bytes()]);
    assert_eq!(redacted(&redactor, NEEDED.as_bytes()), NEEDED);
    assert!(redactor.counts().is_empty(), "{:?}", redactor.counts());
}

#[test]
fn somebody_called_like_a_plain_word_is_replaced_only_as_a_name() {
    let text = "C:\\Users\\Update\\x and Windows Update failed\n";
    let redactor = redactor(&[text.as_bytes()]);
    let out = redacted(&redactor, text.as_bytes());
    assert_eq!(out, "C:\\Users\\user1\\x and Windows Update failed\n");
    assert_eq!(check(bundle("a.log", &out), &redactor).unwrap(), None);
}

#[test]
fn an_account_behind_its_domain_is_a_name_once_the_domain_is_known() {
    let text = "by ACME\\jmeier\nworkgroup: ACME\nuser CORP\\q.weber wrote SOFTWARE\\Vault\nq.weber, jmeier\n";
    let redactor = redactor(&[text.as_bytes()]);
    let out = redacted(&redactor, text.as_bytes());
    for private in ["acme", "corp", "weber", "meier"] {
        assert!(!out.to_lowercase().contains(private), "{out}");
    }
    assert!(out.contains(r"SOFTWARE\Vault"), "{out}");
}

#[test]
fn a_version_of_four_numbers_is_no_address() {
    let versions = "10.0.19041.1 v1.2.3.4 version 7.6.5.4, C:\\Windows\\Driver\\1.2.3.4\\x build 9.8.7.6 a~1.2.3.4\n";
    assert_eq!(redacted(&redactor(&[versions.as_bytes()]), versions.as_bytes()), versions);
    let addresses = r"\\10.20.30.40\share asks 10.20.30.41:8530 and 172.16.1.9";
    let out = redacted(&redactor(&[addresses.as_bytes()]), addresses.as_bytes());
    assert_eq!(out, r"\\192.0.2.1\share asks 192.0.2.2:8530 and 192.0.2.3");
}

#[test]
fn a_stand_in_is_never_a_real_value() {
    let text = "C:\\Users\\user1\\x C:\\Users\\bob\\y\n";
    let out = redacted(&redactor(&[text.as_bytes()]), text.as_bytes());
    assert_eq!(out, "C:\\Users\\user2\\x C:\\Users\\user3\\y\n");
}

#[test]
fn the_check_finds_what_was_forgotten_in_any_encoding_and_in_names() {
    let redactor = redactor(&[LOG.as_bytes()]);
    let wide = String::from_utf8(wide("a name like acme-pc042")).unwrap();
    let hidden = ["a line of text\n".repeat(9), wide.clone()].concat();
    for (path, text, kind, line) in [
        ("a.log", "one\ntwo Acme-PC042\n", Private::Host, 2),
        ("ACME-PC042.log", "one\n", Private::Host, 0),
        ("a.log", &wide, Private::Host, 1),
        ("a.log", &hidden, Private::Host, 0),
        ("a.log", "S-1-5-21-111111111-222222222-333333333-500", Private::Sid, 1),
        ("a.log", "x\nsomebody@else.org", Private::Mail, 2),
        ("a.log", "/Users/somebody/x", Private::User, 1),
        ("a.log", "at 10.20.30.40", Private::Ipv4, 1),
    ] {
        let leak = check(bundle(path, text), &redactor).unwrap().expect("a leak is found");
        assert_eq!((leak.kind, leak.line), (kind, line), "{leak}");
        assert!(!leak.to_string().to_lowercase().contains("pc042"), "{leak}");
    }
    let clean = redacted(&redactor, LOG.as_bytes());
    assert_eq!(check(bundle("a.log", &clean), &redactor).unwrap(), None);
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_are_redacted_to_as_many_lines(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let text = [b"2026 x".repeat(12), bytes].concat();
        let redactor = redactor(&[&text]);
        let mut out = Vec::new();
        redactor.copy(&mut &text[..], &mut out).unwrap();
        let lines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
        proptest::prop_assert_eq!(lines(&out), lines(&text));
    }

    #[test]
    fn a_name_is_never_left(name in "[A-Za-zäöüß][A-Za-z0-9äöüß._-]{3,16}[A-Za-z0-9]") {
        let text = format!("C:\\Users\\{name}\\x\nby {name}; {}\n", name.to_uppercase());
        let redactor = redactor(&[text.as_bytes()]);
        let out = redacted(&redactor, text.as_bytes());
        let is_plain = super::pattern::is_common_account(name.as_bytes());
        proptest::prop_assert!(is_plain || check(bundle("a", &out), &redactor).unwrap().is_none());
        let folder = format!("\\{name}\\");
        proptest::prop_assert!(is_plain || !out.contains(&folder));
    }
}
