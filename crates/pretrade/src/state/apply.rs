//! How each fact changes the state. A fact that is refused has changed nothing.

use gauntlet_domain::{EventId, InstrumentId, ModelId, Price, Quantity, Timestamp};

use super::{Book, Desk, OpenOrder, State};
use crate::error::PretradeError;
use crate::event::{Event, Fact, Scope, TradingState};
use crate::message::{Message, Request, Side};
use crate::money::{Money, Round};
use crate::terms::Terms;

/// What was filled.
struct Fill<'a> {
    order: EventId,
    strategy: ModelId,
    instrument: &'a InstrumentId,
    side: Side,
    quantity: Quantity,
    price: Price,
    fee: Money,
}

impl State {
    /// Takes an event. Refuses event time that goes back, what is about an unknown order or instrument, and what contradicts
    /// itself; the state is then as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), PretradeError> {
        let Event { time, fact } = event;
        if *time < self.now {
            return Err(PretradeError::TimeWentBack { time: *time, now: self.now });
        }
        match fact {
            Fact::Listed { instrument, terms } => self.list(instrument, terms)?,
            Fact::Quoted { instrument, bid, ask } => self.book_mut(instrument)?.see(*time, *bid, *ask),
            Fact::Accepted { message, interval_nanos } => self.send(*time, message, *interval_nanos)?,
            Fact::Denied { .. } => {}
            Fact::Amended { order } => self.update(order, |open| {
                if let Some(amendment) = open.amendment.take() {
                    open.order.quantity = amendment.quantity;
                    open.order.limit_price = amendment.limit_price;
                }
            })?,
            Fact::AmendmentRejected { order } => self.update(order, |open| open.amendment = None)?,
            Fact::CancelRejected { order } => self.update(order, |open| open.is_cancel_sent = false)?,
            Fact::Cancelled { order } => self.remove(order)?,
            Fact::Filled { order, strategy, instrument, side, quantity, price, fee } => {
                let (order, strategy, side, quantity) = (*order, *strategy, *side, *quantity);
                self.fill(&Fill { order, strategy, instrument, side, quantity, price: *price, fee: *fee })?;
            }
            Fact::Paid { amount } => {
                self.cash = self.cash.plus(*amount).ok_or(PretradeError::TooMuchMoney)?;
            }
            Fact::TradingStateChanged { scope, state, person } => {
                self.set(*scope, *state, person.as_deref())?
            }
            Fact::ReEnabled { strategy, person } => {
                named(Some(person), "a strategy is enabled")?;
                self.strategies.entry(*strategy).or_default().executions = 0;
            }
        }
        self.now = *time;
        Ok(())
    }

    fn list(&mut self, instrument: &InstrumentId, terms: &Terms) -> Result<(), PretradeError> {
        terms.validate(instrument.as_str())?;
        if terms.currency != self.currency {
            return Err(PretradeError::ForeignCurrency {
                instrument: instrument.to_string(),
                currency: terms.currency.clone(),
                account: self.currency.clone(),
            });
        }
        match self.instruments.get_mut(instrument) {
            Some(book) if book.terms.scale != terms.scale => {
                return Err(PretradeError::OtherScale { instrument: instrument.to_string() });
            }
            Some(book) => book.terms = terms.clone(),
            None => {
                self.instruments.insert(instrument.clone(), Book::new(terms.clone()));
            }
        }
        Ok(())
    }

    /// Takes a message that was sent.
    fn send(
        &mut self,
        time: Timestamp,
        message: &Message,
        interval_nanos: Option<i64>,
    ) -> Result<(), PretradeError> {
        let bucket = match &message.request {
            Request::Submit(order) => {
                self.book_mut(&order.instrument)?;
                if self.open.contains_key(&message.order) {
                    return Err(PretradeError::DuplicateOrder { order: message.order.to_string() });
                }
                let open = OpenOrder {
                    order: order.clone(),
                    person: message.person.clone(),
                    filled: 0,
                    amendment: None,
                    is_cancel_sent: false,
                };
                self.add_pending(order.strategy, &order.instrument, order.side, open.leaves());
                self.open.insert(message.order, open);
                let desk = self.strategies.entry(order.strategy).or_default();
                desk.executions = desk.executions.saturating_add(i64::from(message.is_automatic()));
                &mut self.submits
            }
            Request::Amend(amendment) => {
                self.update(&message.order, |open| open.amendment = Some(*amendment))?;
                &mut self.amends
            }
            Request::Cancel => {
                self.update(&message.order, |open| open.is_cancel_sent = true)?;
                &mut self.cancels
            }
        };
        if let Some(interval_nanos) = interval_nanos {
            bucket.take(time, interval_nanos);
        }
        Ok(())
    }

    /// Changes an open order, and with it what is pending. An order of which nothing can fill any more is gone.
    fn update(&mut self, order: &EventId, change: impl FnOnce(&mut OpenOrder)) -> Result<(), PretradeError> {
        let open = self.open.get_mut(order).ok_or_else(|| unknown("order", order))?;
        let before = open.leaves();
        change(open);
        let after = open.leaves();
        let (strategy, instrument, side) =
            (open.order.strategy, open.order.instrument.clone(), open.order.side);
        if after == 0 {
            self.open.remove(order);
        }
        self.add_pending(strategy, &instrument, side, after - before);
        Ok(())
    }

    fn remove(&mut self, order: &EventId) -> Result<(), PretradeError> {
        let open = self.open.remove(order).ok_or_else(|| unknown("order", order))?;
        self.add_pending(open.order.strategy, &open.order.instrument, open.order.side, -open.leaves());
        Ok(())
    }

    fn fill(&mut self, fill: &Fill<'_>) -> Result<(), PretradeError> {
        let refuse = |why| PretradeError::BadFill { order: fill.order.to_string(), why };
        if fill.quantity.0 <= 0 || fill.price.0 <= 0 {
            return Err(refuse("give a quantity and a price above 0"));
        }
        let scale = self.book_mut(fill.instrument)?.terms.scale;
        let belongs = |open: &OpenOrder| {
            let order = &open.order;
            order.strategy == fill.strategy && order.instrument == *fill.instrument && order.side == fill.side
        };
        let is_open = self.open.get(&fill.order).map(belongs);
        if is_open == Some(false) {
            return Err(refuse("give the strategy, instrument and side of its order"));
        }
        let quantity = i128::from(fill.quantity.0);
        let signed = fill.side.sign() * quantity;
        // What is paid is rounded up, what is received down.
        let paid = Money::of(-signed, 2 * i128::from(fill.price.0), scale, Round::Down);
        let cash = paid.and_then(|paid| self.cash.plus(paid)?.plus(Money(fill.fee.0.checked_neg()?)));
        self.cash = cash.ok_or(PretradeError::TooMuchMoney)?;
        self.change_holding(fill.strategy, fill.instrument, |holding| holding.position += signed);
        self.book_mut(fill.instrument)?.fill_at(fill.price);
        if is_open == Some(true) {
            self.update(&fill.order, |open| open.filled += quantity)?;
        }
        Ok(())
    }

    fn set(&mut self, scope: Scope, state: TradingState, person: Option<&str>) -> Result<(), PretradeError> {
        let of = match scope {
            Scope::All => self.trading,
            Scope::Strategy(strategy) => {
                self.strategies.get(&strategy).map_or(TradingState::Active, |desk: &Desk| desk.trading)
            }
        };
        if state < of {
            named(person, "trading becomes freer")?;
        }
        match scope {
            Scope::All => self.trading = state,
            Scope::Strategy(strategy) => self.strategies.entry(strategy).or_default().trading = state,
        }
        Ok(())
    }

    fn book_mut(&mut self, instrument: &InstrumentId) -> Result<&mut Book, PretradeError> {
        self.instruments.get_mut(instrument).ok_or_else(|| unknown("instrument", instrument))
    }
}

fn unknown(what: &'static str, id: &impl ToString) -> PretradeError {
    PretradeError::Unknown { what, id: id.to_string() }
}

fn named(person: Option<&str>, what: &'static str) -> Result<(), PretradeError> {
    match person.map(str::trim) {
        None | Some("") => Err(PretradeError::NoPerson { what }),
        Some(_) => Ok(()),
    }
}
