//! Annual return, the compound annual growth rate: (Π(1 + r_t))^(P/n) - 1 for n returns, P periods a year.
//!
//! Unit: fraction a year. The exponent counts periods, not calendar days. A series shorter than a year is
//! extrapolated, which makes large numbers out of a good month. Undefined for no returns. Ruin gives -1.
//! Source: empyrical `annual_return` (`cagr`).

use crate::metrics::annual::annual_rate;
use crate::metrics::wealth::growth;

/// Compound annual growth rate; see the file's head.
pub fn annual_return(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    annual_rate(growth(returns.iter().copied()), returns.len(), periods_per_year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn two_years_of_ten_percent_are_ten_percent_a_year() {
        assert_close(annual_return(&[0.1, 0.1], 1.0), 0.1);
        assert_close(annual_return(&[0.21], 0.5), 0.1);
    }

    #[test]
    fn a_flat_year_returns_nothing_and_ruin_everything() {
        assert_eq!(annual_return(&[0.0; 10], 252.0), Some(0.0));
        assert_eq!(annual_return(&[0.1, -1.0], 252.0), Some(-1.0));
    }

    #[test]
    fn undefined_without_returns_or_beyond_a_float() {
        assert_eq!(annual_return(&[], 252.0), None);
        assert_eq!(annual_return(&[1e6], 252.0), None);
    }
}
