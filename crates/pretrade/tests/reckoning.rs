//! The checks once more, the slow way: from the whole history, without a fold, without sums that are carried on. Exposures are
//! the largest over all subsets of pending orders that may fill, the bucket counts tokens, the collar looks at every quote.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::{EventId, InstrumentId, ModelId, Timestamp};
use gauntlet_pretrade::message::Amendment;
use gauntlet_pretrade::{
    Event, Fact, Limits, Message, Order, Rate, Reason, Request, Scope, Terms, TradingState,
};

/// An order as its history has it.
#[derive(Clone)]
pub struct Past {
    pub id: EventId,
    pub order: Order,
    filled: i64,
    amendment: Option<Amendment>,
    is_cancel_sent: bool,
    is_gone: bool,
}

impl Past {
    fn leaves(&self) -> i64 {
        let amended = self.amendment.map_or(i64::MIN, |amendment| amendment.quantity.0);
        if self.is_gone { 0 } else { self.order.quantity.0.max(amended) - self.filled }
    }
}

/// What pending orders and positions may come to: (strategy, instrument, signed quantity) of each.
type Parts = Vec<(ModelId, InstrumentId, i128)>;

pub struct Reckoning<'a> {
    pub history: &'a [Event],
    pub limits: &'a Limits,
}

