//! Crosses of simple moving averages, several pairs at once.
//!
//! A lane is one pair. Every lane performs the operations of `crate::simulator` and of the tally in
//! `crate::kernel` in their order; only the lanes of a group advance together, so that the compiler can put them
//! into vector registers. The lanes of a group share the fast window and have neighbouring slow windows, which makes
//! their averages adjacent in memory. Bars go by in blocks that fit the cache, so each window's average is computed
//! once for all pairs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::account::{Account, Sizing};
use crate::bars::Bars;
use crate::costs::Costs;
use crate::kernel::{Summary, sharpe};

/// Pairs that advance together. More would waste lanes at the end of a run of windows and gain nothing.
const LANES: usize = 4;
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

/// One operation on every lane.
#[inline(always)]
fn each(operation: impl Fn(usize) -> f64) -> Lane {
    std::array::from_fn(operation)
}

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
    trades: Lane,
    previous: Lane,
    sum: Lane,
    squares: Lane,
    peak: Lane,
    trough: Lane,
    trough_peak: Lane,
    /// Nothing is held, and that has been marked: until the next trade every return is exactly zero and another
    /// mark would change no bit. Neighbouring windows agree most of the time, so this saves a good third.
    settled: bool,
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
            trades: [0.0; LANES],
            previous: [capital; LANES],
            sum: [0.0; LANES],
            squares: [0.0; LANES],
            peak: [capital; LANES],
            trough: [capital; LANES],
            trough_peak: [capital; LANES],
            settled: false,
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
                self.settled = false;
            }
            if bar + 1 == market.range.end {
                self.finish(market, bar);
                self.settled = false;
            }
            if !self.settled {
                self.mark(market.bars.close[bar]);
                self.settled = self.side == [0.0; LANES];
            }
        }
    }

    /// The rule of `ma-cross`; true when some lane wants another position than it holds.
    #[inline]
    fn decide(&mut self, means: &[f64], below: f64) -> bool {
        let fast = means[self.fast];
        let slow: &Lane = means[self.slow..].first_chunk().expect("rows have room for a whole group");
        let target = self.target;
        let held = each(|lane| if fast < slow[lane] { below } else { target[lane] });
        self.target = each(|lane| if fast > slow[lane] { 1.0 } else { held[lane] });
        // Distances are 0, 1 or 2, so their sum is zero only when all are.
        let distance = each(|lane| (self.target[lane] - self.side[lane]).abs());
        (distance[0] + distance[2]) + (distance[1] + distance[3]) != 0.0
    }

    /// Equity at the close, and the tally of a bar. One operation on all lanes after the other, and selections
    /// between computed values instead of branches, because that is what the compiler vectorises.
    #[inline]
    fn mark(&mut self, close: f64) {
        let previous = self.previous;
        let equity = each(|lane| self.cash[lane] + self.quantity[lane] * close);
        let change = each(|lane| equity[lane] / previous[lane] - 1.0);
        let earned = each(|lane| if previous[lane] > 0.0 { change[lane] } else { 0.0 });
        self.sum = each(|lane| self.sum[lane] + earned[lane]);
        self.squares = each(|lane| self.squares[lane] + earned[lane] * earned[lane]);
        let peak = each(|lane| if equity[lane] > self.peak[lane] { equity[lane] } else { self.peak[lane] });
        let (trough, trough_peak) = (self.trough, self.trough_peak);
        let (depth, deepest) =
            (each(|lane| equity[lane] * trough_peak[lane]), each(|lane| trough[lane] * peak[lane]));
        self.trough = each(|lane| if depth[lane] < deepest[lane] { equity[lane] } else { trough[lane] });
        self.trough_peak =
            each(|lane| if depth[lane] < deepest[lane] { peak[lane] } else { trough_peak[lane] });
        self.peak = peak;
        self.previous = equity;
    }

    /// Brings every lane to its target at the opening of `bar`: what is held is sold, then what is wanted is bought
    /// from cash. Computed for all lanes, kept for those that change.
    fn trade(&mut self, market: &Market<'_>, bar: usize) {
        let (open, spread) = (market.bars.open[bar], market.bars.open_spread[bar]);
        let (buy, sell) = (market.costs.buy_price(open, spread), market.costs.sell_price(open, spread));
        let commission = market.costs.commission();
        let (target, side, quantity, cash) = (self.target, self.side, self.quantity, self.cash);

        let exit = each(|lane| if side[lane] > 0.0 { sell } else { buy });
        let proceeds = each(|lane| cash[lane] + quantity[lane] * exit[lane]);
        let free = each(|lane| proceeds[lane] - quantity[lane].abs() * exit[lane] * commission);

        let entry = each(|lane| if target[lane] > 0.0 { buy } else { sell });
        let units = each(|lane| free[lane] * market.fraction / (entry[lane] * (1.0 + commission)));
        let possible = |lane: usize| {
            (target[lane] != 0.0)
                & (entry[lane] > 0.0)
                & (free[lane] > 0.0)
                & (units[lane] > 0.0)
                & (units[lane] < f64::INFINITY)
        };
        let bought = each(|lane| if possible(lane) { units[lane] } else { 0.0 });
        let new_side = each(|lane| if possible(lane) { target[lane] } else { 0.0 });
        let new_quantity = each(|lane| new_side[lane] * bought[lane]);
        let paid = each(|lane| free[lane] - new_quantity[lane] * entry[lane]);
        let left = each(|lane| paid[lane] - bought[lane] * entry[lane] * commission);

        let changes = |lane: usize| target[lane] != side[lane];
        self.trades = each(|lane| self.trades[lane] + if changes(lane) { side[lane].abs() } else { 0.0 });
        self.cash = each(|lane| if changes(lane) { left[lane] } else { cash[lane] });
        self.quantity = each(|lane| if changes(lane) { new_quantity[lane] } else { quantity[lane] });
        self.side = each(|lane| if changes(lane) { new_side[lane] } else { side[lane] });
    }

    /// Closes everything at the close of the last bar.
    fn finish(&mut self, market: &Market<'_>, bar: usize) {
        let (close, spread) = (market.bars.close[bar], market.bars.close_spread[bar]);
        let (buy, sell) = (market.costs.buy_price(close, spread), market.costs.sell_price(close, spread));
        for lane in 0..LANES {
            if self.side[lane] == 0.0 {
                continue;
            }
            let price = if self.side[lane] > 0.0 { sell } else { buy };
            self.cash[lane] += self.quantity[lane] * price;
            self.cash[lane] -= self.quantity[lane].abs() * price * market.costs.commission();
            self.quantity[lane] = 0.0;
            self.trades[lane] += 1.0;
        }
    }

    fn summaries<'a>(&'a self, market: &'a Market<'_>) -> impl Iterator<Item = (usize, Summary)> + 'a {
        self.members.iter().map(|(lane, index)| {
            let lane = *lane;
            let summary = Summary {
                total_return: self.previous[lane] / market.capital - 1.0,
                sharpe: sharpe(market.range.len() as u64, self.sum[lane], self.squares[lane]),
                max_drawdown: 1.0 - self.trough[lane] / self.trough_peak[lane],
                trades: self.trades[lane] as u64,
            };
            (*index, summary)
        })
    }
}
