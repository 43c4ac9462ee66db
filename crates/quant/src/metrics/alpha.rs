//! Jensen's alpha: (1 + a)^P - 1 with a = mean((r - f) - β·(b - f)), f the risk-free return of one period and P
//! periods a year.
//!
//! Unit: fraction a year, compounded as empyrical does (quantstats multiplies a by P instead). `risk_free` is an
//! annual rate R; f = (1 + R)^(1/P) - 1. Undefined wherever beta is, and where a is -1 or less.
//! Source: Jensen (1968); empyrical `alpha`.

use crate::metrics::annual::{annual_rate, risk_free_per_period};
use crate::metrics::beta::beta;
use crate::metrics::numeric::Moments;

/// Annualised return that the benchmark does not explain; see the file's head.
pub fn alpha(returns: &[f64], benchmark: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    let beta = beta(returns, benchmark)?;
    let free = risk_free_per_period(risk_free, periods_per_year)?;
    let unexplained = returns.iter().zip(benchmark).map(|(r, b)| (r - free) - beta * (b - free));
    let growth = 1.0 + Moments::of(unexplained).mean()?;
    if growth > 0.0 { annual_rate(growth, 1, periods_per_year) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn a_constant_lead_compounds_over_the_year() {
        assert_close(alpha(&[0.03, 0.01, 0.04], &[0.01, -0.01, 0.02], 0.0, 2.0), 0.0404);
        assert_close(alpha(&[0.02, -0.02, 0.04], &[0.01, -0.01, 0.02], 0.0, 252.0), 0.0);
    }

    #[test]
    fn leverage_pays_the_risk_free_rate() {
        // r = 2b leaves a = -f + 2f = f, with f = 10 % for 21 % over two periods.
        assert_close(alpha(&[0.02, -0.02], &[0.01, -0.01], 0.21, 2.0), 0.21);
    }

    #[test]
    fn undefined_wherever_beta_is() {
        assert_eq!(alpha(&[0.1, 0.2], &[0.1, 0.1], 0.0, 252.0), None);
        assert_eq!(alpha(&[0.1], &[0.1], 0.0, 252.0), None);
        assert_eq!(alpha(&[], &[], 0.0, 252.0), None);
        assert_eq!(alpha(&[-1.0, -1.0], &[0.1, 0.2], 0.0, 252.0), None);
    }
}
