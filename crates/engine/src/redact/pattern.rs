//! Where private values stand in a text, by their own shape or by what stands before them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use super::fake::Private;

/// A private value in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: Range<usize>,
    pub(super) kind: Private,
}

/// Says whether, and how much of, what a pattern matched is private.
type Judge = fn(text: &[u8], at: Range<usize>) -> Option<Range<usize>>;

/// Where a pattern may stand: a line is looked at only if it holds one of these.
type Triggers = &'static [&'static str];

const ACCOUNTS: Triggers = &["user", "account", "owner", "run"];

/// Group 1 is the value; it may end up shorter. No pattern reaches over the end of a line. Those
/// without triggers are looked for by [`shapes`].
const PATTERNS: [(Private, Triggers, &str, Judge); 19] = [
    (
        Private::User,
        &["users", "documents and settings"],
        r#"(?:^|[\\/]{1,4})(?:users|documents and settings)[\\/]{1,4}([^\\/:*?"<>|\r\n\t]{1,64})"#,
        profile,
    ),
    (
        Private::User,
        ACCOUNTS,
        r#"\b(?:user ?name|user|account ?name|account|registered ?owner|owner|run ?as) ?[:=] ?["']?(?:[\w.-]{1,63}\\)?([^\s"',;<>()\[\]{}\\=:]{2,64})"#,
        account,
    ),
    (
        Private::Domain,
        ACCOUNTS,
        r#"\b(?:user ?name|user|account ?name|account|owner|run ?as) ?[:=] ?["']?([\w.-]{2,63})\\"#,
        domain,
    ),
    (
        Private::Domain,
        &["domain", "workgroup"],
        r#"\b(?:domain|workgroup)(?: ?name)? ?[:=] ?["']?([\w.-]{2,255})"#,
        domain,
    ),
    (
        Private::Host,
        &["name"],
        r#"\b(?:computer|machine|host|netbios|dns|node|server)[ _]?name ?[:=] ?["']?([a-z0-9][\w.-]{1,254})"#,
        host,
    ),
    (
        Private::Host,
        &["desktop-", "laptop-", "win-"],
        r"\b((?:DESKTOP|LAPTOP)-[A-Z0-9]{7}|WIN-[A-Z0-9]{11})\b",
        default_name,
    ),
    (Private::Host, &[r"\\"], r"(?:^|[^\\\w:.?])\\\\(?:\?\\UNC\\)?([a-z0-9][\w.-]{0,254})\\", host),
    (
        Private::Host,
        &["://"],
        r#"\b(?:https?|ftp|ldap|wss?)://(?:[^/@\s"]{1,64}@)?([a-z0-9][\w.-]{1,254})"#,
        host,
    ),
    (
        Private::Host,
        &["proxy", "server"],
        r#"\b(?:proxy(?: ?server)?|server|WUServer|WUStatusServer) ?[:=] ?["']?([a-z0-9][\w.-]{1,254}):\d{2,5}\b"#,
        host,
    ),
    (
        Private::Host,
        &[".local", ".lan", ".corp", ".internal", ".intranet", ".home"],
        r"\b((?:[a-z0-9][a-z0-9-]{0,62}\.)+(?:local|lan|corp|internal|intranet|localdomain|home))\b",
        host,
    ),
    (Private::Sid, &["s-1-"], r"\b(S-1-(?:5-21|12-1)(?:-\d{1,10}){3,15})\b", sid),
    (
        Private::Mail,
        &["@"],
        r"\b([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[a-z]{2,24})\b",
        mail,
    ),
    (
        Private::Serial,
        &["serial", "asset", "tag"],
        r#"\b(?:serial(?: ?number| ?no\.?)?|asset ?tag|service ?tag|chassis ?tag) ?[:=] ?["']?([\w.-]{4,64})"#,
        serial,
    ),
    (
        Private::Serial,
        &[r"usbstor\", r"usb\", r"scsi\", r"wpdbusenum\"],
        // Ports with serial numbers behind: `USBSTOR\DISK&VEN_X\4C530001230912115431&0`.
        r"\b(?:USBSTOR|USB|SCSI|WPDBUSENUM)\\[^\\\s]{1,200}\\([0-9A-Z]{6,64})",
        serial,
    ),
    (
        Private::MachineId,
        &["susclientid", "machineguid", "machineid", "deviceid", "hardwareid"],
        r#"\b(?:SusClientId|MachineGuid|MachineId|DeviceId|HardwareId)[^\w\r\n]{1,4}([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"#,
        whole,
    ),
    (Private::Ipv4, &[], r"\b(\d{1,3}(?:\.\d{1,3}){3})\b", ipv4),
    (Private::Ipv6, &[], r"((?:[0-9a-f]{1,4}:|:)(?::?[0-9a-f]{1,4}:?){1,7})", ipv6),
    (
        Private::Mac,
        &[],
        r"\b([0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{2}(?::[0-9a-f]{2}){5})\b",
        apart,
    ),
    (
        Private::ProductKey,
        &[],
        r"\b([A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}|\d{5}-(?:\d{3}|OEM|\d{5})-\d{5,7}-[A-Z0-9]{5})\b",
        apart,
    ),
];
const IPV4: usize = 15;
const IPV6: usize = 16;
const MAC: usize = 17;
const PRODUCT_KEY: usize = 18;

struct Patterns {
    all: Vec<(Private, Regex, Judge)>,
    /// All triggers at once, and whose each is.
    triggers: AhoCorasick,
    owners: Vec<usize>,
}

static COMPILED: LazyLock<Patterns> = LazyLock::new(|| {
    let compile = |text: &str| {
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).case_insensitive(true).multi_line(true);
        builder.build().expect("the patterns are regular expressions")
    };
    let own = |(index, (_, triggers, ..)): (usize, &(Private, Triggers, &str, Judge))| {
        triggers.iter().map(move |trigger| (index, *trigger)).collect::<Vec<_>>()
    };
    let (owners, triggers): (Vec<usize>, Vec<&str>) =
        PATTERNS.iter().enumerate().flat_map(own).unzip();
    let mut builder = AhoCorasickBuilder::new();
    builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
    Patterns {
        all: PATTERNS.map(|(kind, _, text, judge)| (kind, compile(text), judge)).into(),
        triggers: builder.build(triggers).expect("the triggers are few"),
        owners,
    }
});

