//! The four moments of a return series that inference takes, with the Sharpe ratio of one observation.
//!
//! Mean and standard deviation (divisor n - 1) in return units; skewness and kurtosis are ratios of population moments
//! (divisor n), the kurtosis not excess. Undefined below two returns, without dispersion and with a value that is not finite.

use super::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{Moments, NOISE};

/// What a sample says about its Sharpe ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharpeEstimate {
    /// Number of returns.
    pub observations: usize,
    /// Mean over standard deviation, per observation.
    pub sharpe: f64,
    /// Third standardised moment.
    pub skewness: f64,
    /// Fourth standardised moment; 3 for a normal law.
    pub kurtosis: f64,
}

impl SharpeEstimate {
    /// Of a series of returns.
    pub fn of(returns: &[f64]) -> Result<SharpeEstimate, Undefined> {
        all_finite(returns)?;
        at_least(2, returns.len())?;
        let count = returns.len() as f64;
        let moments = Moments::of(returns.iter().copied());
        let population = finite((moments.sum_sq_dev / count).sqrt())?;
        let sample = finite((moments.sum_sq_dev / (count - 1.0)).sqrt())?;
        if sample <= NOISE {
            return Err(Undefined::ZeroVariance);
        }
        let (mut third, mut fourth) = (0.0, 0.0);
        for value in returns {
            let z = (value - moments.mean) / population;
            third += z * z * z;
            fourth += z * z * z * z;
        }
        Ok(SharpeEstimate {
            observations: returns.len(),
            sharpe: finite(moments.mean / sample)?,
            skewness: finite(third / count)?,
            kurtosis: finite(fourth / count)?,
        })
    }

    /// 1 - γ3·SR + (γ4 - 1)/4·SR², n times the asymptotic variance of a Sharpe ratio of independent returns
    /// (Mertens 2002), at the Sharpe ratio `at`.
    pub(super) fn variance_factor(&self, at: f64) -> Result<f64, Undefined> {
        let factor = finite(1.0 - self.skewness * at + (self.kurtosis - 1.0) / 4.0 * at * at)?;
        if factor > 0.0 { Ok(factor) } else { Err(Undefined::Infeasible) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_bernoulli_sample() {
        let estimate = SharpeEstimate::of(&[0.0, 0.0, 0.0, 1.0]).unwrap();
        // mean 1/4, sample variance 1/4; p = 1/4
        assert!((estimate.sharpe - 0.5).abs() < 1e-15);
        assert!((estimate.skewness - 0.5 / 0.1875_f64.sqrt()).abs() < 1e-14);
        assert!((estimate.kurtosis - (3.0 - 0.125 / 0.1875)).abs() < 1e-14);
    }

    #[test]
    fn undefined_with_its_reason() {
        assert_eq!(SharpeEstimate::of(&[0.1]), Err(Undefined::TooFewObservations { have: 1, need: 2 }));
        assert_eq!(SharpeEstimate::of(&[0.1; 9]), Err(Undefined::ZeroVariance));
        assert_eq!(SharpeEstimate::of(&[0.1, f64::NAN]), Err(Undefined::NonFinite));
        assert_eq!(SharpeEstimate::of(&[f64::MAX, -f64::MAX]), Err(Undefined::NonFinite));
    }
}
