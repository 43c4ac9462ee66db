//! One account, a bar at a time: the state machine behind every backtest and behind paper trading.
//!
//! Order of events within a bar: the signal that is due trades at the opening; then the stop and the liquidation are
//! checked against the bar's low (long) or high (short); then equity is marked at the close. Bars are mids, so every fill
//! pays half the spread, slippage and commission. A position is sized once, at its entry, and never rebalanced.
//!
//! A position is liquidated at the mid at which nothing is left of the equity beyond the maintenance margin, or at the
//! opening when the market has jumped over that mid. The account stays flat from there on. What it owes then is its
//! shortfall, not its equity: an account loses what it has and no more.
//!
//! Invariants: equity = cash + quantity · close, never below zero at the close of a bar once flat; final equity =
//! capital + Σ pnl of the trades + shortfall (to rounding).

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bars::BarRow;
use crate::costs::{Costs, Quote};
use crate::signal::{AfterStop, Signal, StopLevel, Target};

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
    /// The equity was used up.
    Liquidation,
    /// The range ended.
    EndOfRange,
}

/// What a bar did to the account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Equity at the close.
    pub equity: f64,
    /// Positions closed at the opening, and by a stop or a liquidation, in this order.
    pub closed: [Option<Trade>; 2],
    /// Signed units held after the opening; a stop may have closed them before the close.
    pub held: f64,
}

/// The account's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulator {
    costs: Costs,
    account: Account,
    cash: f64,
    position: Option<Position>,
    /// Direction of a stop that was hit, while its strategy waits: no entry until something else has been wanted.
    blocked: Target,
    /// Nothing is traded any more.
    liquidated: bool,
    /// What the account owes beyond what it had.
    shortfall: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Position {
    side: Target,
    /// Signed units.
    quantity: f64,
    entry_time: i64,
    entry_price: f64,
    entry_fee: f64,
    stop: Option<StopLevel>,
}

impl Simulator {
    /// An account in cash.
    pub fn new(costs: Costs, account: Account) -> Simulator {
        Simulator {
            costs,
            account,
            cash: account.capital,
            position: None,
            blocked: Target::Flat,
            liquidated: false,
            shortfall: 0.0,
        }
    }

    /// Plays one bar. `due` is the signal decided at the close `1 + latency_bars` bars ago.
    #[inline(always)]
    pub fn step(&mut self, row: &BarRow, due: Option<Signal>) -> Step {
        let trades = due.filter(|signal| self.trades_at_open(signal.target));
        let at_open = trades.and_then(|signal| self.trade_at_open(row, signal));
        let held = self.quantity();
        let within = self.check_levels(row);
        Step { equity: self.equity(row.close), closed: [at_open, within], held }
    }

    /// Another model takes the account over after a bar that closed at `close`, and `wanted` is what it wants first. A
    /// position of the same side stays, with its quantity and its entry, and the new stop counts from this close on.
    pub fn hand_over(&mut self, close: f64, wanted: Signal) {
        self.blocked = Target::Flat;
        let side = self.allowed(wanted.target);
        if let Some(position) = self.position.as_mut().filter(|position| position.side == side) {
            position.stop = wanted.stop.map(|stop| stop.level(side, close));
        }
    }

    /// Closes what is open at the close of the last bar.
    pub fn finish(&mut self, row: &BarRow) -> Option<Trade> {
        let quote = self.costs.quote(row.close, row.close_spread);
        self.exit(&quote, row.close_time, ExitReason::EndOfRange)
    }

    /// Equity when the price is `price`.
    pub fn equity(&self, price: f64) -> f64 {
        match &self.position {
            None => self.cash,
            Some(position) => self.cash + position.quantity * price,
        }
    }

    /// What it pays.
    pub(crate) fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Money that is in no position.
    pub(crate) fn cash(&self) -> f64 {
        self.cash
    }

    /// What the account owes beyond what it had; zero unless it was liquidated.
    pub fn shortfall(&self) -> f64 {
        self.shortfall
    }

    /// The mids that end a long position from above and a short one from below, by its stop or by liquidation; out of
    /// reach where there is no position.
    #[inline]
    pub(crate) fn exit_levels(&self) -> (f64, f64) {
        let (floor, ceiling) = (f64::NEG_INFINITY, f64::INFINITY);
        let Some(position) = &self.position else { return (floor, ceiling) };
        let liquidation = self.liquidation_mid(position);
        // Selections rather than `max` and `min`, which would care for NaN at every step.
        match position.side {
            Target::Long => {
                let stop = position.stop.map_or(floor, |stop| stop.mid);
                (if stop > liquidation { stop } else { liquidation }, ceiling)
            }
            Target::Short => {
                let stop = position.stop.map_or(ceiling, |stop| stop.mid);
                (floor, if stop < liquidation { stop } else { liquidation })
            }
            Target::Flat => (floor, ceiling),
        }
    }

