//! The nine checks, in this order; the first that fails is the answer.
//!
//! 1. State: halted lets cancels pass and nothing else; reducing lets an order pass that brings the strategy's position nearer
//!    to zero and not beyond, with everything pending on that side counted.
//! 2. Instrument and precision: known, permitted, session open, above zero, on tick and lot.
//! 3. Price is fresh: there is a valid quote, and it is not too old.
//! 4. Size: quantity, and quantity times reference.
//! 5. Collar: |price / reference − 1|, against the last reference and against those of some minutes. An order at the market
//!    has the price that it meets.
//! 6. Message rate: a bucket of tokens for each kind of message.
//! 7. Exposure: open orders, position, gross, net, leverage.
//! 8. Repeats: automatic orders of a strategy since a person last enabled it.
//! 9. Stage: gross exposure of the strategy against its capital times the step of the ramp.
//!
//! The reference is the mid of the last valid quote. Positions in other instruments are valued at their last mark, however old
//! it is. An exposure is the largest that can come of the positions and of any
//! fills of what is pending, this order included. A limit of 7 and 9 denies an order only if it makes that exposure larger: a
//! position that the market has carried beyond a limit can be closed.
//!
//! A cancel is held to checks 2 (its order is known) and 6. An amendment is held to all nine as the order that it makes.

use gauntlet_domain::{EventId, InstrumentId, ModelId};

use crate::decision::{Decision, Denial, Figure, Reason};
use crate::event::{Event, Fact, TradingState};
use crate::limits::{Limits, Rate};
use crate::message::{Message, Order, Request, Side};
use crate::state::{Book, Bucket, State};

/// Checks 7 and 9.
mod exposure;
/// Checks 2 to 5.
mod order;

/// An order as it would be, and what of it would newly count.
struct Proposal<'a> {
    message: &'a Message,
    /// With the quantity and price of an amendment.
    order: Order,
    book: Option<&'a Book>,
    /// What may still fill of it now; 0 for a new order.
    leaves_before: i128,
    /// What would count from now on.
    leaves_after: i128,
    /// What is filled already.
    filled: i128,
    /// An amendment or a cancel is under way.
    is_changing: bool,
    is_new: bool,
}

/// Whether a message may be sent. Pure: it changes nothing, and the same arguments give the same answer. What a denial says
/// is the first check that fails. [`record`] makes the event of the answer. Limits are taken as they are: whoever reads them
/// calls [`Limits::validate`].
pub fn check(message: &Message, state: &State, limits: &Limits) -> Decision {
    match first_failure(message, state, limits) {
        Ok(()) => Decision::Accept,
        Err(denial) => Decision::Deny(denial),
    }
}

/// The event of a decision about a message, for the state and limits that it was taken with. Every denial is one too.
pub fn record(message: &Message, decision: &Decision, state: &State, limits: &Limits) -> Event {
    let fact = match decision {
        Decision::Accept => {
            let interval_nanos = bucket(message, state, limits).1.map(|rate| rate.interval_nanos);
            Fact::Accepted { message: message.clone(), interval_nanos }
        }
        Decision::Deny(denial) => Fact::Denied { message: message.clone(), denial: *denial },
    };
    // A message from the past is denied, and its denial is of now.
    Event { time: message.time.max(state.now), fact }
}

fn first_failure(message: &Message, state: &State, limits: &Limits) -> Result<(), Denial> {
    if message.time < state.now {
        let (limit, observed) = (Some(Figure::Time(state.now)), Some(Figure::Time(message.time)));
        return Err(Denial { reason: Reason::TimeWentBack, limit, observed });
    }
    let proposal = match &message.request {
        Request::Submit(order) => Some(Proposal::submitted(message, order, state)),
        Request::Amend(_) => Proposal::amended(message, state),
        Request::Cancel => None,
    };
    let Some(proposal) = proposal else {
        let is_halted = state.trading == TradingState::Halted && message.request != Request::Cancel;
        deny_if(is_halted, Reason::Halted)?;
        deny_if(!state.open.contains_key(&message.order), Reason::UnknownOrder)?;
        return rate(message, state, limits);
    };
    trading_state(&proposal, state)?;
    let market = order::known(&proposal, state, limits)?;
    let reference = order::fresh(&proposal, &market)?;
    order::size(&proposal, &market, reference)?;
    order::collar(&proposal, &market, reference)?;
    rate(message, state, limits)?;
    exposure::of_account(&proposal, &market, state, limits)?;
    repeats(&proposal, &market, state)?;
    exposure::of_strategy(&proposal, &market, state)
}

