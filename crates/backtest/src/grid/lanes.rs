//! A few accounts that advance together, so that the compiler can put their equity into vector registers.
//!
//! A lane is one account. Orders and stops are rare: each is played by the lane's own [`Simulator`], alone. What happens
//! at every bar, equity, its change and the tally of the changes, is computed for all lanes at once, by the operations
//! of [`crate::kernel::Run`] in their order.

use std::ops::Range;

use gauntlet_quant::metrics::{OnlineLanes, Running};

use super::Entry;
use crate::account::Account;
use crate::bars::{BarRow, Bars};
use crate::costs::Costs;
use crate::kernel::Then;
use crate::signal::Target;
use crate::simulator::Simulator;

/// Accounts that advance together. With two lanes in a register, the divisions of four keep the divider busy while the
/// longest chain of operations of one bar is under way; with more, some lane has an order at almost every bar.
pub(super) const LANES: usize = 4;

type Lane = [f64; LANES];

/// One operation on every lane.
#[inline(always)]
fn each(operation: impl Fn(usize) -> f64) -> Lane {
    std::array::from_fn(operation)
}

/// Plays the next segment for up to [`LANES`] entries; gives what they come to: returns with those of the segments
/// before, trades and periods of this segment alone, and where the account stands.
pub(super) fn play(
    bars: &Bars,
    range: Range<usize>,
    entries: &[&Entry],
    costs: &Costs,
    then: Then,
) -> Vec<(Running, Standing)> {
    let Some(first) = entries.first() else { return Vec::new() };
    let mut group = Group::new(bars, range.start, entries, first, costs);
    for bar in range.clone() {
        if bar >= group.next_order {
            group.orders(bar);
        }
        if bars.low[bar] <= group.highest_floor || bars.high[bar] >= group.lowest_ceiling {
            group.stops(bar);
        }
        if then == Then::Close && bar + 1 == range.end {
            group.finish(bar);
        }
        group.mark(bars.close[bar]);
    }
    group.into_running()
}

/// Where an account stands between two segments.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    simulator: Simulator,
    /// What is wanted, and which change of it comes next.
    wanted: Target,
    next_change: usize,
    /// Equity at the last close.
    previous: f64,
}

impl Standing {
    /// In cash.
    pub(super) fn new(costs: &Costs, account: &Account) -> Standing {
        Standing {
            simulator: Simulator::new(*costs, *account),
            wanted: Target::Flat,
            next_change: 0,
            previous: account.capital,
        }
    }
}

/// The accounts of some entries. Lanes without one have no orders, are played and forgotten.
struct Group<'a> {
    bars: &'a Bars,
    entries: &'a [&'a Entry],
    /// Bars from a signal to its fill.
    delay: usize,
    simulators: [Simulator; LANES],
    /// What is wanted, and which change of it comes next.
    wanted: [Target; LANES],
    next_change: [usize; LANES],
    /// The bar at whose opening some lane may have to trade.
    next_order: usize,
    /// Stops below long and above short positions, out of reach where there is none; the ones to be touched first.
    floor: Lane,
    ceiling: Lane,
    highest_floor: f64,
    lowest_ceiling: f64,
    cash: Lane,
    quantity: Lane,
    previous: Lane,
    /// Nothing is held and nothing was at the bar before: every return is exactly zero.
    idle: bool,
    was_idle: bool,
    returns: OnlineLanes<LANES>,
    periods_held: Lane,
    trade_pnls: [Vec<f64>; LANES],
}

