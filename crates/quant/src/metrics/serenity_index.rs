//! Serenity index: annual return over ulcer index times pitfall, where pitfall is the mean of the deepest twentieth of
//! the drawdowns (the conditional drawdown at risk) over annual volatility.
//!
//! Unit: ratio, annualised. The rate is left out, as in `calmar`. quantstats `serenity_index` has another form of each
//! part: the plain sum of returns, which grows with the length of the series, the volatility of one period, and a normal
//! distribution fitted to the drawdowns, which are nothing like normal. Here is the published ratio, with the historical
//! mean that `expected_shortfall` takes. Undefined below two returns, without dispersion and where there is no drawdown.
//! Source: KeyQuant, "Finding serenity while managing risk" (Pensions & Investments, 2018); Chekhlov,
//! Uryasev and Zabarankin (2005) for the drawdown at risk.

use crate::metrics::annual_return::annual_return;
use crate::metrics::annual_volatility::annual_volatility;
use crate::metrics::expected_shortfall::expected_shortfall;
use crate::metrics::numeric::ratio;
use crate::metrics::ulcer_index::ulcer_index;
use crate::metrics::wealth::drawdowns;

/// Annual return per unit of average and of extreme drawdown; see the file's head.
pub fn serenity_index(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    let depths: Vec<f64> = drawdowns(returns)?.into_iter().map(|depth| -depth).collect();
    let pitfall = ratio(expected_shortfall(&depths)?, annual_volatility(returns, periods_per_year)?)?;
    ratio(annual_return(returns, periods_per_year)?, ulcer_index(returns)? * pitfall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn return_over_the_two_risks() {
        // Deviation 0.5·√2, drawdowns 0.5 and 0.25: the deepest twentieth is the deepest.
        let (ulcer, pitfall) = (0.15625_f64.sqrt(), 0.5 / 0.5_f64.sqrt());
        assert_close(serenity_index(&[-0.5, 0.5], 1.0), (0.75_f64.sqrt() - 1.0) / (ulcer * pitfall));
    }

    #[test]
    fn undefined_without_a_drawdown_or_dispersion() {
        assert_eq!(serenity_index(&[], 252.0), None);
        assert_eq!(serenity_index(&[0.1, 0.2], 252.0), None);
        assert_eq!(serenity_index(&[-0.1; 9], 252.0), None);
        assert_eq!(serenity_index(&[-0.1, 0.1], 0.0), None);
    }
}
