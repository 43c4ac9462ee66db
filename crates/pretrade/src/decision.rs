//! What a check answers: nothing to object, or the first limit that would be broken.

use std::fmt;

use gauntlet_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// The answer about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every check that is set lets it pass.
    Accept,
    /// A check does not.
    Deny(Denial),
}

impl Decision {
    /// The reason of a denial.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Decision::Accept => None,
            Decision::Deny(denial) => Some(denial.reason),
        }
    }
}

/// The first check that did not let a message pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Which.
    pub reason: Reason,
    /// What is allowed; `None` where no number is.
    pub limit: Option<Figure>,
    /// What it would be, in the unit of the limit; `None` where it is no number.
    pub observed: Option<Figure>,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// In units of the instrument's sizes.
    Quantity(#[serde(with = "crate::wide")] i128),
    /// In units of the instrument's prices.
    Price(#[serde(with = "crate::wide")] i128),
    /// In the account's currency.
    Money(Money),
    /// Hundredths of a percent, rounded up.
    BasisPoints(#[serde(with = "crate::wide")] i128),
    /// A duration in nanoseconds.
    Nanos(#[serde(with = "crate::wide")] i128),
    /// A number of messages, orders or executions.
    Count(#[serde(with = "crate::wide")] i128),
    /// A point in event time.
    Time(Timestamp),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Quantity(units) => write!(f, "{units} units of size"),
            Figure::Price(units) => write!(f, "{units} units of price"),
            Figure::Money(money) => write!(f, "{money}"),
            Figure::BasisPoints(points) => write!(f, "{points} basis points"),
            Figure::Nanos(nanos) => write!(f, "{nanos} ns"),
            Figure::Count(count) => write!(f, "{count}"),
            Figure::Time(time) => write!(f, "{time}"),
        }
    }
}

impl fmt::Display for Denial {
    /// `max_quantity: 101 units of size, limit 100 units of size`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.name())?;
        if let Some(observed) = self.observed {
            write!(f, ": {observed}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, "{} limit {limit}", if self.observed.is_some() { "," } else { ":" })?;
        }
        Ok(())
    }
}

/// One row a reason, in the order in which they are looked for. The number is that of the check.
macro_rules! reasons {
    ($($(#[$about:meta])* $variant:ident = $check:literal $name:literal,)+) => {
        /// Why a message is denied.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$about])* #[serde(rename = $name)] $variant,)+
        }

        impl Reason {
            /// All of them, in the order of the checks.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The name in events and documents.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reason::$variant => $name,)+
                }
            }

            /// The number of its check, 1 to 9; 0 is what comes before them, and what may befall several.
            pub const fn check(self) -> u8 {
                match self {
                    $(Reason::$variant => $check,)+
                }
            }
        }
    };
}

reasons! {
    /// The message is older than the latest event.
    TimeWentBack = 0 "time_went_back",
    /// Trading is halted: nothing is sent but cancels.
    Halted = 1 "halted",
    /// Trading is reducing, and the order does not bring the strategy's position nearer to zero, pending orders counted.
    NotReducing = 1 "not_reducing",
    /// The instrument is not listed.
    UnknownInstrument = 2 "unknown_instrument",
    /// The limits do not name the instrument: it may not be traded.
    InstrumentNotPermitted = 2 "instrument_not_permitted",
    /// The limits do not name the strategy: it may not trade.
    StrategyNotPermitted = 2 "strategy_not_permitted",
    /// There is no such open order.
    UnknownOrder = 2 "unknown_order",
    /// An order of this id is open.
    DuplicateOrder = 2 "duplicate_order",
    /// An amendment or a cancel of the order is under way.
    PendingChange = 2 "pending_change",
    /// No session of the instrument is open.
    SessionClosed = 2 "session_closed",
    /// A quantity or price is not above zero, or an amendment leaves nothing to fill.
    NotPositive = 2 "not_positive",
    /// A price that is no multiple of the tick.
    BadTick = 2 "bad_tick",
    /// A quantity that is no multiple of the lot.
    BadLot = 2 "bad_lot",
    /// There is no valid quote of the instrument, or nothing that says what a position in another one is worth.
    NoReferencePrice = 3 "no_reference_price",
    /// The last valid quote is too old.
    StalePrice = 3 "stale_price",
    /// The quantity is too large.
    MaxQuantity = 4 "max_quantity",
    /// Quantity times reference is too large.
    MaxNotional = 4 "max_notional",
    /// The price is too far from the reference.
    PriceCollar = 5 "price_collar",
    /// The price is too far from a reference of the last minutes.
    PeriodCollar = 5 "period_collar",
    /// Too many messages of this kind.
    RateLimit = 6 "rate_limit",
    /// Too many open orders.
    MaxOpenOrders = 7 "max_open_orders",
    /// The position in the instrument would be too large.
    MaxPosition = 7 "max_position",
    /// The gross exposure of the account would be too large.
    MaxGross = 7 "max_gross",
    /// The net exposure of the account would be too large.
    MaxNet = 7 "max_net",
    /// The account has no equity to lever.
    NoEquity = 7 "no_equity",
    /// Gross exposure would be too large for the equity.
    MaxLeverage = 7 "max_leverage",
    /// The strategy has run as often as it may without a person.
    RepeatThrottle = 8 "repeat_throttle",
    /// The gross exposure of the strategy would be above its step of the ramp.
    StageCap = 9 "stage_cap",
    /// A product of quantity and price, or a sum of them, is beyond 128 bits.
    Overflow = 0 "overflow",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
