//! `stats`: inference over the returns of many trials in a file; no log, no server. The request and its answer; the matrix is read
//! in `matrix` and the figures are made in `figures`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gauntlet_quant::inference::MOST_BLOCKS;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
pub use crate::undefined::Reasons;
use crate::year::{check_stated, year};

/// What is computed.
mod figures;
/// The file of returns.
mod matrix;

use figures::Family;
use matrix::Matrix;

/// Replicates of every bootstrap.
pub const REPLICATES: u32 = 5_000;
/// Confidence of the minimum track record length and of intervals.
pub const CONFIDENCE: f64 = 0.95;
/// Probability that StepM names one trial falsely, at most.
pub const LEVEL: f64 = 0.05;

/// What to infer from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsRequest {
    /// A CSV with a header: a date first, then a column of returns for each trial.
    pub path: PathBuf,
    /// Blocks of the cross-validation for the probability of overfitting.
    pub blocks: usize,
    /// A column of it, or a CSV of a date and one column of returns.
    pub benchmark: Option<String>,
    /// Seed of the bootstraps.
    pub seed: u64,
    /// Periods in a year, for annual figures only; without, the dates say.
    pub periods_per_year: Option<f64>,
}

/// Every figure of a family of trials. Sharpe ratios are per observation where the name does not say annual.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Rows.
    pub observations: usize,
    /// Columns, without the benchmark's.
    pub trials: usize,
    /// First date.
    pub from: String,
    /// Last date.
    pub to: String,
    /// What the figures mean.
    pub conventions: Conventions,
    /// Name of the trial with the highest Sharpe ratio.
    pub best: Option<String>,
    /// Sharpe ratio that the best of the trials shows without skill.
    pub sr0: Option<f64>,
    /// All trials have one Sharpe ratio, so nothing is deflated.
    pub identical_trials: bool,
    /// Probabilistic Sharpe ratio of the best, against zero.
    pub psr: Option<f64>,
    /// Deflated Sharpe ratio of the best, form of 2014.
    pub dsr: Option<f64>,
    /// The same, form of 2025.
    pub dsr_2025: Option<f64>,
    /// Observations that the best needs to exceed a Sharpe ratio of zero with confidence.
    pub min_trl: Option<f64>,
    /// Years below which this many trials without skill are expected to show an annual Sharpe ratio of one.
    pub min_btl_years: Option<f64>,
    /// Clusters, and what they deflate with the variance under the null hypothesis.
    pub effective_trials: EffectiveNumber,
    /// Probability of backtest overfitting.
    pub pbo: PboFigures,
    /// Mean block length of the bootstraps.
    pub block_length: BlockLength,
    /// Hansen's test of the family against the benchmark.
    pub spa: SpaFigures,
    /// White's test of the family against the benchmark.
    pub reality_check: PValue,
    /// Trials that beat the benchmark.
    pub step_m: StepM,
    /// The best after each adjustment for the number of trials.
    pub haircuts: BTreeMap<&'static str, HaircutFigures>,
    /// Each trial.
    pub columns: Vec<Column>,
    /// Why figures of this level are null.
    pub undefined: Reasons,
    /// What was done to the files that their owner should know.
    pub notes: Vec<String>,
}

/// What the figures mean, for whoever reads them without this page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conventions {
    /// Of Sharpe ratios.
    pub sharpe: &'static str,
    /// Of skewness and kurtosis.
    pub moments: &'static str,
    /// Of the deflated Sharpe ratio: which number of trials with which variance.
    pub pairing: &'static str,
    /// Of PSR and MinTRL.
    pub compared_with: &'static str,
    /// Of the interval of each trial.
    pub interval: &'static str,
    /// Of PBO.
    pub pbo: &'static str,
    /// Of SPA, reality check and StepM.
    pub superiority: &'static str,
    /// What trials are compared with there.
    pub benchmark: String,
    /// Periods in a year; none where they are not known, and what is annual is undefined.
    pub periods_per_year: Option<f64>,
    /// Where they come from.
    pub periods_per_year_from: String,
    /// Confidence of MinTRL and intervals.
    pub confidence: f64,
    /// Replicates of the bootstraps.
    pub replicates: u32,
    /// Their seed.
    pub seed: u64,
}

