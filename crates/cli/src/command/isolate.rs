//! `unwedge isolate`: finds the program that keeps the update away, over restarts.

use std::cell::Cell;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use unwedge_engine::gate::{self, Snapshots};
use unwedge_engine::isolate::note::{Answer, GaveUp, Test};
use unwedge_engine::isolate::search::{Bound, Found, bound};
use unwedge_engine::isolate::suspect::{Scope, Suspects, suspects};
use unwedge_engine::isolate::{
    Around, Asked, Isolation, Standing, begin, go_on, last_restart, stop,
};
use unwedge_engine::journal::{Event, Journal, Outcome};
use unwedge_engine::plan::{Policy, plan};
use unwedge_engine::registry_backup;
use unwedge_engine::report::{Diagnosis, Verdict};
use unwedge_engine::shelf::{ShelfError, Volume};
use unwedge_host::Host;

use super::fix::{Consent, agreed, lock, reopened};
use crate::exit::Exit;
use crate::machine::{Chart, Named, Patient, diagnosed, named};
use crate::render::progress::Teller;
use crate::render::{self, json};

/// 1601 to 1970, in units of 100 ns.
const UNIX_EPOCH_TICKS: i64 = 116_444_736_000_000_000;
/// A command that takes longer is taken to hang.
const MOST_COMMAND_MINUTES: u64 = 60;

/// Finds the program that keeps the update away: switches some off, restarts, tries, and puts all back
#[derive(Debug, Args)]
pub(crate) struct IsolateArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Test with this command, which ends with 0 if all is well, instead of trying the update
    #[arg(long, value_name = "COMMAND", conflicts_with = "ask")]
    pub(crate) test: Option<String>,
    /// Ask after each restart whether all is well, instead of trying the update
    #[arg(long)]
    pub(crate) ask: bool,
    /// Give up and put everything back after so many hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=336))]
    pub(crate) hours: u16,
    /// Stop a search that is under way and put everything back
    #[arg(long, conflicts_with_all = ["test", "ask", "dry_run"])]
    pub(crate) stop: bool,
    /// Show who would be searched and how many restarts that takes; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who is switched off.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// Filters between programs and files too, where leaving them out is safe
    #[arg(long)]
    pub(crate) drivers: bool,
    /// Never switch this one off; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) keep: Vec<String>,
    /// Switch none but this one off; may be given again
    #[arg(long, value_name = "NAME", conflicts_with = "keep")]
    pub(crate) only: Vec<String>,
}

impl Whom {
    /// As [`Scope`]; whether what starts at a sign-in counts depends on when it is tested.
    pub(crate) fn scope(&self, after_sign_in: bool) -> Scope {
        let ticks = Timestamp::now().as_microsecond().saturating_mul(10) + UNIX_EPOCH_TICKS;
        Scope {
            drivers: self.drivers,
            keep: self.keep.clone(),
            only: self.only.clone(),
            after_sign_in,
            now: ticks.unsigned_abs(),
        }
    }
}

#[derive(Serialize)]
struct PlanReport<'a> {
    schema: u32,
    unwedge: &'static str,
    restarts: Bound,
    test: &'a Test,
    #[serde(flatten)]
    suspects: &'a Suspects,
    exit: u8,
}

#[derive(Serialize)]
struct IsolationReport<'a> {
    schema: u32,
    unwedge: &'static str,
    journal: String,
    isolation: &'a Isolation,
    exit: u8,
}

