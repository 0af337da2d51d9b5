//! A plan in plain words.

use unwedge_engine::gate::Answer;
use unwedge_engine::journal::Outcome;
use unwedge_engine::plan::{Forecast, Phase, Plan, Step};
use unwedge_engine::recipe::RECIPES;
use unwedge_host::About;

use super::{heading, item, paragraph};

/// The whole plan.
pub(crate) fn text(plan: &Plan, about: &About, forecast: Option<&Forecast>) -> String {
    let mut out = String::new();
    let name = about.name.as_deref().unwrap_or("this PC");
    if plan.steps.is_empty() {
        out.push_str(&heading(&format!("Nothing is going to be changed on {name}")));
    } else {
        let what = plan.kb.as_deref().unwrap_or("the pending update");
        let of = format!("Plan for {name}, so that {what} goes through");
        out.push_str(&heading(&of));
    }
    let mut phase = Phase::Prepare;
    for (number, it) in (1..).zip(&plan.steps) {
        let note = match it.phase {
            same if same == phase => None,
            Phase::Prepare => None,
            Phase::Boundary if number == 1 => Some("This cannot be taken back:"),
            Phase::Boundary => Some("Everything above can be taken back. This cannot:"),
            Phase::Restore => Some("Then what was changed for a while only is put back:"),
        };
        phase = it.phase;
        out.push_str(&note.map(|it| format!("\n{}", paragraph(it))).unwrap_or_default());
        out.push_str(&step(number, it));
    }
    out.push_str(&checks(plan));
    out.push_str(&refused(plan));
    if !plan.notes.is_empty() {
        out.push('\n');
    }
    for note in &plan.notes {
        out.push_str(&item("Note: ", "      ", &sentence(note)));
    }
    if let Some(forecast) = forecast {
        out.push_str(&after(forecast));
    } else if !plan.steps.is_empty() {
        out.push_str(&format!(
            "\n{}",
            paragraph("If any step fails, or the update still does, everything is taken back.")
        ));
        out.push_str(&further(plan));
    }
    out.push('\n');
    out
}

/// Why it ends here, after a repair that did not help.
pub(crate) fn nothing_stronger(plan: &Plan) -> String {
    let mut out = format!("\n{}", heading("Nothing else is tried"));
    out.push_str(&refused(plan));
    for note in &plan.notes {
        out.push_str(&item("Note: ", "      ", &sentence(note)));
    }
    out.push('\n');
    out
}

fn refused(plan: &Plan) -> String {
    let mut out = String::new();
    for refusal in &plan.refused {
        let text = format!("{}: {}.", refusal.recipe, refusal.why);
        out.push_str(&format!("\n{}", item("Not done: ", "          ", &text)));
        out.push_str(&item("          ", "          ", &sentence(&refusal.advice)));
    }
    out
}

/// What speaks against this moment, and what is worth knowing before.
fn checks(plan: &Plan) -> String {
    let mut out = String::new();
    for check in &plan.checks {
        let label = match check.answer {
            Answer::Go if check.advice.is_none() => continue,
            Answer::Unknown => continue,
            Answer::Go => "Know:     ",
            Answer::Wait { .. } => "Wait:     ",
            Answer::RestartFirst => "Restart:  ",
            Answer::Refuse => "Not now:  ",
        };
        out.push_str(&format!("\n{}", item(label, "          ", &sentence(&check.says))));
        if let Some(advice) = &check.advice {
            out.push_str(&item("          ", "          ", &sentence(advice)));
        }
        if let Answer::Wait { minutes } = check.answer {
            let limit = format!("That may take up to {minutes} minutes.");
            out.push_str(&item("          ", "          ", &limit));
        }
        if check.answer.stops() && check.id.can_be_forced() {
            let force = format!("To go on all the same: --force {}.", check.id.name());
            out.push_str(&item("          ", "          ", &force));
        }
    }
    out
}

/// What comes next if that does not help.
fn further(plan: &Plan) -> String {
    let mut out = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for choice in &plan.further {
        let Some(recipe) = RECIPES.iter().find(|it| it.id == choice.recipe) else { continue };
        if seen.contains(&recipe.id) {
            continue;
        }
        seen.push(recipe.id);
        out.push_str(&item("  - ", "    ", recipe.title));
    }
    if seen.is_empty() {
        return out;
    }
    format!(
        "{}{out}",
        paragraph("If that does not help, stronger repairs are tried, one after the other:")
    )
}

fn step(number: usize, step: &Step) -> String {
    let indent = "            ";
    [
        format!("\n{}", item(&format!("{number:>2}. "), "    ", &step.says)),
        item("    Why:     ", &format!("{indent} "), &step.why),
        item("    Touches: ", &format!("{indent} "), &step.touches.join(", ")),
        item("    Undo:    ", &format!("{indent} "), &step.undo),
    ]
    .concat()
}

fn after(forecast: &Forecast) -> String {
    let mut out = format!("\n{}", heading("What the PC would look like after"));
    match &forecast.outcome {
        Outcome::Repaired | Outcome::NeedsReboot => {}
        Outcome::RolledBack | Outcome::Kept { .. } | Outcome::Stuck { .. } => {
            out.push_str(&paragraph(
                "A step would fail, and everything would be taken back: the PC would be as it is.",
            ));
            return out;
        }
    }
    if forecast.differences.is_empty() {
        out.push_str(&paragraph("Nothing would be different."));
    }
    for line in &forecast.differences {
        out.push_str(&item("  - ", "    ", line));
    }
    for line in &forecast.still_held {
        out.push_str(&item("  - ", "    ", &format!("still in the way: {line}")));
    }
    out.push_str(&paragraph(
        "Every service that is stopped on the way runs again as before. Simulated: nothing was \
         changed.",
    ));
    out
}

/// First letter large, full stop at the end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|it| it.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
