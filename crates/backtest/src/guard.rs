//! The pre-trade checks of an account with limits: what a signal wants at an opening is an order, which passes
//! [`gauntlet_pretrade::check`](gauntlet_pretrade::check()) before it fills.
//!
//! **The order** is at the market, for the whole difference between what is held and what is wanted: a reversal is one
//! order. It is sent before the opening is known, so its reference, of notional, exposure and leverage, is the last close.
//! What the collar compares with that is the price at which it would fill, spread and slippage included: the collar is a
//! condition that the order takes to the venue, and a market that has moved too far does not meet it. The opening decides
//! about no more than its own fill.
//!
//! **A denial** leaves the position as it is, with its stop. What is wanted is ordered again at the next opening, for as long
//! as it is wanted, and each denial counts. All checks hold for an order that closes, but position, gross exposure and leverage deny
//! only what makes them larger. When `max_repeats` is used up, every order is denied for the rest of the run, since
//! nobody is there to enable the strategy again.
//!
//! **Stops, liquidations and the end of a range** are exits that rest at the venue: they are not checked, take no token and
//! are no execution. The state follows them.
//!
//! **Integers.** The checks know the usual scale: quantities in hundred-millionths are rounded up, prices in billionths to
//! the nearest, and limits, read as the decimal numbers that they were written as, down. An order or a reference beyond 64
//! bits, and every order after money went beyond 128, is denied as `overflow`. A last close that is not above zero is no
//! reference: the one before it stays.
//!
//! Never sends an order, and never looks at a price after the opening.

use std::collections::BTreeMap;

use gauntlet_domain::{EventId, InstrumentId, ModelId, OrderLimits, Price, Quantity, Scale, Timestamp};
pub use gauntlet_pretrade::Reason;
use gauntlet_pretrade::{
    AccountLimits, Event, Fact, InstrumentLimits, Limits, Message, Money, Order, Rate, Request, Side, State,
    StrategyLimits, Terms, check, record,
};

use crate::account::Account;
use crate::bars::BarRow;
use crate::signal::Signal;
use crate::simulator::{Simulator, Step, Trade};

/// Denied orders by reason, in the order of the checks.
pub type Denied = BTreeMap<Reason, u64>;

/// What stands between a signal and the account.
pub(crate) trait Gate {
    /// Plays one bar, as [`Simulator::step`].
    fn step(&mut self, simulator: &mut Simulator, row: &BarRow, due: Option<Signal>) -> Step;
    /// Closes what is open at the close of the last bar, as [`Simulator::finish`].
    fn finish(&mut self, simulator: &mut Simulator, row: &BarRow) -> Option<Trade>;
}

/// No limits: every signal is traded.
pub(crate) struct Open;

impl Gate for Open {
    #[inline(always)]
    fn step(&mut self, simulator: &mut Simulator, row: &BarRow, due: Option<Signal>) -> Step {
        simulator.step(row, due)
    }

    #[inline(always)]
    fn finish(&mut self, simulator: &mut Simulator, row: &BarRow) -> Option<Trade> {
        simulator.finish(row)
    }
}

/// The limits of an account and what they are held against. Invariant: the position of the state is the units that the
/// account holds, rounded up.
pub(crate) struct Guard {
    state: State,
    limits: Limits,
    instrument: InstrumentId,
    strategy: ModelId,
    /// Orders so far, denied ones included.
    orders: u64,
    /// Time and price of the last close.
    close: Option<(i64, f64)>,
    /// Something was beyond the integers of the state: it no longer says what is held.
    is_beyond: bool,
    denied: Denied,
}

impl Gate for Guard {
    fn step(&mut self, simulator: &mut Simulator, row: &BarRow, due: Option<Signal>) -> Step {
        let due = due.filter(|signal| {
            !simulator.trades_at_open(signal.target) || self.lets_pass(simulator, row, *signal)
        });
        let step = simulator.step(row, due);
        if let [_, Some(exit)] = &step.closed {
            self.follow(exit, simulator);
        }
        self.see(row);
        step
    }

    fn finish(&mut self, simulator: &mut Simulator, row: &BarRow) -> Option<Trade> {
        let exit = simulator.finish(row)?;
        self.follow(&exit, simulator);
        Some(exit)
    }
}