impl<'a> Proposal<'a> {
    fn submitted(message: &'a Message, order: &Order, state: &'a State) -> Proposal<'a> {
        Proposal {
            message,
            order: order.clone(),
            book: state.instruments.get(&order.instrument),
            leaves_before: 0,
            leaves_after: i128::from(order.quantity.0),
            filled: 0,
            is_changing: false,
            is_new: true,
        }
    }

    /// `None` where there is no such order.
    fn amended(message: &'a Message, state: &'a State) -> Option<Proposal<'a>> {
        let Request::Amend(amendment) = &message.request else { return None };
        let open = state.open.get(&message.order)?;
        let order =
            Order { quantity: amendment.quantity, limit_price: amendment.limit_price, ..open.order.clone() };
        let leaves_before = open.leaves();
        Some(Proposal {
            message,
            book: state.instruments.get(&order.instrument),
            leaves_before,
            leaves_after: leaves_before.max(i128::from(order.quantity.0) - open.filled),
            filled: open.filled,
            is_changing: open.amendment.is_some() || open.is_cancel_sent,
            is_new: false,
            order,
        })
    }

    fn id(&self) -> EventId {
        self.message.order
    }

    fn instrument(&self) -> &InstrumentId {
        &self.order.instrument
    }

    fn strategy(&self) -> ModelId {
        self.order.strategy
    }

    /// What would be pending in addition.
    fn added(&self) -> i128 {
        self.leaves_after - self.leaves_before
    }
}

/// Check 1.
fn trading_state(proposal: &Proposal<'_>, state: &State) -> Result<(), Denial> {
    match state.trading_state(proposal.strategy()) {
        TradingState::Active => Ok(()),
        TradingState::Halted => deny_if(true, Reason::Halted),
        TradingState::Reducing => {
            let holding = state.holding(proposal.strategy(), proposal.instrument());
            let (reducing, pending) =
                if holding.position > 0 { (Side::Sell, holding.sells) } else { (Side::Buy, holding.buys) };
            let is_reducing = holding.position != 0 && proposal.order.side == reducing;
            let others = pending - proposal.leaves_before;
            let limit = if is_reducing { holding.position.abs() - others } else { 0 };
            at_most(Reason::NotReducing, proposal.leaves_after, limit, Figure::Quantity)
        }
    }
}

/// Check 6.
fn rate(message: &Message, state: &State, limits: &Limits) -> Result<(), Denial> {
    let (bucket, rate) = bucket(message, state, limits);
    let Some(Rate { burst, interval_nanos }) = rate else { return Ok(()) };
    let taken = bucket.missing(message.time, interval_nanos) + 1;
    at_most(Reason::RateLimit, taken, i128::from(burst), Figure::Count)
}

/// The bucket that a message takes a token from, and its rate; no rate where none is set, or where the first cancel of an
/// order is free since trading is halted: nothing holds up a kill switch.
fn bucket(message: &Message, state: &State, limits: &Limits) -> (Bucket, Option<Rate>) {
    match &message.request {
        Request::Submit(_) => (state.submits, limits.account.submit_rate),
        Request::Amend(_) => (state.amends, limits.account.amend_rate),
        Request::Cancel => {
            let is_free = state.open.get(&message.order).is_some_and(|open| {
                !open.is_cancel_sent && state.trading_state(open.order.strategy) == TradingState::Halted
            });
            (state.cancels, limits.account.cancel_rate.filter(|_| !is_free))
        }
    }
}

/// Check 8. An amendment is none of the executions, but a strategy that has used up its own is disabled, and amends nothing.
fn repeats(proposal: &Proposal<'_>, market: &order::Market<'_>, state: &State) -> Result<(), Denial> {
    let Some(most) = market.strategy.max_repeats.filter(|_| proposal.message.is_automatic()) else {
        return Ok(());
    };
    let made = state.strategies.get(&proposal.strategy()).map_or(0, |desk| desk.executions);
    at_most(Reason::RepeatThrottle, i128::from(made) + 1, i128::from(most), Figure::Count)
}

/// The limit itself passes, one unit above does not.
fn at_most(reason: Reason, observed: i128, limit: i128, unit: fn(i128) -> Figure) -> Result<(), Denial> {
    if observed <= limit {
        return Ok(());
    }
    Err(Denial { reason, limit: Some(unit(limit)), observed: Some(unit(observed)) })
}

fn deny_if(is_denied: bool, reason: Reason) -> Result<(), Denial> {
    if is_denied { Err(Denial { reason, limit: None, observed: None }) } else { Ok(()) }
}

/// A value that is there unless it is beyond 128 bits.
fn fits<T>(value: Option<T>) -> Result<T, Denial> {
    value.ok_or(Denial { reason: Reason::Overflow, limit: None, observed: None })
}
