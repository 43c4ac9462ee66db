//! Values that a report may use, and intervals by resampling.

use gauntlet_quant::inference::{Interval, Philox, Purpose, Undefined, quantile};

/// The largest share of evaluations, or of blocks of them, that may fail before nothing is concluded.
pub const MOST_DROPPED: f64 = 0.05;

/// Replicates behind every interval.
pub const REPLICATES: u32 = 500;

/// The width that a 95 % interval stays below when an analysis has converged (Sarrazin, Pianosi and Wagener 2016).
pub const CONVERGED_WIDTH: f64 = 0.1;

/// Differences below this share of the largest value are rounding, not variation.
const ROUNDING: f64 = 1e-12;

/// Blocks of values without those that failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blocks {
    /// Number of each block and its values.
    pub(crate) kept: Vec<(usize, Vec<f64>)>,
    /// How many blocks had a value that is missing or not finite.
    pub(crate) dropped: usize,
}

impl Blocks {
    /// Cuts `values` into `count` blocks of `size`. Undefined with more than [`MOST_DROPPED`] of the blocks dropped, for another
    /// number of values, and where no value differs from the others.
    pub(crate) fn of(values: &[Option<f64>], count: usize, size: usize) -> Result<Self, Undefined> {
        if values.len() != count * size {
            return Err(Undefined::Infeasible);
        }
        let whole = |block: &[Option<f64>]| -> Option<Vec<f64>> {
            block.iter().map(|value| value.filter(|value| value.is_finite())).collect()
        };
        let blocks = values.chunks_exact(size).enumerate();
        let kept: Vec<_> = blocks.filter_map(|(i, block)| Some((i, whole(block)?))).collect();
        let dropped = count - kept.len();
        // The allowance is for 0.05 · 20, which must be one.
        if dropped as f64 > MOST_DROPPED * count as f64 + 1e-9 {
            return Err(Undefined::NonFinite);
        }
        vary(kept.iter().flat_map(|(_, block)| block.iter().copied()))?;
        Ok(Self { kept, dropped })
    }
}

/// Refuses values that differ by no more than rounding.
pub(crate) fn vary(values: impl Iterator<Item = f64>) -> Result<(), Undefined> {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(start, |(low, high), value| (low.min(value), high.max(value)));
    if high - low > ROUNDING * low.abs().max(high.abs()) { Ok(()) } else { Err(Undefined::ZeroVariance) }
}

/// Mean, in the order of the values. There is at least one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// 95 % percentile intervals of statistics of `rows` rows: [`REPLICATES`] times as many rows are drawn with replacement, and
/// `statistics` is asked for its numbers, always equally many. One that is undefined in any replicate has no interval.
pub(crate) fn intervals(
    seed: u64,
    rows: usize,
    statistics: impl Fn(&[usize]) -> Vec<Result<f64, Undefined>>,
) -> Vec<Result<Interval, Undefined>> {
    let Ok(bound) = u32::try_from(rows) else { return Vec::new() };
    let mut columns: Vec<Result<Vec<f64>, Undefined>> = Vec::new();
    for replicate in 0..REPLICATES {
        let mut stream = Philox::new(seed, Purpose::DesignRows, u64::from(replicate));
        let drawn: Vec<usize> = (0..rows).map(|_| stream.below(bound) as usize).collect();
        for (place, statistic) in statistics(&drawn).into_iter().enumerate() {
            if columns.len() == place {
                columns.push(Ok(Vec::with_capacity(REPLICATES as usize)));
            }
            match (&mut columns[place], statistic) {
                (Ok(column), Ok(value)) => column.push(value),
                (Err(_), _) => {}
                (column, Err(reason)) => *column = Err(reason),
            }
        }
    }
    let end = |values: &[f64], q: f64| quantile(values, q).ok_or(Undefined::NonFinite);
    let interval = |values: Vec<f64>| Ok(Interval { low: end(&values, 0.025)?, high: end(&values, 0.975)? });
    columns.into_iter().map(|column| column.and_then(interval)).collect()
}

/// Whether there are intervals, and every one is defined and narrower than [`CONVERGED_WIDTH`] · `scale`.
pub(crate) fn converged(intervals: impl Iterator<Item = Option<Interval>>, scale: f64) -> bool {
    let is_narrow = |interval: Interval| interval.high - interval.low < CONVERGED_WIDTH * scale;
    let mut intervals = intervals.peekable();
    intervals.peek().is_some() && intervals.all(|interval| interval.is_some_and(is_narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_of_twenty_may_fail_and_two_may_not() {
        let mut values: Vec<Option<f64>> = (0..40).map(|i| Some(f64::from(i))).collect();
        values[5] = Some(f64::NAN);
        let blocks = Blocks::of(&values, 20, 2).unwrap();
        assert_eq!((blocks.dropped, blocks.kept.len(), blocks.kept[2].0), (1, 19, 3));
        values[9] = None;
        assert_eq!(Blocks::of(&values, 20, 2), Err(Undefined::NonFinite));
        assert_eq!(Blocks::of(&values, 21, 2), Err(Undefined::Infeasible));
    }

    #[test]
    fn rounding_is_no_variance() {
        let flat = [0.1 + 0.2, 0.3, 0.3];
        assert_eq!(vary(flat.into_iter()), Err(Undefined::ZeroVariance));
        assert_eq!(vary([0.0, 0.0].into_iter()), Err(Undefined::ZeroVariance));
        assert_eq!(vary([1e-20, 2e-20].into_iter()), Ok(()));
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_law() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let of = |rows: &[usize]| vec![Ok(rows.iter().map(|&row| values[row]).sum::<f64>() / 400.0)];
        let interval = intervals(3, 400, of)[0].unwrap();
        // Standard error √(399/12)/20 = 0.288.
        assert!((interval.low - (9.5 - 0.565)).abs() < 0.1 && (interval.high - (9.5 + 0.565)).abs() < 0.1);
        let undefined =
            |rows: &[usize]| vec![if rows[0] == 7 { Err(Undefined::ZeroVariance) } else { Ok(1.0) }];
        assert_eq!(intervals(3, 400, undefined).len(), 1);
    }
}
