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
#[derive(Debug, Clone, PartialEq)]
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

    /// Adds the return of the next period of every series.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "one index over several arrays of one length is what vectorises"
    )]
    pub fn push(&mut self, returns: &[f64; LANES]) {
        self.count += 1;
        let count = self.count as f64;
        for lane in 0..LANES {
            (self.mean[lane], self.sum_sq_dev[lane]) =
                welford(count, self.mean[lane], self.sum_sq_dev[lane], returns[lane]);
        }
        for lane in 0..LANES {
            (self.wealth[lane], self.peak[lane]) = grow(self.wealth[lane], self.peak[lane], returns[lane]);
        }
        for lane in 0..LANES {
            let drawdown = 1.0 - self.wealth[lane] / self.peak[lane];
            self.deepest[lane] = if drawdown > self.deepest[lane] { drawdown } else { self.deepest[lane] };
        }
        for lane in 0..LANES {
            self.shortfalls[lane] += square_below(returns[lane], 0.0);
        }
    }

    /// One of the series so far.
    pub fn get(&self, lane: usize) -> OnlineMoments {
        OnlineMoments {
            moments: Moments { count: self.count, mean: self.mean[lane], sum_sq_dev: self.sum_sq_dev[lane] },
            wealth: Wealth { value: self.wealth[lane], peak: self.peak[lane] },
            deepest: self.deepest[lane],
            shortfalls: self.shortfalls[lane],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_lane_is_its_series_alone_to_the_last_bit(
            rows in proptest::collection::vec(proptest::array::uniform3(-1.2..1.5_f64), 0..200),
            cut in 0..200_usize,
        ) {
            let mut alone = [OnlineMoments::new(); 3];
            let mut lanes = OnlineLanes::of(alone.each_ref());
            for (index, row) in rows.iter().enumerate() {
                if index == cut {
                    lanes = OnlineLanes::of([0, 1, 2].map(|lane| lanes.get(lane)).each_ref());
                }
                alone.iter_mut().zip(row).for_each(|(series, value)| series.push(*value));
                lanes.push(row);
            }
            // The text shows every bit, unlike `==`, to which both zeros are one.
            assert_eq!(format!("{:?}", [0, 1, 2].map(|lane| lanes.get(lane))), format!("{alone:?}"));
        }
    }
}
