//! Annualisation, the three rules every metric shares:
//!
//! * a mean per period times `periods_per_year`, a standard deviation times its square root;
//! * growth over n periods compounds to the power `periods_per_year / n`;
//! * an annual risk-free rate R becomes (1 + R)^(1 / periods_per_year) - 1 per period, the inverse of the
//!   compounding. (Not R / periods_per_year: that rate compounds to more than R.)
//!
//! Undefined where `periods_per_year` is not a positive finite number.

use crate::metrics::numeric::defined;

/// Square root of the periods in a year, the factor of a standard deviation or of a ratio of mean to one.
pub(crate) fn root_of_time(periods_per_year: f64) -> Option<f64> {
    checked(periods_per_year).map(f64::sqrt)
}

/// Annual rate at which `growth` (end wealth over start wealth, not negative) accrues over `periods`.
pub(crate) fn annual_rate(growth: f64, periods: usize, periods_per_year: f64) -> Option<f64> {
    let per_year = checked(periods_per_year)?;
    if periods == 0 { None } else { defined(libm::pow(growth, per_year / periods as f64) - 1.0) }
}

/// Risk-free return of one period for an annual rate: (1 + R)^(1 / `periods_per_year`) - 1.
///
/// Undefined for an annual rate of -1 or less.
pub fn risk_free_per_period(annual_rate: f64, periods_per_year: f64) -> Option<f64> {
    let per_year = checked(periods_per_year)?;
    if annual_rate > -1.0 { defined(libm::pow(1.0 + annual_rate, 1.0 / per_year) - 1.0) } else { None }
}

/// `periods_per_year` if it is a positive finite number.
pub(crate) fn checked(periods_per_year: f64) -> Option<f64> {
    defined(periods_per_year).filter(|&periods| periods > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_rate_of_a_period_compounds_back_to_the_annual_rate() {
        let monthly = risk_free_per_period(0.05, 12.0).unwrap();
        assert_close(annual_rate((1.0 + monthly).powi(12), 12, 12.0), 0.05);
    }

    #[test]
    fn no_risk_free_rate_is_exactly_zero_a_period() {
        assert_eq!(risk_free_per_period(0.0, 252.0), Some(0.0));
    }

    #[test]
    fn a_year_without_periods_annualises_nothing() {
        for periods in [0.0, -252.0, f64::NAN, f64::INFINITY] {
            assert_eq!(root_of_time(periods), None);
            assert_eq!(annual_rate(1.1, 10, periods), None);
            assert_eq!(risk_free_per_period(0.02, periods), None);
        }
        assert_eq!(risk_free_per_period(-1.0, 252.0), None);
        assert_eq!(annual_rate(1.0, 0, 252.0), None);
    }
}
