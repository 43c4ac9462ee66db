//! Value at risk and expected shortfall from four moments, by the expansion of Cornish and Fisher.
//!
//! With z = Φ⁻¹(alpha), mean x̄, standard deviation s (divisor n - 1), skewness S and excess kurtosis K (population moments):
//!
//! * z_cf = z + (z² - 1)·S/6 + (z³ - 3z)·K/24 - (2z³ - 5z)·S²/36
//! * VaR = -(x̄ + s·z_cf). Favre and Galeano (2002).
//! * ES = -x̄ + s·φ(z)/alpha·(1 + z·S/6 + (z² - 1)·K/24 - (2z² - 1)·S²/36), the mean of that quantile over the tail.
//!   Maillard (2012).
//!
//! **Validity.** z_cf is a quantile only where it rises with z everywhere. Its derivative is a parabola in z, so this takes
//! S²/9 - 4(K/8 - S²/6)(1 - K/8 + 5S²/36) ≤ 0 with a derivative at z = 0 that is not negative (Maillard 2012). Without
//! skewness K may be 0 to 8; daily returns often have more. An invalid value is still answered, and says so: it may be
//! shown, but nothing may be decided by it.
//!
//! Unit: loss of one period as a positive fraction. Undefined where the tail is too small and where returns do not vary.

use super::normal::mean_and_std_dev;
use crate::inference::distributions::{normal_density, normal_quantile};
use crate::inference::{SharpeEstimate, Undefined, finite};

/// Figures of the expansion; see the file's head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CornishFisher {
    /// Value at risk.
    pub var: f64,
    /// Expected shortfall.
    pub es: f64,
    /// Whether skewness and kurtosis leave the expansion a quantile.
    pub is_valid: bool,
}

/// Value at risk and expected shortfall of a series of returns.
pub fn cornish_fisher(returns: &[f64], alpha: f64) -> Result<CornishFisher, Undefined> {
    let (mean, std_dev) = mean_and_std_dev(returns, alpha)?;
    let shape = SharpeEstimate::of(returns)?;
    let expansion = Expansion { skewness: shape.skewness, excess: shape.kurtosis - 3.0 };
    let z = normal_quantile(alpha)?;
    Ok(CornishFisher {
        var: finite(0.0 - (mean + std_dev * expansion.quantile(z)))?,
        es: finite(std_dev * normal_density(z) / alpha * expansion.tail_factor(z) - mean)?,
        is_valid: expansion.is_valid(),
    })
}

/// Skewness and excess kurtosis.
struct Expansion {
    skewness: f64,
    excess: f64,
}

impl Expansion {
    fn quantile(&self, z: f64) -> f64 {
        let (s, k) = (self.skewness, self.excess);
        z + (z * z - 1.0) * s / 6.0 + (z * z - 3.0) * z * k / 24.0 - (2.0 * z * z - 5.0) * z * s * s / 36.0
    }

    /// What the mean of the tail is of that of a normal law.
    fn tail_factor(&self, z: f64) -> f64 {
        let (s, k) = (self.skewness, self.excess);
        1.0 + z * s / 6.0 + (z * z - 1.0) * k / 24.0 - (2.0 * z * z - 1.0) * s * s / 36.0
    }

    fn is_valid(&self) -> bool {
        let (s, k) = (self.skewness, self.excess);
        let (square, at_zero) = (k / 8.0 - s * s / 6.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0);
        s * s / 9.0 - 4.0 * square * at_zero <= 0.0 && at_zero >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_skewness_the_kurtosis_may_be_eight() {
        let valid = |skewness, excess| Expansion { skewness, excess }.is_valid();
        assert!(valid(0.0, 0.0) && valid(0.0, 8.0) && valid(0.5, 2.0));
        assert!(!valid(0.0, -0.1) && !valid(0.0, 8.1) && !valid(1.0, 0.0) && !valid(3.0, 3.0));
        // The discriminant is negative, but the parabola opens downwards.
        assert!(!valid(20.0, 1.222 * 400.0));
    }

    /// The condition against the derivative itself, on a grid: valid where the quantile rises.
    #[test]
    fn valid_is_where_the_quantile_rises() {
        let mut counts = [0, 0];
        for (i, j) in (0..41_u32).flat_map(|i| (0..41_u32).map(move |j| (i, j))) {
            let of = Expansion { skewness: f64::from(i) * 0.11 - 2.2, excess: f64::from(j) * 0.31 - 2.0 };
            let points: Vec<f64> = (0..4001_u32).map(|at| of.quantile(f64::from(at) * 0.01 - 20.0)).collect();
            let rises = points.windows(2).all(|pair| pair[1] > pair[0]);
            counts[usize::from(rises)] += 1;
            assert_eq!(of.is_valid(), rises, "{} {}", of.skewness, of.excess);
        }
        assert!(counts[0] > 300 && counts[1] > 300, "{counts:?}");
    }
}
