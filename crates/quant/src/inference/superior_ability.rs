//! Is the best of a family better than the benchmark, given that it is the best of many?
//!
//! Inputs are differentials d = return - benchmark return of each member, per period, and their [`BootstrappedMeans`].
//!
//! * Reality check (White 2000): V = max √n·d̄, against the replicates max √n·(d̄* - d̄).
//! * Test for superior predictive ability (Hansen 2005): T = max(0, max √n·d̄/ω), against max(0, max √n·(d̄* - g)/ω), with
//!   g = max(d̄, 0) for the lower p-value, d̄ where √n·d̄/ω ≥ -√(2·ln ln n) and else 0 for the consistent one, and d̄ for the
//!   upper one. Members that are clearly worse than the benchmark then do not weigh on the rest.
//!
//! A p-value is (1 + #{replicates at least as large}) / (R + 1), never zero (Davison and Hinkley 1997, section 4.2). A member
//! whose differential does not vary is left out.

use super::long_run::cross;
use super::{BootstrappedMeans, Undefined, all_finite, at_least};
use crate::metrics::numeric::{Moments, NOISE};

/// p-values of the three ways to centre the replicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValues {
    /// Studentised statistic of the best member, at least zero.
    pub statistic: f64,
    /// Liberal bound: all members that are worse stay worse.
    pub lower: f64,
    /// The one to use.
    pub consistent: f64,
    /// Conservative bound: all members count as equal to the benchmark.
    pub upper: f64,
}

/// ω², the variance of √n·d̄ under the stationary bootstrap: autocovariances weighted by
/// (1 - i/n)·(1 - 1/b)^i + (i/n)·(1 - 1/b)^(n - i) (Politis and Romano 1994; Hansen 2005).
pub fn studentising_variance(differentials: &[f64], block_length: f64) -> Result<f64, Undefined> {
    all_finite(differentials)?;
    at_least(2, differentials.len())?;
    let count = differentials.len();
    let length = count as f64;
    let mean = Moments::of(differentials.iter().copied()).mean;
    let deviations: Vec<f64> = differentials.iter().map(|value| value - mean).collect();
    let stay = 1.0 - 1.0 / block_length.max(1.0);
    let covariance = |lag: usize| cross(&deviations, lag) / length;
    let variance_alone = covariance(0);
    if variance_alone.sqrt() <= NOISE {
        return Err(Undefined::ZeroVariance);
    }
    let mut variance = variance_alone;
    for lag in 1..count {
        let share = lag as f64 / length;
        let weight =
            (1.0 - share) * libm::pow(stay, lag as f64) + share * libm::pow(stay, (count - lag) as f64);
        // Lags in the middle of a long series weigh nothing.
        if weight > 1e-20 {
            variance += 2.0 * weight * covariance(lag);
        }
    }
    if variance > 0.0 { Ok(variance) } else { Err(Undefined::Infeasible) }
}

/// White's reality check: the p-value of the best member, not studentised.
pub fn reality_check(means: &BootstrappedMeans) -> Result<f64, Undefined> {
    let best = largest(means.means.iter().copied()).ok_or(Undefined::NotTestable)?;
    Ok(share_at_least(means.replicates().filter_map(|replicate| largest(replicate.iter().copied())), best))
}

/// Hansen's test, studentised by the square roots of `variances` (see [`studentising_variance`]); a member without one is
/// left out.
pub fn spa(means: &BootstrappedMeans, variances: &[Result<f64, Undefined>]) -> Result<PValues, Undefined> {
    at_least(3, means.observations)?;
    let tested = tested(means, variances)?;
    let count = means.observations as f64;
    let threshold = -(2.0 * libm::log(libm::log(count))).sqrt();
    let t_values: Vec<f64> = tested.iter().map(|&(at, scale)| means.means[at] * scale).collect();
    let statistic = largest(t_values.iter().copied()).ok_or(Undefined::NotTestable)?.max(0.0);
    // A replicate is √n·(d̄* - d̄)/ω; what each centring adds is √n·(d̄ - g)/ω.
    let added: [Vec<f64>; 3] = [
        t_values.iter().map(|t| t.min(0.0)).collect(),
        t_values.iter().map(|&t| if t >= threshold { 0.0 } else { t }).collect(),
        vec![0.0; t_values.len()],
    ];
    let p = |added: &[f64]| {
        let maxima = means.replicates().filter_map(|replicate| {
            let values = tested.iter().zip(added);
            largest(values.map(|(&(at, scale), add)| replicate[at] * scale + add))
        });
        share_at_least(maxima.map(|value| value.max(0.0)), statistic)
    };
    Ok(PValues { statistic, lower: p(&added[0]), consistent: p(&added[1]), upper: p(&added[2]) })
}

