//! `unwedge fix`: makes the plan true, proves it, or takes everything back.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use unwedge_engine::collect::{Privacy, Request};
use unwedge_engine::journal::{Journal, Outcome};
use unwedge_engine::ladder::Ladder;
use unwedge_engine::plan::Plan;
use unwedge_engine::registry_backup;
use unwedge_engine::repair::{Repair, carry_out};
use unwedge_engine::report::{Diagnosis, Verdict};
use unwedge_engine::shelf::{Lock, Shelf, ShelfError, Volume};
use unwedge_engine::verify::Proven;

use super::allowed::Allowed;
use super::collect;
use super::plan::{PlanArgs, exit_without_repair};
use crate::exit::Exit;
use crate::machine::{Chart, Named, Patient, diagnosed, named};
use crate::render::progress::Teller;
use crate::render::{self, json};

/// Repairs the PC: shows the plan, asks once, takes everything back if the update still fails
#[derive(Debug, Default, Args)]
pub(crate) struct FixArgs {
    /// A .host machine; on Windows none means this PC
    pub(crate) pc: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allowed: Allowed,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Do not ask, and print nothing but errors
    #[arg(long, conflicts_with = "json")]
    pub(crate) silent: bool,
    /// Show what would be done and what the PC would look like after; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The plan that was agreed to before this program was started again, by its fingerprint
    #[arg(long, hide = true)]
    agreed: Option<u64>,
}

#[derive(Serialize)]
struct FixReport<'a> {
    schema: u32,
    unwedge: &'static str,
    verdict_before: Verdict,
    /// One for each rung that was climbed; the last one may have no steps.
    attempts: &'a [Attempt],
    exit: u8,
}

/// What was agreed to beforehand, and how to tell.
#[derive(Clone, Copy)]
pub(crate) struct Consent {
    /// Nobody is asked.
    pub(crate) is_given: bool,
    /// JSON is printed.
    pub(crate) json: bool,
}

impl FixArgs {
    fn consent(&self) -> Consent {
        Consent { is_given: self.yes || self.silent, json: self.json }
    }
}

/// One rung of the ladder.
#[derive(Serialize)]
struct Attempt {
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<Repair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: FixArgs) -> anyhow::Result<Exit> {
    if args.silent {
        render::be_silent();
    }
    if args.dry_run {
        return super::plan::run(PlanArgs { pc: args.pc, allowed: args.allowed, json: args.json });
    }
    let named = named(args.pc.as_deref())?;
    if let Named::Collected(path) = &named {
        render::say(&format!(
            "{} is evidence from a PC and cannot be repaired. `unwedge plan {0}` shows what \
             would be done, as far as the evidence tells.",
            path.display()
        ));
        return Ok(Exit::Refused);
    }
    let chart = named.chart()?;
    let Some(_lock) = lock(&chart.shelf)? else { return Ok(Exit::Refused) };
    let mut patient = named.patient()?;
    match chart.shelf.volumes()?.pop() {
        Some(last) if last.replay.closed.is_none() && last.replay.is_search() => {
            render::say(&format!(
                "A search for the culprit is under way. Let it end, or stop it first: unwedge isolate \
                 --stop{}",
                chart.argument
            ));
            Ok(Exit::Refused)
        }
        Some(last) if last.replay.closed.is_none() => {
            finish(args.consent(), &mut patient, &chart, last)
        }
        Some(Volume { replay, path: journal, .. })
            if matches!(replay.closed, Some(Outcome::Stuck { .. })) =>
        {
            render::say(&format!(
                "An earlier repair could not be taken back whole. Look at `unwedge history{}`, \
                 mend what it names, and run `unwedge undo {}` before anything else is repaired.",
                chart.argument,
                journal.display()
            ));
            Ok(Exit::Stuck)
        }
        Some(_) | None => begin(args, &mut patient, &chart),
    }
}

/// The lock, or `None` after saying who has it.
pub(crate) fn lock(shelf: &Shelf) -> anyhow::Result<Option<Lock>> {
    match shelf.lock() {
        Ok(lock) => Ok(Some(lock)),
        Err(err @ ShelfError::Busy { .. }) => {
            render::say(&format!("{err}. Wait until it is done, then run this again."));
            Ok(None)
        }
        Err(err) => Err(err.into()),
    }
}

