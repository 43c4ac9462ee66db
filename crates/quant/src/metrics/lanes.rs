//! Several series of equally many returns in one pass, side by side: what [`OnlineMoments`] does, in vector registers.
//!
//! A lane is one series. Every lane performs the operations of [`OnlineMoments::push`] in their order, by the same
//! functions, so it is the same to the last bit. One operation on all lanes after the other, and selections between
//! computed values instead of branches, because that is what the compiler vectorises.

use crate::metrics::OnlineMoments;
use crate::metrics::downside_deviation::square_below;
use crate::metrics::numeric::{Moments, welford};
use crate::metrics::wealth::{Wealth, grow};

/// One pass over `LANES` series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnlineLanes<const LANES: usize> {
    count: u64,
    mean: [f64; LANES],
    sum_sq_dev: [f64; LANES],
    wealth: [f64; LANES],
    peak: [f64; LANES],
    deepest: [f64; LANES],
    shortfalls: [f64; LANES],
}

impl<const LANES: usize> OnlineLanes<LANES> {
    /// Goes on from these, which must have seen equally many returns.
    pub fn of(series: [&OnlineMoments; LANES]) -> OnlineLanes<LANES> {
        let count = series.first().map_or(0, |first| first.count());
        assert!(series.iter().all(|one| one.count() == count), "invariant: lanes advance together");
        OnlineLanes {
            count,
            mean: series.map(|one| one.moments.mean),
            sum_sq_dev: series.map(|one| one.moments.sum_sq_dev),
            wealth: series.map(|one| one.wealth.value),
            peak: series.map(|one| one.wealth.peak),
            deepest: series.map(|one| one.deepest),
            shortfalls: series.map(|one| one.shortfalls),
        }
    }

    /// Adds the returns of the next `periods` of every series; `row` gives those of a period, counted from 0, and may be
    /// asked for some of them again.
    #[inline(always)]
    pub fn extend(&mut self, periods: usize, row: impl Fn(usize) -> [f64; LANES]) {
        let before = *self;
        let OnlineLanes { mut mean, mut sum_sq_dev, mut wealth, mut peak, mut shortfalls, .. } = before;
        // The least wealth, and the least room above the wealth at which the drawdown would be a deeper one.
        let (mut lowest, mut room) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
        let within = before.deepest.map(within);
        let mut count = self.count as f64;
        for period in 0..periods {
            let returns = row(period);
            count += 1.0;
            for lane in 0..LANES {
                (mean[lane], sum_sq_dev[lane]) = welford(count, mean[lane], sum_sq_dev[lane], returns[lane]);
            }
            for lane in 0..LANES {
                (wealth[lane], peak[lane]) = grow(wealth[lane], peak[lane], returns[lane]);
            }
            for lane in 0..LANES {
                lowest[lane] = if wealth[lane] < lowest[lane] { wealth[lane] } else { lowest[lane] };
            }
            for lane in 0..LANES {
                let left = wealth[lane] - within[lane] * peak[lane];
                room[lane] = if left < room[lane] { left } else { room[lane] };
            }
            for lane in 0..LANES {
                shortfalls[lane] += square_below(returns[lane], 0.0);
            }
        }
        let deepest = std::array::from_fn(|lane| {
            let deepest = before.deepest[lane];
            if room[lane] >= 0.0 {
                return deepest;
            }
            if before.peak[lane] == peak[lane] {
                // Rounding keeps order, so the deepest drawdown from one peak is the one at the lowest wealth.
                return deeper(deepest, 1.0 - lowest[lane] / peak[lane]);
            }
            deepest_of(before.wealth(lane), deepest, (0..periods).map(|period| row(period)[lane]))
        });
        *self = OnlineLanes { count: count as u64, mean, sum_sq_dev, wealth, peak, deepest, shortfalls };
    }

    fn wealth(&self, lane: usize) -> Wealth {
        Wealth { value: self.wealth[lane], peak: self.peak[lane] }
    }

