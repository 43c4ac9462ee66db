//! What the completed trials of a search say together: how much of the best of them is the choice itself.
//!
//! Every trial is run again over the folds of the plan. Its series is the daily excess: the returns of its bars beyond the
//! risk-free rate, less mean exposure times the benchmark's return, summed by UTC day of their close. Trials see the same
//! days, so the series have one length. Names of figures:
//!
//! | name | what |
//! |---|---|
//! | `trials`, `days` | series, and their length |
//! | `pbo` | probability of backtest overfitting by CSCV, 16 blocks (Bailey et al. 2017) |
//! | `pbo_halves`, `probability_of_loss`, `degradation` | halves that were looked at; share of them whose choice loses outside; slope of outside on inside |
//! | `spa_p_value`, `reality_check_p_value` | Hansen (2005), consistent, and White (2000): the best of them against no excess |
//! | `effective_trials`, `mean_correlation` | clusters by complete linkage at a correlation of 0.7; mean over pairs |

use gauntlet_backtest::{BacktestError, Bars};
use gauntlet_domain::experiment::{FamilyTrial, TrialPlan};
use gauntlet_quant::inference::{
    BootstrappedMeans, Correlations, DEFAULT_BLOCKS, EffectiveTrials, Overfitting, Undefined, block_length,
    excess, pbo, reality_check, spa, studentising_variance,
};

use crate::figures::Figures;
use crate::folds::Walk;
use crate::report::{Segments, by_day, date_of};

/// Series beyond which clusters and tests of the family are not computed: their cost is quadratic.
const MOST_SERIES: usize = 1_000;
/// Replicates of the bootstrap.
const REPLICATES: u32 = 1_000;

/// What the trials say together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Family {
    /// Figures by name.
    pub figures: Figures,
    /// For each cluster the trial whose mean correlation to the others of it is highest, in their order.
    pub representatives: Vec<i64>,
    /// Days and the series of the representatives as CSV: `date,TRIAL,TRIAL,…`. Empty where there are none.
    pub series: String,
}

/// The family of some trials.
pub fn family(plan: &TrialPlan, trials: &[FamilyTrial], bars: &Bars) -> Result<Family, BacktestError> {
    let mut days: Vec<i64> = Vec::new();
    let mut kept: Vec<(i64, Vec<f64>)> = Vec::new();
    for trial in trials {
        let mut walk = Walk::new(plan, &trial.parameters, bars)?;
        let mut segments = Segments::of(plan);
        let mut times = Vec::new();
        while let Some((range, outcome)) = walk.next_fold()? {
            times.extend_from_slice(&bars.close_time[range.clone()]);
            segments.push(bars, range, &outcome);
        }
        let (on, sums) = by_day(&times, &excess_of(&segments), |sum, value| sum + value);
        // A series that is not finite has no place among the others.
        if sums.iter().all(|sum| sum.is_finite()) && !sums.is_empty() {
            days = on;
            kept.push((trial.trial, sums));
        }
    }
    let series: Vec<&[f64]> = kept.iter().map(|(_, series)| series.as_slice()).collect();
    let mut family = Family::default();
    family.figures.say("trials", Ok(series.len() as f64));
    family.figures.say("days", Ok(days.len() as f64));
    family.overfitting(&series);
    family.tests(&series, plan.seed as u64);
    family.clusters(&kept, &series, &days);
    Ok(family)
}

/// Returns beyond the risk-free rate and beyond what the mean exposure to the benchmark earned; none where undefined.
fn excess_of(segments: &Segments) -> Vec<f64> {
    let Some(beyond) = segments.beyond_risk_free() else { return Vec::new() };
    match beyond.benchmark {
        Some(benchmark) => excess(&beyond.returns, &segments.exposures, &benchmark).unwrap_or_default(),
        None => beyond.returns,
    }
}