impl<'a> Group<'a> {
    fn new(
        bars: &'a Bars,
        start: usize,
        entries: &'a [&'a Entry],
        first: &'a Entry,
        costs: &Costs,
    ) -> Group<'a> {
        let entry = |lane| entries.get(lane).map_or(first, |entry| *entry);
        let standing = |lane| &entry(lane).standing;
        let returns = std::array::from_fn(|lane| &entry(lane).running.returns);
        let mut group = Group {
            bars,
            entries,
            delay: 1 + costs.latency_bars as usize,
            simulators: std::array::from_fn(|lane| standing(lane).simulator.clone()),
            wanted: std::array::from_fn(|lane| standing(lane).wanted),
            next_change: std::array::from_fn(|lane| standing(lane).next_change),
            next_order: start,
            floor: [f64::NEG_INFINITY; LANES],
            ceiling: [f64::INFINITY; LANES],
            highest_floor: f64::NEG_INFINITY,
            lowest_ceiling: f64::INFINITY,
            cash: [0.0; LANES],
            quantity: [0.0; LANES],
            previous: std::array::from_fn(|lane| standing(lane).previous),
            idle: true,
            was_idle: true,
            returns: OnlineLanes::of(returns),
            periods_held: [0.0; LANES],
            trade_pnls: Default::default(),
        };
        (0..LANES).for_each(|lane| group.refresh(lane));
        group.reach();
        group.was_idle = group.idle;
        group
    }

    /// Plays the bar for the lanes in which another position is wanted than before, or than is held.
    fn orders(&mut self, bar: usize) {
        self.next_order = usize::MAX;
        let row = self.bars.row(bar);
        for lane in 0..self.entries.len() {
            let changes = &self.entries[lane].orders.changes[..];
            if let Some(decided) = bar.checked_sub(self.delay) {
                let due = |change: usize| changes.get(change).is_some_and(|change| change.bar <= decided);
                while due(self.next_change[lane]) {
                    self.wanted[lane] = changes[self.next_change[lane]].target;
                    self.next_change[lane] += 1;
                }
                if !self.simulators[lane].rests_at(self.wanted[lane]) {
                    self.step(lane, bar, &row);
                }
                if !self.simulators[lane].rests_at(self.wanted[lane]) {
                    // Nothing could be opened: the next opening tries again.
                    self.next_order = bar + 1;
                }
            }
            if let Some(change) = changes.get(self.next_change[lane]) {
                self.next_order = self.next_order.min(change.bar.saturating_add(self.delay));
            }
        }
        self.reach();
    }

    /// Plays the bar for the lanes whose stop it touches.
    fn stops(&mut self, bar: usize) {
        let row = self.bars.row(bar);
        for lane in 0..self.entries.len() {
            if row.low <= self.floor[lane] || row.high >= self.ceiling[lane] {
                self.step(lane, bar, &row);
            }
        }
        self.reach();
    }

    /// Plays the bar for one lane.
    fn step(&mut self, lane: usize, bar: usize, row: &BarRow) {
        let signal = |decided| self.entries[lane].orders.signal(decided, self.wanted[lane]);
        let due = bar.checked_sub(self.delay).map(signal);
        let step = self.simulators[lane].step(row, due);
        self.trade_pnls[lane].extend(step.closed.iter().flatten().map(|trade| trade.pnl));
        self.refresh(lane);
        // Every other bar with a position is counted when it is marked.
        if step.held != 0.0 && self.quantity[lane] == 0.0 {
            self.periods_held[lane] += 1.0;
        }
    }

    /// Closes what is open at the close of the last bar.
    fn finish(&mut self, bar: usize) {
        let row = self.bars.row(bar);
        for lane in 0..self.entries.len() {
            if let Some(trade) = self.simulators[lane].finish(&row) {
                self.trade_pnls[lane].push(trade.pnl);
                self.periods_held[lane] += 1.0;
                self.refresh(lane);
            }
        }
        self.reach();
    }

    /// Reads a lane's account after it has traded.
    fn refresh(&mut self, lane: usize) {
        let simulator = &self.simulators[lane];
        (self.cash[lane], self.quantity[lane]) = (simulator.cash(), simulator.quantity());
        (self.floor[lane], self.ceiling[lane]) = simulator.exit_levels();
        // A position that is opened and stopped within a bar leaves no quantity, but another cash.
        self.was_idle = false;
    }

    /// What holds for all lanes after some have traded.
    fn reach(&mut self) {
        self.highest_floor = self.floor.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.lowest_ceiling = self.ceiling.iter().copied().fold(f64::INFINITY, f64::min);
        self.idle = self.quantity == [0.0; LANES];
    }

    /// Equity at the close, its change, and the tally of the change.
    #[inline(always)]
    fn mark(&mut self, close: f64) {
        if self.idle && self.was_idle {
            return self.returns.push(&[0.0; LANES]);
        }
        let (cash, quantity, previous) = (self.cash, self.quantity, self.previous);
        let equity = each(|lane| cash[lane] + quantity[lane] * close);
        let change = each(|lane| equity[lane] / previous[lane] - 1.0);
        let earned = each(|lane| if previous[lane] > 0.0 { change[lane] } else { 0.0 });
        self.returns.push(&earned);
        let held = each(|lane| if quantity[lane] != 0.0 { 1.0 } else { 0.0 });
        self.periods_held = each(|lane| self.periods_held[lane] + held[lane]);
        self.previous = equity;
        self.was_idle = self.idle;
    }

    fn into_running(self) -> Vec<(Running, Standing)> {
        let Group { entries, simulators, returns, periods_held, trade_pnls, .. } = self;
        let lanes = simulators.into_iter().zip(trade_pnls).enumerate().take(entries.len());
        lanes
            .map(|(lane, (simulator, trade_pnls))| {
                let (wanted, next_change) = (self.wanted[lane], self.next_change[lane]);
                let standing = Standing { simulator, wanted, next_change, previous: self.previous[lane] };
                let periods_held = periods_held[lane] as u64;
                (Running { returns: returns.get(lane), periods_held, trade_pnls }, standing)
            })
            .collect()
    }
}
