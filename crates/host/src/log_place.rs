//! Where Windows keeps what tells of its updates.

use crate::WinPath;

/// A folder in which logs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// The folder. `%SystemDrive%` and `C:\Windows` stand for those of the PC.
    pub folder: &'static str,
    /// Endings or whole names of what is a log there, in lower case.
    pub names: &'static [&'static str],
    /// How many folders deep below it logs may lie.
    pub depth: usize,
}

const fn place(folder: &'static str, names: &'static [&'static str], depth: usize) -> LogPlace {
    LogPlace { folder, names, depth }
}

const TEXT: &[&str] = &[".log", ".lo_", ".cab", ".txt", ".xml", ".evtx", ".etl", ".csv"];
const LOGS: &[&str] = &[".log", ".lo_"];

/// All places, the most telling first. Sources: Microsoft's lists "Windows Update log files",
/// "Log files and resolving upgrade errors", "Configuration Manager log file reference" and
/// "SetupDiag", and the guest agent's documentation for Azure.
pub const LOG_PLACES: [LogPlace; 31] = [
    place(r"C:\Windows\Logs\CBS", &[".log", ".cab"], 0),
    place(r"C:\Windows\Logs\DISM", LOGS, 0),
    place(r"C:\Windows\Logs\WindowsUpdate", &[".etl", ".log"], 0),
    place(r"C:\Windows\SoftwareDistribution", &["reportingevents.log"], 0),
    place(r"C:\Windows\SoftwareDistribution\DataStore", &["datastore.edb"], 0),
    place(r"C:\Windows\WinSxS", &["pending.xml", "poqexec.log", "reboot.xml"], 0),
    place(r"C:\Windows\Logs\MoSetup", TEXT, 1),
    place(r"C:\Windows\Logs\SetupDiag", TEXT, 1),
    place(r"C:\Windows\Logs\DPX", LOGS, 0),
    place(r"C:\Windows\Logs\waasmedic", &[".etl", ".log"], 0),
    place(r"C:\Windows\Logs\waasmediccapsule", &[".etl", ".log"], 0),
    place(r"C:\Windows\Logs\SIH", &[".etl", ".log"], 0),
    place(r"C:\Windows", &["windowsupdate.log", "setupact.log", "setuperr.log"], 0),
    place(r"C:\Windows\Panther", TEXT, 3),
    place(r"C:\Windows\INF", &["setupapi.dev.log", "setupapi.setup.log", ".offline.log"], 0),
    place(r"C:\Windows\INF", &["setupapi.upgrade.log", "setupapi.app.log"], 0),
    place(r"C:\Windows\System32\winevt\Logs", &[".evtx"], 0),
    place(r"C:\Windows\SoftwareDistribution\Download\Logs", TEXT, 0),
    place(r"C:\Windows\Temp", &["dism.log", "cbs.log"], 1),
    place(r"C:\Windows\servicing\Sessions", &["sessions.xml"], 0),
    place(r"%SystemDrive%\$WINDOWS.~BT\Sources\Panther", TEXT, 3),
    place(r"%SystemDrive%\$WINDOWS.~BT\Sources\Rollback", TEXT, 3),
    place(r"%SystemDrive%\Windows.old\Windows\Panther", TEXT, 3),
    place(r"%SystemDrive%\Windows.old\Windows\Logs\MoSetup", TEXT, 1),
    place(r"%SystemDrive%\Windows.old\Windows\Logs\CBS", &[".log", ".cab"], 0),
    place(r"%SystemDrive%\$GetCurrent\Logs", TEXT, 2),
    place(r"%SystemDrive%\Windows10Upgrade", LOGS, 1),
    place(r"%SystemDrive%\ProgramData\Microsoft\Windows\WaaS", LOGS, 2),
    place(r"C:\Windows\CCM\Logs", &[".log", ".lo_"], 0),
    place(r"%SystemDrive%\WindowsAzure\Logs", &[".log"], 5),
    place(r"%SystemDrive%\Packages\Plugins", &[".log"], 5),
];

impl LogPlace {
    /// The folder on a PC whose Windows lies on `drive`, such as `C:`.
    #[must_use]
    pub fn folder_on(&self, drive: &str) -> WinPath {
        match self.folder.strip_prefix("%SystemDrive%") {
            Some(below) => WinPath::new(&format!("{drive}{below}")),
            None => WinPath::new(self.folder),
        }
    }

    /// Whether a file of this name is a log there.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.names.iter().any(|it| name.ends_with(it))
    }
}

/// Whether a file that lies at `path` is a log by its place.
#[must_use]
pub fn is_log(path: &WinPath) -> bool {
    LOG_PLACES.iter().any(|it| {
        let folder = it.folder_on("C:");
        let depth = |path: &WinPath| path.as_str().matches('\\').count();
        path.is_within(&folder)
            && depth(path) <= depth(&folder) + 1 + it.depth
            && it.wants(path.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_known_by_their_place_and_name() {
        let is_log = |path| is_log(&WinPath::new(path));
        assert!(is_log(r"C:\Windows\Logs\CBS\CbsPersist_20260102030405.cab"));
        assert!(is_log(r"c:\windows\softwaredistribution\REPORTINGEVENTS.LOG"));
        assert!(is_log(r"C:\$WINDOWS.~BT\Sources\Panther\setupact.log"));
        assert!(is_log(r"C:\WindowsAzure\Logs\Plugins\a\1.0\CommandExecution.log"));
        assert!(!is_log(r"C:\Windows\Logs\CBS\old\CBS.log"));
        assert!(!is_log(r"C:\Windows\SoftwareDistribution\Download\a.cab"));
        assert!(!is_log(r"C:\Users\Ann\notes.log"));
    }
}