impl Reckoning<'_> {
    /// Every order that was ever sent.
    pub fn orders(&self) -> Vec<Past> {
        let mut orders: Vec<Past> = Vec::new();
        for event in self.history {
            let mut change = |id: &EventId, change: &dyn Fn(&mut Past)| {
                let found = orders.iter_mut().rev().find(|past| past.id == *id && !past.is_gone);
                if let Some(past) = found {
                    change(past);
                    past.is_gone |= past.leaves() <= 0;
                }
            };
            match &event.fact {
                Fact::Accepted { message, .. } => match &message.request {
                    Request::Submit(order) => orders.push(Past {
                        id: message.order,
                        order: order.clone(),
                        filled: 0,
                        amendment: None,
                        is_cancel_sent: false,
                        is_gone: false,
                    }),
                    Request::Amend(to) => change(&message.order, &|past| past.amendment = Some(*to)),
                    Request::Cancel => change(&message.order, &|past| past.is_cancel_sent = true),
                },
                Fact::Amended { order } => change(order, &|past| {
                    let to = past.amendment.take().unwrap();
                    (past.order.quantity, past.order.limit_price) = (to.quantity, to.limit_price);
                }),
                Fact::AmendmentRejected { order } => change(order, &|past| past.amendment = None),
                Fact::CancelRejected { order } => change(order, &|past| past.is_cancel_sent = false),
                Fact::Cancelled { order } => change(order, &|past| past.is_gone = true),
                Fact::Filled { order, quantity, .. } => change(order, &|past| past.filled += quantity.0),
                _ => {}
            }
        }
        orders
    }

    pub fn open(&self) -> Vec<Past> {
        self.orders().into_iter().filter(|past| !past.is_gone).collect()
    }

    fn fills(&self) -> Parts {
        let fill = |event: &Event| match &event.fact {
            Fact::Filled { strategy, instrument, side, quantity, .. } => {
                Some((*strategy, instrument.clone(), side.sign() * i128::from(quantity.0)))
            }
            _ => None,
        };
        self.history.iter().filter_map(fill).collect()
    }

    fn pending(&self) -> Parts {
        let part = |past: &Past| {
            let order = &past.order;
            (order.strategy, order.instrument.clone(), order.side.sign() * i128::from(past.leaves()))
        };
        self.open().iter().map(part).collect()
    }

    fn terms(&self, of: &InstrumentId) -> Option<&Terms> {
        self.history.iter().rev().find_map(|event| match &event.fact {
            Fact::Listed { instrument, terms } if instrument == of => Some(&**terms),
            _ => None,
        })
    }

    /// Valid quotes of an instrument, newest first: time, bid, ask.
    fn quotes(&self, of: &InstrumentId) -> Vec<(i64, i64, i64)> {
        let quote = |event: &Event| match &event.fact {
            Fact::Quoted { instrument, bid, ask } if instrument == of => Some((event.time.0, bid.0, ask.0)),
            _ => None,
        };
        let quotes = self.history.iter().rev().filter_map(quote);
        quotes.filter(|(_, bid, ask)| 0 < *bid && bid <= ask).collect()
    }

    /// Money in 10⁻¹⁸ at the last mid.
    fn worth(&self, of: &InstrumentId, quantity: i128) -> i128 {
        let (_, bid, ask) = self.quotes(of)[0];
        let scale = self.terms(of).unwrap().scale;
        let power = 18 + scale.price_exponent + scale.size_exponent;
        quantity * (i128::from(bid) + i128::from(ask)) * 10_i128.pow(power as u32) / 2
    }

    /// The largest (position, gross, net) that any subset of what is pending may lead to, over the parts that are meant.
    fn worst(&self, pending: &Parts, of: &InstrumentId, is_meant: &dyn Fn(&ModelId) -> bool) -> [i128; 3] {
        let mut held = BTreeMap::new();
        for (strategy, instrument, signed) in self.fills() {
            *held.entry((strategy, instrument)).or_insert(0) += signed;
        }
        let fills: Parts =
            held.into_iter().map(|((strategy, instrument), sum)| (strategy, instrument, sum)).collect();
        let instruments: BTreeSet<&InstrumentId> =
            fills.iter().chain(pending).map(|(_, instrument, _)| instrument).collect();
        // What one unit of each is worth: exact, since the scales of these tests have fewer than eighteen digits.
        let marks: Vec<_> = instruments.into_iter().map(|of| (of, self.worth(of, 1))).collect();
        let mut most = [0_i128; 3];
        for subset in 0_u32..1 << pending.len() {
            let filled =
                pending.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, part)| part);
            let parts: Vec<_> = fills.iter().chain(filled).filter(|part| is_meant(&part.0)).collect();
            let position = |of: &InstrumentId| -> i128 {
                parts.iter().filter(|(_, instrument, _)| instrument == of).map(|(_, _, signed)| signed).sum()
            };
            let worths: Vec<i128> = marks.iter().map(|(of, mark)| position(of) * mark).collect();
            let gross: i128 = worths.iter().map(|worth| worth.abs()).sum();
            let net = worths.iter().sum::<i128>().abs();
            for (most, one) in most.iter_mut().zip([position(of).abs(), gross, net]) {
                *most = one.max(*most);
            }
        }
        most
    }

    fn equity(&self) -> i128 {
        let mut cash = 0;
        for event in self.history {
            match &event.fact {
                Fact::Paid { amount } => cash += amount.0,
                Fact::Filled { instrument, side, quantity, price, fee, .. } => {
                    let scale = self.terms(instrument).unwrap().scale;
                    let power = (18 + scale.price_exponent + scale.size_exponent) as u32;
                    let product = i128::from(quantity.0) * i128::from(price.0) * 10_i128.pow(power);
                    cash -= side.sign() * product + fee.0;
                }
                _ => {}
            }
        }
        cash + self
            .fills()
            .iter()
            .map(|(_, instrument, signed)| self.worth(instrument, *signed))
            .sum::<i128>()
    }

    pub fn trading(&self, strategy: Option<ModelId>) -> TradingState {
        let of = |wanted: Scope| {
            let state = |event: &Event| match &event.fact {
                Fact::TradingStateChanged { scope, state, .. } if *scope == wanted => Some(*state),
                _ => None,
            };
            self.history.iter().rev().find_map(state).unwrap_or_default()
        };
        of(Scope::All).max(strategy.map(|id| of(Scope::Strategy(id))).unwrap_or_default())
    }

    /// Whether the bucket of a kind of message has a token: counted from the first message on, in nanoseconds of refill.
    fn has_token(&self, message: &Message, rate: Rate) -> bool {
        let kind = |request: &Request| std::mem::discriminant(request);
        let full = i128::from(rate.burst) * i128::from(rate.interval_nanos);
        let (mut level, mut last) = (full, Timestamp::MIN);
        for event in self.history {
            let Fact::Accepted { message: sent, interval_nanos: Some(interval) } = &event.fact else {
                continue;
            };
            if kind(&sent.request) == kind(&message.request) {
                level =
                    full.min(level + i128::from(event.time.0) - i128::from(last.0)) - i128::from(*interval);
                last = event.time;
            }
        }
        full.min(level + i128::from(message.time.0) - i128::from(last.0)) >= i128::from(rate.interval_nanos)
    }

    fn rate_fails(&self, message: &Message) -> bool {
        let rate = match message.request {
            Request::Submit(_) => self.limits.account.submit_rate,
            Request::Amend(_) => self.limits.account.amend_rate,
            Request::Cancel => self.limits.account.cancel_rate,
        };
        let is_free = message.request == Request::Cancel
            && self.open().iter().any(|past| {
                let is_halted = self.trading(Some(past.order.strategy)) == TradingState::Halted;
                past.id == message.order && !past.is_cancel_sent && is_halted
            });
        !is_free && rate.is_some_and(|rate| !self.has_token(message, rate))
    }

    /// The first check that fails.
    pub fn reason(&self, message: &Message) -> Option<Reason> {
        let now = self.history.last().map_or(Timestamp::MIN, |event| event.time);
        if message.time < now {
            return Some(Reason::TimeWentBack);
        }
        let open = self.open().into_iter().find(|past| past.id == message.order);
        let (order, open) = match (&message.request, open) {
            (Request::Submit(order), open) => (order.clone(), open),
            (Request::Amend(_), None) if self.trading(None) == TradingState::Halted => {
                return Some(Reason::Halted);
            }
            (Request::Cancel | Request::Amend(_), None) => return Some(Reason::UnknownOrder),
            (Request::Cancel, Some(_)) => return self.rate_fails(message).then_some(Reason::RateLimit),
            (Request::Amend(to), Some(open)) => {
                let order =
                    Order { quantity: to.quantity, limit_price: to.limit_price, ..open.order.clone() };
                (order, Some(open))
            }
        };
        let is_new = matches!(message.request, Request::Submit(_));
        self.state_fails(&order, open.as_ref().filter(|_| !is_new))
            .or_else(|| self.order_fails(message, &order, open.as_ref(), is_new))
            .or_else(|| self.rate_fails(message).then_some(Reason::RateLimit))
            .or_else(|| self.exposure_fails(message, &order, open.as_ref(), is_new))
    }

    fn state_fails(&self, order: &Order, amended: Option<&Past>) -> Option<Reason> {
        match self.trading(Some(order.strategy)) {
            TradingState::Active => None,
            TradingState::Halted => Some(Reason::Halted),
            TradingState::Reducing => {
                let mine = |(strategy, instrument, _): &&(ModelId, InstrumentId, i128)| {
                    *strategy == order.strategy && *instrument == order.instrument
                };
                let position: i128 = self.fills().iter().filter(mine).map(|(_, _, signed)| signed).sum();
                let same_side = |(_, _, signed): &&(_, _, i128)| signed.signum() == order.side.sign();
                let pending: i128 =
                    self.pending().iter().filter(mine).filter(same_side).map(|(_, _, signed)| signed).sum();
                let (leaves, filled) = amended.map_or((0, 0), |past| (past.leaves(), past.filled));
                let larger = i128::from(leaves.max(order.quantity.0 - filled));
                let after = position + pending + order.side.sign() * (larger - i128::from(leaves));
                let reduces = after.abs() < position.abs() && after * position >= 0;
                (!reduces).then_some(Reason::NotReducing)
            }
        }
    }

    /// Checks 2 to 5.
    fn order_fails(
        &self,
        message: &Message,
        order: &Order,
        open: Option<&Past>,
        is_new: bool,
    ) -> Option<Reason> {
        let Some(terms) = self.terms(&order.instrument) else { return Some(Reason::UnknownInstrument) };
        let Some(limits) = self.limits.instruments.get(&order.instrument) else {
            return Some(Reason::InstrumentNotPermitted);
        };
        let filled = open.filter(|_| !is_new).map_or(0, |past| past.filled);
        let is_changing = open.is_some_and(|past| past.amendment.is_some() || past.is_cancel_sent);
        let price = order.limit_price.map(|price| price.0);
        let rules = [
            (!self.limits.strategies.contains_key(&order.strategy), Reason::StrategyNotPermitted),
            (is_new && open.is_some(), Reason::DuplicateOrder),
            (!is_new && is_changing, Reason::PendingChange),
            (!terms.is_open(message.time), Reason::SessionClosed),
            (order.quantity.0 <= filled || price.is_some_and(|price| price <= 0), Reason::NotPositive),
            (price.is_some_and(|price| price % terms.tick.0 != 0), Reason::BadTick),
            (order.quantity.0 % terms.lot.0 != 0, Reason::BadLot),
        ];
        if let Some((_, reason)) = rules.into_iter().find(|(fails, _)| *fails) {
            return Some(reason);
        }
        let quotes = self.quotes(&order.instrument);
        let Some(&(time, bid, ask)) = quotes.first() else { return Some(Reason::NoReferencePrice) };
        let price = price.unwrap_or(if order.side.sign() > 0 { ask } else { bid });
        let is_far = |bps: i64, bid: i64, ask: i64| {
            let reference = i128::from(bid) + i128::from(ask);
            (2 * i128::from(price) - reference).abs() * 10_000 > i128::from(bps) * reference
        };
        let minute = |nanos: i64| nanos.div_euclid(60_000_000_000);
        let notional = self.worth(&order.instrument, i128::from(order.quantity.0));
        let rules = [
            (limits.max_quote_age_nanos.is_some_and(|most| message.time.0 - time > most), Reason::StalePrice),
            (limits.max_quantity.is_some_and(|most| order.quantity > most), Reason::MaxQuantity),
            (limits.max_notional.is_some_and(|most| notional > most.0), Reason::MaxNotional),
            (limits.collar_bps.is_some_and(|bps| is_far(bps, bid, ask)), Reason::PriceCollar),
            (
                limits.period_collar.is_some_and(|collar| {
                    let first = minute(message.time.0) - collar.minutes;
                    let of_period = quotes.iter().filter(|(time, _, _)| minute(*time) >= first);
                    of_period.chain(quotes.first()).any(|(_, bid, ask)| is_far(collar.bps, *bid, *ask))
                }),
                Reason::PeriodCollar,
            ),
        ];
        rules.into_iter().find(|(fails, _)| *fails).map(|(_, reason)| reason)
    }

    /// Checks 7 to 9.
    fn exposure_fails(
        &self,
        message: &Message,
        order: &Order,
        open: Option<&Past>,
        is_new: bool,
    ) -> Option<Reason> {
        let before = self.pending();
        let leaves = i128::from(open.filter(|_| !is_new).map_or(0, Past::leaves));
        let filled = open.filter(|_| !is_new).map_or(0, |past| past.filled);
        let more = leaves.max(i128::from(order.quantity.0 - filled)) - leaves;
        let mut after = before.clone();
        after.push((order.strategy, order.instrument.clone(), order.side.sign() * more));
        let account = &self.limits.account;
        let everybody = |_: &ModelId| true;
        let [position, gross, net] = self.worst(&before, &order.instrument, &everybody);
        let [position_after, gross_after, net_after] = self.worst(&after, &order.instrument, &everybody);
        let max_position = self.limits.instruments[&order.instrument].max_position;
        let equity = self.equity();
        let levers = account.max_leverage_bps.filter(|_| gross_after > gross);
        let limits = &self.limits.strategies[&order.strategy];
        let executions = self.history.iter().rev().take_while(
            |event| !matches!(&event.fact, Fact::ReEnabled { strategy, .. } if *strategy == order.strategy),
        );
        let automatic = executions.filter(|event| match &event.fact {
            Fact::Accepted { message, .. } => match &message.request {
                Request::Submit(sent) => sent.strategy == order.strategy && message.person.is_none(),
                _ => false,
            },
            _ => false,
        });
        let automatic = automatic.count() as i64;
        let mine = |strategy: &ModelId| *strategy == order.strategy;
        let stage = limits.stage.is_some_and(|stage| {
            let [_, before, _] = self.worst(&before, &order.instrument, &mine);
            let [_, after, _] = self.worst(&after, &order.instrument, &mine);
            after > before && after * 10_000 > stage.capital.0 * i128::from(stage.step_bps)
        });
        let beyond = |limit: Option<i128>, before: i128, after: i128| {
            limit.is_some_and(|limit| after > limit && after > before)
        };
        let open_orders = self.open().len() as i64;
        let rules = [
            (
                is_new && account.max_open_orders.is_some_and(|most| open_orders + 1 > most),
                Reason::MaxOpenOrders,
            ),
            (
                beyond(max_position.map(|most| i128::from(most.0)), position, position_after),
                Reason::MaxPosition,
            ),
            (beyond(account.max_gross.map(|most| most.0), gross, gross_after), Reason::MaxGross),
            (beyond(account.max_net.map(|most| most.0), net, net_after), Reason::MaxNet),
            (levers.is_some() && equity <= 0, Reason::NoEquity),
            (levers.is_some_and(|bps| gross_after * 10_000 > i128::from(bps) * equity), Reason::MaxLeverage),
            (
                message.person.is_none() && limits.max_repeats.is_some_and(|most| automatic >= most),
                Reason::RepeatThrottle,
            ),
            (stage, Reason::StageCap),
        ];
        rules.into_iter().find(|(fails, _)| *fails).map(|(_, reason)| reason)
    }

    /// The figures that limits are about: open orders, and the largest gross, net and position by instrument.
    pub fn figures(&self, of: &InstrumentId) -> (usize, [i128; 3]) {
        (self.open().len(), self.worst(&self.pending(), of, &|_| true))
    }

    /// The largest gross exposure of a strategy.
    pub fn gross_of(&self, strategy: ModelId, of: &InstrumentId) -> i128 {
        self.worst(&self.pending(), of, &|one| *one == strategy)[1]
    }
}
