//! What changes the state: facts in the past tense, in the order of event time.

use gauntlet_domain::{EventId, InstrumentId, ModelId, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decision::Denial;
use crate::message::{Message, Side};
use crate::money::Money;
use crate::terms::Terms;

/// A fact and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Event time.
    pub time: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// An instrument can be traded, or its terms changed.
    Listed {
        /// The instrument.
        instrument: InstrumentId,
        /// Its terms.
        terms: Box<Terms>,
    },
    /// A best bid and ask was seen. One that is crossed or not above zero is no reference.
    Quoted {
        /// The instrument.
        instrument: InstrumentId,
        /// Best bid, in units of the instrument's prices.
        bid: Price,
        /// Best ask.
        ask: Price,
    },
    /// A message passed the checks and was sent.
    Accepted {
        /// The message.
        message: Message,
        /// Event time in which its token comes back; `None` where it took none.
        interval_nanos: Option<i64>,
    },
    /// A message did not pass and was not sent. It changes nothing but the time: it takes no token, since nothing was sent.
    Denied {
        /// The message.
        message: Message,
        /// Why.
        denial: Denial,
    },
    /// The venue has amended an order as it was asked.
    Amended {
        /// The order.
        order: EventId,
    },
    /// The venue did not amend an order.
    AmendmentRejected {
        /// The order.
        order: EventId,
    },
    /// The venue did not cancel an order.
    CancelRejected {
        /// The order.
        order: EventId,
    },
    /// Nothing more of an order will be filled: it was cancelled, has expired, or the venue did not take it.
    Cancelled {
        /// The order.
        order: EventId,
    },
    /// A part of an order, or all of it, was filled. It counts in the position even when its order is gone.
    Filled {
        /// The order.
        order: EventId,
        /// Its strategy.
        strategy: ModelId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Its side.
        side: Side,
        /// In units of the instrument's sizes, above zero.
        quantity: Quantity,
        /// In units of the instrument's prices, above zero.
        price: Price,
        /// Commission; a rebate is negative.
        fee: Money,
    },
    /// Money was paid in, or out where it is negative.
    Paid {
        /// In the account's currency.
        amount: Money,
    },
    /// Trading became freer or stricter. Freer needs a person.
    TradingStateChanged {
        /// Whose trading.
        scope: Scope,
        /// From now on.
        state: TradingState,
        /// Who decided; `None` where a limit did.
        person: Option<String>,
    },
    /// A person has looked at a strategy and lets it run again: its automatic orders are counted from zero.
    ReEnabled {
        /// The strategy.
        strategy: ModelId,
        /// Who.
        person: String,
    },
}

/// Whose trading is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole account.
    All,
    /// One strategy.
    Strategy(ModelId),
}

/// What may be sent, from free to strict. Of the account's and the strategy's own the stricter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TradingState {
    /// Every order that the limits allow.
    #[default]
    Active,
    /// Orders that bring a position nearer to zero, and cancels.
    Reducing,
    /// Cancels.
    Halted,
}