    /// The mid at which the equity is down to the maintenance margin of the position.
    #[inline]
    fn liquidation_mid(&self, position: &Position) -> f64 {
        let margin = position.side.sign() * self.account.maintenance_margin;
        -self.cash / (position.quantity * (1.0 - margin))
    }

    /// True when openings change nothing for as long as `target` is what is wanted.
    pub(crate) fn rests_at(&self, target: Target) -> bool {
        if self.liquidated {
            return true;
        }
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

    /// True when another position is wanted at an opening than is held. A side whose stop was hit is free again once
    /// something else is wanted.
    #[inline(always)]
    pub(crate) fn trades_at_open(&mut self, target: Target) -> bool {
        let target = self.allowed(target);
        if self.liquidated || (target != Target::Flat && target == self.blocked) {
            return false;
        }
        self.blocked = Target::Flat;
        target != self.position.map_or(Target::Flat, |position| position.side)
    }

    /// Trades at the opening of a bar. Not inlined, since it is rare and would bury the bars at which nothing happens.
    #[inline(never)]
    fn trade_at_open(&mut self, row: &BarRow, wanted: Signal) -> Option<Trade> {
        self.trade(wanted, &self.costs.quote(row.open, row.open_spread), row.open_time)
    }

    /// Closes the position, if any, and opens the one that is wanted instead.
    #[inline(always)]
    pub(crate) fn trade(&mut self, wanted: Signal, quote: &Quote, time: i64) -> Option<Trade> {
        let closed = self.exit(quote, time, ExitReason::Signal);
        self.enter(quote, time, Signal { target: self.allowed(wanted.target), ..wanted });
        closed
    }

    /// Opens a position from cash; does nothing when flat is wanted or nothing can be bought.
    #[inline(always)]
    fn enter(&mut self, quote: &Quote, time: i64, signal: Signal) {
        let side = signal.target;
        let price = match side {
            Target::Flat => return,
            Target::Long => quote.buy,
            Target::Short => quote.sell,
        };
        let commission = quote.commission;
        let Some(units) =
            self.account.quantity(self.cash, price, commission, signal.stop.map(|stop| stop.distance))
        else {
            return;
        };
        let quantity = side.sign() * units;
        let fee = units * price * commission;
        self.cash -= quantity * price;
        self.cash -= fee;
        let stop = signal.stop.map(|stop| stop.level(side, price));
        self.position =
            Some(Position { side, quantity, entry_time: time, entry_price: price, entry_fee: fee, stop });
    }

    /// Closes the position, if any.
    #[inline(always)]
    fn exit(&mut self, quote: &Quote, time: i64, reason: ExitReason) -> Option<Trade> {
        let position = self.position.take()?;
        let price = match position.side {
            Target::Long => quote.sell,
            Target::Short | Target::Flat => quote.buy,
        };
        let fee = position.quantity.abs() * price * quote.commission;
        self.cash += position.quantity * price;
        self.cash -= fee;
        if self.cash <= 0.0 {
            self.liquidated = true;
            self.shortfall = -self.cash;
            self.cash = 0.0;
        }
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

    /// A stop and a liquidation fill at their own mid, or at the opening when the market has jumped over it.
    #[inline]
    pub(crate) fn check_levels(&mut self, row: &BarRow) -> Option<Trade> {
        let Position { side, stop, .. } = self.position?;
        let (floor, ceiling) = self.exit_levels();
        let (level, touched, mid) = match side {
            Target::Long => (floor, row.low <= floor, row.open.min(floor)),
            Target::Short => (ceiling, row.high >= ceiling, row.open.max(ceiling)),
            Target::Flat => return None,
        };
        if !touched {
            return None;
        }
        match stop.filter(|stop| stop.mid == level) {
            Some(stop) => {
                self.blocked = match stop.after {
                    AfterStop::Wait => side,
                    AfterStop::Reenter => Target::Flat,
                };
                self.exit_within(row, mid, ExitReason::Stop)
            }
            None => {
                self.liquidated = true;
                self.exit_within(row, mid, ExitReason::Liquidation)
            }
        }
    }

    /// Closes the position, if any, within a bar when the mid is `mid`. Not inlined, since it is rare.
    #[inline(never)]
    fn exit_within(&mut self, row: &BarRow, mid: f64, reason: ExitReason) -> Option<Trade> {
        self.exit(&self.costs.quote(mid, row.open_spread), row.close_time, reason)
    }
}
