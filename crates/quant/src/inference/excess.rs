//! Return beyond what the mean exposure to a benchmark earned: r - mean(exposure) · b, per period.
//!
//! A long-only rule inherits the market's drift and passes any test against zero. Taking the whole benchmark away instead
//! punishes a rule for the time when it held nothing.

use super::{Undefined, all_finite, at_least};
use crate::metrics::numeric::Moments;

/// The excess series. Exposures are fractions of equity, signed; all three have one length.
pub fn excess(returns: &[f64], exposures: &[f64], benchmark: &[f64]) -> Result<Vec<f64>, Undefined> {
    at_least(1, returns.len())?;
    if returns.len() != exposures.len() || returns.len() != benchmark.len() {
        return Err(Undefined::Infeasible);
    }
    [returns, exposures, benchmark].into_iter().try_for_each(all_finite)?;
    let exposure = Moments::of(exposures.iter().copied()).mean;
    let series: Vec<f64> = returns.iter().zip(benchmark).map(|(r, b)| r - exposure * b).collect();
    all_finite(&series).map(|()| series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_always_holds_the_market_has_nothing_left() {
        let market = [0.01, -0.02, 0.03];
        assert_eq!(excess(&market, &[1.0; 3], &market), Ok(vec![0.0; 3]));
    }

    #[test]
    fn half_the_time_in_the_market_owes_half_its_return() {
        let left = excess(&[0.01, 0.0], &[1.0, 0.0], &[0.01, 0.02]).unwrap();
        assert!((left[0] - 0.005).abs() < 1e-17 && (left[1] + 0.01).abs() < 1e-17);
    }

    #[test]
    fn series_of_different_lengths_have_no_excess() {
        assert_eq!(excess(&[0.1], &[1.0, 1.0], &[0.1]), Err(Undefined::Infeasible));
        assert_eq!(excess(&[], &[], &[]), Err(Undefined::TooFewObservations { have: 0, need: 1 }));
        assert_eq!(excess(&[f64::NAN], &[1.0], &[0.1]), Err(Undefined::NonFinite));
    }
}
