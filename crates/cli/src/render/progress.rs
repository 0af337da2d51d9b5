//! A repair while it runs: a line a step, and a bar below it while a tool of Windows works.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unwedge_engine::execute::Progress;
use unwedge_host::{Advance, Stage};

use super::{say, say_after};

/// Set by Ctrl-C: the repair stops at the next safe point and is taken back.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Says what is being done, and passes on that the user wants it to stop.
pub(crate) struct Teller {
    bar: ProgressBar,
}

impl Teller {
    /// From now on Ctrl-C does not end the program in the middle of a change.
    pub(crate) fn new() -> Teller {
        static LISTENS: OnceLock<bool> = OnceLock::new();
        LISTENS.get_or_init(|| {
            // Without it Ctrl-C ends the program as ever, and the journal tells the next run.
            ctrlc::set_handler(|| IS_STOPPED.store(true, Ordering::Relaxed)).is_ok()
        });
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("      [{bar:24}] {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Teller { bar }
    }

    /// Says it.
    pub(crate) fn tell(&mut self, progress: Progress) -> ControlFlow<()> {
        match progress {
            Progress::Advanced { advance, .. } => self.advance(&advance),
            progress => {
                self.bar.finish_and_clear();
                line(progress);
            }
        }
        match IS_STOPPED.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn advance(&self, advance: &Advance) {
        let words = match advance.stage {
            Stage::Searching => "searching",
            Stage::Downloading => "downloading",
            Stage::Installing => "installing",
            Stage::Scanning => "scanning",
            Stage::Repairing => "repairing",
            Stage::Waiting => "waiting",
        };
        let bytes = advance.bytes.map(|(done, of)| {
            if of == 0 {
                format!(", {}", HumanBytes(done))
            } else {
                format!(", {} of {}", HumanBytes(done), HumanBytes(of))
            }
        });
        let percent = advance.percent.map(|it| format!(", {it} %"));
        self.bar.set_position(advance.percent.unwrap_or(0).into());
        self.bar.set_message(format!(
            "{words}{}{}",
            percent.unwrap_or_default(),
            bytes.unwrap_or_default()
        ));
    }
}

/// Says something about the line above.
fn below(text: &str) {
    say_after("      ", text);
}

fn line(progress: Progress) {
    match progress {
        Progress::Doing { step, of, says } => say_after(&format!("[{}/{of}] ", step + 1), &says),
        Progress::Advanced { .. } | Progress::Done { .. } | Progress::Undone { .. } => {}
        Progress::AlreadySo { .. } => below("It is so already."),
        Progress::Failed { error, .. } => below(&format!("Failed: {error}.")),
        Progress::Undoing { change, .. } => say(&format!("Taking back: {change}")),
        Progress::UndoFailed { error, .. } => below(&format!("Failed: {error}.")),
        Progress::Trial { trial, of, off } => {
            let names = match off.len() {
                0..=6 => off.join(", "),
                count => format!("{count} of them: {}, …", off[..3].join(", ")),
            };
            say_after(&format!("Start {trial} of at most {of}: "), &format!("without {names}"));
        }
        Progress::Tried { passes, told, .. } => {
            let word = if passes { "It works" } else { "It fails" };
            below(&match told.is_empty() {
                true => format!("{word}."),
                false => format!("{word}: {told}."),
            });
        }
        Progress::Stays { what, .. } => say(&format!("Stays: {what}")),
        Progress::Unguarded { why } => say(&format!(
            "Should this PC stop in the middle, the repair does not end by itself ({why}); \
             `unwedge recover` ends it then."
        )),
        Progress::StillGuarded { why } => say(&format!(
            "The scheduled task that stood by could not be taken away now ({why}); it goes by itself."
        )),
    }
}
