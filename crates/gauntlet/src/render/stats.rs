//! Inference over many trials as text.

use gauntlet_operations::stats::{Column, Stats};

use super::periods_a_year;
use crate::table::{number, table};

/// Trials that are shown.
const SHOWN: usize = 20;

/// The family's figures, then the trials with the highest Sharpe ratios.
pub fn stats(answer: &Stats) -> String {
    let mut trials: Vec<&Column> = answer.columns.iter().collect();
    // Undefined ones last; equal ones keep the order of the file.
    trials.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let rows = trials.iter().take(SHOWN).map(|of| {
        let figures =
            [of.sharpe, of.sharpe_annual, of.standard_error, of.psr, of.dsr, of.min_trl, of.step_m_p];
        std::iter::once(of.name.clone()).chain(figures.map(number)).collect()
    });
    let columns =
        ["trial", "sharpe", "sharpe a year", "error an observation", "psr", "dsr", "min_trl", "step_m p"];
    let mut text = format!(
        "{} observations from {} to {} of {} trials; best {}\n{}\n{}",
        answer.observations,
        answer.from,
        answer.to,
        answer.trials,
        answer.best.as_deref().unwrap_or("-"),
        table(&["figure", "value", "what it is"], family(answer)),
        table(&columns, rows)
    );
    if trials.len() > SHOWN {
        text.push_str(&format!("\n{} more in --json", trials.len() - SHOWN));
    }
    for (name, reason) in &answer.undefined {
        text.push_str(&format!("\n{name} is undefined: {reason}"));
    }
    let of = &answer.conventions;
    text.push_str(&format!("\n{}", periods_a_year(of.periods_per_year, &of.periods_per_year_from)));
    for note in &answer.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text
}

fn rank(column: &Column) -> f64 {
    column.sharpe.unwrap_or(f64::NEG_INFINITY)
}

fn family(answer: &Stats) -> Vec<Vec<String>> {
    let row =
        |name: &str, value: Option<f64>, what: &str| vec![name.to_owned(), number(value), what.to_owned()];
    let mut rows = vec![
        row("psr", answer.psr, "probability that the best's true Sharpe ratio is above zero"),
        row("dsr", answer.dsr, "the same above sr0, what the best of as many shows without skill"),
        row("sr0", answer.sr0, "per observation"),
        row("min_trl", answer.min_trl, "observations that the best needs to be above zero at 95 %"),
        row("min_btl", answer.min_btl_years, "years below which luck shows an annual Sharpe ratio of 1"),
        row("effective trials", answer.effective_trials.value, answer.effective_trials.rule),
        row("pbo", answer.pbo.value, "share of halves whose best is at most the median outside"),
        row("pbo slope", answer.pbo.degradation.slope, "Sharpe ratio outside on that inside"),
        row("probability of loss", answer.pbo.probability_of_loss, "of the best, outside"),
        row("spa", answer.spa.consistent, "consistent p-value against the benchmark"),
        row("reality check", answer.reality_check.p_value, "p-value against the benchmark"),
        row("block length", answer.block_length.value, "mean, of the bootstraps"),
    ];
    rows.extend(answer.haircuts.iter().map(|(name, of)| {
        row(
            &format!("haircut {name}"),
            of.haircut,
            "share of the best's Sharpe ratio for the number of trials",
        )
    }));
    if let Some(superior) = &answer.step_m.superior {
        let names = if superior.is_empty() { "none".into() } else { superior.join(", ") };
        rows.push(vec![
            "step_m".into(),
            superior.len().to_string(),
            format!("better than the benchmark: {names}"),
        ]);
    }
    rows
}