impl Guard {
    /// The guard of an account in cash; `None` without limits.
    pub(crate) fn of(account: &Account) -> Option<Guard> {
        let limits = account.limits?;
        let instrument =
            InstrumentId::new("BACKTEST", "BACKTEST").expect("invariant: a symbol may be of letters");
        let strategy = ModelId::derive(&[]);
        let currency = "account";
        let mut guard = Guard {
            state: State::new(currency),
            limits: in_integers(&limits, &instrument, strategy),
            instrument: instrument.clone(),
            strategy,
            orders: 0,
            close: None,
            is_beyond: false,
            denied: Denied::new(),
        };
        let terms = Box::new(Terms {
            currency: currency.to_owned(),
            scale: Scale::USUAL,
            tick: Price(1),
            lot: Quantity(1),
            session: None,
            calendar: None,
        });
        guard.apply(Timestamp::MIN, Fact::Listed { instrument, terms });
        match money(account.capital) {
            Some(amount) => guard.apply(Timestamp::MIN, Fact::Paid { amount }),
            None => guard.is_beyond = true,
        }
        Some(guard)
    }

    /// Takes the close of a bar, which is the reference of what is ordered next.
    pub(crate) fn see(&mut self, row: &BarRow) {
        self.close = Some((row.close_time, row.close));
    }

    /// What was denied since this was asked last.
    pub(crate) fn take_denied(&mut self) -> Denied {
        std::mem::take(&mut self.denied)
    }

    /// Whether the order that a signal makes at an opening may be sent; then it counts as filled.
    fn lets_pass(&mut self, simulator: &Simulator, row: &BarRow, signal: Signal) -> bool {
        let quote = simulator.costs().quote(row.open, row.open_spread);
        let mut after = simulator.clone();
        after.trade(signal, &quote, row.open_time);
        let (held, wanted) = (simulator.quantity(), after.quantity());
        if held == wanted {
            // Nothing is held, and nothing can be opened.
            return true;
        }
        let side = if wanted > held { Side::Buy } else { Side::Sell };
        let price = if wanted > held { quote.buy } else { quote.sell };
        let fee = (wanted - held).abs() * price * quote.commission;
        let denied = self.order(row.open_time, side, wanted, price, fee).err();
        if let Some(reason) = denied {
            *self.denied.entry(reason).or_default() += 1;
        }
        denied.is_none()
    }

    /// Checks an order after which `wanted` signed units are held, and takes it and its fill.
    fn order(&mut self, time: i64, side: Side, wanted: f64, price: f64, fee: f64) -> Result<(), Reason> {
        self.orders += 1;
        let (instrument, strategy) = (self.instrument.clone(), self.strategy);
        if let Some((time, close)) = self.close {
            let mid = price_units(close).ok_or(Reason::Overflow)?;
            self.apply(Timestamp(time), Fact::Quoted { instrument: instrument.clone(), bid: mid, ask: mid });
        }
        let target = size_units(wanted.abs()).ok_or(Reason::Overflow)? * wanted.signum() as i128;
        let quantity = i64::try_from((target - self.state.position(&instrument)).abs());
        let quantity = Quantity(quantity.map_err(|_| Reason::Overflow)?);
        let price = price_units(price).ok_or(Reason::Overflow)?;
        let fee = money(fee).ok_or(Reason::Overflow)?;
        if self.is_beyond {
            return Err(Reason::Overflow);
        }
        let order = Order { strategy, instrument, side, quantity, limit_price: Some(price) };
        let message = Message {
            time: Timestamp(time).max(self.state.now()),
            order: EventId::derive(&[&self.orders.to_be_bytes()]),
            person: None,
            request: Request::Submit(order),
        };
        let decision = check(&message, &self.state, &self.limits);
        let Event { time, fact } = record(&message, &decision, &self.state, &self.limits);
        self.apply(time, fact);
        match decision.reason() {
            Some(reason) => Err(reason),
            None => {
                self.fill(time, message.order, side, quantity, price, fee);
                Ok(())
            }
        }
    }

    /// Takes an exit that rested at the venue.
    fn follow(&mut self, exit: &Trade, simulator: &Simulator) {
        let held = self.state.position(&self.instrument);
        let side = if held > 0 { Side::Sell } else { Side::Buy };
        let fee = exit.quantity * exit.exit_price * simulator.costs().commission();
        self.orders += 1;
        let order = EventId::derive(&[&self.orders.to_be_bytes()]);
        match (i64::try_from(held.abs()), price_units(exit.exit_price), money(fee)) {
            // What is sold for nothing is sold for the least price that there is.
            (Ok(quantity), Some(price), Some(fee)) => {
                let price = price.max(Price(1));
                self.fill(Timestamp(exit.exit_time), order, side, Quantity(quantity), price, fee);
            }
            _ => self.is_beyond = true,
        }
    }

    fn fill(
        &mut self,
        time: Timestamp,
        order: EventId,
        side: Side,
        quantity: Quantity,
        price: Price,
        fee: Money,
    ) {
        let (instrument, strategy) = (self.instrument.clone(), self.strategy);
        self.apply(time, Fact::Filled { order, strategy, instrument, side, quantity, price, fee });
    }

