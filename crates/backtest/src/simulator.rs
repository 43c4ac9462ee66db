//! One account, a bar at a time: the state machine behind every backtest and behind paper trading.
//!
//! Order of events within a bar: the signal that is due trades at the opening; then the stop is checked against the
//! bar's low (long) or high (short); then equity is marked at the close. Bars are mids, so every fill pays half the
//! spread, slippage and commission. A position is sized once, at its entry, and never rebalanced.
//!
//! Invariants: equity = cash + quantity · close; final equity = capital + Σ pnl of the trades (to rounding).

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bars::BarRow;
use crate::costs::Costs;
use crate::signal::{Signal, Target};

/// A position from entry to exit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// Opening of the bar at which it was opened, nanoseconds since the epoch.
    pub entry_time: i64,
    /// When it was closed; a stop within a bar counts at the bar's close, the first moment it is known.
    pub exit_time: i64,
    /// Long or short.
    pub side: Target,
    /// Units, always positive.
    pub quantity: f64,
    /// Fill price, spread and slippage included.
    pub entry_price: f64,
    /// Fill price, spread and slippage included.
    pub exit_price: f64,
    /// Commissions of both fills.
    pub fees: f64,
    /// Profit after all costs.
    pub pnl: f64,
    /// Why it was closed.
    pub exit_reason: ExitReason,
}

/// Why a position was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The strategy wanted another position.
    Signal,
    /// The stop was touched.
    Stop,
    /// The range ended.
    EndOfRange,
}

/// What a bar did to the account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Equity at the close.
    pub equity: f64,
    /// Positions closed at the opening and by the stop, in this order.
    pub closed: [Option<Trade>; 2],
}

/// The account's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulator {
    costs: Costs,
    account: Account,
    cash: f64,
    position: Option<Position>,
    /// Direction in which a stop was hit: no entry until the signal has been something else.
    blocked: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Position {
    side: Target,
    /// Signed units.
    quantity: f64,
    entry_time: i64,
    entry_price: f64,
    entry_fee: f64,
    stop: Option<f64>,
}

impl Simulator {
    /// An account in cash.
    pub fn new(costs: Costs, account: Account) -> Simulator {
        Simulator { costs, account, cash: account.capital, position: None, blocked: Target::Flat }
    }

    /// Plays one bar. `due` is the signal decided at the close `1 + latency_bars` bars ago.
    #[inline]
    pub fn step(&mut self, row: &BarRow, due: Option<Signal>) -> Step {
        let at_open = due.and_then(|signal| self.trade_at_open(row, signal));
        let at_stop = self.check_stop(row);
        Step { equity: self.equity(row.close), closed: [at_open, at_stop] }
    }

    /// Closes what is open at the close of the last bar.
    pub fn finish(&mut self, row: &BarRow) -> Option<Trade> {
        self.exit(row.close, row.close_spread, row.close_time, ExitReason::EndOfRange)
    }

    /// Equity when the price is `price`.
    pub fn equity(&self, price: f64) -> f64 {
        match &self.position {
            None => self.cash,
            Some(position) => self.cash + position.quantity * price,
        }
    }

    /// Money that is in no position.
    pub(crate) fn cash(&self) -> f64 {
        self.cash
    }

    /// The prices that stop a long position from above and a short one from below; out of reach where there is none.
    pub(crate) fn stop_levels(&self) -> (f64, f64) {
        match self.position {
            Some(Position { side: Target::Long, stop: Some(stop), .. }) => (stop, f64::INFINITY),
            Some(Position { side: Target::Short, stop: Some(stop), .. }) => (f64::NEG_INFINITY, stop),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// True when openings change nothing for as long as `target` is what is wanted.
    pub(crate) fn rests_at(&self, target: Target) -> bool {
        let target = self.allowed(target);
        let side = self.position.map_or(Target::Flat, |position| position.side);
        if self.blocked == Target::Flat { target == side } else { target == self.blocked }
    }

    /// What may be held when `target` is wanted.
    fn allowed(&self, target: Target) -> Target {
        match target {
            Target::Short if !self.account.allow_short => Target::Flat,
            target => target,
        }
    }

    /// Signed units held.
    pub fn quantity(&self) -> f64 {
        self.position.map_or(0.0, |position| position.quantity)
    }

    fn trade_at_open(&mut self, row: &BarRow, signal: Signal) -> Option<Trade> {
        let target = self.allowed(signal.target);
        if target != Target::Flat && target == self.blocked {
            return None;
        }
        self.blocked = Target::Flat;
        if target == self.position.map_or(Target::Flat, |position| position.side) {
            return None;
        }
        let closed = self.exit(row.open, row.open_spread, row.open_time, ExitReason::Signal);
        self.enter(row, Signal { target, ..signal });
        closed
    }

    /// Opens a position from cash; does nothing when flat is wanted or nothing can be bought.
    fn enter(&mut self, row: &BarRow, signal: Signal) {
        let side = signal.target;
        let price = match side {
            Target::Flat => return,
            Target::Long => self.costs.buy_price(row.open, row.open_spread),
            Target::Short => self.costs.sell_price(row.open, row.open_spread),
        };
        let commission = self.costs.commission();
        let Some(units) = self.account.quantity(self.cash, price, commission, signal.stop_distance) else {
            return;
        };
        let quantity = side.sign() * units;
        let fee = units * price * commission;
        self.cash -= quantity * price;
        self.cash -= fee;
        let stop = signal.stop_distance.map(|distance| price - side.sign() * distance);
        let entry_time = row.open_time;
        self.position =
            Some(Position { side, quantity, entry_time, entry_price: price, entry_fee: fee, stop });
    }

    /// Closes the position, if any, when the mid is `mid`.
    fn exit(&mut self, mid: f64, spread: f64, time: i64, reason: ExitReason) -> Option<Trade> {
        let position = self.position.take()?;
        let price = match position.side {
            Target::Long => self.costs.sell_price(mid, spread),
            Target::Short | Target::Flat => self.costs.buy_price(mid, spread),
        };
        let fee = position.quantity.abs() * price * self.costs.commission();
        self.cash += position.quantity * price;
        self.cash -= fee;
        let fees = position.entry_fee + fee;
        Some(Trade {
            entry_time: position.entry_time,
            exit_time: time,
            side: position.side,
            quantity: position.quantity.abs(),
            entry_price: position.entry_price,
            exit_price: price,
            fees,
            pnl: position.quantity * (price - position.entry_price) - fees,
            exit_reason: reason,
        })
    }

    /// A stop fills at its own price, or at the opening when the market has jumped over it.
    fn check_stop(&mut self, row: &BarRow) -> Option<Trade> {
        let Position { side, stop: Some(stop), .. } = self.position? else { return None };
        let (touched, mid) = match side {
            Target::Long => (row.low <= stop, row.open.min(stop)),
            Target::Short => (row.high >= stop, row.open.max(stop)),
            Target::Flat => return None,
        };
        if !touched {
            return None;
        }
        self.blocked = side;
        self.exit(mid, row.open_spread, row.close_time, ExitReason::Stop)
    }
}
