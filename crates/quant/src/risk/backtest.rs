//! Tests of forecasts of value at risk against the returns that came.
//!
//! A **hit** is a loss strictly above the forecast that was made before it. With x hits in n periods and p = alpha:
//!
//! * Kupiec (1995), unconditional coverage: -2[x ln p + (n-x) ln(1-p) - x ln(x/n) - (n-x) ln(1-x/n)], χ² with one degree.
//! * Christoffersen (1998), independence: the transitions of the n - 1 pairs of neighbours, a rate of hits after a hit and one
//!   after none against one rate for both, χ² with one degree. It is the G statistic of the 2×2 table.
//! * Conditional coverage: the *sum* of the two, χ² with two degrees. The form over n - 1 pairs alone differs in the third
//!   digit.
//! * Traffic light (Basel Committee 1996): hits in the last 250 days at 99 %: 0 to 4 green, 5 to 9 yellow, from 10 on red.
//!
//! All likelihoods are logarithms, 0·ln 0 is 0, and n is not limited.

use super::check_alpha;
use crate::inference::{Undefined, all_finite, at_least};

/// The tail of the traffic light.
pub const BASEL_ALPHA: f64 = 0.01;
/// The days of the traffic light.
pub const BASEL_DAYS: usize = 250;

/// Periods in order, true where the loss was above the forecast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits(Vec<bool>);

/// A statistic and the probability of one as large where the forecasts are right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LikelihoodRatio {
    /// Twice the log of the ratio of likelihoods, at least zero.
    pub lr: f64,
    /// Probability in the upper tail of its χ² law.
    pub p: f64,
}

/// Zone of the Basel Committee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficLight {
    /// Nothing speaks against the forecasts.
    Green,
    /// Something may be wrong with them.
    Yellow,
    /// They are wrong.
    Red,
}

impl TrafficLight {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            TrafficLight::Green => "green",
            TrafficLight::Yellow => "yellow",
            TrafficLight::Red => "red",
        }
    }
}

impl Hits {
    /// Of returns and the value at risk that was forecast for each, a positive loss. Undefined without returns, for numbers
    /// that are not finite and (`Infeasible`) for another number of forecasts.
    pub fn of(returns: &[f64], forecasts: &[f64]) -> Result<Hits, Undefined> {
        all_finite(returns)?;
        all_finite(forecasts)?;
        at_least(1, returns.len())?;
        if returns.len() != forecasts.len() {
            return Err(Undefined::Infeasible);
        }
        Ok(Hits(returns.iter().zip(forecasts).map(|(value, forecast)| -value > *forecast).collect()))
    }

    /// Periods.
    pub fn periods(&self) -> usize {
        self.0.len()
    }

    /// Periods with a hit.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|hit| **hit).count()
    }

    /// Kupiec's test that hits have the probability `alpha`; see the file's head.
    pub fn kupiec(&self, alpha: f64) -> Result<LikelihoodRatio, Undefined> {
        check_alpha(alpha)?;
        let (hits, periods) = (self.count() as f64, self.periods() as f64);
        let misses = periods - hits;
        let log_ratio = term(hits, periods * alpha) + term(misses, periods * (1.0 - alpha));
        Ok(LikelihoodRatio::one_degree(2.0 * log_ratio))
    }

    /// Christoffersen's test that a hit does not follow a hit more often; see the file's head. Undefined (`NotTestable`)
    /// where the pairs begin or end with no hit, or with nothing but hits.
    pub fn independence(&self) -> Result<LikelihoodRatio, Undefined> {
        let mut pairs = [[0.0; 2]; 2];
        for pair in self.0.windows(2) {
            pairs[usize::from(pair[0])][usize::from(pair[1])] += 1.0;
        }
        independence_of(pairs)
    }

    /// The sum of both statistics; see the file's head. Undefined where one of them is.
    pub fn conditional_coverage(&self, alpha: f64) -> Result<LikelihoodRatio, Undefined> {
        let lr = self.kupiec(alpha)?.lr + self.independence()?.lr;
        // The upper tail of χ² with two degrees is exponential.
        Ok(LikelihoodRatio { lr, p: libm::exp(-lr / 2.0) })
    }

    /// Zone of the last [`BASEL_DAYS`] periods, for forecasts at [`BASEL_ALPHA`]. Undefined for fewer.
    pub fn traffic_light(&self) -> Result<TrafficLight, Undefined> {
        at_least(BASEL_DAYS, self.periods())?;
        let last = &self.0[self.periods() - BASEL_DAYS..];
        Ok(match last.iter().filter(|hit| **hit).count() {
            0..=4 => TrafficLight::Green,
            5..=9 => TrafficLight::Yellow,
            _ => TrafficLight::Red,
        })
    }
}

impl LikelihoodRatio {
    /// With the upper tail of χ² with one degree, erfc(√(lr/2)).
    fn one_degree(lr: f64) -> LikelihoodRatio {
        // Equal likelihoods may differ by rounding.
        let lr = lr.max(0.0);
        LikelihoodRatio { lr, p: libm::erfc((lr / 2.0).sqrt()) }
    }
}

