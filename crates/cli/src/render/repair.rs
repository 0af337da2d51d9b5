//! A repair in plain words: how it ended, what is on the shelf.

use std::path::Path;

use unwedge_engine::execute::{is_between, to_undo, what_stays};
use unwedge_engine::journal::Outcome;
use unwedge_engine::plan::Plan;
use unwedge_engine::repair::{Ended, Repair};
use unwedge_engine::shelf::Volume;
use unwedge_engine::verify::{Became, Proven};

use super::plan::sentence;
use super::style::{FAINT, RIGHT, UNSURE, WRONG};
use super::{heading, item, paragraph};

/// How a repair ended, honestly, with the line that proves it.
pub(crate) fn text(repair: &Repair, argument: &str, journal: &Path) -> String {
    let (title, story) = ending(repair);
    let mut out = format!("\n{}{}", heading(title), paragraph(&story));
    for failure in &repair.failures {
        out.push_str(&item("  - ", "    ", failure));
    }
    match &repair.outcome {
        Outcome::Stuck { left } => {
            for line in left {
                out.push_str(&item("  - ", "    ", line));
            }
        }
        Outcome::Kept { irreversible } => {
            for line in irreversible {
                out.push_str(&item("  - ", "    ", line));
            }
        }
        Outcome::Repaired | Outcome::NeedsReboot | Outcome::RolledBack => {}
    }
    if let Some(proof) = repair.verification.as_ref().and_then(|it| it.proof.as_ref()) {
        let line = proof.line.map(|it| format!(", line {it}")).unwrap_or_default();
        let excerpt = proof.excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
        out.push_str(&format!("\n  {}{line}\n{}", proof.source, item("    ", "    ", &excerpt)));
    }
    out.push_str(&format!("\n{}", steps(repair)));
    out.push_str(&findings(repair));
    for warning in &repair.warnings {
        out.push_str(&format!("\n{}", item("Note: ", "      ", &sentence(warning))));
    }
    let hint = match &repair.outcome {
        Outcome::Repaired | Outcome::NeedsReboot | Outcome::Stuck { .. } => {
            format!("To take it back: unwedge undo{argument}")
        }
        Outcome::RolledBack | Outcome::Kept { .. } => {
            format!("Every step is on record: {}", journal.display())
        }
    };
    out.push_str(&format!("\n{hint}\n"));
    out
}

fn ending(repair: &Repair) -> (&'static str, String) {
    let proven = repair.verification.as_ref().map(|it| it.result);
    match (&repair.outcome, proven) {
        (Outcome::Repaired, Some(Proven::Fixed)) => {
            ("Repaired", "The update was tried again and went through. This line proves it.".into())
        }
        (Outcome::Repaired, Some(Proven::OtherFailure)) => (
            "Repaired in part",
            "The update was tried again and went through, but something else still fails. \
             `unwedge diagnose` tells what."
                .into(),
        ),
        (Outcome::NeedsReboot, _) | (Outcome::Repaired, Some(Proven::AfterRestart)) => (
            "Repaired, restart needed",
            "The update was tried again and is completed when Windows restarts. Restart the PC; \
             `unwedge recover` then tells whether it went through, and takes the repair back if not."
                .into(),
        ),
        (Outcome::Repaired, Some(Proven::NotShown | Proven::StillFailing) | None) => (
            "Done, but not proven",
            "Every step was made, but the evidence does not show whether the update went through. \
             Look at it again later with `unwedge diagnose`."
                .into(),
        ),
        (Outcome::RolledBack, _) => (
            "Not repaired, everything taken back",
            "The update still does not go through, or a step could not be made. Every change has \
             been taken back: the PC is as it was before."
                .into(),
        ),
        (Outcome::Kept { .. }, _) => (
            "Not repaired, taken back as far as possible",
            "Everything that can be taken back has been. What cannot be, stays.".into(),
        ),
        (Outcome::Stuck { .. }, _) => (
            "Stuck: please look at this PC",
            "Something could not be taken back. Mend what stands here, then run the undo again; it \
             goes on where it stopped."
                .into(),
        ),
    }
}

/// A word before the next plan.
pub(crate) fn next_rung(plan: &Plan) -> String {
    let ids: Vec<&str> = plan.choices.iter().map(|it| it.recipe.as_str()).collect();
    paragraph(&format!("That did not help. Next: {}.\n", ids.join(", ")))
}

