//! Total return: Π(1 + r_t) - 1 over the whole series.
//!
//! Unit: fraction (0.25 is +25 %). Not annualised. Undefined for no returns.
//! A return of -1 or less is ruin: the total return is then -1.
//! Source: empyrical `cum_returns_final`.

use crate::metrics::numeric::defined;
use crate::metrics::wealth::growth;

/// Compounded return of the whole series; see the file's head.
pub fn total_return(returns: &[f64]) -> Option<f64> {
    if returns.is_empty() { None } else { defined(growth(returns.iter().copied()) - 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn returns_compound() {
        assert_close(total_return(&[0.1, 0.1]), 0.21);
        assert_close(total_return(&[1.0, -0.5]), 0.0);
        assert_close(total_return(&[0.07]), 0.07);
    }

    #[test]
    fn ruin_is_a_total_loss() {
        assert_eq!(total_return(&[0.5, -1.0, 3.0]), Some(-1.0));
        assert_eq!(total_return(&[-1.2, -1.2]), Some(-1.0));
    }

    #[test]
    fn undefined_without_returns_or_beyond_a_float() {
        assert_eq!(total_return(&[]), None);
        assert_eq!(total_return(&[f64::MAX, f64::MAX]), None);
        assert_eq!(total_return(&[f64::NAN]), None);
    }
}