/// An effective number of trials and its rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveNumber {
    /// Clusters.
    pub value: Option<f64>,
    /// How they are made.
    pub rule: &'static str,
    /// Sharpe ratio that the best of them shows without skill, with the variance under the null hypothesis.
    pub sr0: Option<f64>,
    /// Deflated Sharpe ratio of the best against it.
    pub dsr: Option<f64>,
    /// Mean correlation of two trials, ρ̄.
    pub mean_correlation: Option<f64>,
    /// ρ̄ + (1 - ρ̄)·N; reported only.
    pub by_mean_correlation: Option<f64>,
    /// N²/Σλ²; reported only.
    pub by_participation_ratio: Option<f64>,
    /// Why figures are null.
    pub undefined: Reasons,
}

/// Probability of backtest overfitting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PboFigures {
    /// Share of halves whose best trial is at or below the median outside.
    pub value: Option<f64>,
    /// Blocks.
    pub blocks: usize,
    /// Rows of one.
    pub block_rows: Option<usize>,
    /// Rows dropped at the start.
    pub dropped_rows: Option<usize>,
    /// Halves that were looked at.
    pub halves: Option<usize>,
    /// Share of halves whose best trial has a negative Sharpe ratio outside.
    pub probability_of_loss: Option<f64>,
    /// Sharpe ratio of the best outside against inside.
    pub degradation: Line,
    /// The best against a trial taken at random, outside.
    pub dominance: Option<DominanceFigures>,
    /// Why figures are null.
    pub undefined: Reasons,
}

/// A line by least squares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Line {
    pub slope: Option<f64>,
    pub intercept: Option<f64>,
    pub r_squared: Option<f64>,
}

/// Stochastic dominance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DominanceFigures {
    /// Whether every investor prefers the best.
    pub first_order: bool,
    /// Whether every investor who avoids risk does.
    pub second_order: bool,
    /// Largest excess of its distribution function; not positive under first order.
    pub first_order_gap: f64,
    /// Smallest difference of the integrals; not negative under second order.
    pub second_order_gap: f64,
}

/// Mean block length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockLength {
    /// In observations.
    pub value: Option<f64>,
    /// How it is chosen.
    pub rule: &'static str,
    /// Why it is null.
    pub undefined: Reasons,
}

/// Hansen's test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaFigures {
    /// Studentised.
    pub statistic: Option<f64>,
    /// Liberal p-value.
    pub lower: Option<f64>,
    /// The p-value to use.
    pub consistent: Option<f64>,
    /// Conservative p-value.
    pub upper: Option<f64>,
    /// Standard error of the consistent one.
    pub monte_carlo_error: Option<f64>,
    /// Why figures are null.
    pub undefined: Reasons,
}

/// A simulated p-value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PValue {
    /// Its value.
    pub p_value: Option<f64>,
    /// Its standard error.
    pub monte_carlo_error: Option<f64>,
    /// Why it is null.
    pub undefined: Reasons,
}

/// Stepwise test; the p-values are with the trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepM {
    /// Probability of one false name at most.
    pub level: f64,
    /// Trials that beat the benchmark.
    pub superior: Option<Vec<String>>,
    /// Why there is no answer.
    pub undefined: Reasons,
}

/// A Sharpe ratio after an adjustment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HaircutFigures {
    /// Adjusted p-value.
    pub p_value: Option<f64>,
    /// Sharpe ratio that is left.
    pub sharpe: Option<f64>,
    /// Share that was cut.
    pub haircut: Option<f64>,
    /// Why figures are null.
    pub undefined: Reasons,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Its header.
    pub name: String,
    /// Sharpe ratio.
    pub sharpe: Option<f64>,
    /// Times the root of the periods in a year.
    pub sharpe_annual: Option<f64>,
    /// Times Lo's η, which takes autocorrelations into account.
    pub sharpe_annual_lo: Option<f64>,
    /// Third standardised moment.
    pub skewness: Option<f64>,
    /// Fourth, 3 for a normal law.
    pub kurtosis: Option<f64>,
    /// Of the Sharpe ratio: independent returns of any law (Mertens 2002).
    pub standard_error: Option<f64>,
    /// Independent normal returns (Lo 2002).
    pub standard_error_lo: Option<f64>,
    /// Dependent returns (HAC).
    pub standard_error_hac: Option<f64>,
    /// Lower end of the interval.
    pub interval_low: Option<f64>,
    /// Upper end of the interval.
    pub interval_high: Option<f64>,
    /// Probabilistic Sharpe ratio, against zero.
    pub psr: Option<f64>,
    /// Deflated Sharpe ratio, form of 2014.
    pub dsr: Option<f64>,
    /// Minimum track record length in observations, against zero.
    pub min_trl: Option<f64>,
    /// Two-sided p-value of a Sharpe ratio of zero.
    pub p_value: Option<f64>,
    /// p-value of not beating the benchmark, adjusted for the family by StepM.
    pub step_m_p: Option<f64>,
    /// Automatic block length of its difference to the benchmark.
    pub block_length: Option<f64>,
    /// Its cluster, from zero.
    pub cluster: Option<usize>,
    /// Why figures are null.
    pub undefined: Reasons,
}