impl Family {
    fn overfitting(&mut self, series: &[&[f64]]) {
        let found = if series.is_empty() { Err(Undefined::NotTestable) } else { pbo(series, DEFAULT_BLOCKS) };
        let of = |value: fn(&Overfitting) -> f64| found.as_ref().map(value).map_err(|why| *why);
        let slope = found.as_ref().map_err(|why| *why).and_then(|of| Ok(of.degradation?.slope));
        self.figures.say("pbo", of(|of| of.pbo));
        self.figures.say("pbo_halves", of(|of| of.halves as f64));
        self.figures.say("probability_of_loss", of(|of| of.probability_of_loss));
        self.figures.say("degradation", slope);
    }

    /// The best of the family against no excess.
    fn tests(&mut self, series: &[&[f64]], seed: u64) {
        let means = bootstrapped(series, seed);
        let length = means.as_ref().map_or(1.0, |means| means.block_length);
        let variances: Vec<_> = series.iter().map(|series| studentising_variance(series, length)).collect();
        let p_value = means.as_ref().map_err(|why| *why).and_then(|means| spa(means, &variances));
        self.figures.say("spa_p_value", p_value.map(|p| p.consistent));
        self.figures.say("reality_check_p_value", means.as_ref().map_err(|why| *why).and_then(reality_check));
    }

    fn clusters(&mut self, kept: &[(i64, Vec<f64>)], series: &[&[f64]], days: &[i64]) {
        let correlations = few(series).and_then(Correlations::of);
        let clusters = correlations.as_ref().map(EffectiveTrials::from).map_err(|why| *why);
        self.figures
            .say("effective_trials", clusters.as_ref().map(EffectiveTrials::number).map_err(|why| *why));
        self.figures
            .say("mean_correlation", correlations.as_ref().map_err(|why| *why).and_then(Correlations::mean));
        let (Ok(correlations), Ok(clusters)) = (correlations, clusters) else { return };
        let medoids = clusters.medoids(&correlations);
        self.representatives = medoids.iter().map(|at| kept[*at].0).collect();
        self.series = csv(days, medoids.iter().map(|at| &kept[*at]));
    }
}

/// Some series, if they are not too many.
fn few<'a, 'b>(series: &'a [&'b [f64]]) -> Result<&'a [&'b [f64]], Undefined> {
    match series.len() {
        0 => Err(Undefined::NotTestable),
        count if count > MOST_SERIES => Err(Undefined::Infeasible),
        _ => Ok(series),
    }
}

/// Replicates of the means; the block length is the largest that any series asks for.
fn bootstrapped(series: &[&[f64]], seed: u64) -> Result<BootstrappedMeans, Undefined> {
    let lengths = few(series)?.iter().filter_map(|series| block_length(series).ok());
    let length = lengths.reduce(f64::max).ok_or(Undefined::ZeroVariance)?;
    BootstrappedMeans::draw(series, length, seed, REPLICATES)
}

fn csv<'a>(days: &[i64], series: impl Iterator<Item = &'a (i64, Vec<f64>)>) -> String {
    use std::fmt::Write;
    let series: Vec<&(i64, Vec<f64>)> = series.collect();
    let mut text = String::from("date");
    series.iter().for_each(|(trial, _)| write!(text, ",{trial}").expect("invariant: text takes text"));
    text.push('\n');
    for (at, day) in days.iter().enumerate() {
        text.push_str(&date_of(*day));
        series
            .iter()
            .for_each(|(_, values)| write!(text, ",{}", values[at]).expect("invariant: text takes text"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_trial_says_nothing_and_every_figure_has_its_reason() {
        let mut family = Family::default();
        family.overfitting(&[]);
        family.tests(&[], 1);
        family.clusters(&[], &[], &[]);
        assert_eq!(family.figures.values.len(), 8);
        assert!(family.figures.values.values().all(Option::is_none));
        assert!(family.figures.values.keys().eq(family.figures.undefined.keys()));
    }

    #[test]
    fn representatives_are_written_with_their_days() {
        let text = csv(&[0, 2], [&(3, vec![0.5, -0.25]), &(9, vec![0.0, 1.0])].into_iter());
        assert_eq!(text, "date,3,9\n1970-01-01,0.5,0\n1970-01-03,-0.25,1\n");
    }
}
