//! Whether a challenger is worth the switch: the mean of d = challenger - champion, per year, and its lower bound.
//!
//! The error is HAC: √(Ψ/(n - 1)), Ψ the long-run variance of d by Parzen's kernel at the bandwidth of Andrews (1991). The
//! lower bound is one-sided, mean - Φ⁻¹(confidence)·error, under the normal approximation. Mean, error and bound are sums of
//! returns of a year, as fractions of equity: a period's value times the periods of a year.

use super::distributions::normal_quantile;
use super::long_run::{andrews_bandwidth, parzen_variance};
use super::{LEAST_OBSERVATIONS, Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::Moments;

/// One-sided confidence with which a challenger has to earn the switch.
pub const SWITCH_CONFIDENCE: f64 = 0.9;

/// Mean of challenger - champion, per year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// Number of periods.
    pub observations: usize,
    /// The mean, a fraction of equity a year.
    pub per_year: f64,
    /// Its HAC standard error, in the same unit.
    pub standard_error: f64,
    /// Bandwidth of the kernel, in lags.
    pub bandwidth: f64,
}

impl MeanDifference {
    /// Of net returns of the same periods. `Infeasible` where their numbers differ and for a year without periods;
    /// `TooFewObservations` below 30; `ZeroVariance` where the difference does not vary.
    pub fn of(
        challenger: &[f64],
        champion: &[f64],
        periods_per_year: f64,
    ) -> Result<MeanDifference, Undefined> {
        if challenger.len() != champion.len() || !(periods_per_year > 0.0 && periods_per_year.is_finite()) {
            return Err(Undefined::Infeasible);
        }
        at_least(LEAST_OBSERVATIONS, challenger.len())?;
        let differences: Vec<f64> = challenger.iter().zip(champion).map(|(a, b)| a - b).collect();
        all_finite(&differences)?;
        let bandwidth = andrews_bandwidth(&[&differences])?;
        let variance = parzen_variance(&differences, bandwidth)?;
        let observations = differences.len();
        let error = (variance / (observations - 1) as f64).sqrt();
        Ok(MeanDifference {
            observations,
            per_year: finite(Moments::of(differences).mean * periods_per_year)?,
            standard_error: finite(error * periods_per_year)?,
            bandwidth,
        })
    }

    /// What the mean exceeds with this confidence, a fraction of equity a year. `Infeasible` outside 0 < confidence < 1.
    pub fn lower_bound(&self, confidence: f64) -> Result<f64, Undefined> {
        finite(self.per_year - normal_quantile(confidence)? * self.standard_error)
    }
}

/// Whether the lower bound of a year's mean over the planned horizon exceeds what the switch costs, a fraction of equity.
///
/// Whatever is undefined, a tie, a horizon that is not positive and a cost below zero leave the champion where it is.
pub fn switches(lower_bound: Result<f64, Undefined>, horizon_years: f64, switching_cost: f64) -> bool {
    let has_terms = horizon_years > 0.0 && switching_cost >= 0.0;
    has_terms && lower_bound.is_ok_and(|bound| bound.is_finite() && bound * horizon_years > switching_cost)
}

#[cfg(test)]
mod tests {
    use super::super::{Philox, Purpose};
    use super::*;

    fn noise(series: u64, mean: f64) -> Vec<f64> {
        let mut stream = Philox::new(13, Purpose::Simulation, series);
        (0..500).map(|_| 0.01 * (stream.unit() - 0.5) + mean).collect()
    }

    #[test]
    fn a_mean_by_hand() {
        // 0, 2, 2, 0, 0, 2, ...: twenty times 2, and pairs of neighbours are uncorrelated, so no lag counts.
        let d: Vec<f64> = (0..41).map(|at| if at % 4 == 1 || at % 4 == 2 { 2.0 } else { 0.0 }).collect();
        let of = MeanDifference::of(&d, &[0.0; 41], 250.0).unwrap();
        let mean = 40.0 / 41.0;
        assert!((of.per_year - 250.0 * mean).abs() < 1e-12);
        assert_eq!(of.bandwidth, 0.0);
        let spread = (20.0 * (2.0 - mean) * (2.0 - mean) + 21.0 * mean * mean) / 41.0;
        assert!((of.standard_error - 250.0 * (spread / 40.0).sqrt()).abs() < 1e-10);
        let bound = of.lower_bound(0.9).unwrap();
        assert!((bound - (of.per_year - 1.281_551_565_544_600_4 * of.standard_error)).abs() < 1e-10);
        assert_eq!(of.lower_bound(1.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn the_bound_is_exceeded_as_often_as_it_says() {
        let covers = |series: u64| {
            let of =
                MeanDifference::of(&noise(2 * series, 0.001), &noise(2 * series + 1, 0.0), 252.0).unwrap();
            of.lower_bound(SWITCH_CONFIDENCE).unwrap() <= 0.252
        };
        let covered = (0..1000).filter(|&series| covers(series)).count();
        // Binomial with p = 0.9 and a standard deviation of 9.5.
        println!("{covered} of 1000");
        assert!((860..=935).contains(&covered), "{covered}");
    }

    #[test]
    fn the_champion_stays_unless_the_gain_is_above_the_cost() {
        assert!(switches(Ok(0.03), 1.0, 0.02));
        assert!(switches(Ok(0.03), 0.7, 0.02));
        assert!(!switches(Ok(0.03), 0.5, 0.02));
        // A tie.
        assert!(!switches(Ok(0.25), 2.0, 0.5));
        assert!(!switches(Ok(0.0), 1.0, 0.0));
        // Two losses are no gain.
        assert!(!switches(Ok(-0.1), -1.0, 0.0));
        assert!(!switches(Ok(-0.1), 1.0, -1.0));
        for broken in [f64::NAN, f64::INFINITY] {
            assert!(!switches(Ok(broken), 1.0, 0.0));
        }
        assert!(!switches(Ok(0.1), f64::NAN, 0.0) && !switches(Ok(0.1), 1.0, f64::NAN));
        assert!(!switches(Err(Undefined::ZeroVariance), 1.0, 0.0));
    }

    #[test]
    fn undefined_with_its_reason() {
        let x = noise(1, 0.0);
        assert_eq!(MeanDifference::of(&x, &x, 252.0), Err(Undefined::ZeroVariance));
        let above: Vec<f64> = [0.5; 500].to_vec();
        assert_eq!(MeanDifference::of(&above, &[0.25; 500], 252.0), Err(Undefined::ZeroVariance));
        let short = Undefined::TooFewObservations { have: 29, need: 30 };
        assert_eq!(MeanDifference::of(&x[..29], &x[..29], 252.0), Err(short));
        assert_eq!(MeanDifference::of(&x, &x[1..], 252.0), Err(Undefined::Infeasible));
        assert_eq!(MeanDifference::of(&x, &noise(2, 0.0), 0.0), Err(Undefined::Infeasible));
        let mut broken = noise(3, 0.0);
        broken[3] = f64::NAN;
        assert_eq!(MeanDifference::of(&x, &broken, 252.0), Err(Undefined::NonFinite));
    }
}
