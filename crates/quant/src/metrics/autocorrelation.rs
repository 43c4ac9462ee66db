//! Autocorrelation at lag one: Pearson's correlation of r_1..r_{n-1} with r_2..r_n, each with its own mean.
//!
//! Unit: ratio, -1 to 1. Not annualised. Positive values mean that the annualised volatility and Sharpe ratio
//! are too flattering (Lo 2002). Undefined below three returns and where either part does not vary.
//! Source: pandas `Series.autocorr(lag=1)`.

use crate::metrics::numeric::CoMoments;

/// Correlation of each return with the one before; see the file's head.
pub fn autocorrelation(returns: &[f64]) -> Option<f64> {
    let before = returns.get(..returns.len().checked_sub(1)?)?;
    CoMoments::of(before, returns.get(1..)?)?.correlation()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn a_trend_is_positive_and_a_zigzag_negative() {
        assert_close(autocorrelation(&[0.1, 0.2, 0.3, 0.4]), 1.0);
        assert_close(autocorrelation(&[0.1, -0.1, 0.1, -0.1]), -1.0);
    }

    #[test]
    fn undefined_below_three_returns_and_without_dispersion() {
        assert_eq!(autocorrelation(&[]), None);
        assert_eq!(autocorrelation(&[0.1]), None);
        assert_eq!(autocorrelation(&[0.1, 0.2]), None);
        assert_eq!(autocorrelation(&[0.1; 9]), None);
        assert_eq!(autocorrelation(&[0.1, 0.1, 0.2]), None);
    }
}
