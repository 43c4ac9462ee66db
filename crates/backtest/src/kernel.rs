//! A run over a range of bars. A signal decided at the close of bar `i` fills at the opening of bar
//! `i + 1 + latency_bars`.
//!
//! Signals may come from bars before the range (that is the warm-up); fills happen inside it only. So the first
//! fill can be at the very first opening of the range, and what is open at its last close is closed there, with
//! costs.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bars::Bars;
use crate::costs::Costs;
use crate::signal::Signals;
use crate::simulator::{Simulator, Step, Trade};

/// Everything about a run, one entry a bar of the range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Equity at the close over equity at the close before, less one.
    pub returns: Vec<f64>,
    /// Equity at the close, in the account's currency.
    pub equity: Vec<f64>,
    /// Signed units held at the close.
    pub positions: Vec<f64>,
    /// Closed positions, in the order of their exits.
    pub trades: Vec<Trade>,
    /// The same run in a few numbers.
    pub summary: Summary,
}

/// A run in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Final equity over capital, less one.
    pub total_return: f64,
    /// Mean over sample standard deviation of the returns per bar, not annualised; `None` when they do not vary.
    pub sharpe: Option<f64>,
    /// Deepest fall below an earlier peak of equity, as a share of that peak.
    pub max_drawdown: f64,
    /// Closed positions.
    pub trades: u64,
}

/// Runs signals over the bars of `range` (cut at the end of the bars).
pub fn run(bars: &Bars, range: Range<usize>, signals: &Signals, costs: &Costs, account: &Account) -> Outcome {
    let length = bars.clamp(range.clone()).len();
    let column = || Vec::with_capacity(length);
    let mut outcome =
        Outcome { returns: column(), equity: column(), positions: column(), ..Outcome::default() };
    outcome.summary = play(bars, range, signals, costs, account, |step, bar_return, quantity| {
        outcome.returns.push(bar_return);
        outcome.equity.push(step.equity);
        outcome.positions.push(quantity);
        outcome.trades.extend(step.closed.into_iter().flatten());
    });
    outcome
}

/// The summary of [`run`], to the last bit, without its columns.
pub fn summary(
    bars: &Bars,
    range: Range<usize>,
    signals: &Signals,
    costs: &Costs,
    account: &Account,
) -> Summary {
    play(bars, range, signals, costs, account, |_, _, _| {})
}

/// Plays the bars in order and shows each to `record`, with its return and the units held at its close.
fn play(
    bars: &Bars,
    range: Range<usize>,
    signals: &Signals,
    costs: &Costs,
    account: &Account,
    mut record: impl FnMut(Step, f64, f64),
) -> Summary {
    let range = bars.clamp(range);
    let delay = 1 + costs.latency_bars as usize;
    let mut simulator = Simulator::new(*costs, *account);
    let mut tally = Tally::new(account.capital);
    for index in range.clone() {
        let row = bars.row(index);
        let due = index.checked_sub(delay).and_then(|decided| signals.get(decided));
        let mut step = simulator.step(&row, due);
        if index + 1 == range.end {
            // What the stop has closed is not open at the close, so the second place is free.
            if let Some(trade) = simulator.finish(&row) {
                step = Step { equity: simulator.equity(row.close), closed: [step.closed[0], Some(trade)] };
            }
        }
        tally.trades += step.closed.iter().flatten().count() as u64;
        let bar_return = tally.push(step.equity);
        record(step, bar_return, simulator.quantity());
    }
    tally.summary()
}

/// Running numbers of a summary.
struct Tally {
    capital: f64,
    previous: f64,
    bars: u64,
    sum: f64,
    squares: f64,
    peak: f64,
    /// Equity and peak at the deepest drawdown: compared by products, so that no bar needs a division for it.
    trough: f64,
    trough_peak: f64,
    trades: u64,
}

impl Tally {
    fn new(capital: f64) -> Tally {
        Tally {
            capital,
            previous: capital,
            bars: 0,
            sum: 0.0,
            squares: 0.0,
            peak: capital,
            trough: capital,
            trough_peak: capital,
            trades: 0,
        }
    }

    /// Takes the equity of the next bar and gives its return; nothing is earned on equity that is gone.
    fn push(&mut self, equity: f64) -> f64 {
        let bar_return = if self.previous > 0.0 { equity / self.previous - 1.0 } else { 0.0 };
        self.bars += 1;
        self.sum += bar_return;
        self.squares += bar_return * bar_return;
        self.peak = if equity > self.peak { equity } else { self.peak };
        if equity * self.trough_peak < self.trough * self.peak {
            (self.trough, self.trough_peak) = (equity, self.peak);
        }
        self.previous = equity;
        bar_return
    }

    fn summary(&self) -> Summary {
        Summary {
            total_return: self.previous / self.capital - 1.0,
            sharpe: sharpe(self.bars, self.sum, self.squares),
            max_drawdown: 1.0 - self.trough / self.trough_peak,
            trades: self.trades,
        }
    }
}

/// Mean over sample standard deviation, from the sums of `bars` returns and of their squares.
pub(crate) fn sharpe(bars: u64, sum: f64, squares: f64) -> Option<f64> {
    let count = bars as f64;
    let variance = (squares - sum * sum / count) / (count - 1.0);
    // Below that, what is left of the difference is rounding: equal returns do not vary.
    let varies = bars > 1 && variance > 1e-12 * (squares / count);
    varies.then(|| sum / count / variance.sqrt())
}
