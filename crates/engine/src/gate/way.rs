//! Whether updates can come from where this PC takes them: the hosts file, the proxy, the servers themselves.

use unwedge_host::probe::ServerAnswer;
use unwedge_host::system::management::{self, Manager};
use unwedge_host::system::network;
use unwedge_host::{Host, HostErrorKind};

use super::{Answer, Check, CheckId};

/// Never stops: a repair of what is on the PC needs no server, and the retry tells whether one answers.
pub(super) fn to_servers(host: &dyn Host) -> Check {
    const ID: CheckId = CheckId::Network;
    let read = network::read(host);
    if let Some(first) = read.found.redirected.first() {
        let more = match read.found.redirected.len() {
            1 => String::new(),
            count => format!(", and {} more names of Windows Update", count - 1),
        };
        let says = format!(
            "the hosts file leads {} to {} (line {}){more}",
            first.name, first.address, first.line
        );
        return Check::new(ID, Answer::Go, says).advising(
            "whoever wrote these lines wanted to keep updates or reports away; without them Windows \
             Update finds its servers. Take them out of C:\\Windows\\System32\\drivers\\etc\\hosts \
             yourself, as an administrator",
        );
    }
    let managed = management::read(host).found;
    let own = managed.of_updates().into_iter().find_map(|it| match it {
        Manager::Server(server) => Some(server),
        _ => None,
    });
    let asked = network::ask(host, own.as_deref()).unwrap_or_default();
    let proxy = read.found.proxy.as_ref();
    if let Some((url, fault)) = asked.iter().find_map(|it| Some((&it.url, fault_of(it)?))) {
        let through =
            proxy.map_or(String::new(), |it| format!(" (through the proxy {})", it.server));
        return Check::new(ID, Answer::Go, format!("{url}{through}: {}", fault.says))
            .advising(if proxy.is_some() && fault.may_be_proxy { OF_PROXY } else { fault.advice });
    }
    let all_answer = !asked.is_empty() && asked.iter().all(|it| it.status.is_ok());
    match proxy {
        Some(proxy) if all_answer => {
            let says = format!("the servers answer, through the proxy {}", proxy.server);
            Check::new(ID, Answer::Go, says)
        }
        Some(proxy) => {
            let says = format!("services reach the internet through the proxy {}", proxy.server);
            Check::new(ID, Answer::Go, says).advising(OF_PROXY)
        }
        None if all_answer => Check::new(ID, Answer::Go, "the servers answer"),
        None if read.unknown.is_empty() => {
            Check::new(ID, Answer::Go, "no proxy and no hosts file stands before the servers")
        }
        None => Check::new(ID, Answer::Unknown, "what stands before the servers is not known"),
    }
}

const OF_PROXY: &str = "if that proxy is not there any more, no update is found: `netsh winhttp show proxy` shows \
                        it, and `netsh winhttp reset proxy` takes it away; ask whoever manages the PC first";

/// Why no update comes from a server.
struct ServerFault {
    says: String,
    advice: &'static str,
    may_be_proxy: bool,
}

/// What is wrong with the answer of a server; `None` if nothing is, or nobody could ask. Codes: `winhttp.h`.
fn fault_of(answer: &ServerAnswer) -> Option<ServerFault> {
    const LINE: &str = "look whether this PC is online; then whether a firewall, a filter of the router or a \
                        security product keeps the name from it";
    let (says, advice, may_be_proxy) = match answer.status {
        Ok(407) => ("the proxy wants to know who asks", OF_PROXY, true),
        Ok(status @ 500..) => {
            let says = format!("the server is in trouble (status {status})");
            let advice =
                "nothing on this PC mends that; try again later, or tell whoever runs the server";
            return Some(ServerFault { says, advice, may_be_proxy: true });
        }
        // Whatever it says of this address: it was reached.
        Ok(_) => return None,
        Err(HostErrorKind::Win32(code)) => match code {
            12007 => ("its name is not found (12007)", LINE, true),
            12029 => ("no connection comes about (12029)", LINE, true),
            12002 => ("no answer in time (12002)", LINE, true),
            12030 | 12152 => ("the connection is cut off", LINE, true),
            12037 => (
                "its certificate is not valid at this time (12037)",
                "look whether date and time of this PC are right",
                false,
            ),
            12045 | 12038 | 12157 | 12170 | 12175 => (
                "the encrypted connection is not trusted",
                "look whether date and time are right, whether a security product or a proxy looks into \
                 encrypted connections, and whether root certificates are kept up to date",
                false,
            ),
            12001..=12999 => ("it cannot be reached", LINE, true),
            _ => return None,
        },
        Err(_) => return None,
    };
    Some(ServerFault { says: says.to_owned(), advice, may_be_proxy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use unwedge_host::Fixture;

    const FILES: &str = "//- server http://download.windowsupdate.com/ ";

    fn told(text: &str) -> (Answer, String, String) {
        let check = to_servers(&Fixture::parse(text).unwrap());
        (check.answer, check.says, check.advice.unwrap_or_default())
    }

    #[test]
    fn each_way_in_which_a_server_is_out_of_reach_has_its_advice() {
        for (status, said, advised) in [
            ("code=12007", "name is not found", "online"),
            ("code=12029", "no connection", "firewall"),
            ("code=12002", "no answer", "firewall"),
            ("code=12037", "not valid at this time", "date and time"),
            ("code=12175", "not trusted", "encrypted connections"),
            ("code=12152", "cut off", "firewall"),
            ("status=503", "in trouble", "try again later"),
            ("status=407", "proxy", "netsh"),
        ] {
            let (answer, says, advice) = told(&format!("{FILES}{status}\n"));
            assert_eq!(answer, Answer::Go, "a repair needs no server");
            assert!(says.contains(said) && says.contains("download.windowsupdate"), "{says}");
            assert!(advice.contains(advised), "{status}: {advice}");
        }
    }

    #[test]
    fn whatever_status_a_server_answers_with_it_was_reached() {
        let all = |status: &str| -> String {
            let of = |url: &str| format!("//- server {url} {status}\n");
            ["https://slscr.update.microsoft.com/", "https://fe2cr.update.microsoft.com/"]
                .map(of)
                .concat()
                + &format!("{FILES}{status}\n")
        };
        for status in ["status=200", "status=403", "status=404"] {
            assert_eq!(told(&all(status)).1, "the servers answer");
        }
        // One of three that nobody asked does not make all answer.
        assert_ne!(told(&format!("{FILES}status=200\n")).1, "the servers answer");
    }

    #[test]
    fn of_a_pc_with_an_update_server_that_one_is_asked() {
        const POLICY: &str = "//- reg HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\n\
                              WUServer = sz:http://wsus.example:8530\n\
                              //- reg HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\n\
                              UseWUServer = dword:1\n";
        let asked = "//- server http://wsus.example:8530/ClientWebService/client.asmx code=12029\n";
        let (_, says, _) = told(&format!("{POLICY}{asked}{FILES}status=200\n"));
        assert!(says.starts_with("http://wsus.example:8530/") && says.contains("12029"), "{says}");
    }
}
