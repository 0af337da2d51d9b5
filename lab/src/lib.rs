//! A Windows to try unwedge on, where there is none: fresh drives under Wine, each with a session of
//! its own that ends with it, and programs that misbehave on request.
//!
//! `scripts/windows-lab` sets up what this needs; `cargo xtask test` builds the programs and runs the
//! tests that use it. There is nothing here but on Linux.
#![cfg(target_os = "linux")]

mod drive;
mod kill;
pub mod locked;
mod pc;
mod session;
mod witness;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

pub use kill::Victims;
pub use pc::{Output, Pc, Program};
pub use session::{Ending, Session, Start, enter};
pub use witness::{Registry, Tree};

/// Names the folder with the Windows programs that tests run; `cargo xtask test` sets it.
pub const PROGRAMS: &str = "UNWEDGE_LAB_PROGRAMS";
/// Names the executable as it is released; `cargo xtask test` sets it.
pub const EXECUTABLE: &str = "UNWEDGE_LAB_EXECUTABLE";
/// Names the folder of the lab, where it is not the usual one.
pub const FOLDER: &str = "UNWEDGE_LAB";

/// The library of the lab that plays components of Windows.
pub const PLAYER: &str = "lab_update_agent.dll";
/// The classes of the Windows Update Agent that it can play.
pub const UPDATE_AGENT: [&str; 3] = [
    "{4CB43D7F-7EEE-4906-8698-60DA1C38F2FE}",
    "{13639463-00DB-4646-803D-528026140D88}",
    "{C01B9BA0-BEA7-41BA-B604-D0A36F469133}",
];
/// The class of the Task Scheduler that it can play: Wine's own forgets when a task is to start.
pub const SCHEDULER: [&str; 1] = ["{0F87369F-A4E5-4CFC-BD3E-73E6154572DD}"];
/// The class of Windows Management Instrumentation that it can play.
pub const MANAGEMENT: [&str; 1] = ["{4590F811-1D3A-11D0-891F-00AA004B2E24}"];

/// What was set up to run Windows programs.
#[derive(Debug, Clone)]
pub struct Lab {
    root: PathBuf,
    programs: PathBuf,
}

impl Lab {
    /// The lab as a test needs it, or `None` where it is missing: the test then is skipped, and says
    /// so on stderr.
    pub fn open() -> Option<Lab> {
        let lab = std::env::var_os(PROGRAMS)
            .context("only `cargo xtask test` builds the programs for it")
            .and_then(|programs| Lab::with_programs(programs.into()));
        match lab {
            Ok(lab) => Some(lab),
            Err(reason) => {
                // Straight to the stream, so that it is seen of a test that passes.
                let _ = writeln!(io::stderr(), "SKIPPED: no Windows lab: {reason:#}");
                None
            }
        }
    }

    /// The lab with programs from the given folder.
    ///
    /// # Errors
    /// When the lab is not set up, or was set up by somebody else.
    pub fn with_programs(programs: PathBuf) -> anyhow::Result<Lab> {
        let root = lab_folder()?.join("root");
        let template = root.join("w/template/.complete");
        anyhow::ensure!(template.is_file(), "{} is not set up", root.display());
        drive::remove_abandoned(&root.join("w"))?;
        Ok(Lab { root, programs })
    }

    /// A PC of its own, freshly installed and started; `name` is seen in process lists and paths.
    ///
    /// # Panics
    /// When it cannot be started: then no test can be made.
    pub fn pc(&self, name: &str) -> Pc {
        self.start(name, &[]).unwrap_or_else(|error| panic!("PC {name}: {error:#}"))
    }

    /// As [`Lab::pc`], with folders of this machine that are seen, but not written, on its drive C
    /// under the path they have here.
    ///
    /// # Errors
    /// When the drive cannot be made or its session does not start.
    pub fn start(&self, name: &str, shown: &[&Path]) -> anyhow::Result<Pc> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("w/pc-{}-{number}-{name}", std::process::id());
        let drive = drive::clone(&self.root.join("w/template"), &self.root.join(&folder))?;
        let session = Session::start(&self.root, &format!("/{folder}"), shown)?;
        Pc::new(drive, session, self.programs.clone())
    }
}

/// Where the lab lies.
///
/// # Errors
/// When no place was named and there is no home folder.
pub fn lab_folder() -> anyhow::Result<PathBuf> {
    let given: Option<OsString> = std::env::var_os(FOLDER);
    match given {
        Some(folder) => Ok(folder.into()),
        None => {
            let home = std::env::home_dir().context("nobody's home folder is known")?;
            Ok(home.join(".cache/unwedge/lab"))
        }
    }
}
