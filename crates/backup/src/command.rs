//! What the program does.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use indicatif::HumanBytes;
use rustic_core::{OpenStatus, ProgressType, Repository};
use serde::Serialize;
use unwedge_backup::file_history::FileHistory;
use unwedge_backup::left_out::LeftOut;
use unwedge_backup::make::{self, Made};
use unwedge_backup::place::{self, Drive};
use unwedge_backup::progress::Bars;
use unwedge_backup::repository::{self, Held, Snapshot};
use unwedge_backup::settings::Placed;
use unwedge_backup::source::{Amount, Exclusion, Source};
use unwedge_backup::{Refusal, check, restore};

use crate::arguments::{
    Arguments, Command, FileHistoryArguments, ListArguments, MakeArguments, Place,
    RestoreArguments, VerifyArguments,
};
use crate::text::{json, say, show};
use crate::{Exit, ask, text};

mod this_pc;

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.command {
        None => back_up(&arguments.make),
        Some(Command::Verify(arguments)) => verify(&arguments),
        Some(Command::List(arguments)) => list(&arguments),
        Some(Command::Restore(arguments)) => get_back(&arguments),
        Some(Command::FileHistory(arguments)) => file_history(&arguments),
    }
}

/// What is told of a backup in JSON.
#[derive(Serialize)]
struct Answer<'a> {
    to: &'a Path,
    from: &'a [PathBuf],
    settings: &'a [Placed],
    not_there: &'a [PathBuf],
    found: Amount,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<&'a Made>,
    /// Of a dry run: what could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'a [LeftOut]>,
    #[serde(skip_serializing_if = "<[Drive]>::is_empty")]
    other_drives: &'a [Drive],
}

#[derive(Serialize)]
struct Listed<'a> {
    snapshots: &'a [Snapshot],
}

/// What is to be backed up.
struct Wanted {
    source: Source,
    settings: Vec<Placed>,
    not_there: Vec<PathBuf>,
}

fn back_up(arguments: &MakeArguments) -> anyhow::Result<Exit> {
    let to = destination(&arguments.place)?;
    let wanted = wanted(arguments)?;
    let held = place::must_fit(&to, wanted.source.roots())?;
    let bars = Bars::new(!arguments.place.json);
    let bar = bars.bar(ProgressType::Spinner, "looking at what there is");
    let found = wanted.source.survey(arguments.dry_run);
    bar.finish_and_clear();
    let mut warnings = place::warnings(&to);
    let is_on_system = !matches!(place::on_system_drive(&to), Some(place::Shared::Nothing));
    let drives = if is_on_system { place::drives() } else { Vec::new() };
    match place::free_bytes(&to).map(|free| place::must_have_room(held, found.bytes, free)) {
        Some(room) => warnings.extend(room?),
        None => warnings.push(format!("The room at {} cannot be told.", to.display())),
    }
    announce(&wanted, &found, &to, &warnings, &drives);
    let answer = Answer {
        to: &to,
        from: wanted.source.roots(),
        settings: &wanted.settings,
        not_there: &wanted.not_there,
        found,
        warnings: &warnings,
        backup: None,
        left_out: None,
        other_drives: &drives,
    };
    if arguments.dry_run {
        let (some, more) = wanted.source.tally().left_out.take();
        let exit = if some.is_empty() { Exit::Ok } else { Exit::Incomplete };
        match arguments.place.json {
            true => json(&Answer { left_out: Some(&some), ..answer }, exit)?,
            false => show(&format!(
                "Would back up {} to {}. Nothing was written.\n{}",
                text::amount(&found),
                to.display(),
                text::left_out(&some, more)
            )),
        }
        return Ok(exit);
    }
    let question = format!("Back up {} files, {}?", found.files, HumanBytes(found.bytes));
    if !arguments.yes && !ask::agreed(&question)? {
        return Ok(Exit::Refused);
    }
    let made = made(arguments, &to, held, &wanted.source.afresh(found.bytes), bars)?;
    let exit = if made.left_out.is_empty() { Exit::Ok } else { Exit::Incomplete };
    match arguments.place.json {
        true => json(&Answer { backup: Some(&made), ..answer }, exit)?,
        false => show(&text::made(&made, &to)),
    }
    Ok(exit)
}

fn made(
    arguments: &MakeArguments,
    to: &Path,
    held: Held,
    source: &Source,
    bars: Bars,
) -> anyhow::Result<Made> {
    let is_new = held != Held::Repository;
    let password = ask::password(&arguments.place, is_new)?;
    let open = if is_new { repository::make } else { repository::open };
    make::make(open(to, &password, bars)?, to, &password, source, bars)
}

fn announce(wanted: &Wanted, found: &Amount, to: &Path, warnings: &[String], drives: &[Drive]) {
    say(&format!("To back up: {}", text::amount(found)));
    for root in wanted.source.roots() {
        say(&format!("  {}", root.display()));
    }
    for path in &wanted.not_there {
        say(&format!("  {} is not there", path.display()));
    }
    if !wanted.settings.is_empty() {
        say("Settings of applications:");
        say(text::settings(&wanted.settings).trim_end());
    }
    say(&format!("Where to: {}", to.display()));
    for warning in warnings {
        say(&format!("Warning: {warning}"));
    }
    if !drives.is_empty() {
        say("Other drives:");
        say(text::drives(drives).trim_end());
    }
}

