//! Deflated Sharpe ratio: the probabilistic one against the Sharpe ratio that the best of N trials without skill is expected
//! to show (Bailey and López de Prado 2014).
//!
//! * E(max_N) = (1 - γ)·Φ⁻¹(1 - 1/N) + γ·Φ⁻¹(1 - 1/(N·e)), the expected maximum of N independent standard normal values, with γ
//!   Euler's constant; zero for one trial, where the formula would be -∞.
//! * SR0 = √V·E(max_N), per observation; DSR = PSR(SR0).
//! * MinBTL = (E(max_N) / SR)² years: backtests shorter than this let N trials without skill reach the annual Sharpe ratio SR
//!   (Bailey, Borwein, López de Prado and Zhu 2014); 2·ln N / SR² bounds it.
//!
//! **N and V belong together.** The variance over correlated trials is already small by the factor 1 - ρ̄. An effective number
//! with that variance would deflate one correlation twice and pass more noise than stated. So [`Trials`] gives the count of
//! all with the variance over all, [`EffectiveTrials`] gives its number with the variance of one estimate under the null
//! hypothesis, and there is no third way to an [`ExpectedBest`].

use std::f64::consts::E;

use super::distributions::{normal_cdf, normal_quantile};
use super::probabilistic::{LEAST_OBSERVATIONS, psr};
use super::{EffectiveTrials, SharpeEstimate, Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{Moments, NOISE};

/// Euler's constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Expected maximum of `number` independent standard normal values. An effective number may be fractional.
pub fn expected_maximum(number: f64) -> Result<f64, Undefined> {
    finite(number)?;
    if number <= 1.0 {
        return Ok(0.0);
    }
    // Φ⁻¹(1 - p) = -Φ⁻¹(p), and a small p keeps its digits. Just above one trial the approximation is negative.
    let upper = |p: f64| normal_quantile(p).map(|x| -x);
    let value = (1.0 - EULER_GAMMA) * upper(1.0 / number)? + EULER_GAMMA * upper(1.0 / (number * E))?;
    finite(value.max(0.0))
}

/// Years of backtest below which `trials` without skill are expected to show the annual Sharpe ratio `target`.
pub fn min_btl(trials: u64, target: f64) -> Result<f64, Undefined> {
    let ratio = expected_maximum(trials as f64)? / positive(target)?;
    finite(ratio * ratio)
}

/// Upper bound of [`min_btl`], 2·ln N / SR² years.
pub fn min_btl_bound(trials: u64, target: f64) -> Result<f64, Undefined> {
    at_least(1, usize::try_from(trials).unwrap_or(usize::MAX))?;
    let target = positive(target)?;
    finite(2.0 * libm::log(trials as f64) / (target * target))
}

fn positive(value: f64) -> Result<f64, Undefined> {
    if finite(value)? > 0.0 { Ok(value) } else { Err(Undefined::Infeasible) }
}

/// All trials that were tried: their number, and the variance of the Sharpe ratios of those that have one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    count: u64,
    with_sharpe: u64,
    variance: f64,
}

impl Trials {
    /// Of the Sharpe ratios, per observation, of the trials that have one, and the number of trials that have none: pruned
    /// and failed trials count too.
    pub fn of(sharpes: &[f64], without_sharpe: u64) -> Result<Trials, Undefined> {
        all_finite(sharpes)?;
        let moments = Moments::of(sharpes.iter().copied());
        Trials::merged(moments.count + without_sharpe, moments.count, moments.sum_sq_dev)
    }

    /// Of sums merged over experiments: trials, trials with a Sharpe ratio, and the sum of squared deviations of the latter
    /// from their mean.
    pub fn merged(count: u64, with_sharpe: u64, sum_sq_dev: f64) -> Result<Trials, Undefined> {
        at_least(1, usize::try_from(count).unwrap_or(usize::MAX))?;
        if with_sharpe > count || finite(sum_sq_dev)? < 0.0 {
            return Err(Undefined::Infeasible);
        }
        let variance = if with_sharpe < 2 { 0.0 } else { sum_sq_dev / (with_sharpe - 1) as f64 };
        Ok(Trials { count, with_sharpe, variance })
    }

    /// How many were tried.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many have a Sharpe ratio.
    pub fn with_sharpe(&self) -> u64 {
        self.with_sharpe
    }

    /// Variance of the Sharpe ratios, divisor n - 1.
    pub fn variance(&self) -> Result<f64, Undefined> {
        at_least(2, usize::try_from(self.with_sharpe).unwrap_or(usize::MAX))?;
        Ok(self.variance)
    }

    /// SR0 of the number of all trials with the variance over all: the form of 2014.
    pub fn expected_best(&self) -> Result<ExpectedBest, Undefined> {
        if self.count == 1 {
            return Ok(ExpectedBest { sharpe: 0.0, pairing: Pairing::AllTrials, identical_trials: false });
        }
        let std_dev = self.variance()?.sqrt();
        let identical_trials = std_dev <= NOISE;
        let maximum = if identical_trials { 0.0 } else { expected_maximum(self.count as f64)? };
        Ok(ExpectedBest { sharpe: finite(std_dev * maximum)?, pairing: Pairing::AllTrials, identical_trials })
    }
}

impl EffectiveTrials {
    /// SR0 of an effective number with the variance of one estimate under the null hypothesis,
    /// [1 - γ3·SR + (γ4 - 1)/4·SR²] / (n - 1) of the candidate.
    pub fn expected_best(&self, candidate: &SharpeEstimate) -> Result<ExpectedBest, Undefined> {
        at_least(2, candidate.observations)?;
        let variance = candidate.variance_factor(candidate.sharpe)? / (candidate.observations - 1) as f64;
        Ok(ExpectedBest {
            sharpe: finite(variance.sqrt() * expected_maximum(self.number())?)?,
            pairing: Pairing::EffectiveWithNullVariance,
            identical_trials: false,
        })
    }
}

