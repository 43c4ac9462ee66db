//! From the Sharpe ratio of one observation to that of q: times √q, or times Lo's η(q) where returns depend on each other.
//!
//! η(q) = q / √(q + 2·Σ_{k=1}^{q-1} (q - k)·ρ_k), with ρ_k the autocorrelation at lag k; √q where all are zero (Lo 2002,
//! equation 20). Undefined where the radicand is not positive.

use super::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{Moments, NOISE};

/// √q, the factor for independent returns. `periods` is a positive number of observations.
pub fn root_of_time(periods: f64) -> Result<f64, Undefined> {
    if periods > 0.0 { finite(periods.sqrt()) } else { Err(Undefined::Infeasible) }
}

/// η(q) of autocorrelations at lags 1, 2, …; lags that are not given count as zero.
pub fn eta(periods: usize, autocorrelations: &[f64]) -> Result<f64, Undefined> {
    all_finite(autocorrelations)?;
    at_least(1, periods)?;
    let count = periods as f64;
    let lags = autocorrelations.iter().take(periods - 1).enumerate();
    let sum = lags.fold(0.0, |sum, (index, rho)| sum + (count - (index + 1) as f64) * rho);
    let radicand = count + 2.0 * sum;
    if radicand > 0.0 { finite(count / radicand.sqrt()) } else { Err(Undefined::Infeasible) }
}

/// η(q) of a first-order autoregression, ρ_k = ρ^k with |ρ| < 1, in closed form.
pub fn eta_ar1(periods: usize, rho: f64) -> Result<f64, Undefined> {
    at_least(1, periods)?;
    if rho.is_nan() || rho.abs() >= 1.0 {
        return Err(Undefined::Infeasible);
    }
    let count = periods as f64;
    let inside =
        1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - (1.0 - libm::pow(rho, count)) / (count * (1.0 - rho)));
    if inside > 0.0 { finite((count / inside).sqrt()) } else { Err(Undefined::Infeasible) }
}

/// η(q) of a series, from its sample autocorrelations up to `lags` (those beyond count as zero).
pub fn eta_of(returns: &[f64], periods: usize, lags: usize) -> Result<f64, Undefined> {
    all_finite(returns)?;
    at_least(lags.max(1) + 1, returns.len())?;
    let moments = Moments::of(returns.iter().copied());
    if (moments.sum_sq_dev / returns.len() as f64).sqrt() <= NOISE {
        return Err(Undefined::ZeroVariance);
    }
    let autocorrelations: Vec<f64> = (1..=lags)
        .map(|lag| {
            let pairs = returns[lag..].iter().zip(returns);
            let sum = pairs.fold(0.0, |sum, (a, b)| sum + (a - moments.mean) * (b - moments.mean));
            sum / moments.sum_sq_dev
        })
        .collect();
    eta(periods, &autocorrelations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_the_sum() {
        for rho in [-0.5, -0.1, 0.0, 0.1, 0.7] {
            let powers: Vec<f64> = (1..12).map(|k| libm::pow(rho, f64::from(k))).collect();
            let (sum, closed) = (eta(12, &powers).unwrap(), eta_ar1(12, rho).unwrap());
            assert!((sum - closed).abs() < 1e-13 * closed, "{sum} is not {closed} at {rho}");
        }
        assert!((eta(250, &[]).unwrap() - root_of_time(250.0).unwrap()).abs() < 1e-13);
    }

    #[test]
    fn undefined_where_the_sum_of_periods_has_no_variance() {
        assert_eq!(eta(2, &[-1.0]), Err(Undefined::Infeasible));
        assert_eq!(eta_ar1(12, 1.0), Err(Undefined::Infeasible));
        assert_eq!(eta(0, &[]), Err(Undefined::TooFewObservations { have: 0, need: 1 }));
        assert_eq!(eta_of(&[0.1; 20], 12, 3), Err(Undefined::ZeroVariance));
        assert_eq!(root_of_time(0.0), Err(Undefined::Infeasible));
    }
}
