//! `unwedge backup`: starts the program that makes backups, which lies beside this one.
//!
//! It is a program of its own: what it is made of is several times as large as all of unwedge, and
//! has no place in the program that repairs as administrator.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::exit::Exit;

/// Backs up your files and the settings of applications to an encrypted repository, verifies and
/// restores them, and reports File History; `unwedge backup --help` tells more
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct BackupArgs {
    /// What unwedge-backup is given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<OsString>,
}

/// Runs the command.
pub(crate) fn run(args: &BackupArgs) -> anyhow::Result<Exit> {
    let program = program()?;
    let at = program.display();
    if !program.is_file() {
        bail!(
            "`unwedge backup` needs the program {at}, which is not there. It is handed out together \
             with unwedge: put it into the same folder. From the source, `cargo build --release -p \
             unwedge-backup` makes it"
        );
    }
    let ended = Command::new(&program).args(&args.rest).status();
    let ended = ended.with_context(|| format!("cannot start {at}"))?;
    let code = ended.code().and_then(|code| Exit::of(code.cast_unsigned()));
    code.with_context(|| format!("{at} was ended from outside ({ended})"))
}

/// By its whole path: what lies in the current folder is never started.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program lies")?;
    let folder = own.parent().context("this program lies in no folder")?;
    Ok(folder.join(format!("unwedge-backup{EXE_SUFFIX}")))
}
