//! One instrument: its terms, its quotes and references of the last minutes, what the account holds and has pending.

use gauntlet_domain::{Price, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::PeriodCollar;
use crate::message::Side;
use crate::terms::Terms;

const MINUTE_NANOS: i64 = 60 * gauntlet_domain::time::NANOS_PER_SECOND;

/// What is known of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Book {
    pub(crate) terms: Terms,
    /// The last valid quote.
    pub(crate) quote: Option<Quote>,
    last_fill: Option<Price>,
    /// References of the minutes that have any, rising, at most one more than a period may have.
    minutes: Vec<Minute>,
    /// Of the account.
    pub(crate) holding: Holding,
}

/// A quote with 0 < bid ≤ ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quote {
    pub(crate) time: Timestamp,
    bid: Price,
    ask: Price,
}

impl Quote {
    /// Twice the mid, which is the reference. Twice, so that it is an integer.
    pub(crate) fn twice_mid(self) -> i128 {
        i128::from(self.bid.0) + i128::from(self.ask.0)
    }

    /// The price that an order at the market meets.
    pub(crate) fn against(self, side: Side) -> Price {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
}

/// The lowest and the highest reference of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Minute {
    /// Whole minutes since the epoch.
    number: i64,
    #[serde(with = "crate::wide")]
    twice_low: i128,
    #[serde(with = "crate::wide")]
    twice_high: i128,
}

/// A position and what may still be added to it or taken from it, in units of the instrument's sizes. Sums of fewer than 2⁶⁴
/// sizes of 64 bits fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holding {
    /// Short below zero.
    #[serde(with = "crate::wide")]
    pub(crate) position: i128,
    /// Pending buys.
    #[serde(with = "crate::wide")]
    pub(crate) buys: i128,
    /// Pending sells.
    #[serde(with = "crate::wide")]
    pub(crate) sells: i128,
}

impl Holding {
    /// With more of one side pending.
    pub(crate) fn with_pending(mut self, side: Side, quantity: i128) -> Holding {
        match side {
            Side::Buy => self.buys += quantity,
            Side::Sell => self.sells += quantity,
        }
        self
    }

    /// The largest position, when all buys fill and no sell does.
    pub(crate) fn highest(self) -> i128 {
        self.position + self.buys
    }

    /// The smallest position, when all sells fill and no buy does.
    pub(crate) fn lowest(self) -> i128 {
        self.position - self.sells
    }

    /// The largest |position| that may come of it.
    pub(crate) fn worst(self) -> i128 {
        self.highest().abs().max(self.lowest().abs())
    }
}

impl Book {
    pub(crate) fn new(terms: Terms) -> Book {
        Book { terms, quote: None, last_fill: None, minutes: Vec::new(), holding: Holding::default() }
    }

    /// Takes a quote. One that is not valid leaves the last one in its place.
    pub(super) fn see(&mut self, time: Timestamp, bid: Price, ask: Price) {
        if bid.0 <= 0 || ask < bid {
            return;
        }
        let quote = Quote { time, bid, ask };
        self.quote = Some(quote);
        let (number, twice) = (minute(time), quote.twice_mid());
        match self.minutes.last_mut().filter(|last| last.number == number) {
            Some(last) => {
                last.twice_low = last.twice_low.min(twice);
                last.twice_high = last.twice_high.max(twice);
            }
            None => self.minutes.push(Minute { number, twice_low: twice, twice_high: twice }),
        }
        self.minutes.retain(|one| one.number >= number - PeriodCollar::MAX_MINUTES);
    }

    /// Takes the price of a fill.
    pub(super) fn fill_at(&mut self, price: Price) {
        self.last_fill = Some(price);
    }

    /// Twice the price at which positions are valued: the mid of the last valid quote, or else the last fill's price.
    pub(crate) fn twice_mark(&self) -> Option<i128> {
        let mid = self.quote.map(Quote::twice_mid);
        mid.or_else(|| self.last_fill.map(|price| 2 * i128::from(price.0)))
    }

    /// Twice the lowest and the highest reference of the minute of a time and of whole minutes before it; `None` where there
    /// was none.
    pub(crate) fn references(&self, time: Timestamp, minutes: i64) -> Option<(i128, i128)> {
        let first = minute(time).saturating_sub(minutes);
        let mut within = self.minutes.iter().filter(|one| one.number >= first);
        let start = within.next().map(|one| (one.twice_low, one.twice_high))?;
        Some(within.fold(start, |(low, high), one| (low.min(one.twice_low), high.max(one.twice_high))))
    }
}

/// Whole minutes since the epoch.
fn minute(time: Timestamp) -> i64 {
    time.0.div_euclid(MINUTE_NANOS)
}
