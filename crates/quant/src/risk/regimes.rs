//! What a strategy earned while volatility was low, middling and high.
//!
//! The volatility of a period is the standard deviation (divisor n - 1) of the 20 returns before it: it is known before the
//! period. The first 20 periods have none and are left out. Limits are the terciles of these volatilities (type 7 of Hyndman
//! and Fan); a volatility at a limit is below it. Limits of the whole sample look ahead: they describe. Where something is
//! decided, limits come from the training range.
//!
//! Of each regime: mean and Sharpe ratio of its returns (per period, divisor n - 1), and the share of the profit, Σr of the
//! regime over Σr of all. Simple returns, not compounded, so that shares add to one; a share can be below zero or above one.

use crate::inference::{LEAST_OBSERVATIONS, SharpeEstimate, Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{Moments, NOISE, quantile, sum};

/// Periods of the trailing standard deviation.
pub const REGIME_WINDOW: usize = 20;

/// Volatilities between the regimes, per period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegimeLimits {
    /// The highest volatility that is low.
    pub low: f64,
    /// The highest volatility that is not high; at least `low`.
    pub high: f64,
}

/// What was earned in one regime.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// Its periods.
    pub observations: usize,
    /// Mean return of a period. `TooFewObservations` below 30, as are the other two.
    pub mean: Result<f64, Undefined>,
    /// Sharpe ratio, per period.
    pub sharpe: Result<f64, Undefined>,
    /// Share of the profit of all three. `NotTestable` where that is not a gain.
    pub profit_share: Result<f64, Undefined>,
}

/// Returns by the volatility before them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regimes {
    /// Volatilities between the regimes.
    pub limits: RegimeLimits,
    /// Low, middling and high volatility.
    pub by_volatility: [Regime; 3],
}

impl RegimeLimits {
    /// Terciles of a series. `TooFewObservations` without a period after the window.
    pub fn of(reference: &[f64]) -> Result<RegimeLimits, Undefined> {
        let volatilities = trailing(reference)?;
        let tercile = |share: f64| quantile(&volatilities, share).ok_or(Undefined::NonFinite);
        Ok(RegimeLimits { low: tercile(1.0 / 3.0)?, high: tercile(2.0 / 3.0)? })
    }

    fn place(&self, volatility: f64) -> usize {
        usize::from(volatility > self.low) + usize::from(volatility > self.high)
    }
}

impl Regimes {
    /// Regimes of net returns by the volatility of `reference`, the same periods of the market or the returns themselves.
    ///
    /// `Infeasible` where their numbers differ or the limits are not in order.
    pub fn of(returns: &[f64], reference: &[f64], limits: RegimeLimits) -> Result<Regimes, Undefined> {
        all_finite(&[limits.low, limits.high])?;
        if returns.len() != reference.len() || limits.low > limits.high {
            return Err(Undefined::Infeasible);
        }
        all_finite(returns)?;
        let volatilities = trailing(reference)?;
        let judged = &returns[REGIME_WINDOW..];
        let total = sum(judged.iter().copied());
        let by_volatility = [0, 1, 2].map(|place| {
            let pairs = judged.iter().zip(&volatilities);
            let own = pairs.filter(|(_, volatility)| limits.place(**volatility) == place);
            Regime::of(&own.map(|(value, _)| *value).collect::<Vec<f64>>(), total)
        });
        Ok(Regimes { limits, by_volatility })
    }
}

impl Regime {
    fn of(returns: &[f64], total: f64) -> Regime {
        let is_long_enough = at_least(LEAST_OBSERVATIONS, returns.len());
        let mean = || finite(Moments::of(returns.iter().copied()).mean);
        let sharpe = || SharpeEstimate::of(returns).map(|estimate| estimate.sharpe);
        let share = || {
            let is_gain = total > NOISE;
            if is_gain { finite(sum(returns.iter().copied()) / total) } else { Err(Undefined::NotTestable) }
        };
        Regime {
            observations: returns.len(),
            mean: is_long_enough.and_then(|()| mean()),
            sharpe: is_long_enough.and_then(|()| sharpe()),
            profit_share: is_long_enough.and_then(|()| share()),
        }
    }
}

