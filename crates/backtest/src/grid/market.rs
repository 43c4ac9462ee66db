//! What every account of a grid sees of the bars, computed once for all of them.

use std::ops::Range;

use crate::bars::Bars;
use crate::costs::{Costs, Quote};

/// Closes at which equity is computed together.
pub(super) const STRETCH: usize = 16;

/// The bars, and what follows from them and from costs that all accounts share.
pub(super) struct Market<'a> {
    pub(super) bars: &'a Bars,
    /// What orders fill at; empty where accounts have costs of their own.
    pub(super) openings: Vec<Opening>,
    /// Prices at the closes, and [`STRETCH`] more, so that a stretch may begin at any of them.
    closes: Vec<f64>,
}

/// When a bar opens, and what orders fill at then.
pub(super) struct Opening {
    pub(super) time: i64,
    pub(super) quote: Quote,
}

/// Consecutive bars with the extremes of their prices.
pub(super) struct Block {
    pub(super) bars: Range<usize>,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

impl<'a> Market<'a> {
    pub(super) fn new(bars: &'a Bars, shared: Option<&Costs>) -> Market<'a> {
        let opening = |costs: &Costs| {
            let rows = bars.open_time.iter().zip(&bars.open).zip(&bars.open_spread);
            let opening = |((time, open), spread): ((&i64, &f64), &f64)| Opening {
                time: *time,
                quote: costs.quote(*open, *spread),
            };
            rows.map(opening).collect()
        };
        Market {
            bars,
            openings: shared.map(opening).unwrap_or_default(),
            closes: bars.close.iter().copied().chain([0.0; STRETCH]).collect(),
        }
    }

    /// When a bar opens, and what the orders of an account fill at then.
    #[inline]
    pub(super) fn opening(&self, bar: usize, costs: &Costs) -> (i64, Quote) {
        match self.openings.get(bar) {
            Some(opening) => (opening.time, opening.quote),
            None => (self.bars.open_time[bar], costs.quote(self.bars.open[bar], self.bars.open_spread[bar])),
        }
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