    /// One of the series so far.
    pub fn get(&self, lane: usize) -> OnlineMoments {
        OnlineMoments {
            moments: Moments { count: self.count, mean: self.mean[lane], sum_sq_dev: self.sum_sq_dev[lane] },
            wealth: self.wealth(lane),
            deepest: self.deepest[lane],
            shortfalls: self.shortfalls[lane],
        }
    }
}

/// The share of a peak down to which wealth makes no deeper drawdown than `deepest`. The slack is more than what the
/// operations on both sides round.
#[inline(always)]
fn within(deepest: f64) -> f64 {
    (1.0 - deepest) * (1.0 + 8.0 * f64::EPSILON)
}

/// The deeper of two drawdowns; one that is not a number is none.
#[inline(always)]
fn deeper(deepest: f64, drawdown: f64) -> f64 {
    if drawdown > deepest { drawdown } else { deepest }
}

/// The deepest drawdown after some more returns, with a division only where it may be a deeper one. Not inlined, since it
/// is rare: a block of returns comes here only when a deeper drawdown follows a new peak in it.
#[inline(never)]
fn deepest_of(mut wealth: Wealth, deepest: f64, returns: impl Iterator<Item = f64>) -> f64 {
    returns.fold(deepest, |deepest, period_return| {
        (wealth.value, wealth.peak) = grow(wealth.value, wealth.peak, period_return);
        let may_be_deeper = wealth.value < within(deepest) * wealth.peak;
        if may_be_deeper { deeper(deepest, 1.0 - wealth.value / wealth.peak) } else { deepest }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LANES: usize = 3;

    /// Adds the rows in blocks of these lengths, over and over, and compares with each series alone.
    fn assert_lanes_are_alone(rows: &[[f64; LANES]], lengths: &[usize]) {
        let mut alone = [OnlineMoments::new(); LANES];
        let mut lanes = OnlineLanes::of(alone.each_ref());
        let (mut rest, mut lengths) = (rows, lengths.iter().cycle());
        while !rest.is_empty() {
            let (block, after) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
            rest = after;
            for row in block {
                alone.iter_mut().zip(row).for_each(|(series, value)| series.push(*value));
            }
            lanes.extend(block.len(), |period| block[period]);
            let so_far = std::array::from_fn::<_, LANES, _>(|lane| lanes.get(lane));
            // The text shows every bit, unlike `==`, to which both zeros are one.
            assert_eq!(format!("{so_far:?}"), format!("{alone:?}"));
            lanes = OnlineLanes::of(so_far.each_ref());
        }
    }

    proptest! {
        #[test]
        fn a_lane_is_its_series_alone_to_the_last_bit(
            rows in prop::collection::vec(prop::array::uniform3(-1.2..1.5_f64), 0..200),
            lengths in prop::collection::vec(1..50_usize, 1..5),
        ) {
            assert_lanes_are_alone(&rows, &lengths);
        }

        /// Returns as small as those of bars, some of them equal: peaks and troughs stand for long.
        #[test]
        fn a_lane_of_bars_is_its_series_alone_to_the_last_bit(
            rows in prop::collection::vec(prop::array::uniform3(-8..9_i32), 0..600),
            scale in 1e-5..2e-2_f64, lengths in prop::collection::vec(1..200_usize, 1..5),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|row| row.map(|step| f64::from(step) * scale)).collect();
            assert_lanes_are_alone(&rows, &lengths);
        }

        #[test]
        fn no_value_is_left_out(
            rows in prop::collection::vec(prop::array::uniform3(prop_oneof![
                5 => -0.5..0.6_f64, 1 => any::<f64>(), 1 => Just(-1.0), 1 => Just(0.0), 1 => Just(-0.0),
            ]), 0..60),
            lengths in prop::collection::vec(1..20_usize, 1..5),
        ) {
            assert_lanes_are_alone(&rows, &lengths);
        }
    }
}