/// Climbs the ladder as far as it takes and as far as the user lets it.
fn begin(args: FixArgs, patient: &mut Patient, chart: &Chart) -> anyhow::Result<Exit> {
    let mut ladder = Ladder::new(args.allowed.policy()?);
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut verdict_before = None;
    let exit = loop {
        let before = diagnosed(patient.host());
        let verdict = *verdict_before.get_or_insert(before.verdict);
        let number = chart.shelf.next_number()?;
        let plan = ladder.plan(&before, patient.host(), format!("{number:04}"));
        if !args.json && attempts.is_empty() {
            render::show(&render::diagnosis::short(&before));
        }
        if plan.steps.is_empty() {
            if !args.json {
                render::show(&match attempts.is_empty() {
                    true => render::plan::text(&plan, patient.host().about(), None),
                    false => render::plan::nothing_stronger(&plan),
                });
            }
            let exit = match (attempts.last(), exit_without_repair(verdict, &plan)) {
                (Some(last), _) => last.repair.as_ref().map_or(Exit::Failing, exit),
                // A repair there is, but it cannot be made safely.
                (None, Exit::Failing) if !plan.refused.is_empty() => Exit::Refused,
                (None, Exit::Failing) if plan.stopped_by(ladder.policy()).is_some() => {
                    Exit::Refused
                }
                (None, exit) => exit,
            };
            attempts.push(Attempt { plan: Some(plan), repair: None, journal: None });
            break exit;
        }
        if !args.json {
            if !attempts.is_empty() {
                render::show(&render::repair::next_rung(&plan));
            }
            render::show(&render::plan::text(&plan, patient.host().about(), None));
        }
        // Whoever agreed to the first plan agreed to what it says comes next, if that does not help.
        let is_new = attempts.is_empty() || asks_again(&plan);
        let is_agreed = attempts.is_empty() && args.agreed == Some(fingerprint(&plan));
        if is_new && !is_agreed && !args.consent().is_given && !agreed("Go ahead?")? {
            let exit = if attempts.is_empty() { Exit::Refused } else { Exit::Failing };
            attempts.push(Attempt { plan: Some(plan), repair: None, journal: None });
            break exit;
        }
        if attempts.is_empty() {
            keep_evidence(patient, chart, number);
        }
        let (repair, journal) = attempt(patient, chart, number, &plan, &before)?;
        if !args.json {
            render::show(&render::repair::text(&repair, &chart.argument, &journal));
        }
        let goes_on = ladder.climb(&plan, &repair);
        let exit = exit(&repair);
        attempts.push(Attempt {
            plan: Some(plan),
            repair: Some(repair),
            journal: Some(journal.display().to_string()),
        });
        if !goes_on {
            break exit;
        }
    };
    if args.json {
        report(verdict_before.unwrap_or(Verdict::NotAssessed), &attempts, exit)?;
    }
    Ok(exit)
}

/// Tells a plan from others by what a person was shown of its steps.
pub(crate) fn fingerprint(plan: &Plan) -> u64 {
    let mut hasher = DefaultHasher::new();
    for step in &plan.steps {
        (&step.says, &step.touches, &step.undo, step.reversible).hash(&mut hasher);
    }
    hasher.finish()
}

/// Carries one plan out, with everything on record before it begins; gives its journal too.
fn attempt(
    patient: &mut Patient,
    chart: &Chart,
    number: u32,
    plan: &Plan,
    before: &Diagnosis,
) -> anyhow::Result<(Repair, PathBuf)> {
    const NOT_SAVED: &str = "the registry could not be saved first, so nothing was changed";
    let steps = plan.journal_steps();
    if let Some(export) = registry_backup::before(patient.host(), &steps).context(NOT_SAVED)? {
        chart.shelf.keep_registry(number, &export).context(NOT_SAVED)?;
    }
    let (path, mut store) = chart.shelf.create(number)?;
    render::keep(&path.with_extension("log"))?;
    render::keep_only(&render::diagnosis::short(before));
    render::keep_only(&render::plan::text(plan, patient.host().about(), None));
    let mut journal = Journal::create(&mut store, &patient.now(), steps)?;
    let mut teller = Teller::new();
    let repair =
        carry_out(patient.host_mut(), &mut journal, before, &diagnosed, &mut |it| teller.tell(it))?;
    Ok((repair, path))
}