/// Finds private values in whole lines; they may lie over each other.
pub(super) fn find(text: &[u8]) -> Vec<Found> {
    let patterns = &*COMPILED;
    // Each line is looked at once for each pattern.
    let (mut found, mut seen_to) = (Vec::new(), [0; PATTERNS.len()]);
    let mut look = |pattern: usize, at: usize| {
        if at < seen_to[pattern] {
            return;
        }
        let line = line_around(text, at);
        seen_to[pattern] = line.end.max(at + 1);
        let (kind, regex, judge) = &patterns.all[pattern];
        for captures in regex.captures_iter(&text[line.clone()]) {
            let Some(value) = captures.get(1) else { continue };
            let value = line.start + value.start()..line.start + value.end();
            if let Some(at) = judge(text, value) {
                found.push(Found { at, kind: *kind });
            }
        }
    };
    for hit in patterns.triggers.find_overlapping_iter(text) {
        look(patterns.owners[hit.pattern().as_usize()], hit.start());
    }
    shapes(text, &mut look);
    found
}

fn line_around(text: &[u8], at: usize) -> Range<usize> {
    let start = memchr::memrchr2(b'\n', b'\r', &text[..at]).map_or(0, |end| end + 1);
    let end = memchr::memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |end| at + end);
    start..end
}

