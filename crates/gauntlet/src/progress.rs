//! Progress on stderr: bars with elapsed times on a terminal, a line at the end of each step elsewhere.

use std::io::IsTerminal;
use std::time::Instant;

use gauntlet_operations::{Progress, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows it to whoever looks at stderr.
pub struct OnStderr;

/// One step of long work.
struct Bar {
    bar: ProgressBar,
    label: String,
    began: Instant,
}

impl Progress for OnStderr {
    fn begin(&self, label: &str, total: u64, unit: &str) -> Box<dyn Step> {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let count = if unit == "bytes" { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
        let template = format!("{{msg:26}} {{bar:32}} {count} {unit} {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&template.replace(" bytes {", " {")) {
            bar.set_style(style);
        }
        bar.set_message(label.to_owned());
        Box::new(Bar { bar, label: label.to_owned(), began: Instant::now() })
    }
}

impl Step for Bar {
    fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    #[allow(clippy::print_stderr)]
    fn waits(&self, what: &str) {
        self.bar.set_message(format!("{}, waits for {what}", self.label));
        if self.bar.is_hidden() {
            eprintln!("{:26} waits for {what}", self.label);
        }
    }

    #[allow(clippy::print_stderr)]
    fn end(self: Box<Self>, outcome: &str) {
        self.bar.finish_and_clear();
        eprintln!("{:26} {outcome} ({:.1} s)", self.label, self.began.elapsed().as_secs_f64());
    }
}
