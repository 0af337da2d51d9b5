//! Makes a CBS.log of any size: the same bytes for the same size, in the shapes of the real thing.

use std::io::{self, Write};

use jiff::civil::DateTime;

use super::random::Random;

/// Changes with every change of what is written, so that an old file is not taken for a new one.
pub(super) const VERSION: u32 = 2;
/// What the update that fails at the end could not open.
pub(super) const LOCKED_FILE: &str = r"C:\Windows\System32\drivers\contosoflt.sys";
/// Local time is so far behind UTC.
const BEHIND_UTC_HOURS: i64 = 7;
/// Room left for the failure at the end.
const LAST_BYTES: u64 = 64 << 10;

const CLIENTS: [&str; 5] = [
    "WindowsUpdateAgent",
    "WinMgmt",
    "WindowsUpdateAgent",
    "CbsTask",
    "DISM Package Manager Provider",
];
const PACKAGES: [&str; 8] = [
    "Microsoft-Windows-Foundation-Package",
    "Microsoft-Windows-Client-Desktop-Required-Package",
    "Microsoft-Windows-IIS-WebServer-Core-Package",
    "Microsoft-Windows-Printing-Client-Features-Package",
    "Microsoft-Windows-NetFx4-Advanced-Services-Package",
    "Microsoft-Windows-Hyper-V-Platform-Package",
    "OpenSSH-Client-Package",
    "Microsoft-Windows-Subsystem-Linux-Package",
];
const FEATURES: [&str; 6] = [
    "Printing-Foundation-Features",
    "NetFx4ServerFeatures",
    "IIS-HttpCompressionStatic",
    "Microsoft-Hyper-V-Management-Clients",
    "SearchEngine-Client-Package",
    "WorkFolders-Client",
];
const STATES: [&str; 4] = ["Installed", "Staged", "Absent", "Resolved"];

/// What stands in a log that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// How many lines.
    pub(crate) lines: u64,
    /// On which of them the lock is told.
    pub(crate) lock_line: u64,
}

/// Writes a log of about `size_bytes`.
pub(crate) fn write(into: &mut dyn Write, size_bytes: u64) -> io::Result<Written> {
    write_from(into, size_bytes, 0)
}

/// Writes a log that begins so many days later.
pub(super) fn write_from(
    into: &mut dyn Write,
    size_bytes: u64,
    days_later: u32,
) -> io::Result<Written> {
    let mut log = Log::new(into);
    log.seconds = i64::from(days_later) * 86_400;
    log.into.write_all(b"\xef\xbb\xbf")?;
    let mut run = 0_u64;
    while log.bytes + LAST_BYTES < size_bytes {
        log.service_starts()?;
        for _ in 0..1 + log.random.below(4) {
            log.session()?;
        }
        match run % 80 {
            13 | 53 => log.update(run, "0x00000000 - S_OK")?,
            // It goes through when it is tried again.
            33 if run < 80 => {
                log.update(run, "0x800f0922 - CBS_E_INSTALLERS_FAILED")?;
                log.update(run, "0x00000000 - S_OK")?;
            }
            70 => log.file_check()?,
            _ => {}
        }
        log.service_stops()?;
        log.seconds += 3_600 + log.random.below(7_200) as i64;
        run += 1;
    }
    log.service_starts()?;
    let lock_line = log.locked_update()?;
    log.service_stops()?;
    Ok(Written { lines: log.lines, lock_line })
}

struct Log<'w> {
    into: &'w mut dyn Write,
    random: Random,
    bytes: u64,
    lines: u64,
    /// Since [`Log::START`], by the local clock.
    seconds: i64,
    /// Number of the last CSI record since the stack was loaded.
    sequence: u32,
    sessions: u64,
    /// The head of the present second, and for which second it was made.
    head: (i64, String),
}

impl<'w> Log<'w> {
    const START: DateTime = jiff::civil::datetime(2024, 3, 12, 6, 0, 0, 0);

    fn new(into: &'w mut dyn Write) -> Self {
        let head = (-1, String::new());
        let random = Random::new(0x5EED_0F0D);
        Log { into, random, bytes: 3, lines: 0, seconds: 0, sequence: 0, sessions: 0, head }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.lines += 1;
        self.bytes += line.len() as u64 + 2;
        self.into.write_all(line.as_bytes())?;
        self.into.write_all(b"\r\n")
    }

    /// A record: the level at column 21, the component at 43, the text at 50.
    fn record(&mut self, level: &str, component: &str, text: &str) -> io::Result<()> {
        if self.random.below(6) == 0 {
            self.seconds += self.random.below(3) as i64;
        }
        if self.head.0 != self.seconds {
            let time = Self::START.saturating_add(jiff::SignedDuration::from_secs(self.seconds));
            self.head = (self.seconds, time.strftime("%Y-%m-%d %H:%M:%S, ").to_string());
        }
        let line = format!("{}{level:<22}{component:<7}{text}", self.head.1);
        self.line(&line)
    }

    fn cbs(&mut self, text: &str) -> io::Result<()> {
        self.record("Info", "CBS", text)
    }

