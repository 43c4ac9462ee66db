//! Checks 2 to 5: what can be said of an order by itself.

use gauntlet_domain::Price;

use super::{Proposal, at_most, deny_if, fits};
use crate::decision::{Denial, Figure, Reason};
use crate::limits::{InstrumentLimits, Limits, PeriodCollar, StrategyLimits};
use crate::money::{Money, Round, ratio_up};
use crate::state::{Book, State};

/// What an order is held against.
pub(super) struct Market<'a> {
    pub(super) book: &'a Book,
    pub(super) instrument: &'a InstrumentLimits,
    pub(super) strategy: &'a StrategyLimits,
}

/// The price of an order and what it is compared with.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    /// Twice the mid of the last valid quote, above zero.
    twice_mid: i128,
    /// Of the order, or what it meets at the market.
    price: Price,
}

/// Check 2.
pub(super) fn known<'a>(
    proposal: &Proposal<'a>,
    state: &State,
    limits: &'a Limits,
) -> Result<Market<'a>, Denial> {
    let missing = |reason| Denial { reason, limit: None, observed: None };
    let book = proposal.book.ok_or(missing(Reason::UnknownInstrument))?;
    let instrument = limits.instruments.get(proposal.instrument());
    let instrument = instrument.ok_or(missing(Reason::InstrumentNotPermitted))?;
    let strategy = limits.strategies.get(&proposal.strategy());
    let strategy = strategy.ok_or(missing(Reason::StrategyNotPermitted))?;
    deny_if(proposal.is_new && state.open.contains_key(&proposal.id()), Reason::DuplicateOrder)?;
    deny_if(proposal.is_changing, Reason::PendingChange)?;
    deny_if(!book.terms.is_open(proposal.message.time), Reason::SessionClosed)?;
    precision(proposal, book)?;
    Ok(Market { book, instrument, strategy })
}

/// Above zero, on tick and lot.
fn precision(proposal: &Proposal<'_>, book: &Book) -> Result<(), Denial> {
    let deny = |reason, limit, observed| Err(Denial { reason, limit: Some(limit), observed: Some(observed) });
    let quantity = i128::from(proposal.order.quantity.0);
    // Of an amended order something must be left to fill.
    let least = proposal.filled + 1;
    if quantity < least {
        return deny(Reason::NotPositive, Figure::Quantity(least), Figure::Quantity(quantity));
    }
    let price = proposal.order.limit_price.map(|price| i128::from(price.0));
    if let Some(price) = price.filter(|price| *price <= 0) {
        return deny(Reason::NotPositive, Figure::Price(1), Figure::Price(price));
    }
    let tick = i128::from(book.terms.tick.0);
    if let Some(price) = price.filter(|price| price % tick != 0) {
        return deny(Reason::BadTick, Figure::Price(tick), Figure::Price(price));
    }
    let lot = i128::from(book.terms.lot.0);
    if quantity % lot != 0 {
        return deny(Reason::BadLot, Figure::Quantity(lot), Figure::Quantity(quantity));
    }
    Ok(())
}

/// Check 3.
pub(super) fn fresh(proposal: &Proposal<'_>, market: &Market<'_>) -> Result<Reference, Denial> {
    let quote = market.book.quote;
    let quote = quote.ok_or(Denial { reason: Reason::NoReferencePrice, limit: None, observed: None })?;
    if let Some(most) = market.instrument.max_quote_age_nanos {
        let age = i128::from(proposal.message.time.0) - i128::from(quote.time.0);
        at_most(Reason::StalePrice, age, i128::from(most), Figure::Nanos)?;
    }
    let price = proposal.order.limit_price.unwrap_or_else(|| quote.against(proposal.order.side));
    Ok(Reference { twice_mid: quote.twice_mid(), price })
}

/// Check 4.
pub(super) fn size(proposal: &Proposal<'_>, market: &Market<'_>, reference: Reference) -> Result<(), Denial> {
    let quantity = i128::from(proposal.order.quantity.0);
    if let Some(most) = market.instrument.max_quantity {
        at_most(Reason::MaxQuantity, quantity, i128::from(most.0), Figure::Quantity)?;
    }
    let notional = fits(Money::of(quantity, reference.twice_mid, market.book.terms.scale, Round::Up))?;
    match market.instrument.max_notional {
        None => Ok(()),
        Some(most) => at_most(Reason::MaxNotional, notional.0, most.0, |amount| Figure::Money(Money(amount))),
    }
}

/// Check 5. |price / r − 1| is largest at the lowest or at the highest r, so these two stand for all.
pub(super) fn collar(
    proposal: &Proposal<'_>,
    market: &Market<'_>,
    reference: Reference,
) -> Result<(), Denial> {
    let twice_price = 2 * i128::from(reference.price.0);
    let distance = |twice: i128| ratio_up((twice_price - twice).abs() * 10_000, twice);
    if let Some(most) = market.instrument.collar_bps {
        let observed = distance(reference.twice_mid);
        at_most(Reason::PriceCollar, observed, i128::from(most), Figure::BasisPoints)?;
    }
    let Some(PeriodCollar { bps, minutes }) = market.instrument.period_collar else { return Ok(()) };
    let seen = market.book.references(proposal.message.time, minutes);
    // Where the minutes have no reference, the last one before them is all there is.
    let (low, high) = seen.unwrap_or((reference.twice_mid, reference.twice_mid));
    let observed = distance(low).max(distance(high));
    at_most(Reason::PeriodCollar, observed, i128::from(bps), Figure::BasisPoints)
}
