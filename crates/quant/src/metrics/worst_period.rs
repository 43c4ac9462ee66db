//! Worst period: the smallest return of one period, with its sign (a loss is negative here: it is a return).
//!
//! Unit: fraction. Not annualised. Undefined for no returns. Source: quantstats `worst`.

use crate::metrics::numeric::defined;

/// Smallest return of one period; see the file's head.
pub fn worst_period(returns: &[f64]) -> Option<f64> {
    returns.iter().copied().reduce(f64::min).and_then(defined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_return_whatever_its_sign() {
        assert_eq!(worst_period(&[0.1, 0.3, -0.5]), Some(-0.5));
        assert_eq!(worst_period(&[0.2, 0.1]), Some(0.1));
        assert_eq!(worst_period(&[-1.0]), Some(-1.0));
        assert_eq!(worst_period(&[]), None);
    }
}
