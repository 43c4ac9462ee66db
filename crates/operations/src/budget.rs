//! How long the trials of a document take, told before they begin.

use gauntlet_domain::BarSpec;
use gauntlet_domain::spec::{ExperimentSpec, Scheme};
use gauntlet_experiments::validate::LEARNED;

/// Bars a second and thread that trials of rules come to at least.
const RULE_RATE: f64 = 10e6;
/// Bars a second and thread that trials of learned models come to, with a hundred trees.
const MODEL_RATE: f64 = 50e3;
/// Share of the hours of a week in which a market is open, as currencies are.
const OPEN_SHARE: f64 = 5.0 / 7.0;

/// About how many hours all trials take on so many threads; `None` below one. Told from the sizes alone: it is right to a factor of about three.
pub(crate) fn hours(spec: &ExperimentSpec, threads: usize) -> Option<u64> {
    let BarSpec::Time { seconds } = spec.data.bars;
    let period = (spec.data.to.0.0 - spec.data.from.0.0) as f64 / 1e9;
    let bars = period * OPEN_SHARE / f64::from(seconds);
    // Each search before a fold sees a part of them, on average about half.
    let searches = 1.0
        + match spec.validation.scheme {
            Scheme::WalkForward => f64::from(spec.validation.folds) / 2.0,
            _ => 0.0,
        };
    let rate = if spec.model.strategy == LEARNED { MODEL_RATE } else { RULE_RATE };
    let seconds = f64::from(spec.tuning.trials) * searches * bars / (rate * threads.max(1) as f64);
    let hours = seconds / 3_600.0;
    (hours >= 1.0).then(|| hours.round() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_config::ExperimentDocument;

    use super::*;

    fn of(bars: &str, trials: u32, strategy: &str, scheme: &str) -> Option<u64> {
        let text = format!(
            "name: x\ndata: {{ instrument: X, venue: Y, bars: '{bars}', from: 2010-01-01, to: 2020-01-01 }}\n\
             model: {{ strategy: {strategy}, parameters: {{ fast: {{ int: [5, 60] }}, slow: {{ int: [80, 400] }} }} }}\n\
             tuning: {{ trials: {trials}, seed: 1 }}\nvalidation: {{ scheme: {scheme}, holdout: 20%, finalists: 2, folds: 4 }}\n"
        );
        let newest =
            |_: &ExperimentSpec| Ok::<_, gauntlet_config::ConfigError>(gauntlet_domain::Timestamp(0));
        hours(&ExperimentDocument::read_to_latest(&text, "x.yaml", &[], newest).unwrap().spec, 2)
    }

    #[test]
    fn hours_are_said_where_there_are_hours() {
        assert_eq!(of("time:1h", 400, "ma-cross", "walk-forward"), None, "25 million bars take seconds");
        // 3.76 million minutes, three searches' worth, 40,000 trials: 4.5e11 bars at 2e7 a second are 6.3 hours.
        assert_eq!(of("time:1m", 40_000, "ma-cross", "walk-forward"), Some(6));
        assert_eq!(of("time:1m", 40_000, "ma-cross", "fixed"), Some(2));
        assert_eq!(of("time:1h", 4_000, "ml", "fixed"), None, "2.5e8 bars at 1e5 a second are 42 minutes");
        assert_eq!(of("time:1h", 40_000, "ml", "fixed"), Some(7));
    }
}
