//! Recovery factor: total return over maximum drawdown, both compounded over the whole series.
//!
//! Unit: ratio, not annualised: it grows with the length of the series (`calmar` does not). The sign of the total return
//! is kept, and it compounds like the drawdown does. quantstats `recovery_factor` takes the size of the plain sum of
//! returns instead, with which a loss looks like a recovery. Undefined for no returns and where there is no drawdown.
//! Source: net profit over maximum drawdown, as trading platforms report it.

use crate::metrics::max_drawdown::max_drawdown;
use crate::metrics::numeric::ratio;
use crate::metrics::total_return::total_return;

/// Total return per unit of maximum drawdown; see the file's head.
pub fn recovery_factor(returns: &[f64]) -> Option<f64> {
    ratio(total_return(returns)?, max_drawdown(returns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn total_return_over_maximum_drawdown() {
        assert_close(recovery_factor(&[-0.5, 3.0]), 2.0);
        assert_close(recovery_factor(&[0.25, -0.4]), -0.625);
        assert_close(recovery_factor(&[-2.0, -2.0]), -1.0);
    }

    #[test]
    fn undefined_without_a_drawdown() {
        assert_eq!(recovery_factor(&[]), None);
        assert_eq!(recovery_factor(&[0.1, 0.0]), None);
    }
}