    fn csi(&mut self, text: &str) -> io::Result<()> {
        self.sequence += 1;
        let text = format!("{:08x} {text}", self.sequence);
        self.record("Info", "CSI", &text)
    }

    /// A CSI record that carries the time in UTC.
    fn csi_dated(&mut self, text: &str) -> io::Result<()> {
        self.sequence += 1;
        let hours = jiff::SignedDuration::from_hours(BEHIND_UTC_HOURS);
        let utc = Self::START.saturating_add(jiff::SignedDuration::from_secs(self.seconds) + hours);
        let stamp = format!(
            "{:08x}@{}/{}/{}:{:02}:{:02}:{:02}.{:03} {text}",
            self.sequence,
            utc.year(),
            utc.month(),
            utc.day(),
            utc.hour(),
            utc.minute(),
            utc.second(),
            self.random.below(1_000),
        );
        self.record("Info", "CSI", &stamp)
    }

    fn service_starts(&mut self) -> io::Result<()> {
        self.sequence = 0;
        self.cbs("TI: --- Initializing Trusted Installer ---")?;
        self.cbs("TI: Last boot time: 2024-03-11 21:14:02.500")?;
        self.cbs("Starting TrustedInstaller initialization.")?;
        for level in [30, 30, 8] {
            self.cbs(&format!(
                "Lock: New lock added: CBenchSessionClassFactory, level: {level}, total lock:4"
            ))?;
        }
        self.cbs("Ending TrustedInstaller initialization.")?;
        self.cbs("Starting the TrustedInstaller main loop.")?;
        self.cbs("TrustedInstaller service starts successfully.")?;
        self.cbs(
            "No startup processing required, TrustedInstaller service was not set as autostart",
        )?;
        self.cbs(r"No content found - 'C:\Windows\CbsTemp._ForDelete'")?;
        self.cbs(
            r"Loaded Servicing Stack v10.0.26100.1738 with Core: C:\Windows\winsxs\amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.26100.1738_none_a52b1b5f7746a1c0\cbscore.dll",
        )?;
        self.csi_dated("WcpInitialize: wcp.dll version 10.0.26100.1738 (WinBuild.160101.0800)")?;
        self.cbs("Lock: New lock added: CCbsSessionManager, level: 11, total lock:9")?;
        self.csi_dated("WcpInitialize: wcp.dll version 10.0.26100.1738 (WinBuild.160101.0800)")
    }

    fn service_stops(&mut self) -> io::Result<()> {
        self.seconds += 120;
        self.cbs(r"Deleting directory: C:\Windows\CbsTemp\31092833_1120394857")?;
        self.cbs(r"Moving directory from: C:\Windows\CbsTemp to: C:\Windows\CbsTemp._ForDelete")?;
        self.cbs("Trusted Installer is shutting down because: SHUTDOWN_REASON_AUTOSTOP")?;
        self.cbs("TiWorker signaled for shutdown, going to exit.")?;
        self.csi("Direct SIL provider: Number of files opened: 15.")?;
        self.cbs("Ending the TiWorker main loop.")?;
        self.cbs("CbsCoreFinalize: CbsTraceInfoUninitialize")?;
        self.cbs("Ending TrustedInstaller finalization.")
    }

    /// A session in which packages are asked for, most of which are there.
    fn session(&mut self) -> io::Result<()> {
        self.sessions += 1;
        let session = format!(
            "31{:06}_{}",
            self.sessions % 1_000_000,
            1_000_000_000 + self.random.below(3_000_000_000)
        );
        let client = self.random.of(&CLIENTS);
        self.cbs(&format!(
            "Session: {session} initialized by client {client}, external staging directory: (null), external registry directory: (null)"
        ))?;
        for _ in 0..40 + self.random.below(120) {
            self.applicability()?;
        }
        if self.random.below(4) == 0 {
            self.probing()?;
        }
        self.csi_work()?;
        self.cbs(&format!(
            "Session: {session} finalized. Reboot required: no [HRESULT = 0x00000000 - S_OK]"
        ))
    }

    fn applicability(&mut self) -> io::Result<()> {
        let (package, feature, state) =
            (self.random.of(&PACKAGES), self.random.of(&FEATURES), self.random.of(&STATES));
        let package =
            format!("{package}~31bf3856ad364e35~amd64~~10.0.26100.{}", self.random.below(3_000));
        let text = match self.random.below(11) {
            0 => format!(
                "Appl: Evaluating package applicability for package {package}, applicable state: {state}"
            ),
            1 => format!("Enumerating Foundation package: {package}, this could be slow"),
            2 | 3 => format!(
                "Appl: DetectUpdate, Package: {package}, Local Parent: {feature}, Intended State: {state}"
            ),
            5..=7 => format!("Appl: Update {feature} is {state}"),
            4 => format!(
                "Appl: detect Parent, Package: {package}, Parent: {}~31bf3856ad364e35~amd64~~, Disposition = Detect, VersionComp: EQ, BuildComp: EQ, RevisionComp: GE, Exist: present",
                PACKAGES[0]
            ),
            _ => format!(
                "Appl: Package: {package}, Update: {feature}, Applicable: Applicable, Disposition: {state}"
            ),
        };
        self.cbs(&text)
    }