/// Members with a variance, and √n/ω of each.
pub(super) fn tested(
    means: &BootstrappedMeans,
    variances: &[Result<f64, Undefined>],
) -> Result<Vec<(usize, f64)>, Undefined> {
    if variances.len() != means.means.len() {
        return Err(Undefined::Infeasible);
    }
    let with = variances.iter().enumerate().filter_map(|(at, variance)| {
        variance.ok().map(|variance| (at, (means.observations as f64 / variance).sqrt()))
    });
    let tested: Vec<(usize, f64)> = with.collect();
    if tested.is_empty() { Err(Undefined::NotTestable) } else { Ok(tested) }
}

/// (1 + number of `replicates` at or above `statistic`) / (1 + their number).
pub fn share_at_least(replicates: impl Iterator<Item = f64>, statistic: f64) -> f64 {
    let (mut all, mut extreme) = (1_u64, 1_u64);
    for replicate in replicates {
        all += 1;
        extreme += u64::from(replicate >= statistic);
    }
    extreme as f64 / all as f64
}

/// Standard error of a p-value that comes from `replicates`: √(p(1 - p)/R).
pub fn monte_carlo_error(p: f64, replicates: u32) -> f64 {
    (p * (1.0 - p) / f64::from(replicates.max(1))).sqrt()
}

fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::{Philox, Purpose};
    use super::*;

    fn noise(series: u64, mean: f64) -> Vec<f64> {
        let mut stream = Philox::new(5, Purpose::Simulation, series);
        (0..300).map(|_| stream.unit() - 0.5 + mean).collect()
    }

    fn tested_family(means: &[f64]) -> (BootstrappedMeans, Vec<Result<f64, Undefined>>) {
        let family: Vec<Vec<f64>> = (0..).zip(means).map(|(k, &mean)| noise(k, mean)).collect();
        let family: Vec<&[f64]> = family.iter().map(Vec::as_slice).collect();
        let drawn = BootstrappedMeans::draw(&family, 3.0, 1, 999).unwrap();
        (drawn, family.iter().map(|series| studentising_variance(series, 3.0)).collect())
    }

    #[test]
    fn hopeless_members_weigh_on_the_upper_p_value_only() {
        let (drawn, variances) = tested_family(&[0.05, 0.0, -0.9, -0.9, -0.9]);
        let p = spa(&drawn, &variances).unwrap();
        assert!(p.lower <= p.consistent && p.consistent < p.upper, "{p:?}");
        let (alone, its) = tested_family(&[0.05, 0.0]);
        assert_eq!(spa(&alone, &its).unwrap().consistent, p.consistent);
    }

    #[test]
    fn nothing_better_than_the_benchmark_has_a_p_value_of_one() {
        let (drawn, variances) = tested_family(&[-0.2, -0.3]);
        let p = spa(&drawn, &variances).unwrap();
        assert_eq!((p.statistic, p.lower, p.consistent, p.upper), (0.0, 1.0, 1.0, 1.0));
        assert!(reality_check(&drawn).unwrap() > 0.9);
    }

    #[test]
    fn a_member_that_does_not_vary_is_left_out() {
        let series = noise(0, 0.1);
        let drawn = BootstrappedMeans::draw(&[&series, &[0.5; 300]], 3.0, 1, 99).unwrap();
        let variances = [&series[..], &[0.5; 300]].map(|d| studentising_variance(d, 3.0));
        assert_eq!(variances[1], Err(Undefined::ZeroVariance));
        assert_eq!(spa(&drawn, &variances).unwrap().consistent, 0.01);
        assert_eq!(spa(&drawn, &[variances[1]; 2]), Err(Undefined::NotTestable));
        assert_eq!(spa(&drawn, &variances[..1]), Err(Undefined::Infeasible));
    }

    #[test]
    fn a_p_value_is_never_zero() {
        assert_eq!(share_at_least([0.0; 99].into_iter(), 1.0), 0.01);
        assert_eq!(monte_carlo_error(0.5, 2500), 0.01);
    }
}
