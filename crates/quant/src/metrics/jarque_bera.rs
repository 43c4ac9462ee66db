//! Jarque-Bera statistic: n/6·(g1² + g2²/4), with g1 the skewness and g2 the (excess) kurtosis of the n returns.
//!
//! Unit: ratio: a χ² of two degrees of freedom if the returns are normal. It grows with the number of returns, so two
//! series of different lengths cannot be compared by it: its direction is neutral. Undefined below two returns and
//! without dispersion. Source: Jarque and Bera (1980); scipy `jarque_bera`.

use crate::metrics::kurtosis::kurtosis;
use crate::metrics::numeric::defined;
use crate::metrics::skewness::skewness;

/// How far skewness and kurtosis are from those of a normal distribution; see the file's head.
pub fn jarque_bera(returns: &[f64]) -> Option<f64> {
    let (skewness, kurtosis) = (skewness(returns)?, kurtosis(returns)?);
    defined(returns.len() as f64 / 6.0 * (skewness * skewness + kurtosis * kurtosis / 4.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn skewness_and_kurtosis_both_count() {
        // A fair coin: no skewness, kurtosis 1 - 3 = -2.
        assert_close(jarque_bera(&[0.1, -0.1, 0.1, -0.1, 0.1, -0.1]), 1.0);
    }

    #[test]
    fn undefined_below_two_returns_and_without_dispersion() {
        assert_eq!(jarque_bera(&[]), None);
        assert_eq!(jarque_bera(&[0.1]), None);
        assert_eq!(jarque_bera(&[0.1; 9]), None);
    }
}