/// Tells of places around which an address or a key may stand, by the distances of what divides it.
fn shapes(text: &[u8], look: &mut dyn FnMut(usize, usize)) {
    // The last places of each divider, the newest first.
    let (mut dots, mut colons, mut dashes) = ([0; 2], [0; 6], [0; 4]);
    let apart = |places: &[usize], at: usize, distance: usize| {
        let newer = [at].into_iter().chain(places.iter().copied());
        newer.zip(places).all(|(newer, &older)| newer == older + distance)
    };
    for at in memchr::memchr3_iter(b'.', b':', b'-', text) {
        match text[at] {
            b'.' => {
                let [second, first] = dots;
                let is_near = |gap: usize| (2..=4).contains(&gap);
                if is_near(at - second) && is_near(second - first) {
                    look(IPV4, at);
                }
                dots = [at, second];
            }
            b':' => {
                // In full it has seven of them.
                if at == colons[0] + 1 || at - colons[5] <= 35 {
                    look(IPV6, at);
                }
                if apart(&colons[..4], at, 3) {
                    look(MAC, at);
                }
                colons.rotate_right(1);
                colons[0] = at;
            }
            _ => {
                if apart(&dashes[..4], at, 3) {
                    look(MAC, at);
                }
                let digits =
                    |end: usize| end >= 5 && text[end - 5..end].iter().all(u8::is_ascii_digit);
                let is_old_key = matches!(at - dashes[0], 4 | 6) && digits(dashes[0]);
                if is_old_key || apart(&dashes[..3], at, 6) {
                    look(PRODUCT_KEY, at);
                }
                dashes.rotate_right(1);
                dashes[0] = at;
            }
        }
    }
}

/// Profiles and accounts that every Windows has.
const COMMON_ACCOUNTS: [&str; 34] = [
    "public",
    "default",
    "default user",
    "all users",
    "defaultuser0",
    "defaultapppool",
    "wdagutilityaccount",
    "systemprofile",
    "administrator",
    "administrators",
    "guest",
    "system",
    "localsystem",
    "local service",
    "localservice",
    "network service",
    "networkservice",
    "nt authority",
    "nt service",
    "builtin",
    "everyone",
    "trustedinstaller",
    "true",
    "false",
    "null",
    "none",
    "yes",
    "no",
    "unknown",
    "n/a",
    "temp",
    "anonymous",
    "local",
    "network",
];

pub(super) fn is_common_account(value: &[u8]) -> bool {
    let is_variable = value.first() == Some(&b'%');
    let is_number = value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    is_variable
        || is_number
        || COMMON_ACCOUNTS.iter().any(|common| value.eq_ignore_ascii_case(common.as_bytes()))
}

fn whole(_: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    Some(at)
}

fn profile(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let is_folder = matches!(text.get(at.end), Some(b'\\' | b'/'));
    // At the end of a path only the first word is surely a part of it.
    let ends = |byte: &u8| b" ,;)'](".contains(byte);
    let length = match is_folder {
        true => value.len(),
        false => value.iter().position(ends).unwrap_or(value.len()),
    };
    let kept = value[..length].iter().rposition(|&byte| byte != b'.' && byte != b' ')? + 1;
    (!is_common_account(&value[..kept])).then(|| at.start..at.start + kept)
}

fn account(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let kept = value.iter().rposition(|&byte| byte != b'.')? + 1;
    let value = &value[..kept];
    let is_sid = value.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"S-1-"));
    let is_code = value.starts_with(b"0x") || value.contains(&b'@') || value.contains(&b'/');
    (!is_sid && !is_code && !is_common_account(value)).then(|| at.start..at.start + kept)
}

fn domain(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = text[at.clone()].to_ascii_lowercase();
    let common = [&b"nt"[..], b"nt authority", b"builtin", b"workgroup", b"window manager", b"."];
    let is_common = common.contains(&&value[..]) || value.starts_with(b"nt authority");
    (!is_common && !is_common_account(&value) && !is_public_host(&value)).then_some(at)
}

/// First parts of paths that only look like the name of a server.
const NO_HOSTS: [&str; 15] = [
    "localhost.localdomain",
    "localhost",
    "systemroot",
    "device",
    "registry",
    "dosdevices",
    "windows",
    "pipe",
    "unc",
    "globalroot",
    "harddiskvolume",
    "volume",
    "program files",
    "null",
    "unknown",
];

