//! What every account of a grid sees of the bars, computed once for all of them.

use std::ops::Range;

use crate::bars::Bars;

/// Closes at which equity is computed together.
pub(super) const STRETCH: usize = 16;

/// The bars, and what follows from them alone.
pub(super) struct Market<'a> {
    pub(super) bars: &'a Bars,
    /// Prices at the closes, and [`STRETCH`] more, so that a stretch may begin at any of them.
    closes: Vec<f64>,
}

/// Consecutive bars with the extremes of their prices.
pub(super) struct Block {
    pub(super) bars: Range<usize>,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

impl<'a> Market<'a> {
    pub(super) fn new(bars: &'a Bars) -> Market<'a> {
        Market { bars, closes: bars.close.iter().copied().chain([0.0; STRETCH]).collect() }
    }

    /// The bars of `range` in blocks of `length`, the last one shorter.
    pub(super) fn blocks(&self, range: Range<usize>, length: usize) -> Vec<Block> {
        let block = |start: usize| {
            let bars = start..range.end.min(start + length);
            let lowest = self.bars.low[bars.clone()].iter().copied().fold(f64::INFINITY, f64::min);
            let highest = self.bars.high[bars.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Block { bars, lowest, highest }
        };
        range.clone().step_by(length).map(block).collect()
    }

    /// The closes from a bar on, some of which may lie beyond the last bar and mean nothing.
    #[inline]
    pub(super) fn closes_from(&self, bar: usize) -> &[f64; STRETCH] {
        self.closes[bar..].first_chunk().expect("invariant: a stretch of closes follows the last bar")
    }
}
