//! Checks 7 and 9: what the account and a strategy would be exposed to.
//!
//! Any part of what is pending may fill, in any order. A position is then between its lowest and its highest, and gross and
//! net exposures, which are convex in it, are largest at one of these ends.

use std::collections::BTreeMap;

use gauntlet_domain::InstrumentId;

use super::order::Market;
use super::{Proposal, at_most, fits};
use crate::decision::{Denial, Figure, Reason};
use crate::limits::{Limits, Stage};
use crate::money::{Money, Round, ratio_up};
use crate::state::{Book, Holding, State};

/// The largest exposures that can come of holdings, in money, rounded up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Exposure {
    /// Σ |position| · mark.
    gross: Money,
    /// |Σ position · mark|.
    net: Money,
}

/// Check 7.
pub(super) fn of_account(
    proposal: &Proposal<'_>,
    market: &Market<'_>,
    state: &State,
    limits: &Limits,
) -> Result<(), Denial> {
    let limits = &limits.account;
    if let Some(most) = limits.max_open_orders.filter(|_| proposal.is_new) {
        let open = state.open.len() as i128 + 1;
        at_most(Reason::MaxOpenOrders, open, i128::from(most), Figure::Count)?;
    }
    let held = market.book.holding;
    let after = held.with_pending(proposal.order.side, proposal.added());
    if let Some(most) = market.instrument.max_position.filter(|_| after.worst() > held.worst()) {
        at_most(Reason::MaxPosition, after.worst(), i128::from(most.0), Figure::Quantity)?;
    }
    let holdings = || state.instruments.iter().map(|(id, book)| (id, book.holding));
    let before = exposure(holdings(), &state.instruments)?;
    let after = exposure(with(proposal, holdings()), &state.instruments)?;
    if let Some(most) = limits.max_gross.filter(|_| after.gross > before.gross) {
        at_most(Reason::MaxGross, after.gross.0, most.0, money)?;
    }
    if let Some(most) = limits.max_net.filter(|_| after.net > before.net) {
        at_most(Reason::MaxNet, after.net.0, most.0, money)?;
    }
    match limits.max_leverage_bps.filter(|_| after.gross > before.gross) {
        None => Ok(()),
        Some(most) => leverage(after.gross, fits(state.equity())?, most),
    }
}

/// Gross exposure over equity, which is undefined where there is none.
fn leverage(gross: Money, equity: Money, most_bps: i64) -> Result<(), Denial> {
    if equity.0 <= 0 {
        let observed = Some(Figure::Money(equity));
        return Err(Denial { reason: Reason::NoEquity, limit: None, observed });
    }
    let observed = ratio_up(fits(gross.0.checked_mul(10_000))?, equity.0);
    at_most(Reason::MaxLeverage, observed, i128::from(most_bps), Figure::BasisPoints)
}

/// Check 9. The cap is rounded down.
pub(super) fn of_strategy(proposal: &Proposal<'_>, market: &Market<'_>, state: &State) -> Result<(), Denial> {
    let Some(Stage { capital, step_bps }) = market.strategy.stage else { return Ok(()) };
    let desk = state.strategies.get(&proposal.strategy());
    let holdings = || desk.into_iter().flat_map(|desk| &desk.holdings).map(|(id, holding)| (id, *holding));
    let before = exposure(holdings(), &state.instruments)?.gross;
    let is_held = holdings().any(|(id, _)| id == proposal.instrument());
    let new = (!is_held).then(|| (proposal.instrument(), Holding::default()));
    let after = exposure(with(proposal, holdings().chain(new)), &state.instruments)?.gross;
    if after <= before {
        return Ok(());
    }
    let cap = fits(capital.0.checked_mul(i128::from(step_bps)))?.div_euclid(10_000);
    at_most(Reason::StageCap, after.0, cap, money)
}

/// Holdings with what a proposal would add to them.
fn with<'a>(
    proposal: &'a Proposal<'_>,
    holdings: impl Iterator<Item = (&'a InstrumentId, Holding)>,
) -> impl Iterator<Item = (&'a InstrumentId, Holding)> {
    holdings.map(|(id, holding)| {
        let is_meant = id == proposal.instrument();
        (id, if is_meant { holding.with_pending(proposal.order.side, proposal.added()) } else { holding })
    })
}

fn exposure<'a>(
    holdings: impl Iterator<Item = (&'a InstrumentId, Holding)>,
    books: &BTreeMap<InstrumentId, Book>,
) -> Result<Exposure, Denial> {
    let (mut gross, mut highest, mut lowest) = (Money::default(), Money::default(), Money::default());
    for (id, holding) in holdings.filter(|(_, holding)| *holding != Holding::default()) {
        let book = books.get(id);
        let mark = book.and_then(|book| Some((book.twice_mark()?, book.terms.scale)));
        let unknown = Denial { reason: Reason::NoReferencePrice, limit: None, observed: None };
        let (mark, scale) = mark.ok_or(unknown)?;
        let add = |sum: Money, quantity, round| {
            fits(Money::of(quantity, mark, scale, round).and_then(|one| sum.plus(one)))
        };
        gross = add(gross, holding.worst(), Round::Up)?;
        highest = add(highest, holding.highest(), Round::Up)?;
        lowest = add(lowest, holding.lowest(), Round::Down)?;
    }
    let net = Money(fits(highest.0.checked_abs())?.max(fits(lowest.0.checked_abs())?));
    Ok(Exposure { gross, net })
}

fn money(amount: i128) -> Figure {
    Figure::Money(Money(amount))
}
