//! One pass over the returns of a backtest: total return, Sharpe ratio, maximum drawdown and their like without a
//! column of returns in memory.
//!
//! Mean and variance by Welford's method, the code that the slice functions run, so that a number that ranked a
//! trial and the number in its report are the same to the last bit. Sum and sum of squares would save one
//! division a bar, but rounds a constant series to a tiny variance and so to an enormous Sharpe ratio.

use crate::metrics::annual::{annual_rate, checked, root_of_time};
use crate::metrics::annual_volatility::volatility_of;
use crate::metrics::downside_deviation::{root_mean, square_below};
use crate::metrics::numeric::{Moments, defined, ratio};
use crate::metrics::sharpe::sharpe_of;
use crate::metrics::sortino::sortino_of;
use crate::metrics::wealth::Wealth;

/// Running count, mean, variance, wealth and drawdown of simple per-period returns.
///
/// A return that is not finite makes everything but the count undefined, for good.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OnlineMoments {
    pub(super) moments: Moments,
    pub(super) wealth: Wealth,
    pub(super) deepest: f64,
    /// Sum of the squared returns below zero.
    pub(super) shortfalls: f64,
}

impl OnlineMoments {
    /// No returns yet.
    pub fn new() -> OnlineMoments {
        OnlineMoments::default()
    }

    /// Adds the return of the next period.
    #[inline]
    pub fn push(&mut self, period_return: f64) {
        self.moments.push(period_return);
        let drawdown = self.wealth.step(period_return);
        if drawdown > self.deepest {
            self.deepest = drawdown;
        }
        self.shortfalls += square_below(period_return, 0.0);
    }

    /// Number of returns so far.
    pub fn count(&self) -> u64 {
        self.moments.count
    }

    /// Mean return of a period; undefined before the first.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// Sample variance of a period's return (divisor n - 1); undefined below two returns.
    pub fn variance(&self) -> Option<f64> {
        self.moments.sample_variance()
    }

    /// As [`crate::metrics::total_return()`].
    pub fn total_return(&self) -> Option<f64> {
        if self.count() == 0 { None } else { defined(self.wealth.value - 1.0) }
    }

    /// As [`crate::metrics::sharpe()`]: annualised, for an annual risk-free rate.
    pub fn sharpe(&self, risk_free: f64, periods_per_year: f64) -> Option<f64> {
        sharpe_of(&self.moments, risk_free, periods_per_year)
    }

    /// Annual return, as [`crate::metrics::annual_return()`].
    pub fn annual_return(&self, periods_per_year: f64) -> Option<f64> {
        annual_rate(self.wealth.value, usize::try_from(self.count()).ok()?, periods_per_year)
    }

    /// Calmar ratio, as [`crate::metrics::calmar()`].
    pub fn calmar(&self, periods_per_year: f64) -> Option<f64> {
        ratio(self.annual_return(periods_per_year)?, self.max_drawdown()?)
    }

    /// Annualised volatility, as [`crate::metrics::annual_volatility()`].
    pub fn annual_volatility(&self, periods_per_year: f64) -> Option<f64> {
        volatility_of(&self.moments, periods_per_year)
    }

    /// As [`crate::metrics::sortino()`] without a risk-free rate.
    pub fn sortino(&self, periods_per_year: f64) -> Option<f64> {
        let shortfall = root_mean(self.shortfalls, self.count());
        sortino_of(&self.moments, 0.0, shortfall, checked(periods_per_year)?)
    }

    /// As [`crate::metrics::downside_deviation()`] without a risk-free rate.
    pub fn downside_deviation(&self, periods_per_year: f64) -> Option<f64> {
        if self.count() == 0 {
            return None;
        }
        defined(root_mean(self.shortfalls, self.count()) * root_of_time(periods_per_year)?)
    }

    /// As [`crate::metrics::max_drawdown()`]: a positive fraction.
    pub fn max_drawdown(&self) -> Option<f64> {
        if self.count() == 0 || !self.wealth.is_finite() { None } else { Some(self.deepest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{annual_return, annual_volatility, calmar, max_drawdown, sharpe, total_return};

    fn online(returns: &[f64]) -> OnlineMoments {
        let mut moments = OnlineMoments::new();
        returns.iter().for_each(|&r| moments.push(r));
        moments
    }

    fn assert_agrees(returns: &[f64]) {
        let one_pass = online(returns);
        assert_eq!(one_pass.total_return(), total_return(returns), "total return of {returns:?}");
        assert_eq!(one_pass.max_drawdown(), max_drawdown(returns), "drawdown of {returns:?}");
        assert_eq!(one_pass.sharpe(0.02, 252.0), sharpe(returns, 0.02, 252.0), "sharpe of {returns:?}");
        assert_eq!(one_pass.annual_return(252.0), annual_return(returns, 252.0), "growth of {returns:?}");
        assert_eq!(one_pass.calmar(252.0), calmar(returns, 252.0), "calmar of {returns:?}");
        assert_eq!(
            one_pass.annual_volatility(252.0),
            annual_volatility(returns, 252.0),
            "volatility of {returns:?}"
        );
    }

    #[test]
    fn degenerate_series_agree_with_the_slice_functions() {
        let series: [&[f64]; 8] = [
            &[],
            &[0.1],
            &[0.0; 50],
            &[0.1; 50],
            &[0.2, -1.0, 0.3],
            &[-1.5, -1.5],
            &[0.1, f64::NAN, -1.0],
            &[f64::MAX, f64::MAX, -1.0],
        ];
        series.into_iter().for_each(assert_agrees);
    }

    #[test]
    fn a_return_that_is_not_finite_spoils_the_rest() {
        let spoilt = online(&[0.1, f64::NAN, 0.1, -1.0]);
        assert_eq!(spoilt.count(), 4);
        assert_eq!((spoilt.mean(), spoilt.variance()), (None, None));
        assert_eq!((spoilt.total_return(), spoilt.max_drawdown()), (None, None));
        assert_eq!(spoilt.sharpe(0.0, 252.0), None);
    }

    proptest::proptest! {
        #[test]
        fn one_pass_equals_the_slice_functions_to_the_last_bit(
            returns in proptest::collection::vec(-0.3..0.4_f64, 0..400),
        ) {
            assert_agrees(&returns);
        }

        #[test]
        fn the_variance_agrees_with_the_two_pass_formula(
            returns in proptest::collection::vec(-0.3..0.4_f64, 2..400),
        ) {
            let count = returns.len() as f64;
            let mean = returns.iter().sum::<f64>() / count;
            let variance = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (count - 1.0);
            let welford = online(&returns).variance().unwrap();
            assert!((welford - variance).abs() <= 1e-12 * variance, "{welford} is not {variance}");
        }
    }
}