/// Volatility before each period from number [`REGIME_WINDOW`] on, counted from zero.
fn trailing(reference: &[f64]) -> Result<Vec<f64>, Undefined> {
    all_finite(reference)?;
    at_least(REGIME_WINDOW + 1, reference.len())?;
    let before = reference[..reference.len() - 1].windows(REGIME_WINDOW);
    let volatility = |window: &[f64]| Moments::of(window.iter().copied()).sample_std_dev();
    before.map(|window| volatility(window).ok_or(Undefined::NonFinite)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 periods of ±a each: windows inside one run have a volatility of a·√(20/19).
    fn runs(sizes: &[f64]) -> Vec<f64> {
        sizes.iter().flat_map(|size| (0..40).map(move |at| if at % 2 == 0 { *size } else { -size })).collect()
    }

    #[test]
    fn the_volatility_of_a_period_does_not_know_it() {
        let mut reference = vec![0.01; 41];
        reference[20] = 0.05;
        let volatilities = trailing(&reference).unwrap();
        assert_eq!((volatilities.len(), volatilities[0]), (21, 0.0));
        // One of twenty is 0.04 above the rest: squares of deviations add to 0.0016·19/20.
        let expected = (0.0016_f64 / 20.0).sqrt();
        assert!(volatilities[1..].iter().all(|volatility| (volatility - expected).abs() < 1e-16));
    }

    #[test]
    fn a_step_of_volatility_by_hand() {
        let reference = runs(&[0.01, 0.03]);
        let mut returns = vec![0.002; 80];
        returns[60..].fill(-0.001);
        // Below, between and above: windows wholly in the first run, in both, and wholly in the second.
        let root = (20.0_f64 / 19.0).sqrt();
        let limits = RegimeLimits { low: 0.011 * root, high: 0.0299 * root };
        let of = Regimes::of(&returns, &reference, limits).unwrap();
        assert_eq!(of.by_volatility.map(|regime| regime.observations), [21, 19, 20]);
        let short = Undefined::TooFewObservations { have: 20, need: 30 };
        assert_eq!(
            of.by_volatility[2],
            Regime { observations: 20, mean: Err(short), sharpe: Err(short), profit_share: Err(short) }
        );

        // All of it is low, then all of it is high.
        let all =
            |limit: f64| Regimes::of(&returns, &reference, RegimeLimits { low: limit, high: limit }).unwrap();
        let low = all(1.0).by_volatility;
        assert_eq!(low.map(|regime| regime.observations), [60, 0, 0]);
        assert!((low[0].mean.unwrap() - 0.001).abs() < 1e-17);
        assert_eq!(low[0].profit_share, Ok(1.0));
        // 40 times 0.002 and 20 times -0.001, about 0.001.
        let deviation = ((40.0 * 0.001_f64.powi(2) + 20.0 * 0.002_f64.powi(2)) / 59.0).sqrt();
        assert!((low[0].sharpe.unwrap() - 0.001 / deviation).abs() < 1e-13);
        assert_eq!(all(0.0).by_volatility.map(|regime| regime.observations), [0, 0, 60]);
    }

    #[test]
    fn shares_add_to_one() {
        let reference: Vec<f64> = (0..500).map(|at| f64::from(at * at % 101) * 1e-4 - 0.004).collect();
        let returns: Vec<f64> = reference.iter().map(|value| value * 0.5 + 0.001).collect();
        let of = Regimes::of(&returns, &reference, RegimeLimits::of(&reference).unwrap()).unwrap();
        assert_eq!(of.by_volatility.map(|regime| regime.observations).iter().sum::<usize>(), 480);
        let shares = of.by_volatility.map(|regime| regime.profit_share.unwrap());
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn a_loss_has_no_shares_and_constant_returns_no_ratio() {
        let reference = runs(&[0.01, 0.02]);
        let limits = RegimeLimits { low: 1.0, high: 1.0 };
        for loss in [0.0, -0.001] {
            let of = Regimes::of(&[loss; 80], &reference, limits).unwrap().by_volatility[0];
            assert_eq!(of.profit_share, Err(Undefined::NotTestable));
            assert_eq!((of.mean, of.sharpe), (Ok(loss), Err(Undefined::ZeroVariance)));
        }
    }

    #[test]
    fn undefined_with_its_reason() {
        let of = |returns: &[f64], reference: &[f64], low: f64| {
            Regimes::of(returns, reference, RegimeLimits { low, high: 1.0 })
        };
        let short = Undefined::TooFewObservations { have: 20, need: 21 };
        assert_eq!(of(&[0.0; 20], &[0.0; 20], 0.5), Err(short));
        assert_eq!(RegimeLimits::of(&[0.0; 20]), Err(short));
        assert_eq!(of(&[0.0; 50], &[0.0; 49], 0.5), Err(Undefined::Infeasible));
        assert_eq!(of(&[0.0; 50], &[0.0; 50], 1.5), Err(Undefined::Infeasible));
        assert_eq!(of(&[0.0; 50], &[0.0; 50], f64::NAN), Err(Undefined::NonFinite));
        assert_eq!(of(&[f64::NAN; 50], &[0.0; 50], 0.5), Err(Undefined::NonFinite));
        assert_eq!(of(&[0.0; 50], &[f64::INFINITY; 50], 0.5), Err(Undefined::NonFinite));
    }
}
