//! An update that a lock keeps away: what its log tells, and what the agent of the lab plays.

use crate::{PLAYER, Pc, UPDATE_AGENT};

/// The update.
pub const KB: &str = "KB5099999";
/// The log of its last try.
pub const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
/// The file that it needs.
pub const HELD: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";

/// In the shape of a CBS.log in which a lock stops the update.
const FAILED: &str = "\
2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---
2026-01-02 10:00:01, Info                  CBS    Session: 31100000_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)
2026-01-02 10:00:02, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999
2026-01-02 10:00:03, Info                  CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_FILE_LOCK_CONFLICT while executing operation ReadFile on [l:61]'\\SystemRoot\\SoftwareDistribution\\DataStore\\DataStore.edb'
2026-01-02 10:00:04, Info                  CBS    Exec: Processing complete.  Session: 31100000_1, Package: Package_for_KB5099999~31bf3856ad364e35~amd64~~1.0, Identifier: KB5099999 [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
2026-01-02 10:00:05, Info                  CBS    Session: 31100000_1 finalized. Reboot required: no [HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]
";

impl Pc {
    /// Has an update that failed because of a lock on [`HELD`]; the agent does what `script` says. Whoever
    /// locks the file is another matter.
    pub fn fail_by_a_lock(&self, script: &str) {
        self.write(LOG, FAILED);
        self.write(HELD, vec![0; 4096]);
        self.write(r"C:\lab\update_agent.txt", format!("[{KB}]\nlog = {LOG}\n{script}\n"));
        self.play(PLAYER, &UPDATE_AGENT);
    }
}
