//! Common-sense ratio: profit factor of the periods times tail ratio.
//!
//! Unit: ratio, not annualised. Above one, gains outweigh losses in the middle and in the tails together. Bernut calls
//! the first factor "gain to pain" and means gains over losses, the profit factor; it is not `gain_to_pain`, which is
//! Schwager's and one less. Undefined wherever a factor is.
//! Source: Bernut, *Algorithmic Short Selling with Python*; quantstats `common_sense_ratio`.

use crate::metrics::numeric::defined;
use crate::metrics::profit_factor_periods::profit_factor_periods;
use crate::metrics::tail_ratio::tail_ratio;

/// Profit factor times tail ratio; see the file's head.
pub fn common_sense_ratio(returns: &[f64]) -> Option<f64> {
    defined(profit_factor_periods(returns)? * tail_ratio(returns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_product_of_both() {
        let returns: Vec<f64> = (0..=20).map(|i| f64::from(i) - 5.0).collect();
        // Gains 1 to 15, losses 1 to 5, tails 14 and 4.
        assert_close(common_sense_ratio(&returns), 120.0 / 15.0 * 3.5);
    }

    #[test]
    fn undefined_without_a_loss_or_a_tail() {
        assert_eq!(common_sense_ratio(&[]), None);
        assert_eq!(common_sense_ratio(&[0.1, 0.2]), None);
    }
}
