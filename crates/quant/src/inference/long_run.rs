//! Long-run variance of a dependent series by a kernel, and the bandwidth of the kernel.
//!
//! * Variance: γ_0 + 2·Σ k(j/S)·γ_j over lags j < S, with γ_j the autocovariance (divisor n) and Parzen's kernel
//!   k(x) = 1 - 6x² + 6x³ up to one half, 2·(1 - x)³ up to one. It is never below zero. Unit: that of the series, squared.
//! * Bandwidth: S = 2.6614·(α̂·n)^(1/5), in lags, with α̂ = Σ 4ρ²σ⁴/(1 - ρ)⁸ / Σ σ⁴/(1 - ρ)⁴ over the series, ρ and σ² slope and
//!   residual variance of a first-order autoregression with intercept (Andrews 1991, equations 6.2 and 6.4, weights of one).
//!
//! Weights of one leave it to the unit of the series how much each counts. Libraries often take another rule: that of
//! `arch` 8.0.0 has the same constant, with α̂ from the first autocovariances instead of autoregressions, and its bandwidth
//! is one less.

use super::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{CoMoments, Moments, NOISE, sum};

/// Sum of products of values `lag` apart.
pub(super) fn cross(values: &[f64], lag: usize) -> f64 {
    sum(values[lag..].iter().zip(values).map(|(a, b)| a * b))
}

/// γ_0 + 2·Σ weight(j)·γ_j over the lags 1 to `lags`, which are below the number of values; their mean is zero.
pub(super) fn kernel_sum(centred: &[f64], lags: usize, weight: impl Fn(f64) -> f64) -> f64 {
    let covariance = |lag: usize| cross(centred, lag) / centred.len() as f64;
    (1..=lags).fold(covariance(0), |total, lag| total + 2.0 * weight(lag as f64) * covariance(lag))
}

/// Long-run variance with Parzen's kernel; see the file's head. A bandwidth up to one takes no lag.
///
/// Undefined below two values, with a value that is not finite, where the variance is none (`ZeroVariance`), and for a
/// bandwidth below zero (`Infeasible`).
pub fn parzen_variance(values: &[f64], bandwidth: f64) -> Result<f64, Undefined> {
    all_finite(values)?;
    at_least(2, values.len())?;
    if !(bandwidth >= 0.0 && bandwidth.is_finite()) {
        return Err(Undefined::Infeasible);
    }
    let lags = (bandwidth.ceil() as usize).saturating_sub(1).min(values.len() - 1);
    let variance = finite(kernel_sum(&centred(values), lags, |lag| parzen(lag / bandwidth)))?;
    // Rounding can leave less than zero where there is no variance.
    if variance.max(0.0).sqrt() <= NOISE { Err(Undefined::ZeroVariance) } else { Ok(variance) }
}

/// Bandwidth for Parzen's kernel, from series of one length; see the file's head. A series that does not vary is left out.
///
/// Undefined below three values, with a value that is not finite, where no series varies (`ZeroVariance`) and where one has
/// a unit root to the last digit (`Infeasible`).
pub fn andrews_bandwidth(series: &[&[f64]]) -> Result<f64, Undefined> {
    let count = series.first().map_or(0, |first| first.len());
    at_least(3, count)?;
    if series.iter().any(|values| values.len() != count) {
        return Err(Undefined::Infeasible);
    }
    let (mut above, mut below) = (0.0, 0.0);
    for values in series {
        all_finite(values)?;
        let Some((slope, variance)) = first_order(values) else { continue };
        let gap = (1.0 - slope) * (1.0 - slope);
        let scale = variance * variance / (gap * gap);
        above += 4.0 * slope * slope * scale / (gap * gap);
        below += scale;
    }
    if below == 0.0 {
        return Err(Undefined::ZeroVariance);
    }
    finite(2.6614 * libm::pow(above / below * count as f64, 0.2)).map_err(|_| Undefined::Infeasible)
}

/// Values less their mean.
fn centred(values: &[f64]) -> Vec<f64> {
    let mean = Moments::of(values.iter().copied()).mean;
    values.iter().map(|value| value - mean).collect()
}

