//! Indicators over the same bars, computed once for a whole grid of strategies.

use std::collections::BTreeMap;
use std::rc::Rc;

use gauntlet_quant::indicators::{Column, Indicator, Series};

use crate::bars::Bars;

/// The columns of every indicator that was asked for.
pub struct IndicatorCache<'a> {
    bars: &'a Bars,
    columns: BTreeMap<Indicator, Vec<Rc<Series>>>,
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

    /// A column of an indicator.
    pub fn get(&mut self, column: &Column) -> Rc<Series> {
        let Column { indicator, output } = column;
        if !self.columns.contains_key(indicator) {
            let computed = indicator.columns(|input| self.bars.input(input));
            self.columns.insert(indicator.clone(), computed.into_iter().map(Rc::new).collect());
        }
        self.columns[indicator][*output].clone()
    }
}
