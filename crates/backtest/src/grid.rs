//! Many strategies over the same bars, segment by segment, without columns: the inner loop of tuning.
//!
//! Indicators are computed once and shared. Each account goes from order to order (`entry`), and the returns of several
//! are tallied at a time (`lanes`). An account gives what [`crate::kernel::Run`] gives, to the last bit, so how
//! strategies are put together over calls or threads changes nothing.

use std::ops::Range;
use std::sync::Arc;

use gauntlet_quant::metrics::{OnlineLanes, Running};

use crate::account::Account;
use crate::bars::Bars;
use crate::costs::Costs;
use crate::kernel::Then;
use crate::strategy::StrategySpec;
use crate::strategy::indicator_cache::IndicatorCache;

mod entry;
mod lanes;
mod market;

use entry::{Entry, Orders};
use lanes::{BLOCK, LANES};
use market::{Block, Market, STRETCH};

/// Accounts of one kind over the same bars, each with a strategy and costs of its own. Limits on orders are not checked: an
/// account that has any belongs into a [`crate::kernel::Run`].
pub struct Grid<'a> {
    market: Market<'a>,
    entries: Vec<Entry>,
}

impl<'a> Grid<'a> {
    /// An account for each of the strategies, which has not traded yet.
    pub fn new(bars: &'a Bars, strategies: &[StrategySpec], costs: Costs, account: Account) -> Grid<'a> {
        Grid::under(bars, strategies.iter().map(|strategy| (strategy, costs)), account)
    }

    /// The same, each strategy under costs of its own. Equal strategies that follow each other share their signals.
    pub fn under<'s>(
        bars: &'a Bars,
        traders: impl IntoIterator<Item = (&'s StrategySpec, Costs)>,
        account: Account,
    ) -> Grid<'a> {
        let traders: Vec<(&StrategySpec, Costs)> = traders.into_iter().collect();
        let first = traders.first().map(|(_, costs)| costs);
        let shared = first.filter(|first| traders.iter().all(|(_, costs)| costs == *first));
        let mut cache = IndicatorCache::new(bars);
        let mut last: Option<(&StrategySpec, Arc<Orders>)> = None;
        let entry = |(strategy, costs): &(&'s StrategySpec, Costs)| {
            let orders = match last.take() {
                Some((known, orders)) if known == *strategy => orders,
                _ => Arc::new(Orders::of(strategy, &mut cache)),
            };
            last = Some((*strategy, orders.clone()));
            Entry::new(orders, *costs, account)
        };
        let entries = traders.iter().map(entry).collect();
        Grid { market: Market::new(bars, shared), entries }
    }

    /// Runs some of the accounts over the next segment, the bars of `range` (cut at the end of the bars). They must have
    /// run over the same segments so far.
    pub fn play(&mut self, range: Range<usize>, accounts: &[usize], then: Then) {
        let blocks = self.market.blocks(self.market.bars.clamp(range), BLOCK);
        for members in accounts.chunks(LANES) {
            self.play_lanes(&blocks, members, then);
        }
    }

    /// Runs up to [`LANES`] accounts over the blocks of a segment.
    fn play_lanes(&mut self, blocks: &[Block], members: &[usize], then: Then) {
        let (Some(first), Some(last)) = (blocks.first(), blocks.len().checked_sub(1)) else { return };
        // Lanes without an account tally returns of zero after those of another, and are forgotten.
        let so_far = |lane: usize| &self.entries[*members.get(lane).unwrap_or(&members[0])].running.returns;
        let mut returns = OnlineLanes::of(std::array::from_fn(so_far));
        let mut equity = [[0.0; 1 + BLOCK + STRETCH]; LANES];
        members.iter().for_each(|account| self.entries[*account].begin(first.bars.start));
        for (index, block) in blocks.iter().enumerate() {
            for (account, equity) in members.iter().zip(&mut equity) {
                let entry = &mut self.entries[*account];
                entry.play(&self.market, block, equity);
                if then == Then::Close && index == last {
                    entry.finish(&self.market, block, equity);
                }
            }
            lanes::tally(&mut returns, &equity, block.bars.len());
        }
        for (lane, account) in members.iter().enumerate() {
            self.entries[*account].running.returns = returns.get(lane);
        }
    }

    /// What has become of an account over all segments so far.
    pub fn running(&self, account: usize) -> &Running {
        &self.entries[account].running
    }
}