/// Of the numbers of pairs, by whether the first and then whether the second is a hit.
fn independence_of(pairs: [[f64; 2]; 2]) -> Result<LikelihoodRatio, Undefined> {
    let before = pairs.map(|row| row[0] + row[1]);
    let after = [pairs[0][0] + pairs[1][0], pairs[0][1] + pairs[1][1]];
    if before.iter().chain(&after).any(|count| *count == 0.0) {
        return Err(Undefined::NotTestable);
    }
    let all = before[0] + before[1];
    let of = |i: usize, j: usize| term(pairs[i][j], before[i] * after[j] / all);
    Ok(LikelihoodRatio::one_degree(2.0 * (of(0, 0) + of(0, 1) + of(1, 0) + of(1, 1))))
}

/// observed·ln(observed/expected), zero for none.
fn term(observed: f64, expected: f64) -> f64 {
    if observed == 0.0 { 0.0 } else { observed * libm::log(observed / expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(periods: usize, at: &[usize]) -> Hits {
        Hits((0..periods).map(|period| at.contains(&period)).collect())
    }

    /// Jorion (2007), ch. 6: 252 days at 99 %, six hits of which four follow a hit. He prints 3.498, cut off rather than
    /// rounded, and 25.837, which is of 252 pairs; 252 days have 251.
    #[test]
    fn a_year_of_a_printed_question() {
        let year = hits(252, &[50, 51, 52, 150, 151, 152]);
        let coverage = year.kupiec(0.01).unwrap();
        assert_eq!((coverage.lr * 1000.0).floor(), 3498.0);
        let printed = independence_of([[244.0, 2.0], [2.0, 4.0]]).unwrap();
        assert!((printed.lr - 25.837).abs() < 5e-4, "{printed:?}");
        let independence = year.independence().unwrap();
        assert_eq!(independence, independence_of([[243.0, 2.0], [2.0, 4.0]]).unwrap());
        assert!((independence.lr - 25.805).abs() < 5e-4, "{independence:?}");
        let both = year.conditional_coverage(0.01).unwrap();
        assert_eq!(both.lr, coverage.lr + independence.lr);
        assert!(coverage.p > 0.05 && coverage.p < 0.1 && independence.p < 1e-6 && both.p < 1e-6);
    }

    #[test]
    fn a_hit_is_strictly_above_its_forecast() {
        let of = Hits::of(&[-0.02, -0.021, 0.5, -0.01], &[0.02; 4]).unwrap();
        assert_eq!((of.count(), of.periods()), (1, 4));
        assert_eq!(Hits::of(&[0.0], &[]), Err(Undefined::Infeasible));
        assert_eq!(Hits::of(&[], &[]), Err(Undefined::TooFewObservations { have: 0, need: 1 }));
        assert_eq!(Hits::of(&[0.0], &[f64::NAN]), Err(Undefined::NonFinite));
    }

    #[test]
    fn no_hit_has_a_coverage_and_no_independence() {
        let none = hits(500, &[]);
        assert!((none.kupiec(0.01).unwrap().lr + 1000.0 * libm::log1p(-0.01)).abs() < 1e-12);
        for untestable in [none, hits(500, &[0]), hits(500, &[499]), hits(3, &[0, 1, 2]), hits(1, &[])] {
            assert_eq!(untestable.independence(), Err(Undefined::NotTestable));
            assert_eq!(untestable.conditional_coverage(0.01), Err(Undefined::NotTestable));
        }
        assert!(hits(500, &[250]).independence().is_ok());
        assert_eq!(hits(500, &[]).kupiec(1.0), Err(Undefined::Infeasible));
    }

    #[test]
    fn the_stated_share_of_hits_is_no_evidence() {
        let of = hits(200, &[3, 50, 51, 52, 100, 101, 130, 150, 170, 199]).kupiec(0.05).unwrap();
        assert_eq!((of.lr, of.p), (0.0, 1.0));
    }

    /// Likelihoods of as many periods are below the least positive number of a float.
    #[test]
    fn likelihoods_that_underflow_are_no_zero() {
        let every_tenth: Vec<usize> = (0..100_000).step_by(10).collect();
        let of = Hits((0..100_000).map(|at| every_tenth.binary_search(&at).is_ok()).collect());
        assert!(of.kupiec(0.05).unwrap().lr > 4000.0 && of.independence().unwrap().lr > 2000.0);
    }

    #[test]
    fn the_zones_of_the_last_250_days() {
        let zone = |count: usize| hits(250, &(0..count).collect::<Vec<_>>()).traffic_light().unwrap();
        let zones = [0, 4, 5, 9, 10, 250].map(|count| zone(count).name());
        assert_eq!(zones, ["green", "green", "yellow", "yellow", "red", "red"]);
        let early = hits(260, &(0..10).collect::<Vec<_>>());
        assert_eq!((early.count(), early.traffic_light()), (10, Ok(TrafficLight::Green)));
        assert_eq!(
            hits(249, &[]).traffic_light(),
            Err(Undefined::TooFewObservations { have: 249, need: 250 })
        );
    }
}