/// The folder of the repository as a whole path.
fn destination(place: &Place) -> anyhow::Result<PathBuf> {
    let Some(to) = &place.to else {
        let drives = place::drives();
        let mut why = "where to? Give --to DIR, a folder on an external drive".to_owned();
        if !drives.is_empty() {
            why = format!("{why}. There are:\n{}", text::drives(&drives).trim_end());
        }
        bail!("{why}");
    };
    place::whole(to)
}

fn wanted(arguments: &MakeArguments) -> anyhow::Result<Wanted> {
    let mut roots = Vec::new();
    for path in &arguments.from {
        let root = place::whole(path)?;
        ensure!(root.exists(), "there is no {} to back up", path.display());
        roots.push(root);
    }
    let by_default = arguments.from.is_empty();
    let mut not_there = Vec::new();
    if by_default {
        for folder in this_pc::folders()? {
            let root = place::whole(&folder)?;
            if root.exists() { &mut roots } else { &mut not_there }.push(root);
        }
    }
    let settings = match &arguments.settings {
        _ if arguments.no_settings => Vec::new(),
        Some(named) => this_pc::settings(named)?,
        None if by_default => this_pc::settings(&[])?,
        None => Vec::new(),
    };
    let mut exclusions = Vec::new();
    for pattern in &arguments.exclude {
        exclusions.push(Exclusion::new(pattern, None).context("--exclude")?);
    }
    for placed in settings.iter().filter(|it| it.exists) {
        exclusions.extend(placed.exclusions()?);
        roots.extend(placed.path.as_deref().map(place::whole).transpose()?);
    }
    ensure!(
        !roots.is_empty(),
        "nothing of what was asked for is there; there is nothing to back up"
    );
    Ok(Wanted { source: Source::new(roots, exclusions), settings, not_there })
}

fn opened(place: &Place, bars: Bars) -> anyhow::Result<Repository<OpenStatus>> {
    let to = destination(place)?;
    repository::must_be_one(&to)?;
    repository::open(&to, &ask::password(place, false)?, bars)
}

fn verify(arguments: &VerifyArguments) -> anyhow::Result<Exit> {
    let bars = Bars::new(!arguments.place.json);
    let found = check::check(&opened(&arguments.place, bars)?)?;
    let exit = match (found.errors.is_empty(), found.snapshots) {
        (false, _) => Exit::Damaged,
        (true, 0) => Exit::Incomplete,
        (true, _) => Exit::Ok,
    };
    match arguments.place.json {
        true => json(&found, exit)?,
        false => show(&text::checked(&found)),
    }
    Ok(exit)
}

fn list(arguments: &ListArguments) -> anyhow::Result<Exit> {
    let bars = Bars::new(!arguments.place.json);
    let found = repository::snapshots(&opened(&arguments.place, bars)?)?;
    let found: Vec<Snapshot> = found.iter().map(Snapshot::from).collect();
    match arguments.place.json {
        true => json(&Listed { snapshots: &found }, Exit::Ok)?,
        false => show(&text::snapshots(&found)),
    }
    Ok(Exit::Ok)
}

fn get_back(arguments: &RestoreArguments) -> anyhow::Result<Exit> {
    let into = place::whole(&arguments.into)?;
    let to = destination(&arguments.place)?;
    if into.starts_with(&to) {
        return Err(Refusal(format!("{} lies in the repository", into.display())).into());
    }
    let bars = Bars::new(!arguments.place.json);
    let repository = opened(&arguments.place, bars)?;
    let snapshot = restore::chosen(&repository, arguments.snapshot.as_deref())?;
    let path = arguments.path.as_deref();
    let restored = restore::restore(repository, &snapshot, path, &into, bars)?;
    let exit = if restored.wrong.is_empty() { Exit::Ok } else { Exit::Incomplete };
    match arguments.place.json {
        true => json(&restored, exit)?,
        false => show(&text::restored(&restored)),
    }
    Ok(exit)
}

fn file_history(arguments: &FileHistoryArguments) -> anyhow::Result<Exit> {
    let found: FileHistory = this_pc::file_history()?;
    match arguments.json {
        true => json(&found, Exit::Ok)?,
        false => show(&text::file_history(&found)),
    }
    if !arguments.run {
        return Ok(Exit::Ok);
    }
    let is_on = found.configuration.as_ref().and_then(|it| it.is_on);
    if is_on != Some(true) {
        return Err(Refusal(
            "File History is not switched on, so nothing was started. Switch it on in the Control \
             Panel first"
                .to_owned(),
        )
        .into());
    }
    this_pc::run_file_history()?;
    say("Windows accepted to run File History now. That it is done shows as a later last run.");
    Ok(Exit::Ok)
}
