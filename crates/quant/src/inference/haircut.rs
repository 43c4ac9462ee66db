//! Haircut of a Sharpe ratio for the number of tests (Harvey and Liu 2015).
//!
//! t = SR·√n, its two-sided p-value under Student's law with n - 1 degrees of freedom, the p-value adjusted for the family,
//! back to t′ and SR′ = t′/√n. The haircut is 1 - SR′/SR. With p-values in ascending order p(1) … p(N):
//!
//! * Bonferroni: min(N·p, 1)
//! * Holm (1979): max over j ≤ i of (N - j + 1)·p(j), at most 1
//! * BH, Benjamini and Hochberg (1995): min over j ≥ i of N/j·p(j), at most 1
//! * BHY, Benjamini and Yekutieli (2001): BH times Σ 1/i, valid under any dependence
//!
//! An adjusted p-value of one or more leaves SR′ = 0 and a haircut of 100 %.

use super::distributions::{student_tail, student_upper_quantile};
use super::{Undefined, at_least, finite};

/// How p-values are adjusted for their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Family-wise error, one step.
    Bonferroni,
    /// Family-wise error, step-down.
    Holm,
    /// False discovery rate, independent or positively dependent tests.
    BenjaminiHochberg,
    /// False discovery rate, any dependence.
    BenjaminiYekutieli,
}

/// A Sharpe ratio after its haircut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Haircut {
    /// What is left, in the unit of the Sharpe ratio that went in.
    pub sharpe: f64,
    /// Share that was cut.
    pub haircut: f64,
}

/// Two-sided p-value of SR = 0, for a Sharpe ratio per observation.
pub fn two_sided_p(sharpe: f64, observations: usize) -> Result<f64, Undefined> {
    at_least(2, observations)?;
    let t = finite(sharpe * (observations as f64).sqrt())?;
    Ok(2.0 * student_tail(t.abs(), (observations - 1) as f64)?)
}

/// Adjusted p-values, in the order of the p-values.
pub fn adjusted_p_values(p_values: &[f64], adjustment: Adjustment) -> Result<Vec<f64>, Undefined> {
    at_least(1, p_values.len())?;
    if !p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Err(Undefined::Infeasible);
    }
    let count = p_values.len();
    let tests = count as f64;
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; count];
    match adjustment {
        Adjustment::Bonferroni => adjusted = p_values.iter().map(|p| p * tests).collect(),
        Adjustment::Holm => {
            let mut largest = 0.0_f64;
            for (place, &at) in order.iter().enumerate() {
                largest = largest.max((count - place) as f64 * p_values[at]);
                adjusted[at] = largest;
            }
        }
        Adjustment::BenjaminiHochberg | Adjustment::BenjaminiYekutieli => {
            let harmonic = (1..=count).fold(0.0, |sum, i| sum + 1.0 / i as f64);
            let factor = if adjustment == Adjustment::BenjaminiYekutieli { harmonic } else { 1.0 };
            let mut smallest = f64::INFINITY;
            for (place, &at) in order.iter().enumerate().rev() {
                smallest = smallest.min(factor * tests / (place + 1) as f64 * p_values[at]);
                adjusted[at] = smallest;
            }
        }
    }
    Ok(adjusted.into_iter().map(|p| p.min(1.0)).collect())
}

/// What an adjusted p-value leaves of a positive Sharpe ratio per observation. A ratio of zero or less has no haircut.
pub fn haircut(sharpe: f64, observations: usize, adjusted_p: f64) -> Result<Haircut, Undefined> {
    at_least(2, observations)?;
    if finite(sharpe)? <= 0.0 {
        return Err(Undefined::NotTestable);
    }
    if adjusted_p >= 1.0 {
        return Ok(Haircut { sharpe: 0.0, haircut: 1.0 });
    }
    let t = student_upper_quantile(adjusted_p / 2.0, (observations - 1) as f64)?;
    let left = finite(t / (observations as f64).sqrt())?;
    Ok(Haircut { sharpe: left, haircut: 1.0 - left / sharpe })
}

#[cfg(test)]
mod tests {
    use super::super::distributions::normal_cdf;
    use super::super::eta_ar1;
    use super::*;

    #[test]
    fn ten_printed_t_values() {
        // Harvey, Liu and Zhu (2016), table 4, at 5 %. They print 4 for Holm from rounded p-values; exact ones give 6.
        let t = [1.99, 2.63, 2.21, 3.43, 2.17, 2.64, 4.56, 5.34, 2.75, 2.49_f64];
        let p = t.map(|t| 2.0 * normal_cdf(-t));
        let significant = |p: &[f64]| p.iter().filter(|p| **p <= 0.05).count();
        assert_eq!(significant(&p), 10);
        let of = |adjustment| significant(&adjusted_p_values(&p, adjustment).unwrap());
        assert_eq!(of(Adjustment::Bonferroni), 3);
        assert_eq!(of(Adjustment::BenjaminiYekutieli), 6);
        assert_eq!(of(Adjustment::Holm), 6);
    }

    #[test]
    fn the_monthly_example_of_harvey_and_liu() {
        // Annual Sharpe ratio 1 in 120 months of autocorrelation 0.1, 100 tests: Bonferroni p = 0.465.
        let sharpe = 1.0 / 12.0 * eta_ar1(12, 0.1).unwrap();
        let p = two_sided_p(sharpe, 120).unwrap();
        let family = [&[p][..], &[1.0; 99]].concat();
        let adjusted = adjusted_p_values(&family, Adjustment::Bonferroni).unwrap()[0];
        assert!((adjusted - 0.465).abs() < 5e-4, "{adjusted}");
        let left = haircut(sharpe, 120, adjusted).unwrap();
        assert!(left.sharpe < sharpe && (0.7..0.8).contains(&left.haircut), "{left:?}");
    }

    #[test]
    fn an_unadjusted_p_value_cuts_nothing_and_one_cuts_all() {
        let p = two_sided_p(0.1, 500).unwrap();
        assert!(haircut(0.1, 500, p).unwrap().haircut.abs() < 1e-12);
        assert_eq!(haircut(0.1, 500, 1.0), Ok(Haircut { sharpe: 0.0, haircut: 1.0 }));
        assert_eq!(haircut(-0.1, 500, 0.5), Err(Undefined::NotTestable));
        assert_eq!(adjusted_p_values(&[], Adjustment::Holm), at_least(1, 0).map(|()| Vec::new()));
        assert_eq!(adjusted_p_values(&[1.5], Adjustment::Holm), Err(Undefined::Infeasible));
    }
}
