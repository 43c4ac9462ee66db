//! Progress on stderr: bars with elapsed times on a terminal, a line at the end of each step elsewhere.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One step of long work.
pub struct Step {
    bar: ProgressBar,
    label: String,
    began: Instant,
    quiet: bool,
}

impl Step {
    /// Begins a step of `total` units; `unit` is `bytes` for sizes.
    pub fn begin(label: &str, total: u64, unit: &str, quiet: bool) -> Step {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let count = if unit == "bytes" { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
        let template = format!("{{msg:26}} {{bar:32}} {count} {unit} {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&template.replace(" bytes {", " {")) {
            bar.set_style(style);
        }
        bar.set_message(label.to_owned());
        Step { bar, label: label.to_owned(), began: Instant::now(), quiet }
    }

    /// How far the step has come.
    pub fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Says what the step waits for.
    #[allow(clippy::print_stderr)]
    pub fn waits(&self, what: &str) {
        self.bar.set_message(format!("{}, waits for {what}", self.label));
        if self.bar.is_hidden() && !self.quiet {
            eprintln!("{:26} waits for {what}", self.label);
        }
    }

    /// Ends the step with what came out of it.
    #[allow(clippy::print_stderr)]
    pub fn end(self, outcome: &str) {
        self.bar.finish_and_clear();
        if !self.quiet {
            eprintln!("{:26} {outcome} ({:.1} s)", self.label, self.began.elapsed().as_secs_f64());
        }
    }
}
