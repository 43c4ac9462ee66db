//! A run over a range of bars. A signal decided at the close of bar `i` fills at the opening of bar
//! `i + 1 + latency_bars`.
//!
//! Signals may come from bars before the range (that is the warm-up); fills happen inside it only. So the first
//! fill can be at the very first opening of the range, and what is open at its last close is closed there, with
//! costs.
//!
//! A range may be run in segments, one after another, each with signals of its own: it is one account all the way
//! through, and with the same signals in each the result is that of one run, to the last bit.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bars::Bars;
use crate::costs::Costs;
use crate::guard::{Denied, Gate, Guard, Open};
use crate::signal::Signals;
use crate::simulator::{Simulator, Step, Trade};

/// Everything about a run, one entry a bar of the range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Equity at the close over equity at the close before, less one.
    pub returns: Vec<f64>,
    /// Equity at the close, in the account's currency.
    pub equity: Vec<f64>,
    /// Signed units held during the bar, from its opening on; a stop may have closed them before the close.
    pub positions: Vec<f64>,
    /// Closed positions, in the order of their exits.
    pub trades: Vec<Trade>,
    /// The account so far in a few numbers: this range and the segments before it.
    pub summary: Summary,
    /// Orders of this range that the limits of the account denied.
    #[serde(default)]
    pub denied: Denied,
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
    /// What the account owes beyond what it had, in its currency; zero unless it was liquidated.
    pub shortfall: f64,
}

/// Runs signals over the bars of `range` (cut at the end of the bars).
pub fn run(bars: &Bars, range: Range<usize>, signals: &Signals, costs: &Costs, account: &Account) -> Outcome {
    Run::new(bars, costs, account).segment(range, signals, Then::Close)
}

/// The summary of [`run`], to the last bit, without its columns.
pub fn summary(
    bars: &Bars,
    range: Range<usize>,
    signals: &Signals,
    costs: &Costs,
    account: &Account,
) -> Summary {
    let mut run = Run::new(bars, costs, account);
    run.play(range, signals, Then::Close, |_, _| {});
    run.summary()
}

/// What happens to an open position at the end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It stays for the segment that follows.
    GoOn,
    /// It is closed at the last close, with costs.
    Close,
}

/// An account on its way through the bars, segment by segment, in their order.
pub struct Run<'a> {
    bars: &'a Bars,
    /// Bars from a signal to its fill.
    delay: usize,
    simulator: Simulator,
    /// Of an account with limits.
    guard: Option<Guard>,
    tally: Tally,
}

impl<'a> Run<'a> {
    /// An account in cash.
    pub fn new(bars: &'a Bars, costs: &Costs, account: &Account) -> Run<'a> {
        Run {
            bars,
            delay: 1 + costs.latency_bars as usize,
            simulator: Simulator::new(*costs, *account),
            guard: Guard::of(account),
            tally: Tally::new(account.capital),
        }
    }

    /// Another model takes the account over before bar `next`; `signals` are what it wants. See
    /// [`Simulator::hand_over`].
    pub fn hand_over(&mut self, next: usize, signals: &Signals) {
        let wanted = next.checked_sub(self.delay).and_then(|decided| signals.get(decided));
        if let (Some(last), Some(wanted)) = (next.checked_sub(1), wanted) {
            self.simulator.hand_over(self.bars.close[last], wanted);
        }
    }

    /// Runs the next segment (cut at the end of the bars).
    pub fn segment(&mut self, range: Range<usize>, signals: &Signals, then: Then) -> Outcome {
        let length = self.bars.clamp(range.clone()).len();
        let column = || Vec::with_capacity(length);
        let mut outcome =
            Outcome { returns: column(), equity: column(), positions: column(), ..Outcome::default() };
        self.play(range, signals, then, |step, bar_return| {
            outcome.returns.push(bar_return);
            outcome.equity.push(step.equity);
            outcome.positions.push(step.held);
            outcome.trades.extend(step.closed.into_iter().flatten());
        });
        outcome.summary = self.summary();
        outcome.denied = self.guard.as_mut().map(Guard::take_denied).unwrap_or_default();
        outcome
    }

    /// The account so far in a few numbers.
    pub fn summary(&self) -> Summary {
        Summary { shortfall: self.simulator.shortfall(), ..self.tally.summary() }
    }

    /// Plays the bars in order and shows each to `record`, with its return. Whether there are limits is asked once, not at
    /// each bar.
    fn play(&mut self, range: Range<usize>, signals: &Signals, then: Then, record: impl FnMut(Step, f64)) {
        let range = self.bars.clamp(range);
        match self.guard.take() {
            None => self.play_through(&mut Open, range, signals, then, record),
            Some(mut guard) => {
                if let Some(before) = range.start.checked_sub(1) {
                    guard.see(&self.bars.row(before));
                }
                self.play_through(&mut guard, range, signals, then, record);
                self.guard = Some(guard);
            }
        }
    }

    fn play_through(
        &mut self,
        gate: &mut impl Gate,
        range: Range<usize>,
        signals: &Signals,
        then: Then,
        mut record: impl FnMut(Step, f64),
    ) {
        for index in range.clone() {
            let row = self.bars.row(index);
            let due = index.checked_sub(self.delay).and_then(|decided| signals.get(decided));
            let mut step = gate.step(&mut self.simulator, &row, due);
            if then == Then::Close && index + 1 == range.end {
                // What a stop has closed is not open at the close, so the second place is free.
                if let Some(trade) = gate.finish(&mut self.simulator, &row) {
                    let (equity, closed) = (self.simulator.equity(row.close), [step.closed[0], Some(trade)]);
                    step = Step { equity, closed, ..step };
                }
            }
            self.tally.trades += step.closed.iter().flatten().count() as u64;
            let bar_return = self.tally.push(step.equity);
            record(step, bar_return);
        }
    }
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
            shortfall: 0.0,
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
