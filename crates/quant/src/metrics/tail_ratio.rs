//! Tail ratio: |95 % quantile| / |5 % quantile| of the returns, both interpolated linearly (type 7).
//!
//! Unit: ratio, not annualised. Above one, the good tail is longer than the bad. Undefined for no returns and
//! where the 5 % quantile is zero. Source: empyrical `tail_ratio`.

use crate::metrics::numeric::{quantile, ratio};

/// Size of the right tail over the size of the left; see the file's head.
pub fn tail_ratio(returns: &[f64]) -> Option<f64> {
    ratio(quantile(returns, 0.95)?.abs(), quantile(returns, 0.05)?.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn right_tail_over_left_tail() {
        let returns: Vec<f64> = (0..=20).map(|i| f64::from(i) - 5.0).collect();
        assert_close(tail_ratio(&returns), 3.5);
        assert_close(tail_ratio(&[0.1]), 1.0);
        assert_close(tail_ratio(&[-1.0]), 1.0);
    }

    #[test]
    fn undefined_without_returns_or_without_a_left_tail() {
        assert_eq!(tail_ratio(&[]), None);
        assert_eq!(tail_ratio(&[0.0; 5]), None);
    }
}
