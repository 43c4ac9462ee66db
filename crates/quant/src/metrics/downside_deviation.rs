//! Downside deviation: √(Σ min(r_t - f, 0)² / n) · √P, with f the risk-free return of one period and P periods
//! a year.
//!
//! Unit: fraction a year. `risk_free` is an annual rate R; f = (1 + R)^(1/P) - 1. The sum runs over the
//! shortfalls but the divisor is *all* n periods, as Sortino meant it; dividing by the losing periods alone
//! punishes rare losses more than frequent ones. Undefined for no returns; zero where no period falls short.
//! Source: Sortino and van der Meer (1991); empyrical `downside_risk`.

use crate::metrics::annual::{risk_free_per_period, root_of_time};
use crate::metrics::numeric::{defined, sum};

/// Annualised root mean square shortfall below the risk-free return; see the file's head.
pub fn downside_deviation(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    if returns.is_empty() {
        return None;
    }
    let target = risk_free_per_period(risk_free, periods_per_year)?;
    defined(shortfall(returns, target) * root_of_time(periods_per_year)?)
}

/// Root mean square shortfall of one period; NaN for no returns.
pub(crate) fn shortfall(returns: &[f64], target: f64) -> f64 {
    let squares = returns.iter().map(|&r| square_below(r, target));
    root_mean(sum(squares), returns.len() as u64)
}

/// The square of what a return falls short of `target`; NaN for NaN.
#[inline]
pub(crate) fn square_below(period_return: f64, target: f64) -> f64 {
    let distance = period_return - target;
    let short = if distance > 0.0 { 0.0 } else { distance };
    short * short
}

/// Root of the mean of so many squares, from their sum.
pub(crate) fn root_mean(squares: f64, count: u64) -> f64 {
    (squares / count as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn shortfalls_are_averaged_over_all_periods() {
        assert_close(downside_deviation(&[0.1, -0.2, 0.3, 0.4], 0.0, 1.0), 0.1);
        assert_close(downside_deviation(&[0.1, -0.2, 0.3, 0.4], 0.0, 4.0), 0.2);
        assert_close(downside_deviation(&[0.1, -0.1], 0.1, 1.0), 0.02_f64.sqrt());
    }

    #[test]
    fn only_what_falls_short_is_squared() {
        let bits = |period_return, target| f64::to_bits(square_below(period_return, target));
        for above in [0.0, -0.0, 0.25, f64::MIN_POSITIVE, f64::INFINITY] {
            assert_eq!(bits(above, 0.0), 0, "{above}");
        }
        assert_eq!(bits(0.25, 0.25), 0);
        assert_eq!((square_below(-0.5, 0.0), square_below(-0.5, 0.25)), (0.25, 0.5625));
        assert_eq!(square_below(f64::NEG_INFINITY, 0.0), f64::INFINITY);
        assert!(square_below(f64::NAN, 0.0).is_nan());
    }

    #[test]
    fn zero_without_a_shortfall_and_undefined_without_returns() {
        assert_eq!(downside_deviation(&[0.0, 0.1], 0.0, 252.0), Some(0.0));
        assert_eq!(downside_deviation(&[], 0.0, 252.0), None);
        assert_eq!(downside_deviation(&[f64::NAN], 0.0, 252.0), None);
    }
}
