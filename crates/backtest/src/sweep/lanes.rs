//! Crosses of simple moving averages, several pairs at once.
//!
//! A lane is one pair. Every lane performs the operations of [`crate::simulator`] and of the tally in
//! [`crate::kernel`] in their order; only the lanes of a group advance together, so that the compiler can put them
//! into vector registers. The lanes of a group share the fast window and have neighbouring slow windows, which makes
//! their averages adjacent in memory. Bars go by in blocks that fit the cache, so each window's average is computed
//! once for all pairs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::account::{Account, Sizing};
use crate::bars::Bars;
use crate::costs::Costs;
use crate::kernel::{Summary, sharpe};

/// Pairs that advance together.
const LANES: usize = 8;
/// Bars whose averages are held at once.
const BLOCK: usize = 256;

/// A pair of windows and where its summary goes.
pub(super) struct Pair {
    pub(super) fast: usize,
    pub(super) slow: usize,
    pub(super) index: usize,
}

/// Plays all pairs and writes their summaries.
pub(super) fn play(
    bars: &Bars,
    range: Range<usize>,
    pairs: Vec<Pair>,
    costs: &Costs,
    account: &Account,
    summaries: &mut [Summary],
) {
    let range = bars.clamp(range);
    if pairs.is_empty() || range.is_empty() {
        return;
    }
    let market = Market::new(bars, range.clone(), costs, account);
    let mut means = RollingMeans::new(&pairs);
    let mut groups = group(pairs, &means.windows, account.capital);
    let last = range.end - 1;
    for start in (0..last.saturating_sub(market.delay - 1)).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(last + 1 - market.delay);
        means.advance(&bars.close, rows.clone());
        for group in &mut groups {
            group.advance(&market, &means, rows.clone());
        }
    }
    for group in groups {
        for (pair, summary) in group.summaries(&market) {
            summaries[pair] = summary;
        }
    }
}

/// The bars, and what trading costs on them.
struct Market<'a> {
    bars: &'a Bars,
    range: Range<usize>,
    costs: &'a Costs,
    capital: f64,
    /// Share of equity per trade.
    fraction: f64,
    /// Target below a cross: −1, or 0 where nothing is sold short.
    below: f64,
    /// Bars from a signal to its fill.
    delay: usize,
}

impl<'a> Market<'a> {
    fn new(bars: &'a Bars, range: Range<usize>, costs: &'a Costs, account: &Account) -> Market<'a> {
        let percent = if let Sizing::Percent(percent) = account.sizing { percent } else { 0.0 };
        Market {
            bars,
            range,
            costs,
            capital: account.capital,
            fraction: percent / 100.0,
            below: if account.allow_short { -1.0 } else { 0.0 },
            delay: 1 + costs.latency_bars as usize,
        }
    }
}

/// Averages of every window over a block of bars: a row a bar, a column a window, not a number where undefined
/// (which compares as neither above nor below, so the target stays as it is).
struct RollingMeans {
    /// Distinct, ascending.
    windows: Vec<usize>,
    sums: Vec<f64>,
    /// Columns, with room for the last group to be read whole.
    stride: usize,
    means: Vec<f64>,
}

impl RollingMeans {
    fn new(pairs: &[Pair]) -> RollingMeans {
        let mut windows: Vec<usize> = pairs.iter().flat_map(|pair| [pair.fast, pair.slow]).collect();
        windows.sort_unstable();
        windows.dedup();
        let stride = windows.len() + LANES - 1;
        RollingMeans {
            sums: vec![0.0; windows.len()],
            windows,
            stride,
            means: vec![f64::NAN; BLOCK * stride],
        }
    }

    /// Computes the rows of the next block, by the recurrence of `quant::indicators::sma`.
    fn advance(&mut self, close: &[f64], rows: Range<usize>) {
        for (bar, means) in rows.zip(self.means.chunks_exact_mut(self.stride)) {
            let newest = close[bar];
            for ((window, sum), mean) in self.windows.iter().zip(&mut self.sums).zip(means) {
                *sum += newest;
                if bar + 1 >= *window {
                    *mean = *sum / *window as f64;
                    *sum -= close[bar + 1 - window];
                }
            }
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.means[row * self.stride..(row + 1) * self.stride]
    }
}

type Lane = [f64; LANES];

/// Pairs with one fast window and neighbouring slow ones, and the state of their accounts.
struct Group {
    /// Column of the fast window, and of the first slow one.
    fast: usize,
    slow: usize,
    /// Which pair is in which lane; lanes without one are played and forgotten.
    members: Vec<(usize, usize)>,
    /// What is wanted and what is held: −1, 0 or +1.
    target: Lane,
    side: Lane,
    quantity: Lane,
    cash: Lane,
    trades: [u64; LANES],
    previous: Lane,
    sum: Lane,
    squares: Lane,
    peak: Lane,
    trough: Lane,
    trough_peak: Lane,
}

/// Sorts pairs by fast and slow window and fills lanes with runs of neighbours.
fn group(pairs: Vec<Pair>, windows: &[usize], capital: f64) -> Vec<Group> {
    let column: BTreeMap<usize, usize> = windows.iter().copied().zip(0..).collect();
    let mut placed: Vec<(usize, usize, usize)> =
        pairs.iter().map(|pair| (column[&pair.fast], column[&pair.slow], pair.index)).collect();
    placed.sort_unstable();
    let mut groups: Vec<Group> = Vec::new();
    for (fast, slow, index) in placed {
        match groups.last_mut() {
            Some(group) if group.fast == fast && slow < group.slow + LANES => {
                group.members.push((slow - group.slow, index));
            }
            _ => groups.push(Group::new(fast, slow, index, capital)),
        }
    }
    groups
}

impl Group {
    fn new(fast: usize, slow: usize, index: usize, capital: f64) -> Group {
        Group {
            fast,
            slow,
            members: vec![(0, index)],
            target: [0.0; LANES],
            side: [0.0; LANES],
            quantity: [0.0; LANES],
            cash: [capital; LANES],
            trades: [0; LANES],
            previous: [capital; LANES],
            sum: [0.0; LANES],
            squares: [0.0; LANES],
            peak: [capital; LANES],
            trough: [capital; LANES],
            trough_peak: [capital; LANES],
        }
    }

