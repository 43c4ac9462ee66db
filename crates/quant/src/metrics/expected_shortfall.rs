//! Expected shortfall, historical at 5 %: the negative of the mean of the worst k returns,
//! k = ⌊(n - 1)·0.05⌋ + 1.
//!
//! Unit: loss of one period as a positive fraction; empyrical reports the same number with the other sign. With
//! twenty returns or fewer, k is one and this is the worst period. Not annualised. Undefined for no returns.
//! Source: Rockafellar and Uryasev (2000); empyrical `conditional_value_at_risk`, whose k this is.

use crate::metrics::numeric::{Moments, sorted};
use crate::metrics::value_at_risk::TAIL;

/// Mean loss in the worst twentieth of the periods, positive; see the file's head.
pub fn expected_shortfall(returns: &[f64]) -> Option<f64> {
    let last = returns.len().checked_sub(1)?;
    let worst = (last as f64 * TAIL) as usize + 1;
    let tail = Moments::of(sorted(returns).into_iter().take(worst)).mean()?;
    Some(0.0 - tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_mean_of_the_worst_returns() {
        let returns: Vec<f64> = (0..41).map(|i| f64::from(i) * 0.01 - 0.1).collect();
        assert_close(expected_shortfall(&returns), 0.09);
    }

    #[test]
    fn with_few_returns_it_is_the_worst() {
        assert_close(expected_shortfall(&[0.1, -0.3, 0.2]), 0.3);
        assert_close(expected_shortfall(&[0.1]), -0.1);
        assert_close(expected_shortfall(&[-1.0]), 1.0);
    }

    #[test]
    fn undefined_without_returns() {
        assert_eq!(expected_shortfall(&[]), None);
    }
}
