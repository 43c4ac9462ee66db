//! Maximum drawdown: the largest of 1 - W_t / max(W_0..W_t), with W the compounded wealth and W_0 = 1.
//!
//! Unit: positive fraction of the peak, 0 to 1 (0.2 is a fall of 20 %); empyrical reports the same number
//! negative. Not annualised. A loss in the first period counts, since the start is a peak. Undefined for no
//! returns; zero where wealth never falls. Source: empyrical `max_drawdown`.

use crate::metrics::wealth::drawdowns;

/// Largest fall of wealth from its running peak, positive; see the file's head.
pub fn max_drawdown(returns: &[f64]) -> Option<f64> {
    Some(drawdowns(returns)?.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_deepest_fall_counts_from_the_start() {
        assert_close(max_drawdown(&[-0.2]), 0.2);
        assert_close(max_drawdown(&[0.5, -0.5, 0.2, -0.5, 3.0]), 0.7);
    }

    #[test]
    fn zero_without_a_fall_and_one_at_ruin() {
        assert_eq!(max_drawdown(&[0.0, 0.1]), Some(0.0));
        assert_eq!(max_drawdown(&[0.1, -1.0, 0.5]), Some(1.0));
        assert_eq!(max_drawdown(&[-2.0]), Some(1.0));
    }

    #[test]
    fn undefined_without_returns_or_beyond_a_float() {
        assert_eq!(max_drawdown(&[]), None);
        assert_eq!(max_drawdown(&[f64::NAN, -0.5]), None);
        assert_eq!(max_drawdown(&[f64::MAX, f64::MAX]), None);
    }
}
