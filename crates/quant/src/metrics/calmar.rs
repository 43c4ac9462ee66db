//! Calmar ratio: annual return over maximum drawdown, both over the whole series.
//!
//! Unit: ratio (the return is a rate a year, the drawdown is not annualised). Young (1991) takes 36 months;
//! here it is whatever the series covers. Undefined for no returns and where there is no drawdown.
//! Source: empyrical `calmar_ratio`.

use crate::metrics::annual_return::annual_return;
use crate::metrics::max_drawdown::max_drawdown;
use crate::metrics::numeric::ratio;

/// Annual return per unit of maximum drawdown; see the file's head.
pub fn calmar(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    ratio(annual_return(returns, periods_per_year)?, max_drawdown(returns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn annual_return_over_maximum_drawdown() {
        assert_close(calmar(&[-0.5, 1.42], 1.0), 0.2);
        assert_close(calmar(&[0.1, -1.0], 252.0), -1.0);
    }

    #[test]
    fn undefined_without_a_drawdown() {
        assert_eq!(calmar(&[], 252.0), None);
        assert_eq!(calmar(&[0.0, 0.0], 252.0), None);
        assert_eq!(calmar(&[0.1, 0.1], 252.0), None);
    }
}
