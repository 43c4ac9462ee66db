//! Difference of the Sharpe ratios of two strategies over the same periods (Ledoit and Wolf 2008), per observation.
//!
//! * HAC standard error: the delta method on (mean x, mean y, mean x², mean y²) has the gradient (γ₁/s₁³, -γ₂/s₂³, -x̄/(2s₁³),
//!   ȳ/(2s₂³)), γ the mean of squares and s² = γ - mean². Its product with the four deviations of one period is ψ₁ - ψ₂, with
//!   ψ = z - SR/2·(z² - 1) and z the standardised return. So the error is √(Ψ/(n - 4)), Ψ the long-run variance of ψ₁ - ψ₂ by
//!   Parzen's kernel at the bandwidth of Andrews (1991) for those four deviations; n/(n - 4) is the paper's factor.
//! * Two-sided p-value: 2·Φ(-|Δ|/error), and by bootstrap in `paired_bootstrap_p`.
//! * Jobson and Korkie (1981), corrected by Memmel (2003): √[(2 - 2ρ + ½(SR₁² + SR₂² - 2·SR₁·SR₂·ρ²))/n]. It takes independent
//!   normal returns for granted: for display only.
//!
//! Undefined below 30 periods, and where the difference has no variance: a strategy against itself, or against a multiple of
//! itself. The bandwidth depends on the unit of the returns (fractions here); all else does not.

use super::distributions::normal_cdf;
use super::long_run::{andrews_bandwidth, parzen_variance};
use super::standard_error::influence;
use super::{LEAST_OBSERVATIONS, SharpeEstimate, Undefined, at_least, finite};
use crate::metrics::numeric::{CoMoments, NOISE};

/// Sharpe ratio of a challenger less that of the champion, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharpeDifference {
    /// Number of periods.
    pub observations: usize,
    /// Sharpe ratio of the challenger.
    pub challenger: f64,
    /// Sharpe ratio of the champion.
    pub champion: f64,
    /// The first less the second.
    pub difference: f64,
    /// Bandwidth of the kernel, in lags.
    pub bandwidth: f64,
    /// HAC standard error of the difference.
    pub standard_error: f64,
}

impl SharpeDifference {
    /// Of net returns of the same periods, at the automatic bandwidth. `Infeasible` where their numbers differ.
    pub fn of(challenger: &[f64], champion: &[f64]) -> Result<SharpeDifference, Undefined> {
        let estimates = pair(challenger, champion)?;
        let squares = [challenger, champion]
            .map(|returns| returns.iter().map(|value| value * value).collect::<Vec<f64>>());
        let bandwidth = andrews_bandwidth(&[challenger, champion, &squares[0], &squares[1]])?;
        SharpeDifference::from_estimates(estimates, challenger, champion, bandwidth)
    }

    /// At a bandwidth that is given, in lags; up to one it takes no lag.
    pub fn with_bandwidth(
        challenger: &[f64],
        champion: &[f64],
        bandwidth: f64,
    ) -> Result<SharpeDifference, Undefined> {
        SharpeDifference::from_estimates(pair(challenger, champion)?, challenger, champion, bandwidth)
    }

    fn from_estimates(
        [first, second]: [SharpeEstimate; 2],
        challenger: &[f64],
        champion: &[f64],
        bandwidth: f64,
    ) -> Result<SharpeDifference, Undefined> {
        let count = first.observations as f64;
        // The gradient holds the standard deviation with divisor n.
        let to_population = (count / (count - 1.0)).sqrt();
        let of_first = influence(challenger, first.sharpe * to_population);
        let of_second = influence(champion, second.sharpe * to_population);
        let both: Vec<f64> = of_first.iter().zip(of_second).map(|(a, b)| a - b).collect();
        let variance = parzen_variance(&both, bandwidth)?;
        Ok(SharpeDifference {
            observations: first.observations,
            challenger: first.sharpe,
            champion: second.sharpe,
            difference: first.sharpe - second.sharpe,
            bandwidth,
            standard_error: finite((variance / (count - 4.0)).sqrt())?,
        })
    }

    /// Two-sided p-value of equal Sharpe ratios, under the normal approximation.
    pub fn p_value(&self) -> f64 {
        2.0 * normal_cdf(-self.statistic())
    }

    /// |difference| / standard error.
    pub(super) fn statistic(&self) -> f64 {
        self.difference.abs() / self.standard_error
    }
}

/// Standard error of the difference for independent normal returns, for display; see the file's head. `ZeroVariance` where it
/// is none.
pub fn jobson_korkie_memmel(challenger: &[f64], champion: &[f64]) -> Result<f64, Undefined> {
    let [first, second] = pair(challenger, champion)?.map(|estimate| estimate.sharpe);
    let correlation = CoMoments::of(challenger, champion).and_then(|both| both.correlation());
    let rho = correlation.ok_or(Undefined::ZeroVariance)?;
    let of_sharpes = first * first + second * second - 2.0 * first * second * rho * rho;
    let variance = finite(2.0 - 2.0 * rho + of_sharpes / 2.0)?;
    // It is a difference of numbers near two.
    if variance <= NOISE {
        return Err(Undefined::ZeroVariance);
    }
    Ok((variance / challenger.len() as f64).sqrt())
}

