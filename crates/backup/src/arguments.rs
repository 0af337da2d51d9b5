//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What `--help` adds.
const IN_HELP: &str = "\
The repository is encrypted: without its password nothing in it can ever be restored. restic and
rustic read it too.

Exit status:
  0  all of it
  1  verify: the repository is damaged
  2  could not do what was asked (bad input, wrong password, drive full)
  3  some files were left out, or did not come back as they were; each is listed
  4  refused: not consented to, or not safe";

/// Backs up files and settings of applications to an encrypted, deduplicated repository, and
/// proves that they come back
#[derive(Debug, Parser)]
#[command(
    name = "unwedge backup",
    bin_name = "unwedge backup",
    version,
    after_help = IN_HELP,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) make: MakeArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read every byte of all backups back and compare it with its hash
    Verify(VerifyArguments),
    /// List the backups of a repository
    List(ListArguments),
    /// Restore a backup, or a part of it, into a new folder
    Restore(RestoreArguments),
    /// Report File History, the backup that is part of Windows, or run it now
    FileHistory(FileHistoryArguments),
}

/// Where the repository lies and what opens it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder of the repository, best on an external drive
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Take the password from the first line of this file; else UNWEDGE_BACKUP_PASSWORD of the
    /// environment is taken, or the terminal is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MakeArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Back up this file or folder; without it, on Windows, Desktop, Documents, Pictures, Music,
    /// Videos and Downloads, wherever they are, and the settings
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) from: Vec<PathBuf>,
    /// Back up the settings of these applications; without a name those of all in the table
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub(crate) settings: Option<Vec<String>>,
    /// Back up no settings
    #[arg(long, conflicts_with = "settings")]
    pub(crate) no_settings: bool,
    /// Leave out what has this name, or this path if it has a separator; `*` and `?` stand for
    /// anything
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Show what would be backed up and what would be left out; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before the backup
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder to restore into; it must be empty or not there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: PathBuf,
    /// The number of the backup, or the beginning of it; the newest without one
    pub(crate) snapshot: Option<String>,
    /// Restore only this file or folder, by the path it had
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FileHistoryArguments {
    /// Start a run now
    #[arg(long)]
    pub(crate) run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_backup_needs_no_word_and_the_rest_has_one() {
        let made =
            Arguments::parse_from(["x", "--to", "d", "--from", "a", "b", "--settings", "-y"]);
        assert!(made.command.is_none() && made.make.yes);
        assert_eq!(made.make.from.len(), 2);
        assert_eq!(made.make.settings, Some(Vec::new()));
        let restored =
            Arguments::parse_from(["x", "restore", "--to", "d", "--into", "e", "ab12", "p"]);
        assert!(matches!(restored.command, Some(Command::Restore(_))));
    }
}