/// Files whose names stand where the name of a server may.
const FILES: [&str; 8] = [".inf", ".cat", ".sys", ".dll", ".exe", ".cab", ".log", ".xml"];

fn host(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let kept = value.iter().rposition(|&byte| byte != b'.' && byte != b'-')? + 1;
    let value = value[..kept].to_ascii_lowercase();
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    let is_file = FILES.iter().any(|ending| value.ends_with(ending.as_bytes()));
    // `MS.Internal.IO` is a name in a program.
    let goes_on = text.get(at.end) == Some(&b'.')
        && text.get(at.end + 1).is_some_and(u8::is_ascii_alphabetic);
    let is_common = NO_HOSTS.iter().any(|name| name.as_bytes() == value);
    (has_letter
        && !is_file
        && !goes_on
        && !is_common
        && !is_public_host(&value)
        && !is_common_account(&value))
    .then(|| at.start..at.start + kept)
}

/// Services of Microsoft and its carriers, and registries of certificates: everybody asks them, and
/// which of them could not be reached is what a diagnosis needs.
const PUBLIC_HOSTS: [&str; 24] = [
    "microsoft.com",
    "windowsupdate.com",
    "windows.com",
    "windows.net",
    "microsoftonline.com",
    "live.com",
    "live.net",
    "office.com",
    "office.net",
    "office365.com",
    "azure.com",
    "azureedge.net",
    "msftncsi.com",
    "msftconnecttest.com",
    "msedge.net",
    "bing.com",
    "msn.com",
    "akamaized.net",
    "akamai.net",
    "akadns.net",
    "digicert.com",
    "verisign.com",
    "w3.org",
    "windowsupdate.microsoft.com",
];

pub(super) fn is_public_host(lower: &[u8]) -> bool {
    PUBLIC_HOSTS.iter().any(|public| {
        let rest = lower.strip_suffix(public.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."))
    })
}

/// `S-1-5-21-a-b-c-RID`: the RID tells which kind of account it is and stays.
fn sid(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let dashes = text[at.clone()].iter().enumerate().filter(|(_, byte)| **byte == b'-');
    let seventh = dashes.map(|(place, _)| place).nth(6);
    let is_account = text[at.clone()].get(4..8).is_some_and(|part| part == b"5-21");
    match (is_account, seventh) {
        (true, Some(end)) => Some(at.start..at.start + end),
        _ => Some(at),
    }
}

/// `ACME\\meier`: a name in capitals and one behind it, which are no path. Whether they are an account
/// is known when all names of PCs and domains are.
pub(super) fn accounts(text: &[u8]) -> Vec<(Range<usize>, Range<usize>)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let mut found = Vec::new();
    for slash in memchr::memchr_iter(b'\\', text) {
        let before = &text[slash.saturating_sub(16)..slash];
        let length = before.iter().rev().take_while(|&&byte| is_name(byte)).count();
        let domain = slash - length..slash;
        let joins = |byte: &u8| b"\\/:.%$~".contains(byte) || *byte >= 0x80;
        let is_part = domain.start.checked_sub(1).is_some_and(|at| joins(&text[at]));
        let value = &text[domain.clone()];
        let is_capital =
            value.iter().any(u8::is_ascii_uppercase) && !value.iter().any(u8::is_ascii_lowercase);
        if !(2..=15).contains(&length) || is_part || !is_capital {
            continue;
        }
        let is_end = |byte: &u8| b"\\/:*?\"<>|,;=[]() \r\n\t'".contains(byte);
        let rest = &text[slash + 1..];
        let length = rest.iter().take(65).take_while(|byte| !is_end(byte)).count();
        let goes_on = rest.get(length).is_some_and(|byte| b"\\/:*".contains(byte));
        let kept = rest[..length].iter().rposition(|&byte| byte != b'.').map_or(0, |last| last + 1);
        let value = &rest[..kept];
        if !(2..=64).contains(&kept) || goes_on || is_common_account(value) {
            continue;
        }
        found.push((domain, slash + 1..slash + 1 + kept));
    }
    found
}