/// Both estimates, of series of one length that is long enough.
pub(super) fn pair(challenger: &[f64], champion: &[f64]) -> Result<[SharpeEstimate; 2], Undefined> {
    if challenger.len() != champion.len() {
        return Err(Undefined::Infeasible);
    }
    at_least(LEAST_OBSERVATIONS, challenger.len())?;
    Ok([SharpeEstimate::of(challenger)?, SharpeEstimate::of(champion)?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::distributions::normal_quantile;
    use super::super::{Philox, Purpose, mertens};
    use super::*;

    fn noise(series: u64, count: usize) -> Vec<f64> {
        let mut stream = Philox::new(8, Purpose::Simulation, series);
        (0..count).map(|_| 0.01 * normal_quantile(stream.unit()).unwrap() + 0.0005).collect()
    }

    #[test]
    fn two_independent_coins_by_hand() {
        // x is 3 or -1 in turn, y is 3, 3, -1, -1: mean 1, s² = 4. z = ±1, so ψ = z, and the variance of z₁ - z₂ is 2.
        let x: Vec<f64> = (0..40).map(|at| if at % 2 == 0 { 3.0 } else { -1.0 }).collect();
        let y: Vec<f64> = (0..40).map(|at| if at % 4 < 2 { 3.0 } else { -1.0 }).collect();
        let of = SharpeDifference::with_bandwidth(&x, &y, 0.0).unwrap();
        assert_eq!((of.observations, of.difference), (40, 0.0));
        assert!((of.challenger - 0.5 * (39.0_f64 / 40.0).sqrt()).abs() < 1e-15);
        assert!((of.standard_error - (2.0_f64 / 36.0).sqrt()).abs() < 1e-14);
        assert_eq!(of.p_value(), 1.0);
        // ρ = 0 and both ratios are ½·√(39/40).
        let expected = ((2.0 + 0.25 * 39.0 / 40.0) / 40.0_f64).sqrt();
        assert!((jobson_korkie_memmel(&x, &y).unwrap() - expected).abs() < 1e-14);
    }

    #[test]
    fn the_error_for_independent_strategies_is_that_of_both() {
        let (x, y) = (noise(1, 4000), noise(2, 4000));
        let of = SharpeDifference::of(&x, &y).unwrap();
        let alone = |returns: &[f64]| mertens(&SharpeEstimate::of(returns).unwrap()).unwrap();
        let independent = (alone(&x) * alone(&x) + alone(&y) * alone(&y)).sqrt();
        assert!((of.standard_error / independent - 1.0).abs() < 0.05, "{of:?} {independent}");
        let memmel = jobson_korkie_memmel(&x, &y).unwrap();
        assert!((of.standard_error / memmel - 1.0).abs() < 0.05, "{of:?} {memmel}");
    }

    proptest! {
        #[test]
        fn leverage_changes_no_ratio_and_no_error(
            first in 0.1..10.0_f64, second in 0.1..10.0_f64, bandwidth in 0.0..20.0_f64
        ) {
            let (x, y) = (noise(9, 60), noise(10, 60));
            let of = SharpeDifference::with_bandwidth(&x, &y, bandwidth).unwrap();
            let times = |returns: &[f64], by: f64| returns.iter().map(|value| value * by).collect::<Vec<f64>>();
            let (x, y) = (times(&x, first), times(&y, second));
            let levered = SharpeDifference::with_bandwidth(&x, &y, bandwidth).unwrap();
            prop_assert!((levered.difference - of.difference).abs() < 1e-13);
            prop_assert!((levered.standard_error / of.standard_error - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn sides_can_be_changed() {
        let (x, y) = (noise(3, 100), noise(4, 100));
        let (of, back) = (SharpeDifference::of(&x, &y).unwrap(), SharpeDifference::of(&y, &x).unwrap());
        assert_eq!(of.difference, -back.difference);
        assert!((of.standard_error / back.standard_error - 1.0).abs() < 1e-13);
        assert!((of.p_value() - back.p_value()).abs() < 1e-13);
    }

    #[test]
    fn a_strategy_does_not_differ_from_itself_or_from_its_multiple() {
        let x = noise(5, 100);
        let triple: Vec<f64> = x.iter().map(|value| 3.0 * value).collect();
        for other in [&x, &triple] {
            assert_eq!(SharpeDifference::of(&x, other), Err(Undefined::ZeroVariance));
            assert_eq!(jobson_korkie_memmel(&x, other), Err(Undefined::ZeroVariance));
        }
        assert_eq!(SharpeDifference::of(&x, &[0.01; 100]), Err(Undefined::ZeroVariance));
    }

    #[test]
    fn undefined_for_short_unequal_and_broken_series() {
        let x = noise(6, 100);
        let short = Undefined::TooFewObservations { have: 29, need: 30 };
        assert_eq!(SharpeDifference::of(&x[..29], &x[1..30]), Err(short));
        assert_eq!(jobson_korkie_memmel(&x[..29], &x[1..30]), Err(short));
        assert_eq!(SharpeDifference::of(&x, &x[1..]), Err(Undefined::Infeasible));
        let mut broken = noise(7, 100);
        broken[50] = f64::INFINITY;
        assert_eq!(SharpeDifference::of(&x, &broken), Err(Undefined::NonFinite));
        assert_eq!(SharpeDifference::with_bandwidth(&x, &noise(7, 100), -1.0), Err(Undefined::Infeasible));
    }
}
