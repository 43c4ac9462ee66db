//! A desk for the tests: gold with ticks of 0.01 and lots of 1 and a stock, quoted at 100 and 50; one strategy that may do
//! everything that a test does not forbid.

use gauntlet_domain::{EventId, InstrumentId, ModelId, Price, Quantity, Scale, Timestamp};
use gauntlet_pretrade::message::Amendment;
use gauntlet_pretrade::{
    Decision, Event, Fact, Limits, Message, Money, Order, Reason, Request, Side, State, Terms, check, record,
};

pub const SECOND: i64 = 1_000_000_000;
/// Noon of a Thursday.
pub const NOON: i64 = 12 * 3_600 * SECOND;

/// Whole units of a size in the usual scale.
pub fn units(count: i64) -> Quantity {
    Quantity(count * 100_000_000)
}

/// Cents as a price in the usual scale.
pub fn cents(count: i64) -> Price {
    Price(count * 10_000_000)
}

pub fn gold() -> InstrumentId {
    InstrumentId::new("XAUUSD", "OANDA").unwrap()
}

pub fn stock() -> InstrumentId {
    InstrumentId::new("ACME", "NYSE").unwrap()
}

pub fn strategy() -> ModelId {
    ModelId::derive(&[b"trend"])
}

pub fn other_strategy() -> ModelId {
    ModelId::derive(&[b"reversal"])
}

pub fn order_id(number: u64) -> EventId {
    EventId::derive(&[&number.to_be_bytes()])
}

pub fn terms() -> Terms {
    Terms {
        currency: "USD".into(),
        scale: Scale::USUAL,
        tick: cents(1),
        lot: units(1),
        session: None,
        calendar: None,
    }
}

/// A state, its limits and its clock.
#[derive(Clone)]
pub struct Desk {
    pub state: State,
    pub limits: Limits,
    pub time: i64,
    /// Who sends the messages.
    pub person: Option<String>,
    next: u64,
}

impl Desk {
    /// At noon, with both instruments quoted and permitted and no limit set.
    pub fn new() -> Desk {
        let mut limits = Limits::default();
        for instrument in [gold(), stock()] {
            limits.instruments.insert(instrument, Default::default());
        }
        for strategy in [strategy(), other_strategy()] {
            limits.strategies.insert(strategy, Default::default());
        }
        let mut desk = Desk { state: State::new("USD"), limits, time: NOON, person: None, next: 0 };
        for instrument in [gold(), stock()] {
            desk.happens(Fact::Listed { instrument, terms: Box::new(terms()) });
        }
        desk.quote(gold(), 9_990, 10_010);
        desk.quote(stock(), 4_990, 5_010);
        desk
    }

    pub fn try_apply(&mut self, fact: Fact) -> Result<(), gauntlet_pretrade::PretradeError> {
        self.state.apply(&Event { time: Timestamp(self.time), fact })
    }

    pub fn happens(&mut self, fact: Fact) {
        self.try_apply(fact).unwrap();
    }

    pub fn quote(&mut self, instrument: InstrumentId, bid_cents: i64, ask_cents: i64) {
        self.happens(Fact::Quoted { instrument, bid: cents(bid_cents), ask: cents(ask_cents) });
    }

    pub fn pays_in(&mut self, whole: i64) {
        self.happens(Fact::Paid { amount: Money::whole(whole) });
    }

    pub fn passes(&mut self, seconds: i64) {
        self.time += seconds * SECOND;
    }

    /// From now on this person sends all messages, or nobody does.
    pub fn by_hand(&mut self, person: Option<&str>) {
        self.person = person.map(str::to_owned);
    }

    /// A message at the desk's time about a new order.
    pub fn new_order(&mut self, order: Order) -> Message {
        self.next += 1;
        self.message(order_id(self.next), Request::Submit(order))
    }

    pub fn message(&self, order: EventId, request: Request) -> Message {
        Message { time: Timestamp(self.time), order, person: self.person.clone(), request }
    }

    /// What is said of a message; nothing is recorded.
    pub fn asks(&self, message: &Message) -> Decision {
        check(message, &self.state, &self.limits)
    }

    /// What is said of a message, which is recorded.
    pub fn sends(&mut self, message: &Message) -> Decision {
        let decision = self.asks(message);
        let event = record(message, &decision, &self.state, &self.limits);
        self.state.apply(&event).unwrap();
        decision
    }

    /// Sends an order and expects it to pass.
    pub fn accepts(&mut self, order: Order) -> EventId {
        let message = self.new_order(order);
        assert_eq!(self.sends(&message), Decision::Accept);
        message.order
    }

    /// The reason for which an order would be denied.
    pub fn denies(&mut self, order: Order) -> Option<Reason> {
        let message = self.new_order(order);
        self.asks(&message).reason()
    }

    pub fn amends(&mut self, order: EventId, whole: i64, price_cents: i64) -> Decision {
        let amendment = Amendment { quantity: units(whole), limit_price: Some(cents(price_cents)) };
        let message = self.message(order, Request::Amend(amendment));
        self.sends(&message)
    }

    pub fn cancels(&mut self, order: EventId) -> Decision {
        let message = self.message(order, Request::Cancel);
        self.sends(&message)
    }

    /// The venue fills a part of an order at a price.
    pub fn fills(&mut self, order: EventId, of: Order, whole: i64, price_cents: i64) {
        self.happens(Fact::Filled {
            order,
            strategy: of.strategy,
            instrument: of.instrument,
            side: of.side,
            quantity: units(whole),
            price: cents(price_cents),
            fee: Money::default(),
        });
    }

    /// Sends an order and has it filled at once at its reference.
    pub fn trades(&mut self, order: Order) {
        let price = if order.instrument == gold() { 10_000 } else { 5_000 };
        let whole = order.quantity.0 / units(1).0;
        let id = self.accepts(order.clone());
        self.fills(id, order, whole, price);
    }
}

/// An order of the strategy in gold at the market.
pub fn market(side: Side, whole: i64) -> Order {
    Order { strategy: strategy(), instrument: gold(), side, quantity: units(whole), limit_price: None }
}

pub fn buy(whole: i64) -> Order {
    market(Side::Buy, whole)
}

pub fn sell(whole: i64) -> Order {
    market(Side::Sell, whole)
}

/// The order in the stock.
pub fn in_stock(order: Order) -> Order {
    Order { instrument: stock(), ..order }
}

/// The order of the other strategy.
pub fn by_other(order: Order) -> Order {
    Order { strategy: other_strategy(), ..order }
}

/// The order with a limit price.
pub fn at(order: Order, price_cents: i64) -> Order {
    Order { limit_price: Some(cents(price_cents)), ..order }
}
