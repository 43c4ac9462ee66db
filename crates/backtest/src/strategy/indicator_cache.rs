//! Indicators over the same bars, computed once for a whole grid of strategies.

use std::collections::BTreeMap;
use std::rc::Rc;

use gauntlet_quant::indicators::{Series, ema, highest, lowest, rsi, sma, stddev};

use crate::bars::Bars;

/// Columns by indicator and period. All but the extremes are over closes.
pub struct IndicatorCache<'a> {
    bars: &'a Bars,
    columns: BTreeMap<(Column, usize), Rc<Series>>,
}

/// An indicator with one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Sma,
    Ema,
    Rsi,
    Stddev,
    HighestHigh,
    LowestLow,
}

impl<'a> IndicatorCache<'a> {
    /// Nothing computed yet.
    pub fn new(bars: &'a Bars) -> IndicatorCache<'a> {
        IndicatorCache { bars, columns: BTreeMap::new() }
    }

    /// The bars that it is about.
    pub fn bars(&self) -> &'a Bars {
        self.bars
    }

    pub(crate) fn get(&mut self, column: Column, period: usize) -> Rc<Series> {
        let bars = self.bars;
        let compute = || match column {
            Column::Sma => sma(&bars.close, period),
            Column::Ema => ema(&bars.close, period),
            Column::Rsi => rsi(&bars.close, period),
            Column::Stddev => stddev(&bars.close, period),
            Column::HighestHigh => highest(&bars.high, period),
            Column::LowestLow => lowest(&bars.low, period),
        };
        self.columns.entry((column, period)).or_insert_with(|| Rc::new(compute())).clone()
    }
}
