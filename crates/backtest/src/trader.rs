//! A strategy that trades an account bar by bar, as bars arrive: paper trading. The same steps in the same order as
//! `crate::kernel::run`, which a property test compares to the last bit.

use std::collections::VecDeque;

use crate::account::Account;
use crate::bars::BarRow;
use crate::costs::Costs;
use crate::guard::{Denied, Gate, Guard};
use crate::signal::Signal;
use crate::simulator::{Simulator, Step, Trade};
use crate::strategy::Strategy;

/// A strategy, its account, and the signals on their way to the market.
pub struct Trader<S> {
    strategy: S,
    simulator: Simulator,
    /// Of an account with limits.
    guard: Option<Guard>,
    /// Signals of the latest bars, oldest first: at most `delay`.
    pending: VecDeque<Signal>,
    /// Bars from a signal to its fill.
    delay: usize,
}

impl<S: Strategy> Trader<S> {
    /// An account in cash and a strategy before its first bar.
    pub fn new(strategy: S, costs: Costs, account: Account) -> Trader<S> {
        let delay = 1 + costs.latency_bars as usize;
        let (simulator, guard) = (Simulator::new(costs, account), Guard::of(&account));
        Trader { strategy, simulator, guard, pending: VecDeque::new(), delay }
    }

    /// Shows the strategy a bar from before the trading range.
    pub fn warm_up(&mut self, row: &BarRow) {
        self.take_due();
        if let Some(guard) = &mut self.guard {
            guard.see(row);
        }
        self.pending.push_back(self.strategy.on_bar(row));
    }

    /// Trades a bar that has closed, then shows it to the strategy.
    pub fn on_bar(&mut self, row: &BarRow) -> Step {
        let due = self.take_due();
        let step = match &mut self.guard {
            None => self.simulator.step(row, due),
            Some(guard) => guard.step(&mut self.simulator, row, due),
        };
        self.pending.push_back(self.strategy.on_bar(row));
        step
    }

    /// Closes what is open at the close of the last bar.
    pub fn finish(&mut self, row: &BarRow) -> Option<Trade> {
        match &mut self.guard {
            None => self.simulator.finish(row),
            Some(guard) => guard.finish(&mut self.simulator, row),
        }
    }

    /// Orders that the limits of the account have denied since this was asked last.
    pub fn take_denied(&mut self) -> Denied {
        self.guard.as_mut().map(Guard::take_denied).unwrap_or_default()
    }

    /// The account.
    pub fn account(&self) -> &Simulator {
        &self.simulator
    }

    fn take_due(&mut self) -> Option<Signal> {
        (self.pending.len() == self.delay).then(|| self.pending.pop_front()).flatten()
    }
}
