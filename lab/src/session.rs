//! A running Windows: its processes and mounts are in namespaces of their own, so that nothing of it
//! is left when it ends, however it ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Who runs the programs; `scripts/windows-lab` makes the user.
pub(crate) const USER: u32 = 61337;
/// How long Windows may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Mounts what Wine needs and what is shown, then becomes the first process of the PC. It lives as
/// long as somebody holds the other end of its stdin, so that it cannot outlive a test.
const BOOT: &str = r#"set -e
root=$1 prefix=$2 start=$3
shift 3
mount -t proc proc "$root/proc"
# Names of servers are asked of nobody: what a test does must not depend on who answers.
[ ! -e "$root/etc/resolv.conf" ] || mount --bind /dev/null "$root/etc/resolv.conf"
while [ $# -gt 0 ]; do
  mkdir -p "$root$prefix/drive_c$1"
  mount --bind "$1" "$root$prefix/drive_c$1"
  mount -o remount,bind,ro "$root$prefix/drive_c$1"
  shift
done
exec chroot --userspec=61337:61337 "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/home/lab LANG=C.UTF-8 \
  WINEDEBUG=-all WINEPREFIX="$prefix" 'WINEDLLOVERRIDES=mscoree=;mshtml=;winedbg.exe=d' sh -c '
    wineserver -p </dev/null >/dev/null 2>&1
    if [ "$1" = unattended ]; then
      wineboot </dev/null >/dev/null 2>&1 &
    else
      wineboot </dev/null >/dev/null 2>&1 || exit 1
    fi
    echo ready
    read -r _
    wineserver -k </dev/null >/dev/null 2>&1' sh "$start"
"#;

/// How Windows comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In good order.
    ShutDown,
    /// In the middle of everything.
    PowerCut,
}

/// How long somebody waits for a start of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Until it is over, and with it what Windows was told to run once.
    ToTheEnd,
    /// Not at all: what Windows was told to run once may take its time, or ask for a restart.
    Unattended,
}

impl Start {
    fn word(self) -> &'static str {
        match self {
            Start::ToTheEnd => "attended",
            Start::Unattended => "unattended",
        }
    }
}

/// A Windows that was started, and runs until this is dropped.
#[derive(Debug)]
pub struct Session {
    root: PathBuf,
    prefix: String,
    holder: Child,
    /// While it is open the session lives.
    life: Option<ChildStdin>,
}

impl Session {
    /// Starts Windows on the drive at `prefix` inside of `root`, with some folders of this machine
    /// shown read-only under the same path on drive C.
    pub(crate) fn start(root: &Path, prefix: &str, shown: &[&Path]) -> anyhow::Result<Session> {
        Session::begin(root, prefix, Start::ToTheEnd, shown)
    }

    fn begin(root: &Path, prefix: &str, start: Start, shown: &[&Path]) -> anyhow::Result<Session> {
        let mut holder = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", BOOT, "sh"])
            .arg(root)
            .args([prefix, start.word()])
            .args(shown)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run unshare")?;
        let life = holder.stdin.take();
        let said = holder.stdout.take().context("its stdout is a pipe")?;
        let mut complaints = holder.stderr.take().context("its stderr is a pipe")?;
        let session = Session { root: root.to_owned(), prefix: prefix.to_owned(), holder, life };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let ready = BufReader::new(said).read_line(&mut line).is_ok() && line == "ready\n";
            // Nobody listens any more when it took too long.
            let _ = tell.send(ready);
        });
        match told.recv_timeout(PATIENCE) {
            Ok(true) => Ok(session),
            Ok(false) => {
                let mut why = String::new();
                // What can be had of the reason.
                let _ = complaints.read_to_string(&mut why);
                bail!("Windows did not start: {}", why.trim())
            }
            Err(_) => bail!("Windows did not start in {} s", PATIENCE.as_secs()),
        }
    }

    /// A command that runs in the session: `program` and its arguments have yet to be given to
    /// it, and are Unix paths or names known to Wine. It starts in `folder`, a path inside the drive.
    pub fn command(&self, folder: &str) -> Command {
        enter(&self.ticket(), folder)
    }

    /// What another process needs to enter the session, as one string.
    pub fn ticket(&self) -> String {
        format!("{} {} {}", self.holder.id(), self.prefix, self.root.display())
    }

    /// The folder of its drive, as its programs see it.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Ends Windows with all that runs in it, at once.
    pub(crate) fn cut_power(&self) -> anyhow::Result<()> {
        let holder = self.holder.id();
        // The first process of the PC: with it go all others, the server of Wine too.
        let children = fs::read_to_string(format!("/proc/{holder}/task/{holder}/children"))?;
        let first = children.split_whitespace().next().and_then(|it| it.parse().ok());
        let first = first.and_then(Pid::from_raw).context("the PC does not run")?;
        Ok(kill_process(first, Signal::KILL)?)
    }

    /// Starts Windows again on the same drive, after it ended as it is told to.
    pub(crate) fn restart(&mut self, ending: Ending, start: Start) -> anyhow::Result<()> {
        match ending {
            Ending::ShutDown => self.end(),
            Ending::PowerCut => {
                // It may have been cut already.
                let _ = self.cut_power();
                self.holder.wait()?;
            }
        }
        *self = Session::begin(&self.root, &self.prefix, start, &[])?;
        Ok(())
    }

    /// Ends Windows and all its programs.
    pub(crate) fn end(&mut self) {
        self.life = None;
        let (tell, told) = mpsc::channel::<()>();
        let holder = self.holder.id();
        thread::spawn(move || {
            // Hangs up when the session ended in time; else it is ended the hard way.
            if told.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-9", &holder.to_string()]).status();
            }
        });
        let _ = self.holder.wait();
        drop(tell);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command inside the session that a ticket names; `wine` and what it runs are yet to be added.
pub fn enter(ticket: &str, folder: &str) -> Command {
    let mut words = ticket.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (holder, prefix, root) = (word(), word(), word());
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--mount=/proc/{holder}/ns/mnt"))
        .arg(format!("--pid=/proc/{holder}/ns/pid_for_children"))
        .args(["--", "chroot", &format!("--userspec={USER}:{USER}"), root, "/usr/bin/env", "-i"])
        .args(["PATH=/usr/bin:/bin", "HOME=/home/lab", "LANG=C.UTF-8", "WINEDEBUG=-all"])
        .arg(format!("WINEPREFIX={prefix}"))
        .arg("WINEDLLOVERRIDES=mscoree=;mshtml=;winedbg.exe=d");
    for (name, value) in std::env::vars() {
        let is_for_tests = ["CARGO_", "RUST_", "UNWEDGE_", "PROPTEST_"];
        if is_for_tests.iter().any(|start| name.starts_with(start)) {
            command.arg(format!("{name}={value}"));
        }
    }
    command
        .args(["sh", "-c", r#"cd "$1"; shift; exec "$@""#, "sh"])
        .arg(format!("{prefix}/drive_c{folder}"));
    command
}