    /// The agent asks for packages that are not there: noise that looks like failure.
    fn probing(&mut self) -> io::Result<()> {
        let kb = 5_000_000 + self.random.below(60_000);
        self.cbs(&format!(
            "InternalOpenPackage failed for Package_for_KB{kb}~31bf3856ad364e35~amd64~~10.0.1.2 [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]"
        ))?;
        self.cbs(
            "Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]",
        )?;
        self.cbs("Failed to create open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]")?;
        self.cbs("Failed to OpenPackage using worker session [HRESULT = 0x800f0805]")
    }

    fn csi_work(&mut self) -> io::Result<()> {
        let address = 0x1f0_0000_0000 + self.random.below(0xffff_ffff);
        self.csi_dated(&format!("CSI Transaction @0x{address:x} initialized for deployment engine with flags 00000002 and client id [18]'TI6.31092833_113:1/'"))?;
        self.csi("Creating NT transaction (seq 1), objectname '(null)'")?;
        self.csi("Created NT transaction (seq 1) result 0x00000000, handle @0x2f0")?;
        for _ in 0..self.random.below(5) {
            self.csi("Performing 1 operations as follows:")?;
            self.line("  (0)  LockComponentPath: flags: 0 comp: {l:16 b:1ff4a2a8b67bda0107000000f40bc40b} pathid: {l:16 b:5c1ca5a8b67bda0108000000f40bc40b} path: [l:90]'\\SystemRoot\\WinSxS\\amd64_bench-part_31bf3856ad364e35_10.0.26100.1_none_0d25c3af2b1bd5c5' pid: bf4 starttime: 133546000000000000")?;
        }
        self.csi("Perf trace:")?;
        self.line("CSIPERF:TXCOMMIT;21805")
    }

    /// A run of sfc over the whole store.
    fn file_check(&mut self) -> io::Result<()> {
        for _ in 0..60 {
            self.csi("[SR] Verifying 100 (0x00000064) components")?;
            self.csi("[SR] Beginning Verify and Repair transaction")?;
            self.csi("[SR] Verify complete")?;
        }
        Ok(())
    }

    /// An update that ends with `result`.
    fn update(&mut self, number: u64, result: &str) -> io::Result<()> {
        let session = format!("32{number:06}_2212357542");
        let kb = format!("KB{}", 5_030_000 + number);
        let package = format!("Package_for_{kb}~31bf3856ad364e35~amd64~~26100.1742.1.10");
        self.cbs(&format!("Session: {session} initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)"))?;
        self.cbs(&format!("Exec: Processing started.  Client: WindowsUpdateAgent, Session: {session}, Package: {package}, Identifier: {kb}"))?;
        for _ in 0..200 {
            self.applicability()?;
        }
        self.cbs(&format!("Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: {kb} [HRESULT = {result}]"))?;
        self.cbs(&format!(
            "Session: {session} finalized. Reboot required: no [HRESULT = 0x00000000 - S_OK]"
        ))
    }

    /// The update that fails because another program holds a file; gives the line that names it.
    fn locked_update(&mut self) -> io::Result<u64> {
        self.sequence += 1;
        let text = format!(
            r"{:08x} (F) STATUS_SHARING_VIOLATION #4711# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(flags = (AllowSharingViolation), handle = {{provider=NULL, handle=0}}, da = (DELETE|SYNCHRONIZE), oa = @0x5d1e7fe2b0->OBJECT_ATTRIBUTES {{s:48; on:[{}]'\??\{LOCKED_FILE}'; a:(OBJ_CASE_INSENSITIVE)}}, iosb = @0x5d1e7fe2f0, as = (null), fa = 0, sa = 0, cd = FILE_OPEN, co = 0, eab = NULL, eal = 0, disp = Invalid)",
            self.sequence,
            LOCKED_FILE.len() + 4,
        );
        self.record("Error", "CSI", &text)?;
        let lock_line = self.lines;
        self.line("[gle=0xd0000043]")?;
        self.update(999_000, "0x80070020 - ERROR_SHARING_VIOLATION")?;
        Ok(lock_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_gives_the_same_bytes_in_the_columns_of_windows() {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        let written = write(&mut one, 400 << 10).unwrap();
        assert_eq!(write(&mut two, 400 << 10).unwrap(), written);
        assert_eq!(one, two);
        let parsed = unwedge_formats::log::records(&one);
        assert_eq!(parsed.gaps, []);
        assert_eq!(unwedge_formats::log::count_lines(&one), written.lines);
        let lock = parsed.items.iter().find(|record| record.line == written.lock_line).unwrap();
        assert_eq!((lock.header.component, lock.header.text_at), (&b"CSI"[..], 50));
        let mean = one.len() as u64 / written.lines;
        assert!((170..=200).contains(&mean), "{mean} bytes a line");
    }
}
