//! Ends programs of a PC without a word, as a power cut would.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Pc;

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// The processes of a program that run on a PC.
#[derive(Debug, Default)]
pub struct Victims {
    processes: Vec<Pid>,
    /// The one that brought each into its session, and that stops when its child is stopped.
    entered_by: Vec<Pid>,
}

impl Pc {
    /// The processes that run `image`, such as `unwedge.exe`.
    ///
    /// # Panics
    /// When this machine does not tell its processes.
    pub fn processes_of(&self, image: &str) -> Victims {
        let prefix = format!("WINEPREFIX={}", self.session().prefix());
        let processes = fs::read_dir("/proc").expect("this is Linux");
        let pids = processes.flatten().filter_map(|it| {
            let pid: i32 = it.file_name().to_str()?.parse().ok()?;
            let is_of_pc = || words(&it.path(), "environ").contains(&prefix);
            let runs = words(&it.path(), "cmdline").first()?.to_lowercase().ends_with(image);
            Pid::from_raw(pid).filter(|_| runs && is_of_pc())
        });
        let processes: Vec<Pid> = pids.collect();
        let entered_by = processes.iter().filter_map(|it| parent(*it)).collect();
        Victims { processes, entered_by }
    }
}

impl Victims {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Lets them go on for so long, and holds them again.
    pub fn step(&self, long: Duration) {
        tell(&self.processes, Signal::CONT);
        thread::sleep(long);
        tell(&self.processes, Signal::STOP);
    }

    /// Kills them; one that has ended by itself is none of them any more.
    pub fn kill(&self) {
        tell(&self.processes, Signal::KILL);
    }

    /// Has whoever waits for them go on until `is_over`, once they were ended.
    ///
    /// More than once, because a process that hears that its child was stopped stops itself, and it
    /// may hear of the last stop when the child is dead already.
    pub fn let_go(&self, is_over: impl Fn() -> bool) {
        while !is_over() {
            tell(&self.entered_by, Signal::CONT);
            thread::sleep(BETWEEN_LOOKS);
        }
    }
}

fn tell(processes: &[Pid], signal: Signal) {
    for pid in processes {
        // They were started by a test that has not waited for them yet, so that no number is another
        // one's by now.
        let _ = kill_process(*pid, signal);
    }
}

fn parent(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Pid::from_raw(parent.trim().parse().ok()?)
}

/// What a process was started with: words that end with a zero byte.
fn words(process: &Path, what: &str) -> Vec<String> {
    let bytes = fs::read(process.join(what)).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}