/// Whether what stands before such a pair says that it is an account.
pub(super) fn is_called_account(text: &[u8], domain: &Range<usize>) -> bool {
    let before = text[domain.start.saturating_sub(24)..domain.start].to_ascii_lowercase();
    let words =
        [&b"user "[..], b"user: ", b"account ", b"behalf of ", b"logged on as ", b"run as "];
    words.iter().any(|word| before.strip_suffix(b"\"").unwrap_or(&before).ends_with(word))
}

/// The names that setup gives: `DESKTOP-2KGM189`, but not `Desktop-Package`.
fn default_name(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let is_upper = !value.iter().any(u8::is_ascii_lowercase);
    let is_part = matches!(text.get(at.end), Some(b'-' | b'~'));
    (!is_part && (is_upper || value.iter().any(u8::is_ascii_digit))).then_some(at)
}

fn mail(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let is_name = value.iter().take_while(|&&byte| byte != b'@').any(u8::is_ascii_alphabetic);
    is_name.then_some(at)
}

fn ipv4(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let address: Ipv4Addr = std::str::from_utf8(&text[at.clone()]).ok()?.parse().ok()?;
    let first = address.octets()[0];
    let is_version_zero = address.octets()[3] == 0 && !address.is_private();
    let says_nothing = address.is_loopback() || first == 0 || first == 255 || is_version_zero;
    let before = text[at.start.saturating_sub(12)..at.start].to_ascii_lowercase();
    let (previous, next) = (before.last().copied().unwrap_or(b' '), text.get(at.end).copied());
    // Versions of four small numbers look the same; so do folders that are named after them, but
    // not the names of servers.
    let is_folder = previous == b'\\'
        && text[..at.start].iter().rev().nth(1).is_some_and(|byte| *byte != previous);
    let is_part = b".~_".contains(&previous)
        || is_folder
        || matches!(next, Some(b'~' | b'_'))
        || next == Some(b'.') && text.get(at.end + 1).is_some_and(u8::is_ascii_digit);
    let words = before.split(|byte| !byte.is_ascii_alphabetic());
    let is_version = words.rev().find(|word| !word.is_empty()).is_some_and(|word| {
        let words: [&[u8]; 6] = [b"v", b"ver", b"build", b"rev", b"revision", b"release"];
        word.ends_with(b"version") || words.contains(&word)
    });
    (!says_nothing && !is_part && !is_version).then_some(at)
}

fn ipv6(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    // A colon behind the address belongs to the sentence.
    let kept = match value {
        [.., b':', b':'] => value.len(),
        [.., b':'] => value.len() - 1,
        _ => value.len(),
    };
    let at = at.start..at.start + kept;
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':');
    let before = at.start.checked_sub(1).and_then(|before| text.get(before));
    if is_word(before) || is_word(text.get(at.end)) {
        return None;
    }
    let address: Ipv6Addr = std::str::from_utf8(&text[at.clone()]).ok()?.parse().ok()?;
    let groups = address.segments().iter().filter(|group| **group != 0).count();
    // `Add::Fade` is a name in a program, not an address.
    let is_real = groups >= 3 && !address.is_loopback();
    is_real.then_some(at)
}

/// Not a part of something longer, such as a GUID.
fn apart(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let joins = |byte: Option<&u8>| byte.is_some_and(|byte| b"-:_{".contains(byte));
    let before = at.start.checked_sub(1).and_then(|before| text.get(before));
    let is_uniform = {
        let value = &text[at.clone()];
        value.iter().filter(|byte| byte.is_ascii_alphanumeric()).all(|&byte| byte == value[0])
    };
    (!joins(before) && !matches!(text.get(at.end), Some(b'-')) && !is_uniform).then_some(at)
}

fn serial(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let value = &text[at.clone()];
    let has_digit = value.iter().any(u8::is_ascii_digit);
    (has_digit && !value.starts_with(b"0x")).then_some(at)
}