/// Slope and residual variance of the least-squares line of each value on the one before.
fn first_order(values: &[f64]) -> Option<(f64, f64)> {
    let (before, after) = (&values[..values.len() - 1], &values[1..]);
    let slope = CoMoments::of(before, after)?.slope()?;
    let residuals = Moments::of(before.iter().zip(after).map(|(x, y)| y - slope * x));
    Some((slope, residuals.sum_sq_dev / residuals.count as f64))
}

fn parzen(place: f64) -> f64 {
    let rest = 1.0 - place;
    if place <= 0.5 { 1.0 - 6.0 * place * place * rest } else { 2.0 * rest * rest * rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_by_hand() {
        for (place, weight) in [(0.0, 1.0), (0.25, 1.0 - 6.0 / 16.0 + 6.0 / 64.0), (0.5, 0.25), (1.0, 0.0)] {
            assert_eq!(parzen(place), weight, "{place}");
        }
        assert!((parzen(0.75) - 2.0 / 64.0).abs() < 1e-16);
    }

    #[test]
    fn a_variance_by_hand() {
        // Deviations -2, 0, 1, 1: γ_0 = 6/4, γ_1 = 1/4. At a bandwidth of two, lag one weighs a quarter.
        let values = [1.0, 3.0, 4.0, 4.0];
        assert_eq!(parzen_variance(&values, 1.0), Ok(1.5));
        assert_eq!(parzen_variance(&values, 0.0), Ok(1.5));
        assert_eq!(parzen_variance(&values, 2.0), Ok(1.5 + 2.0 * 0.25 * 0.25));
        // Just above two, lag two has nearly no weight.
        assert!((parzen_variance(&values, 2.0 + 1e-12).unwrap() - 1.625).abs() < 1e-11);
        // All lags whole: the square of the sum of deviations.
        assert_eq!(parzen_variance(&values, 1e300), Err(Undefined::ZeroVariance));
    }

    #[test]
    fn a_bandwidth_by_hand() {
        // Pairs (0, 1), (1, 0), (0, 2): squares of x add to 2/3, products to -1; residuals y + 1.5·x are 1, 1.5 and 2.
        let values = [0.0, 1.0, 0.0, 2.0];
        let (slope, variance) = first_order(&values).unwrap();
        assert!((slope + 1.5).abs() < 1e-15 && (variance - 0.5 / 3.0).abs() < 1e-15, "{slope} {variance}");
        let alpha = 4.0 * 2.25 / 2.5_f64.powi(4);
        let expected = 2.6614 * libm::pow(alpha * 4.0, 0.2);
        assert!((andrews_bandwidth(&[&values]).unwrap() - expected).abs() < 1e-14);
        // A series that does not vary has no say.
        assert_eq!(andrews_bandwidth(&[&values, &[0.1; 4]]), andrews_bandwidth(&[&values]));
    }

    #[test]
    fn undefined_with_its_reason() {
        assert_eq!(parzen_variance(&[0.1; 9], 3.0), Err(Undefined::ZeroVariance));
        assert_eq!(parzen_variance(&[0.1], 3.0), Err(Undefined::TooFewObservations { have: 1, need: 2 }));
        assert_eq!(parzen_variance(&[0.1, f64::NAN], 3.0), Err(Undefined::NonFinite));
        for bandwidth in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(parzen_variance(&[0.1, 0.2], bandwidth), Err(Undefined::Infeasible));
        }
        assert_eq!(andrews_bandwidth(&[&[0.1; 9]]), Err(Undefined::ZeroVariance));
        assert_eq!(andrews_bandwidth(&[]), Err(Undefined::TooFewObservations { have: 0, need: 3 }));
        assert_eq!(andrews_bandwidth(&[&[0.1, 0.2, 0.3], &[0.1; 4]]), Err(Undefined::Infeasible));
        assert_eq!(andrews_bandwidth(&[&[0.1, 0.2, f64::NAN]]), Err(Undefined::NonFinite));
        // Each value is one above the one before.
        assert_eq!(andrews_bandwidth(&[&[1.0, 2.0, 3.0, 4.0]]), Err(Undefined::Infeasible));
    }
}
