//! Best period: the largest return of one period.
//!
//! Unit: fraction. Not annualised. Undefined for no returns. Source: quantstats `best`.

use crate::metrics::numeric::defined;

/// Largest return of one period; see the file's head.
pub fn best_period(returns: &[f64]) -> Option<f64> {
    returns.iter().copied().reduce(f64::max).and_then(defined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_return_whatever_its_sign() {
        assert_eq!(best_period(&[0.1, 0.3, -0.5]), Some(0.3));
        assert_eq!(best_period(&[-0.2, -0.1]), Some(-0.1));
        assert_eq!(best_period(&[0.0; 3]), Some(0.0));
        assert_eq!(best_period(&[]), None);
    }
}
