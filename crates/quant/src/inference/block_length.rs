//! Automatic mean block length of the stationary bootstrap, in observations (Politis and White 2004, corrected by Patton,
//! Politis and White 2009).
//!
//! b = (2·g²/d · n)^(1/3) with g = Σ h(k/m)·|k|·γ_k, d = 2·(Σ h(k/m)·γ_k)², γ_k the autocovariance and h the flat-top window
//! min(1, 2·(1 - |x|)). The cut m is twice the lag before the first `K` autocorrelations inside ±2·√(log10 n / n), with
//! K = max(5, log10 n): the rule of Patton's program, as in `arch` 8.0.0. At most min(3√n, n/3), rounded up; it can be below one.

use super::long_run::cross;
use super::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{Moments, NOISE};

/// Below this the largest lag is as long as the series.
const LEAST: usize = 16;

/// Mean block length for one series.
pub fn block_length(values: &[f64]) -> Result<f64, Undefined> {
    all_finite(values)?;
    at_least(LEAST, values.len())?;
    let count = values.len() as f64;
    let moments = Moments::of(values.iter().copied());
    if (moments.sum_sq_dev / count).sqrt() <= NOISE {
        return Err(Undefined::ZeroVariance);
    }
    let deviations: Vec<f64> = values.iter().map(|value| value - moments.mean).collect();
    let root = count.sqrt();
    let longest = (3.0 * root).min(count / 3.0).ceil();
    let run = (libm::log10(count) as usize).max(5);
    let most = root.ceil() as usize + run;
    let covariances: Vec<f64> = (0..=most).map(|lag| cross(&deviations, lag) / count).collect();
    let cut = cut(&deviations, &covariances, run);

    let (mut slope, mut spectrum) = (0.0, covariances[0]);
    for (lag, covariance) in covariances.iter().enumerate().take(cut + 1).skip(1) {
        let place = lag as f64 / cut as f64;
        let window = if place <= 0.5 { 1.0 } else { 2.0 * (1.0 - place) };
        slope += 2.0 * window * lag as f64 * covariance;
        spectrum += 2.0 * window * covariance;
    }
    let ratio = slope / spectrum;
    finite(libm::cbrt(ratio * ratio * count)).map_err(|_| Undefined::Infeasible).map(|b| b.min(longest))
}

/// Twice the lag after which `run` autocorrelations in a row are insignificant, at most the largest lag.
fn cut(deviations: &[f64], covariances: &[f64], run: usize) -> usize {
    let (count, most) = (deviations.len(), covariances.len() - 1);
    let band = 2.0 * (libm::log10(count as f64) / count as f64).sqrt();
    let squares = |part: &[f64]| part.iter().fold(0.0, |sum, d| sum + d * d);
    let is_small = |lag: usize| {
        let ends = squares(&deviations[lag + 1..]) * squares(&deviations[..count - lag - 1]);
        (covariances[lag] * count as f64).abs() / ends.sqrt() < band
    };
    let mut small = 0;
    // The run ends before the largest lag.
    for lag in 0..most {
        small = if is_small(lag) { small + 1 } else { 0 };
        if small == run {
            return (2 * (lag + 1 - run).max(1)).min(most);
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_for_short_and_constant_series() {
        assert_eq!(block_length(&[0.1; 15]), Err(Undefined::TooFewObservations { have: 15, need: 16 }));
        assert_eq!(block_length(&[0.1; 50]), Err(Undefined::ZeroVariance));
    }

    #[test]
    fn a_slow_series_needs_longer_blocks() {
        let mut noise = super::super::Philox::new(1, super::super::Purpose::Simulation, 0);
        let white: Vec<f64> = (0..500).map(|_| noise.unit() - 0.5).collect();
        let slow: Vec<f64> = white
            .iter()
            .scan(0.0, |state, value| {
                *state = 0.9 * *state + value;
                Some(*state)
            })
            .collect();
        let (short, long) = (block_length(&white).unwrap(), block_length(&slow).unwrap());
        assert!(short < 12.0 && long > 2.0 * short, "{short} {long}");
        assert!(long <= (3.0 * 500_f64.sqrt()).ceil());
    }
}