    /// Plays the fills of the signals of `rows`; the means hold those rows from their beginning.
    fn advance(&mut self, market: &Market<'_>, means: &RollingMeans, rows: Range<usize>) {
        for (row, decided) in rows.enumerate() {
            let changed = self.decide(means.row(row), market.below);
            let bar = decided + market.delay;
            if bar < market.range.start {
                continue;
            }
            if changed {
                self.trade(market, bar);
            }
            if bar + 1 == market.range.end {
                self.finish(market, bar);
            }
            self.mark(market.bars.close[bar]);
        }
    }

    /// The rule of `ma-cross`; true when some lane wants another position than it holds.
    #[inline]
    fn decide(&mut self, means: &[f64], below: f64) -> bool {
        let fast = means[self.fast];
        let slow = &means[self.slow..self.slow + LANES];
        let mut changed = false;
        for ((slow, target), side) in slow.iter().zip(&mut self.target).zip(&self.side) {
            let held = if fast < *slow { below } else { *target };
            *target = if fast > *slow { 1.0 } else { held };
            changed |= *target != *side;
        }
        changed
    }

    /// Equity at the close, and the tally of a bar.
    #[inline]
    fn mark(&mut self, close: f64) {
        for lane in 0..LANES {
            let equity = self.cash[lane] + self.quantity[lane] * close;
            let previous = self.previous[lane];
            let bar_return = if previous > 0.0 { equity / previous - 1.0 } else { 0.0 };
            self.sum[lane] += bar_return;
            self.squares[lane] += bar_return * bar_return;
            let peak = if equity > self.peak[lane] { equity } else { self.peak[lane] };
            let deeper = equity * self.trough_peak[lane] < self.trough[lane] * peak;
            self.trough[lane] = if deeper { equity } else { self.trough[lane] };
            self.trough_peak[lane] = if deeper { peak } else { self.trough_peak[lane] };
            self.peak[lane] = peak;
            self.previous[lane] = equity;
        }
    }

    /// Brings every lane to its target at the opening of `bar`.
    fn trade(&mut self, market: &Market<'_>, bar: usize) {
        let (open, spread) = (market.bars.open[bar], market.bars.open_spread[bar]);
        let (buy, sell) = (market.costs.buy_price(open, spread), market.costs.sell_price(open, spread));
        let commission = market.costs.commission();
        for lane in 0..LANES {
            let target = self.target[lane];
            if target == self.side[lane] {
                continue;
            }
            self.exit(lane, if self.side[lane] > 0.0 { sell } else { buy }, commission);
            let price = if target > 0.0 { buy } else { sell };
            let units = self.cash[lane] * market.fraction / (price * (1.0 + commission));
            let possible = price > 0.0 && self.cash[lane] > 0.0 && units > 0.0 && units.is_finite();
            if target != 0.0 && possible {
                let quantity = target * units;
                self.cash[lane] -= quantity * price;
                self.cash[lane] -= units * price * commission;
                self.quantity[lane] = quantity;
                self.side[lane] = target;
            }
        }
    }

    fn exit(&mut self, lane: usize, price: f64, commission: f64) {
        if self.side[lane] != 0.0 {
            let quantity = self.quantity[lane];
            self.cash[lane] += quantity * price;
            self.cash[lane] -= quantity.abs() * price * commission;
            self.quantity[lane] = 0.0;
            self.side[lane] = 0.0;
            self.trades[lane] += 1;
        }
    }

    /// Closes everything at the close of the last bar.
    fn finish(&mut self, market: &Market<'_>, bar: usize) {
        let (close, spread) = (market.bars.close[bar], market.bars.close_spread[bar]);
        let (buy, sell) = (market.costs.buy_price(close, spread), market.costs.sell_price(close, spread));
        for lane in 0..LANES {
            self.exit(lane, if self.side[lane] > 0.0 { sell } else { buy }, market.costs.commission());
        }
    }

    fn summaries<'a>(&'a self, market: &'a Market<'_>) -> impl Iterator<Item = (usize, Summary)> + 'a {
        self.members.iter().map(|(lane, index)| {
            let lane = *lane;
            let summary = Summary {
                total_return: self.previous[lane] / market.capital - 1.0,
                sharpe: sharpe(market.range.len() as u64, self.sum[lane], self.squares[lane]),
                max_drawdown: 1.0 - self.trough[lane] / self.trough_peak[lane],
                trades: self.trades[lane],
            };
            (*index, summary)
        })
    }
}
