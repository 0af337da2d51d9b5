//! A watch over an update in plain words, and its bar.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unwedge_engine::report::{Citation, OperationOutcome, Role};
use unwedge_engine::watch::{End, Ending, Stage, Step, Work};

use super::style::{FAINT, NAME, RIGHT, UNSURE, WRONG};
use super::{heading, item, paragraph};

/// How far an update is, at the foot of the window; nothing where there is no window.
pub(crate) struct Bar {
    bar: ProgressBar,
}

/// Stages that the bar counts; Windows tells no percentages to others.
const STAGES: u64 = 4;

impl Bar {
    /// A bar on the standard error; none beside lines for programs.
    pub(crate) fn new(for_programs: bool) -> Bar {
        let bar = ProgressBar::with_draw_target(
            Some(STAGES),
            if for_programs { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template("[{bar:24}] {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Bar { bar }
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, stage: Stage, elapsed: Duration, steps: &[Step]) {
        let (position, words) = match stage {
            Stage::Waiting => (0, "waiting for an update to begin"),
            Stage::Looking => (0, "looking for updates"),
            Stage::Downloading => (1, "downloading"),
            Stage::Installing => (2, "installing"),
            Stage::Restart => (3, "waits for a restart"),
            Stage::Done => (STAGES, "came to an end"),
        };
        self.bar.set_position(position);
        let at_work = steps.iter().find_map(|it| match it {
            Step::Work { processes } => processes.first().map(work),
            _ => None,
        });
        let at_work = at_work.map(|it| format!("; {it}")).unwrap_or_default();
        self.bar.set_message(format!("{words}, {} so far{at_work}", clock(elapsed)));
    }

    /// Whether it shows a step by itself, so that no line is needed for it.
    pub(crate) fn shows(&self, step: &Step) -> bool {
        matches!(step, Step::Work { .. }) && !self.bar.is_hidden()
    }

    /// Writes something above the bar.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// One step, as a line; the end as a paragraph with its proof.
pub(crate) fn line(step: &Step, elapsed: Duration) -> String {
    let (word, style, text) = match step {
        Step::Operation { what, subject, outcome, code, .. } => {
            let (word, style) = match outcome {
                OperationOutcome::Succeeded => ("done", RIGHT),
                OperationOutcome::Failed => ("failed", WRONG),
                OperationOutcome::Cancelled => ("cancelled", UNSURE),
                OperationOutcome::NeedsRestart => ("restart", UNSURE),
                OperationOutcome::Unfinished => ("begun", NAME),
            };
            let subject = subject.as_ref().map(|it| format!(": {}", it.name)).unwrap_or_default();
            let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            (word, style, format!("{what}{subject}{code}"))
        }
        Step::Finding { title, role, .. } => match role {
            Role::Root => ("wrong", WRONG, title.clone()),
            Role::Consequence => ("follows", UNSURE, title.clone()),
            Role::Note => ("note", FAINT, title.clone()),
        },
        Step::HolderCame(held) => ("holds", UNSURE, held.to_string()),
        Step::HolderLeft(held) => ("let go", FAINT, format!("{} of {}", held.image, held.path)),
        Step::Work { processes } => ("works", FAINT, works(processes)),
        Step::WorkUnknown { why } => {
            ("blind", UNSURE, format!("how hard updates work cannot be told: {why}"))
        }
        Step::Quiet { seconds } => {
            ("quiet", UNSURE, format!("nothing was written for {} minutes", seconds / 60))
        }
        Step::Ended(end) => return ended(end),
    };
    let label = format!("{:>7}  {style}{word:<9}{style:#} ", clock(elapsed));
    item(&label, &" ".repeat(19), &text)
}

/// The busiest processes, in one line.
fn works(processes: &[Work]) -> String {
    const MOST: usize = 3;
    let told: Vec<String> = processes.iter().take(MOST).map(work).collect();
    let more = match processes.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!("{}{more}", told.join("; "))
}

fn work(it: &Work) -> String {
    let who = match (it.services.as_slice(), it.product) {
        ([], None) => String::new(),
        ([], Some(product)) => format!(" ({product})"),
        (services, _) => format!(" ({})", services.join(", ")),
    };
    let (read, written) = (HumanBytes(it.read_bytes), HumanBytes(it.written_bytes));
    let share = it.processor_percent;
    format!("{}{who} {share} % of a processor, read {read}, wrote {written}", it.image)
}

fn ended(end: &End) -> String {
    let title = match end.ending {
        Ending::Succeeded => "The update was installed",
        Ending::NeedsRestart => "Restart Windows to complete the update",
        Ending::Failed => "The update failed",
        Ending::Stalled => "The update has stalled",
    };
    let proof = end.proof.as_ref().map(proof).unwrap_or_default();
    format!("\n{}{}{proof}", heading(title), paragraph(&end.paragraph))
}

fn proof(citation: &Citation) -> String {
    let line = citation.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let excerpt = citation.excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("\n  {}{line}\n{}", citation.source, item("    ", "    ", &excerpt))
}

/// `1:05` for 65 seconds.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3_600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}