/// Runs the command.
pub(crate) fn run(args: &IsolateArgs) -> anyhow::Result<Exit> {
    let named = named(args.pc.as_deref())?;
    if let Named::Collected(path) = &named {
        render::say(&format!(
            "{} is evidence from a PC; only the PC itself can be restarted. `unwedge clean-boot \
             status {0}` tells what is switched off there.",
            path.display()
        ));
        return Ok(Exit::Refused);
    }
    if args.dry_run {
        let patient = named.patient()?;
        let before = diagnosed(patient.host());
        return planned(args, patient.host(), &before);
    }
    let chart = named.chart()?;
    let consent = Consent { is_given: args.yes, json: args.json };
    if args.stop {
        return stopped(consent, &named, &chart);
    }
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let mut patient = named.patient()?;
    match chart.shelf.volumes()?.pop() {
        Some(last) if last.replay.closed.is_none() && last.replay.is_search() => {
            render::say("A search is under way; it goes on.");
            taken_up(consent, &mut patient, &chart, last)
        }
        Some(last) if last.replay.closed.is_none() => {
            render::say(&format!(
                "An earlier repair was interrupted. End it first: unwedge recover{}",
                chart.argument
            ));
            Ok(Exit::Refused)
        }
        Some(Volume { replay, .. }) if matches!(replay.closed, Some(Outcome::Stuck { .. })) => {
            render::say(&format!(
                "Something could not be put back the last time. Look at `unwedge history{0}` and run \
                 `unwedge undo{0}` first.",
                chart.argument
            ));
            Ok(Exit::Stuck)
        }
        Some(_) | None => started(args, &mut patient, &chart),
    }
}

fn test_of(args: &IsolateArgs, host: &dyn Host, before: &Diagnosis) -> Test {
    match (&args.test, args.ask) {
        (Some(command), _) => Test::Command { command: command.clone() },
        (None, true) => Test::Question,
        (None, false) => Test::Update { kb: plan(before, host, &Policy::default()).kb },
    }
}

/// Shows what would be done.
fn planned(args: &IsolateArgs, host: &dyn Host, before: &Diagnosis) -> anyhow::Result<Exit> {
    let found = suspects(host, before, &args.whom.scope(args.ask));
    let test = test_of(args, host, before);
    let restarts = bound(found.suspects.len(), test.manner());
    let exit = if found.suspects.is_empty() { Exit::Refused } else { Exit::Ok };
    if args.json {
        json(&PlanReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            restarts,
            test: &test,
            suspects: &found,
            exit: exit as u8,
        })?;
    } else {
        render::show(&render::isolate::plan(&found, &test, restarts));
        says_unknown(&found);
    }
    Ok(exit)
}

/// Says which names of the command line nobody has: a slip of the pen must not switch off whom it was to
/// keep.
pub(crate) fn says_unknown(found: &Suspects) -> bool {
    let unknown = &found.unknown_names;
    if !unknown.is_empty() {
        render::say(&format!("Nobody who could be switched off is called {}.", unknown.join(", ")));
    }
    !unknown.is_empty()
}

fn started(args: &IsolateArgs, patient: &mut Patient, chart: &Chart) -> anyhow::Result<Exit> {
    let before = diagnosed(patient.host());
    let found = suspects(patient.host(), &before, &args.whom.scope(args.ask));
    if says_unknown(&found) {
        return Ok(Exit::Refused);
    }
    let test = test_of(args, patient.host(), &before);
    if let Some(check) =
        gate::look(patient.host(), Snapshots::OfOthers).iter().find(|it| it.answer.stops())
    {
        render::say(&format!(
            "Not now: {}. {}",
            check.says,
            check.advice.as_deref().map(render::plan::sentence).unwrap_or_default()
        ));
        return Ok(Exit::Refused);
    }
    if before.verdict == Verdict::Healthy && matches!(test, Test::Update { .. }) {
        render::say("Updates go through on this PC; there is nobody to search for.");
        return Ok(Exit::Ok);
    }
    let restarts = bound(found.suspects.len(), test.manner());
    if !args.json {
        render::show(&render::isolate::plan(&found, &test, restarts));
    }
    if found.suspects.is_empty() {
        return Ok(Exit::Refused);
    }
    if !args.yes && !agreed("Begin, with these restarts?")? {
        return Ok(Exit::Refused);
    }
    let until = later(&patient.now(), args.hours)?;
    let (steps, note) = begin(patient.host(), &found.suspects, test.clone(), until);
    let number = chart.shelf.next_number()?;
    const NOT_SAVED: &str = "the registry could not be saved first, so nothing was changed";
    if let Some(export) = registry_backup::before(patient.host(), &steps)
        .map_err(|error| anyhow::Error::from(error).context(NOT_SAVED))?
    {
        chart.shelf.keep_registry(number, &export)?;
    }
    let (path, mut store) = chart.shelf.create(number)?;
    render::keep(&path.with_extension("log"))?;
    render::keep_only(&render::isolate::plan(&found, &test, restarts));
    let mut journal = Journal::create(&mut store, &patient.now(), steps)?;
    journal.record(Event::Noted { note })?;
    let consent = Consent { is_given: args.yes, json: args.json };
    carried_on(consent, patient, chart, (&path, number), &mut journal, &mut Teller::new())
}

