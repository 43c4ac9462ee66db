//! Many strategies over the same bars, segment by segment, without columns: the inner loop of tuning.
//!
//! Indicators are computed once and shared, and accounts advance several at a time (`lanes`). An account gives what
//! [`crate::kernel::Run`] gives, to the last bit, so how strategies are put together over calls or threads changes
//! nothing.

use std::ops::Range;

use gauntlet_quant::indicators::Series;
use gauntlet_quant::metrics::Running;

use crate::account::Account;
use crate::bars::Bars;
use crate::costs::Costs;
use crate::kernel::Then;
use crate::signal::{Signal, Target};
use crate::strategy::indicator_cache::IndicatorCache;
use crate::strategy::{Change, StrategySpec};

mod lanes;

use lanes::Standing;

/// Accounts of one kind over the same bars, a strategy each.
pub struct Grid<'a> {
    bars: &'a Bars,
    costs: Costs,
    entries: Vec<Entry>,
}

/// A strategy and what has become of it so far.
struct Entry {
    orders: Orders,
    running: Running,
    standing: Standing,
}

/// The signals of a strategy, as the bars at which they change.
struct Orders {
    changes: Vec<Change>,
    /// Distance of the stop at each bar; `None` is a strategy without stop.
    stop_distances: Option<Series>,
}

impl<'a> Grid<'a> {
    /// An account for each of the strategies, which has not traded yet.
    pub fn new(bars: &'a Bars, strategies: &[StrategySpec], costs: Costs, account: Account) -> Grid<'a> {
        let mut cache = IndicatorCache::new(bars);
        let entry = |strategy: &StrategySpec| Entry {
            orders: Orders::of(strategy, &mut cache),
            running: Running::default(),
            standing: Standing::new(&costs, &account),
        };
        Grid { bars, costs, entries: strategies.iter().map(entry).collect() }
    }

    /// Runs some of the accounts over the next segment, the bars of `range` (cut at the end of the bars). They must have
    /// run over the same segments so far.
    pub fn play(&mut self, range: Range<usize>, accounts: &[usize], then: Then) {
        let range = self.bars.clamp(range);
        for members in accounts.chunks(lanes::LANES) {
            let entries = members.iter().map(|account| &self.entries[*account]).collect::<Vec<_>>();
            let played = lanes::play(self.bars, range.clone(), &entries, &self.costs, then);
            for (account, (segment, standing)) in members.iter().zip(played) {
                self.entries[*account].standing = standing;
                let running = &mut self.entries[*account].running;
                running.returns = segment.returns;
                running.periods_held += segment.periods_held;
                running.trade_pnls.extend(segment.trade_pnls);
            }
        }
    }

    /// What has become of an account over all segments so far.
    pub fn running(&self, account: usize) -> &Running {
        &self.entries[account].running
    }
}

impl Orders {
    fn of(strategy: &StrategySpec, cache: &mut IndicatorCache<'_>) -> Orders {
        let mut changes = strategy.changes_with(cache);
        let stop_distances = strategy.stop.map(|stop| stop.distances_with(cache));
        if let Some(first) = stop_distances.as_ref().map(|distances| distances.first) {
            // No position without its stop: what is wanted counts from where the stop is defined.
            let early = changes.partition_point(|change| change.bar < first);
            let wanted = changes[..early].last().map_or(Target::Flat, |change| change.target);
            changes.drain(..early);
            if wanted != Target::Flat && changes.first().is_none_or(|change| change.bar > first) {
                changes.insert(0, Change { bar: first, target: wanted });
            }
        }
        Orders { changes, stop_distances }
    }

    /// The signal that was decided at a bar, when `target` is what was wanted there.
    fn signal(&self, decided: usize, target: Target) -> Signal {
        match &self.stop_distances {
            None => Signal { target, stop_distance: None },
            Some(distances) => Signal::with_stop(target, distances.get(decided)),
        }
    }
}
