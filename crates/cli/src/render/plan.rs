//! A plan in plain words.

use unwedge_engine::journal::Outcome;
use unwedge_engine::plan::{Forecast, Phase, Plan, Step};
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
    for refusal in &plan.refused {
        let text = format!("{}: {}.", refusal.recipe, refusal.why);
        out.push_str(&format!("\n{}", item("Not done: ", "          ", &text)));
        out.push_str(&item("          ", "          ", &sentence(&refusal.advice)));
    }
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
    }
    out.push('\n');
    out
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
