//! How much of a finalist's score its neighbours keep, and how far away the nearest cliff is.
//!
//! A score is the better, the higher. A finalist with a score of 0 or less has no plateau: the answer is `Infeasible`.

use gauntlet_quant::inference::distributions::normal_quantile;
use gauntlet_quant::inference::{Interval, Undefined, quantile};

use crate::cube::Point;
use crate::values::Blocks;

/// The share ρ of the finalist's score that a neighbour on the plateau keeps.
pub const KEPT: f64 = 0.8;

/// The share c of the finalist's score below which a point is a cliff.
pub const CLIFF: f64 = 0.5;

/// The finalist among its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// Share of the neighbours with f ≥ ρ·f*; a neighbour without a value is not on the plateau.
    pub share: f64,
    /// 95 % Wilson interval of `share`.
    pub interval: Interval,
    /// Share of the neighbours with f ≥ f* - SE(f*), where a standard error was given: for an f* near 0.
    pub share_within_error: Option<f64>,
    /// Median score of the neighbours over f*.
    pub median: f64,
    /// 10 % quantile of the scores of the neighbours over f*.
    pub low: f64,
}

/// The plateau of a finalist with score `best`, from the values of its neighbours.
///
/// `Infeasible` for a score of 0 or less, `NonFinite` when more than 5 % of the neighbours have no value,
/// `TooFewObservations` without neighbours.
pub fn plateau(
    best: f64,
    standard_error: Option<f64>,
    values: &[Option<f64>],
    kept: f64,
) -> Result<Plateau, Undefined> {
    if !best.is_finite() || best <= 0.0 {
        return Err(Undefined::Infeasible);
    }
    if values.is_empty() {
        return Err(Undefined::TooFewObservations { have: 0, need: 1 });
    }
    // Neighbours that all score the same are the best of plateaus.
    let scores = match Blocks::of(values, values.len(), 1) {
        Ok(blocks) => blocks.kept.iter().map(|(_, value)| value[0]).collect(),
        Err(Undefined::ZeroVariance) => {
            values.iter().flatten().copied().filter(|value| value.is_finite()).collect::<Vec<f64>>()
        }
        Err(reason) => return Err(reason),
    };
    let above = |limit: f64| scores.iter().filter(|score| **score >= limit).count();
    let share = |count: usize| count as f64 / values.len() as f64;
    let of = |q: f64| quantile(&scores, q).map(|score| score / best).ok_or(Undefined::NonFinite);
    let on = above(kept * best);
    Ok(Plateau {
        share: share(on),
        interval: wilson(on, values.len())?,
        share_within_error: standard_error.map(|error| share(above(best - error))),
        median: of(0.5)?,
        low: of(0.1)?,
    })
}

/// 95 % interval of a share (Wilson 1927): the shares that a score test does not reject. `count` of `total`, which is positive.
pub fn wilson(count: usize, total: usize) -> Result<Interval, Undefined> {
    if total == 0 || count > total {
        return Err(Undefined::Infeasible);
    }
    let (n, share) = (total as f64, count as f64 / total as f64);
    let z = normal_quantile(0.975)?;
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let end = |x: f64| (x / (1.0 + z * z / n)).clamp(0.0, 1.0);
    Ok(Interval { low: end(middle - half), high: end(middle + half) })
}

/// The nearest cliff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cliff {
    /// Smallest Chebyshev distance, in quantiles, from the finalist to a point with f < c·f* or without a value; `None` where
    /// no point is one.
    pub distance: Option<f64>,
    /// Largest Chebyshev distance to any point: as far as was searched.
    pub searched: f64,
}

/// The cliff nearest to a finalist at `centre` (a quantile an axis) with score `best`, among points and their values.
///
/// `Infeasible` for a score of 0 or less, or for another number of values than of points.
pub fn cliff(
    centre: &[f64],
    best: f64,
    points: &[Point],
    values: &[Option<f64>],
    share: f64,
) -> Result<Cliff, Undefined> {
    if !best.is_finite() || best <= 0.0 || points.len() != values.len() {
        return Err(Undefined::Infeasible);
    }
    let far =
        |point: &Point| point.unit.iter().zip(centre).fold(0.0_f64, |far, (a, b)| far.max((a - b).abs()));
    let is_cliff = |value: &Option<f64>| value.is_none_or(|value| value.is_nan() || value < share * best);
    let cliffs = points.iter().zip(values).filter(|(_, value)| is_cliff(value)).map(|(point, _)| far(point));
    Ok(Cliff { distance: cliffs.reduce(f64::min), searched: points.iter().map(far).fold(0.0, f64::max) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::experiment::Parameters;

    #[test]
    fn a_share_has_the_printed_interval() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148 and 0 of 20, method 3.
        for (count, total, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = wilson(count, total).unwrap();
            assert!((interval.low - low).abs() < 5e-5 && (interval.high - high).abs() < 5e-5, "{interval:?}");
        }
        assert_eq!(wilson(0, 0), Err(Undefined::Infeasible));
    }

    #[test]
    fn a_plateau_counts_neighbours_and_a_loser_has_none() {
        let mut values: Vec<Option<f64>> = (1..=20).map(|i| Some(f64::from(i) / 10.0)).collect();
        let found = plateau(2.0, Some(0.15), &values, KEPT).unwrap();
        // 1.6 to 2.0 are on it, 1.9 and 2.0 within the error of 2.0.
        assert_eq!((found.share, found.share_within_error), (0.25, Some(0.1)));
        assert!((found.median - 0.525).abs() < 1e-15 && (found.low - 0.145).abs() < 1e-15);
        values[19] = None;
        assert_eq!(plateau(2.0, None, &values, KEPT).unwrap().share, 0.2);
        values[18] = Some(f64::NAN);
        assert_eq!(plateau(2.0, None, &values, KEPT), Err(Undefined::NonFinite));
        assert_eq!(plateau(0.0, None, &values, KEPT), Err(Undefined::Infeasible));
        assert_eq!(plateau(1.0, None, &[Some(1.0); 30], KEPT).unwrap().share, 1.0);
        assert!(matches!(plateau(1.0, None, &[], KEPT), Err(Undefined::TooFewObservations { .. })));
    }

    #[test]
    fn the_nearest_cliff_is_measured_along_the_longest_axis() {
        let at = |x: f64, y: f64| Point { unit: vec![x, y], params: Parameters::default() };
        let points = [at(0.5, 0.75), at(0.625, 0.5), at(0.25, 0.5), at(0.5, 0.5)];
        let found = |values: [Option<f64>; 4], best: f64| cliff(&[0.5, 0.5], best, &points, &values, CLIFF);
        let values = [Some(0.4), Some(0.5), Some(0.1), Some(1.0)];
        assert_eq!(found(values, 1.0).unwrap(), Cliff { distance: Some(0.25), searched: 0.25 });
        let failed = [Some(0.4), None, Some(0.1), Some(1.0)];
        assert_eq!(found(failed, 1.0).unwrap().distance, Some(0.125));
        assert_eq!(found([Some(1.0); 4], 1.0).unwrap(), Cliff { distance: None, searched: 0.25 });
        assert_eq!(found(values, -1.0), Err(Undefined::Infeasible));
    }
}
