//! Probabilistic Sharpe ratio and minimum track record length (Bailey and López de Prado 2012).
//!
//! * PSR(SR*) = Φ[(SR - SR*)·√(n - 1) / √(1 - γ3·SR + (γ4 - 1)/4·SR²)]: the probability that the true Sharpe ratio exceeds
//!   SR*. Undefined below 30 observations and where the radicand is not positive.
//! * MinTRL = 1 + [1 - γ3·SR + (γ4 - 1)/4·SR²]·(z_c / (SR - SR*))², in observations: the length of record at which PSR(SR*)
//!   reaches the confidence c. Unbounded where SR ≤ SR*.
//!
//! All Sharpe ratios are per observation.

use super::distributions::{normal_cdf, normal_quantile};
use super::{SharpeEstimate, Undefined, at_least, finite};

/// Observations below which the normal approximation is not used.
pub const LEAST_OBSERVATIONS: usize = 30;

/// Probability that the true Sharpe ratio exceeds `benchmark`.
pub fn psr(estimate: &SharpeEstimate, benchmark: f64) -> Result<f64, Undefined> {
    at_least(LEAST_OBSERVATIONS, estimate.observations)?;
    let factor = estimate.variance_factor(estimate.sharpe)?;
    let root = ((estimate.observations - 1) as f64).sqrt();
    Ok(normal_cdf(finite((estimate.sharpe - benchmark) * root / factor.sqrt())?))
}

/// Observations that a record of this Sharpe ratio and shape needs to exceed `benchmark` with this confidence.
pub fn min_trl(estimate: &SharpeEstimate, benchmark: f64, confidence: f64) -> Result<f64, Undefined> {
    let factor = estimate.variance_factor(estimate.sharpe)?;
    let distance = finite(estimate.sharpe - benchmark)?;
    if distance <= 0.0 {
        return Err(Undefined::Unbounded);
    }
    let ratio = normal_quantile(confidence)? / distance;
    finite(1.0 + factor * ratio * ratio).map_err(|_| Undefined::Unbounded)
}

/// The Sharpe ratio that a record of so many normal observations has to show for PSR(`benchmark`) to be the confidence c: the
/// larger root of (SR - SR*)²·(n - 1) = z_c²·(1 + SR²/2). Unbounded where the record is too short for any.
pub fn sharpe_needed(observations: usize, benchmark: f64, confidence: f64) -> Result<f64, Undefined> {
    at_least(LEAST_OBSERVATIONS, observations)?;
    let (n, z) = ((observations - 1) as f64, normal_quantile(finite(confidence)?)?);
    let square = n - z * z / 2.0;
    if square <= 0.0 {
        return Err(Undefined::Unbounded);
    }
    let root = (z * z * (square + n * benchmark * benchmark / 2.0)).sqrt();
    finite((n * benchmark + z.signum() * root) / square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_hedge_fund_example() {
        // Bailey and López de Prado (2012), exhibits 2 and 3: two years of months, annual Sharpe ratio 1.59, skewness -2.448,
        // kurtosis 10.164: PSR(0) is 0.913 with the moments and 0.982 under normality, as printed.
        let sharpe = 0.458;
        let hedge = SharpeEstimate { observations: 24, sharpe, skewness: -2.448, kurtosis: 10.164 };
        assert_eq!(psr(&hedge, 0.0), Err(Undefined::TooFewObservations { have: 24, need: 30 }));
        let z = |e: &SharpeEstimate| e.sharpe * 23_f64.sqrt() / e.variance_factor(e.sharpe).unwrap().sqrt();
        assert!((normal_cdf(z(&hedge)) - 0.913).abs() < 1e-3);
        let normal = SharpeEstimate { skewness: 0.0, kurtosis: 3.0, ..hedge };
        assert!((normal_cdf(z(&normal)) - 0.982).abs() < 1e-3);
    }

    #[test]
    fn the_printed_track_record_length() {
        // The same paper: years that a record of annual Sharpe ratio 2 needs, under normality, to show a Sharpe ratio above 1 with
        // 95 % confidence, if it is daily, weekly or monthly.
        for (periods, printed) in [(250.0, 2.73), (52.0, 2.83), (12.0, 3.24)] {
            let root = f64::sqrt(periods);
            let estimate =
                SharpeEstimate { observations: 100, sharpe: 2.0 / root, skewness: 0.0, kurtosis: 3.0 };
            let years = min_trl(&estimate, 1.0 / root, 0.95).unwrap() / periods;
            assert!((years - printed).abs() < 5e-3, "{years} is not {printed}");
        }
    }

    #[test]
    fn at_the_minimum_length_the_probability_is_the_confidence() {
        let estimate = SharpeEstimate { observations: 100, sharpe: 0.1, skewness: -0.5, kurtosis: 5.0 };
        let needed = min_trl(&estimate, 0.02, 0.95).unwrap();
        let factor = estimate.variance_factor(0.1).unwrap();
        let reached = normal_cdf(0.08 * (needed - 1.0).sqrt() / factor.sqrt());
        assert!((reached - 0.95).abs() < 1e-13);
        assert_eq!(min_trl(&estimate, 0.1, 0.95), Err(Undefined::Unbounded));
        assert_eq!(min_trl(&estimate, 0.2, 0.95), Err(Undefined::Unbounded));
        assert_eq!(min_trl(&estimate, 0.0, 1.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn a_law_of_two_points_can_leave_no_variance() {
        // γ4 = γ3² + 1 and SR = 2/γ3: the delta method's variance is zero.
        let estimate = SharpeEstimate { observations: 100, sharpe: 1.0, skewness: 2.0, kurtosis: 5.0 };
        assert_eq!(psr(&estimate, 0.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn the_sharpe_ratio_that_is_needed_has_the_probability_that_was_asked_for() {
        for (observations, benchmark, confidence) in
            [(30, 0.0, 0.95), (750, 0.06, 0.95), (20_000, -0.01, 0.99), (750, 0.06, 0.05)]
        {
            let sharpe = sharpe_needed(observations, benchmark, confidence).unwrap();
            let estimate = SharpeEstimate { observations, sharpe, skewness: 0.0, kurtosis: 3.0 };
            assert!((psr(&estimate, benchmark).unwrap() - confidence).abs() < 1e-12, "{observations}");
        }
        assert_eq!(sharpe_needed(30, 0.0, 1.0 - 1e-16), Err(Undefined::Unbounded));
        assert_eq!(sharpe_needed(29, 0.0, 0.95), Err(Undefined::TooFewObservations { have: 29, need: 30 }));
    }
}
