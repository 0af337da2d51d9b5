//! What of this PC's own settings stands between Windows Update and its servers: a proxy, and names that
//! the hosts file leads elsewhere; and whether the servers answer, for whoever wants that asked.

use super::{Inquiry, Reading};
use crate::probe::{self, ServerAnswer};
use crate::{Data, Host, Result, WinPath};

/// The proxy of WinHTTP, which services use and no user sees.
const CONNECTIONS: &str =
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections";
const HOSTS: &str = r"C:\Windows\System32\drivers\etc\hosts";
/// So much of a hosts file is looked at; lists of thousands of advertisers are usual.
const MOST_BYTES: usize = 32 << 20;
/// So many names are told.
const MOST_NAMES: usize = 100;

/// Names under which updates are found and fetched. Source: Microsoft, "Configure WSUS", step 1.1.
const UPDATE_NAMES: [&str; 9] = [
    "windowsupdate.com",
    "windowsupdate.microsoft.com",
    "update.microsoft.com",
    "download.microsoft.com",
    "delivery.mp.microsoft.com",
    "dsp.mp.microsoft.com",
    "wustat.windows.com",
    "ntservicepack.microsoft.com",
    "go.microsoft.com",
];

/// Where every PC asks for updates and fetches them: the list of services, the catalogue of updates, and the
/// files. Source: Microsoft, "Windows Update security" and "Issues related to HTTP/Proxy".
const OF_MICROSOFT: [&str; 3] = [
    "https://slscr.update.microsoft.com/",
    "https://fe2cr.update.microsoft.com/",
    "http://download.windowsupdate.com/",
];
/// What every update server answers, in a browser too. Source: Microsoft, "WSUS client agent can't connect".
const OF_SERVER: &str = "/ClientWebService/client.asmx";

/// What stands in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The proxy that services are to use; `None` if there is none, or it is not known.
    pub proxy: Option<Proxy>,
    /// Names of Windows Update that do not lead to their servers, at most a hundred.
    pub redirected: Vec<Redirected>,
}

/// A proxy of WinHTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Such as `proxy.example:8080`.
    pub server: String,
    /// What is reached without it, such as `<local>;*.example`.
    pub bypass: String,
}

/// A line of the hosts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirected {
    /// The name, such as `sls.update.microsoft.com`.
    pub name: String,
    /// Where it leads, such as `0.0.0.0`.
    pub address: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Reads it.
pub fn read(host: &dyn Host) -> Reading<Network> {
    let mut inquiry = Inquiry::of(host);
    let connections = inquiry.key(CONNECTIONS);
    let proxy = match connections.as_ref().and_then(|it| it.value("WinHttpSettings")) {
        Some(Data::Binary(bytes)) => proxy(bytes),
        _ => None,
    };
    let path = WinPath::new(HOSTS);
    let content = host.read(&path);
    let content = inquiry.noted(HOSTS, content).flatten().unwrap_or_default();
    inquiry.done(Network { proxy, redirected: redirected(&content) })
}

/// Asks the servers of this PC, those of its organisation if `server` is one, whether they answer. This takes
/// a few seconds where they do not; what is known of a PC that does not run says nothing of it.
pub fn ask(host: &dyn Host, server: Option<&str>) -> Result<Vec<ServerAnswer>> {
    let urls = match server {
        Some(server) => vec![format!("{}{OF_SERVER}", server.trim_end_matches('/'))],
        None => OF_MICROSOFT.map(str::to_owned).to_vec(),
    };
    probe::servers(host, &urls)
}

/// The proxy in the value that WinHTTP keeps: four numbers, the last of them the length of the name of
/// the server; that name; the length of what is reached without it; that. Without a proxy, or in another
/// form, `None`.
fn proxy(bytes: &[u8]) -> Option<Proxy> {
    /// `PROXY_TYPE_PROXY`.
    const IS_USED: u32 = 0x2;
    let number = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let text = |at: usize| {
        let length = usize::try_from(number(at)?).ok()?;
        let from = at + 4;
        let text = bytes.get(from..from.checked_add(length)?)?;
        Some((String::from_utf8_lossy(text).into_owned(), from + length))
    };
    if number(8)? & IS_USED == 0 {
        return None;
    }
    let (server, end) = text(12)?;
    let bypass = text(end).map(|(it, _)| it).unwrap_or_default();
    (!server.is_empty()).then_some(Proxy { server, bypass })
}

fn redirected(content: &[u8]) -> Vec<Redirected> {
    let content = &content[..content.len().min(MOST_BYTES)];
    let mut found = Vec::new();
    for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let text = String::from_utf8_lossy(text);
        let mut words = text.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next().map(|it| it.trim_start_matches('\u{feff}')) else {
            continue;
        };
        for name in words.filter(|it| is_of_updates(it)) {
            if found.len() < MOST_NAMES {
                let (name, address) = (name.to_lowercase(), address.to_owned());
                found.push(Redirected { name, address, line });
            }
        }
    }
    found
}

fn is_of_updates(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    UPDATE_NAMES.iter().any(|known| {
        name.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Fixture;

    fn value(flags: u32, server: &str, bypass: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [0x28, 0, flags, server.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(server.as_bytes());
        bytes.extend((bypass.len() as u32).to_le_bytes());
        bytes.extend(bypass.as_bytes());
        bytes.extend([0; 32]);
        bytes
    }

    #[test]
    fn the_proxy_of_services_is_read() {
        let found = proxy(&value(3, "proxy.example:8080", "<local>")).unwrap();
        assert_eq!(found.server, "proxy.example:8080");
        assert_eq!(found.bypass, "<local>");
        assert_eq!(proxy(&value(1, "", "")), None);
        assert_eq!(proxy(&value(1, "switched.off:80", "")), None);
        assert_eq!(proxy(&value(3, "proxy.example:8080", "")[..20]), None);
        assert_eq!(proxy(&[]), None);
    }

    #[test]
    fn only_names_of_windows_update_in_the_hosts_file_are_told() {
        let text = "# 127.0.0.1 update.microsoft.com\r\n127.0.0.1 localhost\r\n\
            0.0.0.0 ads.example SLS.Update.Microsoft.com # no updates\n\
            0.0.0.0 notwindowsupdate.com windowsupdate.com.example\n\
            ::1 download.windowsupdate.com.\n";
        let found = redirected(text.as_bytes());
        let told: Vec<(&str, &str, usize)> =
            found.iter().map(|it| (it.name.as_str(), it.address.as_str(), it.line)).collect();
        assert_eq!(
            told,
            [("sls.update.microsoft.com", "0.0.0.0", 3), ("download.windowsupdate.com.", "::1", 5)]
        );
    }

    #[test]
    fn what_is_not_known_is_noted() {
        let pc = Fixture::parse("").unwrap();
        assert_eq!(read(&pc).unknown.len(), 2);
        let pc = Fixture::parse(&format!("//- absent {HOSTS}\n//- absent key \"{CONNECTIONS}\"\n"));
        assert_eq!(read(&pc.unwrap()), Reading::default());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = proxy(&bytes);
            prop_assert!(redirected(&bytes).len() <= MOST_NAMES);
        }
    }
}