/// So many hours after `now`, in the same form.
fn later(now: &str, hours: u16) -> anyhow::Result<String> {
    let (bare, zone) = match now.strip_suffix('Z') {
        Some(bare) => (bare, "Z"),
        None => (now, ""),
    };
    let at = bare.parse::<DateTime>()?.saturating_add(i64::from(hours).hours());
    Ok(format!("{}{zone}", at.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// Goes on with a search that an earlier run began.
pub(crate) fn taken_up(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    volume: Volume,
) -> anyhow::Result<Exit> {
    let (path, number) = (volume.path.clone(), volume.number);
    reopened(volume, |journal, teller| {
        carried_on(consent, patient, chart, (&path, number), journal, teller)
    })
}

fn carried_on(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    (path, number): (&Path, u32),
    journal: &mut Journal<'_>,
    teller: &mut Teller,
) -> anyhow::Result<Exit> {
    let request = chart.shelf.beside(number, "stop");
    let now = patient.now();
    let wants_to_stop = Cell::new(false);
    let mut tester = |_: &dyn Host, test: &Test| asked(test, &wants_to_stop);
    let is_stopped = || wants_to_stop.get() || request.exists();
    let mut around = Around { now: &now, tester: &mut tester, is_stopped: &is_stopped };
    let standing = go_on(patient.host_mut(), journal, &mut around, &mut |it| teller.tell(it))?;
    match standing {
        Standing::Restarting => {
            render::say("Windows restarts; the search goes on by itself after that.");
            Ok(Exit::NeedsRestart)
        }
        Standing::Waiting => {
            render::say(&format!(
                "The search waits for an answer: run `unwedge isolate{}` to give it. On a running \
                 Windows you are also asked when you sign in.",
                chart.argument
            ));
            Ok(Exit::NeedsRestart)
        }
        Standing::Ended(isolation) => ended(consent, patient, chart, path, &isolation),
    }
}

fn ended(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    path: &Path,
    isolation: &Isolation,
) -> anyhow::Result<Exit> {
    let exit = exit(isolation);
    if consent.json {
        json(&IsolationReport {
            schema: unwedge_engine::plan::SCHEMA,
            unwedge: env!("CARGO_PKG_VERSION"),
            journal: path.display().to_string(),
            isolation,
            exit: exit as u8,
        })?;
    } else {
        render::show(&render::isolate::text(isolation, &chart.argument, path));
    }
    let is_stopped = matches!(isolation.answer, Answer::GaveUp { why: GaveUp::Stopped });
    if isolation.needs_restart
        && !is_stopped
        && let Err(error) = last_restart(patient.host_mut())
    {
        render::say(&format!("Windows did not restart ({error}); restart the PC yourself."));
    }
    Ok(exit)
}

fn exit(isolation: &Isolation) -> Exit {
    match (&isolation.outcome, &isolation.answer) {
        (Outcome::Stuck { .. }, _) => Exit::Stuck,
        (
            _,
            Answer::Found(Found::Groups { .. } | Found::Among { .. } | Found::RestartAlone)
            | Answer::GoesThrough,
        ) => Exit::Ok,
        (_, Answer::Found(Found::NoneOfThem)) => Exit::Failing,
        (_, Answer::Found(Found::Unsteady { .. }) | Answer::GaveUp { .. }) => Exit::NotAssessed,
    }
}

/// Stops a search, or asks whoever is at it to.
pub(crate) fn stopped(consent: Consent, named: &Named, chart: &Chart) -> anyhow::Result<Exit> {
    let nothing = || {
        render::say(&format!("No search is under way on {}.", chart.name));
        Ok(Exit::Ok)
    };
    if !chart.shelf.exists() {
        return nothing();
    }
    let lock = chart.shelf.lock();
    if let Err(ShelfError::Busy { .. }) = lock {
        let number = chart.shelf.next_number()?.saturating_sub(1);
        std::fs::write(chart.shelf.beside(number, "stop"), b"stop\r\n")?;
        render::say(
            "The search is at work right now. It stops as soon as its test has ended, and puts \
             everything back.",
        );
        return Ok(Exit::Ok);
    }
    let _lock = lock?;
    let Some(volume) = chart
        .shelf
        .volumes()?
        .pop()
        .filter(|it| it.replay.is_search() && it.replay.closed.is_none())
    else {
        return nothing();
    };
    put_back(consent, &mut named.patient()?, chart, volume)
}

/// Ends a search and puts everything back.
pub(crate) fn put_back(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    volume: Volume,
) -> anyhow::Result<Exit> {
    let path = volume.path.clone();
    let isolation = reopened(volume, |journal, teller| {
        Ok(stop(patient.host_mut(), journal, &mut |it| teller.tell(it))?)
    })?;
    ended(consent, patient, chart, &path, &isolation)?;
    Ok(match isolation.outcome {
        Outcome::Stuck { .. } => Exit::Stuck,
        _ if isolation.needs_restart => Exit::NeedsRestart,
        _ => Exit::Ok,
    })
}

fn asked(test: &Test, wants_to_stop: &Cell<bool>) -> Asked {
    match test {
        Test::Command { command } => ran(command),
        Test::Question | Test::Update { .. } => answered(wants_to_stop),
    }
}

fn answered(wants_to_stop: &Cell<bool>) -> Asked {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Asked::NotNow;
    }
    let mut talk = anstream::stderr();
    loop {
        let _ = write!(talk, "Try it now. Does it work? [y/n, or stop to put everything back] ");
        let _ = talk.flush();
        let mut answer = String::new();
        match input.lock().read_line(&mut answer) {
            Ok(0) | Err(_) => return Asked::NotNow,
            Ok(_) => {}
        }
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Asked::Told(true, "somebody said that it works".to_owned()),
            "n" | "no" => return Asked::Told(false, "somebody said that it does not".to_owned()),
            "stop" => {
                wants_to_stop.set(true);
                return Asked::NotNow;
            }
            _ => {}
        }
    }
}

/// Runs a command as the command line of this system would; it gets nothing to read.
fn ran(command: &str) -> Asked {
    let mut shell = match cfg!(windows) {
        true => Command::new("cmd.exe"),
        false => Command::new("sh"),
    };
    shell.args(if cfg!(windows) { &["/d", "/c"][..] } else { &["-c"] }).arg(command);
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Asked::Never(format!("could not run `{command}`: {error}")),
    };
    let limit = Instant::now() + Duration::from_secs(MOST_COMMAND_MINUTES * 60);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                return Asked::Told(status.success(), format!("`{command}` ended with {status}"));
            }
            Ok(None) if Instant::now() < limit => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                // We started it, and it hangs.
                let _ = child.kill();
                let _ = child.wait();
                let minutes = MOST_COMMAND_MINUTES;
                return Asked::Never(format!("`{command}` did not end within {minutes} minutes"));
            }
            Err(error) => return Asked::Never(format!("could not wait for `{command}`: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_by_how_it_ends() {
        assert!(matches!(ran("exit 0"), Asked::Told(true, _)));
        assert!(matches!(ran("exit 3"), Asked::Told(false, _)));
    }

    #[test]
    fn the_limit_has_the_form_of_the_clock() {
        assert_eq!(later("2026-01-02T23:30:00", 1).unwrap(), "2026-01-03T00:30:00");
        assert_eq!(later("2026-01-02T23:30:00Z", 24).unwrap(), "2026-01-03T23:30:00Z");
    }
}
