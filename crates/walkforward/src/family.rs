//! What the trials of a search say together, pruned ones too: how much of the best of them is the choice itself.
//!
//! Every trial is run again over the folds of the plan. Its series is the daily excess: the returns of its bars beyond the
//! risk-free rate, less mean exposure times the benchmark's return, summed by UTC day of their close. Trials see the same
//! days, so the series have one length. Names of figures:
//!
//! | name | what |
//! |---|---|
//! | `trials`, `days` | series, and their length |
//! | `pbo` | probability of backtest overfitting by CSCV, 16 blocks (Bailey et al. 2017), of the trials that differ: one for each cluster |
//! | `pbo_configurations`, `pbo_halves` | trials that were ranked; halves that were looked at |
//! | `probability_of_loss`, `degradation` | share of the halves whose choice loses outside; slope of outside on inside |
//! | `pbo_all_trials` | the same of all trials, to be read beside it |
//! | `spa_p_value`, `reality_check_p_value` | Hansen (2005), consistent, and White (2000): the best of them against no excess |
//! | `effective_trials`, `mean_correlation` | clusters by complete linkage at a correlation of 0.7; mean over pairs |
//!
//! CSCV ranks the choice of one half among all others in the other half. A sampler that has found an edge proposes nearly the
//! same trial many times, and which of these is best outside is chance: a sure edge would look like luck. So each cluster is
//! ranked once, by its medoid. Where all trials are one cluster, all are ranked.

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
pub const MOST_SERIES: usize = 1_000;
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
    family.tests(&series, plan.seed as u64);
    let medoids = family.clusters(&series);
    family.overfitting(&series, &medoids);
    family.representatives = medoids.iter().map(|at| kept[*at].0).collect();
    if !medoids.is_empty() {
        family.series = csv(&days, medoids.iter().map(|at| &kept[*at]));
    }
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
    /// Of those that stand for their clusters, and of all.
    fn overfitting(&mut self, series: &[&[f64]], medoids: &[usize]) {
        let cscv = |series: &[&[f64]]| match series.is_empty() {
            true => Err(Undefined::NotTestable),
            false => pbo(series, DEFAULT_BLOCKS),
        };
        // Where all are one cluster there is nothing but equals to choose from.
        let distinct: Vec<&[f64]> = match medoids {
            [] | [_] => series.to_vec(),
            _ => medoids.iter().map(|at| series[*at]).collect(),
        };
        let found = cscv(&distinct);
        let of = |value: fn(&Overfitting) -> f64| found.as_ref().map(value).map_err(|why| *why);
        let slope = found.as_ref().map_err(|why| *why).and_then(|of| Ok(of.degradation?.slope));
        self.figures.say("pbo", of(|of| of.pbo));
        self.figures.say("pbo_configurations", Ok(distinct.len() as f64));
        self.figures.say("pbo_halves", of(|of| of.halves as f64));
        self.figures.say("probability_of_loss", of(|of| of.probability_of_loss));
        self.figures.say("degradation", slope);
        self.figures.say("pbo_all_trials", cscv(series).map(|of| of.pbo));
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

    /// Places of the series that stand for their clusters. Of too many series, as many as can be compared stand for all,
    /// evenly over the search; how many clusters all of them are is not known then.
    fn clusters(&mut self, series: &[&[f64]]) -> Vec<usize> {
        let every = series.len().div_ceil(MOST_SERIES).max(1);
        let some: Vec<&[f64]> = series.iter().step_by(every).copied().collect();
        let correlations = few(&some).and_then(Correlations::of);
        let clusters = correlations.as_ref().map(EffectiveTrials::from).map_err(|why| *why);
        let of_all = few(series).map(drop);
        let number = clusters.as_ref().map(EffectiveTrials::number).map_err(|why| *why);
        let mean = correlations.as_ref().map_err(|why| *why).and_then(Correlations::mean);
        self.figures.say("effective_trials", of_all.and(number));
        self.figures.say("mean_correlation", of_all.and(mean));
        let (Ok(correlations), Ok(clusters)) = (correlations, clusters) else { return Vec::new() };
        clusters.medoids(&correlations).into_iter().map(|at| at * every).collect()
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
        family.overfitting(&[], &[]);
        family.tests(&[], 1);
        assert_eq!(family.clusters(&[]), Vec::<usize>::new());
        assert_eq!(family.figures.values.len(), 10);
        assert_eq!(family.figures.values.remove("pbo_configurations"), Some(Some(0.0)));
        assert!(family.figures.values.values().all(Option::is_none));
        assert!(family.figures.values.keys().eq(family.figures.undefined.keys()));
    }

    /// Returns of a day that differ from series to series by a little noise about one of two courses.
    fn courses(count: usize, good: impl Fn(usize) -> bool) -> Vec<Vec<f64>> {
        // SplitMix64.
        let noise = |series: usize, day: usize| {
            let mut z = (series as u64 * 1_000 + day as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let value = |series: usize, day: usize| match good(series) {
            true => 0.01 + 0.01 * noise(0, day) + 0.001 * noise(series + 1, day),
            false => -0.001 + 0.01 * noise(5000, day) + 0.001 * noise(series + 1, day),
        };
        (0..count).map(|series| (0..160).map(|day| value(series, day)).collect()).collect()
    }

    #[test]
    fn a_search_that_repeats_what_it_has_found_is_ranked_once() {
        let courses = courses(40, |series| series % 10 != 3);
        let series: Vec<&[f64]> = courses.iter().map(Vec::as_slice).collect();
        let mut family = Family::default();
        let medoids = family.clusters(&series);
        assert_eq!(medoids.len(), 2);
        family.overfitting(&series, &medoids);
        let figure = |name: &str| family.figures.values[name].unwrap();
        assert_eq!(
            (figure("effective_trials"), figure("pbo_configurations"), figure("pbo")),
            (2.0, 2.0, 0.0)
        );
        // Which of 36 equals is best is chance.
        assert!(figure("pbo_all_trials") > 0.2, "{}", figure("pbo_all_trials"));
    }

    #[test]
    fn where_all_are_one_cluster_all_are_ranked() {
        let courses = courses(12, |_| true);
        let series: Vec<&[f64]> = courses.iter().map(Vec::as_slice).collect();
        let mut family = Family::default();
        let medoids = family.clusters(&series);
        assert_eq!(medoids.len(), 1);
        family.overfitting(&series, &medoids);
        assert_eq!(family.figures.values["pbo_configurations"], Some(12.0));
        assert_eq!(family.figures.values["pbo"], family.figures.values["pbo_all_trials"]);
    }

    #[test]
    fn of_too_many_trials_some_stand_for_all_and_how_many_they_are_is_not_said() {
        let courses = courses(MOST_SERIES + 500, |series| series % 6 < 2);
        let series: Vec<&[f64]> = courses.iter().map(Vec::as_slice).collect();
        let mut family = Family::default();
        let medoids = family.clusters(&series);
        assert_eq!(medoids.len(), 2);
        assert!(medoids.iter().all(|at| at % 2 == 0 && *at < series.len()));
        assert_eq!(family.figures.values["effective_trials"], None);
    }

    #[test]
    fn representatives_are_written_with_their_days() {
        let text = csv(&[0, 2], [&(3, vec![0.5, -0.25]), &(9, vec![0.0, 1.0])].into_iter());
        assert_eq!(text, "date,3,9\n1970-01-01,0.5,0\n1970-01-03,-0.25,1\n");
    }
}
