//! P-value of the Jarque-Bera test: exp(-JB/2), the tail of a χ² of two degrees of freedom beyond the statistic.
//!
//! Unit: fraction, 0 to 1: how likely so large a statistic is if the returns are normal. The distribution holds for many
//! returns; below some two thousand the test rejects too rarely. It describes: its direction is neutral. Undefined
//! wherever the statistic is. Source: Jarque and Bera (1980); scipy `jarque_bera`.

use crate::metrics::jarque_bera::jarque_bera;
use crate::metrics::numeric::defined;

/// Probability of a Jarque-Bera statistic as large or larger under normality; see the file's head.
pub fn jarque_bera_p_value(returns: &[f64]) -> Option<f64> {
    defined(libm::exp(-0.5 * jarque_bera(returns)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_tail_beyond_the_statistic() {
        assert_close(jarque_bera_p_value(&[0.1, -0.1, 0.1, -0.1, 0.1, -0.1]), libm::exp(-0.5));
        assert_eq!(jarque_bera_p_value(&[0.1]), None);
    }
}
