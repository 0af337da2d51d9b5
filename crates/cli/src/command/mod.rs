//! What unwedge can be asked to do: one file a command.

pub(crate) mod allowed;
pub(crate) mod backup;
pub(crate) mod clean;
pub(crate) mod clean_boot;
pub(crate) mod collect;
pub(crate) mod decode;
pub(crate) mod diagnose;
pub(crate) mod elevate;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod isolate;
pub(crate) mod noted;
pub(crate) mod plan;
pub(crate) mod recover;
pub(crate) mod sign_in;
pub(crate) mod timeline;
pub(crate) mod undo;
pub(crate) mod watch;
pub(crate) mod who;

use crate::exit::Exit;
use elevate::{Starter, Voice};
use noted::{Deed, noted};

/// The commands, in the order in which a person meets them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Diagnose(diagnose::DiagnoseArgs),
    Explain(explain::ExplainArgs),
    Decode(decode::DecodeArgs),
    Timeline(Box<timeline::TimelineArgs>),
    Watch(watch::WatchArgs),
    Who(who::WhoArgs),
    Plan(plan::PlanArgs),
    Fix(fix::FixArgs),
    Undo(undo::UndoArgs),
    Recover(recover::RecoverArgs),
    History(history::HistoryArgs),
    Isolate(isolate::IsolateArgs),
    CleanBoot(clean_boot::CleanBootArgs),
    /// Started by a task, not by people.
    #[command(hide = true)]
    SignIn(sign_in::SignInArgs),
    Clean(clean::CleanArgs),
    Collect(collect::CollectArgs),
    Backup(backup::BackupArgs),
}

/// Does what was asked, as administrator where this PC is to be changed and a person lets it.
pub(crate) fn run(command: Command, starter: Starter) -> anyhow::Result<Exit> {
    if let Some(voice) = voice_of_change(&command)
        && let Some(exit) = elevate::instead(starter, voice)?
    {
        return Ok(exit);
    }
    match command {
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Timeline(args) => timeline::run(*args),
        Command::Watch(args) => watch::run(&args),
        Command::Who(args) => who::run(&args),
        Command::Plan(args) => plan::run(args),
        // Nothing named is this PC: only that has a log to write to.
        Command::Fix(args) if args.pc.is_none() && !args.dry_run => {
            noted(Deed::Fix, fix::run(args))
        }
        Command::Undo(args) if args.what.is_none() => noted(Deed::Undo, undo::run(&args)),
        Command::Recover(args) if args.pc.is_none() => noted(Deed::Recover, recover::run(&args)),
        Command::Fix(args) => fix::run(args),
        Command::Undo(args) => undo::run(&args),
        Command::Recover(args) => recover::run(&args),
        Command::History(args) => history::run(args),
        Command::Isolate(args) if args.pc.is_none() && !args.dry_run => {
            noted(Deed::Isolate, isolate::run(&args))
        }
        Command::Isolate(args) => isolate::run(&args),
        Command::CleanBoot(args) => clean_boot::run(&args),
        Command::SignIn(args) => sign_in::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Backup(args) => backup::run(&args),
    }
}

/// How a command speaks that changes the PC it runs on; `None` for all others.
fn voice_of_change(command: &Command) -> Option<Voice> {
    match command {
        Command::Fix(args) if args.pc.is_none() && !args.dry_run => {
            Some(Voice::of(args.silent, args.json))
        }
        Command::Undo(args) if args.what.as_deref().is_none_or(undo::is_kept_here) => {
            Some(Voice::of(args.silent, args.json))
        }
        Command::Recover(args) if args.pc.is_none() => Some(Voice::of(args.silent, args.json)),
        Command::Clean(args) if args.pc.is_none() && !args.list => {
            Some(Voice::of(false, args.json))
        }
        Command::Isolate(args) if args.pc.is_none() && !args.dry_run => {
            Some(Voice::of(false, args.json))
        }
        Command::CleanBoot(args) if args.changes_this_pc() => Some(Voice::Plain),
        _ => None,
    }
}
