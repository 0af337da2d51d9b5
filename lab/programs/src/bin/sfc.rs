//! The check of system files: prints UTF-16 into a pipe as that of Windows does, in words of no
//! language in particular, and writes the records `C:\lab\sfc.txt` gives to CBS.log; its first line
//! is the number it ends with. What it was called with it writes to `sfc.log` beside.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    fs::write(r"C:\lab\sfc.log", arguments.join(" ")).expect("its log can be written");
    let script = fs::read_to_string(r"C:\lab\sfc.txt").unwrap_or_else(|_| "0".to_owned());
    let mut script = script.lines();
    let code: u8 = script.next().and_then(|it| it.trim().parse().ok()).unwrap_or(87);
    let mut out = std::io::stdout().lock();
    let mut say = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        out.write_all(&bytes).and_then(|()| out.flush()).expect("somebody listens");
    };
    say("\r\nPrüfung läuft 检查\r\n\r\n");
    for percent in [0, 25, 50, 100] {
        say(&format!("\r{percent} % ist getan."));
        std::thread::sleep(Duration::from_millis(20));
    }
    say("\r\n");
    let log = OpenOptions::new().create(true).append(true).open(r"C:\windows\Logs\CBS\CBS.log");
    let mut log = log.expect("CBS.log can be written");
    for record in script {
        write!(log, "2026-01-03 11:00:00, Info                  CSI    {record}\r\n")
            .expect("CBS.log can be written");
    }
    ExitCode::from(code)
}
