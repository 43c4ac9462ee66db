//! Many strategies over the same bars, summaries only: the inner loop of tuning and of sensitivity analysis.
//!
//! Indicators are computed once and shared. Crosses of simple moving averages run several pairs at once in
//! `lanes`; everything else runs one after the other. Both give what `summary` gives, to the last bit, so how a
//! grid is cut up over threads or calls changes nothing.

use std::ops::Range;

use crate::account::{Account, Sizing};
use crate::bars::Bars;
use crate::costs::Costs;
use crate::kernel::{Summary, summary};
use crate::strategy::indicator_cache::IndicatorCache;
use crate::strategy::ma_cross::{AverageKind, MaCross};
use crate::strategy::{Rule, StrategySpec};

mod lanes;

/// The summary of each strategy over the bars of `range`, in the order given.
pub fn sweep(
    bars: &Bars,
    range: Range<usize>,
    strategies: &[StrategySpec],
    costs: &Costs,
    account: &Account,
) -> Vec<Summary> {
    let mut summaries = vec![Summary::default(); strategies.len()];
    let mut cache = IndicatorCache::new(bars);
    let mut pairs = Vec::new();
    for (index, strategy) in strategies.iter().enumerate() {
        match (strategy, account.sizing) {
            (
                StrategySpec {
                    rule: Rule::MaCross(MaCross { fast, slow, kind: AverageKind::Sma }),
                    stop: None,
                },
                Sizing::Percent(_),
            ) => pairs.push(lanes::Pair { fast: *fast, slow: *slow, index }),
            _ => {
                let signals = strategy.signals_with(&mut cache);
                summaries[index] = summary(bars, range.clone(), &signals, costs, account);
            }
        }
    }
    lanes::play(bars, range, pairs, costs, account, &mut summaries);
    summaries
}
