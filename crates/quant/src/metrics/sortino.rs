//! Sortino ratio: (mean(r) - f) / d · √P, with f the risk-free return of one period, d the downside deviation
//! of one period over *all* periods, and P periods a year.
//!
//! Unit: ratio, annualised. `risk_free` is an annual rate R; f = (1 + R)^(1/P) - 1, which is also the required
//! return. Undefined below two returns and where no period falls short of f.
//! Source: Sortino and van der Meer (1991); empyrical `sortino_ratio`, which takes f itself.

use crate::metrics::annual::{risk_free_per_period, root_of_time};
use crate::metrics::downside_deviation::shortfall;
use crate::metrics::numeric::{Moments, defined, ratio};

/// Annualised Sortino ratio; see the file's head.
pub fn sortino(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    let target = risk_free_per_period(risk_free, periods_per_year)?;
    let moments = Moments::of(returns.iter().copied());
    sortino_of(&moments, target, shortfall(returns, target), periods_per_year)
}

/// The ratio from moments and the shortfall of one period below `target`, shared with the one-pass
/// [`crate::metrics::OnlineMoments`].
pub(crate) fn sortino_of(
    moments: &Moments,
    target: f64,
    shortfall: f64,
    periods_per_year: f64,
) -> Option<f64> {
    if moments.count < 2 {
        return None;
    }
    let excess = moments.mean()? - target;
    defined(ratio(excess, shortfall)? * root_of_time(periods_per_year)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    /// The worked example of Rollinger and Hoffman, "Sortino: A 'Sharper' Ratio" (Red Rock Capital): eight annual
    /// returns, target zero, target downside deviation 2.264 %, ratio 4.417 as printed.
    #[test]
    fn agrees_with_the_printed_example() {
        let annual = [0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04];
        assert!((shortfall(&annual, 0.0) - 0.02264).abs() < 5e-6);
        assert!((sortino(&annual, 0.0, 1.0).unwrap() - 4.417).abs() < 5e-4);
    }

    #[test]
    fn the_risk_free_rate_is_annual() {
        // 21 % a year are 10 % a period of half a year: excess mean 0.1, shortfall 0.1, times √2.
        assert_close(sortino(&[0.1 - 0.02_f64.sqrt(), 0.3 + 0.02_f64.sqrt()], 0.21, 2.0), 2.0_f64.sqrt());
    }

    #[test]
    fn undefined_below_two_returns_and_without_a_shortfall() {
        assert_eq!(sortino(&[], 0.0, 252.0), None);
        assert_eq!(sortino(&[-0.1], 0.0, 252.0), None);
        assert_eq!(sortino(&[0.0; 9], 0.0, 252.0), None);
        assert_eq!(sortino(&[0.1, 0.2], 0.0, 252.0), None);
        assert_eq!(sortino(&[0.1, f64::NAN], 0.0, 252.0), None);
    }
}