/// Keeps what the repair was decided on, beside its journal. That it cannot be kept is told, and
/// stops nothing: the evidence is still where it was.
fn keep_evidence(patient: &Patient, chart: &Chart, number: u32) {
    const MOST_BYTES: u64 = 100_000_000;
    let request = Request { max_size_bytes: MOST_BYTES, privacy: Privacy::Keep };
    let bundle = chart.shelf.beside(number, "evidence.zip");
    if let Err(why) = collect::write(patient.host(), request, &bundle) {
        render::say(&format!("The evidence could not be kept as {}: {why:#}.", bundle.display()));
    }
}

/// Whether a plan has something in it that nobody agrees to by the way.
fn asks_again(plan: &Plan) -> bool {
    const STRONG: u8 = 7;
    plan.choices.iter().any(|it| it.rung >= STRONG)
}

/// Finishes a repair that was interrupted: goes on, or goes on taking back.
pub(crate) fn finish(
    consent: Consent,
    patient: &mut Patient,
    chart: &Chart,
    volume: Volume,
) -> anyhow::Result<Exit> {
    let doing = if volume.replay.unwinding { "taken back" } else { "completed" };
    render::say(&format!(
        "An earlier repair ({}) was interrupted. It is going to be {doing} first; `unwedge undo` \
         would take it back instead.",
        volume.path.display()
    ));
    if !consent.is_given && !agreed("Go ahead?")? {
        return Ok(Exit::Refused);
    }
    let path = volume.path.clone();
    let (repair, before) = reopened(volume, |journal, teller| {
        let before = diagnosed(patient.host());
        let repair =
            carry_out(patient.host_mut(), journal, &before, &diagnosed, &mut |it| teller.tell(it))?;
        Ok((repair, before.verdict))
    })?;
    ended(consent, repair, chart, &path, before)
}

/// Takes the journal of an earlier run up again; what is said goes on being kept beside it.
pub(crate) fn reopened<T>(
    volume: Volume,
    goes_on: impl FnOnce(&mut Journal<'_>, &mut Teller) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    render::keep(&volume.path.with_extension("log"))?;
    let mut store = volume.store()?;
    let mut journal = Journal::resume(&mut store, volume.replay);
    goes_on(&mut journal, &mut Teller::new())
}

/// Tells how a repair of an earlier run ended.
pub(crate) fn ended(
    consent: Consent,
    repair: Repair,
    chart: &Chart,
    journal: &Path,
    before: Verdict,
) -> anyhow::Result<Exit> {
    let exit = exit(&repair);
    if consent.json {
        let journal = Some(journal.display().to_string());
        report(before, &[Attempt { plan: None, repair: Some(repair), journal }], exit)?;
    } else {
        render::show(&render::repair::text(&repair, &chart.argument, journal));
    }
    Ok(exit)
}

/// Asks once. Without a terminal there is nobody to ask, and no is the answer.
pub(crate) fn agreed(question: &str) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        render::say(
            "Nothing was changed: there is no terminal to ask on. Give --yes to go ahead without \
             being asked.",
        );
        return Ok(false);
    }
    let mut talk = anstream::stderr();
    write!(talk, "{question} [y/N] ")?;
    talk.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        render::say("Nothing was changed.");
    }
    Ok(agreed)
}

fn report(verdict_before: Verdict, attempts: &[Attempt], exit: Exit) -> anyhow::Result<()> {
    json(&FixReport {
        schema: unwedge_engine::plan::SCHEMA,
        unwedge: env!("CARGO_PKG_VERSION"),
        verdict_before,
        attempts,
        exit: exit as u8,
    })
}

fn exit(repair: &Repair) -> Exit {
    match &repair.outcome {
        Outcome::NeedsReboot => Exit::NeedsRestart,
        Outcome::RolledBack => Exit::Failing,
        Outcome::Kept { .. } => Exit::Kept,
        Outcome::Stuck { .. } => Exit::Stuck,
        Outcome::Repaired => match repair.verification.as_ref().map(|it| it.result) {
            Some(Proven::Fixed) => Exit::Ok,
            Some(Proven::AfterRestart) => Exit::NeedsRestart,
            Some(Proven::OtherFailure | Proven::StillFailing) => Exit::Failing,
            Some(Proven::NotShown) | None => Exit::NotAssessed,
        },
    }
}