/// How each step ended.
fn steps(repair: &Repair) -> String {
    let mut out = String::new();
    for (number, it) in (1..).zip(&repair.steps) {
        let (word, style) = match it.ended {
            Ended::Done => ("done", RIGHT),
            Ended::AlreadySo => ("already so", FAINT),
            Ended::NotNeeded => ("not needed", FAINT),
            Ended::Failed => ("failed", WRONG),
            Ended::Unverified => ("unverified", UNSURE),
            Ended::TakenBack => ("taken back", FAINT),
            Ended::Stays => ("stays", UNSURE),
            Ended::Stuck => ("stuck", WRONG),
        };
        let label = format!("  {number:>2}. {style}{word:<11}{style:#} ");
        out.push_str(&item(&label, &" ".repeat(18), &it.says));
    }
    out
}

/// What became of what was found before.
fn findings(repair: &Repair) -> String {
    let Some(seen) = repair.verification.as_ref().filter(|it| !it.findings.is_empty()) else {
        return String::new();
    };
    let mut out = "\n".to_owned();
    for it in &seen.findings {
        let (word, style) = match it.became {
            Became::Fixed => ("fixed", RIGHT),
            Became::Better => ("better", RIGHT),
            Became::Same => ("same", UNSURE),
            Became::Worse => ("worse", WRONG),
        };
        let subject = it.subject.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        let label = format!("  {style}{word:<6}{style:#}  ");
        out.push_str(&item(&label, &" ".repeat(10), &format!("{}{subject}", it.title)));
    }
    out
}

/// What an undo is going to do.
pub(crate) fn undo_plan(volume: &Volume) -> String {
    let replay = &volume.replay;
    let mut out = heading(&format!("Taking back repair {:04} of {}", volume.number, replay.at));
    for (step, it) in (0..).zip(&replay.steps).collect::<Vec<_>>().into_iter().rev() {
        let line = match to_undo(&replay.state(step)) {
            Some(Some(undo)) if is_between(replay, step, &undo) => continue,
            Some(Some(undo)) => format!("{undo}, unless it is so already"),
            Some(None) => format!("cannot be undone: {}", what_stays(&it.change)),
            None => continue,
        };
        out.push_str(&item("  - ", "    ", &line));
    }
    out.push('\n');
    out
}

/// How an undo ended.
pub(crate) fn undone(repair: &Repair, journal: &Path) -> String {
    match &repair.outcome {
        Outcome::Repaired | Outcome::NeedsReboot => unreachable!("an undo repairs nothing"),
        Outcome::RolledBack => format!(
            "\n{}{}",
            heading("Taken back"),
            paragraph(
                "Every change of this repair has been taken back: the PC is as it was before."
            )
        ),
        Outcome::Kept { irreversible } => {
            let mut out = format!("\n{}", heading("Taken back"));
            out.push_str(&paragraph(
                "Every setting, service and folder is as it was before. This stays, as was said \
                 before it was made:",
            ));
            for line in irreversible {
                out.push_str(&item("  - ", "    ", line));
            }
            out
        }
        Outcome::Stuck { left } => {
            let mut out = format!("\n{}", heading("Stuck: please look at this PC"));
            for line in left {
                out.push_str(&item("  - ", "    ", line));
            }
            out.push_str(&format!("\nMend this, then: unwedge undo {}\n", journal.display()));
            out
        }
    }
}

/// The repairs made on a PC.
pub(crate) fn history(volumes: &[Volume], pc: &str) -> String {
    if volumes.is_empty() {
        return paragraph(&format!("No repair was ever made on {pc}."));
    }
    let mut out = heading(&format!("Repairs made on {pc}"));
    for volume in volumes {
        let ended = match &volume.replay.closed {
            None => "unfinished: `unwedge fix` completes it, `unwedge undo` takes it back",
            Some(Outcome::Repaired) => "repaired",
            Some(Outcome::NeedsReboot) => "repaired, restart needed",
            Some(Outcome::RolledBack) => "taken back",
            Some(Outcome::Kept { .. }) => "taken back; what cannot be undone stays",
            Some(Outcome::Stuck { .. }) => "stuck: a person must look",
        };
        let title = format!("{:04}  {}  {ended}", volume.number, volume.replay.at);
        out.push_str(&format!("\n{}", item("", "      ", &title)));
        for it in &volume.replay.steps {
            out.push_str(&item("      - ", "        ", &it.says));
        }
        for (_, failure) in &volume.replay.failures {
            out.push_str(&item("      ! ", "        ", &sentence(failure)));
        }
    }
    out
}
