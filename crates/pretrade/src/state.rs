//! What is known of an account: a fold over events.
//!
//! It holds open orders, instruments and strategies, and nothing of what is over: its size is bounded by theirs. Maps are
//! ordered, so the same events give the same bytes. Invariant: the pending quantities of each holding are the sums over the
//! open orders, and the holdings of an instrument are the sum over those of the strategies.

use std::collections::BTreeMap;

use gauntlet_domain::{EventId, InstrumentId, ModelId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event::{Scope, TradingState};
use crate::message::{Amendment, Message, Order, Request, Side};
use crate::money::{Money, Round};

/// Applies events.
mod apply;
/// Quotes and holdings of an instrument.
mod book;

pub(crate) use book::{Book, Holding};

/// The state that [`check`](crate::check::check) looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    currency: String,
    /// The latest event time.
    pub(crate) now: Timestamp,
    pub(crate) trading: TradingState,
    /// Money that is in no position.
    cash: Money,
    /// When each bucket is full again.
    pub(crate) submits: Bucket,
    pub(crate) amends: Bucket,
    pub(crate) cancels: Bucket,
    pub(crate) instruments: BTreeMap<InstrumentId, Book>,
    pub(crate) strategies: BTreeMap<ModelId, Desk>,
    pub(crate) open: BTreeMap<EventId, OpenOrder>,
}

/// What a strategy holds and how often it has run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Desk {
    pub(crate) trading: TradingState,
    /// Automatic orders since a person last enabled it.
    pub(crate) executions: i64,
    pub(crate) holdings: BTreeMap<InstrumentId, Holding>,
}

/// An order that may still fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenOrder {
    /// As the venue has it.
    pub order: Order,
    /// Who placed it by hand; nobody where it is automatic.
    pub person: Option<String>,
    /// Filled so far, in units of the instrument's sizes.
    #[serde(with = "crate::wide")]
    pub filled: i128,
    /// An amendment that the venue has not answered.
    pub amendment: Option<Amendment>,
    /// A cancel that the venue has not answered was sent.
    pub is_cancel_sent: bool,
}

impl OpenOrder {
    /// What may still fill, in units of the instrument's sizes: of an amendment under way the larger quantity counts.
    pub fn leaves(&self) -> i128 {
        let amended = self.amendment.map_or(0, |amendment| amendment.quantity.0);
        (i128::from(self.order.quantity.0.max(amended)) - self.filled).max(0)
    }
}

/// A bucket of tokens as the time at which it is full again. One token takes its interval to come back, so what is missing is
/// a duration, and no division rounds (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Bucket {
    /// Nanoseconds since the epoch; wide, since a long interval goes beyond the last timestamp.
    #[serde(with = "crate::wide")]
    full_at: i128,
}

impl Bucket {
    const FULL: Bucket = Bucket { full_at: i64::MIN as i128 };

    /// Tokens that are missing at a time, rounded up.
    pub(crate) fn missing(self, now: Timestamp, interval_nanos: i64) -> i128 {
        let nanos = (self.full_at - i128::from(now.0)).max(0);
        crate::money::ratio_up(nanos, i128::from(interval_nanos).max(1))
    }

    fn take(&mut self, now: Timestamp, interval_nanos: i64) {
        self.full_at = self.full_at.max(i128::from(now.0)) + i128::from(interval_nanos);
    }
}

impl State {
    /// An account without money, instruments or orders, in trading state active.
    pub fn new(currency: &str) -> State {
        State {
            currency: currency.to_owned(),
            now: Timestamp::MIN,
            trading: TradingState::Active,
            cash: Money::default(),
            submits: Bucket::FULL,
            amends: Bucket::FULL,
            cancels: Bucket::FULL,
            instruments: BTreeMap::new(),
            strategies: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// The latest event time that was seen.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The position of the account in an instrument, in units of its sizes, short below zero.
    pub fn position(&self, instrument: &InstrumentId) -> i128 {
        self.instruments.get(instrument).map_or(0, |book| book.holding.position)
    }

    /// The orders that may still fill, by id: with the strategy and the person responsible for each.
    pub fn open_orders(&self) -> impl Iterator<Item = (EventId, &OpenOrder)> {
        self.open.iter().map(|(id, open)| (*id, open))
    }

    /// What an order of a strategy may do: the stricter of the account's trading state and its own.
    pub fn trading_state(&self, strategy: ModelId) -> TradingState {
        self.strategies.get(&strategy).map_or(self.trading, |desk| desk.trading.max(self.trading))
    }

    /// A cancel of every order in a scope that may still fill, at the latest event time: what a kill switch sends (RTS 6,
    /// article 12).
    pub fn cancels(&self, scope: Scope) -> Vec<Message> {
        let is_meant = |open: &OpenOrder| match scope {
            Scope::All => true,
            Scope::Strategy(strategy) => open.order.strategy == strategy,
        };
        let meant = self.open.iter().filter(|(_, open)| is_meant(open));
        let cancel =
            |id: &EventId| Message { time: self.now, order: *id, person: None, request: Request::Cancel };
        meant.map(|(id, _)| cancel(id)).collect()
    }

    /// Cash and what all positions are worth at their marks, rounded down; `None` where a position has no mark or the sum is
    /// beyond 128 bits. The mark is the mid of the last valid quote, or else the price of the last fill.
    pub fn equity(&self) -> Option<Money> {
        let mut held = self.instruments.values().filter(|book| book.holding.position != 0);
        held.try_fold(self.cash, |sum, book| {
            sum.plus(Money::of(book.holding.position, book.twice_mark()?, book.terms.scale, Round::Down)?)
        })
    }

    /// What a strategy holds of an instrument.
    pub(crate) fn holding(&self, strategy: ModelId, instrument: &InstrumentId) -> Holding {
        let desk = self.strategies.get(&strategy);
        desk.and_then(|desk| desk.holdings.get(instrument)).copied().unwrap_or_default()
    }

    /// Adds to what is pending of an instrument, for a strategy and for the account.
    fn add_pending(&mut self, strategy: ModelId, instrument: &InstrumentId, side: Side, quantity: i128) {
        self.change_holding(strategy, instrument, |holding| *holding = holding.with_pending(side, quantity));
    }

    /// Changes a holding of a strategy and of the account in the same way.
    fn change_holding(
        &mut self,
        strategy: ModelId,
        instrument: &InstrumentId,
        change: impl Fn(&mut Holding),
    ) {
        if let Some(book) = self.instruments.get_mut(instrument) {
            change(&mut book.holding);
        }
        let desk = self.strategies.entry(strategy).or_default();
        let holding = desk.holdings.entry(instrument.clone()).or_default();
        change(holding);
        if *holding == Holding::default() {
            desk.holdings.remove(instrument);
        }
    }
}
