//! One account of a grid on its way through the bars. Orders and stops are rare: between them only its equity moves, so
//! it goes from one to the next, and each is played by its own [`Simulator`].

use std::ops::Range;
use std::sync::Arc;

use gauntlet_quant::metrics::Running;

use super::lanes::Equity;
use super::market::{Block, Market, STRETCH};
use crate::account::Account;
use crate::costs::Costs;
use crate::signal::{Signal, Stops, Target};
use crate::simulator::Simulator;
use crate::strategy::StrategySpec;
use crate::strategy::indicator_cache::IndicatorCache;
use crate::strategy::target_bits::TargetBits;

/// A strategy and what has become of it so far.
pub(super) struct Entry {
    orders: Arc<Orders>,
    /// Bars from a signal to its fill.
    delay: usize,
    /// Its returns are added by the grid, several accounts at a time.
    pub(super) running: Running,
    simulator: Simulator,
    /// The bar at whose opening it may have to trade.
    next_order: usize,
    /// Equity at the last close.
    equity: f64,
}

/// The signals of a strategy.
pub(super) struct Orders {
    targets: TargetBits,
    /// The stop at each bar; `None` is a strategy without stop.
    stops: Option<Stops>,
}

impl Entry {
    /// In cash.
    pub(super) fn new(orders: Arc<Orders>, costs: Costs, account: Account) -> Entry {
        Entry {
            orders,
            delay: 1 + costs.latency_bars as usize,
            running: Running::default(),
            simulator: Simulator::new(costs, account),
            next_order: 0,
            equity: account.capital,
        }
    }

    /// A segment begins at this bar: it may lie anywhere, so what is wanted is compared with what is held.
    pub(super) fn begin(&mut self, bar: usize) {
        self.next_order = bar;
    }

    /// Plays a block and writes the equity at each close.
    pub(super) fn play(&mut self, market: &Market<'_>, block: &Block, equity: &mut Equity) {
        equity[0] = self.equity;
        let Range { start, end } = block.bars;
        let mut bar = start;
        while bar < end {
            if bar >= self.next_order {
                self.order(market, bar);
            }
            let until = self.next_order.min(end);
            let touched = self.touched(market, block, bar..until);
            let until = touched.unwrap_or(until);
            self.hold(market, bar..until, start, equity);
            if let Some(touched) = touched {
                // A position that is closed within a bar was held in it.
                self.running.periods_held += 1;
                let closed = self.simulator.check_levels(&market.bars.row(touched));
                self.running.trade_pnls.extend(closed.map(|trade| trade.pnl));
                // The same position may be wanted again at once.
                self.next_order = self.next_order.min(touched + 1);
            }
            bar = until;
        }
        self.equity = equity[end - start];
    }

    /// Closes what is open at the close of the last bar of a block.
    pub(super) fn finish(&mut self, market: &Market<'_>, block: &Block, equity: &mut Equity) {
        if let Some(trade) = self.simulator.finish(&market.bars.row(block.bars.end - 1)) {
            self.running.trade_pnls.push(trade.pnl);
            self.equity = self.simulator.cash();
            equity[block.bars.len()] = self.equity;
        }
    }

    /// Trades at an opening, if another position is wanted than is held.
    #[inline]
    fn order(&mut self, market: &Market<'_>, bar: usize) {
        let Some(decided) = bar.checked_sub(self.delay) else {
            self.next_order = self.orders.next(self.delay, 0, Target::Flat);
            return;
        };
        let target = self.orders.targets.get(decided);
        if self.simulator.trades_at_open(target) {
            let signal = self.orders.signal(decided, target);
            let (time, quote) = market.opening(bar, self.simulator.costs());
            let closed = self.simulator.trade(signal, &quote, time);
            self.running.trade_pnls.extend(closed.map(|trade| trade.pnl));
        }
        self.next_order = if self.simulator.rests_at(target) {
            self.orders.next(self.delay, decided + 1, target)
        } else {
            // Nothing could be opened: the next opening tries again.
            bar + 1
        };
    }

    /// The first of some bars that touches the stop or the price at which the account is liquidated.
    #[inline]
    fn touched(&self, market: &Market<'_>, block: &Block, mut range: Range<usize>) -> Option<usize> {
        let (floor, ceiling) = self.simulator.exit_levels();
        if self.simulator.quantity() == 0.0 || (floor < block.lowest && block.highest < ceiling) {
            return None;
        }
        range.find(|bar| market.bars.low[*bar] <= floor || market.bars.high[*bar] >= ceiling)
    }

    /// Writes the equity of bars at which nothing is traded, of a block that begins at `start`.
    #[inline]
    fn hold(&mut self, market: &Market<'_>, range: Range<usize>, start: usize, equity: &mut Equity) {
        let (cash, quantity) = (self.simulator.cash(), self.simulator.quantity());
        // Whole stretches are computed, since a count that varies is what a processor predicts badly. What lies beyond
        // the range is written again by the bars that follow, or belongs to no bar.
        for bar in range.clone().step_by(STRETCH) {
            let stretch = equity[1 + bar - start..].first_chunk_mut::<STRETCH>();
            let stretch = stretch.expect("invariant: a stretch follows the last bar of a block");
            *stretch = market.closes_from(bar).map(|close| cash + quantity * close);
        }
        if quantity != 0.0 {
            self.running.periods_held += range.len() as u64;
        }
    }
}

impl Orders {
    pub(super) fn of(strategy: &StrategySpec, cache: &mut IndicatorCache<'_>) -> Orders {
        let mut targets = strategy.targets_with(cache);
        let stops = strategy.stop.map(|stop| stop.stops_with(cache));
        if let Some(stops) = &stops {
            // No position without its stop.
            targets.clear_before(stops.distances.first);
        }
        Orders { targets, stops }
    }

    /// The signal that was decided at a bar, when `target` is what was wanted there.
    fn signal(&self, decided: usize, target: Target) -> Signal {
        match &self.stops {
            None => Signal { target, stop: None },
            Some(stops) => Signal::with_stop(target, stops.get(decided)),
        }
    }

    /// The bar at whose opening something else than `target` is due, decided at the bar `from` or later.
    #[inline]
    fn next(&self, delay: usize, from: usize, target: Target) -> usize {
        let decided = self.targets.next_other(from, target);
        decided.map_or(usize::MAX, |decided| decided.saturating_add(delay))
    }
}
