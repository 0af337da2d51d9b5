//! Bars on a terminal while a repository is worked on; nothing where stderr is none.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustic_core::{Progress, ProgressBars, ProgressType, RusticProgress};

/// Shows a bar for each stage of the work.
#[derive(Debug, Clone, Copy)]
pub struct Bars {
    is_shown: bool,
}

impl Bars {
    /// Bars if stderr is a terminal and they are wanted.
    #[must_use]
    pub fn new(wanted: bool) -> Bars {
        Bars { is_shown: wanted && std::io::stderr().is_terminal() }
    }

    /// A bar for work of our own, such as reading back.
    #[must_use]
    pub fn bar(&self, form: ProgressType, title: &str) -> ProgressBar {
        if !self.is_shown {
            return ProgressBar::hidden();
        }
        let template = match form {
            ProgressType::Spinner => "{spinner} {prefix}",
            ProgressType::Counter => "{prefix:24} [{bar:24}] {pos} of {len}",
            ProgressType::Bytes => {
                "{prefix:24} [{bar:24}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"
            }
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

impl ProgressBars for Bars {
    fn progress(&self, form: ProgressType, prefix: &str) -> Progress {
        match self.is_shown && !prefix.is_empty() {
            true => Progress::new(Shown(self.bar(form, prefix))),
            false => Progress::hidden(),
        }
    }
}

#[derive(Debug)]
struct Shown(ProgressBar);

impl RusticProgress for Shown {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, length: u64) {
        self.0.set_length(length);
    }

    fn set_title(&self, title: &str) {
        self.0.set_prefix(title.to_owned());
    }

    fn inc(&self, by: u64) {
        self.0.inc(by);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // Also after an error, which ends a stage without a word.
        self.0.finish_and_clear();
    }
}