/// Which number and which variance made an [`ExpectedBest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// The number of all trials, the variance over all.
    AllTrials,
    /// An effective number, the variance of one estimate under the null hypothesis.
    EffectiveWithNullVariance,
}

/// SR0, the Sharpe ratio per observation that the best of the trials shows without skill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedBest {
    sharpe: f64,
    pairing: Pairing,
    identical_trials: bool,
}

impl ExpectedBest {
    /// SR0, per observation.
    pub fn sharpe(&self) -> f64 {
        self.sharpe
    }

    /// Where it comes from.
    pub fn pairing(&self) -> Pairing {
        self.pairing
    }

    /// Several trials with one Sharpe ratio: their variance is zero and nothing is deflated.
    pub fn identical_trials(&self) -> bool {
        self.identical_trials
    }
}

/// The two published forms of the deflated Sharpe ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DsrForm {
    /// Bailey and López de Prado (2014): PSR(SR0).
    #[default]
    Original2014,
    /// López de Prado, Lipton and Zoonekynd (2025): the variance under the null hypothesis, with SR0 instead of SR in the
    /// radicand, and n instead of n - 1.
    Revised2025,
}

/// Probability that the true Sharpe ratio exceeds what luck would have shown. At least 30 observations.
pub fn dsr(estimate: &SharpeEstimate, best: &ExpectedBest, form: DsrForm) -> Result<f64, Undefined> {
    match form {
        DsrForm::Original2014 => psr(estimate, best.sharpe),
        DsrForm::Revised2025 => {
            at_least(LEAST_OBSERVATIONS, estimate.observations)?;
            let factor = estimate.variance_factor(best.sharpe)?;
            let root = (estimate.observations as f64).sqrt();
            Ok(normal_cdf(finite((estimate.sharpe - best.sharpe) * root / factor.sqrt())?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Annual Sharpe ratio 2.5 over five years of 250 days, and N trials of annual variance one half.
    fn example(trials: u64, skewness: f64, kurtosis: f64) -> (SharpeEstimate, ExpectedBest) {
        let sharpe = 2.5 / 250_f64.sqrt();
        let estimate = SharpeEstimate { observations: 1250, sharpe, skewness, kurtosis };
        let variance = 0.5 / 250.0;
        let trials = Trials::merged(trials, trials, variance * (trials - 1) as f64).unwrap();
        (estimate, trials.expected_best().unwrap())
    }

    #[test]
    fn the_printed_examples_of_2014() {
        let (estimate, best) = example(100, -3.0, 10.0);
        assert!((best.sharpe() - 0.1132).abs() < 5e-5, "{best:?}");
        let of = |(estimate, best)| dsr(&estimate, &best, DsrForm::default()).unwrap();
        assert!((of((estimate, best)) - 0.9004).abs() < 5e-5);
        assert!((of(example(46, -3.0, 10.0)) - 0.9505).abs() < 5e-5);
        assert!((of(example(88, 0.0, 3.0)) - 0.9505).abs() < 5e-5);
    }

    #[test]
    fn forty_five_trials_over_five_years_are_expected_to_show_a_sharpe_ratio_of_one() {
        assert!((min_btl(45, 1.0).unwrap() - 5.0).abs() < 0.05);
        assert!(min_btl(45, 1.0).unwrap() < min_btl_bound(45, 1.0).unwrap());
        assert_eq!(min_btl(1, 1.0), Ok(0.0));
        assert_eq!(min_btl(45, 0.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn one_trial_deflates_nothing_and_identical_ones_are_flagged() {
        let one = Trials::of(&[0.1], 0).unwrap().expected_best().unwrap();
        assert_eq!((one.sharpe(), one.identical_trials()), (0.0, false));
        let same = Trials::of(&[0.1; 7], 3).unwrap().expected_best().unwrap();
        assert_eq!((same.sharpe(), same.identical_trials()), (0.0, true));
        let unknown = Trials::of(&[0.1], 9).unwrap();
        let reason = Undefined::TooFewObservations { have: 1, need: 2 };
        assert_eq!((unknown.count(), unknown.expected_best()), (10, Err(reason)));
        assert!(Trials::of(&[], 0).is_err() && Trials::of(&[f64::NAN], 0).is_err());
        assert_eq!(Trials::merged(2, 3, 1.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn the_expected_maximum_grows_from_zero() {
        let values = [0.0, 1.0, 1.1, 2.0, 10.0, 1e6].map(|n| expected_maximum(n).unwrap());
        assert!(values.is_sorted() && values[2] == 0.0, "{values:?}");
        // The exact value for ten is 1.538753 (Harter 1961, by quadrature); the formula is between 2 and 3 % above.
        assert!((1.02..1.03).contains(&(values[4] / 1.538_753)));
    }

    #[test]
    fn the_revision_takes_its_variance_under_the_null_hypothesis() {
        let (estimate, best) = example(100, -3.0, 10.0);
        let sr0 = best.sharpe();
        let factor = 1.0 + 3.0 * sr0 + 2.25 * sr0 * sr0;
        let expected = normal_cdf((estimate.sharpe - sr0) * 1250_f64.sqrt() / factor.sqrt());
        let revised = dsr(&estimate, &best, DsrForm::Revised2025).unwrap();
        assert!((revised - expected).abs() < 1e-15);
    }
}