    /// Takes a fact. Bars whose times go back are taken at the latest time that was seen.
    fn apply(&mut self, time: Timestamp, fact: Fact) {
        let time = time.max(self.state.now());
        self.is_beyond |= self.state.apply(&Event { time, fact }).is_err();
    }
}

/// Limits of a document as those of the checks: rounded down, since an order's own numbers are rounded up. One that no
/// integer reaches is the largest integer.
fn in_integers(limits: &OrderLimits, instrument: &InstrumentId, strategy: ModelId) -> Limits {
    let size = |value: f64| Quantity(narrow(decimal(value, Scale::USUAL.size_digits())));
    let amount = |value: f64| Money(decimal(value, 18));
    let nanos = |millis: i64| millis.saturating_mul(1_000_000);
    let account = AccountLimits {
        submit_rate: limits
            .submit_rate
            .map(|rate| Rate { burst: rate.burst, interval_nanos: nanos(rate.interval_ms) }),
        max_gross: limits.max_gross.map(amount),
        max_leverage_bps: limits.max_leverage.map(|times| narrow(decimal(times, 4))),
        ..AccountLimits::default()
    };
    let of_instrument = InstrumentLimits {
        max_quote_age_nanos: limits.max_quote_age_ms.map(nanos),
        max_quantity: limits.max_quantity.map(size),
        max_notional: limits.max_notional.map(amount),
        collar_bps: limits.collar_bps,
        max_position: limits.max_position.map(size),
        ..InstrumentLimits::default()
    };
    let of_strategy = StrategyLimits { max_repeats: limits.max_repeats, ..StrategyLimits::default() };
    Limits {
        account,
        instruments: BTreeMap::from([(instrument.clone(), of_instrument)]),
        strategies: BTreeMap::from([(strategy, of_strategy)]),
    }
}

/// A positive number in units of a power of ten, of its shortest decimal text, rounded down; beyond 128 bits the largest integer.
fn decimal(value: f64, digits: u32) -> i128 {
    let (text, digits) = (value.to_string(), digits as usize);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.get(..digits).unwrap_or(fraction);
    format!("{whole}{fraction:0<digits$}").parse().unwrap_or(i128::MAX)
}

fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// 2⁶³: the first number that 64 bits with a sign do not hold.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// Units of size, rounded up. What is within 10⁻¹² of a whole number is that number: a product in binary is no more exact.
fn size_units(quantity: f64) -> Option<i128> {
    let scaled = quantity * 1e8;
    let nearest = scaled.round();
    let whole = if (scaled - nearest).abs() <= nearest * 1e-12 { nearest } else { scaled.ceil() };
    (whole < BEYOND).then_some(whole as i128)
}

/// The nearest unit of price.
fn price_units(price: f64) -> Option<Price> {
    let nearest = (price * 1e9).round();
    (nearest.abs() < BEYOND).then_some(Price(nearest as i64))
}

/// The nearest amount.
fn money(amount: f64) -> Option<Money> {
    let nearest = (amount * 1e18).round();
    (nearest.abs() < i128::MAX as f64).then_some(Money(nearest as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_decimal_numbers_that_were_written_rounded_down() {
        assert_eq!(decimal(1.1, 8), 110_000_000);
        assert_eq!(decimal(0.29, 4), 2_900);
        assert_eq!(decimal(250_000.5, 18), 250_000_500_000_000_000_000_000);
        assert_eq!(decimal(0.000_000_019, 8), 1);
        assert_eq!(decimal(7.0, 4), 70_000);
        assert_eq!(decimal(1e300, 8), i128::MAX);
        assert_eq!(narrow(decimal(1e30, 8)), i64::MAX);
    }

    #[test]
    fn quantities_are_rounded_up_and_prices_to_the_nearest() {
        // 1.1 · 10⁸ is 110000000.00000001 in binary.
        assert_eq!(size_units(1.1), Some(110_000_000));
        assert_eq!(size_units(0.000_000_011), Some(2));
        assert_eq!(size_units(9.3e10), None);
        assert_eq!(size_units(f64::NAN), None);
        assert_eq!(price_units(1.000_000_000_4), Some(Price(1_000_000_000)));
        assert_eq!(price_units(1.000_000_000_6), Some(Price(1_000_000_001)));
        assert_eq!((price_units(1e10), price_units(f64::INFINITY)), (None, None));
        assert_eq!((money(0.5), money(1e21)), (Some(Money(Money::ONE.0 / 2)), None));
    }
}