/// Every figure of the family of trials in a file.
pub fn stats(request: &StatsRequest) -> Result<Stats, Refusal> {
    check(request)?;
    let mut matrix = Matrix::read(&request.path)?;
    let benchmark = request.benchmark.as_deref().map(|name| matrix.take_benchmark(name)).transpose()?;
    let name = request.path.display();
    let trials = matrix.names.len();
    if trials < 2 {
        return Err(Refusal::BadInput(format!(
            "{name}: {trials} column of trials: nothing to deflate or compare with; give two or more, or use gauntlet metrics"
        )));
    }
    let rows = matrix.dates.len();
    if rows < 2 * request.blocks {
        let fit = rows / 4 * 2;
        let instead = if fit < 2 { String::new() } else { format!("--blocks {fit} or fewer, or ") };
        return Err(Refusal::BadInput(format!(
            "{name}: too few rows ({rows}) for {} blocks of two: give {instead}more rows",
            request.blocks
        )));
    }
    let year = year(request.periods_per_year, Some(&matrix.dates));
    Ok(Family { request, matrix, benchmark, year }.stats())
}

fn check(request: &StatsRequest) -> Result<(), Refusal> {
    let blocks = request.blocks;
    if blocks < 2 || blocks % 2 == 1 || blocks > MOST_BLOCKS {
        return Err(Refusal::BadInput(format!(
            "--blocks {blocks}: give an even number from 2 to {MOST_BLOCKS}, such as 16"
        )));
    }
    check_stated(request.periods_per_year)
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::Timestamp;
    use gauntlet_quant::inference::{Philox, Purpose};

    use super::*;

    /// Forty trials of noise, the first of them with skill and the last one flat, beside a quiet market.
    fn asked(rows: u64) -> (tempfile::TempDir, StatsRequest) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.csv");
        let names: Vec<String> = (0..40).map(|k| format!("t{k}")).collect();
        let mut text = format!("date,{},market\n", names.join(","));
        for row in 0..rows {
            let mut stream = Philox::new(4, Purpose::Simulation, row);
            let date = Timestamp::from_date(2020, 1, 1).unwrap().0 + row as i64 * 86_400_000_000_000;
            text.push_str(&Timestamp(date).to_string());
            for k in 0..41 {
                let noise = 0.04 * (stream.unit() - 0.5);
                let value = match k {
                    0 => noise + 0.003,
                    39 => 0.0,
                    40 => noise / 10.0,
                    _ => noise,
                };
                text.push_str(&format!(",{value}"));
            }
            text.push('\n');
        }
        std::fs::write(&path, text).unwrap();
        let benchmark = Some("market".to_owned());
        (dir, StatsRequest { path, blocks: 8, benchmark, seed: 1, periods_per_year: None })
    }

    #[test]
    fn skill_is_found_and_a_flat_trial_is_undefined_with_its_reason() {
        let (_dir, request) = asked(500);
        let answer = stats(&request).unwrap();
        assert_eq!((answer.trials, answer.observations, answer.best.as_deref()), (40, 500, Some("t0")));
        assert_eq!((answer.from.as_str(), answer.conventions.benchmark.as_str()), ("2020-01-01", "market"));
        assert!(
            answer.dsr > Some(0.95) && answer.psr > answer.dsr && answer.undefined.is_empty(),
            "{answer:?}"
        );
        assert_eq!(answer.effective_trials.value, Some(40.0));
        let small = |value: Option<f64>, bound: f64| value.is_some_and(|value| value < bound);
        assert!(small(answer.spa.consistent, 0.05) && small(answer.pbo.value, 0.1), "{answer:?}");
        assert_eq!(answer.step_m.superior, Some(vec!["t0".to_owned()]));
        let flat = &answer.columns[39];
        assert_eq!((flat.sharpe, flat.undefined["sharpe"].as_str()), (None, "the series does not vary"));
        let json = serde_json::to_value(&answer).unwrap();
        assert!(json["columns"][39]["dsr"].is_null() && json["haircuts"]["holm"]["haircut"].is_number());
        assert_eq!(stats(&request), Ok(answer), "the same request has the same answer");
    }

    #[test]
    fn a_year_of_dates_says_how_many_periods_a_year_has_and_less_does_not() {
        let near = |figure: Option<f64>, sharpe: Option<f64>, periods: f64| {
            let (figure, expected) = (figure.unwrap(), sharpe.unwrap() * periods.sqrt());
            assert!((figure - expected).abs() < 1e-12, "{figure} is not {expected}");
        };
        let (_dir, request) = asked(500);
        let counted = stats(&request).unwrap();
        assert_eq!(counted.conventions.periods_per_year, Some(365.25));
        assert!(counted.conventions.periods_per_year_from.starts_with("counted: 499 rows"), "{counted:?}");
        near(counted.columns[0].sharpe_annual, counted.columns[0].sharpe, 365.25);

        let (_dir, request) = asked(100);
        let short = stats(&request).unwrap();
        let why = "periods in a year are not known: the dates cover 99 days, less than a year: state --periods-per-year";
        let first = &short.columns[0];
        assert_eq!(
            (short.conventions.periods_per_year, first.sharpe_annual, first.sharpe_annual_lo),
            (None, None, None)
        );
        assert_eq!(
            first.undefined,
            Reasons::from(["sharpe_annual", "sharpe_annual_lo"].map(|name| (name, why.to_owned())))
        );
        assert_eq!(short.columns[39].undefined["sharpe_annual"], "the series does not vary");

        let stated = stats(&StatsRequest { periods_per_year: Some(252.0), ..request }).unwrap();
        assert_eq!(stated.conventions.periods_per_year_from, "stated by --periods-per-year");
        near(stated.columns[0].sharpe_annual, stated.columns[0].sharpe, 252.0);
        assert!(stated.columns[0].sharpe_annual_lo.is_some() && stated.columns[0].undefined.is_empty());
        // Nothing else rests on the length of a year.
        assert_eq!((stated.dsr, stated.spa, stated.min_trl), (short.dsr, short.spa, short.min_trl));
    }

    #[test]
    fn newest_first_changes_no_figure_and_is_said() {
        let (dir, request) = asked(100);
        let text = std::fs::read_to_string(&request.path).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let rows: Vec<&str> = rows.lines().rev().collect();
        let path = dir.path().join("turned.csv");
        std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        let answer = stats(&request).unwrap();
        let turned = stats(&StatsRequest { path, ..request }).unwrap();
        assert!(
            answer.notes.is_empty() && turned.notes[0].ends_with("newest first, turned round"),
            "{turned:?}"
        );
        assert_eq!(Stats { notes: vec![], ..turned }, answer);
    }

    #[test]
    fn too_few_rows_for_a_figure_leave_the_others() {
        let (_dir, request) = asked(20);
        let answer = stats(&StatsRequest { blocks: 4, ..request }).unwrap();
        assert_eq!(answer.dsr, None);
        assert_eq!(answer.undefined["dsr"], "too few observations: 20, at least 30 are needed");
        assert!(answer.sr0.is_some() && answer.pbo.value.is_some());
    }

    #[test]
    fn bad_requests_are_refused_before_anything_is_read() {
        let request = |blocks, periods_per_year| StatsRequest {
            path: "absent.csv".into(),
            blocks,
            benchmark: None,
            seed: 0,
            periods_per_year: Some(periods_per_year),
        };
        let refused = |request: &StatsRequest| stats(request).unwrap_err().to_string();
        for blocks in [0, 7, 22] {
            assert!(
                refused(&request(blocks, 252.0)).starts_with(&format!("--blocks {blocks}: give an even"))
            );
        }
        assert!(refused(&request(16, 0.0)).contains("not positive"));
        assert!(refused(&request(16, 252.0)).contains("check the path"));
    }
}
