//! CPC index: profit factor times win rate times payoff ratio, all of the periods.
//!
//! Unit: ratio, not annualised. Traders compute it from trades and ask for more than 1.2; a series of returns has periods
//! only, and quantstats takes those too. Undefined wherever a factor is. Source: quantstats `cpc_index`.

use crate::metrics::numeric::defined;
use crate::metrics::payoff_ratio_periods::payoff_ratio_periods;
use crate::metrics::profit_factor_periods::profit_factor_periods;
use crate::metrics::win_rate_periods::win_rate_periods;

/// Profit factor times win rate times payoff ratio; see the file's head.
pub fn cpc_index(returns: &[f64]) -> Option<f64> {
    let factors = profit_factor_periods(returns)? * win_rate_periods(returns)?;
    defined(factors * payoff_ratio_periods(returns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_product_of_the_three() {
        assert_close(cpc_index(&[0.3, 0.1, 0.0, -0.1, -0.1]), 2.0 * 0.5 * 2.0);
    }

    #[test]
    fn undefined_without_a_gain_or_a_loss() {
        assert_eq!(cpc_index(&[]), None);
        assert_eq!(cpc_index(&[0.1, 0.2]), None);
        assert_eq!(cpc_index(&[-0.1, -0.2]), None);
    }
}
